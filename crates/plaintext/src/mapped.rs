//! What code processes have mapped, from `/proc`.

use std::{
    fs::{self, File},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Files of one process that are looked at.
const FILES_MAX: usize = 4_096;

/// A file that a process runs code of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mapped {
    /// Where it is mapped, as the kernel writes it: `7f00-7f01`.
    range: String,
    /// Which file it is.
    pub(crate) file: FileId,
    /// Its path in the process's own mount namespace.
    pub(crate) path: PathBuf,
}

/// Device and inode.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct FileId(String, u64);

// === impl FileId ===

impl FileId {
    /// Of the file at `path`, as `/proc/PID/maps` would write it.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let about = fs::metadata(path).ok()?;
        // The numbers as glibc packs them (sys/sysmacros.h).
        let device = about.dev();
        let major = ((device >> 8) & 0xfff) | ((device >> 32) & 0xffff_f000);
        let minor = (device & 0xff) | ((device >> 12) & 0xffff_ff00);
        Some(Self(format!("{major:02x}:{minor:02x}"), about.ino()))
    }
}

/// All processes.
pub(crate) fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The files that process `pid` has mapped as code, each once.
pub(crate) fn of(pid: u32) -> Vec<Mapped> {
    let Ok(text) = fs::read(format!("/proc/{pid}/maps")) else { return Vec::new() };
    let mut files: Vec<Mapped> = Vec::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let Some(mapped) = parse(line) else { continue };
        if files.len() < FILES_MAX && files.iter().all(|known| known.file != mapped.file) {
            files.push(mapped);
        }
    }
    files
}

/// `7f5d8000-7f5d9000 r-xp 00001000 fe:00 1234   /lib/libssl.so.3`.
fn parse(line: &str) -> Option<Mapped> {
    let mut words = line.splitn(6, ' ').map(str::trim_start);
    let range = words.next()?.to_owned();
    let is_code = words.next()?.as_bytes().get(2) == Some(&b'x');
    let (_offset, device, inode) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
    let path = words.next()?.trim_end_matches(" (deleted)");
    if !is_code || inode == 0 || !path.starts_with('/') {
        return None;
    }
    Some(Mapped { range, file: FileId(device.to_owned(), inode), path: path.into() })
}

impl Mapped {
    /// Opens it, whatever namespace process `pid` is in, and deleted or not; nothing if the process has
    /// ended or runs another program by now.
    pub(crate) fn open(&self, pid: u32) -> Option<Opened> {
        let exact = PathBuf::from(format!("/proc/{pid}/map_files/{}", self.range));
        Opened::at(&exact).or_else(|| {
            // Without the right to follow those links.
            let root = PathBuf::from(format!("/proc/{pid}/root"));
            Opened::at(&root.join(self.path.strip_prefix("/").unwrap_or(&self.path)))
        })
    }
}

/// A file that stays what it is while it is looked into and attached to, though the process ends in between.
pub(crate) struct Opened {
    file: File,
    reach: PathBuf,
}

// === impl Opened ===

impl Opened {
    /// Opens the file at `reach`.
    pub(crate) fn at(reach: &Path) -> Option<Self> {
        // What others put in its place must not make us wait: a pipe without a writer would.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(reach).ok()?;
        let is_file = file.metadata().is_ok_and(|about| about.is_file());
        is_file.then(|| Self { file, reach: reach.to_owned() })
    }

    /// Where it was opened.
    pub(crate) fn reach(&self) -> &Path {
        &self.reach
    }

    /// The same file, to be read by another.
    pub(crate) fn again(&self) -> Option<File> {
        self.file.try_clone().ok()
    }

    /// A path that is this very file as long as `self` is there.
    pub(crate) fn link(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_counts() {
        let mapped =
            parse("7f0-7f1 r-xp 00001000 fe:00 1234                  /lib/a b.so (deleted)")
                .expect("code");
        assert_eq!(mapped.path, Path::new("/lib/a b.so"));
        assert_eq!(mapped.file, FileId("fe:00".into(), 1_234));
        assert_eq!(parse("7f0-7f1 r--p 00001000 fe:00 1234    /lib/a.so"), None);
        assert_eq!(parse("7f0-7f1 r-xp 00000000 00:00 0    [vdso]"), None);
        assert_eq!(parse("7f0-7f1 r-xp 00000000 00:00 0 "), None);
    }

    #[test]
    fn this_test_is_mapped_itself() {
        let own = std::env::current_exe().expect("a path");
        let mapped = of(std::process::id());
        assert!(mapped.iter().any(|mapped| mapped.path == own), "{mapped:?}");
        assert!(processes().contains(&std::process::id()));
    }

    #[test]
    fn what_is_gone_is_not_taken_for_a_file() {
        let gone = Mapped {
            range: "7f0-7f1".into(),
            file: FileId("fe:00".into(), 1),
            path: "/nowhere/libssl.so.3".into(),
        };
        assert!(gone.open(std::process::id()).is_none());
        assert!(Opened::at(Path::new("/proc/self")).is_none(), "a folder");
    }
}
