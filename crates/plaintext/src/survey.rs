//! Who speaks TLS on this machine, and whether it can be tapped.

use std::{
    collections::HashMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    mapped::{self, FileId},
    watch,
};

/// What a look at all processes gave.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Who speaks TLS: a row for each library of each process.
    pub rows: Vec<Row>,
    /// Processes that may not be looked into.
    pub hidden: usize,
}

/// A process that speaks TLS.
#[derive(Clone, Debug)]
pub struct Row {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The library's name.
    pub library: &'static str,
    /// Its version, as it says itself.
    pub version: Option<String>,
    /// Its file, as the process sees it.
    pub path: PathBuf,
    /// Why it can't be tapped; nothing if it can.
    pub why_not: Option<&'static str>,
}

// === impl Survey ===

impl Survey {
    /// Looks at every process but our own. Reads `/proc` and the files mapped there; attaches to nothing.
    #[must_use]
    pub fn take() -> Self {
        let (mut known, mut survey) = (HashMap::new(), Self::default());
        // It names all libraries, and is none.
        if let Some(own) = FileId::of(Path::new("/proc/self/exe")) {
            known.insert(own, None);
        }
        let mut pids = mapped::processes();
        pids.sort_unstable();
        for pid in pids.into_iter().filter(|pid| *pid != std::process::id()) {
            if is_hidden(pid) {
                survey.hidden += 1;
                continue;
            }
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            for mapped in mapped::of(pid) {
                let found = known
                    .entry(mapped.file.clone())
                    .or_insert_with(|| watch::look_into(&mapped.reach(pid), &mapped.path));
                let Some(found) = found else { continue };
                survey.rows.push(Row {
                    pid,
                    name: name.trim_end().to_owned(),
                    library: found.library.kind.name(),
                    version: found.library.version.clone(),
                    path: mapped.path.clone(),
                    why_not: found.library.sites.as_ref().err().map(|why| why.why()),
                });
            }
        }
        survey
    }
}

fn is_hidden(pid: u32) -> bool {
    let maps = fs::File::open(format!("/proc/{pid}/maps"));
    maps.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
