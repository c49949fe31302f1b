//! Key schedules: from the secrets in a key log to the keys of each direction.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::{
    opener::Opener,
    suite::{Cipher, Hash, Suite},
};
use crate::tls::hello::is_13;

/// Bytes of a master secret (RFC 5246 §8.1).
const MASTER_LEN: usize = 48;
/// TLS 1.2: one PRF, by the suite's hash.
const TLS_12: u16 = 0x0303;
/// TLS 1.0: the first block of a record is chained to the record before.
const TLS_10: u16 = 0x0301;

/// What both sides made up for one handshake.
#[derive(Clone, Copy, Debug)]
pub struct Randoms {
    /// The client's.
    pub client: [u8; 32],
    /// The server's.
    pub server: [u8; 32],
}

/// A traffic secret of TLS 1.3, of one direction.
#[derive(Clone)]
pub struct Traffic {
    suite: Suite,
    secret: Vec<u8>,
}

/// The master secret that a premaster secret leads to (RFC 5246 §8.1); not for the extended one of
/// RFC 7627, which depends on all of the handshake.
pub fn master_secret(version: u16, suite: Suite, premaster: &[u8], randoms: &Randoms) -> Vec<u8> {
    let seed = [&b"master secret"[..], &randoms.client, &randoms.server].concat();
    prf(version, suite, premaster, &seed, MASTER_LEN)
}

/// What opens the records of client and server from their `ChangeCipherSpec` on, up to TLS 1.2 (RFC
/// 5246 §6.3); none if the version is not spoken here.
pub fn openers(
    version: u16,
    suite: Suite,
    master: &[u8],
    randoms: &Randoms,
    encrypt_then_mac: bool,
) -> Option<[Opener; 2]> {
    if !(TLS_10..=TLS_12).contains(&version) || master.len() != MASTER_LEN {
        return None;
    }
    let mac_len = if suite.cipher.is_aead() { 0 } else { suite.mac.len() };
    let key_len = suite.cipher.key_len();
    let iv_len = match suite.cipher {
        Cipher::Gcm(_) | Cipher::Ccm(..) => 4,
        Cipher::ChaCha => 12,
        Cipher::Cbc(block) if version == TLS_10 => block.len(),
        Cipher::Cbc(_) | Cipher::Null | Cipher::Rc4 => 0,
    };
    let seed = [&b"key expansion"[..], &randoms.server, &randoms.client].concat();
    let all = prf(version, suite, master, &seed, 2 * (mac_len + key_len + iv_len));
    let (macs, rest) = all.split_at_checked(2 * mac_len)?;
    let (keys, ivs) = rest.split_at_checked(2 * key_len)?;
    let opener = |half: usize| {
        let of = |all: &'_ [u8], len: usize| Some(all.get(half * len..)?.get(..len)?.to_vec());
        Opener::until_12(
            suite,
            &of(macs, mac_len)?,
            &of(keys, key_len)?,
            &of(ivs, iv_len)?,
            encrypt_then_mac,
        )
    };
    Some([opener(0)?, opener(1)?])
}

// === impl Traffic ===

impl Traffic {
    /// The secret of one direction, if the suite and the secret are of one length and TLS 1.3.
    pub fn new(version: u16, suite: Suite, secret: &[u8]) -> Option<Self> {
        let fits = is_13(version) && suite.cipher.is_aead() && secret.len() == suite.hash.len();
        fits.then(|| Self { suite, secret: secret.to_vec() })
    }

    /// What opens the records under it (RFC 8446 §7.3).
    pub fn opener(&self) -> Option<Opener> {
        let Suite { hash, cipher, .. } = self.suite;
        let key = expand(hash, &self.secret, b"key", cipher.key_len());
        let iv = expand(hash, &self.secret, b"iv", 12);
        Opener::since_13(self.suite, &key, &iv)
    }

