//! Content codings: whole, cut anywhere, damaged, stacked, and made to hurt.

#![expect(clippy::disallowed_methods, reason = "tests that must not take long look at the clock")]

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use content::{Decoded, Failure, Form, Scratch, Size, decode};
use flate2::{Compression, read, write};
use proptest::prelude::*;

const CODINGS: [&str; 5] = ["gzip", "deflate", "raw deflate", "br", "zstd"];

const LIMIT: usize = 1 << 20;

#[test]
fn a_body_without_coding_is_borrowed() {
    let mut scratch = Scratch::default();
    for encodings in [None, Some(""), Some("identity"), Some(" Identity , ")] {
        let kept = b"hello".as_slice();
        let decoded = decode(kept, true, encodings, LIMIT, &mut scratch);
        assert!(std::ptr::eq(decoded.bytes, kept));
        assert_eq!((decoded.size, decoded.form), (Size::Exact(5), Form::Plain));
        assert!(decode(kept, true, encodings, 2, &mut scratch).truncated);
        assert!(decode(kept, false, encodings, LIMIT, &mut scratch).truncated);
    }
}

#[test]
fn each_coding_is_undone() {
    let plain = sample();
    let mut scratch = Scratch::default();
    for coding in CODINGS.iter().chain(&CODINGS) {
        let sent = encoded(coding, &plain);
        let decoded = decode(&sent, true, Some(header(coding)), LIMIT, &mut scratch);
        assert_eq!(decoded, whole(&plain), "{coding}");
    }
}

#[test]
fn stacked_codings_are_undone_from_the_last() {
    let plain = sample();
    let sent = ["gzip", "br", "zstd", "deflate"].iter().fold(plain.clone(), |b, c| encoded(c, &b));
    let mut scratch = Scratch::default();
    let stack = Some("X-GZIP, br,zstd , Deflate");
    assert_eq!(decode(&sent, true, stack, LIMIT, &mut scratch), whole(&plain));
    let five = decode(&sent, true, Some("gzip,br,zstd,deflate,br"), LIMIT, &mut scratch);
    assert_eq!((five.form, five.bytes), (Form::AsSent(Failure::TooManyCodings), sent.as_slice()));
}

#[test]
fn gzip_members_are_one_body_and_padding_is_none_of_it() {
    let mut sent =
        [encoded("gzip", b"one "), encoded("gzip", b""), encoded("gzip", b"two")].concat();
    let mut scratch = Scratch::default();
    assert_eq!(decode(&sent, true, Some("gzip"), LIMIT, &mut scratch), whole(b"one two"));
    sent.extend_from_slice(&[0; 100]);
    assert_eq!(decode(&sent, true, Some("gzip"), LIMIT, &mut scratch), whole(b"one two"));
}

#[test]
fn zstd_frames_are_one_body_and_padding_is_none_of_it() {
    let mut sent = [encoded("zstd", b"one "), encoded("zstd", b"two")].concat();
    let mut scratch = Scratch::default();
    assert_eq!(decode(&sent, true, Some("zstd"), LIMIT, &mut scratch), whole(b"one two"));
    sent.extend_from_slice(&[0; 100]);
    assert_eq!(decode(&sent, true, Some("zstd"), LIMIT, &mut scratch), whole(b"one two"));
}

#[test]
fn beyond_the_limit_bytes_are_counted() {
    let plain = sample();
    for coding in CODINGS {
        let sent = encoded(coding, &plain);
        for limit in [0, 1, 1000, plain.len() - 1, plain.len()] {
            let mut scratch = Scratch::default();
            let decoded = decode(&sent, true, Some(header(coding)), limit, &mut scratch);
            assert_eq!(decoded.bytes, &plain[..limit], "{coding} {limit}");
            assert_eq!(decoded.truncated, limit < plain.len());
            assert_eq!(decoded.size, Size::Exact(plain.len() as u64), "{coding} {limit}");
        }
    }
}

#[test]
fn an_unknown_coding_leaves_the_body_as_it_is() {
    let mut scratch = Scratch::default();
    let decoded = decode(b"body", true, Some("gzip, aws-chunked"), LIMIT, &mut scratch);
    assert_eq!(decoded.bytes, b"body");
    assert_eq!(decoded.form, Form::AsSent(Failure::UnknownCoding));
}

