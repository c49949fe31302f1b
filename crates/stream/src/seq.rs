//! Sequence numbers: 32 bits that wrap (RFC 9293 §3.4), only ever compared by distance.

/// The place of a byte in the sequence space of one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Seq(pub u32);

// === impl Seq ===

impl Seq {
    /// The place `len` bytes further on.
    pub fn plus(self, len: u32) -> Self {
        Self(self.0.wrapping_add(len))
    }

    /// The place one before.
    pub fn before(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// How far it is ahead of `from`; negative when it is behind.
    pub fn ahead_of(self, from: Self) -> i32 {
        self.0.wrapping_sub(from.0).cast_signed()
    }

    /// The bytes from `from` up to here, going forward only.
    pub fn forward_from(self, from: Self) -> u32 {
        self.0.wrapping_sub(from.0)
    }

    /// The nearer of the two, where both are ahead of the same place.
    pub fn first(self, other: Self) -> Self {
        if other.ahead_of(self) < 0 { other } else { self }
    }

    /// The farther of the two.
    pub fn last(self, other: Self) -> Self {
        if other.ahead_of(self) > 0 { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_thousand_million_and_a_bit_is_ahead() {
        let before = Seq(u32::MAX - 1);
        assert_eq!(before.plus(5), Seq(3));
        assert_eq!(Seq(3).ahead_of(before), 5);
        assert_eq!(before.ahead_of(Seq(3)), -5);
        assert_eq!(before.first(Seq(3)), before);
        assert_eq!(before.last(Seq(3)), Seq(3));
        assert_eq!(Seq(0).before(), Seq(u32::MAX));
    }
}
