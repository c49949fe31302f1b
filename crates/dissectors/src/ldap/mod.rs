//! LDAP over TCP and, without connections, UDP (RFC 4511; MS-ADTS §3.1.1.3 for the latter).
//!
//! A search has many answers: its entries, references and intermediate responses are the body of one
//! response, which ends with the result. `StartTLS` hands the flow on. What a SASL layer wraps
//! (RFC 4752) is counted, not read.
//!
//! Passwords are never written down: see `secrets`.

mod codes;
mod filter;
mod probe;
mod secrets;
mod show;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Next, Pair, Reader, Sink, Step};
use model::{Protocol, Side, Transport};

use self::wire::{Front, op};
use crate::framed::{self, Halt};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "ldap",
    about: "directories: LDAP and what Active Directory makes of it",
    specification: "RFC 4511, RFC 4512, RFC 4515",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "ldap",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp, Transport::Udp],
    names: &["ldap"],
    ports: &[389, 3268, 636, 3269, 1389],
    probe: probe::probe,
    open: |opening| {
        let transport = opening.transport;
        let framing = match transport {
            Transport::Udp => Framing::Datagram,
            _ => Framing::Stream,
        };
        Reader::open(&PROTOCOL, Ldap { transport, ..Ldap::default() }, framing)
    },
};

/// Bytes of one message that are read; of what is longer the start is.
const WHOLE_MAX: usize = 48 << 10;
/// Bytes of a message in front of the answer's own: how many entries, references and intermediate
/// responses came before it.
const COUNTS: usize = 12;
/// Bytes of a length of a SASL layer.
const LAYER: usize = 4;
/// Questions after a loss, until which answers to older ones are not trusted to be whole.
const DOUBTED: usize = 64;

/// One flow.
#[derive(Debug)]
struct Ldap {
    transport: Transport,
    /// The client logged in by SASL: what follows may be wrapped.
    may_wrap: bool,
    /// The id of the request to speak TLS.
    start_tls: Option<u32>,
    /// What is left of messages that are too long, by side.
    rest: [Rest; 2],
    /// Bytes of the server were lost: what was asked since. The first of the many answers to what was
    /// asked before may be among them.
    asked_since: Option<Vec<u32>>,
}

/// What is left of a message of which the start was read.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    bytes: u64,
    /// The call's half ends with it.
    ends: bool,
}

impl Default for Ldap {
    fn default() -> Self {
        Self {
            transport: Transport::Tcp,
            may_wrap: false,
            start_tls: None,
            rest: [Rest::default(); 2],
            asked_since: None,
        }
    }
}

// === impl Dissector ===

impl Dissector for Ldap {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if self.rest[from as usize].bytes > 0 {
            return self.go_on(from, input, sink);
        }
        if self.may_wrap && input.first() == Some(&0) {
            return wrapped(input, sink);
        }
        let front = match Front::read(input) {
            Ok(front) if front.from() == from => front,
            Ok(_) => return Step::Lost,
            Err(halt) => return halt.step(),
        };
        let whole = usize::try_from(front.size).unwrap_or(usize::MAX).min(WHOLE_MAX);
        let there = match input.get(..whole) {
            Some(there) => there,
            // The snap length took the rest.
            None if self.transport == Transport::Udp => input,
            None => return Step::Need(whole),
        };
        match from {
            Side::Client => self.ask(&front, there, sink),
            Side::Server => self.answer(&front, there, sink),
        }
    }

    fn lost(&mut self, from: Side) {
        self.rest[from as usize] = Rest::default();
        if from == Side::Server {
            self.asked_since.get_or_insert_default().clear();
        }
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.rest[from as usize] = Rest::default();
        self.asked_since.get_or_insert_default();
        framed::find(input, |input| match Front::read(input) {
            Ok(front) if front.from() == from => wire::size_of_sound(&front, input),
            Ok(_) => Err(Halt::Bad),
            Err(halt) => Err(halt),
        })
    }
}

// === impl Ldap ===

impl Ldap {
    fn pair(&self, id: u32) -> Pair {
        match self.transport {
            Transport::Udp => Pair::Datagram(id.into()),
            _ => Pair::Id(id.into()),
        }
    }

