//! One packet as the kernel wrote it into a block of the ring (`struct tpacket3_hdr`).
//!
//! ```text
//!  0 | next 4 | seconds 4 | nanoseconds 4 | kept 4 | length 4 | status 4 |
//! 24 | MAC offset 2 | network offset 2 | hash 4 | VLAN 4 | VLAN type 2 | … |
//! 48 | family 2 | protocol 2 (BE) | interface 4 | hardware 2 | kind 1 | address length 1 | address 8 |
//! ```

use model::Timestamp;

/// Where the first packet is said to begin (`struct tpacket_hdr_v1`), and how many there are.
const BLOCK_PACKETS: usize = 12;
const BLOCK_FIRST: usize = 16;

const HEADER_BYTES: usize = 68;
const ADDRESS: usize = 60;
/// IEEE 802.1Q: what the tag is said to be where the kernel doesn't.
const VLAN_TYPE: u16 = 0x8100;

/// Devices whose packets begin with an Ethernet header: Ethernet, loopback (`ARPHRD_…`).
const HARDWARE_ETHERNET: [u16; 2] = [1, libc::ARPHRD_LOOPBACK];

/// A packet in the ring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'r> {
    pub(super) at: Timestamp,
    /// Bytes on the wire, without a VLAN tag that the card took off.
    pub(super) wire_len: u32,
    /// From the link layer's header on, as far as it was kept.
    pub(super) bytes: &'r [u8],
    /// Where in them the network layer begins.
    pub(super) network: usize,
    /// The tag that the card or the kernel took off, as on the wire.
    pub(super) vlan: Option<[u8; 4]>,
    /// Number of the interface in its namespace.
    pub(super) interface: u32,
    /// `ARPHRD_…`.
    hardware: u16,
    /// EtherType, as on the wire.
    protocol: [u8; 2],
    /// Outgoing, for us, for all, …
    kind: u8,
    address_len: u8,
    address: [u8; 8],
}

/// Where in a block the next packet is, and how many are left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    offset: usize,
    left: u32,
}

// === impl Cursor ===

impl Cursor {
    /// At the beginning of a block.
    pub(super) fn of(block: &[u8]) -> Self {
        let left = u32_at(block, BLOCK_PACKETS).unwrap_or(0);
        let offset = u32_at(block, BLOCK_FIRST).map_or(usize::MAX, |offset| offset as usize);
        Self { offset, left }
    }

    /// The packet here; `None` behind the last one.
    pub(super) fn frame<'r>(&self, block: &'r [u8]) -> Option<Frame<'r>> {
        if self.left == 0 {
            return None;
        }
        Frame::of(block.get(self.offset..)?)
    }

    /// On to the next packet.
    pub(super) fn advance(&mut self, block: &[u8]) {
        self.left = self.left.saturating_sub(1);
        match u32_at(block, self.offset) {
            Some(next) if next > 0 => self.offset = self.offset.saturating_add(next as usize),
            _ => self.left = 0,
        }
    }
}

// === impl Frame ===

impl<'r> Frame<'r> {
    fn of(bytes: &'r [u8]) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let u16_of = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        let u32_of = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (status, begin) = (u32_of(20), usize::from(u16_of(24)));
        let kept = bytes.get(begin..)?.get(..u32_of(12) as usize)?;
        let at = u64::from(u32_of(4)) * 1_000_000_000 + u64::from(u32_of(8));
        let mut address = [0; 8];
        address.copy_from_slice(&header[ADDRESS..ADDRESS + 8]);
        Some(Self {
            at: Timestamp(at),
            wire_len: u32_of(16),
            bytes: kept,
            network: usize::from(u16_of(26)).saturating_sub(begin).min(kept.len()),
            vlan: tag(status, u32_of(32), u16_of(36)),
            interface: u32_of(52),
            hardware: u16_of(56),
            protocol: [header[50], header[51]],
            kind: header[58],
            address_len: header[59],
            address,
        })
    }

    /// Whether its bytes begin with an Ethernet header.
    pub(super) fn is_ethernet(&self) -> bool {
        HARDWARE_ETHERNET.contains(&self.hardware)
    }

