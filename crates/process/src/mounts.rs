//! File systems of the kernel: where they are mounted, or one for ourselves, mounted nowhere.

use std::{io, os::fd::OwnedFd, path::PathBuf};

use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Lines of a mount table that are read.
const MOUNTS_MAX: usize = 65_536;

/// Where cgroup v2 is mounted, its root before other groups.
#[must_use]
pub fn cgroup2() -> Option<PathBuf> {
    mounted("cgroup2")
}

/// Where a file system is mounted, if it is.
#[must_use]
pub fn mounted(kind: &str) -> Option<PathBuf> {
    let mounts = procfs::process::Process::myself().ok()?.mountinfo().ok()?;
    let fits = mounts.0.into_iter().take(MOUNTS_MAX).filter(|mount| mount.fs_type == kind);
    fits.min_by_key(|mount| mount.root.len()).map(|mount| mount.mount_point)
}

/// The root of cgroup v2 where nobody mounted it.
///
/// # Errors
/// When the kernel has none, or we may not mount (`CAP_SYS_ADMIN`).
pub fn detached_cgroup2() -> io::Result<OwnedFd> {
    let context = fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&context)?;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
}
