//! Our programs in the kernel: loaded and attached one by one, so that a kernel without one hook
//! loses what that hook tells, and nothing else.
//!
//! Every link is a file descriptor: when the process ends, however it ends, nothing stays attached.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::{MapData, PerCpuArray, RingBuf},
    programs::{CgroupAttachMode, Program},
    util::KernelVersion,
};

use crate::mounts;

mod record;

pub use record::{Incarnation, ProcessEvent, Record, SocketEvent, What};

/// Built from `ebpf/process.c`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../../ebpf/objects/process.o");

/// A place in the kernel where a program of ours runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hook {
    /// Connections open, listen and close.
    TcpState,
    /// A process reads from a connection.
    TcpRead,
    /// A process sends through a socket.
    Sent,
    /// A process receives from a socket.
    Received,
    /// A process sends a datagram to an address, IPv4.
    SendTo4,
    /// The same, IPv6.
    SendTo6,
    /// A process receives a datagram and asks from whom, IPv4.
    ReceiveFrom4,
    /// The same, IPv6.
    ReceiveFrom6,
    /// A process closes a socket.
    Release,
}

/// Hooks to use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Choice {
    /// The fewest that tell all there is on this kernel.
    #[default]
    Fewest,
    /// As on kernels before 6.3: the cgroup hooks for UDP.
    Cgroup,
}

/// A hook that isn't there, and why.
#[derive(Debug)]
pub struct Absent {
    /// Which.
    pub hook: Hook,
    /// What the kernel said.
    pub why: String,
}

/// Programs in the kernel. Dropping it takes them away.
pub struct Hooks {
    /// Holds the programs and their links.
    _ebpf: Ebpf,
    ring: RingBuf<MapData>,
    lost: PerCpuArray<MapData, u64>,
    attached: Vec<Hook>,
    absent: Vec<Absent>,
    /// Kept for as long as the programs are attached to it.
    _cgroup: Option<OwnedFd>,
}

/// Why no program runs at all.
#[derive(Debug, thiserror::Error)]
pub enum HooksError {
    /// The kernel has no description of its own types.
    #[error("the kernel has no BTF (/sys/kernel/btf/vmlinux): {0}")]
    Btf(String),
    /// The kernel refused the maps or the object.
    #[error("the kernel takes no eBPF from us: {0}")]
    Load(String),
    /// None of the hooks is there.
    #[error("no hook of the kernel could be used: {0}")]
    None(String),
}

/// What our programs could not tell, since they were loaded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lost {
    /// Events of sockets.
    pub sockets: u64,
    /// Facts of processes.
    pub processes: u64,
}

// === impl Hook ===

impl Hook {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::TcpState,
        Self::TcpRead,
        Self::Sent,
        Self::Received,
        Self::SendTo4,
        Self::SendTo6,
        Self::ReceiveFrom4,
        Self::ReceiveFrom6,
        Self::Release,
    ];

    /// The program's name in `ebpf/process.c`.
    fn program(self) -> &'static str {
        match self {
            Self::TcpState => "tcp_state",
            Self::TcpRead => "tcp_read",
            Self::Sent => "socket_sent",
            Self::Received => "socket_received",
            Self::SendTo4 => "sends_to_4",
            Self::SendTo6 => "sends_to_6",
            Self::ReceiveFrom4 => "receives_from_4",
            Self::ReceiveFrom6 => "receives_from_6",
            Self::Release => "closes",
        }
    }

    /// The kernel's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TcpState => "inet_sock_set_state",
            Self::TcpRead => "tcp_rcv_space_adjust",
            Self::Sent => "sock_send_length",
            Self::Received => "sock_recv_length",
            Self::SendTo4 => "cgroup/sendmsg4",
            Self::SendTo6 => "cgroup/sendmsg6",
            Self::ReceiveFrom4 => "cgroup/recvmsg4",
            Self::ReceiveFrom6 => "cgroup/recvmsg6",
            Self::Release => "cgroup/sock_release",
        }
    }

    /// Whether it is a tracepoint; else a hook of a control group.
    #[must_use]
    pub fn is_tracepoint(self) -> bool {
        matches!(self, Self::TcpState | Self::TcpRead | Self::Sent | Self::Received)
    }

    /// What is told by it, and lost without it.
    #[must_use]
    pub fn tells(self) -> &'static str {
        match self {
            Self::TcpState => "clients of TCP connections, and when connections open and close",
            Self::TcpRead => "servers of TCP connections, and connections opened before the start",
            Self::Sent => "who sends datagrams, and TCP servers that speak first",
            Self::Received => "who receives datagrams",
            Self::SendTo4 | Self::SendTo6 => "who sends datagrams from unconnected sockets",
            Self::ReceiveFrom4 | Self::ReceiveFrom6 => "who receives datagrams",
            Self::Release => "who had a connected UDP socket, when it closes",
        }
    }
}

// === impl Hooks ===

