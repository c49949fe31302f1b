//! The door of this crate: inputs in, batches out.

use std::{
    ffi::OsStr,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use model::Source;

use crate::{
    Batch, OpenError, Problem, ReadError, Warning, folder,
    ledger::Ledger,
    merge::Merge,
    spot::{Spot, open_error},
};

/// Where packets are to be read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// A capture file, a named pipe, or a folder: all captures in it, and in the folders in it.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// How to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// Room of a batch's buffer; it grows for a packet that is longer.
    pub batch_bytes: usize,
}

/// How far a reader is, in bytes as they are on disk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Read so far.
    pub bytes_done: u64,
    /// In all files together, unless a pipe is among them.
    pub bytes_total: Option<u64>,
}

/// Reads packets from files, pipes and folders; several files are merged by time.
///
/// Each file's packets keep their own order even where its time goes backwards; between files the
/// earlier packet comes first, and the earlier file where both are of the same moment.
pub struct Reader {
    merge: Merge,
    ledger: Ledger,
}

// === impl Input ===

impl Input {
    /// What a word of the command line means: `-` is standard input.
    #[must_use]
    pub fn named(word: &OsStr) -> Self {
        if word == "-" { Self::Stdin } else { Self::Path(word.into()) }
    }
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { batch_bytes: 256 * 1024 }
    }
}

// === impl Reader ===

impl Reader {
    /// Opens all inputs, and says what is wrong with the first that can't be read. In a folder,
    /// files that are no captures are skipped with a warning.
    pub fn open(inputs: &[Input], options: Options) -> Result<Self, OpenError> {
        let found = find(inputs)?;
        let mut ledger = Ledger::default();
        let mut merge = Merge::new(options.batch_bytes, found.len());
        for Found { spot, in_folder } in &found {
            match merge.add(spot, &mut ledger) {
                Ok(()) => {}
                Err(error) if *in_folder => {
                    ledger.warn(&spot.place, 0, Problem::Skipped(error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        match inputs {
            _ if !merge.is_empty() => Ok(Self { merge, ledger }),
            [Input::Path(path), ..] => {
                Err(OpenError::NothingInFolder { path: path.clone(), files: found.len() })
            }
            _ => Err(OpenError::NoInput),
        }
    }

    /// Reads a single capture from anything; `name` is for warnings.
    pub fn from_read(
        name: &str,
        from: impl Read + Send + 'static,
        options: Options,
    ) -> Result<Self, OpenError> {
        let mut ledger = Ledger::default();
        let merge = Merge::of_one(name, Box::new(from), options.batch_bytes, &mut ledger)?;
        Ok(Self { merge, ledger })
    }

    /// Fills `batch` (using its buffers again) with the next packets; false at the end.
    ///
    /// After an error the packets of the other files can still be read.
    pub fn next(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        self.merge.next(batch, &mut self.ledger)
    }

    /// The sources that [`Packet::source`](packet::Packet) counts; grows as interfaces are met.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.ledger.sources
    }

    /// What the user should know of the files; grows.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.ledger.warnings
    }

    /// The decryption secrets embedded in the captures, with their type (`0x544c534b` for a TLS key
    /// log); grows. At most 16 MiB are kept.
    #[must_use]
    pub fn secrets(&self) -> &[(u32, Vec<u8>)] {
        &self.ledger.secrets
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.merge.progress()
    }
}

/// A file that was named, or found in a folder.
struct Found {
    spot: Spot,
    in_folder: bool,
}

fn find(inputs: &[Input]) -> Result<Vec<Found>, OpenError> {
    let mut found: Vec<Found> = Vec::new();
    for input in inputs {
        let index = found.len() as u32;
        match input {
            Input::Stdin => found.push(Found { spot: Spot::stdin(index), in_folder: false }),
            Input::Path(path) if is_folder(path)? => {
                let spots = (index..).zip(folder::files(path)?);
                found.extend(spots.map(|(index, path)| Found {
                    spot: Spot::file(&path, index),
                    in_folder: true,
                }));
            }
            Input::Path(path) => {
                found.push(Found { spot: Spot::file(path, index), in_folder: false });
            }
        }
    }
    Ok(found)
}

fn is_folder(path: &Path) -> Result<bool, OpenError> {
    fs::metadata(path).map(|meta| meta.is_dir()).map_err(|error| open_error(path, error))
}
