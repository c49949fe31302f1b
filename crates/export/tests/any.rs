//! Whatever was on the wire: lines stay JSON, and the terminal stays ours.

use common::{Half, ID, NAMES, PATH, call};
use export::{Json, Ndjson, Options, Style, Table};
use model::{Call, Missing, Side, Why};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

mod common;

/// What a peer may have sent.
#[derive(Clone, Debug)]
struct Wild {
    method: Vec<u8>,
    endpoint: Vec<u8>,
    code: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    media_type: String,
    encoding: String,
    body: Vec<u8>,
    lost: u64,
}

proptest! {
    #[test]
    fn a_line_is_json_and_says_what_was_sent(wild in wild()) {
        let (request, response) = wild.halves();
        let line = line(&call(Some(&request), Some(&response)));
        let read: Value = serde_json::from_slice(&line).unwrap();
        prop_assert_eq!(&read["method"], &json!(lossy(&wild.method)));
        prop_assert_eq!(&read["endpoint"], &json!(lossy(&wild.endpoint)));
        prop_assert_eq!(&read["status"]["code"], &json!(lossy(&wild.code)));
        let pairs: Vec<_> = wild.headers.iter().map(|(n, v)| json!([lossy(n), lossy(v)])).collect();
        prop_assert_eq!(read["request"]["headers"].as_array().cloned().unwrap_or_default(), pairs);
        prop_assert_eq!(&read["request"]["fields"]["test.names"], &json!([lossy(&wild.endpoint)]));
    }

    #[test]
    fn the_document_holds_the_lines(wilds in vec(wild(), 0..4)) {
        let (mut json, mut out, mut lines) = (Json::new(), Vec::new(), Vec::new());
        for wild in &wilds {
            let (request, response) = wild.halves();
            let line = line(&call(Some(&request), Some(&response)));
            json.line(&line, &mut out);
            lines.push(serde_json::from_slice::<Value>(&line).unwrap());
        }
        json.end(&mut out);
        prop_assert_eq!(serde_json::from_slice::<Vec<Value>>(&out).unwrap(), lines);
    }

    #[test]
    fn nothing_acts_on_the_terminal_and_no_line_is_too_wide(
        wild in wild(), width in prop::option::of(1..200_u16), unicode: bool, which in 0..3,
    ) {
        let (request, response) = wild.halves();
        let lost = Missing { why: Why::Gap, request_bytes: wild.lost, response_bytes: 0 };
        let mut call = match which {
            0 => call(Some(&request), Some(&response)),
            1 => call(Some(&request), None),
            _ => call(None, Some(&response)),
        };
        call.missing = (wild.lost > 0).then_some(lost);
        let plain = shown(&call, Style { colour: false, width, unicode });
        let coloured = shown(&call, Style { colour: true, width, unicode });
        prop_assert_eq!(&without_colours(&coloured), &plain);
        prop_assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{:?}", plain);
        for line in plain.lines() {
            prop_assert!(line.width() <= width.map_or(usize::MAX, usize::from), "{:?}", line);
        }
        let mut details = Vec::new();
        Table::new(Style { colour: false, width, unicode }).details(&call, &[], &mut details);
        let details = String::from_utf8(details).unwrap();
        prop_assert!(!details.chars().any(|c| c.is_control() && c != '\n'), "{:?}", details);
    }
}

impl Wild {
    fn halves(&self) -> (Half, Half) {
        let body = |half: Half| {
            let size = self.body.len() as u64 + self.lost;
            half.body(&self.media_type, &self.encoding, &self.body, size)
        };
        let mut request = Half::of(Side::Client, 0).method(&self.method).endpoint(&self.endpoint);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.integer(ID, -1).text(NAMES, &self.endpoint).text(PATH, &self.method);
        let response = Half::of(Side::Server, self.lost).status(&self.code, &self.method, b"ok");
        (body(request), body(response))
    }
}

fn wild() -> impl Strategy<Value = Wild> {
    let media_type = "text/plain|application/json|image/png|";
    let parts = (bytes(), bytes(), bytes(), vec((bytes(), bytes()), 0..4), media_type);
    (parts, "gzip|br|", bytes(), 0..2_000_u64).prop_map(
        |((method, endpoint, code, headers, media_type), encoding, body, lost)| Wild {
            method,
            endpoint,
            code,
            headers,
            media_type,
            encoding,
            body,
            lost,
        },
    )
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..60),
        ".{0,60}".prop_map(String::into_bytes),
        "[a-z/\"\\\\\x1b\r\n\t\u{9b}\u{202e}日本❤\u{fe0f}👩\u{200d}]{0,60}"
            .prop_map(String::into_bytes),
    ]
}

fn line(call: &Call<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Ndjson::new(&[], Options::default()).render(call, &mut out);
    out
}

fn shown(call: &Call<'_>, style: Style) -> String {
    let mut out = Vec::new();
    Table::new(style).render(call, &mut out);
    String::from_utf8(out).unwrap()
}

/// Less our own colours, and nothing but them.
fn without_colours(text: &str) -> String {
    ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"]
        .iter()
        .fold(text.to_owned(), |text, colour| text.replace(colour, ""))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
