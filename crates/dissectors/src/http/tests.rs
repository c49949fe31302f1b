//! Any bytes are survived, heads are read as `httparse` reads them, bodies come back whole, and what
//! must not be found in a body is not found.

use std::fmt::Write;

use dissect::kit::{Case, Kept, Replay, Turn, fuzz};
use model::Side;
use proptest::prelude::*;

use super::{
    DISSECTION, PROTOCOL,
    head::{Flaw, Head},
    lines::Lines,
    start::What,
};

#[test]
fn a_message_inside_of_a_packet_is_not_found_after_a_late_join() {
    let body = "tail</pre>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let calls = play(&["late\n", &says('<', body)]);
    assert!(calls.is_empty(), "{calls:?}");
}

#[test]
fn a_first_line_without_a_field_after_it_is_not_found_after_a_loss() {
    for body in
        ["HTTP/1.1 200 OK was the answer\r\nto (this)\r\n\r\n", "HTTP/1.1 200 OK\r\n\x00\r\n"]
    {
        let calls = play(&["late\n", &says('<', body)]);
        assert!(calls.is_empty(), "{calls:?}");
    }
}

#[test]
fn what_follows_a_request_without_a_known_end_is_not_believed() {
    for framing in ["Content-Length: 2\r\nContent-Length: 3", "Transfer-Encoding: chunked, x"] {
        let first = format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\nhi");
        let smuggled = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
        let calls = play(&[&says('>', &(first + smuggled)), &says('>', smuggled)]);
        let lines: Vec<_> = calls.iter().map(Kept::headline).collect();
        assert_eq!(lines, ["unanswered PUT / - missing=capture-end"]);
    }
}

#[test]
fn a_body_that_looks_like_a_response_is_a_body_where_the_question_is_known() {
    let ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let calls = play(&[&says('>', ask), &says('<', &answer)]);
    assert_eq!(calls.len(), 1);
    assert!(told(&calls[0], Side::Server).contains(&("body.size".into(), body.len().to_string())));
}

#[test]
fn a_head_that_is_cut_short_is_told_without_panic() {
    let text = says('>', "GET /a?b=c HTTP/1.1\r\nHost: a:1\r\nCookie: x=y\r\n z\r\n\r\n");
    let call = play(&[&text]).remove(0);
    let mut half = call.request.unwrap();
    while half.record.pop().is_some() {
        let message = half.message();
        let _ = (PROTOCOL.headline)(Some(&message), Some(&message));
        let _ = half.told(&PROTOCOL);
    }
}

#[test]
fn each_part_of_a_body_is_told_in_one_line() {
    let text = include_str!("cases/forms.txt");
    let case = Case::parse(text).unwrap();
    let calls = Replay::new(&case).run(&DISSECTION);
    let told = told(&calls[1], Side::Client);
    let parts: Vec<_> = told.iter().filter(|(name, _)| name.ends_with("multipart")).collect();
    assert_eq!(parts.len(), 2, "{told:?}");
    assert_eq!(parts[0].1, "pic; filename=me.png; type=image/png; size=4");
    assert_eq!(parts[1].1, "a; size=3");
}