    /// The secret after a key update (RFC 8446 §7.2).
    pub fn updated(&self) -> Self {
        let hash = self.suite.hash;
        let secret = expand(hash, &self.secret, b"traffic upd", hash.len());
        Self { suite: self.suite, secret }
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 §7.1), of at most one block.
pub fn expand(hash: Hash, secret: &[u8], label: &[u8], len: usize) -> Vec<u8> {
    let byte = |len: usize| u8::try_from(len).unwrap_or(0);
    let head = [0, byte(len), byte(b"tls13 ".len() + label.len())];
    let mut out = hmac(hash, secret, &[&head, b"tls13 ", label, &[0, 1]]);
    out.truncate(len);
    out
}

/// The pseudo-random function (RFC 5246 §5, RFC 2246 §5).
fn prf(version: u16, suite: Suite, secret: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    if version >= TLS_12 {
        return expand_data(suite.hash, secret, seed, len);
    }
    let half = secret.len().div_ceil(2);
    let (left, right) = (&secret[..half], &secret[secret.len() - half..]);
    let mut out = expand_data(Hash::Md5, left, seed, len);
    let other = expand_data(Hash::Sha1, right, seed, len);
    out.iter_mut().zip(other).for_each(|(a, b)| *a ^= b);
    out
}

/// `P_hash` (RFC 5246 §5).
fn expand_data(hash: Hash, secret: &[u8], seed: &[u8], len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(len + hash.len());
    let mut a = hmac(hash, secret, &[seed]);
    while out.len() < len {
        out.extend(hmac(hash, secret, &[&a, seed]));
        a = hmac(hash, secret, &[&a]);
    }
    out.truncate(len);
    out
}

/// HMAC over some parts.
pub fn hmac(hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    match hash {
        Hash::Md5 => hmac_with::<Hmac<Md5>>(key, parts),
        Hash::Sha1 => hmac_with::<Hmac<Sha1>>(key, parts),
        Hash::Sha256 => hmac_with::<Hmac<Sha256>>(key, parts),
        Hash::Sha384 => hmac_with::<Hmac<Sha384>>(key, parts),
    }
}

fn hmac_with<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

// === impl Debug ===

impl std::fmt::Debug for Traffic {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traffic").field("suite", &self.suite).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::wire::{HEAD, Head, Kind};

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    /// RFC 8448 §3: the server's handshake keys.
    #[test]
    fn keys_of_tls_13_are_those_of_the_example() {
        let secret = unhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let key = expand(Hash::Sha256, &secret, b"key", 16);
        assert_eq!(key, unhex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(expand(Hash::Sha256, &secret, b"iv", 12), unhex("5d313eb2671276ee13000b30"));
    }

    /// RFC 8448 §3: the client's first record of payload.
    #[test]
    fn a_record_of_the_example_is_opened() {
        let secret = unhex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
        let record = unhex(
            "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa
             66 bc ab 3f 2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2
             97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4",
        );
        let suite = Suite::of(0x1301).unwrap();
        let mut opener = Traffic::new(0x0304, suite, &secret).unwrap().opener().unwrap();
        let head = Head::read(&record).unwrap();
        let mut out = b"before".to_vec();
        assert_eq!(opener.open(head, &record[HEAD..], &mut out), Ok(Kind::Data));
        assert_eq!(out, [b"before".to_vec(), (0..50).collect()].concat());
        assert!(opener.open(head, &record[HEAD..], &mut out).is_err(), "it is not the second");
        assert_eq!(out.len(), 56, "a bad record leaves nothing");
    }

    #[test]
    fn a_record_after_lost_ones_is_found_by_its_number_up_to_a_bound() {
        let suite = Suite::of(0x1301).unwrap();
        let traffic = Traffic::new(0x0304, suite, &[7; 32]).unwrap();
        let key = expand(Hash::Sha256, &[7; 32], b"key", 16);
        let iv = expand(Hash::Sha256, &[7; 32], b"iv", 12);
        for (number, opens) in [(0, true), (1, true), (64, true), (65, false)] {
            let record = sealed(&key, &iv, number, b"text\x17\0\0");
            let head = Head::read(&record).unwrap();
            let mut out = Vec::new();
            let mut opener = traffic.opener().unwrap();
            assert_eq!(opener.open(head, &record[HEAD..], &mut out).is_ok(), number == 0);
            let mut opener = traffic.opener().unwrap();
            opener.doubt();
            out.clear();
            assert_eq!(opener.open(head, &record[HEAD..], &mut out).is_ok(), opens, "{number}");
            assert_eq!(out, if opens { &b"text"[..] } else { b"" });
        }
    }

    fn sealed(key: &[u8], iv: &[u8], number: u8, text: &[u8]) -> Vec<u8> {
        use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key).unwrap());
        let mut nonce: [u8; 12] = iv.try_into().unwrap();
        nonce[11] ^= number;
        let head = Head { kind: Kind::Data, version: 0x0303, len: text.len() + 16 }.bytes();
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(head), &mut text).unwrap();
        [&head[..], &text].concat()
    }

    /// The known answer for the PRF of TLS 1.2 with SHA-256.
    #[test]
    fn the_prf_gives_what_is_known() {
        let seed = [&b"test label"[..], &unhex("a0ba9f936cda311827a6f796ffd5198c")].concat();
        let secret = unhex("9bbe436ba940f017b17652849a71db35");
        let out = prf(0x0303, Suite::of(0x002f).unwrap(), &secret, &seed, 100);
        assert_eq!(
            out,
            unhex(
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9
                 c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789ba
                 a48082d122ee42c5a72e5a5110fff70187347b66"
            )
        );
    }
}
