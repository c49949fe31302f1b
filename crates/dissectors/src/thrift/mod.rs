//! Thrift in its binary and its compact protocol, framed and not: calls by their sequence number.
//!
//! A frame says how long it is; without one the arguments are walked over to find their end.

mod show;
mod walk;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Sink, Step, Verdict};
use model::{Protocol, Side, Transport};

use self::wire::{Front, Kind};
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
/// Bytes of a message without a frame, at most.
const LOOSE_MAX: usize = 48 << 10;

/// One connection.
#[derive(Debug, Default)]
struct Thrift {
    /// Whether its messages have frames, once one was seen.
    framed: Option<bool>,
    /// Bytes were lost: what follows a frame's length looks like a message without one.
    holed: bool,
}

impl Dissector for Thrift {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let front = match Front::read(input) {
            Ok(front) if front.kind.side() == from && self.fits(&front) => front,
            Ok(_) => return Step::Lost,
            Err(halt) => return halt.step(),
        };
        let size = match size(&front, input) {
            Ok(size) => size,
            Err(halt) => return halt.step(),
        };
        let whole = usize::try_from(size).unwrap_or(usize::MAX).min(RECORD_MAX);
        let Some(record) = input.get(..whole) else { return Step::Need(whole) };
        self.framed = Some(front.frame.is_some());
        let pair = Pair::Id(front.sequence.into());
        sink.begin(if front.kind == Kind::OneWay { Pair::OneWay } else { pair });
        sink.record(record);
        framed::go(whole, size - whole as u64, sink)
    }

    fn lost(&mut self, _from: Side) {
        self.holed = true;
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
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
}

/// Bytes of the message at the front.
fn size(front: &Front, input: &[u8]) -> Result<u64, Halt> {
    if let Some(size) = front.frame {
        return Ok(size);
    }
    match walk::end(front.compact, input, front.head) {
        Ok(end) if end <= LOOSE_MAX => Ok(end as u64),
        Err(Halt::Short(need)) if need <= LOOSE_MAX => Err(Halt::Short(need)),
        _ => Err(Halt::Bad),
    }
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
