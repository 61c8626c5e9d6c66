use bowstring::proto::*;
use std::time::Instant;
#[test]
fn echo() {
    let now = Instant::now();
    let mut c = Connection::new(Role::Client(|| [1, 2, 3, 4]), &Config::default(), now);
    let mut s = Connection::new(Role::Server, &Config::default(), now);
    let (mut a, mut b) = (vec![], vec![]);
    c.send("hello", &mut a).unwrap();
    c.send(Event::Ping(b"x"), &mut a).unwrap();
    c.send(Event::Ping(b"y"), &mut a).unwrap();
    c.send_part("가", false, &mut a).unwrap();
    c.send_part("나", true, &mut a).unwrap();
    c.send(Close { code: CloseCode::NORMAL, reason: "bye" }, &mut a).unwrap();
    let mut input = &mut a[..];
    let mut got = vec![];
    while let Some(e) = s.recv(&mut input, &mut b).unwrap() {
        got.push(Message::from(e));
    }
    println!("{got:?}");
    s.settle(&mut b);
    let mut input = &mut b[..];
    while let Some(e) = c.recv(&mut input, &mut Vec::new()).unwrap() {
        println!("{e:?}");
    }
    assert!(s.is_clean() && c.is_clean() && s.wants_end() && !c.wants_end());
    println!("{} {} {}", size_of::<Connection>(), size_of::<Receiver>(), size_of::<Sender>());
}
