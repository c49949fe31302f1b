//! What a login says, as it is written down: small facts, each with its length before it.

/// What a fact is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum What {
    /// Version of the handshake.
    Protocol = 1,
    /// Version of the server.
    ServerVersion,
    /// Number of the connection.
    Connection,
    /// What the server can.
    ServerCapabilities,
    /// Its collation.
    ServerCollation,
    /// Its status flags.
    ServerStatus,
    /// How it wants to be convinced.
    ServerPlugin,
    /// What the client can.
    ClientCapabilities,
    /// The largest packet the client takes.
    PacketMax,
    /// Its collation.
    ClientCollation,
    /// Who.
    User,
    /// The schema.
    Database,
    /// How the client proves who it is.
    ClientPlugin,
    /// An attribute of the client: a name, a NUL, a value.
    Attribute,
    /// The client asked for TLS; what else it says is not to be seen.
    Tls,
}

/// Facts in a row: what, two bytes of length, the value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(Vec<u8>);

/// Bytes of one value kept.
const VALUE_MAX: usize = 512;

// === impl Facts ===

impl Facts {
    /// Adds a number.
    pub fn integer(&mut self, what: What, value: u64) {
        self.text(what, &value.to_le_bytes());
    }

    /// Adds a text.
    pub fn text(&mut self, what: What, value: &[u8]) {
        let value = value.get(..VALUE_MAX).unwrap_or(value);
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.push(what as u8);
        self.0.extend(len.to_le_bytes());
        self.0.extend_from_slice(value);
    }

    /// Adds a named text.
    pub fn pair(&mut self, what: What, name: &[u8], value: &[u8]) {
        self.text(what, &[name, b"\0", value].concat());
    }

    /// All of them as they are written down.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads them again: what, and the value.
    pub fn each(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
        std::iter::from_fn(move || {
            let [what, low, high, rest @ ..] = bytes else { return None };
            let len = u16::from_le_bytes([*low, *high]).into();
            let (value, rest) = rest.split_at_checked(len)?;
            bytes = rest;
            Some((*what, value))
        })
    }
}

/// The number in a fact.
pub fn number(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_as_they_were_written() {
        let mut facts = Facts::default();
        facts.integer(What::Connection, 7);
        facts.text(What::User, b"ann");
        facts.pair(What::Attribute, b"a", b"b");
        let read: Vec<_> = Facts::each(facts.bytes()).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(number(read[0].1), 7);
        assert_eq!(read[2], (What::Attribute as u8, &b"a\0b"[..]));
    }
}
