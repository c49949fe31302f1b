//! From secrets to payload: which keys a handshake comes to, and records opened with them.
//!
//! Nothing in here knows of flows or messages. No cryptography is made here either: ciphers, hashes
//! and their modes are libraries.

mod block;
mod derive;
mod opener;
mod suite;

pub use self::{
    block::{Soft, soft},
    derive::{Randoms, Traffic, expand, hmac, master_secret, openers},
    opener::{Bad, Opener},
    suite::{Block, Cipher, Hash, Suite},
};
