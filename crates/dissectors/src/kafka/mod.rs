//! Kafka: requests and responses of every API in every version.
//!
//! <https://kafka.apache.org/protocol>. One request has one response with the same number, but for
//! `Produce` without acknowledgement, which has none. A response does not say what it answers: it is
//! read by the table of its request, and not at all where that was not seen.
//!
//! Reading looks at the heads only. The start of a message goes to its record, the rest to its body;
//! fields, records and what they are compressed with are taken apart when they are shown. What
//! somebody proves who they are with is never written down: see `secrets`.

mod errors;
mod names;
mod probe;
mod record;
mod schema;
mod secrets;
mod session;
mod show;
mod walk;
mod wire;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Sink, Step};
use model::{Protocol, Side, Transport};

use self::{
    probe::Look,
    schema::Api,
    secrets::Secrets,
    session::Session,
    wire::{Cursor, Halt, Request, SIZE},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "kafka",
    about: "Kafka and what speaks like it: producing, fetching, groups, transactions, administration",
    specification: "https://kafka.apache.org/protocol",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "kafka",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &[],
    ports: &[9092, 9093, 9094, 9095, 19092, 29092, 39092],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Kafka::default(), Framing::Stream),
};

/// Bytes of a message that are waited for and written to its record.
const HEAD_MAX: usize = 2 << 10;
/// The same for a message that may hold secrets, all of which has to be looked at.
const SENSITIVE_MAX: usize = 16 << 10;
/// Bytes of a response that are waited for where it tells ids of topics beside their names.
const NAMING_MAX: usize = 16 << 10;
/// Bytes of a message at most; brokers take 100 MiB if they are not told otherwise.
const MESSAGE_MAX: usize = 1 << 30;
/// The API whose first version is followed by tokens without a header.
const SASL_HANDSHAKE: i16 = 17;
/// What is written over a secret.
const STARS: [u8; 64] = [b'*'; 64];

/// One connection.
#[derive(Debug, Default)]
struct Kafka {
    session: Session,
    /// Bytes still to come, by side, of a message that is not written down.
    hidden: [u32; 2],
}

/// There is one for every connection.
const _: () = assert!(size_of::<Kafka>() <= 160);

/// A message whose head is known.
struct Letter<'b> {
    from: Side,
    pair: Pair,
    /// What goes before its bytes in the record.
    mark: [u8; record::MARK],
    /// Its bytes, or the first of them.
    head: &'b [u8],
    /// Bytes behind them.
    left: usize,
    /// Where the bytes begin that its table describes.
    begin: usize,
    /// Its API and version, as far as they are known.
    api: Option<(&'static Api, i16)>,
}

// === impl Dissector ===

impl Dissector for Kafka {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.hidden_left(from) > 0 {
            return self.hide(from, input.len(), sink);
        }
        let done = match from {
            Side::Client => self.ask(input, sink),
            Side::Server => self.answer(input, sink),
        };
        done.unwrap_or_else(|step| step)
    }

    fn lost(&mut self, _from: Side) {
        self.session.lost();
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.session.join();
        self.set_hidden(from, 0);
        let look = match from {
            Side::Client => probe::request(input),
            Side::Server => probe::answer(input, &self.session),
        };
        match look {
            Look::Good => Found::At(0),
            Look::Short => Found::Maybe(0),
            Look::Bad => Found::Nowhere,
        }
    }
}

// === impl Kafka ===

