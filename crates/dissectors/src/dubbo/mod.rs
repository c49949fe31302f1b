//! Dubbo 2 (the `dubbo://` protocol): calls and heartbeats by their id.

mod body;
mod show;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Role, Sink, Step, Verdict,
};
use model::{Protocol, Side, Transport};

use crate::framed::{self, Halt, Read, u16_at, u32_at, u64_at};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "dubbo",
    about: "remote calls of Apache Dubbo 2 (Hessian 2, Kryo, Fastjson)",
    specification: "https://dubbo.apache.org/en/overview/reference/protocols/tcp/",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "dubbo",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["dubbo"],
    ports: &[20880],
    probe,
    open: |_| Reader::open(&PROTOCOL, Dubbo, Framing::Stream),
};

const MAGIC: u16 = 0xdabb;
/// Bytes of a head.
const HEAD: usize = 16;
/// Bytes of a body that are written down with the head; the rest is the body.
const START_MAX: usize = 4 << 10;
/// The largest body (8 MiB unless somebody raised it).
const BODY_MAX: u32 = 256 << 20;

/// What stands in front.
#[derive(Clone, Copy, Debug)]
struct Head {
    flags: u8,
    status: u8,
    id: u64,
    len: u32,
}

/// One connection.
#[derive(Debug)]
struct Dubbo;

// === impl Head ===

impl Head {
    fn read(input: &[u8]) -> Read<Self> {
        // A wrong start is known before the rest is there.
        if !MAGIC.to_be_bytes().starts_with(input.get(..2).unwrap_or(input)) {
            return Err(Halt::Bad);
        }
        let short = Halt::Short(HEAD);
        let (Some(MAGIC), Some(id), Some(len)) =
            (u16_at(input, 0), u64_at(input, 4), u32_at(input, 12))
        else {
            return Err(short);
        };
        let &[_, _, flags, status, ..] = input else { return Err(short) };
        let head = Self { flags, status, id, len };
        let sound = body::serialization(flags).is_some()
            && len <= BODY_MAX
            && (!head.asks() || status == 0 || head.is_event())
            && (head.asks() || show::status(status).is_some());
        if sound { Ok(head) } else { Err(Halt::Bad) }
    }

    fn asks(self) -> bool {
        self.flags & 0x80 != 0
    }

    /// A heartbeat, or another message between the ends of the connection.
    fn is_event(self) -> bool {
        self.flags & 0x20 != 0
    }

    fn wants_answer(self) -> bool {
        self.flags & 0x40 != 0
    }
}

// === impl Dissector ===

impl Dissector for Dubbo {
    fn read(&mut self, _from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let head = match Head::read(input) {
            Ok(head) => head,
            Err(halt) => return halt.step(),
        };
        let start = usize::try_from(head.len).unwrap_or(usize::MAX).min(START_MAX);
        let Some(record) = input.get(..HEAD + start) else { return Step::Need(HEAD + start) };
        let pair = Pair::Id(head.id);
        match (head.asks(), head.wants_answer()) {
            (true, true) => sink.begin_as(Role::Asks, pair),
            (true, false) => sink.begin_as(Role::Asks, Pair::OneWay),
            (false, _) => sink.begin_as(Role::Answers, pair),
        }
        sink.record(record);
        framed::go(HEAD + start, u64::from(head.len) - start as u64, sink)
    }

    fn resync(&mut self, _from: Side, input: &[u8]) -> Found {
        framed::find(input, |input| Head::read(input).map(|head| HEAD as u64 + u64::from(head.len)))
    }
}

/// Nobody else's messages begin like this.
fn probe(hello: &Hello<'_>) -> Verdict {
    match Head::read(hello.bytes) {
        Ok(head) => {
            let side = if head.asks() { Side::Client } else { Side::Server };
            // Heartbeats come from either side.
            match hello.from {
                Some(from) if from == side || head.is_event() => Verdict::Is(from),
                Some(_) => Verdict::No,
                None if head.is_event() => Verdict::Either,
                None => Verdict::Is(side),
            }
        }
        Err(Halt::Short(_)) if hello.more && hello.bytes.len() >= 2 => Verdict::Maybe,
        Err(_) => Verdict::No,
    }
}
