//! What this machine allows, what it costs to be without, and what to do about it.

use std::{fs, path::Path, thread};

use rustix::{
    net::{AddressFamily, SocketType, socket},
    thread::{CapabilitySet, LinkNameSpaceType, capabilities, move_into_link_name_space},
};

use crate::{
    hooks::{Choice, Hook, Hooks},
    mounts,
};

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What: `packets`, `btf`, `hook sock_send_length`.
    pub name: String,
    /// Whether it can be had.
    pub works: bool,
    /// What was seen.
    pub says: String,
    /// What is lost without it, where it can't be had: a noun.
    pub costs: Option<&'static str>,
    /// What to do about that: a command mostly.
    pub remedy: Option<String>,
}

/// Capabilities, what each is for, and its name for `setcap`.
const CAPABILITIES: [(CapabilitySet, &str, &str); 7] = [
    (CapabilitySet::NET_RAW, "cap_net_raw", "packets from interfaces"),
    (CapabilitySet::BPF, "cap_bpf", "programs in the kernel"),
    (
        CapabilitySet::PERFMON,
        "cap_perfmon",
        "tracepoints and uprobes: processes of short connections",
    ),
    (CapabilitySet::NET_ADMIN, "cap_net_admin", "cgroup hooks (datagrams before Linux 6.3)"),
    (
        CapabilitySet::SYS_PTRACE,
        "cap_sys_ptrace",
        "other users' processes: sockets from before the start",
    ),
    (
        CapabilitySet::DAC_READ_SEARCH,
        "cap_dac_read_search",
        "other users' open files: sockets from before the start",
    ),
    (
        CapabilitySet::SYS_ADMIN,
        "cap_sys_admin",
        "entering network namespaces: containers' interfaces",
    ),
];

/// The inode numbers of the first namespaces (`include/linux/proc_ns.h`).
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
const FIRST_CGROUP_NAMESPACE: &str = "cgroup:[4026531835]";

/// Looks at everything. Programs are loaded, attached and taken away again to see whether they can be.
#[must_use]
pub fn examine() -> Vec<Finding> {
    let mut findings = vec![packets(), btf()];
    findings.extend(lockdown());
    findings.extend(hooks());
    findings.extend([uprobes(), groups(), group_namespace(), entering(), processes(), pids()]);
    findings.extend(rights());
    findings
}

/// The command that gives callscope all it can use.
#[must_use]
pub fn grant() -> String {
    let names: Vec<_> = CAPABILITIES.iter().map(|(_, name, _)| *name).collect();
    format!("sudo setcap {}+ep \"$(command -v callscope)\"", names.join(","))
}

// === impl Finding ===

impl Finding {
    fn good(name: impl Into<String>, says: impl Into<String>) -> Self {
        Self { name: name.into(), works: true, says: says.into(), costs: None, remedy: None }
    }

    fn bad(
        name: impl Into<String>,
        says: impl Into<String>,
        costs: &'static str,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            works: false,
            says: says.into(),
            costs: Some(costs),
            remedy: Some(remedy.into()),
        }
    }
}

fn packets() -> Finding {
    match socket(AddressFamily::PACKET, SocketType::RAW, None) {
        Ok(_) => Finding::good("packets", "packet sockets can be opened"),
        Err(error) => Finding::bad(
            "packets",
            format!("packet sockets: {error}"),
            "live traffic; files can still be read",
            grant(),
        ),
    }
}

fn btf() -> Finding {
    const PATH: &str = "/sys/kernel/btf/vmlinux";
    match fs::File::open(PATH) {
        Ok(_) => Finding::good("btf", format!("the kernel describes its types in {PATH}")),
        Err(error) => Finding::bad(
            "btf",
            format!("{PATH}: {error}"),
            "processes of short connections; others come from the socket tables",
            "a kernel built with CONFIG_DEBUG_INFO_BTF=y (all large distributions' since 2021)",
        ),
    }
}

/// Only told where it is in the way.
fn lockdown() -> Option<Finding> {
    let mode = fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    mode.contains("[confidentiality]").then(|| {
        Finding::bad(
            "lockdown",
            "the kernel is locked down for confidentiality",
            "processes by hooks: programs may not read the kernel's memory",
            "boot with lockdown=integrity",
        )
    })
}

/// Every hook by being attached, in both sets.
fn hooks() -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for choice in [Choice::Fewest, Choice::Cgroup] {
        let hooks = match Hooks::attach(choice, 0) {
            Ok(hooks) => hooks,
            Err(error) => {
                return vec![Finding::bad(
                    "hooks",
                    error.to_string(),
                    "processes of short connections; others come from the socket tables",
                    grant(),
                )];
            }
        };
        let attached = hooks.attached().iter().map(|hook| {
            Finding::good(format!("hook {}", hook.name()), format!("tells {}", hook.tells()))
        });
        let absent = hooks.absent().iter().map(|absent| {
            let name = format!("hook {}", absent.hook.name());
            Finding::bad(name, absent.why.clone(), absent.hook.tells(), remedy(absent.hook))
        });
        for finding in attached.chain(absent) {
            if findings.iter().all(|known| known.name != finding.name) {
                findings.push(finding);
            }
        }
    }
    findings
}