    fn ask(&mut self, front: &Front, there: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let pair = match front.op {
            op::UNBIND_REQUEST | op::ABANDON_REQUEST => Pair::OneWay,
            _ => self.pair(front.id),
        };
        self.note(front.id);
        sink.begin(pair);
        if front.op == op::BIND_REQUEST {
            let (kept, is_sasl) = secrets::without_credentials(front, there);
            self.may_wrap |= is_sasl;
            sink.record(kept);
        } else {
            sink.record(there);
            secrets::mask(front, there, |at, stars| sink.amend(at, stars));
        }
        if front.op == op::EXTENDED_REQUEST
            && wire::extended_name(front, there) == Some(codes::START_TLS)
        {
            self.start_tls = Some(front.id);
        }
        self.take(Side::Client, front, there.len(), true, sink)
    }

    fn answer(&mut self, front: &Front, there: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        // A notice that nobody asked for (§4.4).
        let alone = front.id == 0;
        sink.turn_to(front.id.into());
        if !sink.is_open() {
            if front.has_many() && self.may_lack_its_start(front.id) {
                // Nobody knows how many came before it.
                return self.skip(front, there.len());
            }
            sink.begin(if alone { Pair::OneWay } else { self.pair(front.id) });
            sink.record(&[0; COUNTS]);
        }
        if let Some(counter) = front.counter() {
            count(counter, sink);
            if front.op == op::SEARCH_ENTRY {
                let mut bytes = there.to_vec();
                secrets::mask(front, there, |at, stars| {
                    let place = at.checked_add(stars.len()).and_then(|end| bytes.get_mut(at..end));
                    if let Some(place) = place {
                        place.copy_from_slice(stars);
                    }
                });
                sink.body(&bytes);
            } else {
                sink.body(there);
            }
            return self.take(Side::Server, front, there.len(), alone, sink);
        }
        sink.record(there);
        let step = self.take(Side::Server, front, there.len(), true, sink);
        let may_start = self.start_tls == Some(front.id) && front.op == op::EXTENDED_RESPONSE;
        match step {
            Step::Took(took) if may_start => {
                self.start_tls = None;
                let worked = wire::result_code(front, there) == Some(codes::SUCCESS);
                if worked { Step::Become { took, next: Next::Within("tls") } } else { step }
            }
            step => step,
        }
    }

    /// Remembers what is asked after a loss.
    fn note(&mut self, id: u32) {
        match &mut self.asked_since {
            Some(asked) if asked.len() < DOUBTED => asked.push(id),
            asked => *asked = None,
        }
    }

    fn may_lack_its_start(&self, id: u32) -> bool {
        self.asked_since.as_ref().is_some_and(|asked| !asked.contains(&id))
    }

    /// Takes a message that is nobody's.
    fn skip(&mut self, front: &Front, there: usize) -> Step {
        let bytes = front.size.saturating_sub(there as u64);
        if self.transport == Transport::Tcp {
            self.rest[Side::Server as usize] = Rest { bytes, ends: false };
        }
        Step::Took(there)
    }

    /// Takes the `there` bytes of a message, and remembers what is left of it.
    fn take(
        &mut self,
        from: Side,
        front: &Front,
        there: usize,
        ends: bool,
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        let bytes = front.size.saturating_sub(there as u64);
        if bytes > 0 && self.transport == Transport::Tcp {
            sink.over_limit();
            self.rest[from as usize] = Rest { bytes, ends };
        } else if ends {
            sink.finish();
        }
        Step::Took(there)
    }

    /// Skips what is left of a message.
    fn go_on(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let rest = &mut self.rest[from as usize];
        let took = usize::try_from(rest.bytes).unwrap_or(usize::MAX).min(input.len());
        rest.bytes -= took as u64;
        if rest.bytes == 0 && rest.ends {
            sink.finish();
        }
        Step::Took(took)
    }
}

/// One more of what is counted at this place.
fn count(place: usize, sink: &mut Sink<'_, '_>) {
    let so_far = framed::u32_at(sink.recorded(), place).unwrap_or(0);
    sink.amend(place, &so_far.saturating_add(1).to_be_bytes());
}

/// A message inside a SASL layer: a length and what nobody can read.
fn wrapped(input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
    let Some(len) = framed::u32_at(input, 0) else { return Step::Need(LAYER) };
    if len == 0 {
        return Step::Lost;
    }
    // Its message may be any: answers are not in order.
    sink.turn_to(u64::MAX);
    sink.begin(Pair::OneWay);
    sink.record(&[]);
    framed::go(LAYER, len.into(), sink)
}
