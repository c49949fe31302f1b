//! From secrets to payload: which keys a handshake comes to, and records opened with them.
//!
//! Nothing in here knows of flows or messages. No cryptography is made here either: ciphers, hashes
//! and their modes are libraries.

mod block;
mod derive;
mod opener;
mod suite;

pub use self::{
    derive::{Randoms, Traffic, master_secret, openers},
    opener::{Bad, Opener},
    suite::Suite,
};
