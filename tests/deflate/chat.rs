//! What compression spares a chat: the figures of the README.
//!
//! ```text
//! cargo test --features deflate --test deflate chat -- --nocapture
//! ```

use bowstring::net::Deflate;
use bowstring::proto::*;

use crate::support::*;

/// What people say. Invented, in two languages, for there is no corpus without somebody's secrets.
const SAID: [&str; 24] = [
    "good morning!",
    "has anybody seen the new build?",
    "it is green again, took me all night though",
    "좋은 아침이에요",
    "오늘 회의 몇 시에 시작하나요?",
    "three o'clock, as always",
    "I will be ten minutes late, please start without me",
    "네, 알겠습니다",
    "the numbers from yesterday look odd to me: twice as many errors as last week",
    "which region?",
    "all of them",
    "그건 어제 배포 때문인 것 같아요. 지금 확인해 볼게요.",
    "thanks",
    "thank you so much \u{1F64F}",
    "could you send me the link once more?",
    "https://example.com/boards/42/tickets/1337",
    "lol",
    "ㅋㅋㅋㅋ",
    "Can we talk about the release notes? I think that we should mention the new limits, and how to raise them.",
    "good idea, please open a ticket",
    "점심 먹으러 갈 사람?",
    "저요!",
    "not today, I have brought something",
    "see you tomorrow",
];

const NAMES: [&str; 8] = ["mina", "Jörg", "서연", "alex", "priya", "도윤", "sam", "Zoë"];

/// As chat servers send it: JSON, of some 150 to 300 bytes.
fn corpus() -> Vec<String> {
    let mut random = Random::new(2026);
    let mut hex = |digits: usize| -> String {
        (0..digits).map(|_| char::from(b"0123456789abcdef"[random.below(16)])).collect()
    };
    let ids: Vec<String> = (0..2000).map(|_| hex(24)).collect();
    let mut random = Random::new(7);
    let mut at = 1_790_000_000_000u64;
    ids.iter()
        .map(|id| {
            at += random.below(60_000) as u64;
            let (room, name) = (random.below(5), NAMES[random.below(NAMES.len())]);
            let mut text = SAID[random.below(SAID.len())].to_owned();
            if random.below(3) == 0 {
                text = format!("{text} {}", SAID[random.below(SAID.len())]);
            }
            format!(
                r#"{{"type":"message","id":"{id}","room":"room-{room}","user":{{"name":"{name}","avatar":"/avatars/{}.png"}},"at":{at},"text":"{text}","edited":false}}"#,
                name.len() * 31,
            )
        })
        .collect()
}

/// On the wire, without headers, in percent of what was said.
fn percent(context: Context, pooled: bool, level: u8) -> f64 {
    let compression = Compression {
        send: context,
        receive: context,
        level,
        threshold: Deflate::default().threshold,
        pooled,
    };
    let mut sender = Sender::new(Role::Server).with_compression(Some(&compression));
    let mut out = Vec::new();
    for message in corpus() {
        sender.feed(&*message, &mut out).unwrap();
        out.clear();
    }
    let ratio = sender.ratio();
    ratio.wire as f64 * 100.0 / ratio.plain as f64
}

#[test]
fn a_chat_in_json() {
    let corpus = corpus();
    let bytes: usize = corpus.iter().map(String::len).sum();
    println!("{} messages of {} bytes on average", corpus.len(), bytes / corpus.len());
    for (mode, takeover, window_bits, pooled, most) in [
        ("shared", false, 15, true, 85.0),
        ("window=9", true, 9, true, 60.0),
        ("window=12", true, 12, true, 45.0),
        ("window=15", true, 15, true, 40.0),
        ("full", true, 15, false, 40.0),
    ] {
        let percent = |level| percent(Context { takeover, window_bits }, pooled, level);
        let (usual, best) = (percent(Deflate::default().level), percent(9));
        println!("{mode}: {usual:.0} % of the bytes; at level 9 {best:.0} %");
        assert!(usual < most, "{mode}: {usual}");
    }
}
