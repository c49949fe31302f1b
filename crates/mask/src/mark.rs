//! What stands in the place of a secret.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// What is masked begins with this, whoever masked it.
const STARS: &str = "***";

/// Makes marks: `***#` and the first 32 bits of HMAC-SHA-256 (RFC 2104), in hexadecimal.
#[derive(Clone)]
pub struct Mark {
    keyed: Hmac<Sha256>,
}

// === impl Mark ===

impl Mark {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        // A key is filled up with zeros to a block (RFC 2104 §2).
        let mut block = [0; 64];
        block.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
        Self { keyed: <Hmac<Sha256> as KeyInit>::new(&block.into()) }
    }

    pub(crate) fn of(&self, secret: &[u8]) -> String {
        let mut keyed = self.keyed.clone();
        keyed.update(secret);
        let [a, b, c, d, ..] = <[u8; 32]>::from(keyed.finalize().into_bytes());
        format!("{STARS}#{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

/// The key is nobody's business.
impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark")
    }
}

/// Whether there is nothing to be masked any more: all stars, or a mark.
pub(crate) fn is_marked(text: &str) -> bool {
    let rest = text.trim_start_matches('*');
    let fingerprint = |rest: &str| {
        rest.len() == 9 && rest.starts_with('#') && rest[1..].bytes().all(|b| b.is_ascii_hexdigit())
    };
    rest.is_empty() || text.starts_with(STARS) && text.len() == rest.len() + 3 && fingerprint(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_equal_for_equal_secrets_under_one_key() {
        let (one, other) = (Mark::new(&[1; 32]), Mark::new(&[2; 32]));
        assert_eq!(one.of(b"hunter2"), one.of(b"hunter2"));
        assert_ne!(one.of(b"hunter2"), one.of(b"hunter3"));
        assert_ne!(one.of(b"hunter2"), other.of(b"hunter2"));
        assert!(is_marked(&one.of(b"x")) && is_marked("***") && is_marked(""));
        assert!(!is_marked("***#secret") && !is_marked("*x") && !is_marked("****#12345678"));
    }

    #[test]
    fn a_mark_is_hmac_sha_256() {
        // RFC 4231 §4.2, whose key is shorter: HMAC fills keys up with zeros.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(Mark::new(&key).of(b"Hi There"), "***#b0344c61");
    }
}