fn remedy(hook: Hook) -> String {
    match hook {
        Hook::TcpState | Hook::TcpRead => "Linux 5.8 or later".into(),
        Hook::Sent | Hook::Received => {
            "nothing, if the cgroup hooks work; else Linux 6.3 or later".into()
        }
        _ => format!("{}; Linux 5.9 or later with cgroup v2", grant()),
    }
}

fn uprobes() -> Finding {
    if Path::new("/sys/bus/event_source/devices/uprobe/type").exists() {
        return Finding::good("uprobes", "programs can be probed");
    }
    Finding::bad(
        "uprobes",
        "the kernel has no uprobes",
        "TLS in the clear without keys",
        "a kernel built with CONFIG_UPROBE_EVENTS=y",
    )
}

/// Which hierarchies there are; container ids are read from either.
fn groups() -> Finding {
    let v2 = mounts::cgroup2().map(|path| format!("cgroup v2 at {}", path.display()));
    let v1 = mounts::mounted("cgroup").map(|path| format!("cgroup v1 at {}", path.display()));
    let seen: Vec<_> = [v2, v1].into_iter().flatten().collect();
    if !seen.is_empty() {
        return Finding::good("cgroups", seen.join(", "));
    }
    Finding::bad(
        "cgroups",
        "no cgroup file system is mounted",
        "cgroup hooks, unless we may mount it for ourselves (CAP_SYS_ADMIN)",
        "sudo mount -t cgroup2 none /sys/fs/cgroup",
    )
}

fn group_namespace() -> Finding {
    let own = fs::read_link("/proc/self/ns/cgroup").unwrap_or_default();
    if own.as_os_str() == FIRST_CGROUP_NAMESPACE || own.as_os_str().is_empty() {
        return Finding::good("cgroup namespace", "the machine's own");
    }
    Finding::bad(
        "cgroup namespace",
        "a container's own",
        "cgroup hooks outside of this container; whole paths of groups",
        "docker run --cgroupns=host …",
    )
}

/// By entering our own, which needs the same right as any other.
fn entering() -> Finding {
    let enter = thread::spawn(|| {
        let own = fs::File::open("/proc/thread-self/ns/net")?;
        let fd = std::os::fd::AsFd::as_fd(&own);
        move_into_link_name_space(fd, Some(LinkNameSpaceType::Network))?;
        std::io::Result::Ok(())
    });
    match enter.join() {
        Ok(Ok(())) => Finding::good("network namespaces", "can be entered"),
        Ok(Err(error)) => Finding::bad(
            "network namespaces",
            format!("can't be entered: {error}"),
            "packets from containers' interfaces (--netns, --pod, --container)",
            grant(),
        ),
        Err(_) => Finding::bad(
            "network namespaces",
            "could not be tried",
            "packets from containers' interfaces (--netns, --pod, --container)",
            grant(),
        ),
    }
}

fn processes() -> Finding {
    let hidden = crate::proc::pids().filter(|pid| fs::read_dir(format!("/proc/{pid}/fd")).is_err());
    match hidden.count() {
        0 => Finding::good("processes", "all open files can be seen"),
        hidden => Finding::bad(
            "processes",
            format!("the open files of {hidden} processes can't be seen"),
            "the processes of their sockets from before the start, until they are used",
            grant(),
        ),
    }
}

fn pids() -> Finding {
    let own = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if own.as_os_str() == FIRST_PID_NAMESPACE {
        return Finding::good("pid namespace", "the machine's own");
    }
    Finding::bad(
        "pid namespace",
        "a container's own",
        "sockets from before the start outside of this container",
        "docker run --pid=host …, or hostPID: true in the pod",
    )
}

fn rights() -> Vec<Finding> {
    let held = capabilities(None).map(|sets| sets.effective).unwrap_or(CapabilitySet::empty());
    // What covers the newer, smaller ones.
    let is_admin = held.contains(CapabilitySet::SYS_ADMIN);
    let of = |(right, name, purpose): &(CapabilitySet, &'static str, &'static str)| {
        let covered = is_admin && (CapabilitySet::BPF | CapabilitySet::PERFMON).contains(*right);
        let title = format!("capability {}", name.to_uppercase());
        if held.contains(*right) || covered {
            return Finding::good(title, format!("for {purpose}"));
        }
        Finding::bad(title, "missing", purpose, grant())
    };
    CAPABILITIES.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_does_not_work_says_what_it_costs_and_what_to_do() {
        let findings = examine();
        assert!(findings.len() > 10, "{findings:?}");
        for finding in findings {
            assert_eq!(finding.works, finding.costs.is_none(), "{finding:?}");
            assert_eq!(finding.works, finding.remedy.is_none(), "{finding:?}");
        }
    }

    #[test]
    fn the_command_names_every_capability() {
        let command = grant();
        assert!(CAPABILITIES.iter().all(|(_, name, _)| command.contains(name)), "{command}");
    }
}
