//! Is this DNS? Known by structure: a header whose bits fit each other, and questions and records
//! that end where the message ends.

use dissect::{Hello, Verdict};
use model::{Side, Transport};

use super::{
    codes::{self, kind, opcode},
    is_multicast,
    wire::{AA, Bad, HEADER, Header, Item, Question, RA, Read, TC, Walk, Z},
};

/// Questions in one message; multicast DNS asks a few dozen things at once.
const QUESTIONS_MAX: u16 = 256;
/// The longest first message waited for on a stream at an unusual port.
const STRANGE_BYTES_MAX: usize = 4 << 10;
/// Bytes of the length in front of a message on a stream.
const PREFIX: usize = 2;

/// What the first bytes look like.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let read = match (hello.transport, hello.usual_port()) {
        (Transport::Udp, true) => likely(hello.bytes),
        (Transport::Udp, false) => certain(hello.bytes).or_else(|_| certain_to_all(hello.bytes)),
        (_, usual) => prefixed(hello.bytes, usual),
    };
    match read {
        Ok(side) if hello.from.is_some_and(|known| known != side) => Verdict::No,
        Ok(side) => Verdict::Is(side),
        Err(Bad::Short) if hello.more => Verdict::Maybe,
        Err(_) => Verdict::No,
    }
}

/// A whole message and nothing else, of the common kind: a question of a known type and class, all
/// flags as their side sets them. Who sent it.
pub fn certain(message: &[u8]) -> Read<Side> {
    let header = plausible(message)?;
    let question = first_question(message, &header)?.ok_or(Bad::Damaged)?;
    let known = header.questions() == 1
        && matches!(question.class, 1 | 3 | 255)
        && codes::kind_name(question.kind).is_some()
        && !is_netbios(message, &question);
    if !known || header.rcode() > 10 || !flags_fit(&header) {
        return Err(Bad::Damaged);
    }
    match Walk::new(message, &header).left_over()? {
        0 => Ok(side(&header)),
        _ => Err(Bad::Damaged),
    }
}

/// A whole message to or of the multicast group: every name, type and class one that is in use, up
/// to the last byte. Everybody sends to the group: who speaks is the one who sent.
fn certain_to_all(message: &[u8]) -> Read<Side> {
    let header = plausible(message)?;
    let mut walk = Walk::new(message, &header);
    if !is_multicast(&header, message) {
        return Err(Bad::Damaged);
    }
    while let Some(item) = walk.step() {
        let (name_at, kind, class) = match item? {
            Item::Question(question) => (question.name_at, question.kind, question.class),
            // Its class is a size, and its name the root.
            Item::Record(record) if record.kind == kind::OPT => continue,
            Item::Record(record) => (record.name_at, record.kind, record.class),
        };
        let known = codes::kind_name(kind).is_some() && matches!(class & 0x7fff, 1 | 255);
        let is_root = message.get(name_at) == Some(&0);
        if !known || is_root || has_netbios_name(message, name_at) {
            return Err(Bad::Damaged);
        }
    }
    if walk.rest() == 0 { Ok(Side::Client) } else { Err(Bad::Damaged) }
}

/// The first part of a message at a usual port, where the snap length may have taken the rest.
fn likely(message: &[u8]) -> Read<Side> {
    let header = plausible(message)?;
    if is_multicast(&header, message) {
        // Everybody sends to the group: who speaks is the one who sent.
        return Ok(Side::Client);
    }
    let sense = match first_question(message, &header)? {
        Some(question) => known_class(question.class),
        None => sense_without_question(message, &header),
    };
    if sense { Ok(side(&header)) } else { Err(Bad::Damaged) }
}

/// A length, then a message.
fn prefixed(bytes: &[u8], usual: bool) -> Read<Side> {
    let (prefix, rest) = bytes.split_first_chunk::<PREFIX>().ok_or(Bad::Short)?;
    let len = usize::from(u16::from_be_bytes(*prefix));
    if len < HEADER || (!usual && len > STRANGE_BYTES_MAX) {
        return Err(Bad::Damaged);
    }
    if plausible(rest)?.bytes_min() > len {
        return Err(Bad::Damaged);
    }
    match rest.get(..len) {
        Some(message) if usual => likely(message),
        Some(message) => certain(message),
        None if usual => likely(rest),
        // Not all there: worth waiting for only if nothing speaks against it yet.
        None => match certain(rest) {
            Ok(_) | Err(Bad::Short) => Err(Bad::Short),
            Err(bad) => Err(bad),
        },
    }
}

/// A header that somebody could have meant.
fn plausible(message: &[u8]) -> Read<Header> {
    let header = Header::of(message).ok_or(Bad::Short)?;
    let [questions, answers, authorities, additionals] = header.counts;
    let sound = codes::opcode_name(header.opcode()).is_some()
        && !header.has(Z)
        && questions <= QUESTIONS_MAX
        && [answers, authorities, additionals].iter().all(|count| *count <= 4_096)
        && (header.is_response() || header.rcode() == 0);
    if sound { Ok(header) } else { Err(Bad::Damaged) }
}

fn first_question(message: &[u8], header: &Header) -> Read<Option<Question>> {
    if header.questions() == 0 {
        return Ok(None);
    }
    match Walk::new(message, header).step() {
        Some(Ok(Item::Question(question))) => Ok(Some(question)),
        Some(Err(bad)) => Err(bad),
        _ => Ok(None),
    }
}

/// A question sets no flag that only an answer has, and brings no records but what is about itself:
/// OPT, TSIG.
fn flags_fit(header: &Header) -> bool {
    let [_, answers, authorities, additionals] = header.counts;
    header.is_response()
        || header.opcode() != opcode::QUERY
        || !header.has(AA | TC | RA) && answers == 0 && authorities == 0 && additionals <= 2
}

fn known_class(class: u16) -> bool {
    // The highest bit is used in multicast DNS, also by those who ask by unicast.
    codes::class_name(class & 0x7fff).is_some() || class == 254
}

/// Stateful operations have no questions (RFC 8490 §5.4), some servers leave it out of an error, and
/// later parts of a zone transfer come without (RFC 5936 §2.2.1).
fn sense_without_question(message: &[u8], header: &Header) -> bool {
    if header.opcode() == opcode::DSO {
        return true;
    }
    let first = Walk::new(message, header).next();
    match first {
        Some(Item::Record(record)) => {
            known_class(record.class) && header.is_response() || record.kind == kind::OPT
        }
        _ => header.is_response() && header.rcode() != 0 && header.records() == 0,
    }
}

/// NetBIOS names are sent in the same form: 16 bytes as 32 letters from `A` to `P`, types NB (32) and
/// NBSTAT (33) (RFC 1002 §4.2.1).
fn is_netbios(message: &[u8], question: &Question) -> bool {
    matches!(question.kind, 32 | kind::SRV) && has_netbios_name(message, question.name_at)
}

fn has_netbios_name(message: &[u8], at: usize) -> bool {
    let name = message.get(at..).and_then(|rest| rest.first_chunk::<33>());
    matches!(name, Some([32, letters @ ..]) if letters.iter().all(|c| matches!(c, b'A'..=b'P')))
}

/// Who sends such a message.
pub fn side(header: &Header) -> Side {
    if header.is_response() { Side::Server } else { Side::Client }
}
