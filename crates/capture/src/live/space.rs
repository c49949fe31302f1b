//! Network namespaces: how they are named, found and entered.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::error::{Capability, TapError};

/// Where `ip netns` keeps its names.
const NAMED: &str = "/run/netns";
/// Where the kubelet keeps pods' logs, in folders called `NAMESPACE_NAME_UID`.
const POD_LOGS: &str = "/var/log/pods";
/// Processes looked at to find one of a container.
const PROCESSES_MAX: usize = 1 << 22;
/// Of a container's id, at least so much must be given.
const ID_CHARS_MIN: usize = 8;

/// A network namespace to listen in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Space {
    /// What its packets are said to come from: `host`, `netns web`, `container 3f2a…`.
    pub name: String,
    /// Its file; `None` for the namespace that we are in.
    path: Option<PathBuf>,
}

// === impl Space ===

impl Space {
    /// The namespace that this process is in.
    #[must_use]
    pub fn own() -> Self {
        Self { name: "host".to_owned(), path: None }
    }

    /// By a name that `ip netns` knows, or by a path.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(word: &str) -> Result<Self, TapError> {
        let path =
            if word.contains('/') { PathBuf::from(word) } else { Path::new(NAMED).join(word) };
        if !path.exists() {
            let known = names(Path::new(NAMED));
            return Err(TapError::NoSpace { word: word.to_owned(), known });
        }
        Ok(Self { name: format!("netns {word}"), path: Some(path) })
    }

    /// That of a process.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of_pid(pid: u32) -> Result<Self, TapError> {
        let path = PathBuf::from(format!("/proc/{pid}/ns/net"));
        if !Path::new(&format!("/proc/{pid}")).exists() {
            return Err(TapError::NoProcess(pid));
        }
        Ok(Self { name: format!("pid {pid}"), path: Some(path) })
    }

    /// That of a container, by its id or the beginning of it: its processes' control groups tell
    /// the id, whatever runs it (Docker, containerd, CRI-O, Podman).
    ///
    /// # Errors
    /// When no process is in such a container.
    pub fn of_container(id: &str) -> Result<Self, TapError> {
        let is_id = id.len() >= ID_CHARS_MIN && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let found = is_id.then(|| find_process(Path::new("/proc"), |group| has_id(group, id)));
        let Some(pid) = found.flatten() else {
            return Err(TapError::NoContainer { id: id.to_owned(), is_id });
        };
        let name = format!("container {}", &id[..id.len().min(12)]);
        Ok(Self { name, ..Self::of_pid(pid)? })
    }

    /// That of a pod of this node, by `NAMESPACE/NAME`: the kubelet's folder of logs tells its uid,
    /// and its processes' control groups have that in their names.
    ///
    /// # Errors
    /// When the node has no such pod, or none of its processes is seen.
    pub fn of_pod(word: &str) -> Result<Self, TapError> {
        Self::of_pod_in(word, Path::new(POD_LOGS), Path::new("/proc"))
    }

    fn of_pod_in(word: &str, logs: &Path, processes: &Path) -> Result<Self, TapError> {
        let no_pod = |why: &str| TapError::NoPod { word: word.to_owned(), why: why.to_owned() };
        let Some((namespace, name)) = word.split_once('/') else {
            return Err(no_pod("write it as NAMESPACE/NAME"));
        };
        let begin = format!("{namespace}_{name}_");
        let mut uids = names(logs);
        uids.retain(|folder| folder.starts_with(&begin));
        if uids.is_empty() {
            let why =
                format!("the kubelet keeps no logs of it in {} on this machine", logs.display());
            return Err(no_pod(&why));
        }
        let is_its = |group: &str| {
            // systemd's control groups have underscores in place of the dashes.
            let mut uids = uids.iter().filter_map(|folder| folder.get(begin.len()..));
            uids.any(|uid| group.contains(uid) || group.contains(&uid.replace('-', "_")))
        };
        let Some(pid) = find_process(processes, is_its) else {
            return Err(no_pod(
                "none of its processes is seen from here (hostPID is needed in a pod)",
            ));
        };
        Ok(Self { name: format!("pod {word}"), ..Self::of_pid(pid)? })
    }

    /// What tells namespaces apart: the device and number of the file.
    pub(super) fn identity(&self) -> Result<(u64, u64), TapError> {
        let path = self.path.as_deref().unwrap_or(Path::new("/proc/self/ns/net"));
        let meta = fs::metadata(path).map_err(|e| self.refused(e, Capability::SysPtrace))?;
        Ok((meta.dev(), meta.ino()))
    }

    /// The number by which the kernel tells it apart from others.
    pub(super) fn inode(&self) -> Option<u32> {
        let (_, inode) = self.identity().ok()?;
        u32::try_from(inode).ok()
    }

    /// Does something inside; sockets opened there stay there.
    pub(super) fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, TapError> + Send,
    ) -> Result<T, TapError> {
        let Some(path) = &self.path else { return work() };
        let file = File::open(path).map_err(|error| self.refused(error, Capability::SysPtrace))?;
        // A thread of its own: it never comes back from there.
        let entered = thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(file.as_fd(), kind)
                    .map_err(|error| self.refused(error.into(), Capability::SysAdmin))?;
                work()
            });
            thread.join()
        });
        entered.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn refused(&self, error: io::Error, capability: Capability) -> TapError {
        if error.kind() == ErrorKind::PermissionDenied {
            let what = format!("listening in the namespace of {}", self.name);
            return TapError::Denied { what, capability };
        }
        TapError::Io { what: format!("can't enter the namespace of {}", self.name), source: error }
    }
}

