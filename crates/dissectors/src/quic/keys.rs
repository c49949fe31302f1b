//! From secrets to packets: header protection and payload (RFC 9001 §5, §6).
//!
//! No cryptography is made here: ciphers, hashes and masks are libraries.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use ring::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
    quic::{AES_128, AES_256, CHACHA20, HeaderProtectionKey},
};

use super::version::Version;
use crate::tls::keys::{Block, Cipher, Hash, Soft, Suite, expand, hmac, soft};

/// Bytes of an authentication tag; the same in all suites of QUIC.
pub const TAG_LEN: usize = 16;
/// Bytes that a header is masked by (RFC 9001 §5.4.2).
const SAMPLE_LEN: usize = 16;
/// Bytes of the longest packet number, which is what stands before the sample.
const NUMBER_MAX: usize = 4;
/// The suite of Initial packets: `TLS_AES_128_GCM_SHA256`.
const INITIAL_SUITE: u16 = 0x1301;

/// A secret of one direction.
#[derive(Clone)]
pub struct Secret {
    version: Version,
    suite: Suite,
    bytes: Vec<u8>,
}

/// What unmasks headers.
pub enum Header {
    /// By a library made for it.
    Fast(Box<HeaderProtectionKey>),
    /// By AES alone, for CCM.
    Soft(Box<aes::Aes128>),
}

/// What opens payload.
pub struct Seal {
    iv: [u8; 12],
    how: How,
}

enum How {
    Fast(Box<LessSafeKey>),
    Soft(Box<dyn Soft>),
}

/// A header without its mask.
#[derive(Clone, Copy, Debug)]
pub struct Unmasked {
    /// The first byte.
    pub first: u8,
    /// Bytes of the packet number.
    pub number_len: usize,
    /// As much of the number as there is.
    pub number: u32,
    bytes: [u8; NUMBER_MAX],
}

/// The keys of one direction, for one kind of packets.
pub struct Keys {
    /// For headers.
    pub header: Header,
    /// For payload.
    pub seal: Seal,
}

// === impl Keys ===

impl Keys {
    /// Those of Initial packets of client and server: from the connection ID that the client made up
    /// (§5.2).
    pub fn initial(version: Version, dcid: &[u8]) -> Option<[Self; 2]> {
        let suite = Suite::of(INITIAL_SUITE)?;
        let initial = hmac(Hash::Sha256, version.salt, &[dcid]);
        let secret = |label: &[u8]| Secret {
            version,
            suite,
            bytes: expand(Hash::Sha256, &initial, label, Hash::Sha256.len()),
        };
        Some([secret(b"client in").keys()?, secret(b"server in").keys()?])
    }

    /// Opens a packet whose number begins at `number_at`, and appends its payload to `out`; its
    /// number. `largest` is the highest number so far. One that can't be opened leaves no trace.
    pub fn open(
        &self,
        packet: &[u8],
        number_at: usize,
        largest: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Option<u64> {
        let unmasked = self.header.unmask(packet, number_at)?;
        let number = unmasked.full(largest);
        self.seal.open(packet, number_at, &unmasked, number, out)?;
        Some(number)
    }
}

// === impl Secret ===

impl Secret {
    /// The secret of one direction, if the suite is one of QUIC and the lengths agree.
    pub fn new(version: Version, suite: Suite, bytes: &[u8]) -> Option<Self> {
        // RFC 9001 §5.3: all suites of TLS 1.3 but the one with the short tag.
        let fits = !matches!(suite.cipher, Cipher::Ccm(_, 8)) && bytes.len() == suite.hash.len();
        fits.then(|| Self { version, suite, bytes: bytes.to_vec() })
    }

    /// Its keys (§5.1).
    pub fn keys(&self) -> Option<Keys> {
        Some(Keys { header: self.header()?, seal: self.seal()? })
    }

