//! Where a capture lies, so that it can be opened, closed, and opened again.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::{
    OpenError,
    feed::Raw,
    file::{CaptureFile, Opening},
    ledger::{Ledger, Place},
};

/// A capture that can be opened.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) place: Place,
    /// None for standard input.
    path: Option<PathBuf>,
}

// === impl Spot ===

impl Spot {
    /// The file at `path`, the `index`th of all.
    pub(crate) fn file(path: &Path, index: u32) -> Self {
        let name = path.display().to_string();
        Self { place: Place { kind: "file", name, index }, path: Some(path.to_owned()) }
    }

    /// Standard input.
    pub(crate) fn stdin(index: u32) -> Self {
        Self { place: Place { kind: "stdin", name: "-".to_owned(), index }, path: None }
    }

    /// Opens it and reads its header.
    pub(crate) fn open(
        &self,
        chunk_bytes: usize,
        ledger: &mut Ledger,
    ) -> Result<CaptureFile, OpenError> {
        let place = self.place.clone();
        let Some(path) = &self.path else {
            let raw = Raw::new(Box::new(io::stdin()));
            let opening = Opening { place, raw, patient: false, size: None, chunk_bytes };
            return CaptureFile::open(opening, ledger);
        };
        let file = File::open(path).map_err(|error| open_error(path, error))?;
        let meta = file.metadata().map_err(|error| open_error(path, error))?;
        let (patient, size) = (meta.is_file(), meta.is_file().then_some(meta.len()));
        let raw = Raw::new(Box::new(file));
        CaptureFile::open(Opening { place, raw, patient, size, chunk_bytes }, ledger)
    }
}

/// The error of a path that could not be opened.
pub(crate) fn open_error(path: &Path, source: io::Error) -> OpenError {
    match source.kind() {
        io::ErrorKind::NotFound => OpenError::NotFound(path.to_owned()),
        io::ErrorKind::PermissionDenied => OpenError::Denied(path.to_owned()),
        _ => OpenError::Io { path: path.to_owned(), source },
    }
}
