//! RADIUS: authentication, accounting and changes of authorization over UDP (RFC 2865, RFC 2866,
//! RFC 5176).
//!
//! A question is told by its identifier and its authenticator; an answer repeats the identifier only,
//! and is to the last question with it. Passwords, and what stands for them, are never written down.

mod attributes;
mod codes;
mod probe;
mod show;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Role, Sink, Step};
use model::{Protocol, Side, Transport};

use self::wire::{Attributes, Head};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "radius",
    about: "who may use a network, and for how long: RADIUS",
    specification: "RFC 2865, RFC 2866, RFC 2869, RFC 5176",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "radius",
    protocol: &PROTOCOL,
    transports: &[Transport::Udp],
    names: &["radius"],
    ports: &[1812, 1813, 1645, 1646, 3799, 1700],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Radius::default(), Framing::Datagram),
};

/// Datagrams in a row that make no sense, after which the flow is not ours.
const NONSENSE_MAX: u8 = 8;
/// Questions remembered by their identifier: all of them, for the kinds of questions there are.
const KINDS: usize = 5;
const RECENT_MAX: usize = KINDS * 256;

/// One flow.
#[derive(Debug, Default)]
struct Radius {
    nonsense: u8,
    /// The last question's number by kind and identifier, sorted.
    recent: Vec<(u16, u32)>,
}

impl Dissector for Radius {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(head) = Head::read(input, sink.cut()) else {
            self.nonsense += 1;
            return if self.nonsense < NONSENSE_MAX { Step::Lost } else { Step::Leave };
        };
        self.nonsense = 0;
        let Some((kind, role)) = codes::kind(head.code) else {
            sink.begin_as(
                if from == Side::Client { Role::Asks } else { Role::Answers },
                Pair::OneWay,
            );
            sink.record(input);
            sink.finish();
            return Step::Took(input.len());
        };
        let place = u16::from(kind) << 8 | u16::from(head.id);
        let hash = match role {
            Role::Asks => self.asked(place, head.hash(), sink),
            Role::Answers => self.recall(place),
        };
        let number = u64::from(place) << 32 | u64::from(hash);
        sink.begin_as(role, Pair::Datagram(number));
        sink.record(input);
        Attributes::of(input).for_each(|attribute| {
            if attribute.is_secret() {
                for at in attribute.place() {
                    sink.amend(at, b"*");
                }
            }
        });
        sink.finish();
        Step::Took(input.len())
    }

    fn resync(&mut self, _from: Side, _input: &[u8]) -> Found {
        Found::At(0)
    }
}

// === impl Radius ===

impl Radius {
    /// Remembers a question; what makes it different from the last one with its identifier.
    fn asked(&mut self, place: u16, hash: u32, sink: &mut Sink<'_, '_>) -> u32 {
        match self.recent.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(at) => {
                if let Some(known) = self.recent.get_mut(at) {
                    known.1 = hash;
                }
            }
            Err(at) if self.recent.len() < RECENT_MAX => {
                let bytes = (self.recent.len() + 1) * size_of::<(u16, u32)>();
                if bytes > 512 && !sink.hold(bytes.next_power_of_two()) {
                    return hash;
                }
                self.recent.insert(at, (place, hash));
            }
            Err(_) => {}
        }
        hash
    }

    fn recall(&self, place: u16) -> u32 {
        let at = self.recent.binary_search_by_key(&place, |(place, _)| *place).ok();
        at.and_then(|at| self.recent.get(at)).map_or(0, |(_, hash)| *hash)
    }
}
