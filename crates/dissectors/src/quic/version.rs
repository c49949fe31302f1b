//! Versions of QUIC whose Initial packets can be read: 1 (RFC 9001), 2 (RFC 9369), and the drafts
//! before them whose salts were published.

use std::borrow::Cow;

use super::wire::Kind;

/// RFC 9001 §5.2.
const SALT_1: &[u8; 20] =
    b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
/// RFC 9369 §3.3.1.
const SALT_2: &[u8; 20] =
    b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
/// draft-ietf-quic-tls-29 to 32.
const SALT_29: &[u8; 20] =
    b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";
/// draft-ietf-quic-tls-23 to 28.
const SALT_23: &[u8; 20] =
    b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02";
/// draft-ietf-quic-tls-22.
const SALT_22: &[u8; 20] =
    b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a";

/// Version 1.
const ONE: u32 = 1;
/// Version 2.
const TWO: u32 = 0x6b33_43cf;
/// What versions of drafts begin with.
const DRAFTS: u32 = 0xff00_0000;

/// A version that is known here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version {
    /// As it stands in long headers.
    pub number: u32,
    /// What the keys of Initial packets are salted with.
    pub salt: &'static [u8; 20],
}

/// The labels that keys are derived under (RFC 9001 §5.1, RFC 9369 §3.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Labels {
    /// For payload.
    pub key: &'static [u8],
    /// For nonces.
    pub iv: &'static [u8],
    /// For headers.
    pub header: &'static [u8],
    /// For the next secret.
    pub update: &'static [u8],
}

// === impl Version ===

impl Version {
    /// The version with this number, if packets of it can be read.
    pub fn of(number: u32) -> Option<Self> {
        let salt = match number {
            ONE => SALT_1,
            TWO => SALT_2,
            0xff00_0016 | 0xface_b001 => SALT_22,
            // mvfst numbered the drafts that it spoke by itself.
            0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => SALT_23,
            0xff00_001d..=0xff00_0020 => SALT_29,
            0xff00_0021..=0xff00_0022 | 0xface_b003 | 0xface_b004 => SALT_1,
            _ => return None,
        };
        Some(Self { number, salt })
    }

    /// The labels of its keys.
    pub fn labels(self) -> Labels {
        if self.number == TWO {
            return Labels {
                key: b"quicv2 key",
                iv: b"quicv2 iv",
                header: b"quicv2 hp",
                update: b"quicv2 ku",
            };
        }
        Labels { key: b"quic key", iv: b"quic iv", header: b"quic hp", update: b"quic ku" }
    }

    /// What the two bits of a long header say (RFC 9000 §17.2, RFC 9369 §3.2).
    pub fn kind(self, bits: u8) -> Kind {
        let bits = if self.number == TWO { bits.wrapping_sub(1) } else { bits };
        match bits & 3 {
            0 => Kind::Initial,
            1 => Kind::Early,
            2 => Kind::Handshake,
            _ => Kind::Retry,
        }
    }
}

/// What people call a version: `1`, `2`, `draft-29`.
pub fn name(number: u32) -> Cow<'static, str> {
    match number {
        ONE => "1".into(),
        TWO => "2".into(),
        0xface_b001 => "mvfst-22".into(),
        0xface_b002 => "mvfst-27".into(),
        _ if number >> 8 == DRAFTS >> 8 => format!("draft-{}", number & 0xff).into(),
        _ => format!("{number:#010x}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_version_2_are_turned_by_one() {
        let one = Version::of(1).unwrap();
        let two = Version::of(TWO).unwrap();
        assert_eq!(one.kind(0), Kind::Initial);
        assert_eq!(two.kind(1), Kind::Initial);
        assert_eq!((one.kind(3), two.kind(0)), (Kind::Retry, Kind::Retry));
        assert_eq!((one.kind(1), two.kind(2)), (Kind::Early, Kind::Early));
    }

    #[test]
    fn versions_have_names() {
        let names = [(1, "1"), (TWO, "2"), (0xff00_001d, "draft-29"), (0x1a2a_3a4a, "0x1a2a3a4a")];
        for (number, wanted) in names {
            assert_eq!(name(number), wanted);
        }
        assert!(Version::of(0x1a2a_3a4a).is_none() && Version::of(0).is_none());
    }
}
