//! Whether bytes are MQTT, and where a packet begins.
//!
//! A CONNECT is known by its name. Anywhere else, several packets in a row have to be as their types
//! demand, up to the last byte: most bytes of other protocols pass for a fixed header, but not for
//! what is behind it, and not twice. A message whose topic speaks for itself is enough alone. Both
//! sides publish: who did is found out later.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    packet::{self, Publish},
    version::Version,
    wire::{Frame, Halt, Kind},
};

/// Packets looked at.
const PACKETS_MAX: usize = 8;
/// How much they have to say on any port, in bits that can't be as they are by accident.
const SURE: u32 = 48;
/// On a usual port.
const LIKELY: u32 = 20;
/// On a connection that is known to speak it.
const GOES_ON: u32 = 12;
/// That the last packet ends with the last byte.
const ENDS: u32 = 8;
/// Bytes waited for, at most, to see a packet end.
const WAIT_MAX: usize = 16 << 10;
/// Letters of a topic that speak for themselves.
const TOPIC_SURE: usize = 6;
/// Letters of a topic that speak for a message that is alone: two bits each, beside its type (4), the
/// zero before them (8), and the length that ends it with the packet (8).
const TOPIC_ALONE: usize = 8;

/// What bytes look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// A packet begins here.
    Good,
    /// There are not enough of them.
    Short,
    /// None does.
    Bad,
}

/// What a row of packets says.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// How many are whole.
    packets: u32,
    bits: u32,
    /// Who must have sent them.
    sender: Option<Side>,
    /// The last one is a CONNECT, or the front of a PUBLISH that can be nothing else.
    is_plain: bool,
    /// The last one is a whole PUBLISH that needs nobody to speak for it.
    is_alone: bool,
    /// The last one ends with the last byte.
    ends: bool,
    /// Bytes of the last one are missing.
    is_short: bool,
    /// What is here is no packet, or not of one side.
    is_bad: bool,
}

/// What MQTT thinks of the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    match connects(hello.bytes) {
        Look::Good if hello.from != Some(Side::Server) => return Verdict::Is(Side::Client),
        Look::Short if hello.more => return Verdict::Maybe,
        _ => {}
    }
    let row = Row::read(hello.bytes, hello.from, Version::Unknown);
    if row.is_bad {
        return Verdict::No;
    }
    let by_port = match (hello.to_usual_port, hello.from_usual_port) {
        (true, false) => Some(Side::Client),
        (false, true) => Some(Side::Server),
        _ => None,
    };
    let sure = row.bits >= SURE && row.packets >= 2 || row.is_alone && row.ends;
    let likely = hello.usual_port() && row.bits >= LIKELY && !row.is_short;
    match row.sender.or(hello.from).or(by_port) {
        Some(side) if sure || likely => Verdict::Is(side),
        None if sure => Verdict::Either,
        _ if hello.more && hello.bytes.len() < WAIT_MAX => Verdict::Maybe,
        _ => Verdict::No,
    }
}

/// Whether a packet of `from`, if that is known, begins here, on a connection that speaks MQTT.
pub fn begins_here(from: Option<Side>, input: &[u8], version: Version) -> Look {
    let row = Row::read(input, from, version);
    match row {
        Row { is_bad: true, .. } => Look::Bad,
        Row { is_plain: true, .. } => Look::Good,
        Row { bits, .. } if bits >= GOES_ON => Look::Good,
        _ if input.len() < WAIT_MAX => Look::Short,
        _ => Look::Bad,
    }
}

/// Whether it is the front of a CONNECT.
fn connects(input: &[u8]) -> Look {
    if input.first() != Some(&0x10) {
        return Look::Bad;
    }
    let frame = match Frame::read(input) {
        Ok(frame) => frame,
        Err(halt) => return Look::of(halt),
    };
    match packet::level(input.get(frame.head..).unwrap_or_default()) {
        Ok((_, len)) if frame.len > len => Look::Good,
        Ok(_) => Look::Bad,
        Err(halt) => Look::of(halt),
    }
}

// === impl Look ===

impl Look {
    fn of(halt: Halt) -> Self {
        match halt {
            Halt::Short(_) => Self::Short,
            Halt::Bad => Self::Bad,
        }
    }
}

// === impl Row ===

