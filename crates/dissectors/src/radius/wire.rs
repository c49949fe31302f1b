//! A packet: its head and its attributes (RFC 2865 §3, §5).

use std::ops::Range;

use crate::framed::{u16_at, u32_at};

/// Bytes of a head.
pub(super) const HEAD: usize = 20;
/// The attribute that holds others.
pub(super) const VENDOR: u8 = 26;
/// Attributes looked at, at most.
const ATTRIBUTES_MAX: usize = 2_048;

/// What stands in front of the attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) code: u8,
    pub(super) id: u8,
    pub(super) len: usize,
    authenticator: [u8; 16],
}

/// One attribute, or one of a vendor's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute<'b> {
    /// 0 for those of everybody.
    pub(super) vendor: u32,
    pub(super) kind: u8,
    pub(super) value: &'b [u8],
    /// Where the value begins in the packet.
    at: usize,
}

/// The attributes of a packet, vendors' ones one by one.
#[derive(Clone, Debug)]
pub(super) struct Attributes<'b> {
    packet: &'b [u8],
    at: usize,
    end: usize,
    /// The vendor whose attributes are read, and where they end.
    inside: Option<(u32, usize)>,
    left: usize,
}

// === impl Head ===

impl Head {
    /// Reads it; `cut` bytes of the packet were not captured.
    pub(super) fn read(packet: &[u8], cut: u32) -> Option<Self> {
        let &[code, id, ..] = packet else { return None };
        let len = usize::from(u16_at(packet, 2)?);
        let there = packet.len().saturating_add(usize::try_from(cut).unwrap_or(0));
        let authenticator = *packet.get(4..)?.first_chunk()?;
        // What is behind the length is padding (§3).
        ((HEAD..=4_096).contains(&len) && len <= there).then_some(Self {
            code,
            id,
            len,
            authenticator,
        })
    }

    /// The authenticator in short (FNV-1a); never 0.
    pub(super) fn hash(&self) -> u32 {
        let mix = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        self.authenticator.iter().fold(0x811c_9dc5, mix).max(1)
    }
}

// === impl Attribute ===

impl Attribute<'_> {
    /// Where its value is in the packet.
    pub(super) fn place(&self) -> Range<usize> {
        self.at..self.at + self.value.len()
    }

    /// Whether it holds a password, a key, or what proves that somebody knows one.
    pub(super) fn is_secret(&self) -> bool {
        match self.vendor {
            // User-Password, CHAP-Password, Tunnel-Password, ARAP-Password.
            0 => matches!(self.kind, 2 | 3 | 69 | 70 | 84),
            // Microsoft's answers to challenges and keys (RFC 2548).
            311 => matches!(self.kind, 1..=6 | 12 | 16 | 17 | 25..=27),
            _ => false,
        }
    }
}

// === impl Attributes ===

impl<'b> Attributes<'b> {
    /// Those of a packet, as far as it goes.
    pub(super) fn of(packet: &'b [u8]) -> Self {
        let end = u16_at(packet, 2).map_or(0, usize::from).min(packet.len());
        Self { packet, at: HEAD, end, inside: None, left: ATTRIBUTES_MAX }
    }

    /// Whether they end where the packet does, and none is empty.
    pub(super) fn are_sound(packet: &[u8]) -> bool {
        let end = u16_at(packet, 2).map_or(0, usize::from).min(packet.len());
        let mut at = HEAD;
        while at < end {
            match packet.get(at..) {
                Some([kind, len @ 2..=u8::MAX, ..]) if *kind != 0 => at += usize::from(*len),
                _ => return false,
            }
        }
        at == end
    }
}

impl<'b> Iterator for Attributes<'b> {
    type Item = Attribute<'b>;

    fn next(&mut self) -> Option<Attribute<'b>> {
        loop {
            self.left = self.left.checked_sub(1)?;
            if self.inside.is_some_and(|(_, end)| self.at + 2 > end) {
                let (_, end) = self.inside.take()?;
                self.at = end;
            }
            let end = self.inside.map_or(self.end, |(_, end)| end);
            let all = self.packet.get(self.at..end)?;
            let &[kind, len, ..] = all else { return None };
            let len = usize::from(len).max(2);
            let value = all.get(2..len).or_else(|| all.get(2..)).unwrap_or_default();
            let at = self.at + 2;
            self.at = (self.at + len).min(end);
            match self.inside {
                Some((vendor, _)) => return Some(Attribute { vendor, kind, value, at }),
                None if kind == VENDOR && value.len() >= 6 => {
                    let vendor = u32_at(value, 0).unwrap_or(0);
                    // Most vendors have attributes inside; where the lengths don't fit it is one value.
                    if !is_list(value.get(4..).unwrap_or_default()) {
                        return Some(Attribute {
                            vendor,
                            kind: 0,
                            value: value.get(4..)?,
                            at: at + 4,
                        });
                    }
                    self.inside = Some((vendor, self.at));
                    self.at = at + 4;
                }
                None => return Some(Attribute { vendor: 0, kind, value, at }),
            }
        }
    }
}

fn is_list(mut bytes: &[u8]) -> bool {
    while let [_, len @ 2..=u8::MAX, ..] = bytes {
        let Some(rest) = bytes.get(usize::from(*len)..) else { return false };
        bytes = rest;
    }
    bytes.is_empty()
}
