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
TIME          CLIENT              SERVER          PROTO  METHOD  ENDPOINT                       STATUS     TOOK     RESP
2026-01-29 UTC
11:08:21.123  10.0.37.237:43282 → 10.0.24.164:80  test   GET     /login                         200 OK  1.98 ms  1.23 kB
11:08:21.123  10.0.37.237:43282 → 10.0.24.164:80  test   GET     /login                      ◌ unanswered (gap)        –
11:08:21.125  10.0.37.237:43282 → 10.0.24.164:80  test   –        ◌ no request (capture-start)  200 OK        –  1.23 kB
11:08:21.123  10.0.37.237:43282 → 10.0.24.164:80  test   GET     /login    ✂ 1.2 kB lost (gap)  200 OK  1.98 ms  1.23 kB
11:09:22.123  10.0.37.237:43282 → 10.0.24.164:80  test   PROPFIND  /a/very/l…  ◌ unanswered (gap), ✂ 1.2 kB lo…        –
TIME          CLIENT                         SERVER          PROTO  METHOD    ENDPOINT                   STATUS     TOOK
11:08:21.123  [2001:db8:…:1234:5678]:43282 → 10.0.24.164:80  test   GET       /login                     200 OK  1.98 ms
2026-01-30 UTC
11:08:21.123  10.0.37.237:43282            → 10.0.24.164:80  test   LRANGE    日本                       –             –
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
    let binary: Vec<u8> = (0..50).collect();
    let response = Half::of(Side::Server, 1_981_000)
        .status(b"201", b"Created", b"ok")
        .sizes(600, 300)
        .frames(6, 6)
        .body("application/octet-stream", "", &binary, 52);
    let lost = Missing { why: Why::Gap, request_bytes: 0, response_bytes: 1_200 };
    let call = Call { missing: Some(lost), ..call(Some(&request), Some(&response)) };
    let source =
        Source { kind: "file", name: "shop.pcapng".into(), interface: Some("eth0".into()) };
    let mut out = Vec::new();
    Table::new(PLAIN).details(&call, &[source], &mut out);
    let shown = String::from_utf8(out).unwrap();
    let expected = r##"POST /cart\x1b[2J → 201 Created
  protocol  test 1.1 over TCP
  time      2026-01-29 11:08:21.123456789 UTC
  took      1.98 ms
  client    10.0.37.237:43282
  server    10.0.24.164:80
  call      12-3, matched by order
  source    file shop.pcapng, interface eth0
  missing   ✂ 1.2 kB lost (gap): 1.2 kB of the response

  request   403 B, head 190 B, frames 4 to 5, from 0 ns to 12 µs
    Host: carts
    X-Evil: \x1b]0;owned\x07
    test.id     7
    test.names  a
    test.names  b
    body  application/json, 40 B, the start of it:
      {
        "item": {
          "id": [1, 2]
        },
        "t": "\u001b\x1b"
      }

  response  600 B, head 300 B, frame 6, at 1.98 ms
    body  application/octet-stream, 52 B, the start of it:
      00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  ................
      00000010  10 11 12 13 14 15 16 17  18 19 1a 1b 1c 1d 1e 1f  ................
      00000020  20 21 22 23 24 25 26 27  28 29 2a 2b 2c 2d 2e 2f   !"#$%&'()*+,-./
      00000030  30 31                                             01

"##;
    assert_eq!(shown, expected, "\n{shown}");
}

#[test]
fn a_long_binary_body_is_shown_by_its_start() {
    let half = Half::of(Side::Client, 0).body("image/png", "", &[7; 300], 300);
    let mut out = Vec::new();
    Table::new(PLAIN).details(&call(Some(&half), None), &[], &mut out);
    let shown = String::from_utf8(out).unwrap();
    assert_eq!(shown.lines().filter(|line| line.contains("07 07")).count(), 16, "{shown}");
    assert!(shown.ends_with("      and 44 bytes more\n\n"), "{shown}");
}

fn table(style: Style, calls: &[Call<'_>]) -> String {
    let (mut table, mut out) = (Table::new(style), Vec::new());
    calls.iter().for_each(|call| table.render(call, &mut out));
    String::from_utf8(out).unwrap()
}
