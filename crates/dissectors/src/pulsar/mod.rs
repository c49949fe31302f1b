//! Pulsar's binary protocol: commands in protocol buffers, messages behind them.
//!
//! Answers share a request id with their questions; what is sent shares producer and sequence, and
//! pings follow each other. Messages that a broker delivers, and permits, are one-way. What logins
//! carry is never written down.

mod codes;
mod show;
mod wire;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Role, Sink, Step, Verdict,
};
use model::{Protocol, Side, Transport};

use self::wire::{Front, PREFIX};
use crate::framed::{self, Halt};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "pulsar",
    about: "messages of Apache Pulsar: producers, consumers, lookups",
    specification: "https://pulsar.apache.org/docs/next/developing-binary-protocol/",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "pulsar",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["pulsar"],
    ports: &[6650, 6651],
    probe,
    open: |_| Reader::open(&PROTOCOL, Pulsar, Framing::Stream),
};

/// One connection.
#[derive(Debug)]
struct Pulsar;

impl Dissector for Pulsar {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let front = match Front::read(input) {
            Ok(front) => front,
            Err(halt) => return halt.step(),
        };
        let head = PREFIX + front.command;
        let record = input.get(..head).unwrap_or(input);
        let number = wire::number(record);
        match (codes::side(front.kind), number) {
            (_, None) => {
                let role = if from == Side::Client { Role::Asks } else { Role::Answers };
                sink.begin_as(role, Pair::OneWay);
            }
            (Some(codes::Says::Asks), Some(number)) => sink.begin_as(Role::Asks, Pair::Id(number)),
            (_, Some(number)) => sink.begin_as(Role::Answers, Pair::Id(number)),
        }
        sink.record(record);
        wire::secrets(record, |at| sink.amend(at, b"*"));
        framed::go(head, front.payload, sink)
    }

    fn resync(&mut self, _from: Side, input: &[u8]) -> Found {
        framed::find(input, |input| Front::read(input).map(|front| front.size()))
    }
}

/// Two lengths that fit each other, and a command that is what it says.
fn probe(hello: &Hello<'_>) -> Verdict {
    let front = match Front::read(hello.bytes) {
        Ok(front) => front,
        Err(Halt::Short(_)) if hello.more && Front::may_begin(hello.bytes) => {
            return Verdict::Maybe;
        }
        Err(_) => return Verdict::No,
    };
    let sent_by = codes::sender(front.kind);
    match (hello.from, sent_by) {
        (Some(from), Some(side)) if from != side => Verdict::No,
        (Some(from), _) => Verdict::Is(from),
        (None, Some(side)) => Verdict::Is(side),
        (None, None) => Verdict::Either,
    }
}
