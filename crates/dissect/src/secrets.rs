//! Key material that was given to us, by which flows can be decrypted: an NSS key log
//! (<https://datatracker.ietf.org/doc/draft-ietf-tls-keylogfile/>).

use hashbrown::HashMap;

/// Bytes kept of all secrets together.
const BYTES_MAX: usize = 64 << 20;
/// Longest label, identifier and secret; the longest in use have 32, 32 and 64 bytes.
const PART_MAX: usize = 256;

/// Secrets by label and identifier.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    by_id: HashMap<Vec<u8>, Vec<Secret>>,
    bytes: usize,
    refused: u64,
    version: u64,
}

#[derive(Clone, Debug)]
struct Secret {
    label: Box<str>,
    origin: &'static str,
    bytes: Vec<u8>,
}

// === impl Secrets ===

impl Secrets {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the lines of a key log: `LABEL IDENTIFIER SECRET`, the latter two in hexadecimal. Others
    /// (comments) are passed over. `origin` is told of what they decrypt: `keylog`, `embedded`.
    pub fn add(&mut self, text: &[u8], origin: &'static str) {
        for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
            self.add_line(line, origin);
        }
    }

    /// The secret with this label for this identifier (a client random, for most), and its origin.
    #[must_use]
    pub fn find(&self, label: &str, id: &[u8]) -> Option<(&[u8], &'static str)> {
        let secret = self.by_id.get(id)?.iter().find(|secret| &*secret.label == label)?;
        Some((&secret.bytes, secret.origin))
    }

    /// Rises whenever a secret is added: what was not found before may be found now.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Secrets that were not taken because there were too many.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn add_line(&mut self, line: &[u8], origin: &'static str) {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (Some(label), Some(id), Some(secret), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return;
        };
        let (Ok(label), Some(id), Some(bytes)) =
            (std::str::from_utf8(label), unhex(id), unhex(secret))
        else {
            return;
        };
        if label.starts_with('#') || label.len() > PART_MAX {
            return;
        }
        self.insert(id, Secret { label: label.into(), origin, bytes });
    }

    fn insert(&mut self, id: Vec<u8>, secret: Secret) {
        let bytes = id.len() + secret.label.len() + secret.bytes.len() + size_of::<Secret>();
        if self.bytes + bytes > BYTES_MAX {
            self.refused += 1;
            return;
        }
        let secrets = self.by_id.entry(id).or_default();
        match secrets.iter_mut().find(|known| known.label == secret.label) {
            // A line that was not yet written to its end when it was read.
            Some(known) if known.bytes.len() < secret.bytes.len() => *known = secret,
            Some(_) => return,
            None => secrets.push(secret),
        }
        self.bytes += bytes;
        self.version += 1;
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.is_empty() || pairs.len() > PART_MAX {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_label_and_identifier() {
        let mut secrets = Secrets::new();
        secrets.add(b"# comment\r\nCLIENT_RANDOM 0aFF 0102\nRSA 0aff 03\n", "keylog");
        assert_eq!(secrets.find("CLIENT_RANDOM", &[0x0a, 0xff]), Some((&[1, 2][..], "keylog")));
        assert_eq!(secrets.find("RSA", &[0x0a, 0xff]), Some((&[3][..], "keylog")));
        assert_eq!(secrets.find("CLIENT_RANDOM", &[0x0a]), None);
        assert_eq!(secrets.version(), 2);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let mut secrets = Secrets::new();
        secrets.add(b"CLIENT_RANDOM 0a\nX 0 1\nY zz 11\n# 00 11\nZ 00 11 22\n\n", "keylog");
        assert_eq!(secrets.version(), 0);
    }
}
