//! Opens the protected records of one direction, in order.

use rc4::{Rc4, StreamCipher};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};

use super::{
    block::{self, Chain, Soft},
    derive::hmac,
    suite::{Block, Cipher, Hash, Suite},
};
use crate::tls::wire::{Head, Kind};

/// Numbers that are tried for a record after others were lost.
const TRIES_AFTER_LOSS: u64 = 64;
/// Bytes of a nonce.
const NONCE_LEN: usize = 12;
/// Bytes of the nonce that come with each record of GCM and CCM in TLS 1.2 (RFC 5288 §3).
const EXPLICIT_LEN: usize = 8;

/// A record that can't be opened: its authentication fails, or it can't be one of these keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bad;

/// The keys of one direction, and where it is.
pub struct Opener {
    /// The number of the next record.
    next: u64,
    /// Records may have been lost before the next one.
    doubted: bool,
    how: How,
}

enum How {
    Fast(Box<LessSafeKey>, Nonce),
    Soft(Box<dyn Soft>, Nonce, usize),
    Chained(Box<Chained>),
    Stream(Box<Stream>),
    Clear(Signed),
}

/// How the nonce of a record is made.
enum Nonce {
    /// Four bytes of ours and eight that come with the record (RFC 5288 §3, RFC 6655 §3).
    Explicit([u8; 4]),
    /// The record's number added to ours (RFC 7905 §2).
    Counted([u8; NONCE_LEN]),
    /// The same, and what is in the record is hidden with it (RFC 8446 §5.2, §5.3).
    Hidden([u8; NONCE_LEN]),
}

struct Chained {
    cipher: Box<dyn Chain>,
    block_len: usize,
    /// The block before the next record; empty where each record brings its own.
    last: Vec<u8>,
    /// A record without its start was lost, or something after it.
    last_unknown: bool,
    signed: Signed,
    encrypt_then_mac: bool,
}

struct Stream {
    cipher: Rc4,
    signed: Signed,
}

/// A MAC at the end of a record.
struct Signed {
    hash: Hash,
    key: Vec<u8>,
}

// === impl Opener ===

impl Opener {
    /// With the keys of TLS 1.0 to 1.2.
    pub fn until_12(
        suite: Suite,
        mac: &[u8],
        key: &[u8],
        iv: &[u8],
        encrypt_then_mac: bool,
    ) -> Option<Self> {
        let signed = Signed { hash: suite.mac, key: mac.to_vec() };
        let how = match suite.cipher {
            Cipher::Null => How::Clear(signed),
            Cipher::Rc4 => How::Stream(Box::new(Stream {
                cipher: rc4::KeyInit::new_from_slice(key).ok()?,
                signed,
            })),
            Cipher::Cbc(block) => How::Chained(Box::new(Chained {
                cipher: block::chain(block, key)?,
                block_len: block.len(),
                last: iv.to_vec(),
                last_unknown: false,
                signed,
                encrypt_then_mac,
            })),
            Cipher::ChaCha => How::aead(suite.cipher, key, Nonce::Counted(iv.try_into().ok()?))?,
            _ => How::aead(suite.cipher, key, Nonce::Explicit(iv.try_into().ok()?))?,
        };
        Some(Self { next: 0, doubted: false, how })
    }

    /// With the keys of TLS 1.3.
    pub fn since_13(suite: Suite, key: &[u8], iv: &[u8]) -> Option<Self> {
        let how = How::aead(suite.cipher, key, Nonce::Hidden(iv.try_into().ok()?))?;
        Some(Self { next: 0, doubted: false, how })
    }

    /// Records may have been lost here.
    pub fn doubt(&mut self) {
        self.doubted = true;
        if let How::Chained(chained) = &mut self.how {
            chained.last_unknown = !chained.last.is_empty();
        }
    }

    /// Whether nothing can be opened any more after a loss.
    pub fn is_over(&self) -> bool {
        self.doubted && matches!(self.how, How::Stream(_))
    }

