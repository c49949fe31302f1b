//! Heads that are larger than what may be kept of one: the call says that it lacks something, memory stays
//! bounded, and what comes later on the connection is right.

use std::fmt::Write;

use dissect::{
    Dissection,
    kit::{Case, Kept, Replay},
};
use model::Why;

/// What a replay keeps of an unread head is 64 KiB; what it may use in all, 16 MiB.
const LARGE: usize = 2 << 20;

const SMALL: &str = "< HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok\n";

fn played(text: &str, folder: &str) -> Vec<Kept> {
    let of_folder = |one: &&&Dissection| one.folder == folder;
    let dissection = dissectors::ALL.iter().find(of_folder).unwrap();
    let case = Case::parse(text).unwrap();
    // As packets come: it is not all there at once.
    Replay::new(&case).pieces(1_460).run(dissection)
}

fn headlines(calls: &[Kept]) -> Vec<String> {
    calls.iter().map(Kept::headline).collect()
}

/// Eight calls that alternate, with pauses.
fn later(text: &mut String) {
    for n in 0..8 {
        let _ = writeln!(text, "wait 200\n> GET /later{n} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n");
        text.push_str("wait 1\n");
        text.push_str(SMALL);
    }
}

#[test]
fn of_a_request_of_http_1() {
    let large = "y".repeat(LARGE);
    let mut text = format!("> GET /a HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n{SMALL}");
    let _ = writeln!(text, "> GET /large HTTP/1.1\\r\\nX: {large}\\r\\n\\r\\n");
    text.push_str(
        "< HTTP/1.1 431 Request Header Fields Too Large\\r\\nContent-Length: 0\\r\\n\\r\\n\n",
    );
    later(&mut text);
    let calls = played(&text, "http");
    let lines = headlines(&calls);
    assert_eq!(lines[0], "matched GET /a 200");
    assert!(lines.contains(&"orphan - - 431 missing=budget".to_owned()), "{lines:#?}");
    for n in 0..8 {
        assert!(lines.contains(&format!("matched GET /later{n} 200")), "{lines:#?}");
    }
    assert_eq!(calls.len(), 10);
}

#[test]
fn of_a_response_of_http_1() {
    let large = "y".repeat(LARGE);
    let mut text = "> GET /large HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n".to_owned();
    let _ = writeln!(text, "< HTTP/1.1 200 OK\\r\\nX: {large}\\r\\nContent-Length: 0\\r\\n\\r\\n");
    later(&mut text);
    let calls = played(&text, "http");
    let lines = headlines(&calls);
    assert_eq!(lines[0], "unanswered GET /large - missing=budget");
    for n in 0..8 {
        assert!(lines.contains(&format!("matched GET /later{n} 200")), "{lines:#?}");
    }
    assert_eq!(calls.len(), 9);
}

/// A frame of HTTP/2 (RFC 9113 §4.1), as a case writes it.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> String {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&len[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    head.iter().chain(payload).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A header field without indexing (RFC 7541 §6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = Vec::new();
        let mut len = text.len();
        if len < 127 {
            bytes.push(u8::try_from(len).unwrap());
        } else {
            bytes.push(127);
            len -= 127;
            while len >= 128 {
                bytes.push(u8::try_from(len % 128).unwrap() | 128);
                len /= 128;
            }
            bytes.push(u8::try_from(len).unwrap());
        }
        bytes.extend(text.as_bytes());
        bytes
    };
    [vec![0], text(name), text(value)].concat()
}

/// A request on `stream`, in HEADERS and CONTINUATION, and its answer.
fn call(text: &mut String, stream: u32, path: &str, more: &[u8]) {
    let block = [&[0x82, 0x86][..], &literal(":path", path), more].concat();
    let pieces: Vec<_> = block.chunks(16_000).collect();
    for (n, piece) in pieces.iter().enumerate() {
        let kind = if n == 0 { 1 } else { 9 };
        let end_stream = u8::from(n == 0);
        let end_headers = if n + 1 == pieces.len() { 4 } else { 0 };
        let _ = writeln!(text, ">x {}", frame(kind, end_stream | end_headers, stream, piece));
    }
    let _ = writeln!(text, "<x {}", frame(1, 5, stream, &[0x88]));
}

fn http2(large: &[u8]) -> Vec<Kept> {
    let mut text = format!(
        "> PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n\n>x {0}\n<x {0}\n",
        frame(4, 0, 0, b"")
    );
    call(&mut text, 1, "/a", b"");
    call(&mut text, 3, "/large", large);
    for n in 0..4 {
        call(&mut text, 5 + 2 * n, &format!("/later{n}"), b"");
    }
    played(&text, "http2")
}

fn assert_later(lines: &[String]) {
    assert_eq!(lines[0], "matched GET /a 200");
    for n in 0..4 {
        assert!(lines.contains(&format!("matched GET /later{n} 200")), "{lines:#?}");
    }
    assert_eq!(lines.len(), 6);
}

/// One entry of the table, referred to as often as there is room: 80 MB of headers.
#[test]
fn of_a_list_of_http_2_that_is_larger_than_its_bytes() {
    let entry = [vec![0x40, 1, b'x', 0x7f, 0xa1, 0x1e], vec![b'z'; 4_000]].concat();
    let calls = http2(&[entry, vec![0xbe; 20_000]].concat());
    assert_later(&headlines(&calls));
    let large = calls.iter().find(|call| call.headline() == "matched GET /large 200").unwrap();
    let request = large.request.as_ref().unwrap();
    assert!(request.record.len() < 1 << 20, "{} bytes were written down", request.record.len());
    let told = request.told(large.protocol);
    assert!(told.contains(&("http.headers.partial".into(), "true".into())), "{}", told.len());
}

/// A block that goes on in frame after frame (the flood of CVE-2024-27316).
#[test]
fn of_a_block_of_http_2_that_goes_on() {
    let calls = http2(&literal("x", &"y".repeat(LARGE)));
    let lines = headlines(&calls);
    assert_later(&lines);
    let cut: Vec<_> = calls.iter().filter(|call| call.missing == Some(Why::Budget)).collect();
    let [cut] = cut[..] else { panic!("{lines:#?}") };
    assert!(cut.request.is_none() && cut.response.is_some());
}
