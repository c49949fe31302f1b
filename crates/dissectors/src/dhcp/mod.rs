//! DHCP and BOOTP for IPv4 (RFC 2131, RFC 2132, RFC 951).
//!
//! Discoveries are answered by offers, requests by acknowledgements or refusals, under one transaction
//! id. What authentication (RFC 3118) carries is never written down.

mod options;
mod show;
mod wire;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Role, Sink, Step, Verdict,
};
use model::{Protocol, Side, Transport};

use self::wire::{Letter, kind};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "dhcp",
    about: "addresses for those who join a network: DHCP, BOOTP",
    specification: "RFC 2131, RFC 2132, RFC 951",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "dhcp",
    protocol: &PROTOCOL,
    transports: &[Transport::Udp],
    names: &["dhcp"],
    ports: &[67, 68, 4011],
    probe,
    open: |_| Reader::open(&PROTOCOL, Dhcp::default(), Framing::Datagram),
};

/// Datagrams in a row that make no sense, after which the flow is not ours.
const NONSENSE_MAX: u8 = 8;

/// One flow.
#[derive(Debug, Default)]
struct Dhcp {
    nonsense: u8,
}

impl Dissector for Dhcp {
    fn read(&mut self, _from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(letter) = Letter::read(input) else {
            self.nonsense += 1;
            return if self.nonsense < NONSENSE_MAX { Step::Lost } else { Step::Leave };
        };
        self.nonsense = 0;
        let role = if letter.asks { Role::Asks } else { Role::Answers };
        // An offer is no answer to a request with the same id.
        let step = match letter.kind {
            kind::DISCOVER | kind::OFFER => 1u64,
            kind::REQUEST | kind::ACK | kind::NAK | kind::INFORM => 2,
            kind::NONE => 3,
            kind::DECLINE | kind::RELEASE | kind::FORCE_RENEW => 0,
            other => u64::from(other) / 2 + 4,
        };
        // Who renews an address asks again under the same id, and is another one on the same flow.
        let number = step << 32 | u64::from(letter.id);
        let number = number ^ u64::from(letter.hardware_hash()) << 40;
        let pair = if step == 0 { Pair::OneWay } else { Pair::Datagram(number) };
        sink.begin_as(role, pair);
        sink.record(input);
        for secret in letter.secrets() {
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

/// A head of fixed form; far from home with the four bytes that mark options.
fn probe(hello: &Hello<'_>) -> Verdict {
    let Some(letter) = Letter::read(hello.bytes) else { return Verdict::No };
    if !hello.usual_port() && !letter.is_sure() {
        return Verdict::No;
    }
    let side = if letter.asks { Side::Client } else { Side::Server };
    if hello.from.is_none_or(|from| from == side) { Verdict::Is(side) } else { Verdict::No }
}