/// Names in a folder, in order; none if it can't be read.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The process with the lowest number whose control groups are so.
fn find_process(processes: &Path, is_it: impl Fn(&str) -> bool) -> Option<u32> {
    let mut pids: Vec<u32> = fs::read_dir(processes)
        .ok()?
        .take(PROCESSES_MAX)
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids.into_iter().find(|pid| {
        let groups = fs::read_to_string(processes.join(pid.to_string()).join("cgroup"));
        groups.is_ok_and(|groups| groups.lines().any(&is_it))
    })
}

/// Whether a path of control groups has a container's id in it: `…/docker-3f2a….scope`,
/// `…/3f2a…`, `…/cri-containerd-3f2a….scope`, `…/libpod-3f2a….scope`.
fn has_id(group: &str, id: &str) -> bool {
    let is_hex = |part: &str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = group.split(|c: char| !c.is_ascii_alphanumeric());
    parts.filter(|part| is_hex(part)).any(|part| part.starts_with(&id.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3f2a9b7c11d04e55a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f80910213";

    #[test]
    fn a_container_is_known_by_the_beginning_of_its_id_in_every_layout() {
        for group in [
            format!("0::/system.slice/docker-{ID}.scope"),
            format!("4:memory:/docker/{ID}"),
            format!("0::/kubepods.slice/kubepods-pod1_2.slice/cri-containerd-{ID}.scope"),
            format!("0::/kubepods/besteffort/pod1-2/{ID}"),
            format!("0::/machine.slice/libpod-{ID}.scope/container"),
            format!("0::/kubepods.slice/crio-{ID}.scope"),
        ] {
            assert!(has_id(&group, "3F2a9b7c11d0"), "{group}");
            assert!(!has_id(&group, "2a9b7c11d0"), "{group}");
        }
        assert!(!has_id("0::/user.slice/user-0.slice", "3f2a9b7c"));
    }

    #[test]
    fn a_word_that_is_no_id_is_not_looked_for() {
        let error = Space::of_container("web").unwrap_err();
        assert!(matches!(error, TapError::NoContainer { is_id: false, .. }), "{error}");
    }

    #[test]
    fn a_pod_is_found_by_the_kubelets_logs_and_its_control_group() {
        let folder = std::env::temp_dir().join(format!("callscope-pods-{}", std::process::id()));
        let (logs, processes) = (folder.join("pods"), folder.join("proc"));
        let own = std::process::id().to_string();
        fs::create_dir_all(logs.join("shop_web-0_0b1c-22")).unwrap();
        fs::create_dir_all(processes.join(&own)).unwrap();
        let group = format!("0::/kubepods.slice/kubepods-pod0b1c_22.slice/crio-{ID}.scope\n");
        fs::write(processes.join(&own).join("cgroup"), group).unwrap();
        let found = Space::of_pod_in("shop/web-0", &logs, &processes);
        let other = Space::of_pod_in("shop/web-1", &logs, &processes);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.unwrap().path, Some(PathBuf::from(format!("/proc/{own}/ns/net"))));
        assert!(other.unwrap_err().to_string().contains("shop/web-1"));
    }

    #[test]
    fn the_own_namespace_is_that_of_the_own_process() {
        let pid = Space::of_pid(std::process::id()).unwrap();
        assert_eq!(pid.identity().unwrap(), Space::own().identity().unwrap());
        assert!(Space::named("no-such-namespace").is_err());
    }
}
