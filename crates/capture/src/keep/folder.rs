//! The files of a folder of kept packets.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use model::Timestamp;

/// Why packets can't be kept, or what was kept can't be read.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Less than is of any use.
    #[error("at least {min} bytes are needed to keep packets ({asked} were given)")]
    TooSmall {
        /// What was asked for.
        asked: u64,
        /// What is needed.
        min: u64,
    },
    /// There is nothing.
    #[error("{}: no packets are kept here (expected the folder that callscope tap --keep writes)", .0.display())]
    Nothing(PathBuf),
    /// The operating system could not do it.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was kept can't be read.
    #[error(transparent)]
    Open(#[from] crate::OpenError),
    /// What was kept can't be read to its end.
    #[error(transparent)]
    Read(#[from] crate::ReadError),
}

/// Packets, and their calls, from some moment on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Segment {
    /// When its first packet was captured.
    pub(super) from: Timestamp,
    /// The packets.
    pub(super) packets: PathBuf,
    /// The calls.
    pub(super) calls: PathBuf,
    /// Bytes of both.
    pub(super) bytes: u64,
}

// === impl Segment ===

impl Segment {
    /// A new one.
    pub(super) fn new(folder: &Path, from: Timestamp) -> Self {
        let name = format!("{:020}", from.0);
        let packets = folder.join(format!("{name}.pcapng"));
        Self { from, packets, calls: folder.join(format!("{name}.calls")), bytes: 0 }
    }

    /// Takes it from the disk.
    pub(super) fn remove(&self) -> Result<(), KeepError> {
        for path in [&self.packets, &self.calls] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// All that are there, the oldest first.
pub(super) fn segments(folder: &Path) -> Result<Vec<Segment>, KeepError> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let name = entry.map_err(failed(folder))?.file_name();
        let from = name.to_str().and_then(|name| name.strip_suffix(".pcapng"));
        let Some(from) = from.filter(|from| from.len() == 20).and_then(|from| from.parse().ok())
        else {
            continue;
        };
        let mut segment = Segment::new(folder, Timestamp(from));
        let len = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        segment.bytes = len(&segment.packets) + len(&segment.calls);
        segments.push(segment);
    }
    segments.sort_by_key(|segment| segment.from);
    Ok(segments)
}

/// The error of a file.
pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> KeepError {
    let path = path.to_owned();
    |source| KeepError::Io { path, source }
}