impl Row {
    /// Reads packets from the front of `input`.
    fn read(input: &[u8], from: Option<Side>, version: Version) -> Self {
        let mut row = Self { sender: from, ..Self::default() };
        let mut rest = input;
        let mut version = version;
        for _ in 0..PACKETS_MAX {
            if rest.is_empty() || row.is_short || row.is_bad {
                break;
            }
            rest = row.packet(rest, &mut version);
        }
        if rest.is_empty() && !row.is_short && row.packets > 0 {
            row.bits += ENDS;
            row.ends = true;
        }
        row.sender = row.sender.filter(|_| !row.is_bad);
        row
    }

    /// Looks at one packet; what is behind it.
    fn packet<'b>(&mut self, input: &'b [u8], version: &mut Version) -> &'b [u8] {
        let frame = match Frame::read(input) {
            Ok(frame) => frame,
            Err(halt) => return self.halt(halt),
        };
        let sender = frame.kind.sender();
        let other = sender.is_some() && self.sender.is_some() && sender != self.sender;
        let again = frame.kind == Kind::Publish && frame.is_dup() && frame.qos() == 0;
        if other || again || !frame.kind.takes(frame.flags, version.marks_again()) {
            return self.halt(Halt::Bad);
        }
        self.sender = self.sender.or(sender);
        let body = input.get(frame.head..).unwrap_or_default();
        let (part, rest) = body.split_at_checked(frame.len).unwrap_or((body, &[]));
        let whole = part.len() == frame.len;
        let said = match frame.kind {
            Kind::Publish => self.publish(frame, part, whole, version),
            Kind::Connect if part.len() > 8 && packet::level(part).is_err() => Err(Halt::Bad),
            _ if whole => control(frame, part, version),
            // The longest that can be without being waited for in vain.
            _ if frame.len <= WAIT_MAX && may_be_as_long(frame, *version) => Err(Halt::Short(0)),
            _ => Err(Halt::Bad),
        };
        match said {
            Ok(bits) => {
                self.packets += 1;
                self.bits += bits;
                rest
            }
            Err(halt) => self.halt(halt),
        }
    }

    fn halt(&mut self, halt: Halt) -> &'static [u8] {
        match halt {
            Halt::Short(_) => self.is_short = true,
            Halt::Bad => self.is_bad = true,
        }
        &[]
    }

    /// What a PUBLISH says: each letter of its topic speaks for it.
    fn publish(
        &mut self,
        frame: Frame,
        part: &[u8],
        whole: bool,
        version: &mut Version,
    ) -> Result<u32, Halt> {
        let has_id = frame.qos() > 0;
        let read = |is_5: bool| {
            let publish = Publish::read(part, frame.len, has_id, is_5)?;
            if publish.is_valid(is_5) { Ok(publish) } else { Err(Halt::Bad) }
        };
        let publish = match *version {
            Version::V5 => read(true)?,
            Version::Unknown => read(false).or_else(|halt| match halt {
                Halt::Short(_) => Err(halt),
                Halt::Bad => read(true),
            })?,
            _ => read(false)?,
        };
        let is_plain = publish.topic.len() >= TOPIC_SURE && publish.topic.iter().all(is_usual);
        if whole {
            let letters = if is_plain { publish.topic.len().min(16) } else { 0 };
            self.is_alone = letters >= TOPIC_ALONE;
            return Ok(8 + u32::try_from(letters).unwrap_or(0));
        }
        self.is_plain |= is_plain;
        Err(Halt::Short(0))
    }
}

/// What a packet that is whole and no PUBLISH says.
fn control(frame: Frame, body: &[u8], version: &mut Version) -> Result<u32, Halt> {
    match *version {
        Version::Unknown => *version = packet::shows(frame.kind, body)?,
        known if packet::is_valid(frame.kind, body, known) => {}
        _ => return Err(Halt::Bad),
    }
    Ok(match frame.kind {
        Kind::Connect => SURE,
        Kind::Subscribe | Kind::Unsubscribe => 24,
        _ => 12,
    })
}

/// Whether a packet that is not a PUBLISH may have that length.
fn may_be_as_long(frame: Frame, version: Version) -> bool {
    match frame.kind {
        Kind::Connect | Kind::Subscribe | Kind::Unsubscribe | Kind::Suback => frame.len > 2,
        Kind::Pingreq | Kind::Pingresp => frame.len == 0,
        Kind::Disconnect | Kind::Auth => frame.len == 0 || version.is_5(),
        _ => frame.len == 2 || matches!(version, Version::V5 | Version::Unknown) && frame.len > 2,
    }
}

/// Whether a letter is one that topics are made of.
fn is_usual(letter: &u8) -> bool {
    letter.is_ascii_alphanumeric()
        || matches!(letter, b'/' | b'_' | b'-' | b'.' | b':' | b'$' | b' ')
}
