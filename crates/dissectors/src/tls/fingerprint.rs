//! JA3, JA3S and JA4: what a hello looks like, in a few characters.
//!
//! JA3: five lists of decimal numbers, hashed by MD5 (<https://github.com/salesforce/ja3>). JA4: a
//! readable head and two hashes of sorted lists (FoxIO, `technical_details/JA4.md`).

use md5::{Digest, Md5};
use sha2::Sha256;

use super::hello::{ClientHello, ServerHello, extension, is_grease};
use crate::spell::hex;

/// Characters of a hash in JA4.
const JA4_HASH_LEN: usize = 12;

/// The text that JA3 hashes.
pub fn ja3_text(hello: &ClientHello<'_>) -> String {
    let formats = hello.point_formats().iter().map(|format| u16::from(*format));
    let lists = [
        decimals(hello.suites().filter(|n| !is_grease(*n))),
        decimals(hello.extensions.into_iter().map(|(n, _)| n).filter(|n| !is_grease(*n))),
        decimals(hello.groups().filter(|n| !is_grease(*n))),
        decimals(formats),
    ];
    format!("{},{}", hello.version, lists.join(","))
}

/// The text that JA3S hashes.
pub fn ja3s_text(hello: &ServerHello<'_>) -> String {
    let extensions = decimals(hello.extensions.into_iter().map(|(n, _)| n));
    format!("{},{},{extensions}", hello.legacy_version(), hello.suite)
}

/// MD5 in hexadecimal.
pub fn md5(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

/// JA4 of a hello; `carrier` is `t` for TCP, `q` for QUIC.
pub fn ja4(carrier: char, hello: &ClientHello<'_>) -> String {
    let mut suites: Vec<u16> = hello.suites().filter(|n| !is_grease(*n)).collect();
    let mut extensions: Vec<u16> =
        hello.extensions.into_iter().map(|(n, _)| n).filter(|n| !is_grease(*n)).collect();
    let head = format!(
        "{carrier}{}{}{:02}{:02}{}",
        ja4_version(hello.versions().max().unwrap_or_default()),
        if extensions.contains(&extension::SERVER_NAME) { 'd' } else { 'i' },
        suites.len().min(99),
        extensions.len().min(99),
        ja4_alpn(hello.extensions.alpn().next().unwrap_or_default()),
    );
    suites.sort_unstable();
    extensions.sort_unstable();
    extensions.retain(|n| !matches!(*n, extension::SERVER_NAME | extension::ALPN));
    let mut rest = hexes(&extensions);
    let schemes: Vec<u16> = hello.signature_schemes().filter(|n| !is_grease(*n)).collect();
    if !extensions.is_empty() && !schemes.is_empty() {
        rest = rest + "_" + &hexes(&schemes);
    }
    format!("{head}_{}_{}", ja4_hash(&hexes(&suites)), ja4_hash(&rest))
}

fn ja4_version(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// The first and the last character of a protocol's name, or of it in hexadecimal.
fn ja4_alpn(name: &[u8]) -> String {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return "00".into() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

fn ja4_hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(JA4_HASH_LEN);
    }
    let mut hash = hex(&Sha256::digest(text.as_bytes()));
    hash.truncate(JA4_HASH_LEN);
    hash
}

fn decimals(numbers: impl Iterator<Item = u16>) -> String {
    let texts: Vec<String> = numbers.map(|n| n.to_string()).collect();
    texts.join("-")
}

fn hexes(numbers: &[u16]) -> String {
    let texts: Vec<String> = numbers.iter().map(|n| format!("{n:04x}")).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_named_by_two_characters() {
        for (name, wanted) in [
            (&b""[..], "00"),
            (b"h2", "h2"),
            (b"http/1.1", "h1"),
            (b"x", "xx"),
            (b"\xab", "ab"),
            (b"\xab\xcd", "ad"),
            (b"0\xab", "3b"),
            (b"01\xab\xcd", "3d"),
            (b"0\xab\xcd1", "01"),
        ] {
            assert_eq!(ja4_alpn(name), wanted);
        }
    }

    /// The lists of the specification's example.
    #[test]
    fn lists_are_hashed_as_specified() {
        let suites = "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9";
        assert_eq!(ja4_hash(suites), "8daaf6152771");
        let extensions = "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01";
        let schemes = "0403,0804,0401,0503,0805,0501,0806,0601";
        assert_eq!(ja4_hash(&format!("{extensions}_{schemes}")), "e5627efa2ab1");
        assert_eq!(ja4_hash(extensions), "6d807ffa2a79");
        assert_eq!(ja4_hash(""), "000000000000");
    }

    /// The example of the JA3 specification.
    #[test]
    fn the_text_of_ja3_is_hashed_by_md5() {
        let text = "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0";
        assert_eq!(md5(text), "ada70206e40642a3e4461f35503241d5");
    }
}
