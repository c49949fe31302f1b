//! Who speaks TLS on this machine, and whether it can be tapped.

use std::{
    collections::HashMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    mapped::{self, FileId, Mapped},
    watch::{self, Found},
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
        let (mut known, mut survey) = (Known::default(), Self::default());
        // It names all libraries, and is none.
        if let Some(own) = FileId::of(Path::new("/proc/self/exe")) {
            known.0.insert(own, None);
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
                let Some(found) = known.look(&mapped, pid) else { continue };
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

/// The files that were looked into.
#[derive(Default)]
struct Known(HashMap<FileId, Option<Found>>);

impl Known {
    /// What the file is that process `pid` has mapped, if it speaks TLS.
    fn look(&mut self, mapped: &Mapped, pid: u32) -> Option<&Found> {
        if !self.0.contains_key(&mapped.file) {
            // A process that has ended meanwhile says nothing of the files it ran.
            let file = mapped.open(pid)?;
            self.0.insert(mapped.file.clone(), watch::look_into(&file, &mapped.path));
        }
        self.0.get(&mapped.file)?.as_ref()
    }
}

fn is_hidden(pid: u32) -> bool {
    let maps = fs::File::open(format!("/proc/{pid}/maps"));
    maps.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ends_meanwhile_hides_nobody() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let mapped = wait_for_code(child.id());
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        let mut known = Known::default();
        assert!(known.look(&mapped, child.id()).is_none());
        assert!(known.0.is_empty(), "nothing is known of its file");
        // The same file is looked into where somebody else has it.
        let own = mapped::of(std::process::id()).into_iter().find(|own| own.file == mapped.file);
        assert!(known.look(&own.expect("the C library"), std::process::id()).is_none());
        assert_eq!(known.0.len(), 1);
    }

    /// The C library as process `pid` has it, as soon as it has begun.
    fn wait_for_code(pid: u32) -> Mapped {
        for _ in 0..1_000 {
            let libc = |mapped: &Mapped| mapped.path.to_string_lossy().contains("libc.so");
            if let Some(mapped) = mapped::of(pid).into_iter().find(libc) {
                return mapped;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("no C library");
    }
}