#[test]
fn the_largest_length_is_a_length() {
    let answer = |length: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nab");
    let ask = says('>', "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for length in ["9223372036854775807", "9223372036854775808", "99999999999999999999"] {
        let calls = play(&[&ask, &says('<', &answer(length))]);
        let lines: Vec<_> = calls.iter().map(Kept::headline).collect();
        assert_eq!(lines, ["matched GET / 200 missing=capture-end"]);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(data: Vec<u8>) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn any_text_like_http_is_survived(
        turns in prop::collection::vec((0u8..16, prop::collection::vec(prop::sample::select(WORDS), 1..12)), 1..8),
    ) {
        let mut data = vec![0];
        for (what, words) in turns {
            let text = words.concat();
            let text = &text[..text.len().min(255)];
            data.extend([what, u8::try_from(text.len()).unwrap()]);
            data.extend_from_slice(text.as_bytes());
        }
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn heads_are_read_as_httparse_reads_them(
        method in "[A-Z]{1,10}",
        target in "/[a-z0-9/?&=%.-]{0,40}",
        fields in prop::collection::vec(("[A-Za-z][A-Za-z0-9-]{0,20}", "[ -~]{0,40}"), 0..12),
    ) {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in &fields {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text += "\r\n";
        let mut theirs = [httparse::EMPTY_HEADER; 16];
        let mut request = httparse::Request::new(&mut theirs);
        prop_assume!(request.parse(text.as_bytes()).is_ok_and(|status| status.is_complete()));

        let ours = Head::read(Side::Client, text.as_bytes()).unwrap();
        let What::Request { method_len, target } = ours.start.what else { panic!("a request") };
        prop_assert_eq!(ours.len, text.len());
        prop_assert_eq!(Some(&text[..method_len]), request.method);
        prop_assert_eq!(Some(&text[target]), request.path);
        let lines: Vec<_> = Lines::of(&text.as_bytes()[ours.fields_at..]).collect();
        prop_assert_eq!(lines.len(), request.headers.len());
        for ((name, value), header) in lines.iter().zip(request.headers.iter()) {
            prop_assert_eq!(*name, header.name.as_bytes());
            prop_assert_eq!(value.trim_ascii(), header.value.trim_ascii());
        }
    }

    #[test]
    fn responses_are_read_as_httparse_reads_them(code in 100u16..1000, reason in "[ -~]{0,20}") {
        let text = format!("HTTP/1.0 {code} {reason}\r\nA: b\r\n\r\n");
        let mut theirs = [httparse::EMPTY_HEADER; 4];
        let mut response = httparse::Response::new(&mut theirs);
        prop_assert!(response.parse(text.as_bytes()).unwrap().is_complete());
        let ours = Head::read(Side::Server, text.as_bytes()).unwrap();
        let What::Response { status, reason } = ours.start.what else { panic!("a response") };
        prop_assert_eq!(Some(status), response.code);
        prop_assert_eq!(Some(text[reason].trim()), response.reason.map(str::trim));
    }

    #[test]
    fn a_head_is_short_until_its_last_byte(cut in 0usize..40) {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
        let cut = cut.min(text.len() - 1);
        prop_assert_eq!(Head::read(Side::Client, &text[..cut]).unwrap_err(), Flaw::Short);
    }

    #[test]
    fn chunked_bodies_come_back_whole(
        chunks in prop::collection::vec("[ -\\[\\]-~]{1,300}", 0..8),
        trailers in 0usize..3,
        piece in 1usize..200,
    ) {
        let mut wire = String::from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for chunk in &chunks {
            write!(wire, "{:x};x=y\r\n{chunk}\r\n", chunk.len()).unwrap();
        }
        wire += "0\r\n";
        for n in 0..trailers {
            write!(wire, "T{n}: {n}\r\n").unwrap();
        }
        wire += "\r\n";
        let text = says('>', "GET / HTTP/1.1\r\nHost: a\r\n\r\n") + &says('<', &wire);
        let case = Case::parse(&text).unwrap();
        let calls = Replay::new(&case).pieces(piece).run(&DISSECTION);
        prop_assert_eq!(calls.len(), 1);
        let told = told(&calls[0], Side::Server);
        let has = |name: &str, value: String| told.contains(&(name.to_owned(), value));
        prop_assert!(has("body", chunks.concat().escape_default().to_string()));
        prop_assert!(has("size", wire.len().to_string()));
        prop_assert_eq!(has("http.trailers", "true".into()), trailers > 0);
        prop_assert_eq!(calls[0].missing, None);
    }
}

const WORDS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "HEAD /x HTTP/1.0\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 101 X\r\n",
    "HTTP/1.1 100 X\r\n",
    "HTTP/1.1 204\r\n",
    "Host: a\r\n",
    "Upgrade: x\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 9223372036854775807\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "\r\n",
    "\n",
    "\r",
    " fold\r\n",
    "5\r\nhello\r\n",
    "0\r\n",
    "7fffffffffffffff\r\n",
    "ffffffffffffffff\r\n",
    "T: x\r\n",
    "hello",
    ":",
    "Cookie: a=b; c\r\n",
    "Content-Type: multipart/form-data; boundary=x\r\n",
    "--x\r\n",
    "%",
    "?a=b&",
];

/// What comes out of a case.
fn play(lines: &[&str]) -> Vec<Kept> {
    let case = Case::parse(&lines.concat()).unwrap();
    assert!(case.turns.iter().all(|turn| matches!(turn, Turn::Says(..))));
    Replay::new(&case).run(&DISSECTION)
}

/// A line of a case.
fn says(mark: char, text: &str) -> String {
    format!(
        "{mark} {}\n",
        text.as_bytes().escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"")
    )
}

fn told(call: &Kept, side: Side) -> Vec<(String, String)> {
    let half = if side == Side::Client { &call.request } else { &call.response };
    half.as_ref().unwrap().told(&PROTOCOL)
}
