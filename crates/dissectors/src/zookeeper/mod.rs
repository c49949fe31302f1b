//! ZooKeeper's client protocol: requests and responses by their number, sessions, watches, and the
//! words of four letters.
//!
//! A response does not say what it is to: its operation is written down from the question. Passwords of
//! sessions and what authentication carries are never written down.

mod codes;
mod show;
mod wire;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Sink, Step, UNTIL_END, Verdict,
};
use model::{Protocol, Side, Transport};

use self::wire::{CONNECT, Front, WORD};
use crate::framed::{self, Halt, u32_at};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "zookeeper",
    about: "coordination: ZooKeeper's clients, with sessions and watches",
    specification: "https://github.com/apache/zookeeper/blob/master/zookeeper-jute/src/main/resources/zookeeper.jute",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "zookeeper",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["zookeeper"],
    ports: &[2181, 2182],
    probe,
    open: |_| Reader::open(&PROTOCOL, ZooKeeper::default(), Framing::Stream),
};

/// Bytes of a message that are written down; the rest is its body.
const RECORD_MAX: usize = 8 << 10;

/// Bytes of a message that is waited for after a loss, at most.
const WHOLE_MAX: usize = 32 << 10;

/// One connection.
#[derive(Debug, Default)]
struct ZooKeeper {
    /// The client sent a word: all that comes is its answer.
    word: bool,
    /// By side: the first message, which has another form, is behind us.
    begun: [bool; 2],
}

// === impl Dissector ===

impl Dissector for ZooKeeper {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        match from {
            Side::Client => self.ask(input, sink),
            Side::Server => self.answer(input, sink),
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        // Who is joined late, or lost bytes, has most likely a session already.
        let begun = !wire::is_first(from, input);
        self.begun[from as usize] = begun;
        framed::find(input, |input| match wire::sound(from, begun, input)? {
            // Zeros and small numbers look like a start: the end must be seen, too.
            size if size > input.len() as u64 => match usize::try_from(size) {
                Ok(size) if size <= WHOLE_MAX => Err(Halt::Short(size)),
                _ => Err(Halt::Bad),
            },
            size => Ok(size),
        })
    }
}

// === impl ZooKeeper ===

impl ZooKeeper {
    fn ask(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(first) = u32_at(input, 0) else { return Step::Need(4) };
        if !self.begun[Side::Client as usize] && codes::word(first).is_some() {
            self.word = true;
            sink.begin(Pair::InOrder);
            sink.record(&[WORD]);
            sink.record(input.get(..4).unwrap_or(input));
            sink.finish();
            return Step::Took(4);
        }
        let is_first = !std::mem::replace(&mut self.begun[Side::Client as usize], true);
        let front = match Front::read(Side::Client, !is_first, input) {
            Ok(front) => front,
            Err(halt) => {
                self.begun[Side::Client as usize] = !is_first;
                return halt.step();
            }
        };
        let whole = front.size.min(RECORD_MAX);
        let Some(record) = input.get(..whole) else {
            self.begun[Side::Client as usize] = !is_first;
            return Step::Need(whole);
        };
        sink.begin(pair(&front));
        sink.record(&front.op.to_be_bytes());
        sink.record(record);
        for at in wire::secrets(&front, record) {
            sink.amend(wire::OP + at, b"*");
        }
        framed::go(whole, (front.size - whole) as u64, sink)
    }

    fn answer(&mut self, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.word {
            sink.begin(Pair::InOrder);
            sink.record(&[WORD]);
            return Step::Body { head: 0, body: UNTIL_END };
        }
        let begun = self.begun[Side::Server as usize];
        let front = match Front::read(Side::Server, begun, input) {
            Ok(front) => front,
            Err(halt) => return halt.step(),
        };
        let whole = front.size.min(RECORD_MAX);
        let Some(record) = input.get(..whole) else { return Step::Need(whole) };
        self.begun[Side::Server as usize] = true;
        let is_event = front.xid == codes::EVENT && begun;
        let pair = if is_event { Pair::OneWay } else { pair(&front) };
        let question = match pair {
            Pair::InOrder => sink.question(),
            _ => sink.question_by_id(front.number()),
        };
        let asked = question.and_then(|it| it.record.first_chunk::<{ wire::OP }>().copied());
        let is_its = |asked: [u8; wire::OP]| {
            codes::number(i32::from_be_bytes(asked)).is_none_or(|number| number == front.xid)
        };
        if pair == Pair::InOrder && !asked.is_none_or(is_its) {
            return Step::Lost;
        }
        let op = if begun { asked } else { Some(CONNECT.to_be_bytes()) };
        sink.begin(pair);
        let op = if is_event { codes::EVENT_OP.to_be_bytes() } else { op.unwrap_or(wire::UNKNOWN) };
        sink.record(&op);
        sink.record(record);
        if !begun {
            for at in wire::secrets(&front, record) {
                sink.amend(wire::OP + at, b"*");
            }
        }
        framed::go(whole, (front.size - whole) as u64, sink)
    }
}

/// How a message finds its other half: by its number; where all of a kind share one, by the order.
fn pair(front: &Front) -> Pair {
    let is_shared = front.op != CONNECT && codes::is_shared(front.xid);
    if is_shared { Pair::InOrder } else { Pair::Id(front.number()) }
}

fn probe(hello: &Hello<'_>) -> Verdict {
    let word = u32_at(hello.bytes, 0).and_then(codes::word);
    let may = |side: Side| hello.from.is_none_or(|from| from == side);
    if word.is_some() && hello.to_usual_port && hello.bytes.len() <= 6 && may(Side::Client) {
        return Verdict::Is(Side::Client);
    }
    let mut short = false;
    for side in [Side::Client, Side::Server].into_iter().filter(|side| may(*side)) {
        for begun in [false, true] {
            // Later answers have little that is theirs alone.
            let weak = begun && side == Side::Server && !hello.from_usual_port;
            match wire::sound(side, begun, hello.bytes) {
                Ok(size) if !weak && size == hello.bytes.len() as u64 => return Verdict::Is(side),
                Ok(_) if !weak && hello.usual_port() => return Verdict::Is(side),
                Err(Halt::Short(_)) if !weak => short = true,
                _ => {}
            }
        }
    }
    if short && hello.more && hello.bytes.len() < 64 { Verdict::Maybe } else { Verdict::No }
}