#[test]
fn a_body_that_is_not_what_its_coding_says_is_left_as_it_is() {
    let mut scratch = Scratch::default();
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let plain = b"{\"not\":\"encoded at all, but long enough to be seen through\"}";
        let decoded = decode(plain, true, Some(coding), LIMIT, &mut scratch);
        assert_eq!(decoded.bytes, plain, "{coding}");
        assert!(matches!(decoded.form, Form::AsSent(_)), "{coding}: {decoded:?}");
    }
}

#[test]
fn damage_in_the_middle_keeps_what_came_before() {
    let plain = sample();
    let mut sent = encoded("gzip", &plain);
    let middle = sent.len() / 2;
    sent[middle..].iter_mut().for_each(|byte| *byte = 0xFF);
    let mut scratch = Scratch::default();
    let decoded = decode(&sent, true, Some("gzip"), LIMIT, &mut scratch);
    assert_eq!(decoded.form, Form::Partly(Failure::Damaged));
    assert!(decoded.truncated && decoded.bytes.len() > 1000);
    assert!(plain.starts_with(&decoded.bytes[..1000]));
}

#[test]
fn a_wrong_checksum_is_damage() {
    let mut sent = encoded("gzip", b"hello");
    let checksum = sent.len() - 8;
    sent[checksum] ^= 1;
    let mut scratch = Scratch::default();
    let decoded = decode(&sent, true, Some("gzip"), LIMIT, &mut scratch);
    assert_eq!(
        (decoded.bytes, decoded.form),
        (b"hello".as_slice(), Form::Partly(Failure::Damaged))
    );
}

#[test]
fn a_whole_body_whose_stream_has_no_end_says_so() {
    for coding in CODINGS {
        let sent = encoded(coding, &sample());
        let mut scratch = Scratch::default();
        let cut = &sent[..sent.len() - 1];
        let decoded = decode(cut, true, Some(header(coding)), LIMIT, &mut scratch);
        assert_eq!(decoded.form.failure(), Some(Failure::EndsEarly), "{coding}");
    }
}

#[test]
fn a_damaged_body_does_no_harm_to_the_next() {
    let mut scratch = Scratch::default();
    for coding in CODINGS {
        let mut sent = encoded(coding, &sample());
        let header = Some(header(coding));
        sent.truncate(sent.len() / 2);
        let _ = decode(&sent, false, header, LIMIT, &mut scratch);
        sent.fill(0x91);
        assert!(decode(&sent, true, header, LIMIT, &mut scratch).form.failure().is_some());
        let next = encoded(coding, b"fine");
        assert_eq!(decode(&next, true, header, LIMIT, &mut scratch), whole(b"fine"), "{coding}");
    }
}

#[test]
fn a_scratch_goes_with_its_shard_to_another_thread() {
    fn check<T: Send>(_: T) {}
    check(Scratch::default());
}

#[test]
fn no_body_is_no_damage() {
    let decoded_form = decode(b"", true, Some("gzip"), LIMIT, &mut Scratch::default()).form;
    assert_eq!(decoded_form, Form::Plain);
}

#[test]
fn a_zstd_window_beyond_8_mib_is_refused() {
    // RFC 8878 §3.1.1.1.2: exponent 14, mantissa 0: 16 MiB.
    let sent = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 14 << 3, 0x01, 0x00, 0x00];
    let decoded_form = decode(&sent, true, Some("zstd"), LIMIT, &mut Scratch::default()).form;
    assert_eq!(decoded_form, Form::AsSent(Failure::WindowTooLarge));
}

// === bombs ===

#[test]
fn a_gzip_bomb_of_ten_gigabytes_is_given_up_soon() {
    let mut member = Vec::new();
    let zeros = std::io::repeat(0).take(256 << 20);
    read::GzEncoder::new(zeros, Compression::new(6)).read_to_end(&mut member).unwrap();
    let bomb = member.repeat(40);
    let nested = encoded("gzip", &encoded("gzip", &bomb));
    for (sent, codings) in [(&bomb, "gzip"), (&nested, "gzip, gzip, gzip")] {
        for limit in [64 << 10, 1 << 20] {
            let begin = Instant::now();
            let mut scratch = Scratch::default();
            let decoded = decode(sent, true, Some(codings), limit, &mut scratch);
            assert_eq!(decoded.bytes.len(), limit);
            assert!(decoded.truncated && matches!(decoded.size, Size::AtLeast(_)));
            assert!(decoded.size.seen() <= (64 << 20) + (64 << 10));
            assert!(begin.elapsed() < Duration::from_secs(5));
        }
    }
}

