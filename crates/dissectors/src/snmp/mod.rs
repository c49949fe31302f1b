//! SNMP over UDP in versions 1, 2c and 3 (RFC 1157, RFC 3416, RFC 3412).
//!
//! Questions and answers share a request id; in version 3 a message id, since the rest may be
//! encrypted. Communities are passwords, and are never written down; nor are digests.

mod names;
mod probe;
mod show;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Reader, Role, Sink, Step};
use model::{Protocol, Side, Transport};

use self::wire::{Letter, pdu};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "snmp",
    about: "network management: SNMP versions 1, 2c and 3",
    specification: "RFC 1157, RFC 3416, RFC 3412, RFC 3414",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "snmp",
    protocol: &PROTOCOL,
    transports: &[Transport::Udp],
    names: &["snmp"],
    ports: &[161, 162],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Snmp::default(), Framing::Datagram),
};

/// Datagrams in a row that make no sense, after which the flow is not ours.
const NONSENSE_MAX: u8 = 8;

/// One flow.
#[derive(Debug, Default)]
struct Snmp {
    nonsense: u8,
}

impl Dissector for Snmp {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(letter) = Letter::read(input) else {
            self.nonsense += 1;
            return if self.nonsense < NONSENSE_MAX { Step::Lost } else { Step::Leave };
        };
        self.nonsense = 0;
        let (role, pair) = match letter.pdu {
            // Nobody answers a trap.
            Some(pdu::TRAP_V1 | pdu::TRAP) => (Role::Asks, Pair::OneWay),
            Some(pdu::RESPONSE | pdu::REPORT) => (Role::Answers, Pair::Datagram(letter.number)),
            Some(_) => (Role::Asks, Pair::Datagram(letter.number)),
            // Encrypted: questions want to be told of errors, answers don't (RFC 3412 §6.4).
            None if letter.reportable => (Role::Asks, Pair::Datagram(letter.number)),
            None if from == Side::Client => (Role::Asks, Pair::OneWay),
            None => (Role::Answers, Pair::Datagram(letter.number)),
        };
        sink.begin_as(role, pair);
        sink.record(input);
        for secret in letter.secrets.into_iter().flatten() {
            for at in secret {
                sink.amend(at, b"*");
            }
        }
        sink.finish();
        Step::Took(input.len())
    }

    fn resync(&mut self, _from: Side, _input: &[u8]) -> Found {
        Found::At(0)
    }
}