    /// Opens the next record and appends what was in it to `out`; also says what it is. A record that
    /// is bad leaves no trace.
    pub fn open(&mut self, head: Head, fragment: &[u8], out: &mut Vec<u8>) -> Result<Kind, Bad> {
        let start = out.len();
        let tries = if self.doubted { TRIES_AFTER_LOSS + 1 } else { 1 };
        for number in (self.next..=u64::MAX).take(usize::try_from(tries).unwrap_or(1)) {
            match self.how.open(number, head, fragment, out) {
                Ok(kind) => {
                    self.next = number.wrapping_add(1);
                    self.doubted = false;
                    return Ok(kind);
                }
                Err(Bad) => out.truncate(start),
            }
        }
        if let How::Chained(chained) = &mut self.how {
            chained.remember(fragment);
        }
        // Whether it took a number nobody knows.
        self.doubted = true;
        Err(Bad)
    }
}

// === impl How ===

impl How {
    fn aead(cipher: Cipher, key: &[u8], nonce: Nonce) -> Option<Self> {
        let fast = match cipher {
            Cipher::Gcm(Block::Aes128) => &AES_128_GCM,
            Cipher::Gcm(Block::Aes256) => &AES_256_GCM,
            Cipher::ChaCha => &CHACHA20_POLY1305,
            _ => {
                let tag_len = if let Cipher::Ccm(_, len) = cipher { len } else { 16 };
                return Some(Self::Soft(block::soft(cipher, key)?, nonce, tag_len));
            }
        };
        let key = LessSafeKey::new(UnboundKey::new(fast, key).ok()?);
        Some(Self::Fast(Box::new(key), nonce))
    }

    fn open(
        &mut self,
        number: u64,
        head: Head,
        fragment: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Kind, Bad> {
        match self {
            Self::Fast(key, nonce) => {
                let tag_len = key.algorithm().tag_len();
                nonce.open(number, head, fragment, tag_len, out, |nonce, aad, bytes| {
                    let nonce = ring::aead::Nonce::assume_unique_for_key(*nonce);
                    key.open_in_place(nonce, Aad::from(aad), bytes).is_ok()
                })
            }
            Self::Soft(cipher, nonce, tag_len) => {
                nonce.open(number, head, fragment, *tag_len, out, |nonce, aad, bytes| {
                    let Some(at) = bytes.len().checked_sub(*tag_len) else { return false };
                    let (bytes, tag) = bytes.split_at_mut(at);
                    cipher.open(nonce, aad, bytes, tag)
                })
            }
            Self::Chained(chained) => chained.open(number, head, fragment, out),
            Self::Stream(stream) => stream.open(number, head, fragment, out),
            Self::Clear(signed) => {
                let text = signed.checked(number, head, fragment).ok_or(Bad)?;
                out.extend_from_slice(text);
                Ok(head.kind)
            }
        }
    }
}

// === impl Nonce ===

impl Nonce {
    /// Opens a record with a cipher that authenticates.
    fn open(
        &self,
        number: u64,
        head: Head,
        fragment: &[u8],
        tag_len: usize,
        out: &mut Vec<u8>,
        open: impl FnOnce(&[u8; NONCE_LEN], &[u8], &mut [u8]) -> bool,
    ) -> Result<Kind, Bad> {
        let (nonce, sealed) = match self {
            Self::Explicit(ours) => {
                let (theirs, sealed) = fragment.split_first_chunk::<EXPLICIT_LEN>().ok_or(Bad)?;
                (joined(ours, theirs), sealed)
            }
            Self::Counted(ours) | Self::Hidden(ours) => (counted(ours, number), fragment),
        };
        let len = sealed.len().checked_sub(tag_len).ok_or(Bad)?;
        let start = out.len();
        out.extend_from_slice(sealed);
        let bytes = out.get_mut(start..).ok_or(Bad)?;
        let is_open = match self {
            Self::Hidden(_) => open(&nonce, &head.bytes(), bytes),
            _ => open(&nonce, &numbered(number, head, len), bytes),
        };
        if !is_open {
            return Err(Bad);
        }
        out.truncate(start + len);
        if let Self::Hidden(_) = self { unpad(start, out) } else { Ok(head.kind) }
    }
}

/// The kind of a record of TLS 1.3 is the last byte that is not zero (RFC 8446 §5.4).
fn unpad(start: usize, out: &mut Vec<u8>) -> Result<Kind, Bad> {
    let inside = out.get(start..).unwrap_or_default();
    let at = inside.iter().rposition(|byte| *byte != 0).ok_or(Bad)?;
    let kind = inside.get(at).copied().and_then(Kind::of).ok_or(Bad)?;
    out.truncate(start + at);
    Ok(kind)
}

fn joined(ours: &[u8; 4], theirs: &[u8; EXPLICIT_LEN]) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce.iter_mut().zip(ours.iter().chain(theirs)).for_each(|(to, byte)| *to = *byte);
    nonce
}

