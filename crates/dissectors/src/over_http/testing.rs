//! For the tests of every protocol over HTTP: calls as the dissectors of HTTP make them, and what is
//! told of them.

use dissect::{
    Dissection,
    kit::{Case, Kept, Replay, Turn},
};
use model::{BodyFacts, Message, Moment, Moments, Protocol, Side, Tell, Timestamp, Value};

use super::LENS;
use crate::{http, http2};

/// One call of HTTP.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) request: Option<Message>,
    pub(super) response: Option<Message>,
}

/// One side of an exchange on a stream of HTTP/2.
#[derive(Debug, Default)]
pub(super) struct Said<'s> {
    pub(super) head: &'s [(&'s str, &'s str)],
    pub(super) body: &'s [&'s [u8]],
    pub(super) trailers: &'s [(&'s str, &'s str)],
}

fn play(dissection: &'static Dissection, turns: Vec<Turn>) -> Vec<Call> {
    let case = Case { turns, ..Case::default() };
    let calls = Replay::new(&case).run(dissection);
    let call = |kept: &Kept| Call {
        request: kept.request.as_ref().map(|half| half.message()),
        response: kept.response.as_ref().map(|half| half.message()),
    };
    calls.iter().map(call).collect()
}

/// The first call of a conversation in HTTP/1; a side that says nothing is not there.
pub(super) fn http1(asks: impl AsRef<[u8]>, answers: impl AsRef<[u8]>) -> Call {
    let turns = [(Side::Client, asks.as_ref()), (Side::Server, answers.as_ref())];
    let said = turns.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    let turns = said.map(|(side, bytes)| Turn::Says(side, bytes.to_vec())).collect();
    play(&http::DISSECTION, turns).remove(0)
}

/// A POST of `body` and its answer, both of these types.
pub(super) fn post(path: &str, asks: (&str, &str), answers: (&str, &str)) -> Call {
    http1(
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
            asks.0,
            asks.1.len(),
            asks.1
        ),
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
            answers.0,
            answers.1.len(),
            answers.1
        ),
    )
}

/// The same in JSON.
pub(super) fn json(path: &str, asks: &str, answers: &str) -> Call {
    post(path, ("application/json", asks), ("application/json; charset=utf-8", answers))
}

/// A call on a stream of HTTP/2. A side without a head is not there.
pub(super) fn http2(asks: &Said<'_>, answers: &Said<'_>) -> Call {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let mut turns = vec![
        Turn::Says(Side::Client, [preface, frame(4, 0, 0, b"")].concat()),
        Turn::Says(Side::Server, frame(4, 0, 0, b"")),
    ];
    for (side, said) in [(Side::Client, asks), (Side::Server, answers)] {
        if !said.head.is_empty() {
            turns.push(Turn::Says(side, said.frames()));
        }
    }
    play(&http2::DISSECTION, turns).remove(0)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![len[1], len[2], len[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Literal fields without indexing (RFC 7541 §6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

// === impl Said ===

impl Said<'_> {
    fn frames(&self) -> Vec<u8> {
        let (no_body, no_trailers) = (self.body.is_empty(), self.trailers.is_empty());
        let mut bytes = frame(1, 4 | u8::from(no_body && no_trailers), 1, &block(self.head));
        for (at, data) in self.body.iter().enumerate() {
            let last = at + 1 == self.body.len() && no_trailers;
            bytes.extend(frame(0, u8::from(last), 1, data));
        }
        if !no_trailers {
            bytes.extend(frame(1, 5, 1, &block(self.trailers)));
        }
        bytes
    }
}

// === impl Call ===

impl Call {
    /// What the lens sees.
    pub(super) fn protocol(&self) -> Option<&'static Protocol> {
        (LENS.sees)(self.request.as_ref(), self.response.as_ref())
    }

    /// The call in one line: protocol, method, endpoint, code, text.
    pub(super) fn line(&self) -> String {
        let Some(protocol) = self.protocol() else { return "http".into() };
        let headline = (protocol.headline)(self.request.as_ref(), self.response.as_ref());
        let text = |value: Option<&[u8]>| {
            value.map_or("-".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
        };
        format!(
            "{} {} {} {} {} {}",
            protocol.name,
            text(headline.method.as_deref()),
            text(headline.endpoint.as_deref()),
            text(headline.status.as_ref().map(|status| &*status.code)),
            headline.status.as_ref().map_or("-", |status| status.outcome.name()),
            text(headline.status.as_ref().map(|status| &*status.text)),
        )
    }

    /// What is told of one side under `name`.
    pub(super) fn told(&self, side: Side, name: &str) -> Vec<String> {
        let (half, other) = match side {
            Side::Client => (&self.request, &self.response),
            Side::Server => (&self.response, &self.request),
        };
        let protocol = self.protocol().unwrap();
        let mut told = Told { protocol, other: other.as_ref(), pairs: Vec::new() };
        (protocol.tell)(half.as_ref().unwrap(), &mut told);
        told.pairs.retain(|(found, _)| found == name);
        told.pairs.into_iter().map(|(_, value)| value).collect()
    }

    pub(super) fn asked(&self, name: &str) -> String {
        self.told(Side::Client, name).join("|")
    }

    pub(super) fn answered(&self, name: &str) -> String {
        self.told(Side::Server, name).join("|")
    }

    /// The answer's body came in pieces, each of them that many nanoseconds after its head.
    pub(super) fn came(&mut self, pieces: &[(u64, u64)]) {
        let moment = |(offset, at): &(u64, u64)| Moment { offset: *offset, at: Timestamp(*at) };
        let response = self.response.as_mut().unwrap();
        response.body.moments = Some(Box::new(Moments(pieces.iter().map(moment).collect())));
    }
}

struct Told<'m> {
    protocol: &'static Protocol,
    other: Option<&'m Message>,
    pairs: Vec<(String, String)>,
}

impl Tell for Told<'_> {
    fn field(&mut self, index: usize, value: Value<'_>) {
        let value = match value {
            Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Value::Integer(n) => n.to_string(),
            Value::Bool(b) => b.to_string(),
        };
        self.pairs.push((self.protocol.fields[index].name.to_owned(), value));
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        let name = format!("header:{}", String::from_utf8_lossy(name));
        self.pairs.push((name, String::from_utf8_lossy(value).into_owned()));
    }

    fn body(&mut self, _: BodyFacts<'_>) {}

    fn other(&self) -> Option<&Message> {
        self.other
    }
}
