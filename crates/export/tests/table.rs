//! What people see, as they see it.

use common::{BEGIN, Half, ID, NAMES, call};
use export::{Style, Table};
use model::{Call, Missing, Pairing, Side, Source, Why};

mod common;

const PLAIN: Style = Style { colour: false, width: Some(120), unicode: true };

#[test]
fn calls_stand_in_columns() {
    let login = Half::of(Side::Client, 0).method(b"GET").endpoint(b"/login").sizes(403, 190);
    let ok = Half::of(Side::Server, 1_981_000).status(b"200", b"OK", b"ok").sizes(1_234, 200);
    let lost = Missing { why: Why::Gap, request_bytes: 0, response_bytes: 1_200 };
    let start = Missing { why: Why::CaptureStart, request_bytes: 0, response_bytes: 0 };
    let long = Half::of(Side::Client, 61_000_000_000)
        .method(b"PROPFIND")
        .endpoint(&b"/a/very/long/path".repeat(9))
        .sizes(99_000, 99_000);
    let mut v6 = call(Some(&login), Some(&ok));
    v6.client.ip = "2001:db8:1234:5678:9abc:def0:1234:5678".parse().unwrap();
    let tomorrow =
        Half::of(Side::Client, 86_400_000_000_000).method(b"LRANGE").endpoint("日本".as_bytes());
    let shown = table(
        PLAIN,
        &[
            call(Some(&login), Some(&ok)),
            Call { missing: Some(Missing { why: Why::Gap, ..start }), ..call(Some(&login), None) },
            Call { missing: Some(start), ..call(None, Some(&ok)) },
            Call { missing: Some(lost), ..call(Some(&login), Some(&ok)) },
            Call { missing: Some(lost), ..call(Some(&long), None) },
            v6,
            Call { pairing: Pairing::OneWay, ..call(Some(&tomorrow), None) },
        ],
    );
    let expected = "\
";
    assert_eq!(shown, expected, "\n{shown}");
}

#[test]
fn without_a_terminal_nothing_is_shortened() {
    let path = b"/a/very/long/path".repeat(9);
    let long = Half::of(Side::Client, 0).method(b"GET").endpoint(&path);
    let shown = table(Style { width: None, ..PLAIN }, &[call(Some(&long), None)]);
    assert!(shown.contains(str::from_utf8(&path).unwrap()), "{shown}");
    assert!(shown.contains("◌ unanswered"), "{shown}");
}

#[test]
fn colours_judge_the_status() {
    let request = Half::of(Side::Client, 0).method(b"GET");
    let style = Style { colour: true, ..PLAIN };
    for (outcome, colour) in [(&b"ok"[..], "\x1b[32m"), (b"error", "\x1b[31m"), (b"", "\x1b[2m")] {
        let response = Half::of(Side::Server, 1).status(b"CODE", b"", outcome);
        let shown = table(style, &[call(Some(&request), Some(&response))]);
        assert!(shown.contains(&format!("{colour}CODE\x1b[0m")), "{shown}");
    }
}

#[test]
fn a_terminal_without_unicode_sees_ascii() {
    let request = Half::of(Side::Client, 0).method(b"GET").endpoint("/日本".as_bytes());
    let response = Half::of(Side::Server, 5_100).status(b"200", b"", b"ok");
    let calls = [call(Some(&request), Some(&response)), call(Some(&request), None)];
    let shown = table(Style { unicode: false, ..PLAIN }, &calls);
    assert!(shown.is_ascii(), "{shown}");
    assert!(shown.contains("5.1 us"), "{shown}");
}

#[test]
fn details_show_all_of_a_call() {
    let mut request = Half::of(Side::Client, 0)
        .method(b"POST")
        .endpoint(b"/cart\x1b[2J")
        .version(b"1.1")
        .sizes(403, 190)
        .frames(4, 5)
        .header(b"Host", b"carts")
        .header(b"X-Evil", b"\x1b]0;owned\x07")
        .integer(ID, 7)
        .text(NAMES, b"a")
        .text(NAMES, b"b")
        .body("application/json", "", b"{\"item\":{\"id\":[1,2]},\"t\":\"\\u001b\x1b\"}", 40);
    request.0.last.at = BEGIN.after(12_000);
    let binary: Vec<u8> = (0..=255).chain(0..44).collect();
    let response = Half::of(Side::Server, 1_981_000)
        .status(b"201", b"Created", b"ok")
        .sizes(600, 300)
        .frames(6, 6)
        .body("application/octet-stream", "", &binary, 1_500);
    let lost = Missing { why: Why::Gap, request_bytes: 0, response_bytes: 1_200 };
    let call = Call { missing: Some(lost), ..call(Some(&request), Some(&response)) };
    let source =
        Source { kind: "file", name: "shop.pcapng".into(), interface: Some("eth0".into()) };
    let mut out = Vec::new();
    Table::new(PLAIN).details(&call, &[source], &mut out);
    let shown = String::from_utf8(out).unwrap();
    let expected = "\
";
    assert_eq!(shown, expected, "\n{shown}");
}

fn table(style: Style, calls: &[Call<'_>]) -> String {
    let (mut table, mut out) = (Table::new(style), Vec::new());
    calls.iter().for_each(|call| table.render(call, &mut out));
    String::from_utf8(out).unwrap()
}
