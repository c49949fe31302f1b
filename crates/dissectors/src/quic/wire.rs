//! Packets as they are on the wire, before anything is decrypted (RFC 8999, RFC 9000 §16, §17).
//!
//! ```text
//!  0       1    5          6            …          …
//! ┌───────┬─────────┬──────┬─────┬──────┬─────┬─────────────────────┬───────────────────────┐
//! │1 1 T T│ version │d. len│ dcid│s. len│ scid│ token (Initial only)│ length │ number, payload …
//! └───────┴─────────┴──────┴─────┴──────┴─────┴─────────────────────┴───────────────────────┘
//! ┌───────┬──────┬───────────────────
//! │0 1 …  │ dcid │ number, payload …       its length is known to those who chose it
//! └───────┴──────┴───────────────────
//! ```

use super::version::Version;
use crate::tls::wire::Cursor;

/// Set in the first byte of a long header.
const LONG: u8 = 0x80;
/// Bytes of a connection ID (RFC 9000 §17.2).
pub const CID_MAX: usize = 20;

/// What a packet is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The first ones of both sides: hellos, under keys that everybody can make.
    Initial,
    /// What a client sends before it is answered (0-RTT).
    Early,
    /// The rest of the handshake.
    Handshake,
    /// The server wants the client's address proved.
    Retry,
    /// Everything after the handshake (1-RTT), in a short header.
    Short,
}

/// A packet as far as it can be read by everybody.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'b> {
    /// The server does not speak the client's version (§17.2.1).
    Negotiation {
        /// Whom it is for.
        dcid: &'b [u8],
        /// The versions that it speaks, four bytes each.
        versions: &'b [u8],
    },
    /// §17.2.5.
    Retry {
        /// Whom it is for.
        dcid: &'b [u8],
    },
    /// A packet with a long header that is encrypted.
    Long(Long<'b>),
    /// A packet with a short header: the rest of a datagram.
    Short(&'b [u8]),
    /// A long header of a version that is not known here: the rest of a datagram.
    Unknown,
}

/// A long header, and what it is in front of.
#[derive(Clone, Copy, Debug)]
pub struct Long<'b> {
    /// Which; neither Retry nor Short.
    pub kind: Kind,
    /// In which version.
    pub version: Version,
    /// Whom it is for.
    pub dcid: &'b [u8],
    /// Whom it is from.
    pub scid: &'b [u8],
    /// All of the packet.
    pub bytes: &'b [u8],
    /// Where in it the packet number begins.
    pub number_at: usize,
}

/// A number whose first two bits say how long it is (§16).
pub fn varint(cursor: &mut Cursor<'_>) -> Option<u64> {
    let first = *cursor.0.first()?;
    let bytes = cursor.take(1 << (first >> 6))?;
    let number = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Some(number & (u64::MAX >> (66 - 8 * bytes.len().min(8))))
}

/// A number that counts bytes which are there.
pub fn length(cursor: &mut Cursor<'_>) -> Option<usize> {
    usize::try_from(varint(cursor)?).ok()
}

// === impl Packet ===

impl<'b> Packet<'b> {
    /// The packet at the front of a datagram, and its bytes; nothing if it is none.
    pub fn read(input: &'b [u8]) -> Option<(Self, usize)> {
        let mut cursor = Cursor(input);
        let first = cursor.u8()?;
        if first & LONG == 0 {
            return Some((Self::Short(input), input.len()));
        }
        let number = u32::from_be_bytes(*cursor.array()?);
        let (dcid, scid) = (cursor.vec8()?, cursor.vec8()?);
        if number == 0 {
            return Some((Self::Negotiation { dcid, versions: cursor.0 }, input.len()));
        }
        let Some(version) = Version::of(number) else {
            return Some((Self::Unknown, input.len()));
        };
        if dcid.len() > CID_MAX || scid.len() > CID_MAX {
            return None;
        }
        let kind = version.kind(first >> 4 & 3);
        if kind == Kind::Retry {
            return Some((Self::Retry { dcid }, input.len()));
        }
        if kind == Kind::Initial {
            let token = length(&mut cursor)?;
            cursor.take(token)?;
        }
        let len = length(&mut cursor)?;
        let number_at = input.len() - cursor.0.len();
        cursor.take(len)?;
        let size = input.len() - cursor.0.len();
        let bytes = input.get(..size)?;
        Some((Self::Long(Long { kind, version, dcid, scid, bytes, number_at }), size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000 appendix A.1.
    #[test]
    fn numbers_are_those_of_the_specification() {
        for (bytes, wanted) in [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c][..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ] {
            assert_eq!(varint(&mut Cursor(bytes)), Some(wanted));
            assert_eq!(varint(&mut Cursor(&bytes[..bytes.len() - 1])), None);
        }
    }

    #[test]
    fn a_packet_ends_where_its_length_says() {
        let bytes = [0xe0, 0, 0, 0, 1, 1, 7, 0, 2, 9, 9, 0x40];
        let Some((Packet::Long(long), 11)) = Packet::read(&bytes) else { panic!() };
        assert_eq!((long.kind, long.dcid, long.number_at), (Kind::Handshake, &[7][..], 9));
        for cut in 1..11 {
            assert!(Packet::read(&bytes[..cut]).is_none(), "{cut}");
        }
    }

    #[test]
    fn a_length_beyond_the_datagram_is_no_packet() {
        assert!(Packet::read(&[0xe0, 0, 0, 0, 1, 0, 0, 3, 9, 9]).is_none());
        assert!(Packet::read(&[0xc0, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_none());
        assert!(Packet::read(&[0xe0, 0, 0, 0, 1, 21]).is_none());
    }
}
