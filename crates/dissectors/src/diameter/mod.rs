//! Diameter over TCP and SCTP (RFC 6733): requests and answers by their hop-by-hop identifiers.
//!
//! Both sides may ask. Keys, passwords and authentication vectors are never written down.

mod avps;
mod codes;
mod probe;
mod show;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Role, Sink, Step};
use model::{Protocol, Side, Transport};

use self::wire::{Avps, HEAD, Head};
use crate::framed;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "diameter",
    about: "authorization, accounting and charging in mobile networks: Diameter",
    specification: "RFC 6733, RFC 8506, 3GPP TS 29.212, TS 29.229, TS 29.272, TS 32.299",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "diameter",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp, Transport::Sctp],
    // RFC 6733 §2.1.
    names: &["diameter", "ppid-46"],
    ports: &[3868, 5868],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Diameter, Framing::Stream),
};

/// Bytes of one message that are written down; the rest is its body.
const RECORD_MAX: usize = 32 << 10;

/// One connection.
#[derive(Debug)]
struct Diameter;

impl Dissector for Diameter {
    fn read(&mut self, _from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let head = match Head::read(input) {
            Ok(head) => head,
            Err(halt) => return halt.step(),
        };
        let whole = usize::try_from(head.len).unwrap_or(usize::MAX).min(RECORD_MAX);
        let Some(record) = input.get(..whole) else { return Step::Need(whole) };
        let role = if head.is_request() { Role::Asks } else { Role::Answers };
        sink.begin_as(role, Pair::Id(head.hop_by_hop.into()));
        sink.record(record);
        wire::secrets(record, |at| sink.amend(at, b"*"));
        framed::go(whole, u64::from(head.len) - whole as u64, sink)
    }

    fn resync(&mut self, _from: Side, input: &[u8]) -> Found {
        framed::find(input, |input| {
            let head = Head::read(input)?;
            let looked = usize::try_from(head.len).unwrap_or(usize::MAX).min(HEAD + 8);
            if input.len() < looked {
                return Err(framed::Halt::Short(looked));
            }
            if Avps::may_begin(input.get(HEAD..).unwrap_or_default(), &head) {
                Ok(head.len.into())
            } else {
                Err(framed::Halt::Bad)
            }
        })
    }
}
