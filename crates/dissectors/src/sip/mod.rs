//! SIP over UDP and TCP (RFC 3261): requests and final responses by their transaction.
//!
//! Both sides may ask. Provisional responses (180 Ringing) and `ACK` are one-way: a call lasts until
//! its final response. What `Authorization` carries is never written down.

mod head;
mod show;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Role, Sink, Step, Verdict,
};
use model::{Protocol, Side, Transport};

use self::head::{Head, Start};
use crate::framed::{self, Halt};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "sip",
    about: "telephone calls and their set-up: SIP, with SDP inside",
    specification: "RFC 3261, RFC 3262, RFC 3265, RFC 4566",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "sip",
    protocol: &PROTOCOL,
    transports: &[Transport::Udp, Transport::Tcp],
    names: &["sip", "sips/2.0", "sip/2"],
    ports: &[5060, 5061],
    probe,
    open: |opening| {
        let framing = match opening.transport {
            Transport::Udp => Framing::Datagram,
            _ => Framing::Stream,
        };
        Reader::open(&PROTOCOL, Sip { transport: opening.transport }, framing)
    },
};

/// One flow.
#[derive(Debug)]
struct Sip {
    transport: Transport,
}

// === impl Dissector ===

impl Dissector for Sip {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        // What keeps a way open (RFC 5626 §3.5.1).
        let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
        if blank > 0 {
            return Step::Took(blank);
        }
        let head = match Head::read(input) {
            Ok(head) => head,
            // The snap length took the rest.
            Err(Halt::Short(_)) if self.transport == Transport::Udp && sink.cut() > 0 => {
                match Head::cut(input) {
                    Some(head) => head,
                    None => return Step::Lost,
                }
            }
            Err(halt) => return halt.step(),
        };
        let number = head.transaction();
        let pair = |number: u64| match self.transport {
            // What says whose answer it is was cut off.
            Transport::Udp if sink.cut() > 0 && !head.is_whole() => Pair::OneWay,
            Transport::Udp => Pair::Datagram(number),
            _ => Pair::Id(number),
        };
        match head.start {
            Start::Request { method: b"ACK", .. } => sink.begin_as(Role::Asks, Pair::OneWay),
            Start::Request { .. } => sink.begin_as(Role::Asks, pair(number)),
            Start::Response { code: ..200, .. } => {
                let role = if from == Side::Client { Role::Asks } else { Role::Answers };
                sink.begin_as(role, Pair::OneWay);
            }
            Start::Response { .. } => sink.begin_as(Role::Answers, pair(number)),
        }
        sink.record(head.bytes);
        head.secrets(|place| {
            for at in place {
                sink.amend(at, b"*");
            }
        });
        if self.transport == Transport::Tcp {
            return framed::go(head.size, head.body.unwrap_or(0), sink);
        }
        let rest = input.get(head.size..).unwrap_or_default();
        let body = head.body.and_then(|body| usize::try_from(body).ok()).unwrap_or(rest.len());
        let body = rest.get(..body).unwrap_or(rest);
        sink.body(body);
        sink.finish();
        Step::Took(head.size + body.len())
    }

    fn resync(&mut self, _from: Side, input: &[u8]) -> Found {
        match Head::read(input) {
            Ok(head) if head.is_whole() && head.start.is_known() => Found::At(0),
            Err(Halt::Short(_)) => Found::Maybe(0),
            _ => Found::Nowhere,
        }
    }
}

/// Nobody else's messages begin like this.
fn probe(hello: &Hello<'_>) -> Verdict {
    let line_end = memchr::memchr(b'\n', hello.bytes);
    if line_end.is_none() && hello.more && head::may_begin(hello.bytes) {
        return Verdict::Maybe;
    }
    let line = hello.bytes.get(..line_end.unwrap_or(0)).unwrap_or_default();
    let side = match Start::read(line.trim_ascii_end()) {
        Some(Start::Request { .. }) => Side::Client,
        Some(Start::Response { .. }) => Side::Server,
        None => return Verdict::No,
    };
    // Either side asks: the side is only a guess, and its messages say for themselves who asks.
    Verdict::Is(hello.from.unwrap_or(side))
}