impl Kafka {
    fn ask(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Step> {
        let (size, head) = frame(input, HEAD_MAX)?;
        let takes_token = self.session.takes_token();
        let Some(request) = Request::read(head).ok().filter(|r| may_be(r, takes_token)) else {
            return if takes_token { Ok(self.ask_token(size, sink)) } else { Err(Step::Lost) };
        };
        let api = request.api().map(|api| (api, request.version));
        let sensitive = api.is_none_or(|(api, _)| secrets::may_be_in(api, true));
        let (size, head) =
            if sensitive && api.is_some() { frame(input, SENSITIVE_MAX)? } else { (size, head) };
        let pair = if wants_no_answer(&request, head) {
            Pair::OneWay
        } else {
            self.session.ask(&request);
            number(request.correlation)
        };
        let mark = record::request();
        let (left, begin) = (size - head.len(), request.end);
        let letter = Letter { from: Side::Client, pair, mark, head, left, begin, api };
        Ok(self.write(&letter, sensitive, sink))
    }

    fn answer(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Result<Step, Step> {
        let (size, head) = frame(input, HEAD_MAX)?;
        if let Some(number) = self.session.token_answered() {
            return Ok(self.token(Side::Server, Pair::Id(number), size, sink));
        }
        let correlation = Cursor::new(head).int32().map_err(|_| Step::Lost)?;
        let asked = self.session.asked(correlation).map(|asked| (asked.key, asked.version));
        let asked = asked.or_else(|| {
            let pending = sink.question_by_id(number_of(correlation))?;
            record::asked(pending)
        });
        if asked.is_none() && self.session.is_doubtful(correlation) {
            return Err(Step::Lost);
        }
        let api = asked.and_then(|(key, version)| Some((schema::api(key)?, version)));
        let sensitive = api.is_none_or(|(api, _)| secrets::may_be_in(api, false));
        let (size, head) =
            if sensitive && api.is_some() { frame(input, SENSITIVE_MAX)? } else { (size, head) };
        let begin = api
            .and_then(|(api, version)| wire::response_body(api, version, head).ok())
            .unwrap_or(SIZE);
        if let Some((api, version)) = api.filter(|(api, version)| names::are_told(api, *version)) {
            let (_, more) = frame(input, NAMING_MAX)?;
            self.session.learn(api, version, more.get(begin..).unwrap_or_default(), sink);
        }
        if let Some((SASL_HANDSHAKE, 0)) = asked {
            self.session.grant(head.get(begin..).is_some_and(|body| body.starts_with(&[0, 0])));
        }
        self.session.answered(correlation);
        let letter = Letter {
            from: Side::Server,
            pair: number(correlation),
            mark: record::response(asked),
            head,
            left: size - head.len(),
            begin,
            api,
        };
        Ok(self.write(&letter, sensitive, sink))
    }

    /// Writes a message down, without its secrets.
    fn write(&mut self, letter: &Letter<'_>, sensitive: bool, sink: &mut Sink<'_, '_>) -> Step {
        sink.begin(letter.pair);
        self.session.attach(sink);
        if sensitive {
            return self.write_sensitive(letter, sink);
        }
        sink.record(&letter.mark);
        sink.record(letter.head);
        finish_or_body(SIZE + letter.head.len(), letter.left, sink)
    }

    /// Where it is not certain what is secret, only the head is written down.
    fn write_sensitive(&mut self, letter: &Letter<'_>, sink: &mut Sink<'_, '_>) -> Step {
        let (head, body) = letter.head.split_at_checked(letter.begin).unwrap_or_default();
        let took = SIZE + letter.head.len();
        if letter.left == 0
            && let Some(places) = letter.secrets(body)
        {
            sink.record(&letter.mark);
            sink.record(letter.head);
            for (begin, end) in places {
                blot(record::MARK + letter.begin, begin, end, sink);
            }
            sink.finish();
            return Step::Took(took);
        }
        sink.record(&record::hidden(letter.mark));
        sink.record(head);
        if letter.api.is_none() && !secrets::may_be_in_any(body, letter.left) {
            return finish_or_body(took, letter.left, sink);
        }
        self.set_hidden(letter.from, letter.left);
        if letter.left == 0 {
            sink.finish();
        }
        Step::Took(took)
    }

    fn ask_token(&mut self, size: usize, sink: &mut Sink<'_, '_>) -> Step {
        let number = self.session.token_asked();
        self.token(Side::Client, Pair::Id(number), size, sink)
    }

    /// A token of SASL: that there was one is written down, and its size.
    fn token(&mut self, from: Side, pair: Pair, size: usize, sink: &mut Sink<'_, '_>) -> Step {
        sink.begin(pair);
        sink.record(&record::token());
        self.set_hidden(from, size);
        if size == 0 {
            sink.finish();
        }
        Step::Took(SIZE)
    }

    /// Takes what is not written down.
    fn hide(&mut self, from: Side, there: usize, sink: &mut Sink<'_, '_>) -> Step {
        let left = self.hidden_left(from);
        let took = left.min(there);
        self.set_hidden(from, left - took);
        if took == left {
            sink.finish();
        }
        Step::Took(took)
    }

    fn hidden_left(&self, from: Side) -> usize {
        self.hidden.get(from as usize).map_or(0, |left| usize::try_from(*left).unwrap_or(0))
    }

    fn set_hidden(&mut self, from: Side, bytes: usize) {
        if let Some(left) = self.hidden.get_mut(from as usize) {
            *left = u32::try_from(bytes).unwrap_or(u32::MAX);
        }
    }
}

// === impl Letter ===

impl Letter<'_> {
    /// Where secrets are in its body; nothing if that is not certain.
    fn secrets(&self, body: &[u8]) -> Option<Vec<(usize, usize)>> {
        let (api, version) = self.api.filter(|(api, version)| api.knows(*version))?;
        let fields = if self.from == Side::Client { api.request } else { api.response };
        Secrets::find(fields, version, api.is_flexible(version), body)
    }
}

/// The open message ends with the `took` bytes of its head, or with the body behind them.
fn finish_or_body(took: usize, left: usize, sink: &mut Sink<'_, '_>) -> Step {
    if let Ok(body @ 1..) = u64::try_from(left) {
        return Step::Body { head: took, body };
    }
    sink.finish();
    Step::Took(took)
}

/// The size of the message at the front of `input`, and its first bytes, `max` at most.
fn frame(input: &[u8], max: usize) -> Result<(usize, &[u8]), Step> {
    let Some((size, rest)) = input.split_first_chunk::<SIZE>() else {
        return Err(Step::Need(SIZE));
    };
    let size = usize::try_from(i32::from_be_bytes(*size)).map_err(|_| Step::Lost)?;
    if size > MESSAGE_MAX {
        return Err(Step::Lost);
    }
    let head = size.min(max);
    rest.get(..head).map(|head| (size, head)).ok_or(Step::Need(SIZE + head))
}

/// Whether it may be a request, where the connection says that one begins here. Where a token may
/// come instead, it has to be one that is known.
fn may_be(request: &Request<'_>, takes_token: bool) -> bool {
    let known = request.api().is_some_and(|api| api.knows(request.version));
    (known || !takes_token && request.key >= 0 && request.version >= 0) && request.has_a_name()
}

/// A producer that asks for no acknowledgement gets no response.
fn wants_no_answer(request: &Request<'_>, head: &[u8]) -> bool {
    const PRODUCE: i16 = 0;
    let acks = || -> Result<i16, Halt> {
        let mut cursor = Cursor::new(head.get(request.end..).unwrap_or_default());
        if request.version >= 3 {
            let flexible = request.api().is_some_and(|api| api.is_flexible(request.version));
            let len = cursor.string_length(flexible)?.unwrap_or(0);
            cursor.take(len)?;
        }
        cursor.int16()
    };
    request.key == PRODUCE && acks() == Ok(0)
}

fn number(correlation: i32) -> Pair {
    Pair::Id(number_of(correlation))
}

fn number_of(correlation: i32) -> u64 {
    correlation.cast_unsigned().into()
}

/// Writes over what is in the record from `begin` to `end`, counted from `base`.
fn blot(base: usize, begin: usize, end: usize, sink: &mut Sink<'_, '_>) {
    let mut at = begin;
    while at < end {
        let stars = STARS.get(..end - at).unwrap_or(&STARS);
        sink.amend(base + at, stars);
        at += stars.len();
    }
}