    /// Whether it never left the machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.hardware == libc::ARPHRD_LOOPBACK
    }

    /// The header that stands for the link layer's where that is not Ethernet (`LINKTYPE_LINUX_SLL2`).
    pub(super) fn cooked(&self) -> [u8; 20] {
        let mut header = [0; 20];
        header[..2].copy_from_slice(&self.protocol);
        header[4..8].copy_from_slice(&self.interface.to_be_bytes());
        header[8..10].copy_from_slice(&self.hardware.to_be_bytes());
        header[10] = self.kind;
        header[11] = self.address_len;
        header[12..].copy_from_slice(&self.address);
        header
    }
}

fn tag(status: u32, tci: u32, kind: u16) -> Option<[u8; 4]> {
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let kind = if status & libc::TP_STATUS_VLAN_TPID_VALID == 0 { VLAN_TYPE } else { kind };
    let ([k0, k1], [t0, t1]) = (kind.to_be_bytes(), ((tci & 0xffff) as u16).to_be_bytes());
    Some([k0, k1, t0, t1])
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with packets of these payloads, as the kernel lays it out.
    fn block(payloads: &[&[u8]]) -> Vec<u8> {
        let mut block = vec![0; 48];
        block[BLOCK_PACKETS..][..4].copy_from_slice(&(payloads.len() as u32).to_ne_bytes());
        block[BLOCK_FIRST..][..4].copy_from_slice(&48_u32.to_ne_bytes());
        for (at, payload) in payloads.iter().enumerate() {
            let mut packet = vec![0; 82];
            let next = if at + 1 == payloads.len() { 0 } else { 82 + payload.len() };
            packet[..4].copy_from_slice(&(next as u32).to_ne_bytes());
            packet[4..8].copy_from_slice(&7_u32.to_ne_bytes());
            packet[12..16].copy_from_slice(&(payload.len() as u32).to_ne_bytes());
            packet[16..20].copy_from_slice(&(payload.len() as u32).to_ne_bytes());
            packet[24..26].copy_from_slice(&82_u16.to_ne_bytes());
            packet[26..28].copy_from_slice(&96_u16.to_ne_bytes());
            packet[52..56].copy_from_slice(&3_u32.to_ne_bytes());
            packet[56..58].copy_from_slice(&1_u16.to_ne_bytes());
            block.extend_from_slice(&packet);
            block.extend_from_slice(payload);
        }
        block
    }

    #[test]
    fn packets_of_a_block_come_one_after_the_other() {
        let block = block(&[b"one-fourteen-b+ip", b"two-fourteen-b+ipv6"]);
        let mut cursor = Cursor::of(&block);
        let first = cursor.frame(&block).unwrap();
        assert_eq!((first.bytes, first.network), (&b"one-fourteen-b+ip"[..], 14));
        assert_eq!((first.at, first.interface), (Timestamp(7_000_000_000), 3));
        cursor.advance(&block);
        assert_eq!(cursor.frame(&block).unwrap().bytes, b"two-fourteen-b+ipv6");
        cursor.advance(&block);
        assert!(cursor.frame(&block).is_none());
    }

    #[test]
    fn a_block_cut_anywhere_gives_no_packet_that_is_not_there() {
        let block = block(&[b"one-fourteen-b+ip", b"two-fourteen-b+ipv6"]);
        for len in 0..block.len() {
            let cut = &block[..len];
            let mut cursor = Cursor::of(cut);
            let mut packets = 0;
            while let Some(frame) = cursor.frame(cut) {
                assert!(frame.bytes.len() <= len);
                packets += 1;
                cursor.advance(cut);
            }
            assert!(packets < 2, "{len}");
        }
    }

    #[test]
    fn a_tag_without_a_type_is_of_the_usual_one() {
        assert_eq!(tag(0, 5, 0x88a8), None);
        assert_eq!(tag(libc::TP_STATUS_VLAN_VALID, 5, 0x88a8), Some([0x81, 0, 0, 5]));
        let both = libc::TP_STATUS_VLAN_VALID | libc::TP_STATUS_VLAN_TPID_VALID;
        assert_eq!(tag(both, 0x2005, 0x88a8), Some([0x88, 0xa8, 0x20, 5]));
    }
}