impl Hooks {
    /// Loads and attaches what this kernel takes. `arguments_bytes` of each command line are told.
    ///
    /// # Errors
    /// When the kernel has no BTF, takes no eBPF from us, or has none of the hooks.
    pub fn attach(choice: Choice, arguments_bytes: u32) -> Result<Self, HooksError> {
        let mut ebpf = load(arguments_bytes)?;
        let mut hooks = Vec::new();
        let mut absent = Vec::new();
        for hook in Hook::ALL.into_iter().filter(|hook| hook.is_tracepoint()) {
            if choice == Choice::Cgroup && matches!(hook, Hook::Sent | Hook::Received) {
                continue;
            }
            match attach_tracepoint(&mut ebpf, hook) {
                Ok(()) => hooks.push(hook),
                Err(why) => absent.push(Absent { hook, why }),
            }
        }
        let mut cgroup = None;
        if !hooks.contains(&Hook::Sent) || !hooks.contains(&Hook::Received) {
            cgroup = attach_cgroup(&mut ebpf, &mut hooks, &mut absent);
        }
        if hooks.is_empty() {
            let whys: Vec<_> = absent.iter().map(|absent| absent.why.as_str()).collect();
            return Err(HooksError::None(whys.first().copied().unwrap_or_default().to_owned()));
        }
        let ring = take_map(&mut ebpf, "events", RingBuf::try_from)?;
        let lost = take_map(&mut ebpf, "lost", PerCpuArray::try_from)?;
        Ok(Self { _ebpf: ebpf, ring, lost, attached: hooks, absent, _cgroup: cgroup })
    }

    /// The hooks in use.
    #[must_use]
    pub fn attached(&self) -> &[Hook] {
        &self.attached
    }

    /// The hooks that this machine doesn't have, as far as they were wanted.
    #[must_use]
    pub fn absent(&self) -> &[Absent] {
        &self.absent
    }

    /// Gives each record that is there to `take`, `records_max` at most; says how many there were.
    pub fn drain(&mut self, records_max: usize, mut take: impl FnMut(Record)) -> usize {
        let mut count = 0;
        while count < records_max {
            let Some(bytes) = self.ring.next() else { break };
            count += 1;
            if let Some(record) = Record::read(&bytes) {
                take(record);
            }
        }
        count
    }

    /// What could not be told.
    #[must_use]
    pub fn lost(&self) -> Lost {
        let sum = |index| {
            let values = self.lost.get(&index, 0);
            values.map(|values| values.iter().sum()).unwrap_or_default()
        };
        Lost { sockets: sum(0), processes: sum(1) }
    }
}

impl AsFd for Hooks {
    /// Readable when there are records.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

fn load(arguments_bytes: u32) -> Result<Ebpf, HooksError> {
    let btf = Btf::from_sys_fs().map_err(|error| HooksError::Btf(causes(&error)))?;
    EbpfLoader::new()
        .btf(Some(&btf))
        .override_global("arguments_bytes", &arguments_bytes, true)
        .load(OBJECT)
        .map_err(|error| HooksError::Load(causes(&error)))
}

fn take_map<T, E: std::error::Error>(
    ebpf: &mut Ebpf,
    name: &'static str,
    of: impl FnOnce(aya::maps::Map) -> Result<T, E>,
) -> Result<T, HooksError> {
    let map = ebpf.take_map(name).ok_or_else(|| HooksError::Load(format!("no map {name}")))?;
    of(map).map_err(|error| HooksError::Load(format!("map {name}: {}", causes(&error))))
}

fn program(ebpf: &mut Ebpf, hook: Hook) -> Result<&mut Program, String> {
    ebpf.program_mut(hook.program()).ok_or_else(|| format!("no program {}", hook.program()))
}

/// Raw tracepoints need no tracefs, and their links are file descriptors.
fn attach_tracepoint(ebpf: &mut Ebpf, hook: Hook) -> Result<(), String> {
    let Program::RawTracePoint(program) = program(ebpf, hook)? else {
        return Err(format!("{} is no tracepoint", hook.program()));
    };
    program.load().map_err(|error| causes(&error))?;
    program.attach(hook.name()).map(drop).map_err(|error| causes(&error))
}

/// Attaches the hooks of the root control group, which all processes are under.
fn attach_cgroup(
    ebpf: &mut Ebpf,
    attached: &mut Vec<Hook>,
    absent: &mut Vec<Absent>,
) -> Option<OwnedFd> {
    let root = cgroup_root();
    for hook in Hook::ALL.into_iter().filter(|hook| !hook.is_tracepoint()) {
        let outcome = match &root {
            Ok(root) => attach_to_cgroup(ebpf, hook, root),
            Err(why) => Err(why.clone()),
        };
        match outcome {
            Ok(()) => attached.push(hook),
            Err(why) => absent.push(Absent { hook, why }),
        }
    }
    root.ok()
}

fn cgroup_root() -> Result<OwnedFd, String> {
    let version = KernelVersion::current().map_err(|error| error.to_string())?;
    // Before, an attachment isn't a file descriptor: it would outlive a killed callscope.
    if version < KernelVersion::new(5, 7, 0) {
        return Err("needs Linux 5.7: before, programs stay attached when we are killed".into());
    }
    match mounts::cgroup2() {
        Some(path) => File::open(&path).map(OwnedFd::from),
        None => mounts::detached_cgroup2(),
    }
    .map_err(|error: io::Error| format!("cgroup v2: {error}"))
}

fn attach_to_cgroup(ebpf: &mut Ebpf, hook: Hook, root: &OwnedFd) -> Result<(), String> {
    // A link stands beside others by itself, and the kernel wants no flags with it: "single" is none.
    const MODE: CgroupAttachMode = CgroupAttachMode::Single;
    match program(ebpf, hook)? {
        Program::CgroupSockAddr(program) => {
            program.load().map_err(|error| causes(&error))?;
            program.attach(root, MODE).map(drop).map_err(|error| causes(&error))
        }
        Program::CgroupSock(program) => {
            program.load().map_err(|error| causes(&error))?;
            program.attach(root, MODE).map(drop).map_err(|error| causes(&error))
        }
        _ => Err(format!("{} is no cgroup hook", hook.program())),
    }
}

/// An error with what is behind it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    // The verifier's log is for us, not for users.
    text.lines().next().unwrap_or_default().to_owned()
}
