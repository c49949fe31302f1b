//! NATS: the text protocol of clients, routes, gateways and leaf nodes.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>. A line is one message; some
//! lines are followed by headers and payload. Most of them nobody answers. Calls are: `PING` and
//! `PONG`, in order; each line of a client and `+OK`, in order, in verbose mode; a message that names a
//! subject for its answer, and the first message that comes there on the same connection.
//!
//! The proofs in `CONNECT` are never written down: see `secrets`.

mod inbox;
mod jetstream;
mod line;
mod probe;
mod record;
mod resync;
mod secrets;
mod show;
#[cfg(test)]
mod tests;
mod verb;

use dissect::{Dissection, Dissector, Found, Framing, Next, Pair, Reader, Role, Sink, Step};
use model::{Protocol, Side, Transport};

use self::{
    inbox::Inboxes,
    line::{Line, Link, Load, Words},
    record::View,
    verb::Verb,
};

/// Bytes of headers written down of one message, at most.
const HEADERS_MAX: usize = 16 << 10;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "nats",
    about: "NATS: publish, subscribe, request and reply, JetStream; clients, routes and leaf nodes",
    specification: "https://docs.nats.io/reference/reference-protocols/nats-protocol",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "nats",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["nats"],
    ports: &[4222, 6222, 7222, 7422],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Nats::default(), Framing::Stream),
};

/// One connection.
#[derive(Debug, Default)]
struct Nats {
    awaits: [Awaits; 2],
    /// Reply subjects in use; only for connections that ask.
    inboxes: Option<Box<Inboxes>>,
    /// Counts losses: what was asked before one is not taken for what came after it.
    epoch: u32,
    verbose: Verbose,
    link: Link,
    /// The client has spoken.
    spoken: bool,
}

/// There is one for every connection.
const _: () = assert!(size_of::<Nats>() <= 96);

/// What comes next of one side.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Awaits {
    /// A line.
    #[default]
    Line,
    /// Headers: so many bytes, then payload.
    Headers { left: u64, payload: u64 },
    /// The line end behind payload.
    Tail,
}

/// Whether the server says `+OK` to each line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Verbose {
    /// So it does until `CONNECT` says otherwise.
    #[default]
    Yes,
    /// It does not.
    No,
    /// `CONNECT` was not seen.
    Unknown,
}

// === impl Dissector ===

impl Dissector for Nats {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match self.awaits[from as usize] {
            Awaits::Line => self.line(from, input, sink),
            Awaits::Headers { left, payload } => self.headers(from, input, left, payload, sink),
            Awaits::Tail => self.tail(from, input, sink),
        }
    }

    fn lost(&mut self, from: Side) {
        if from == Side::Client {
            self.verbose = Verbose::Unknown;
        }
        self.epoch = self.epoch.wrapping_add(1);
        if let Some(inboxes) = &mut self.inboxes {
            inboxes.distrust();
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.awaits[from as usize] = Awaits::Line;
        if from == Side::Client {
            self.verbose = Verbose::Unknown;
            self.spoken = true;
        }
        resync::find(from, input)
    }
}

// === impl Nats ===

impl Nats {
    /// A message begins.
    fn line(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        // After `INFO` both may go on in TLS.
        if !self.spoken && from == Side::Client && matches!(input, [0x16] | [0x16, 3, ..]) {
            return Step::Become { took: 0, next: Next::Within("tls") };
        }
        let line = match Line::read(input) {
            Ok(line) => line,
            Err(halt) => return halt.step(),
        };
        self.learn(from, &line);
        let (role, pair) = match (from, line.verb) {
            (_, Verb::Ping) => (Role::Asks, Some(Pair::InOrder)),
            (_, Verb::Pong) => (Role::Answers, answers(sink, |verb| verb == Verb::Ping)),
            (Side::Client, _) => (Role::Asks, Some(self.ask(&line))),
            (Side::Server, _) => (Role::Answers, self.answer(&line, sink)),
        };
        let Some(pair) = pair else { return Step::Lost };
        sink.begin_as(role, pair);
        self.write(&line, sink);
        let Some(Load { headers, payload }) = line.load else {
            sink.finish();
            return Step::Took(line.size);
        };
        if headers > 0 {
            self.awaits[from as usize] = Awaits::Headers { left: headers, payload };
            return Step::Took(line.size);
        }
        self.awaits[from as usize] = Awaits::Tail;
        Step::Part { head: line.size, body: payload }
    }

    fn headers(
        &mut self,
        from: Side,
        input: &[u8],
        left: u64,
        payload: u64,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let room = HEADERS_MAX.saturating_sub(sink.recorded().len());
        sink.record(input.get(..size.min(room)).unwrap_or_default());
        let left = left.saturating_sub(size as u64);
        if left > 0 {
            self.awaits[from as usize] = Awaits::Headers { left, payload };
            return Step::Took(size);
        }
        self.awaits[from as usize] = Awaits::Tail;
        Step::Part { head: size, body: payload }
    }

    fn tail(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match input {
            [b'\r', b'\n', ..] => {
                self.awaits[from as usize] = Awaits::Line;
                sink.finish();
                Step::Took(2)
            }
            [b'\r'] => Step::Need(2),
            _ => Step::Lost,
        }
    }

