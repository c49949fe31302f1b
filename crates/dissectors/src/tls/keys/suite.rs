//! What protects records, told from the name of the cipher suite.
//!
//! The names say it all: `TLS_` key exchange `_WITH_` cipher `_` hash (RFC 5246 appendix C), or
//! without the key exchange in TLS 1.3 (RFC 8446 appendix B.4).

use crate::tls::names;

/// How records are protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Suite {
    /// What hides them.
    pub cipher: Cipher,
    /// What derives keys: the PRF of TLS 1.2, HKDF in TLS 1.3.
    pub hash: Hash,
    /// What authenticates them, unless the cipher does.
    pub mac: Hash,
}

/// What hides records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cipher {
    /// Nothing.
    Null,
    /// RC4 with 128 bits.
    Rc4,
    /// A block cipher, chained.
    Cbc(Block),
    /// A block cipher that counts and authenticates.
    Gcm(Block),
    /// The same, with a tag of this many bytes.
    Ccm(Block, usize),
    /// ChaCha20 and Poly1305.
    ChaCha,
}

/// A block cipher and its key's length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Block {
    Aes128,
    Aes256,
    Camellia128,
    Camellia256,
    Aria128,
    Aria256,
    Des,
    TripleDes,
}

/// A hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
}

// === impl Suite ===

impl Suite {
    /// The suite with this number, if records under it can be opened.
    pub fn of(number: u16) -> Option<Self> {
        // The draft of ChaCha20 that was in use before RFC 7905 counted otherwise.
        if matches!(number, 0xcc13..=0xcc15) {
            return None;
        }
        let name = names::known_suite(number)?;
        let what = match name.split_once("_WITH_") {
            Some((exchange, _)) if exchange.contains("EXPORT") => return None,
            Some((_, what)) => what,
            None => name.strip_prefix("TLS_")?,
        };
        let (cipher, hash) = Self::split(what);
        let cipher = Cipher::of(cipher)?;
        // RFC 5246 §1.2: SHA-256 derives keys unless the suite says otherwise.
        let derives = if hash == Some(Hash::Sha384) { Hash::Sha384 } else { Hash::Sha256 };
        let mac = hash.unwrap_or(Hash::Sha256);
        Some(Self { cipher, hash: derives, mac })
    }

    fn split(what: &str) -> (&str, Option<Hash>) {
        let hashes = [
            ("_SHA256", Hash::Sha256),
            ("_SHA384", Hash::Sha384),
            ("_SHA", Hash::Sha1),
            ("_MD5", Hash::Md5),
        ];
        let found =
            hashes.iter().find_map(|(end, hash)| Some((what.strip_suffix(end)?, Some(*hash))));
        found.unwrap_or((what, None))
    }
}

// === impl Cipher ===

impl Cipher {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "NULL" => Self::Null,
            "RC4_128" => Self::Rc4,
            "3DES_EDE_CBC" => Self::Cbc(Block::TripleDes),
            "DES_CBC" => Self::Cbc(Block::Des),
            "CHACHA20_POLY1305" => Self::ChaCha,
            _ => {
                let (block, mode) = Block::of(name)?;
                match mode {
                    "_CBC" => Self::Cbc(block),
                    "_GCM" => Self::Gcm(block),
                    "_CCM" => Self::Ccm(block, 16),
                    "_CCM_8" => Self::Ccm(block, 8),
                    _ => return None,
                }
            }
        })
    }

    /// Bytes of its key.
    pub fn key_len(self) -> usize {
        match self {
            Self::Null => 0,
            Self::Rc4 => 16,
            Self::ChaCha => 32,
            Self::Cbc(block) | Self::Gcm(block) | Self::Ccm(block, _) => block.key_len(),
        }
    }

    /// Whether it authenticates by itself.
    pub fn is_aead(self) -> bool {
        matches!(self, Self::Gcm(_) | Self::Ccm(..) | Self::ChaCha)
    }
}

// === impl Block ===

impl Block {
    fn of(name: &str) -> Option<(Self, &str)> {
        let blocks = [
            ("AES_128", Self::Aes128),
            ("AES_256", Self::Aes256),
            ("CAMELLIA_128", Self::Camellia128),
            ("CAMELLIA_256", Self::Camellia256),
            ("ARIA_128", Self::Aria128),
            ("ARIA_256", Self::Aria256),
        ];
        blocks.iter().find_map(|(start, block)| Some((*block, name.strip_prefix(start)?)))
    }

    fn key_len(self) -> usize {
        match self {
            Self::Des => 8,
            Self::Aes128 | Self::Camellia128 | Self::Aria128 => 16,
            Self::TripleDes => 24,
            Self::Aes256 | Self::Camellia256 | Self::Aria256 => 32,
        }
    }

    /// Bytes of a block.
    pub fn len(self) -> usize {
        match self {
            Self::Des | Self::TripleDes => 8,
            _ => 16,
        }
    }
}

// === impl Hash ===

impl Hash {
    /// Bytes of its output.
    pub fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_how_records_are_protected() {
        let suite = |number| Suite::of(number).map(|suite| (suite.cipher, suite.hash, suite.mac));
        for (number, cipher, hash, mac) in [
            (0x002f, Cipher::Cbc(Block::Aes128), Hash::Sha256, Hash::Sha1),
            (0xc028, Cipher::Cbc(Block::Aes256), Hash::Sha384, Hash::Sha384),
            (0xc030, Cipher::Gcm(Block::Aes256), Hash::Sha384, Hash::Sha384),
            (0x1301, Cipher::Gcm(Block::Aes128), Hash::Sha256, Hash::Sha256),
            (0x1302, Cipher::Gcm(Block::Aes256), Hash::Sha384, Hash::Sha384),
            (0x1305, Cipher::Ccm(Block::Aes128, 8), Hash::Sha256, Hash::Sha256),
            (0xc0ad, Cipher::Ccm(Block::Aes256, 16), Hash::Sha256, Hash::Sha256),
            (0xcca8, Cipher::ChaCha, Hash::Sha256, Hash::Sha256),
            (0x0004, Cipher::Rc4, Hash::Sha256, Hash::Md5),
            (0x000a, Cipher::Cbc(Block::TripleDes), Hash::Sha256, Hash::Sha1),
            (0xc072, Cipher::Cbc(Block::Camellia128), Hash::Sha256, Hash::Sha256),
            (0xc05c, Cipher::Gcm(Block::Aria128), Hash::Sha256, Hash::Sha256),
            (0x0002, Cipher::Null, Hash::Sha256, Hash::Sha1),
        ] {
            assert_eq!(suite(number), Some((cipher, hash, mac)), "{number:#06x}");
        }
    }

    #[test]
    fn what_cannot_be_opened_is_refused() {
        for number in [0x0000, 0x00ff, 0x0003, 0xcc13, 0xc100, 0x1306, 0x0a0a, 0x0007] {
            assert_eq!(Suite::of(number), None, "{number:#06x}");
        }
    }
}
