use proptest::prelude::*;

use super::*;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn read(decoder: &Decoder, block: &[u8]) -> Result<Vec<String>, Flaw> {
    let prefix = decoder.prefix(block)?;
    assert!(decoder.is_ready(prefix));
    let mut lines = Vec::new();
    let show = |text: Option<&[u8]>| text.map_or("?".into(), |t| t.escape_ascii().to_string());
    decoder.section(block, prefix).decode(&mut |field| {
        lines.push(format!("{}={}", show(field.name), show(field.value)));
    })?;
    Ok(lines)
}

/// RFC 9204 appendix B, all of it.
#[test]
fn the_examples_of_the_specification() {
    let mut decoder = Decoder::default();
    decoder.allow(220);
    let first = unhex("0000 510b 2f69 6e64 6578 2e68 746d 6c");
    assert_eq!(read(&decoder, &first).unwrap(), [":path=/index.html"]);

    let second = unhex("0381 10 11");
    let prefix = decoder.prefix(&second).unwrap();
    assert_eq!((prefix.required, decoder.is_ready(prefix)), (Some(2), false));
    decoder.instructions(&unhex(
        "3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d c10c 2f73 616d 706c 652f 7061 7468",
    ));
    let wanted = [":authority=www.example.com", ":path=/sample/path"];
    assert_eq!(read(&decoder, &second).unwrap(), wanted);

    decoder.instructions(&unhex("4a63 7573 746f 6d2d 6b65 790c 6375 7374 6f6d 2d76 616c 7565"));
    decoder.instructions(&unhex("02"));
    let fourth = unhex("0500 80 c1 81");
    let wanted = [":authority=www.example.com", ":path=/", "custom-key=custom-value"];
    assert_eq!(read(&decoder, &fourth).unwrap(), wanted);

    decoder.instructions(&unhex("810d 6375 7374 6f6d 2d76 616c 7565 32"));
    assert_eq!(decoder.table.inserted(), 5);
    let last = decoder.table.recent(0).unwrap();
    assert_eq!(last.name.as_deref(), Some(&b"custom-key"[..]));
    assert_eq!(last.value.as_deref(), Some(&b"custom-value2"[..]));
}

#[test]
fn instructions_may_be_cut_anywhere() {
    let all = unhex("3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d 4162 0163 00");
    for size in 1..all.len() {
        let mut decoder = Decoder::default();
        all.chunks(size).for_each(|piece| decoder.instructions(piece));
        assert_eq!(decoder.table.inserted(), 3, "by {size}");
        let entry = decoder.table.get(0).unwrap();
        assert_eq!(entry.value.as_deref(), Some(&b"www.example.com"[..]));
    }
}

#[test]
fn what_was_lost_is_unknown_and_not_guessed() {
    let mut decoder = Decoder::default();
    decoder.allow(220);
    decoder.instructions(&unhex("c001 61"));
    decoder.lose();
    decoder.instructions(&unhex("c001 62"));
    // Indexed by static and dynamic index, and a literal with a dynamic name.
    let block = unhex("0200 d1 80 40 01 63");
    assert_eq!(read(&decoder, &block).unwrap(), [":method=GET", "?=?", "?=c"]);
}

#[test]
fn without_the_settings_of_the_other_side_nobody_knows_what_is_referred_to() {
    let mut decoder = Decoder::default();
    decoder.instructions(&unhex("c001 61"));
    assert_eq!(read(&decoder, &unhex("0200 80 d9")).unwrap(), ["?=?", ":status=200"]);
}

#[test]
fn a_count_wraps_around() {
    let mut decoder = Decoder::default();
    decoder.allow(96);
    // Three entries at most: counts are sent modulo six.
    for n in 0..20u8 {
        decoder.instructions(&[0xc0, 1, b'a' + n]);
        let encoded = u8::try_from(u64::from(n + 1) % 6 + 1).unwrap();
        let prefix = decoder.prefix(&[encoded, 0]).unwrap();
        assert_eq!(prefix.required, Some(u64::from(n) + 1));
        let line = format!(":authority={}", char::from(b'a' + n));
        assert_eq!(read(&decoder, &[encoded, 0, 0x80]).unwrap(), [line]);
    }
    assert!(decoder.prefix(&[7, 0]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(
        instructions: Vec<Vec<u8>>,
        block: Vec<u8>,
        capacity in prop::option::of(0u64..100_000),
    ) {
        let mut decoder = Decoder::default();
        if let Some(capacity) = capacity {
            decoder.allow(capacity);
        }
        instructions.iter().for_each(|bytes| decoder.instructions(bytes));
        if let Ok(prefix) = decoder.prefix(&block) {
            let _ = decoder.section(&block, prefix).decode(&mut |_| {});
        }
    }
}
