//! The store's folder: who may write to it, and what is in it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{
    StoreError,
    outbox::{Mark, REFUSED},
    segment::Segment,
};

/// A store's folder that this process alone writes to, as long as it lives.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    /// Held until the process is gone; none when opened for reading.
    _lock: Option<File>,
}

/// What is in a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<Segment>,
    /// Logs by their number.
    pub(crate) logs: Vec<(u64, PathBuf)>,
    /// Files that were being written when the process ended.
    pub(crate) passing: Vec<PathBuf>,
    /// The last logs that were sent elsewhere.
    pub(crate) marks: Vec<u64>,
    /// Files that are not ours.
    pub(crate) foreign: u64,
    /// Files that bear our names and are none.
    pub(crate) damaged: u64,
}

const LOCK: &str = "lock";
/// Files of others who use a store's folder: what was imported, and what secrets are masked with.
const NEIGHBOURS: [&str; 3] = ["imports.json", "imports.json.new", "mask.key"];

// === impl Folder ===

impl Folder {
    /// Makes the folder if it is not there, and keeps other processes from writing to it.
    pub(crate) fn own(path: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(StoreError::io(path))?;
        let name = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&name);
        let lock = lock.map_err(StoreError::io(&name))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreError::Io { path: name, error }),
        }
    }

    /// Reads alone, beside whoever writes.
    pub(crate) fn read(path: &Path) -> Result<Self, StoreError> {
        fs::read_dir(path).map_err(StoreError::io(path))?;
        Ok(Self { path: path.to_owned(), _lock: None })
    }

    pub(crate) fn log(&self, number: u64) -> PathBuf {
        self.path.join(format!("log-{number:010}.wal"))
    }

    pub(crate) fn passing(&self, number: u64) -> PathBuf {
        self.path.join(format!("seal-{number:010}.tmp"))
    }

    /// What is in it now, segments and logs by number.
    pub(crate) fn list(&self) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        let entries = fs::read_dir(&self.path).map_err(StoreError::io(&self.path))?;
        for entry in entries {
            let entry = entry.map_err(StoreError::io(&self.path))?;
            listing.add(&self.path, &entry).map_err(StoreError::io(entry.path()))?;
        }
        listing.segments.sort_by_key(|segment| segment.number);
        listing.logs.sort();
        Ok(listing)
    }
}

// === impl Listing ===

impl Listing {
    fn add(&mut self, folder: &Path, entry: &fs::DirEntry) -> io::Result<()> {
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Somebody was quicker.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let name = entry.file_name();
        let name = name.to_str().filter(|_| metadata.is_file()).unwrap_or_default();
        if let Some(segment) = Segment::named(folder, name, metadata.len()) {
            match segment.is_whole() {
                Ok(true) => self.segments.push(segment),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(false) | Err(_) => self.damaged += 1,
            }
        } else if let Some(number) = number_in(name, "log-", ".wal") {
            self.logs.push((number, entry.path()));
        } else if number_in(name, "seal-", ".tmp").is_some() {
            self.passing.push(entry.path());
        } else if Mark::is_named(name) {
            self.marks.extend(Mark::read(&entry.path()).map(|mark| mark.log));
        } else if metadata.is_dir() && entry.file_name() == REFUSED {
            // What could not be sent is not asked for.
        } else if name != LOCK && !NEIGHBOURS.contains(&name) {
            self.foreign += 1;
        }
        Ok(())
    }
}

fn number_in(name: &str, before: &str, behind: &str) -> Option<u64> {
    name.strip_prefix(before)?.strip_suffix(behind)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_writes() {
        let folder = tempfile::tempdir().unwrap();
        let first = Folder::own(folder.path()).unwrap();
        assert!(matches!(Folder::own(folder.path()), Err(StoreError::InUse { .. })));
        assert!(Folder::read(folder.path()).is_ok());
        drop(first);
        assert!(Folder::own(folder.path()).is_ok());
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let own = Folder::own(folder.path()).unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        fs::write(folder.path().join("imports.json"), "[]").unwrap();
        fs::write(folder.path().join("mask.key"), "00").unwrap();
        fs::create_dir(folder.path().join("calls-1-2-3-4.parquet")).unwrap();
        fs::write(folder.path().join("calls-2-2-3-4.parquet"), "PAR1 and then nothing").unwrap();
        fs::write(folder.path().join("calls-3-2-3-4.parquet"), "").unwrap();
        let listing = own.list().unwrap();
        assert_eq!((listing.foreign, listing.damaged, listing.segments.len()), (2, 2, 0));
    }
}
