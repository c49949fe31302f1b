//! Processes as `/proc` shows them: those that had their sockets before we came.

use std::{fs, path::Path};

use crate::{Process, cgroup, clock::Clock, hooks::ProcessEvent};

/// Hundredths of a second: what `/proc` counts starts in, on every machine (`USER_HZ`).
const TICK_NS: u64 = 10_000_000;
/// Processes that are looked at.
const PROCESSES_MAX: usize = 1 << 20;

/// The numbers of all processes.
pub fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().take(PROCESSES_MAX);
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The inode number of a process's network namespace.
#[must_use]
pub fn netns(pid: u32) -> Option<u32> {
    netns_at(Path::new(&format!("/proc/{pid}/ns/net")))
}

/// The inode number of our own network namespace.
#[must_use]
pub fn own_netns() -> Option<u32> {
    netns_at(Path::new("/proc/thread-self/ns/net"))
}

/// `net:[4026531840]`
fn netns_at(path: &Path) -> Option<u32> {
    let link = fs::read_link(path).ok()?;
    link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// What is known of a process that runs; `None` if it doesn't, or if we may not look.
#[must_use]
pub fn process(pid: u32, clock: Clock, with_arguments: bool) -> Option<Process> {
    let of = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?;
    let stat = of.stat().ok()?;
    let status = of.status().ok();
    let own_pid = status.as_ref().and_then(|status| status.nspid.as_ref()?.last().copied());
    let groups = of.cgroups().map(|groups| groups.0).unwrap_or_default();
    let (cgroup, container) = cgroup::choose(groups.iter().map(|group| group.pathname.as_str()));
    let path = of.exe().ok().map(|path| path.to_string_lossy().into_owned());
    Some(Process {
        pid,
        own_pid: own_pid.and_then(|pid| pid.try_into().ok()).unwrap_or(pid),
        parent: stat.ppid.try_into().unwrap_or_default(),
        name: stat.comm,
        path: path.map(|path| path.trim_end_matches(" (deleted)").to_owned()),
        command_line: if with_arguments { of.cmdline().ok() } else { None },
        uid: status.map(|status| status.ruid).unwrap_or_default(),
        started: Some(clock.at(stat.starttime.saturating_mul(TICK_NS))),
        cgroup: cgroup.map(str::to_owned),
        container,
        netns: netns(pid).unwrap_or_default(),
    })
}

/// The same from what our programs told; it may have ended since.
#[must_use]
pub fn told(event: ProcessEvent, clock: Clock) -> Process {
    let pid = event.process.pid;
    let is_cut = event.path.is_none() || event.v2.is_none();
    // Only where the kernel's side had no room for all of it.
    let seen = if is_cut { process(pid, clock, false) } else { None };
    let seen = seen.filter(|seen| {
        let started = clock.at(event.process.started_ns).0;
        seen.started.is_some_and(|seen| seen.0.abs_diff(started) <= 2 * TICK_NS)
    });
    let (seen_path, seen_cgroup, seen_container) =
        seen.map(|seen| (seen.path, seen.cgroup, seen.container)).unwrap_or_default();
    let paths = [event.v1.as_deref(), event.v2.as_deref(), seen_cgroup.as_deref()];
    let (cgroup, container) = cgroup::choose(paths.into_iter().flatten());
    Process {
        pid,
        own_pid: if event.own_pid == 0 { pid } else { event.own_pid },
        parent: event.parent,
        name: event.name,
        path: event.path.or(seen_path),
        command_line: event.command_line,
        uid: event.uid,
        started: Some(clock.at(event.process.started_ns)),
        cgroup: cgroup.map(str::to_owned),
        container: container.or(seen_container),
        netns: event.netns,
    }
}
