//! Packets as a capture file (pcapng, draft-ietf-opsawg-pcapng), with nanoseconds.

use model::Timestamp;

/// Writes packets of any link types; an interface for each.
#[derive(Debug, Default)]
pub struct Pcapng {
    links: Vec<u32>,
}

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// The option that says the unit of time stamps, and its value for nanoseconds.
const IF_TSRESOL: (u16, u8) = (9, 9);

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
        let interface = match self.links.iter().position(|known| *known == link) {
            Some(index) => index,
            None => {
                interface(link, out);
                self.links.push(link);
                self.links.len() - 1
            }
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let [.., h0, h1, h2, h3] = (at.0 >> 32).to_be_bytes();
        let [.., l0, l1, l2, l3] = at.0.to_be_bytes();
        let mut body = Vec::with_capacity(bytes.len() + 24);
        body.extend_from_slice(&number(interface));
        body.extend_from_slice(&[h3, h2, h1, h0, l3, l2, l1, l0]);
        body.extend_from_slice(&number(bytes.len()));
        body.extend_from_slice(&wire_len.to_le_bytes());
        body.extend_from_slice(bytes);
        block(ENHANCED_PACKET, &body, out);
    }
}

fn interface(link: u32, out: &mut Vec<u8>) {
    let [l0, l1, ..] = link.to_le_bytes();
    let mut body = vec![l0, l1, 0, 0];
    // No limit on the bytes of a packet.
    body.extend_from_slice(&0_u32.to_le_bytes());
    body.extend_from_slice(&IF_TSRESOL.0.to_le_bytes());
    body.extend_from_slice(&1_u16.to_le_bytes());
    body.extend_from_slice(&[IF_TSRESOL.1, 0, 0, 0]);
    // The end of the options.
    body.extend_from_slice(&[0; 4]);
    block(INTERFACE, &body, out);
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
}
