//! ICMP and ICMPv6: what is asked and answered with a number (RFC 792, RFC 950, RFC 4443 §4).
//!
//! Errors are no calls: they are told of the flow that they quote. Who pings an address of its own sends
//! question and answer from one address to one address, so that only what they say tells them apart.

mod own;
mod show;
mod wire;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Role, Sink, Step, Verdict,
};
use model::{Protocol, Side, Transport};

use self::{
    own::Own,
    wire::{HEAD, Head},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "icmp",
    about: "echo (ping), timestamps and masks: ICMP and ICMPv6",
    specification: "RFC 792, RFC 950, RFC 4443",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "icmp",
    protocol: &PROTOCOL,
    transports: &[Transport::Icmp],
    names: &["icmp"],
    ports: &[],
    probe,
    open: |_| Reader::open(&PROTOCOL, Icmp::default(), Framing::Datagram),
};

/// One identifier between two hosts.
#[derive(Debug, Default)]
struct Icmp {
    own: Own,
}

impl Dissector for Icmp {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(head) = Head::read(input) else { return Step::Lost };
        let kind = u64::from(head.what as u8) << 16;
        let pair = Pair::Datagram(kind | u64::from(head.sequence));
        let (start, data) = input.split_at_checked(HEAD).unwrap_or((input, &[]));
        match head.asks {
            true => {
                self.own.asked(from, &head, data, sink.now());
                sink.begin_as(Role::Asks, pair);
            }
            false if self.own.is_answer(from, &head, data, sink.now()) => {
                sink.begin_own_answer(pair);
            }
            false => sink.begin_as(Role::Answers, pair),
        }
        sink.record(start);
        sink.body(data);
        sink.finish();
        Step::Took(input.len())
    }

    fn resync(&mut self, _from: Side, _input: &[u8]) -> Found {
        Found::At(0)
    }
}

fn probe(hello: &Hello<'_>) -> Verdict {
    match Head::read(hello.bytes) {
        Some(head) if hello.transport == Transport::Icmp => {
            Verdict::Is(if head.asks { Side::Client } else { Side::Server })
        }
        _ => Verdict::No,
    }
}
