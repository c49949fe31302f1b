//! What is known of a process.

use model::Timestamp;

/// A process as it was when it had a socket; an `exec` makes another one of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Process {
    /// Its number in the machine's own pid namespace.
    pub pid: u32,
    /// Its number in its own pid namespace; the same outside of containers.
    pub own_pid: u32,
    /// The process that started it, or took care of it since; 0 for none.
    pub parent: u32,
    /// The name of its first thread, 15 bytes at most: mostly that of its program.
    pub name: String,
    /// The program's file, as seen in its own mount namespace; absent if it couldn't be read.
    pub path: Option<String>,
    /// Its arguments, where they were asked for: they may hold secrets.
    pub command_line: Option<Vec<String>>,
    /// Its user's number.
    pub uid: u32,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// Its control group, from the root; of several hierarchies, the one that names a container.
    pub cgroup: Option<String>,
    /// The container that its control group names.
    pub container: Option<Container>,
    /// The inode number of its network namespace; 0 if it couldn't be read.
    pub netns: u32,
}

/// What a control group's path says of a container.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Container {
    /// Who runs it, as far as the path tells.
    pub runtime: Runtime,
    /// Its id, as its runtime writes it: 64 hexadecimal digits mostly.
    pub id: String,
    /// The uid of its Kubernetes pod, with dashes; a static pod's has none.
    pub pod: Option<String>,
}

/// Who runs a container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Runtime {
    /// containerd: by itself or under Kubernetes.
    Containerd,
    /// CRI-O.
    Crio,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// LXC and LXD.
    Lxc,
    /// systemd-nspawn and other machines known to systemd.
    Machine,
    /// The path tells of a container, but not whose.
    Unknown,
}

// === impl Runtime ===

impl Runtime {
    /// The word in the output; none where it isn't known.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Containerd => Some("containerd"),
            Self::Crio => Some("cri-o"),
            Self::Docker => Some("docker"),
            Self::Podman => Some("podman"),
            Self::Lxc => Some("lxc"),
            Self::Machine => Some("machine"),
            Self::Unknown => None,
        }
    }
}

// === impl Container ===

impl Container {
    /// Digits that tell containers apart in practice; what `docker ps` and `crictl ps` show.
    const SHORT: usize = 12;

    /// The id as people write it.
    #[must_use]
    pub fn short_id(&self) -> &str {
        let is_hex = self.id.len() == 64 && self.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { self.id.get(..Self::SHORT).unwrap_or(&self.id) } else { &self.id }
    }
}
