//! Follows the processes of the machine: which files they run code of, and which of these speak TLS.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    kernel::Kernel,
    library::{Kind, Library, crypto_version},
    mapped::{self, FileId, Opened},
};

/// A process that has just begun is looked at again after this time, then after four times as long, …
const SOON: Duration = Duration::from_millis(5);
const LONGER: u32 = 4;
/// … up to this: libraries may be loaded at any time.
const SELDOM: Duration = Duration::from_secs(30);
/// How often the list of processes is read.
const LIST: Duration = Duration::from_secs(2);
/// Files that are remembered.
const FILES_MAX: usize = 1 << 16;
/// Where Debian, Fedora and Alpine keep libraries: those that nobody has loaded yet are tapped at once,
/// so that a program that lives for a moment is not missed.
const FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/lib",
    "/usr/local/lib",
];

/// A file that speaks TLS, and what became of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The library.
    pub library: Library,
    /// Its path, as the process sees it that it was found in.
    pub path: PathBuf,
    /// Why it is not tapped although it could be.
    pub refused: Option<String>,
}

/// What is known of files and processes.
#[derive(Default)]
pub(crate) struct Watch {
    files: HashMap<FileId, Option<Found>>,
    processes: HashMap<u32, Look>,
    listed: Option<Instant>,
}

/// When a process is looked at next.
#[derive(Clone, Copy)]
struct Look {
    at: Instant,
    again: Duration,
}

// === impl Watch ===

impl Watch {
    /// Attaches to the libraries of the machine itself.
    pub(crate) fn begin(&mut self, kernel: &mut Kernel) {
        for folder in FOLDERS {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.starts_with("libssl.so") || name.starts_with("libgnutls.so") {
                    let path = entry.path();
                    let (Some(id), Some(file)) = (FileId::of(&path), Opened::at(&path)) else {
                        continue;
                    };
                    self.file(id, &file, &path, kernel);
                }
            }
        }
    }

    /// A process runs another program from here on.
    pub(crate) fn exec(&mut self, pid: u32, now: Instant) {
        self.processes.insert(pid, Look { at: now, again: SOON });
    }

    /// Looks at the processes that are due; when it wants to look again.
    pub(crate) fn look(&mut self, now: Instant, kernel: &mut Kernel) -> Duration {
        if self.listed.is_none_or(|at| now.duration_since(at) >= LIST) {
            self.list(now);
        }
        let due: Vec<u32> =
            self.processes.iter().filter(|(_, look)| look.at <= now).map(|(pid, _)| *pid).collect();
        for pid in due {
            for mapped in mapped::of(pid) {
                if self.files.contains_key(&mapped.file) {
                    continue;
                }
                // A process that has ended meanwhile says nothing of the files it ran.
                if let Some(file) = mapped.open(pid) {
                    self.file(mapped.file, &file, &mapped.path, kernel);
                }
            }
            if let Some(look) = self.processes.get_mut(&pid) {
                *look = Look { at: now + look.again, again: (look.again * LONGER).min(SELDOM) };
            }
        }
        let next = self.processes.values().map(|look| look.at).min();
        next.map_or(LIST, |at| at.saturating_duration_since(now).min(LIST))
    }

    fn list(&mut self, now: Instant) {
        self.listed = Some(now);
        let pids = mapped::processes();
        self.processes.retain(|pid, _| pids.contains(pid));
        for pid in pids {
            self.processes.entry(pid).or_insert(Look { at: now, again: SOON });
        }
    }

    /// Looks into a file for the first time; `path` names it.
    fn file(&mut self, id: FileId, file: &Opened, path: &Path, kernel: &mut Kernel) {
        if self.files.len() >= FILES_MAX {
            // What speaks no TLS can be looked into again.
            self.files.retain(|_, found| found.is_some());
        }
        if self.files.len() >= FILES_MAX || self.files.contains_key(&id) {
            return;
        }
        let found = look_into(file, path).map(|mut found| {
            if let Ok(sites) = &found.library.sites {
                let attached = kernel.attach(&file.link(), sites);
                found.refused = attached.err().map(|error| error.to_string());
            }
            found
        });
        self.files.insert(id, found);
    }
}

/// What the file is, if it speaks TLS.
pub(crate) fn look_into(file: &Opened, path: &Path) -> Option<Found> {
    let mut library = Library::of(file.again()?)?;
    if library.kind == Kind::OpenSsl && library.version.is_none() {
        library.version = beside(file.reach(), path).and_then(|crypto| crypto_version(&crypto));
    }
    Some(Found { library, path: path.to_owned(), refused: None })
}

/// libssl doesn't say its version; libcrypto beside it does.
fn beside(reach: &Path, path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.replace("libssl", "libcrypto");
    let beside = path.with_file_name(name);
    // `/proc/PID/map_files/…` is beside nothing: the process's root is.
    let Some(files) = reach.ancestors().find(|of| of.ends_with("map_files")) else {
        return Some(reach.with_file_name(beside.file_name()?));
    };
    Some(files.parent()?.join("root").join(beside.strip_prefix("/").ok()?))
}
