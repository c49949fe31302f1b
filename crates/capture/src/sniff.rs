//! What a file is, by its first bytes; its name is never looked at.

use crate::{pcap, wire::Order};

/// As many first bytes as [`sniff`] wants to see, where the file has them.
pub(crate) const HEAD_BYTES: usize = 24;

/// The block type that every pcapng file begins with; a palindrome, the same in both byte orders.
const PCAPNG_SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const PCAPNG_BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// What the first bytes of a file say that it is.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A pcap file, whose magic says this.
    Pcap(pcap::Magic),
    /// A pcapng file, whose version is `major.minor` if that is there.
    Pcapng(Option<(u16, u16)>),
    /// Something that may be one of both when decompressed.
    Compressed(Compression),
    /// A capture in a format that isn't read here.
    Foreign(&'static str),
    /// Something else.
    Other(String),
}

/// The compressions that are undone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Says what `head` is the beginning of.
pub(crate) fn sniff(head: &[u8]) -> Kind {
    if let Some(magic) = head.first_chunk().and_then(|first| pcap::Magic::of(*first)) {
        return Kind::Pcap(magic);
    }
    if head.starts_with(&PCAPNG_SECTION) {
        return pcapng(head);
    }
    if let Some(compression) = compression(head) {
        return Kind::Compressed(compression);
    }
    if let Some((_, name)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Kind::Foreign(name);
    }
    if looks_like_erf(head) {
        return Kind::Foreign("an Endace ERF capture");
    }
    Kind::Other(other(head))
}

/// The byte order that a section header says, by its byte-order magic.
pub(crate) fn section_order(magic: [u8; 4]) -> Option<Order> {
    [Order::Little, Order::Big].into_iter().find(|order| order.u32(magic) == PCAPNG_BYTE_ORDER)
}

// === impl Compression ===

impl Compression {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

fn pcapng(head: &[u8]) -> Kind {
    let Some((_, [a, b, c, d, version @ ..])) = head.split_at_checked(8) else {
        return Kind::Pcapng(None);
    };
    let Some(order) = section_order([*a, *b, *c, *d]) else {
        return Kind::Other(format!(
            "a damaged pcapng, whose byte-order magic is {a:02x}{b:02x}{c:02x}{d:02x}"
        ));
    };
    let version = version.first_chunk().map(|&[a, b, c, d]| (order.u16([a, b]), order.u16([c, d])));
    Kind::Pcapng(version)
}

fn compression(head: &[u8]) -> Option<Compression> {
    match head {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
        // A skippable frame, RFC 8878 §3.1.2.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// Captures of other tools.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"snoop\0\0\0", "a Sun snoop capture"),
    (b"RTSS", "a Microsoft Network Monitor 1 capture"),
    (b"GMBU", "a Microsoft Network Monitor 2 capture"),
    (b"XCP\0", "a NetXray or Windows Sniffer capture"),
    (b"TRSNIFF data    \x1a", "a DOS Sniffer capture"),
    (b"btsnoop\0", "a Bluetooth btsnoop capture"),
    (b"iptrace ", "an AIX iptrace capture"),
    (b"\x7fver", "a Savvius (WildPackets) capture"),
    (b"\xa1\xe2\xcb\x12", "an unknown old variant of pcap (magic a1e2cb12)"),
    (b"\x12\xcb\xe2\xa1", "an unknown old variant of pcap (magic a1e2cb12)"),
    (b"\xa1\x2b\x3c\x4d", "an unknown old variant of pcap (magic a12b3c4d)"),
    (b"\x4d\x3c\x2b\xa1", "an unknown old variant of pcap (magic a12b3c4d)"),
];

/// Things that people give by mistake.
const KNOWN: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "an ELF program"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"BZh", "bzip2-compressed data"),
    (b"\xfd7zXZ\0", "xz-compressed data"),
    (b"\x04\x22\x4d\x18", "lz4-compressed data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"#!", "a script"),
    (b"<", "XML or HTML text"),
    (b"{", "JSON text"),
];

fn other(head: &[u8]) -> String {
    if head.len() < 4 {
        return format!("nothing: it has only {} bytes", head.len());
    }
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*name).to_owned();
    }
    if is_text(head) {
        return "text".to_owned();
    }
    let first: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("unknown data beginning with {}", first.join(" "))
}

fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The cut may be inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    valid.chars().all(|c| !c.is_control() || c.is_whitespace())
}

/// ERF has no magic: time stamp (8), type, flags, record length (2), loss counter (2), wire length
/// (2); so this asks for a type that exists, a sane length and a time in this century.
fn looks_like_erf(head: &[u8]) -> bool {
    let Some(&[_, _, _, _, s0, s1, s2, s3, kind, _, r0, r1, _, _, w0, w1]) = head.first_chunk()
    else {
        return false;
    };
    let seconds = u32::from_le_bytes([s0, s1, s2, s3]);
    let (record, wire) = (u16::from_be_bytes([r0, r1]), u16::from_be_bytes([w0, w1]));
    let fits = (20..=9_300).contains(&record) && (1..=9_300).contains(&wire);
    (946_684_800..4_000_000_000).contains(&seconds)
        && matches!(kind & 0x7f, 1..=25)
        && fits
        && record.abs_diff(wire) <= 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_named() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n\0\0\0\0"), Kind::Other("a PNG image".into()));
        assert_eq!(sniff("Grüße aus".as_bytes()), Kind::Other("text".into()));
        assert_eq!(sniff(b"snoop\0\0\0\0\0\0\x02"), Kind::Foreign("a Sun snoop capture"));
        assert_eq!(sniff(b"abc"), Kind::Other("nothing: it has only 3 bytes".into()));
        assert_eq!(sniff(&[0x1f, 0x8b, 8]), Kind::Compressed(Compression::Gzip));
        assert!(
            matches!(sniff(&[1, 0, 2, 0xff]), Kind::Other(name) if name.ends_with("01 00 02 ff"))
        );
    }

    #[test]
    fn an_erf_record_is_known_by_its_shape() {
        let head = [0, 0, 0, 0, 0, 0, 0, 0x60, 2, 4, 0, 84, 0, 0, 0, 66, 0, 0, 1, 2, 3, 4, 5, 6];
        assert_eq!(sniff(&head), Kind::Foreign("an Endace ERF capture"));
    }

    #[test]
    fn a_section_header_tells_order_and_version() {
        let little = b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\x02\0";
        assert_eq!(sniff(little), Kind::Pcapng(Some((1, 2))));
        let big = b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\x01\0\0";
        assert_eq!(sniff(big), Kind::Pcapng(Some((1, 0))));
        assert!(matches!(sniff(b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4e"), Kind::Other(_)));
    }
}
