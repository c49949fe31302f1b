//! Block ciphers in their modes, behind one type each.

use aes::{Aes128, Aes256};
use aes_gcm::AesGcm;
use aria::{Aria128, Aria256};
use camellia::{Camellia128, Camellia256};
use cbc::cipher::{
    Array, BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit, consts::U8, consts::U12,
    consts::U16,
};
use ccm::{
    Ccm,
    aead::{AeadInOut, Nonce, Tag},
};
use des::{Des, TdesEde3};

use super::suite::{Block, Cipher};

/// A block cipher, to be chained.
pub trait Chain: Send {
    /// Decrypts whole blocks; `iv` is the block before them.
    fn decrypt(&self, iv: &[u8], blocks: &mut [u8]);
}

/// A cipher that authenticates, for suites that are not fast anyway.
pub trait Soft: Send {
    /// Decrypts in place; `false` if the tag is not right.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], bytes: &mut [u8], tag: &[u8]) -> bool;
}

/// The block cipher with this key.
pub fn chain(block: Block, key: &[u8]) -> Option<Box<dyn Chain>> {
    Some(match block {
        Block::Aes128 => chained::<Aes128>(key)?,
        Block::Aes256 => chained::<Aes256>(key)?,
        Block::Camellia128 => chained::<Camellia128>(key)?,
        Block::Camellia256 => chained::<Camellia256>(key)?,
        Block::Aria128 => chained::<Aria128>(key)?,
        Block::Aria256 => chained::<Aria256>(key)?,
        Block::Des => chained::<Des>(key)?,
        Block::TripleDes => chained::<TdesEde3>(key)?,
    })
}

/// The authenticating cipher with this key.
pub fn soft(cipher: Cipher, key: &[u8]) -> Option<Box<dyn Soft>> {
    Some(match cipher {
        Cipher::Gcm(Block::Camellia128) => softly::<AesGcm<Camellia128, U12>>(key)?,
        Cipher::Gcm(Block::Camellia256) => softly::<AesGcm<Camellia256, U12>>(key)?,
        Cipher::Gcm(Block::Aria128) => softly::<AesGcm<Aria128, U12>>(key)?,
        Cipher::Gcm(Block::Aria256) => softly::<AesGcm<Aria256, U12>>(key)?,
        Cipher::Ccm(Block::Aes128, 16) => softly::<Ccm<Aes128, U16, U12>>(key)?,
        Cipher::Ccm(Block::Aes256, 16) => softly::<Ccm<Aes256, U16, U12>>(key)?,
        Cipher::Ccm(Block::Aes128, 8) => softly::<Ccm<Aes128, U8, U12>>(key)?,
        Cipher::Ccm(Block::Aes256, 8) => softly::<Ccm<Aes256, U8, U12>>(key)?,
        _ => return None,
    })
}

struct Chained<C>(C);

struct Softly<C>(C);

fn chained<C: BlockCipherDecrypt + KeyInit + Clone + Send + 'static>(
    key: &[u8],
) -> Option<Box<dyn Chain>> {
    Some(Box::new(Chained(C::new_from_slice(key).ok()?)))
}

fn softly<C: AeadInOut + KeyInit + Send + 'static>(key: &[u8]) -> Option<Box<dyn Soft>> {
    Some(Box::new(Softly(C::new_from_slice(key).ok()?)))
}

// === impl Chain ===

impl<C: BlockCipherDecrypt + Clone + Send> Chain for Chained<C> {
    fn decrypt(&self, iv: &[u8], blocks: &mut [u8]) {
        let Ok(mut mode) = cbc::Decryptor::inner_iv_slice_init(self.0.clone(), iv) else { return };
        let (blocks, _) = Array::slice_as_chunks_mut(blocks);
        mode.decrypt_blocks(blocks);
    }
}

// === impl Soft ===

impl<C: AeadInOut + Send> Soft for Softly<C> {
    fn open(&self, nonce: &[u8; 12], aad: &[u8], bytes: &mut [u8], tag: &[u8]) -> bool {
        let (Ok(nonce), Ok(tag)) = (<&Nonce<C>>::try_from(&nonce[..]), <&Tag<C>>::try_from(tag))
        else {
            return false;
        };
        self.0.decrypt_inout_detached(nonce, aad, bytes.into(), tag).is_ok()
    }
}
