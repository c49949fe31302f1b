//! Certificates, told in words when somebody asks.

use std::net::{Ipv4Addr, Ipv6Addr};

use sha2::{Digest, Sha256};
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

use super::wire::Cursor;
use crate::spell::hex;

/// Certificates of a chain that are looked at.
const CHAIN_MAX: usize = 16;
/// Bytes of a chain that was compressed.
const DECOMPRESSED_MAX: usize = 256 << 10;
/// Names of a certificate that are told.
const NAMES_MAX: usize = 256;

/// What a certificate says.
#[derive(Debug)]
pub struct Facts {
    /// Whose it is.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// `2024-01-31T23:59:59Z`.
    pub not_before: String,
    /// The same.
    pub not_after: String,
    /// In hexadecimal.
    pub serial: String,
    /// Names and addresses that it is for as well.
    pub names: Vec<String>,
    /// Of all of it, in hexadecimal.
    pub sha256: String,
}

/// The certificates in the body of a `Certificate` message, the sender's own first, as DER.
///
/// Until TLS 1.2 it is a list of them (RFC 5246 §7.4.2); since then a context stands before the list
/// and extensions behind each (RFC 8446 §4.4.2). The length of the whole tells which.
pub fn chain(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut cursor = Cursor(body);
    let old = cursor.vec24().filter(|_| cursor.0.is_empty());
    let has_extensions = old.is_none();
    let list = old.or_else(|| {
        let mut cursor = Cursor(body);
        cursor.vec8()?;
        cursor.vec24()
    });
    let mut rest = Cursor(list.unwrap_or_default());
    let next = move || {
        let certificate = rest.vec24()?;
        if has_extensions {
            rest.vec16()?;
        }
        Some(certificate)
    };
    std::iter::from_fn(next).take(CHAIN_MAX)
}

/// The body of a `Certificate` message that was compressed (RFC 8879 §4), as far as it can be undone.
pub fn decompressed(body: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(body);
    let coding = match cursor.u16()? {
        1 => "deflate",
        2 => "br",
        3 => "zstd",
        _ => return None,
    };
    let len = cursor.u24().filter(|len| *len <= DECOMPRESSED_MAX)?;
    let mut scratch = content::Scratch::default();
    let decoded = content::decode(cursor.vec24()?, true, Some(coding), len, &mut scratch);
    (decoded.bytes.len() == len).then(|| decoded.bytes.to_vec())
}

/// Whom a certificate is for; none if it can't be read.
pub fn subject(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.subject().to_string())
}

// === impl Facts ===

impl Facts {
    /// What `der` says; none if it can't be read.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            not_before: date(validity.not_before),
            not_after: date(validity.not_after),
            serial: hex(certificate.raw_serial()),
            names: names(&certificate),
            sha256: hex(&Sha256::digest(der)),
        })
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension.value.general_names.iter().filter_map(name).take(NAMES_MAX).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    Some(match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            (*name).to_owned()
        }
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Ipv4Addr::new(a, b, c, d).to_string(),
            _ => Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string(),
        },
        GeneralName::DirectoryName(name) => name.to_string(),
        _ => return None,
    })
}

fn date(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_both_forms_are_read() {
        let until_12 = [0, 0, 9, 0, 0, 2, 7, 8, 0, 0, 1, 9];
        assert_eq!(chain(&until_12).collect::<Vec<_>>(), [&[7, 8][..], &[9]]);
        let since_13 = [0, 0, 0, 14, 0, 0, 2, 7, 8, 0, 0, 0, 0, 1, 9, 0, 1, 5];
        assert_eq!(chain(&since_13).collect::<Vec<_>>(), [&[7, 8][..], &[9]]);
        assert_eq!(chain(&[0, 0, 0]).count(), 0);
        assert_eq!(chain(&[0, 0, 9, 0]).count(), 0);
    }

    #[test]
    fn a_chain_that_was_compressed_is_undone_up_to_its_length() {
        // zlib, stored: RFC 1950, RFC 1951.
        let zlib = [0x78, 1, 1, 3, 0, 0xfc, 0xff, 1, 2, 3, 0, 13, 0, 7];
        let message = [&[0, 1, 0, 0, 3, 0, 0, 14][..], &zlib].concat();
        assert_eq!(decompressed(&message), Some(vec![1, 2, 3]));
        let wrong = [&[0, 1, 0, 0, 4, 0, 0, 14][..], &zlib].concat();
        assert_eq!(decompressed(&wrong), None);
        assert_eq!(decompressed(&[0, 9, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn what_is_no_certificate_says_nothing() {
        assert!(Facts::of(&[]).is_none());
        assert!(Facts::of(&[0x30, 0x82, 0xff, 0xff, 1]).is_none());
    }
}
