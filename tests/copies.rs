//! What an echo of a large message costs that repeats from run to run: calls of the transport, which are
//! system calls for a socket, and bytes that are moved in memory.
//!
//! The transport notes the addresses between which it moves bytes. A byte that is read to another place than
//! where the application finds it was copied; so was one that is written from another place.

#![allow(missing_docs)]

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use allocation_counter::measure;
use bowstring::net::Overflow;
use bowstring::proto::{Event, Role};
use bowstring::{Config, WebSocket};
use bowstring_testing::frames::{BINARY, FIN, client_frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Builder;

const MIB: usize = 1 << 20;

/// A transport that has one message to be read, and takes what is written: so much at first, then all.
#[derive(Clone, Debug)]
struct Transport(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    unread: Vec<u8>,
    room: usize,
    /// Where bytes were read to, and where they were written from.
    read: Vec<Range<*const u8>>,
    written: Vec<Range<*const u8>>,
    reads: usize,
    writes: usize,
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut this = self.0.borrow_mut();
        this.reads += 1;
        let (len, start) = (buf.remaining().min(this.unread.len()), buf.filled().len());
        assert_ne!(len, 0, "nothing is read between messages");
        buf.put_slice(&this.unread[..len]);
        this.unread.drain(..len);
        this.read.push(buf.filled()[start..].as_ptr_range());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut this = self.0.borrow_mut();
        this.writes += 1;
        let mut taken = 0;
        for slice in slices {
            let len = slice.len().min(this.room - taken);
            this.written.push(slice[..len].as_ptr_range());
            taken += len;
        }
        this.room -= taken;
        if taken == 0 {
            this.room = usize::MAX;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(taken))
    }

    /// As TCP does. What a transport gets that does not is in `tests/hyper/shape.rs`.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What an echo cost.
#[derive(Debug, PartialEq)]
struct Cost {
    reads: usize,
    writes: usize,
    /// Bytes that were copied between reading and the application, and between it and writing.
    copied_in: usize,
    copied_out: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Loop {
    Batch,
    Recv,
}

/// Echoes messages of so many bytes over a transport that takes `room` bytes of each at first; what the
/// last one cost. None but the first allocates memory for its bytes.
fn echo(way: Loop, len: usize, room: usize) -> Cost {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let transport = Transport(Rc::default());
    let mut ws = WebSocket::from_raw(transport.clone(), Role::Server, [], &Config::default());
    let mut cost = None;
    for round in 0..3 {
        let unread = client_frame(FIN | BINARY, vec![7; len]);
        *transport.0.borrow_mut() = Inner { unread, room, ..Inner::default() };
        let mut place = None;
        let memory = measure(|| place = Some(runtime.block_on(echo_one(&mut ws, way))));
        assert!(round == 0 || memory.bytes_total < 10_000, "{} bytes anew", memory.bytes_total);
        let (calls, place) = (transport.0.borrow(), place.unwrap());
        assert!(calls.unread.is_empty());
        let there = |ranges: &[Range<*const u8>]| -> usize {
            let common = ranges.iter().map(|range| {
                let (start, end) = (range.start.max(place.start), range.end.min(place.end));
                (end as usize).saturating_sub(start as usize)
            });
            common.sum()
        };
        cost = Some(Cost {
            reads: calls.reads,
            writes: calls.writes,
            copied_in: len - there(&calls.read),
            copied_out: len - there(&calls.written),
        });
    }
    cost.unwrap()
}

/// Echoes the next message, and tells where the application found it.
async fn echo_one(ws: &mut WebSocket<Transport>, way: Loop) -> Range<*const u8> {
    let mut place = None;
    while place.is_none() {
        if way == Loop::Recv {
            let message = ws.recv().await.unwrap().unwrap();
            place = Some(message.as_bytes().as_ptr_range());
            ws.feed(message).await.unwrap();
            continue;
        }
        let (mut events, mut outgoing) = ws.batch().await.unwrap().unwrap();
        while let Some(event) = events.next() {
            let Event::Binary(data) = event else { panic!("{event:?}") };
            place = Some(data.as_ptr_range());
            outgoing.feed(event).unwrap();
        }
    }
    ws.flush().await.unwrap();
    place.unwrap()
}

/// Two reads and one write, and 32 KiB of it are copied (less its header), whatever its length.
#[test]
fn an_echo_of_a_large_message_copies_32_kib() {
    for way in [Loop::Batch, Loop::Recv] {
        for len in [MIB, 4 * MIB] {
            let copied_in = (32 << 10) - 14;
            let expected = Cost { reads: 2, writes: 1, copied_in, copied_out: 0 };
            assert_eq!(echo(way, len, usize::MAX), expected, "{way:?}, {len}");
        }
    }
}

/// What the transport does not take at once waits in memory of the connection's own: it is copied once.
#[test]
fn what_does_not_go_at_once_is_copied_once() {
    for way in [Loop::Batch, Loop::Recv] {
        let cost = echo(way, 4 * MIB, MIB);
        let copied_out = 3 * MIB + 10;
        let expected = Cost { reads: 2, writes: 3, copied_in: (32 << 10) - 14, copied_out };
        assert_eq!(cost, expected, "{way:?}");
    }
}

/// Messages that were dropped, once, make no later one be copied.
#[test]
fn a_large_message_is_not_copied_after_others_were_dropped() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let transport = Transport(Rc::default());
    let mut config = Config::default();
    config.high_water = 10;
    config.overflow = Overflow::DropNewest;
    let mut ws = WebSocket::from_raw(transport.clone(), Role::Server, [], &config);
    for _ in 0..2 {
        transport.0.borrow_mut().room = 0;
        ws.send_now([7; 100]).unwrap();
    }
    runtime.block_on(ws.flush()).unwrap();
    assert_eq!(ws.dropped(), 1);
    transport.0.borrow_mut().written.clear();
    let message = vec![7; MIB];
    runtime.block_on(ws.send(&message[..])).unwrap();
    let written = &transport.0.borrow().written;
    assert!(written.contains(&message.as_ptr_range()), "it was copied");
}
