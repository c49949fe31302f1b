//! What the program reads packets from, whatever is behind it: files, a growing file, interfaces.

use model::Source;

use crate::{Batch, Progress, ReadError, Reader};

/// Hands out batches, one after the other.
///
/// A live intake also hands out the time: [`Batch::now`] says up to when nothing more will come, and
/// a batch may hold nothing but that.
pub trait Intake: Send {
    /// Fills `batch` (using its buffers again) with what comes next; false at the end.
    ///
    /// # Errors
    /// When something can't be read on; others may still be.
    fn next(&mut self, batch: &mut Batch) -> Result<bool, ReadError>;

    /// The sources that [`Packet::source`](packet::Packet) counts; grows.
    fn sources(&self) -> &[Source];

    /// What the user should know, a line each.
    fn warnings(&self) -> Vec<String>;

    /// Decryption secrets met, with their type; grows.
    fn secrets(&self) -> &[(u32, Vec<u8>)] {
        &[]
    }

    /// How far it is; live, nobody knows.
    fn progress(&self) -> Progress {
        Progress::default()
    }

    /// What was lost or noticed on the way in.
    fn counts(&mut self) -> Vec<IntakeCount> {
        Vec::new()
    }
}

/// A named count of an intake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IntakeCount {
    /// Its name for programs.
    pub name: &'static str,
    /// Its name for people.
    pub words: &'static str,
    /// How often.
    pub value: u64,
    /// Whether calls may be missing because of it.
    pub is_loss: bool,
}

impl Intake for Reader {
    fn next(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        Self::next(self, batch)
    }

    fn sources(&self) -> &[Source] {
        Self::sources(self)
    }

    fn warnings(&self) -> Vec<String> {
        Self::warnings(self).iter().map(ToString::to_string).collect()
    }

    fn secrets(&self) -> &[(u32, Vec<u8>)] {
        Self::secrets(self)
    }

    fn progress(&self) -> Progress {
        Self::progress(self)
    }
}