fn counted(ours: &[u8; NONCE_LEN], number: u64) -> [u8; NONCE_LEN] {
    let mut nonce = *ours;
    nonce.iter_mut().skip(4).zip(number.to_be_bytes()).for_each(|(to, byte)| *to ^= byte);
    nonce
}

/// What is authenticated with a record up to TLS 1.2: its number, and its head as it was in clear
/// (RFC 5246 §6.2.3.3).
fn numbered(number: u64, head: Head, len: usize) -> [u8; 13] {
    let mut aad = [0; 13];
    let clear = Head { len, ..head }.bytes();
    aad.iter_mut().zip(number.to_be_bytes().iter().chain(&clear)).for_each(|(to, b)| *to = *b);
    aad
}

// === impl Chained ===

impl Chained {
    fn open(
        &mut self,
        number: u64,
        head: Head,
        fragment: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Kind, Bad> {
        if self.last_unknown {
            return Err(Bad);
        }
        let sealed = if self.encrypt_then_mac {
            self.signed.checked(number, head, fragment).ok_or(Bad)?
        } else {
            fragment
        };
        let has_own = self.last.is_empty();
        let (iv, blocks) = if has_own {
            sealed.split_at_checked(self.block_len).ok_or(Bad)?
        } else {
            (&self.last[..], sealed)
        };
        if blocks.is_empty() || !blocks.len().is_multiple_of(self.block_len) {
            return Err(Bad);
        }
        let start = out.len();
        out.extend_from_slice(blocks);
        self.cipher.decrypt(iv, out.get_mut(start..).unwrap_or_default());
        let text = out.get(start..).and_then(without_padding).ok_or(Bad)?;
        let text = if self.encrypt_then_mac {
            text
        } else {
            self.signed.checked(number, head, text).ok_or(Bad)?
        };
        let end = start + text.len();
        out.truncate(end);
        self.remember(fragment);
        Ok(head.kind)
    }

    /// The next record is chained to the last block of this one.
    fn remember(&mut self, fragment: &[u8]) {
        if self.last.is_empty() {
            return;
        }
        let mac_len = if self.encrypt_then_mac { self.signed.hash.len() } else { 0 };
        let sealed = fragment.get(..fragment.len().saturating_sub(mac_len)).unwrap_or_default();
        if let Some((_, last)) = sealed.split_at_checked(sealed.len().wrapping_sub(self.block_len))
        {
            self.last.copy_from_slice(last);
            self.last_unknown = false;
        }
    }
}

/// Strips padding: its length in the last byte, and in each of its bytes (RFC 5246 §6.2.3.2).
fn without_padding(text: &[u8]) -> Option<&[u8]> {
    let len = *text.last()?;
    let (text, padding) = text.split_at_checked(text.len().checked_sub(usize::from(len) + 1)?)?;
    padding.iter().all(|byte| *byte == len).then_some(text)
}

// === impl Stream ===

impl Stream {
    fn open(
        &mut self,
        number: u64,
        head: Head,
        fragment: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Kind, Bad> {
        let start = out.len();
        out.extend_from_slice(fragment);
        let text = out.get_mut(start..).ok_or(Bad)?;
        self.cipher.try_apply_keystream(text).map_err(|_| Bad)?;
        let len = self.signed.checked(number, head, text).ok_or(Bad)?.len();
        out.truncate(start + len);
        Ok(head.kind)
    }
}

// === impl Signed ===

impl Signed {
    /// What comes before the MAC, if the MAC is right.
    fn checked<'b>(&self, number: u64, head: Head, text: &'b [u8]) -> Option<&'b [u8]> {
        let (text, mac) = text.split_at_checked(text.len().checked_sub(self.hash.len())?)?;
        let wanted = hmac(self.hash, &self.key, &[&numbered(number, head, text.len()), text]);
        (wanted == mac).then_some(text)
    }
}

// === impl Debug ===

impl std::fmt::Debug for Opener {
    /// Without the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("next", &self.next).finish_non_exhaustive()
    }
}
