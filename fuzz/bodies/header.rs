//! §5.2: what is parsed is written the same; a prefix is never judged otherwise than the whole.

use bowstring::proto::{Header, Opcode};

pub fn header(data: &[u8]) {
    let whole = Header::parse(data);
    for cut in 0..data.len().min(Header::MAX_LEN + 2) {
        match (Header::parse(&data[..cut]), whole) {
            (Ok(None), _) => {}
            (Ok(prefix), whole) => assert_eq!(Ok(prefix), whole),
            (Err(prefix), whole) => assert_eq!(Err(prefix), whole),
        }
    }
    let Ok(Some((header, len))) = whole else {
        assert!(whole.is_err() || data.len() < Header::MAX_LEN);
        return;
    };
    assert!((2..=Header::MAX_LEN).contains(&len) && header.rsv < 8);
    assert_eq!(Header::parse(&data[..len - 1]), Ok(None));
    assert!(header.len <= i64::MAX as u64);
    assert!(!header.opcode.is_control() || header.fin && header.len <= 125);
    assert_eq!(Opcode::from_bits(header.opcode.bits()), Some(header.opcode));
    let mut written = vec![7];
    header.write(&mut written);
    assert_eq!(written[1..], data[..len]);
}
