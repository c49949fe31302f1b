//! NTP: time (RFC 5905, RFC 4330), control messages (RFC 9327) and the private ones of ntpd.
//!
//! An answer repeats when its question was sent: that time is the pair's number. Clients that don't
//! say when (all zero) can't be told apart; theirs is no pair.

mod probe;
mod show;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Role, Sink, Step};
use model::{Protocol, Side, Transport};

use self::wire::{Kind, Packet};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "ntp",
    about: "clocks: NTP, SNTP, and what asks a time server about itself",
    specification: "RFC 5905, RFC 4330, RFC 9327",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "ntp",
    protocol: &PROTOCOL,
    transports: &[Transport::Udp],
    names: &["ntp"],
    ports: &[123],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Ntp::default(), Framing::Datagram),
};

/// Datagrams in a row that make no sense, after which the flow is not ours.
const NONSENSE_MAX: u8 = 8;

/// One flow.
#[derive(Debug, Default)]
struct Ntp {
    nonsense: u8,
}

impl Dissector for Ntp {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(packet) = Packet::read(input) else {
            self.nonsense += 1;
            return if self.nonsense < NONSENSE_MAX { Step::Lost } else { Step::Leave };
        };
        self.nonsense = 0;
        let (role, number) = match packet.kind {
            Kind::Asks(number) => (Role::Asks, Some(number)),
            Kind::Answers(number) => (Role::Answers, Some(number)),
            Kind::Alone => (if from == Side::Client { Role::Asks } else { Role::Answers }, None),
        };
        // Servers on one port may ask each other.
        sink.begin_as(role, number.map_or(Pair::OneWay, Pair::Datagram));
        sink.record(input);
        sink.finish();
        Step::Took(input.len())
    }

    fn resync(&mut self, _from: Side, _input: &[u8]) -> Found {
        Found::At(0)
    }
}