    /// What opens payload under it.
    pub fn seal(&self) -> Option<Seal> {
        let labels = self.version.labels();
        let key = self.expand(labels.key, self.suite.cipher.key_len());
        let iv = self.expand(labels.iv, 12).try_into().ok()?;
        let algorithm = match self.suite.cipher {
            Cipher::Gcm(Block::Aes128) => &AES_128_GCM,
            Cipher::Gcm(Block::Aes256) => &AES_256_GCM,
            Cipher::ChaCha => &CHACHA20_POLY1305,
            other => return Some(Seal { iv, how: How::Soft(soft(other, &key)?) }),
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).ok()?);
        Some(Seal { iv, how: How::Fast(Box::new(key)) })
    }

    /// The secret after a key update (§6.1); what unmasks headers stays the same.
    pub fn updated(&self) -> Self {
        let bytes = self.expand(self.version.labels().update, self.suite.hash.len());
        Self { bytes, ..*self }
    }

    fn header(&self) -> Option<Header> {
        let key = self.expand(self.version.labels().header, self.suite.cipher.key_len());
        let algorithm = match self.suite.cipher {
            Cipher::Gcm(Block::Aes128) => &AES_128,
            Cipher::Gcm(Block::Aes256) => &AES_256,
            Cipher::ChaCha => &CHACHA20,
            Cipher::Ccm(Block::Aes128, _) => {
                return aes::Aes128::new_from_slice(&key).ok().map(Box::new).map(Header::Soft);
            }
            _ => return None,
        };
        HeaderProtectionKey::new(algorithm, &key).ok().map(Box::new).map(Header::Fast)
    }

    fn expand(&self, label: &[u8], len: usize) -> Vec<u8> {
        expand(self.suite.hash, &self.bytes, label, len)
    }
}

// === impl Header ===

impl Header {
    /// Takes the mask off a header (§5.4).
    pub fn unmask(&self, packet: &[u8], number_at: usize) -> Option<Unmasked> {
        let sample_at = number_at + NUMBER_MAX;
        let sample = packet.get(sample_at..sample_at + SAMPLE_LEN)?;
        let mask = self.mask(sample)?;
        let first = *packet.first()?;
        let hidden = if first & 0x80 != 0 { 0x0f } else { 0x1f };
        let first = first ^ mask[0] & hidden;
        let number_len = usize::from(first & 3) + 1;
        let mut bytes = [0; NUMBER_MAX];
        let masked = packet.get(number_at..number_at + number_len)?;
        for ((to, byte), mask) in bytes.iter_mut().zip(masked).zip(&mask[1..]) {
            *to = byte ^ mask;
        }
        let number = u32::from_be_bytes(bytes) >> (8 * (NUMBER_MAX - number_len));
        Some(Unmasked { first, number_len, number, bytes })
    }

    fn mask(&self, sample: &[u8]) -> Option<[u8; 5]> {
        match self {
            Self::Fast(key) => key.new_mask(sample).ok(),
            Self::Soft(cipher) => {
                let mut block: [u8; 16] = sample.try_into().ok()?;
                cipher.encrypt_block((&mut block).into());
                block.first_chunk().copied()
            }
        }
    }
}

// === impl Unmasked ===

impl Unmasked {
    /// The whole packet number: the one nearest to the next expected (RFC 9000 appendix A.3).
    pub fn full(&self, largest: Option<u64>) -> u64 {
        let expected = largest.map_or(0, |largest| largest + 1);
        let window = 1u64 << (8 * self.number_len);
        let candidate = expected & !(window - 1) | u64::from(self.number);
        if candidate + window / 2 <= expected && candidate < (1 << 62) - window {
            candidate + window
        } else if candidate > expected + window / 2 && candidate >= window {
            candidate - window
        } else {
            candidate
        }
    }
}

// === impl Seal ===

