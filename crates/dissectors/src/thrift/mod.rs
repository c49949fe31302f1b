//! Thrift in its binary and its compact protocol, framed and not: calls by their sequence number.
//!
//! A frame says how long it is; without one the arguments are walked over to find their end, as they come
//! where they are long.

mod loose;
mod show;
mod walk;
mod wire;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Sink, Step, Turns, Verdict,
};
use model::{Message, Protocol, Side, Transport};

use self::{
    loose::{Loose, Way},
    wire::{Front, Kind},
};
use crate::framed::{self, Halt};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "thrift",
    about: "remote calls of Apache Thrift: binary and compact, framed and not",
    specification: "https://github.com/apache/thrift/tree/master/doc/specs",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "thrift",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["thrift"],
    ports: &[9090, 9091, 9160],
    probe,
    open: |_| Reader::open(&PROTOCOL, Thrift::default(), Framing::Stream),
};

/// Bytes of a message that are written down; the rest is its body.
const RECORD_MAX: usize = 16 << 10;
/// Bytes of a message without a frame, at most, where it has to be there as a whole.
const LOOSE_MAX: usize = 48 << 10;

/// One connection.
#[derive(Debug, Default)]
struct Thrift {
    /// Whether its messages have frames, once one was seen.
    framed: Option<bool>,
    /// Bytes were lost: what follows a frame's length looks like a message without one.
    holed: bool,
    /// The client does not number its calls: many libraries say 0 each time.
    unnumbered: bool,
    /// The number of its last call.
    last: Option<u32>,
    /// Where each side's message without a frame is, while a long one is read.
    long: [Option<Box<Loose>>; 2],
}

impl Dissector for Thrift {
    /// Whoever does not number calls waits for each answer.
    const TURNS: Turns = Turns::Usual;

    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.long[from as usize].is_some() {
            return self.go_on(from, input);
        }
        let front = match Front::read(input) {
            Ok(front) if front.kind.side() == from && self.fits(&front) => front,
            Ok(_) => return Step::Lost,
            Err(halt) => return halt.step(),
        };
        let size = match front.frame.map_or_else(|| loose_size(&front, input), Ok) {
            Ok(size) => size,
            Err(Halt::Short(_)) if input.len() >= RECORD_MAX => {
                return self.begin_long(from, &front, input, sink);
            }
            Err(Halt::Short(need)) => return Step::Need(need.min(RECORD_MAX)),
            Err(halt) => return halt.step(),
        };
        let whole = usize::try_from(size).unwrap_or(usize::MAX).min(RECORD_MAX);
        let Some(record) = input.get(..whole) else { return Step::Need(whole) };
        self.framed = Some(front.frame.is_some());
        let Some(pair) = self.pair(&front, record, sink) else { return Step::Lost };
        sink.begin(pair);
        sink.record(record);
        framed::go(whole, size - whole as u64, sink)
    }

    fn lost(&mut self, _from: Side) {
        self.holed = true;
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.long[from as usize] = None;
        framed::find(input, |input| {
            let front = Front::read(input)?;
            let unsure = self.holed && self.framed.is_none() && front.frame.is_none();
            if front.kind.side() != from || !self.fits(&front) || unsure {
                return Err(Halt::Bad);
            }
            let size = size(&front, input)?;
            // The start of the arguments must be one, too, and their end where the frame's is.
            walk::check(&front, input, size)?;
            Ok(size)
        })
    }
}

// === impl Thrift ===

impl Thrift {
    /// Whether a message is framed as those before it were.
    fn fits(&self, front: &Front) -> bool {
        self.framed.is_none_or(|framed| framed == front.frame.is_some())
    }

