//! Packets of calls, where those who tell the calls hold on to the packets, too.

use model::Timestamp;

use crate::{Key, Missing, Scan, Stop};

/// Which packets are wanted.
#[derive(Clone, Debug)]
pub struct PacketsAsked {
    /// Of what.
    pub of: PacketsOf,
    /// Whether nobody waits any more.
    pub stop: Stop,
}

/// What packets are of.
#[derive(Clone, Debug)]
pub enum PacketsOf {
    /// One call, as the first of these members saw it that has packets of it.
    Call(Key, Vec<String>),
    /// All calls of a list, whatever its limit: each as whoever tells it saw it.
    Calls(Scan),
}

/// A packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Captured {
    /// When, by the clock of whoever saw it.
    pub at: Timestamp,
    /// What its first byte is the beginning of (LINKTYPE_).
    pub link: u32,
    /// Bytes that it had on the wire.
    pub wire_len: u32,
    /// Those that are told.
    pub bytes: Vec<u8>,
    /// The interface that saw it; empty where that is not known.
    pub interface: String,
    /// What is to be said of it; mostly nothing.
    pub comment: String,
}

/// What became of the question.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PacketsTold {
    /// Packets that were told.
    pub packets: u64,
    /// Who told those of one call.
    pub by: Option<String>,
    /// Whether payloads are cut off, because secrets are masked.
    pub is_masked: bool,
    /// Whether whoever took them had enough.
    pub is_cut: bool,
    /// Who has packets and did not tell them, or has none of what is asked for, and why.
    pub missing: Vec<Missing>,
}