impl Seal {
    /// Opens the payload of a packet and appends it to `out`.
    pub fn open(
        &self,
        packet: &[u8],
        number_at: usize,
        unmasked: &Unmasked,
        number: u64,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let head_len = number_at + unmasked.number_len;
        let (head, sealed) = packet.split_at_checked(head_len)?;
        let mut head = head.to_vec();
        *head.first_mut()? = unmasked.first;
        head.get_mut(number_at..)?.copy_from_slice(unmasked.bytes.get(..unmasked.number_len)?);
        let start = out.len();
        out.extend_from_slice(sealed);
        let opened = self.open_in_place(&head, number, out.get_mut(start..)?);
        out.truncate(opened.map_or(start, |len| start + len));
        opened.map(|_| ())
    }

    fn open_in_place(&self, head: &[u8], number: u64, sealed: &mut [u8]) -> Option<usize> {
        let mut nonce = self.iv;
        let [.., a, b, c, d, e, f, g, h] = &mut nonce;
        for (to, byte) in [a, b, c, d, e, f, g, h].into_iter().zip(number.to_be_bytes()) {
            *to ^= byte;
        }
        match &self.how {
            How::Fast(key) => {
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, Aad::from(head), sealed).ok().map(|plain| plain.len())
            }
            How::Soft(cipher) => {
                let len = sealed.len().checked_sub(TAG_LEN)?;
                let (bytes, tag) = sealed.split_at_mut_checked(len)?;
                cipher.open(&nonce, head, bytes, tag).then_some(len)
            }
        }
    }
}

// === impl Debug ===

impl std::fmt::Debug for Keys {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    /// RFC 9001 appendix A.3: the server's first packet.
    const SERVER_INITIAL: &str = "
        cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554
        780bb38cc5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b
        562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";

    /// RFC 9369 appendix A.3: the same in version 2.
    const SERVER_INITIAL_2: &str = "
        dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf
        87263017915358230035f7fd3945d88965cf17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757
        507698075b2c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca84bed8521e2e140";

    #[test]
    fn the_initial_packets_of_the_specifications_are_opened() {
        let dcid = unhex("8394c8f03e515708");
        for (version, packet) in [(1, SERVER_INITIAL), (0x6b33_43cf, SERVER_INITIAL_2)] {
            let [_, server] = Keys::initial(Version::of(version).unwrap(), &dcid).unwrap();
            let packet = unhex(packet);
            let mut out = b"before".to_vec();
            assert_eq!(server.open(&packet, 18, None, &mut out).unwrap(), 1, "{version}");
            // An ACK frame, then CRYPTO with a server's hello.
            assert!(out.starts_with(b"before\x02\0\0\0\0\x06\0\x40\x5a\x02\0\0\x56\x03\x03"));
            let mut spoiled = packet.clone();
            *spoiled.last_mut().unwrap() ^= 1;
            assert!(server.open(&spoiled, 18, None, &mut out).is_none());
            assert_eq!(out.len(), 6 + 99, "a bad packet leaves nothing");
        }
    }

    /// RFC 9001 appendix A.5.
    #[test]
    fn the_short_header_of_the_specification_is_opened() {
        let bytes = unhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b");
        let suite = Suite::of(0x1303).unwrap();
        let secret = Secret::new(Version::of(1).unwrap(), suite, &bytes).unwrap();
        let packet = unhex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb");
        let mut out = Vec::new();
        let opened = secret.keys().unwrap().open(&packet, 1, Some(654_360_563), &mut out);
        assert_eq!((opened, &out[..]), (Some(654_360_564), &[1][..]));
        let updated = unhex("1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9");
        assert_eq!(secret.updated().bytes, updated);
    }

    /// RFC 9000 appendix A.3.
    #[test]
    fn a_number_is_the_nearest_one() {
        let number = |number_len, number, largest| {
            Unmasked { first: 0, number_len, number, bytes: [0; 4] }.full(largest)
        };
        assert_eq!(number(2, 0x9b32, Some(0xa82f_30ea)), 0xa82f_9b32);
        assert_eq!(number(1, 0, Some(0xff)), 0x100);
        assert_eq!(number(1, 0xff, Some(0x100)), 0xff);
        assert_eq!(number(1, 3, None), 3);
        assert_eq!(number(4, u32::MAX, None), u64::from(u32::MAX));
    }
}
