//! What can keep a tap from being opened, each in words that say what to do.

use std::{env, fmt, io};

use super::libpcap::FilterError;

/// Why packets can't be captured.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// We lack a right.
    #[error(
        "{what} needs {capability}; run it as root, or grant it once: {}",
        grant(*.capability)
    )]
    Denied {
        /// What was tried.
        what: String,
        /// What is missing.
        capability: Capability,
    },
    /// The capture filter can't be used.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// There is no such network namespace.
    #[error("no network namespace {word}{}", list(.known))]
    NoSpace {
        /// Its name or path.
        word: String,
        /// Names that there are.
        known: Vec<String>,
    },
    /// There is no such process.
    #[error("no process {0} (expected the number of one that runs, as this callscope sees it)")]
    NoProcess(u32),
    /// No process is in such a container.
    #[error("no container {id}: {}", no_container(*.is_id))]
    NoContainer {
        /// What was asked for.
        id: String,
        /// Whether that can be an id.
        is_id: bool,
    },
    /// The pod is not found.
    #[error(
        "no pod {word}: {why}; take its container's id (crictl ps) with --container, or a process \
         of it with --pid"
    )]
    NoPod {
        /// What was asked for.
        word: String,
        /// Why not.
        why: String,
    },
    /// The system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

/// What a process may be allowed to do (capabilities(7)).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Capability {
    /// Open packet sockets.
    NetRaw,
    /// Enter another network namespace.
    SysAdmin,
    /// Look at the namespaces of other users' processes.
    SysPtrace,
}

// === impl TapError ===

impl TapError {
    /// What came of opening a packet socket.
    pub(super) fn of_socket(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied {
                what: "capturing packets".to_owned(),
                capability: Capability::NetRaw,
            },
            io::ErrorKind::OutOfMemory => Self::Io {
                what: "no memory for the ring of packets (a smaller --ring needs less)".to_owned(),
                source,
            },
            _ => Self::Io { what: "can't capture packets".to_owned(), source },
        }
    }
}

// === impl Capability ===

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetRaw => "CAP_NET_RAW",
            Self::SysAdmin => "CAP_SYS_ADMIN (and CAP_NET_RAW)",
            Self::SysPtrace => "CAP_SYS_PTRACE (with CAP_SYS_ADMIN and CAP_NET_RAW)",
        })
    }
}

/// The command that grants it to this very program.
fn grant(capability: Capability) -> String {
    let all = match capability {
        Capability::NetRaw => "cap_net_raw=ep",
        Capability::SysAdmin => "cap_net_raw,cap_sys_admin=ep",
        Capability::SysPtrace => "cap_net_raw,cap_sys_admin,cap_sys_ptrace=ep",
    };
    let program = env::current_exe();
    let program = program.map_or_else(|_| "callscope".to_owned(), |p| p.display().to_string());
    format!("sudo setcap {all} {program}")
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return " (ip netns has none)".to_owned();
    }
    format!(" (there are: {})", names.join(", "))
}

fn no_container(is_id: bool) -> &'static str {
    if is_id {
        "no process that is seen from here is in such a control group"
    } else {
        "its id is needed, or the first 8 digits of it (docker ps, podman ps, crictl ps)"
    }
}
