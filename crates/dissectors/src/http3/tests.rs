//! What streams that overtake each other, wait, break off or lose bytes come to; any bytes.

use dissect::kit::{Case, Kept, Replay, Turn, fuzz};
use model::Side;
use proptest::prelude::*;

use super::DISSECTION;
use crate::{http::PROTOCOL, quic::mux};

const DATA: u64 = 0;
const HEADERS: u64 = 1;
const SETTINGS: u64 = 4;
const GOAWAY: u64 = 7;

/// What both sides send.
#[derive(Default)]
struct Talk(Vec<(Side, Vec<u8>)>);

impl Talk {
    fn says(mut self, side: Side, stream: u64, bytes: &[u8], is_last: bool) -> Self {
        self.event(side, |all| mux::says(stream, bytes, is_last, all));
        self
    }

    fn asks(self, stream: u64, bytes: &[u8]) -> Self {
        self.says(Side::Client, stream, bytes, true)
    }

    fn answers(self, stream: u64, bytes: &[u8]) -> Self {
        self.says(Side::Server, stream, bytes, true)
    }

    fn lost(mut self, side: Side, stream: u64, len: u64) -> Self {
        self.event(side, |all| mux::lost(stream, len, all));
        self
    }

    fn reset(mut self, side: Side, stream: u64, code: u64) -> Self {
        self.event(side, |all| mux::reset(stream, code, all));
        self
    }

    fn event(&mut self, side: Side, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.0.push((side, bytes));
    }

    fn run(self) -> Vec<Kept> {
        let turns = self.0.into_iter().map(|(side, bytes)| Turn::Says(side, bytes)).collect();
        let case = Case { turns, ..Case::default() };
        let whole = Replay::new(&case).run(&DISSECTION);
        assert_eq!(Replay::new(&case).pieces(7).run(&DISSECTION).len(), whole.len());
        whole
    }

    fn lines(self) -> Vec<String> {
        self.run().iter().map(Kept::headline).collect()
    }
}

fn frame(kind: u64, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).ok().filter(|len| *len < 64).unwrap();
    [&[u8::try_from(kind).unwrap(), len], payload].concat()
}

/// `GET /NAME`, all of it in literals and fixed fields.
fn get(name: &str) -> Vec<u8> {
    let len = u8::try_from(name.len() + 1).unwrap();
    frame(HEADERS, &[&b"\0\0\xd1\xd7\x51"[..], &[len], b"/", name.as_bytes()].concat())
}

/// `:status: 200`
fn ok() -> Vec<u8> {
    frame(HEADERS, b"\0\0\xd9")
}

fn told(call: &Kept, side: Side, wanted: &str) -> Option<String> {
    let half = if side == Side::Client { &call.request } else { &call.response };
    let told = half.as_ref()?.told(&PROTOCOL);
    told.into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
}

/// The server's SETTINGS: the client may insert 4,096 bytes.
fn settings() -> Vec<u8> {
    [&b"\0"[..], &frame(SETTINGS, b"\x01\x50\x00")].concat()
}

#[test]
fn streams_are_interleaved_and_cut_anywhere() {
    let (a, b) = ([get("a"), frame(DATA, b"one")].concat(), get("b"));
    let talk = Talk::default()
        .says(Side::Client, 0, &a[..2], false)
        .asks(4, &b)
        .says(Side::Client, 0, &a[2..9], false)
        .answers(4, &[ok(), frame(DATA, b"for b")].concat())
        .asks(0, &a[9..])
        .answers(0, &[ok(), frame(DATA, b"for "), frame(DATA, b"a")].concat());
    let calls = talk.run();
    let lines: Vec<_> = calls.iter().map(Kept::headline).collect();
    assert_eq!(lines, ["matched GET /b 200", "matched GET /a 200"]);
    assert_eq!(told(&calls[1], Side::Client, "body").unwrap(), "one");
    assert_eq!(told(&calls[1], Side::Server, "body").unwrap(), "for a");
}

#[test]
fn a_stream_that_waits_for_insertions_goes_on_when_they_come() {
    // The client refers to what it inserts later: `:authority: a`.
    let waits = frame(HEADERS, b"\x02\x00\xd1\xd7\x80\x51\x02/w");
    let calls = Talk::default()
        .says(Side::Server, 3, &settings(), false)
        .says(Side::Client, 0, &waits, false)
        .asks(4, &get("other"))
        .asks(0, &frame(DATA, b"kept"))
        .says(Side::Client, 6, b"\x02\xc0\x01a", false)
        .answers(0, &ok())
        .answers(4, &ok())
        .run();
    let lines: Vec<_> = calls.iter().map(Kept::headline).collect();
    assert_eq!(lines, ["matched GET /w 200", "matched GET /other 200"]);
    assert_eq!(told(&calls[0], Side::Client, "header::authority").unwrap(), "a");
    assert_eq!(told(&calls[0], Side::Client, "body").unwrap(), "kept");
}

#[test]
fn what_refers_to_lost_insertions_is_unknown_and_not_guessed() {
    let waits = frame(HEADERS, b"\x02\x00\xd1\xd7\x80\x51\x02/w");
    let calls = Talk::default()
        .says(Side::Server, 3, &settings(), false)
        .says(Side::Client, 6, b"\x02", false)
        .asks(0, &waits)
        .lost(Side::Client, 6, 3)
        .answers(0, &ok())
        .run();
    assert_eq!(calls[0].headline(), "matched GET /w 200");
    assert_eq!(told(&calls[0], Side::Client, "header:?").unwrap(), "?");
    assert_eq!(told(&calls[0], Side::Client, "http.headers.partial").unwrap(), "true");
}

