//! Packets as a capture file (pcapng, draft-ietf-opsawg-pcapng), with nanoseconds.

use model::Timestamp;

/// Writes packets of any link types and interfaces.
#[derive(Debug, Default)]
pub struct Pcapng {
    links: Vec<(u32, String)>,
}

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// The option that says the unit of time stamps, and its value for nanoseconds.
const IF_TSRESOL: (u16, u8) = (9, 9);
/// Options: a comment, an interface's name.
const COMMENT: u16 = 1;
const IF_NAME: u16 = 2;

// === impl Pcapng ===

impl Pcapng {
    /// A file of its own: appends what stands before all packets.
    #[must_use]
    pub fn new(out: &mut Vec<u8>) -> Self {
        let mut body = BYTE_ORDER.to_le_bytes().to_vec();
        // Version 1.0; the section's length is not known.
        body.extend_from_slice(&[1, 0, 0, 0]);
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        block(SECTION, &body, out);
        Self::default()
    }

    /// Appends a packet: its link type (LINKTYPE_), its bytes, and how many there were on the wire.
    pub fn packet(
        &mut self,
        at: Timestamp,
        link: u32,
        bytes: &[u8],
        wire_len: u32,
        out: &mut Vec<u8>,
    ) {
        self.packet_of("", "", at, link, bytes, wire_len, out);
    }

    /// The same of an interface with this name, and with a comment; neither where they are empty.
    #[expect(clippy::too_many_arguments, reason = "what a packet is")]
    pub fn packet_of(
        &mut self,
        interface: &str,
        comment: &str,
        at: Timestamp,
        link: u32,
        bytes: &[u8],
        wire_len: u32,
        out: &mut Vec<u8>,
    ) {
        let same = |known: &(u32, String)| known.0 == link && known.1 == interface;
        let interface = self.links.iter().position(same).unwrap_or_else(|| {
            describe(link, interface, out);
            self.links.push((link, interface.to_owned()));
            self.links.len() - 1
        });
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let [.., h0, h1, h2, h3] = (at.0 >> 32).to_be_bytes();
        let [.., l0, l1, l2, l3] = at.0.to_be_bytes();
        let mut body = Vec::with_capacity(bytes.len() + 24);
        body.extend_from_slice(&number(interface));
        body.extend_from_slice(&[h3, h2, h1, h0, l3, l2, l1, l0]);
        body.extend_from_slice(&number(bytes.len()));
        body.extend_from_slice(&wire_len.to_le_bytes());
        body.extend_from_slice(bytes);
        if !comment.is_empty() {
            body.resize(body.len().next_multiple_of(4), 0);
            option(COMMENT, comment.as_bytes(), &mut body);
            // The end of the options.
            body.extend_from_slice(&[0; 4]);
        }
        block(ENHANCED_PACKET, &body, out);
    }
}

fn describe(link: u32, name: &str, out: &mut Vec<u8>) {
    let [l0, l1, ..] = link.to_le_bytes();
    let mut body = vec![l0, l1, 0, 0];
    // No limit on the bytes of a packet.
    body.extend_from_slice(&0_u32.to_le_bytes());
    if !name.is_empty() {
        option(IF_NAME, name.as_bytes(), &mut body);
    }
    option(IF_TSRESOL.0, &[IF_TSRESOL.1], &mut body);
    // The end of the options.
    body.extend_from_slice(&[0; 4]);
    block(INTERFACE, &body, out);
}

/// An option: its number, its length, its value filled up to 4 bytes.
fn option(number: u16, value: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let value = value.get(..usize::from(length)).unwrap_or(value);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
    let padding = value.len().next_multiple_of(4) - value.len();
    out.extend_from_slice(&[0; 3][..padding]);
}

/// A block: its type, its length, its body filled up to 4 bytes, its length again.
fn block(kind: u32, body: &[u8], out: &mut Vec<u8>) {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = u32::try_from(body.len() + padding + 12).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&length);
    out.extend_from_slice(body);
    out.extend_from_slice(&[0; 3][..padding]);
    out.extend_from_slice(&length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_say_their_length_twice() {
        let mut out = Vec::new();
        let mut file = Pcapng::new(&mut out);
        file.packet(Timestamp(0x0102_0304_0506_0708), 1, &[1, 2, 3, 4, 5], 60, &mut out);
        let (mut rest, mut kinds) = (out.as_slice(), Vec::new());
        while let [k0, k1, k2, k3, l0, l1, l2, l3, ..] = *rest {
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            assert_eq!(length % 4, 0);
            assert_eq!(rest[length - 4..length], [l0, l1, l2, l3]);
            kinds.push(u32::from_le_bytes([k0, k1, k2, k3]));
            rest = &rest[length..];
        }
        assert_eq!(kinds, [SECTION, INTERFACE, ENHANCED_PACKET]);
        let packet = &out[out.len() - 40..];
        assert_eq!(packet[12..20], [4, 3, 2, 1, 8, 7, 6, 5]);
        assert_eq!(packet[20..28], [5, 0, 0, 0, 60, 0, 0, 0]);
    }

    #[test]
    fn interfaces_have_names_and_packets_comments() {
        let mut out = Vec::new();
        let mut file = Pcapng::new(&mut out);
        let begin = out.len();
        for interface in ["a/eth0", "b/eth0", "a/eth0"] {
            file.packet_of(interface, "call 5-1", Timestamp(1), 1, &[1, 2, 3], 3, &mut out);
        }
        let (mut rest, mut blocks) = (&out[begin..], Vec::new());
        while let [k0, k1, k2, k3, l0, l1, l2, l3, ..] = *rest {
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            blocks.push((u32::from_le_bytes([k0, k1, k2, k3]), &rest[8..length - 4]));
            rest = &rest[length..];
        }
        let kinds: Vec<_> = blocks.iter().map(|block| block.0).collect();
        let (interface, packet) = (INTERFACE, ENHANCED_PACKET);
        assert_eq!(kinds, [interface, packet, interface, packet, packet]);
        // An option's number and length, its value, filled up to four bytes.
        assert_eq!(blocks[0].1[8..20], *b"\x02\0\x06\0a/eth0\0\0");
        assert_eq!(blocks[1].1[20..], *b"\x01\x02\x03\0\x01\0\x08\0call 5-1\0\0\0\0");
        let numbers: Vec<_> = blocks.iter().filter(|b| b.0 == packet).map(|b| b.1[0]).collect();
        assert_eq!(numbers, [0, 1, 0]);
    }
}
