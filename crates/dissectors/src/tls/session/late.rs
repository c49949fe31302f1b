//! Records that wait for their secrets, in a key log that is written while it is read.

use dissect::Secrets;
use model::Side;

use super::{Session, direction::Direction};
use crate::tls::record::Opened;

/// Bytes of records of one side that are kept.
const LATE_BYTES_MAX: usize = 64 << 10;

impl Session {
    /// Whether records wait for secrets that may still come.
    pub fn waits(&self) -> bool {
        self.opened == Opened::NoSecret
    }

    /// Whether the next record of `from` has to wait: for secrets, or for those before it. What the
    /// client said comes before what it was answered.
    pub fn must_wait(&self, from: Side) -> bool {
        let has_late = |side: Side| !self.directions[side as usize].late.is_empty();
        self.waits() || has_late(from) || has_late(Side::Client)
    }

    /// Keeps a whole record; `false` if there are too many.
    pub fn wait(&mut self, from: Side, record: &[u8]) -> bool {
        let late = &mut self.directions[from as usize].late;
        let fits = late.len() + record.len() <= LATE_BYTES_MAX;
        if fits {
            late.extend_from_slice(record);
        }
        fits
    }

    /// Bytes of memory that are kept for records.
    pub fn kept_bytes(&self) -> usize {
        let of = |direction: &Direction| direction.late.capacity() + direction.held.capacity();
        self.directions.iter().map(of).sum::<usize>() + self.inside.capacity()
    }

    /// Looks for secrets again if there are new ones; whether they were found.
    pub fn wake(&mut self, secrets: &Secrets) -> bool {
        if !self.waits() || self.secrets_version == secrets.version() {
            return false;
        }
        self.opened = self.find_keys(secrets);
        self.opened.is_open()
    }

    /// The records of `from` that waited, if it is their turn.
    pub fn take_late(&mut self, from: Side) -> Vec<u8> {
        let client_waits = !self.directions[Side::Client as usize].late.is_empty();
        if self.waits() || from == Side::Server && client_waits {
            return Vec::new();
        }
        std::mem::take(&mut self.directions[from as usize].late)
    }
}
