//! Which MQTT is spoken on a connection.

use super::wire::Kind;

/// What is known of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(u8)]
pub enum Version {
    /// Nothing: its CONNECT was not seen.
    #[default]
    Unknown = 0,
    /// Not 5; nobody can tell what is not a CONNECT of 3.1 from one of 3.1.1.
    Some3 = 2,
    /// MQTT 3.1.
    V31 = 3,
    /// MQTT 3.1.1.
    V311 = 4,
    /// MQTT 5.
    V5 = 5,
}

// === impl Version ===

impl Version {
    /// The version of a protocol level in a CONNECT.
    pub fn of_level(level: u8) -> Self {
        match level {
            2 => Self::Some3,
            3 => Self::V31,
            4 => Self::V311,
            5 => Self::V5,
            _ => Self::Unknown,
        }
    }

    /// By what a packet of `len` bytes behind its fixed header is read again: only a CONNECT says
    /// which 3 it is, and some packets are the same in all versions.
    #[inline]
    pub fn layout(self, kind: Kind, len: usize) -> Self {
        match (kind, len) {
            (Kind::Connect, _) => self,
            (Kind::Pingreq | Kind::Pingresp | Kind::Disconnect, 0) => Self::Unknown,
            (Kind::Puback | Kind::Pubrec | Kind::Pubrel | Kind::Pubcomp, 2) => Self::Unknown,
            _ if matches!(self, Self::V31 | Self::V311) => Self::Some3,
            _ => self,
        }
    }

    /// Whether it has properties.
    pub fn is_5(self) -> bool {
        self == Self::V5
    }

    /// Whether what is sent again may be marked in packets that are no PUBLISH.
    pub fn marks_again(self) -> bool {
        matches!(self, Self::Unknown | Self::Some3 | Self::V31)
    }

    /// As people write it, where it is certain.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Some3 => Some("3"),
            Self::V31 => Some("3.1"),
            Self::V311 => Some("3.1.1"),
            Self::V5 => Some("5"),
        }
    }
}
