//! Whose socket an end of a call was.

use crate::Timestamp;

/// The process that had the socket, as far as it is known; borrowed from who knows it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Process<'p> {
    /// Its number in the machine's own pid namespace.
    pub pid: u32,
    /// Its number in its own pid namespace, where that is another one.
    pub own_pid: Option<u32>,
    /// Its name: mostly that of its program.
    pub name: &'p str,
    /// Its program's file, as seen from inside of its container.
    pub path: Option<&'p str>,
    /// Its arguments; only where they were asked for, as they may hold secrets.
    pub command_line: Option<&'p [String]>,
    /// The process that started it.
    pub parent: Option<u32>,
    /// Its user's number.
    pub uid: u32,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// Its control group's path.
    pub cgroup: Option<&'p str>,
    /// The container that its control group names.
    pub container: Option<ContainerId<'p>>,
}

/// A container as its runtime knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContainerId<'p> {
    /// Its id, as its runtime writes it.
    pub id: &'p str,
    /// `containerd`, `cri-o`, `docker`, `podman`, …; absent where the control group doesn't tell.
    pub runtime: Option<&'p str>,
    /// The uid of its Kubernetes pod.
    pub pod_uid: Option<&'p str>,
}