    /// A message without a frame whose end is far: its first values are written down, the rest is its
    /// body.
    fn begin_long(
        &mut self,
        from: Side,
        front: &Front,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let mut loose = Loose::new(front.compact);
        let there = input.get(front.head..RECORD_MAX).unwrap_or_default();
        let Ok(Way::More(size)) = loose.walk(there) else { return Step::Lost };
        let written = (there.len() as u64).min(size);
        let head = front.head + usize::try_from(written).unwrap_or(there.len());
        self.framed = Some(false);
        let Some(pair) = self.pair(front, input, sink) else { return Step::Lost };
        self.long[from as usize] = Some(Box::new(loose));
        sink.begin(pair);
        sink.record(input.get(..head).unwrap_or(input));
        Step::Part { head, body: size - written }
    }

    /// How a message finds its other half: by its number, if the client gives each call one of its own; else
    /// by the order, in which the method must be the same. Nothing if it is not.
    fn pair(&mut self, front: &Front, bytes: &[u8], sink: &Sink<'_, '_>) -> Option<Pair> {
        let id = u64::from(front.sequence);
        if front.kind == Kind::OneWay {
            return Some(Pair::OneWay);
        }
        let asks = front.kind.side() == Side::Client;
        if asks && !self.unnumbered {
            let again = self.last.replace(front.sequence) == Some(front.sequence);
            self.unnumbered = front.sequence == 0 || again;
        }
        if !self.unnumbered && front.sequence != 0 {
            return Some(Pair::Id(id));
        }
        let asked = sink.question().filter(|_| !asks);
        let is_same = |question: &Message| {
            let asked = Front::read(&question.record).ok();
            asked.is_none_or(|asked| method(&asked, &question.record) == method(front, bytes))
        };
        asked.is_none_or(is_same).then_some(Pair::InOrder)
    }

    /// More of it.
    fn go_on(&mut self, from: Side, input: &[u8]) -> Step {
        let long = &mut self.long[from as usize];
        match long.as_mut().map(|loose| loose.walk(input)) {
            Some(Ok(Way::More(body))) => Step::Part { head: 0, body },
            Some(Ok(Way::End(body))) => {
                *long = None;
                Step::Body { head: 0, body }
            }
            Some(Err(halt @ Halt::Short(_))) => halt.step(),
            _ => {
                *long = None;
                Step::Lost
            }
        }
    }
}

/// The method alone: who answers for several services may leave the service's name away.
fn method<'b>(front: &Front, bytes: &'b [u8]) -> &'b [u8] {
    let name = bytes.get(front.name.0..front.name.1).unwrap_or_default();
    name.rsplit(|byte| *byte == b':').next().unwrap_or(name)
}

/// Bytes of the message at the front.
fn size(front: &Front, input: &[u8]) -> Result<u64, Halt> {
    if let Some(size) = front.frame {
        return Ok(size);
    }
    match loose_size(front, input) {
        Err(Halt::Short(need)) if need > LOOSE_MAX => Err(Halt::Bad),
        size => size,
    }
}

/// The same without a frame; `Short` where the end is farther than is looked.
fn loose_size(front: &Front, input: &[u8]) -> Result<u64, Halt> {
    let looked = input.get(..LOOSE_MAX).unwrap_or(input);
    walk::end(front.compact, looked, front.head).map(|end| end as u64)
}

/// A version, a name that can be one, and arguments that begin as arguments do.
fn probe(hello: &Hello<'_>) -> Verdict {
    let front = match Front::read(hello.bytes) {
        Ok(front) => front,
        Err(Halt::Short(_)) if hello.more && Front::may_begin(hello.bytes) => {
            return Verdict::Maybe;
        }
        Err(_) => return Verdict::No,
    };
    let side = front.kind.side();
    if hello.from.is_some_and(|from| from != side) {
        return Verdict::No;
    }
    match size(&front, hello.bytes).and_then(|size| walk::check(&front, hello.bytes, size)) {
        Ok(()) => Verdict::Is(side),
        // Long arguments: what there is of them fits.
        Err(Halt::Short(_)) if hello.more => Verdict::Maybe,
        Err(Halt::Short(_)) if !front.compact || hello.usual_port() => Verdict::Is(side),
        Err(_) => Verdict::No,
    }
}
