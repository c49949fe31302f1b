//! The sections of a message (part 3 §3.2): what begins at the front of some payload.

use super::{
    composite::{self, AMQP_SEQUENCE, AMQP_VALUE, DATA, FOOTER, HEADER},
    types::{Flaw, Value, extent, is_sound, value},
};

/// The beginning of a section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Start {
    /// What it is.
    pub kind: Kind,
    /// Bytes in front of its contents.
    pub head: usize,
    /// Bytes of its contents.
    pub size: usize,
}

/// What a section holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Octets.
    Data,
    /// A single text.
    Text,
    /// Another value, or a sequence of them. The head is part of it.
    Value,
    /// What is said about the message. The head is part of it.
    About,
}

/// What begins at the front of `input`.
pub fn start(input: &[u8]) -> Result<Start, Flaw> {
    let (first, rest) = input.split_first().ok_or(Flaw::Short(1))?;
    if *first != 0 {
        return Err(Flaw::Bad);
    }
    let whole = extent(input)?;
    let descriptor = extent(rest)?;
    let section = rest.get(..descriptor).and_then(composite::described);
    let code = section.map_or(0, |section| section.code);
    if !(HEADER..=FOOTER).contains(&code) {
        return Err(Flaw::Bad);
    }
    let constructor = input.get(1 + descriptor).copied().unwrap_or_default();
    let (kind, head) = match (code, constructor) {
        (DATA, 0xa0) => (Kind::Data, descriptor + 3),
        (DATA, 0xb0) => (Kind::Data, descriptor + 6),
        (AMQP_VALUE, 0xa0) => (Kind::Data, descriptor + 3),
        (AMQP_VALUE, 0xb0) => (Kind::Data, descriptor + 6),
        (AMQP_VALUE, 0xa1 | 0xa3) => (Kind::Text, descriptor + 3),
        (AMQP_VALUE, 0xb1 | 0xb3) => (Kind::Text, descriptor + 6),
        (AMQP_VALUE | AMQP_SEQUENCE, _) => (Kind::Value, 0),
        _ => (Kind::About, 0),
    };
    Ok(Start { kind, head, size: whole.checked_sub(head).ok_or(Flaw::Bad)? })
}

/// Whether `payload` is a message from its first byte to its last.
pub fn is_message(payload: &[u8]) -> bool {
    let mut rest = payload;
    let mut last = 0;
    while let Some(section) = composite::at_front(rest) {
        // Each turn takes a section; they come in the order of their numbers.
        let Ok(Value::Described { value, .. }) = value(&mut rest) else { return false };
        if section.code < last.max(HEADER) || section.code > FOOTER || !is_sound(value) {
            return false;
        }
        last = section.code;
    }
    rest.is_empty() && !payload.is_empty()
}

/// The sections in some bytes, as far as they are whole.
pub fn sections(bytes: &[u8]) -> impl Iterator<Item = (&'static composite::Composite, Value<'_>)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let section = composite::at_front(rest)?;
        Some((section, value(&mut rest).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_told_from_its_contents() {
        let data = start(b"\0\x53\x75\xa0\x05hello").unwrap();
        assert_eq!(data, Start { kind: Kind::Data, head: 5, size: 5 });
        let text = start(b"\0\x53\x77\xb1\0\0\x01\0").unwrap();
        assert_eq!(text, Start { kind: Kind::Text, head: 8, size: 256 });
        let header = start(b"\0\x53\x70\xc0\x04\x02\x41\x50\x05").unwrap();
        assert_eq!(header, Start { kind: Kind::About, head: 0, size: 9 });
        let map = start(b"\0\x53\x77\xc1\x01\0").unwrap();
        assert_eq!(map, Start { kind: Kind::Value, head: 0, size: 6 });
    }

    #[test]
    fn what_is_no_section() {
        assert_eq!(start(b"\0\x53\x14\x45"), Err(Flaw::Bad));
        assert_eq!(start(b"hello"), Err(Flaw::Bad));
        assert_eq!(start(b"\0\x53\x75\xb0\0"), Err(Flaw::Short(8)));
        assert_eq!(start(b""), Err(Flaw::Short(1)));
    }

    #[test]
    fn a_message_is_sections_in_order() {
        assert!(is_message(b"\0\x53\x70\x45\0\x53\x75\xa0\x02hi"));
        assert!(!is_message(b"\0\x53\x75\xa0\x02hi\0\x53\x70\x45"));
        assert!(!is_message(b"\0\x53\x75\xa0\x02hi!"));
        assert!(!is_message(b"\0\x53\x75\xa0\x03hi"));
        assert!(!is_message(b""));
    }
}
