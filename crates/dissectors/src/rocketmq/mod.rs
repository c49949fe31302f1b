//! RocketMQ's remoting protocol, with heads in JSON and in its own form: commands by their number.
//!
//! Both sides may ask. Signatures and tokens are never written down.

mod codes;
mod head;
mod show;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Role, Sink, Step, Verdict,
};
use model::{Protocol, Side, Transport};

use self::head::{Front, PREFIX};
use crate::framed::{self, Halt};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "rocketmq",
    about: "messages of Apache RocketMQ: name servers, brokers, producers, consumers",
    specification: "https://github.com/apache/rocketmq/tree/develop/remoting",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "rocketmq",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["rocketmq"],
    ports: &[9876, 10911, 10909, 10912],
    probe,
    open: |_| Reader::open(&PROTOCOL, RocketMq, Framing::Stream),
};

/// One connection.
#[derive(Debug)]
struct RocketMq;

impl Dissector for RocketMq {
    fn read(&mut self, _from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let front = match Front::read(input) {
            Ok(front) => front,
            Err(halt) => return halt.step(),
        };
        let pair = Pair::Id(front.opaque.into());
        match front.flag & 3 {
            0 => sink.begin_as(Role::Asks, pair),
            1 => sink.begin_as(Role::Answers, pair),
            _ => sink.begin_as(Role::Asks, Pair::OneWay),
        }
        let head = PREFIX + front.head;
        let record = input.get(..head).unwrap_or(input);
        sink.record(record);
        head::secrets(record, |at| sink.amend(at, b"*"));
        framed::go(head, front.body, sink)
    }

    fn resync(&mut self, _from: Side, input: &[u8]) -> Found {
        framed::find(input, |input| Front::read(input).map(|front| front.size()))
    }
}

/// Heads name what is in them, or fit to the byte.
fn probe(hello: &Hello<'_>) -> Verdict {
    let front = match Front::read(hello.bytes) {
        Ok(front) => front,
        Err(Halt::Short(_)) if hello.more && Front::may_begin(hello.bytes) => {
            return Verdict::Maybe;
        }
        Err(_) => return Verdict::No,
    };
    let side = if front.flag & 1 == 0 { Side::Client } else { Side::Server };
    // Brokers ask their clients, too.
    Verdict::Is(hello.from.unwrap_or(side))
}
