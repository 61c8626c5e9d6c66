//! Two ends that follow a script, with the wires between them cut as the script says: what one says
//! is what the other hears, and a call that is refused leaves no trace.
//!
//! Byte 0: how each end receives, and what compression they agreed on. The rest is the script, pairs of
//! bytes: what to do (its highest bit: which end), and how much.

use bowstring::proto::{Close, Compression, Context, Event, Message, ProtocolConfig, Role, State};

use crate::support::{CLIENT, Run, WAYS, legal_frames_with};

struct End {
    run: Run,
    sent: Vec<Message>,
    parts: Option<Message>,
    /// All that went out.
    said: Vec<u8>,
}

impl End {
    fn new(role: Role, way: u8, config: &ProtocolConfig) -> Self {
        let run = Run::new(role, config, WAYS[usize::from(way) % 3]);
        Self { run, sent: Vec::new(), parts: None, said: Vec::new() }
    }

    /// Puts what it has to say on the wire.
    fn carry(&mut self, wire: &mut Vec<u8>) {
        self.said.extend(&self.run.out);
        wire.append(&mut self.run.out);
    }

    fn send(&mut self, event: Event<'_>) {
        let before = self.run.out.len();
        let again = self.run.connection.is_clean() || self.sent.iter().any(Message::is_close);
        match self.run.connection.feed(event, &mut self.run.out) {
            Ok(()) if again => assert_eq!(self.run.out.len(), before),
            Ok(()) => self.sent.push(event.into()),
            Err(_) => assert_eq!(self.run.out.len(), before),
        }
    }

    fn send_part(&mut self, part: Event<'_>, fin: bool) {
        let before = self.run.out.len();
        if self.run.connection.feed_part(part, fin, &mut self.run.out).is_err() {
            assert_eq!(self.run.out.len(), before);
            return;
        }
        if part.is_control() {
            self.sent.push(part.into()); // It goes whole.
            return;
        }
        let whole = match (self.parts.take(), Message::from(part)) {
            (None, part) => part,
            (Some(Message::Text(a)), Message::Text(b)) => Message::text(a.to_string() + &b),
            (Some(a), b) => {
                assert!(a.is_binary() && b.is_binary(), "kinds were mixed");
                Message::binary([a.as_bytes(), b.as_bytes()].concat())
            }
        };
        if fin {
            self.sent.push(whole);
        } else {
            self.parts = Some(whole);
        }
    }
}

fn compression(agreed: u8) -> Option<Compression> {
    let takeover = agreed & 2 != 0;
    let context = Context { takeover, window_bits: if agreed & 4 != 0 { 9 } else { 15 } };
    let pooled = agreed & 8 != 0;
    let both = Compression { send: context, receive: context, level: 1, threshold: 9, pooled };
    (agreed & 1 != 0).then_some(both)
}

pub fn pair(data: &[u8]) {
    let [setup, script @ ..] = data else { return };
    let mut config = ProtocolConfig::default();
    config.compression = compression(setup >> 4);
    let reserved = if config.compression.is_some() { 0b100 } else { 0 };
    let mut ends =
        [End::new(CLIENT, setup & 3, &config), End::new(Role::Server, setup >> 2 & 3, &config)];
    let mut wires = [Vec::new(), Vec::new()];
    for step in script.chunks_exact(2) {
        let (what, much) = (step[0], usize::from(step[1]));
        let i = usize::from(what >> 7);
        let text = "가".repeat(much);
        let data = vec![what; much * (1 + usize::from(what >> 4 & 7) * 50)];
        let control = |first: &str| [first, &"*".repeat(much)].concat().into_bytes();
        match what & 15 {
            0 => ends[i].send(Event::Text(&text)),
            1 => ends[i].send(Event::Binary(&data)),
            2 => ends[i].send_part(Event::Text(&text), false),
            3 => ends[i].send_part(Event::Text(&text), true),
            4 => ends[i].send_part(Event::Binary(&data), false),
            5 => ends[i].send_part(Event::Binary(&data), true),
            // What answers a ping starts like the ping; a pong that nobody asked for does not.
            6 => ends[i].send(Event::Ping(&control("?"))),
            7 => ends[i].send(Event::Pong(&control("!"))),
            8 => ends[i].send_part(Event::Ping(&control("?")), false),
            9 => ends[i].send(Event::Close(None)),
            10 => {
                let code = [0, 1000, 1005, 2999, 3000, 4999, 5000][much % 7].into();
                ends[i].send(Event::Close(Some(Close { code, reason: &text[..much / 7 * 3] })));
            }
            _ => {
                ends[i].carry(&mut wires[i]);
                let piece: Vec<u8> = wires[i].drain(..wires[i].len().min(much + 1)).collect();
                ends[1 - i].run.feed(&piece);
            }
        }
    }
    // Carry what is left, until nobody has anything to say.
    while (0..2).any(|i| !wires[i].is_empty() || !ends[i].run.out.is_empty()) {
        for i in 0..2 {
            ends[i].carry(&mut wires[i]);
            ends[1 - i].run.feed(&std::mem::take(&mut wires[i]));
        }
    }

    let closing = ends.iter().any(|end| end.sent.iter().any(Message::is_close));
    for (me, peer) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
        assert_eq!(me.run.violation, None, "the peer is one of us");
        legal_frames_with(&me.said, reserved);
        let before_close = |all: &[Message]| {
            let all = all.iter().take_while(|message| !message.is_close());
            let answer = |m: &Message| matches!(m, Message::Pong(p) if p.starts_with(b"?"));
            all.filter(|message| !answer(message)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(before_close(&me.run.events), before_close(&peer.sent));
        assert_eq!(me.run.connection.is_clean(), closing);
        assert_eq!(me.run.connection.state() == State::Closing, closing);
        assert_eq!(me.run.events.iter().any(Message::is_close), closing);
    }
    assert_eq!(ends[1].run.connection.should_end_transport(), closing);
    assert!(!ends[0].run.connection.should_end_transport());
}
