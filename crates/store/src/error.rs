//! What can go wrong.

use std::{io, path::PathBuf};

/// Why a store can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder, or a file in it, can't be used.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Another process has the store open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The store was opened for reading.
    #[error("the store was opened for reading alone")]
    ReadOnly,
    /// Calls can't wait under this name.
    #[error("{0:?} is no name for calls that wait: letters, digits and -, at most {max}", max = crate::outbox::NAME_MAX)]
    Name(String),
    /// An engine elsewhere can't be asked, or its answer can't be read.
    #[error("{0}")]
    Elsewhere(String),
    /// Whoever asked said to stop.
    #[error("the query was stopped before its end")]
    Stopped,
    /// The answer takes more memory than a query may.
    #[error("the query needs more memory than it may use: {0}")]
    TooLarge(String),
}

// === impl StoreError ===

impl StoreError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }
}
