//! The shape of a pcapng block (draft-ietf-opsawg-pcapng §3.1), of its options, and of the three
//! blocks that hold a packet.

use crate::{
    Damage,
    wire::{Order, PACKET_BYTES_MAX, Stop},
};

/// The types of §4 and appendix A that are read, or passed by on purpose.
pub(crate) const SECTION: u32 = 0x0a0d_0d0a;
pub(crate) const INTERFACE: u32 = 1;
pub(crate) const OLD_PACKET: u32 = 2;
pub(crate) const SIMPLE_PACKET: u32 = 3;
pub(crate) const NAMES: u32 = 4;
pub(crate) const STATISTICS: u32 = 5;
pub(crate) const PACKET: u32 = 6;
pub(crate) const SECRETS: u32 = 10;

/// ```text
///  0      4              8                      length - 4
/// | type | total length | body, padded to 4 … | total length |
/// ```
pub(crate) const BLOCK_HEAD_BYTES: usize = 8;
pub(crate) const BLOCK_TAIL_BYTES: usize = 4;
pub(crate) const BLOCK_BYTES_MIN: u32 = 12;

/// Room for a packet and for its options.
pub(crate) const BLOCK_BYTES_MAX: u32 = PACKET_BYTES_MAX + 64 * 1024;

/// One block, whole.
pub(crate) struct Block<'b> {
    pub(crate) kind: u32,
    pub(crate) order: Order,
    pub(crate) body: &'b [u8],
    /// Where the body begins in the walked bytes.
    pub(crate) at: usize,
}

/// What the three packet blocks have in common.
pub(crate) struct Seen {
    pub(crate) interface: u32,
    pub(crate) ticks: Option<u64>,
    pub(crate) caplen: u32,
    pub(crate) wire_len: u32,
    pub(crate) head_bytes: usize,
}

/// The options at the end of a block: code, length, value padded to 4; as far as they make sense.
pub(crate) struct Options<'b> {
    order: Order,
    rest: &'b [u8],
}

// === impl Block ===

impl Block<'_> {
    /// §4.3: interface, time in two halves, captured and wire length.
    #[inline]
    pub(crate) fn enhanced(&self) -> Result<Seen, Damage> {
        let Some(fixed) = self.body.first_chunk() else { return Err(self.too_short(32)) };
        let [interface, high, low, caplen, wire_len] = self.order.words::<20, 5>(fixed);
        let ticks = Some(u64::from(high) << 32 | u64::from(low));
        Ok(Seen { interface, ticks, caplen, wire_len, head_bytes: 20 })
    }

    /// Appendix A: as the enhanced one, but that the interface shares its word with a drop count.
    pub(crate) fn old(&self) -> Result<Seen, Damage> {
        let interface = u32::from(match self.body {
            [a, b, ..] => self.order.u16([*a, *b]),
            _ => return Err(self.too_short(32)),
        });
        Ok(Seen { interface, ..self.enhanced()? })
    }

    pub(crate) fn too_short(&self, min: u32) -> Damage {
        let bytes = (self.body.len() + BLOCK_HEAD_BYTES + BLOCK_TAIL_BYTES) as u32;
        Damage::BlockTooShort { kind: self.kind, bytes, min }
    }
}

// === impl Options ===

impl<'b> Options<'b> {
    pub(crate) fn new(order: Order, rest: &'b [u8]) -> Self {
        Self { order, rest }
    }
}

impl<'b> Iterator for Options<'b> {
    type Item = (u16, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[a, b, c, d], rest) = self.rest.split_first_chunk()?;
        let (code, len) = (self.order.u16([a, b]), usize::from(self.order.u16([c, d])));
        let value = rest.get(..len)?;
        self.rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        (code != 0).then_some((code, value))
    }
}

/// Whether the block must be in the buffer whole; others are skipped by arithmetic.
#[inline]
pub(crate) fn held_whole(kind: u32, length: u32) -> bool {
    match kind {
        SECTION | INTERFACE | OLD_PACKET | SIMPLE_PACKET | PACKET => true,
        SECRETS => length <= BLOCK_BYTES_MAX,
        _ => false,
    }
}

#[inline]
pub(crate) fn check_length(kind: u32, length: u32) -> Result<(), Stop> {
    if length < BLOCK_BYTES_MIN {
        let damage = Damage::BlockTooShort { kind, bytes: length, min: BLOCK_BYTES_MIN };
        return Err(Stop::Damaged(damage));
    }
    if length > BLOCK_BYTES_MAX && held_whole(kind, length) {
        let damage = Damage::BlockTooLong { kind, bytes: length, max: BLOCK_BYTES_MAX };
        return Err(Stop::Damaged(damage));
    }
    Ok(())
}