#[test]
fn bytes_of_a_body_may_be_lost_and_the_rest_is_counted() {
    let calls = Talk::default()
        .asks(0, &get("a"))
        .says(Side::Server, 0, &[ok(), vec![0, 20], b"12345".to_vec()].concat(), false)
        .lost(Side::Server, 0, 10)
        .answers(0, b"abcde")
        .run();
    assert_eq!(calls[0].headline(), "matched GET /a 200 missing=gap");
    assert_eq!(told(&calls[0], Side::Server, "http.response.body.size").unwrap(), "20");
    assert_eq!(told(&calls[0], Side::Server, "body").unwrap(), "12345");
    assert!(calls[0].response.as_ref().unwrap().missing.is_some());
}

#[test]
fn lost_frames_make_halves_and_no_wrong_pairs() {
    let request_lost = Talk::default().lost(Side::Client, 0, 9).asks(0, b"").answers(0, &ok());
    assert_eq!(request_lost.lines(), ["orphan - - 200"]);
    let answer_lost = Talk::default()
        .asks(0, &get("a"))
        .lost(Side::Server, 0, 9)
        .answers(0, b"")
        .asks(4, &get("b"))
        .answers(4, &ok());
    assert_eq!(answer_lost.lines(), ["unanswered GET /a - missing=gap", "matched GET /b 200"]);
    let beyond = Talk::default()
        .asks(0, &get("a"))
        .says(Side::Server, 0, &[ok(), vec![0, 4, b'x']].concat(), false)
        .lost(Side::Server, 0, 9)
        .answers(0, &[&ok()[..], b"whatever"].concat());
    let calls = beyond.run();
    assert_eq!(told(&calls[0], Side::Server, "body").unwrap(), "x");
    assert!(calls[0].response.as_ref().unwrap().missing.is_some());
}

#[test]
fn streams_are_given_up_by_either_side() {
    let by_server = Talk::default()
        .asks(0, &get("a"))
        .reset(Side::Server, 0, 0x10b)
        .asks(4, &get("b"))
        .says(Side::Server, 4, &[ok(), vec![0, 9, b'x']].concat(), false)
        .reset(Side::Server, 4, 0x102);
    let lines = by_server.lines();
    assert_eq!(lines, ["matched GET /a H3_REQUEST_REJECTED", "matched GET /b 200 missing=reset"]);
    let by_client = Talk::default().asks(0, &get("a")).reset(Side::Client, 0, 0x10c);
    assert_eq!(by_client.lines(), ["unanswered GET /a - missing=reset"]);
}

#[test]
fn a_server_that_goes_away_refuses_what_it_did_not_look_at() {
    let talk = Talk::default()
        .asks(0, &get("a"))
        .asks(4, &get("b"))
        .asks(8, &get("c"))
        .says(Side::Server, 3, &[settings(), frame(GOAWAY, b"\x04")].concat(), false)
        .answers(0, &ok());
    let refused = "H3_REQUEST_REJECTED";
    let wanted = [
        format!("matched GET /b GOAWAY {refused}"),
        format!("matched GET /c GOAWAY {refused}"),
        "matched GET /a 200".into(),
    ];
    assert_eq!(talk.lines(), wanted);
}

#[test]
fn interim_answers_come_before_the_answer() {
    let early = frame(HEADERS, b"\0\0\xd8");
    let calls = Talk::default().asks(0, &get("a")).answers(0, &[early, ok()].concat()).run();
    assert_eq!(calls[0].headline(), "matched GET /a 200");
    assert_eq!(told(&calls[0], Side::Server, "http.response.interim").unwrap(), "103");
}

#[test]
fn what_is_promised_and_its_answer_are_one_message() {
    let promise = [&b"\0\0\0\xd1\xd7\x51\x02/p"[..]].concat();
    let calls = Talk::default()
        .asks(0, &get("a"))
        .answers(0, &[frame(5, &promise), ok()].concat())
        .says(Side::Server, 15, &[&b"\x01\x00"[..], &ok(), &frame(DATA, b"hi")].concat(), true)
        .run();
    let lines: Vec<_> = calls.iter().map(Kept::headline).collect();
    assert_eq!(lines, ["matched GET /a 200", "one-way GET /p 200"]);
    assert_eq!(told(&calls[1], Side::Server, "body").unwrap(), "hi");
}

#[test]
fn a_body_that_ends_too_early_lacks_the_rest() {
    let calls = Talk::default()
        .asks(0, &get("a"))
        .answers(0, &[ok(), vec![0, 20], b"short".to_vec()].concat())
        .run();
    assert!(calls[0].response.as_ref().unwrap().missing.is_some());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(data: Vec<u8>) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn any_events_are_survived(
        events in prop::collection::vec(
            (any::<bool>(), 0u64..20, 0u8..6, prop::collection::vec(0u8..9, 0..30), any::<u32>()),
            1..60,
        ),
    ) {
        let mut talk = Talk::default();
        for (client, stream, what, bytes, number) in events {
            let side = if client { Side::Client } else { Side::Server };
            talk = match what {
                0 => talk.lost(side, stream, number.into()),
                1 => talk.reset(side, stream, number.into()),
                2 => talk.says(side, stream, &bytes, true),
                3 => talk.says(side, stream, &get("x"), false),
                _ => talk.says(side, stream, &bytes, false),
            };
        }
        let turns = talk.0.into_iter().map(|(side, bytes)| Turn::Says(side, bytes)).collect();
        let case = Case { turns, ..Case::default() };
        let _ = Replay::new(&case).run(&DISSECTION);
    }
}