    /// What a line says of the connection.
    fn learn(&mut self, from: Side, line: &Line<'_>) {
        self.spoken |= from == Side::Client;
        match line.verb {
            Verb::Connect => {
                let verbose = secrets::is_verbose(line.rest);
                self.verbose = if verbose { Verbose::Yes } else { Verbose::No };
            }
            Verb::RouteSub
            | Verb::RouteUnsub
            | Verb::RouteMsg
            | Verb::AccountSub
            | Verb::AccountUnsub => self.link = Link::Route,
            Verb::LeafSub | Verb::LeafUnsub => self.link = Link::Leaf,
            Verb::LeafMsg if self.link == Link::Client => self.link = Link::Leaf,
            // Only between servers both introduce themselves.
            Verb::Info if from == Side::Client && self.link == Link::Client => {
                self.link = Link::Route;
            }
            // What a client calls a subscription has no dots; a subject in its place has.
            Verb::Hmsg if self.link == Link::Client => {
                let sid = Words::of(line.verb, line.rest, self.link).sid;
                if sid.is_some_and(|sid| sid.contains(&b'.')) {
                    self.link = Link::Route;
                }
            }
            _ => {}
        }
    }

    fn write(&self, line: &Line<'_>, sink: &mut Sink<'_, '_>) {
        let is_json = matches!(line.verb, Verb::Info | Verb::Connect);
        sink.record(&record::head(line, self.link, !is_json));
        match line.verb {
            Verb::Connect => secrets::masked(line.rest, |piece| sink.body(piece)),
            Verb::Info => sink.body(line.rest),
            _ => sink.record(line.rest),
        }
    }
}

// === impl Nats: what belongs together ===

impl Nats {
    /// How the answer to a line of the client will be known.
    fn ask(&mut self, line: &Line<'_>) -> Pair {
        match line.verb {
            _ if self.link != Link::Client => Pair::OneWay,
            Verb::Connect | Verb::Pub | Verb::Hpub | Verb::Sub | Verb::Unsub
                if self.verbose == Verbose::Yes =>
            {
                Pair::InOrder
            }
            Verb::Pub | Verb::Hpub => self.request(line),
            _ => Pair::OneWay,
        }
    }

    /// A message that may name a subject for its answer.
    fn request(&mut self, line: &Line<'_>) -> Pair {
        let Some(reply) = Words::of(line.verb, line.rest, self.link).reply else {
            return Pair::OneWay;
        };
        // What is pulled comes under its own subject, and as often as was asked for.
        if jetstream::is_pull(line.rest) {
            return Pair::OneWay;
        }
        let hash = inbox::hash(reply);
        let sure = self.inboxes.get_or_insert_default().asked(hash);
        if sure { Pair::Id(id(hash, self.epoch)) } else { Pair::OneWay }
    }

    /// Which question a line of the server answers; nothing if something must have been lost.
    fn answer(&mut self, line: &Line<'_>, sink: &Sink<'_, '_>) -> Option<Pair> {
        match line.verb {
            Verb::Ok if self.verbose == Verbose::No => Some(Pair::OneWay),
            Verb::Ok => {
                self.verbose = Verbose::Yes;
                answers(sink, |verb| verb != Verb::Ping)
            }
            Verb::Err if refuses(line.rest, sink) => Some(Pair::InOrder),
            Verb::Msg | Verb::Hmsg if self.link == Link::Client => Some(self.reply(line, sink)),
            _ => Some(Pair::OneWay),
        }
    }

    /// A message that may be the answer that somebody waits for.
    fn reply(&mut self, line: &Line<'_>, sink: &Sink<'_, '_>) -> Pair {
        let Some(inboxes) = &mut self.inboxes else { return Pair::OneWay };
        let Some(subject) = Words::of(line.verb, line.rest, self.link).subject else {
            return Pair::OneWay;
        };
        let hash = inbox::hash(subject);
        let id = id(hash, self.epoch);
        let question = sink.question_by_id(id).and_then(View::of);
        let wanted = question.and_then(|question| question.words().reply);
        let sure = inboxes.heard(hash) && wanted == Some(subject);
        if sure { Pair::Id(id) } else { Pair::OneWay }
    }
}

/// The number of a request: no two epochs share one.
fn id(hash: u64, epoch: u32) -> u64 {
    hash ^ u64::from(epoch).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The pair of an answer if the question that is next is one that it may answer.
fn answers(sink: &Sink<'_, '_>, fits: fn(Verb) -> bool) -> Option<Pair> {
    let question = sink.question().and_then(View::of);
    question.is_none_or(|question| fits(question.verb)).then_some(Pair::InOrder)
}

/// Whether an error stands in the place of the `+OK` to the question that is next. Most errors come
/// whenever they come.
fn refuses(error: &[u8], sink: &Sink<'_, '_>) -> bool {
    let Some(question) = sink.question().and_then(View::of) else { return false };
    let about = |what: &[u8]| memchr::memmem::find(error, what).is_some();
    let names_subject = || {
        let subject = question.words().subject.unwrap_or(b"?");
        about(&[b"to \"", subject, b"\""].concat())
    };
    match question.verb {
        Verb::Connect => about(b"Authorization Violation") || about(b"Invalid Client Protocol"),
        Verb::Pub | Verb::Hpub => {
            about(b"Maximum Payload Violation")
                || about(b"Permissions Violation for Publish") && names_subject()
        }
        Verb::Sub => {
            about(b"Invalid Subject")
                || about(b"Permissions Violation for Subscription") && names_subject()
        }
        _ => false,
    }
}
