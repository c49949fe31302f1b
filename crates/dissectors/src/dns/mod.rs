//! DNS over UDP and TCP (RFC 1035), multicast DNS (RFC 6762) and LLMNR (RFC 4795).
//!
//! Reading looks at the header and the first question only; a record is the message as it was sent.
//! Names, record data and options are taken apart when they are shown.

mod codes;
mod edns;
mod encode;
mod key;
mod name;
mod probe;
mod rdata;
mod tell;
mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Pair, Prefixed, Reader, Sink, Step};
use model::{Protocol, Side, Transport};

use self::{
    codes::{kind, opcode},
    key::Asked,
    wire::{Bad, HEADER, Header, TC},
};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "dns",
    about: "names to addresses: DNS over UDP and TCP, multicast DNS, LLMNR",
    specification: "RFC 1034, RFC 1035, RFC 6762, RFC 4795",
    fields: tell::FIELDS,
    headline: tell::headline,
    tell: tell::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "dns",
    protocol: &PROTOCOL,
    transports: &[Transport::Udp, Transport::Tcp],
    names: &["dot"],
    ports: &[53, 5353, 5355],
    probe: probe::probe,
    open: |opening| match opening.transport {
        Transport::Udp => Reader::open(&PROTOCOL, Dns::new(Transport::Udp), Framing::Datagram),
        _ => Reader::open(&PROTOCOL, Prefixed(Dns::new(Transport::Tcp)), Framing::Stream),
    },
};

/// Questions remembered for answers that don't repeat theirs.
const RECENT: usize = 4;
/// Messages in a row that make no sense, after which the flow is not ours.
const NONSENSE_MAX: u8 = 8;
/// Bytes in front of the message in a record.
const VARIANT: usize = 1;

/// One flow.
struct Dns {
    transport: Transport,
    variant: Variant,
    /// The last questions' pair numbers, round and round; 0 for none.
    recent: [u64; RECENT],
    next: u8,
    nonsense: u8,
    transfer: Transfer,
}

/// A zone transfer: one question, many answers under its id (RFC 5936 §2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Transfer {
    /// The next answer is the first one.
    Unbegun,
    /// The first answer to this pair number was seen, more follow.
    Follows(u64),
    /// Bytes were lost since it was asked for: the next answer may be any of them.
    Unclear,
}

/// Which of the three it is, as far as known. Written in front of each message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Variant {
    /// The port would say it.
    Unknown,
    Dns,
    Mdns,
    Llmnr,
}

impl Dissector for Dns {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let Some(header) = Header::of(input) else { return self.stray() };
        let asked = key::asked(input, &header);
        if sink.cut() == 0 && is_nonsense(&header, asked) {
            if let Step::Leave = self.stray() {
                return Step::Leave;
            }
        } else {
            self.nonsense = 0;
        }
        let variant = self.variant_of(&header, input);
        let pair = match self.number(from, variant, &header, asked, input, sink) {
            None => Pair::OneWay,
            Some(number) => match self.transport {
                Transport::Udp => Pair::Datagram(number),
                _ => Pair::Id(number),
            },
        };
        sink.begin(pair);
        sink.record(&[variant as u8]);
        sink.record(input);
        sink.finish();
        Step::Took(input.len())
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        self.recent = [0; RECENT];
        self.transfer = Transfer::Unclear;
        match probe::certain(input) {
            Ok(side) if side == from => Found::At(0),
            Err(Bad::Short) => Found::Maybe(0),
            _ => Found::Nowhere,
        }
    }
}

// === impl Dns ===

impl Dns {
    fn new(transport: Transport) -> Self {
        let recent = [0; RECENT];
        Self {
            transport,
            variant: Variant::Unknown,
            recent,
            next: 0,
            nonsense: 0,
            transfer: Transfer::Unbegun,
        }
    }

    fn stray(&mut self) -> Step {
        self.nonsense += 1;
        if self.nonsense < NONSENSE_MAX { Step::Lost } else { Step::Leave }
    }

    /// Once multicast DNS was seen, all without an id is.
    fn variant_of(&mut self, header: &Header, message: &[u8]) -> Variant {
        if header.id != 0 || self.transport != Transport::Udp {
            return match self.variant {
                Variant::Mdns => Variant::Unknown,
                known => known,
            };
        }
        if self.variant == Variant::Unknown && is_multicast(header, message) {
            self.variant = Variant::Mdns;
        }
        self.variant
    }

