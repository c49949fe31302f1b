//! The records of one side: by what they are opened, and by what next.

use super::Outcome;
use crate::tls::{
    keys::{Bad, Opener, Traffic},
    wire::{Cursor, Head, Kind, MESSAGE_HEAD},
};

/// Records in a row that can't be opened before a direction is given up.
const BAD_MAX: u8 = 3;

/// The records of one side.
#[derive(Debug, Default)]
pub struct Direction {
    /// What the next record is opened with.
    pub opener: Option<Opener>,
    /// The secret that the opener is made of, in TLS 1.3.
    pub traffic: Option<Traffic>,
    /// The start of a record that is opened when it is whole.
    pub held: Vec<u8>,
    /// Whole records that wait for their secrets.
    pub late: Vec<u8>,
    /// What it is opened with next.
    pub next: Next,
    /// Payload may come: the handshake's own keys are behind.
    pub is_payload: bool,
    /// Records in a row that could not be opened.
    pub bad: u8,
    /// Bytes were lost that the stream inside was not told of.
    pub gapped: bool,
    /// Nothing is opened any more.
    pub is_over: bool,
    /// What its handshake messages after the handshake are cut by.
    pub after: After,
}

/// What records are opened with once keys change.
#[derive(Debug, Default)]
pub enum Next {
    /// Nothing else.
    #[default]
    Nothing,
    /// Until TLS 1.2, after `ChangeCipherSpec`.
    Cipher(Opener),
    /// In TLS 1.3, one secret after the other.
    Secrets(Vec<Stage>),
}

/// A secret, and whether payload is under it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The secret.
    pub traffic: Traffic,
    /// Whether payload is under it, and not the handshake.
    pub is_payload: bool,
}

/// Handshake messages after the handshake, which may be cut by records.
#[derive(Debug, Default)]
pub struct After {
    head: Vec<u8>,
    left: usize,
}

// === impl Direction ===

impl Direction {
    /// From here on records are under this secret.
    pub fn enter(&mut self, stage: Stage) {
        self.opener = stage.traffic.opener();
        self.traffic = Some(stage.traffic);
        self.is_payload = stage.is_payload;
    }

    /// Opens a record, with the keys at hand or those after them.
    pub fn open(&mut self, head: Head, fragment: &[u8], out: &mut Vec<u8>) -> Result<Kind, Bad> {
        let Some(opener) = &mut self.opener else { return Err(Bad) };
        if let Ok(kind) = opener.open(head, fragment, out) {
            return Ok(kind);
        }
        self.open_with_next(head, fragment, out)
    }

    /// Where bytes were lost, what changed the keys may have been among them.
    fn open_with_next(
        &mut self,
        head: Head,
        fragment: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Kind, Bad> {
        let coming = match &self.next {
            Next::Secrets(stages) if !stages.is_empty() => stages.clone(),
            _ => self.traffic.iter().map(Stage::updated).collect(),
        };
        for (number, stage) in coming.into_iter().enumerate() {
            let Some(mut opener) = stage.traffic.opener() else { continue };
            if self.gapped {
                opener.doubt();
            }
            if let Ok(kind) = opener.open(head, fragment, out) {
                if let Next::Secrets(stages) = &mut self.next {
                    stages.drain(..stages.len().min(number + 1));
                }
                self.enter(stage);
                self.opener = Some(opener);
                return Ok(kind);
            }
        }
        Err(Bad)
    }

    /// A record could not be opened.
    pub fn count_bad(&mut self) -> Outcome {
        self.gapped = true;
        self.bad += 1;
        let is_over = self.opener.as_ref().is_none_or(Opener::is_over);
        if self.bad < BAD_MAX && !is_over {
            return Outcome::Bad;
        }
        self.is_over = true;
        self.opener = None;
        Outcome::GivenUp
    }
}

// === impl Stage ===

impl Stage {
    /// The secret after a key update.
    pub fn updated(traffic: &Traffic) -> Self {
        Self { traffic: traffic.updated(), is_payload: true }
    }
}

// === impl After ===

impl After {
    /// The type of the message whose head comes next in `bytes`, of which it takes what it read.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<u8> {
        // Every turn takes at least one byte.
        while !bytes.is_empty() {
            let wanted = if self.left > 0 { self.left } else { MESSAGE_HEAD - self.head.len() };
            let (front, rest) = bytes.split_at(wanted.min(bytes.len()));
            *bytes = rest;
            if self.left > 0 {
                self.left -= front.len();
                continue;
            }
            self.head.extend_from_slice(front);
            let mut cursor = Cursor(&self.head);
            if let (Some(kind), Some(len)) = (cursor.u8(), cursor.u24()) {
                self.left = len;
                self.head.clear();
                return Some(kind);
            }
        }
        None
    }
}