#[test]
fn brotli_and_zstd_bombs_are_given_up_soon() {
    let zeros = vec![0; 80 << 20];
    for coding in ["br", "zstd"] {
        let sent = encoded(coding, &zeros);
        let mut scratch = Scratch::default();
        let decoded = decode(&sent, true, Some(coding), LIMIT, &mut scratch);
        assert!(matches!(decoded.size, Size::AtLeast(seen) if seen <= (64 << 20) + (64 << 10)));
    }
}

#[test]
fn a_million_empty_members_are_given_up_soon() {
    let begin = Instant::now();
    let members = encoded("gzip", b"").repeat(1_000_000);
    let sent = encoded("gzip", &members);
    let mut scratch = Scratch::default();
    let decoded = decode(&sent, true, Some("gzip, gzip"), LIMIT, &mut scratch);
    assert_eq!((decoded.size, decoded.truncated), (Size::AtLeast(0), true));
    assert!(begin.elapsed() < Duration::from_secs(5));
}

// === any bytes ===

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cut_stream_gives_a_prefix(
        plain in prop::collection::vec("[a-e]{1,3}|[ -~]{9}", 0..400).prop_map(|words| words.concat()),
        cut in 0.0..1.0_f64,
        stack in prop::collection::vec(prop::sample::select(&CODINGS[..]), 1..4),
    ) {
        let sent = stack.iter().fold(plain.clone().into_bytes(), |bytes, coding| encoded(coding, &bytes));
        let kept = &sent[..(sent.len() as f64 * cut) as usize];
        let header: Vec<_> = stack.iter().map(|coding| header(coding)).collect();
        let mut scratch = Scratch::default();
        let decoded = decode(kept, false, Some(&header.join(",")), LIMIT, &mut scratch);
        prop_assert!(plain.as_bytes().starts_with(decoded.bytes));
        prop_assert!(decoded.form.failure().is_none(), "{:?}", decoded.form);
        prop_assert!(decoded.truncated || decoded.bytes == plain.as_bytes());
    }

    #[test]
    fn any_bytes_are_decoded_without_panic(
        kept: Vec<u8>,
        whole: bool,
        stack in prop::collection::vec(prop::sample::select(&["gzip", "deflate", "br", "zstd"][..]), 1..5),
    ) {
        let mut scratch = Scratch::default();
        let decoded = decode(&kept, whole, Some(&stack.join(",")), 4096, &mut scratch);
        prop_assert!(decoded.bytes.len() <= 4096);
    }

    #[test]
    fn a_damaged_stream_is_decoded_without_panic(
        at in 0.0..1.0_f64, byte: u8, coding in prop::sample::select(&CODINGS[..]),
    ) {
        let mut sent = encoded(coding, &sample());
        let at = (sent.len() as f64 * at) as usize;
        sent[at] = byte;
        let mut scratch = Scratch::default();
        let decoded = decode(&sent, true, Some(header(coding)), LIMIT, &mut scratch);
        prop_assert!(decoded.bytes.len() <= LIMIT);
    }
}

// === helpers ===

fn whole(plain: &[u8]) -> Decoded<'_> {
    let size = Size::Exact(plain.len() as u64);
    Decoded { bytes: plain, size, truncated: false, form: Form::Decoded }
}

fn sample() -> Vec<u8> {
    (0..4000_u32)
        .flat_map(|n| format!("{{\"id\":{},", n.wrapping_mul(2_654_435_761)).into_bytes())
        .collect()
}

fn header(coding: &str) -> &str {
    coding.trim_start_matches("raw ")
}

fn encoded(coding: &str, plain: &[u8]) -> Vec<u8> {
    let level = Compression::default();
    let mut out = Vec::new();
    match coding {
        "gzip" => write::GzEncoder::new(&mut out, level).write_all(plain).unwrap(),
        "deflate" => write::ZlibEncoder::new(&mut out, level).write_all(plain).unwrap(),
        "raw deflate" => write::DeflateEncoder::new(&mut out, level).write_all(plain).unwrap(),
        "br" => brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(plain).unwrap(),
        _ => {
            out.reserve(zstd_safe::compress_bound(plain.len()));
            zstd_safe::compress(&mut out, plain, 3).unwrap();
        }
    }
    out
}