    /// The number under which a message is paired; `None` for one that is not.
    fn number(
        &mut self,
        from: Side,
        variant: Variant,
        header: &Header,
        asked: Asked,
        message: &[u8],
        sink: &Sink<'_, '_>,
    ) -> Option<u64> {
        // To the multicast group both sides ask and answer, and nobody has to. Servers that ask each
        // other from port to port can't be told apart by side: nothing is said rather than wrong.
        if variant == Variant::Mdns || probe::side(header) != from {
            return None;
        }
        let number = key::pair(header.id, header, asked);
        match from {
            // A stateful operation without an id wants no answer (RFC 8490 §5.4.1).
            Side::Client if header.opcode() == opcode::DSO && header.id == 0 => None,
            Side::Client => Some(self.question(number, asked)),
            Side::Server => self.answer(number, asked, message, sink),
        }
    }

    fn question(&mut self, number: u64, asked: Asked) -> u64 {
        if let Some(place) = self.recent.get_mut(usize::from(self.next) % RECENT) {
            *place = number;
        }
        self.next = self.next.wrapping_add(1);
        if asks_transfer(asked) {
            self.transfer = Transfer::Unbegun;
        }
        number
    }

    fn answer(
        &mut self,
        number: u64,
        asked: Asked,
        message: &[u8],
        sink: &Sink<'_, '_>,
    ) -> Option<u64> {
        let number = if asked == Asked::Nothing { self.recall(number) } else { number };
        let Some(question) = sink.question_by_id(number) else {
            return (!self.goes_on(number, asked)).then_some(number);
        };
        let question = question.record.get(VARIANT..).unwrap_or(&[]);
        if let Asked::This { end, .. } = asked
            && !key::same_question(question, message, end)
        {
            // Two questions with one hash: the answer is to none that is known.
            return Some(!number);
        }
        if self.transport == Transport::Udp {
            return Some(number);
        }
        let asked = if asked == Asked::Nothing { key::first_asked(question) } else { asked };
        if asks_transfer(asked) { self.transfer(number) } else { Some(number) }
    }

    /// An answer to a pending transfer; only the first one is its pair.
    fn transfer(&mut self, number: u64) -> Option<u64> {
        if self.transfer == Transfer::Unclear {
            return None;
        }
        self.transfer = Transfer::Follows(number);
        Some(number)
    }

    /// Whether it is a later answer of a transfer; these may leave the question out.
    fn goes_on(&self, number: u64, asked: Asked) -> bool {
        match self.transfer {
            Transfer::Follows(transfer) if asked == Asked::Nothing => {
                key::id(transfer) == key::id(number)
            }
            Transfer::Follows(transfer) => transfer == number,
            Transfer::Unclear => asks_transfer(asked),
            Transfer::Unbegun => false,
        }
    }

    /// The question that an answer without one belongs to: the only recent one with its id.
    fn recall(&self, number: u64) -> u64 {
        let mut same = self.recent.iter().filter(|r| **r != 0 && key::id(**r) == key::id(number));
        match (same.next(), same.next()) {
            (Some(one), None) => *one,
            (Some(one), Some(other)) if one == other && same.all(|more| more == one) => *one,
            _ => number,
        }
    }
}

// === impl Variant ===

impl Variant {
    /// As it was written.
    fn of(byte: u8) -> Self {
        [Self::Dns, Self::Mdns, Self::Llmnr]
            .into_iter()
            .find(|variant| *variant as u8 == byte)
            .unwrap_or(Self::Unknown)
    }
}

fn asks_transfer(asked: Asked) -> bool {
    matches!(asked, Asked::This { kind: kind::AXFR | kind::IXFR, .. })
}

/// Whether nobody would send this: an unknown operation, a question that can't be read, a query for
/// nothing.
#[inline]
fn is_nonsense(header: &Header, asked: Asked) -> bool {
    match asked {
        Asked::This { .. } => codes::opcode_name(header.opcode()).is_none(),
        Asked::Unclear(_) => true,
        Asked::Nothing => {
            !header.is_response() && header.records() == 0 && header.opcode() != opcode::DSO
        }
    }
}

/// Whether a message can only be multicast DNS. Its id is 0 and its flags say nothing, which a rare
/// query by unicast does too; but that has no second question, no known answers, no bit above the
/// class and no name in `.local`, and its answer repeats the question (RFC 6762 §5.4, §6, §18).
#[cold]
fn is_multicast(header: &Header, message: &[u8]) -> bool {
    const ANSWER: u16 = 0x8400;
    let [questions, answers, authorities, _] = header.counts;
    if header.id != 0 {
        return false;
    }
    match header.flags & !TC {
        ANSWER => questions == 0 && answers > 0,
        0 if questions == 1 && answers == 0 && authorities == 0 => {
            let end = match key::asked(message, header) {
                Asked::This { end, .. } => end,
                _ => return false,
            };
            let question = message.get(HEADER..end).unwrap_or(&[]);
            let Some((name, [_, _, class, _])) = question.split_last_chunk() else { return false };
            class & 0x80 != 0 || name.to_ascii_lowercase().ends_with(b"\x05local\0")
        }
        0 => questions > 0 || answers > 0,
        _ => false,
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
