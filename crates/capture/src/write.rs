//! Blocks of a pcapng file, as we write them (draft-ietf-opsawg-pcapng): little-endian, times in
//! nanoseconds.
//!
//! ```text
//! | type 4 | total length 4 | body, padded to 4 … | total length 4 |
//! ```

use model::{Source, Timestamp};
use packet::LinkType;

use crate::block::{INTERFACE, PACKET, SECRETS, SECTION};

/// What a block of secrets is called when it holds a key log of NSS (§4.7).
pub(crate) const KEY_LOG: u32 = 0x544c_534b;
/// Options of all blocks (§3.5), and of ours.
const OPTION_COMMENT: u16 = 1;
const OPTION_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_PROGRAM: u16 = 4;
/// Ten to the minus ninth.
const NANOSECONDS: u8 = 9;
/// Bytes of a comment at most; it has two for its length.
const COMMENT_BYTES_MAX: usize = 32 << 10;

/// A packet to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Enhanced<'p> {
    /// Its interface's number in the section.
    pub(crate) interface: u32,
    pub(crate) at: Timestamp,
    pub(crate) wire_len: u32,
    pub(crate) bytes: &'p [u8],
    pub(crate) comment: Option<&'p str>,
}

/// The beginning of a file (§4.1).
pub(crate) fn section(out: &mut Vec<u8>) {
    block(SECTION, out, |out| {
        out.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        // How long the section is: unknown.
        out.extend_from_slice(&u64::MAX.to_le_bytes());
        let program = concat!("callscope ", env!("CARGO_PKG_VERSION"));
        option(OPTION_PROGRAM, program.as_bytes(), out);
        no_more_options(out);
    });
}

/// An interface that packets after it are of (§4.2).
pub(crate) fn interface(source: &Source, link: LinkType, out: &mut Vec<u8>) {
    block(INTERFACE, out, |out| {
        let link = u16::try_from(link.0).unwrap_or(u16::MAX);
        out.extend_from_slice(&u32::from(link).to_le_bytes());
        // No limit on the length of packets.
        out.extend_from_slice(&[0; 4]);
        let name = source.interface.as_deref().unwrap_or(&source.name);
        option(OPTION_NAME, short(name).as_bytes(), out);
        option(OPTION_RESOLUTION, &[NANOSECONDS], out);
        no_more_options(out);
    });
}

/// A packet (§4.3).
pub(crate) fn packet(packet: &Enhanced<'_>, out: &mut Vec<u8>) {
    block(PACKET, out, |out| {
        let [at, len] = [packet.at.0, packet.bytes.len() as u64];
        for word in [packet.interface, (at >> 32) as u32, at as u32, len as u32, packet.wire_len] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(packet.bytes);
        pad(out);
        if let Some(comment) = packet.comment {
            option(OPTION_COMMENT, short(comment).as_bytes(), out);
            no_more_options(out);
        }
    });
}

/// Lines of a key log (§4.7).
pub(crate) fn secrets(lines: &[u8], out: &mut Vec<u8>) {
    block(SECRETS, out, |out| {
        out.extend_from_slice(&KEY_LOG.to_le_bytes());
        out.extend_from_slice(&(lines.len() as u32).to_le_bytes());
        out.extend_from_slice(lines);
    });
}

fn block(kind: u32, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    pad(out);
    // Packets and secrets are bounded far below 4 GiB.
    let length = (out.len() - begin + 4) as u32;
    out.extend_from_slice(&length.to_le_bytes());
    out[begin + 4..begin + 8].copy_from_slice(&length.to_le_bytes());
}

fn option(code: u16, value: &[u8], out: &mut Vec<u8>) {
    let Ok(len) = u16::try_from(value.len()) else { return };
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(value);
    pad(out);
}

fn no_more_options(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
}

/// Blocks begin at multiples of 4, so that this pads the block's parts, too.
fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(COMMENT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::{Batch, Options, Reader};

    #[test]
    fn what_is_written_is_read_back() {
        let mut file = Vec::new();
        let source =
            Source { kind: "interface", name: "host".into(), interface: Some("eth0".into()) };
        section(&mut file);
        interface(&source, LinkType::ETHERNET, &mut file);
        secrets(b"CLIENT_RANDOM 00 11\n", &mut file);
        for (n, comment) in [None, Some("a comment")].into_iter().enumerate() {
            let at = Timestamp(1_700_000_000_123_456_789 + n as u64);
            let bytes = &b"a packet"[n..];
            packet(&Enhanced { interface: 0, at, wire_len: 99, bytes, comment }, &mut file);
        }
        let mut reader = Reader::from_read("x", Cursor::new(file), Options::default()).unwrap();
        let mut batch = Batch::new();
        assert!(reader.next(&mut batch).unwrap());
        let packets: Vec<_> = batch.packets().map(|p| (p.at.0, p.bytes, p.wire_len)).collect();
        let begin = 1_700_000_000_123_456_789;
        assert_eq!(packets, [(begin, &b"a packet"[..], 99), (begin + 1, b" packet", 99)]);
        assert_eq!(reader.sources()[0].interface.as_deref(), Some("eth0"));
        assert_eq!(reader.secrets()[0], (KEY_LOG, b"CLIENT_RANDOM 00 11\n".to_vec()));
        assert!(!reader.next(&mut batch).unwrap() && reader.warnings().is_empty());
    }
}
