//! Which files a folder holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{OpenError, spot::open_error};

/// Folders inside folders are followed so far down; links to folders are not.
const DEPTH_MAX: usize = 16;

/// More files than this are not for one sitting.
const FILES_MAX: usize = 65_536;

/// All files of a folder and the folders in it, sorted by name.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut found = Vec::new();
    walk(folder, 0, &mut found).map_err(|failure| failure.within(folder))?;
    Ok(found)
}

/// Why a walk stopped.
enum Failure {
    TooMany,
    Open(OpenError),
}

// === impl Failure ===

impl Failure {
    fn within(self, folder: &Path) -> OpenError {
        match self {
            Self::TooMany => OpenError::TooManyFiles { path: folder.to_owned(), max: FILES_MAX },
            Self::Open(error) => error,
        }
    }
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error| Failure::Open(open_error(folder, error));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        entries.push(entry.map_err(failed)?);
        if entries.len() > FILES_MAX {
            return Err(Failure::TooMany);
        }
    }
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Not through a link: that could lead in circles.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth < DEPTH_MAX {
                walk(&path, depth + 1, found)?;
            }
        } else if fs::metadata(&path).is_ok_and(|meta| meta.is_file()) {
            found.push(path);
        }
        if found.len() > FILES_MAX {
            return Err(Failure::TooMany);
        }
    }
    Ok(())
}
