//! The kernel's side: programs loaded and attached, the ring they write to, what they lost.

use std::{fmt, mem::MaybeUninit, os::fd::OwnedFd, path::Path, time::Duration};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::{MapData, PerCpuArray, RingBuf},
    programs::{Program, ProgramError, uprobe::UProbeScope},
};

use rustix::event::{Timespec, epoll};

use crate::{counts::Lost, library::Site, record::Record};

#[cfg(target_arch = "x86_64")]
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../ebpf/objects/tls.x86_64.o");
#[cfg(target_arch = "aarch64")]
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../ebpf/objects/tls.aarch64.o");

/// Tracepoints for sockets: since Linux 6.3.
const SOCKETS: [(&str, &str); 2] =
    [("sock_send", "sock_send_length"), ("sock_receive", "sock_recv_length")];
/// Before: the system calls that send and receive. Every system call then takes a longer way.
const SENDS: [&str; 5] = [
    "sys_enter_write",
    "sys_enter_writev",
    "sys_enter_sendto",
    "sys_enter_sendmsg",
    "sys_enter_sendmmsg",
];
const RECEIVES: [&str; 5] = [
    "sys_enter_read",
    "sys_enter_readv",
    "sys_enter_recvfrom",
    "sys_enter_recvmsg",
    "sys_enter_recvmmsg",
];
/// Processes come and go.
const PROCESSES: [(&str, &str); 2] =
    [("process_exec", "sched_process_exec"), ("process_exit", "sched_process_exit")];

/// Why TLS can't be tapped here.
#[derive(Debug)]
pub enum TapError {
    /// The kernel refuses the programs.
    Load(EbpfError),
    /// The kernel refuses one program.
    Program(&'static str, ProgramError),
    /// Nobody can wait for what they say.
    Wait(std::io::Error),
    /// The programs lack something: a mistake of ours.
    Object(&'static str),
}

/// Programs in the kernel. They leave it when this is dropped.
pub(crate) struct Kernel {
    ebpf: Ebpf,
}

/// What the programs write to.
pub(crate) struct Ring {
    records: RingBuf<MapData>,
    wakes: OwnedFd,
}

/// What the programs lost.
pub(crate) struct Losses(PerCpuArray<MapData, u64>);

// === impl Kernel ===

impl Kernel {
    /// Loads the programs; `ring_bytes` is a power of two. With `syscalls` sockets are learned as on
    /// kernels before 6.3.
    pub(crate) fn load(ring_bytes: u32, syscalls: bool) -> Result<(Self, Ring, Losses), TapError> {
        let own = std::process::id();
        let mut ebpf = EbpfLoader::new()
            .map_max_entries("RECORDS", ring_bytes)
            .override_global("own_tgid", &own, true)
            .load(OBJECT)
            .map_err(TapError::Load)?;
        let ring = ebpf.take_map("RECORDS").and_then(|map| RingBuf::try_from(map).ok());
        let lost = ebpf.take_map("LOST").and_then(|map| PerCpuArray::try_from(map).ok());
        let (ring, lost) = ring.zip(lost).ok_or(TapError::Object("its maps are not there"))?;
        let mut kernel = Self { ebpf };
        kernel.follow_sockets(syscalls)?;
        for (program, tracepoint) in PROCESSES {
            kernel.tracepoint(program, tracepoint)?;
        }
        Ok((kernel, Ring::of(ring).map_err(TapError::Wait)?, Losses(lost)))
    }

    /// Attaches to the sites of the file at `path`.
    ///
    /// # Errors
    /// When the kernel refuses one of them; those before it stay.
    pub(crate) fn attach(&mut self, path: &Path, sites: &[Site]) -> Result<(), TapError> {
        for site in sites {
            let name = site.program.0;
            let program = self.ebpf.program_mut(name).ok_or(TapError::Object(name))?;
            let Program::UProbe(probe) = program else { return Err(TapError::Object(name)) };
            if probe.fd().is_err() {
                probe.load().map_err(|error| TapError::Program(name, error))?;
            }
            probe
                .attach(site.offset, path, UProbeScope::AllProcesses)
                .map_err(|error| TapError::Program(name, error))?;
        }
        Ok(())
    }

    fn follow_sockets(&mut self, syscalls: bool) -> Result<(), TapError> {
        if !syscalls && SOCKETS.iter().all(|(program, at)| self.tracepoint(program, at).is_ok()) {
            return Ok(());
        }
        self.syscalls("sys_send", &SENDS)?;
        self.syscalls("sys_receive", &RECEIVES)
    }

    fn tracepoint(&mut self, name: &'static str, tracepoint: &str) -> Result<(), TapError> {
        let program = self.ebpf.program_mut(name).ok_or(TapError::Object(name))?;
        let Program::RawTracePoint(program) = program else { return Err(TapError::Object(name)) };
        let attached = program.load().and_then(|()| program.attach(tracepoint));
        attached.map(drop).map_err(|error| TapError::Program(name, error))
    }

    fn syscalls(&mut self, name: &'static str, calls: &[&str]) -> Result<(), TapError> {
        let program = self.ebpf.program_mut(name).ok_or(TapError::Object(name))?;
        let Program::TracePoint(program) = program else { return Err(TapError::Object(name)) };
        program.load().map_err(|error| TapError::Program(name, error))?;
        for call in calls {
            program.attach("syscalls", call).map_err(|error| TapError::Program(name, error))?;
        }
        Ok(())
    }
}

// === impl Ring ===

impl Ring {
    fn of(records: RingBuf<MapData>) -> std::io::Result<Self> {
        let wakes = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // At the edge: what is there but did not wake us can wait for the next look.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&wakes, &records, epoll::EventData::new_u64(0), flags)?;
        Ok(Self { records, wakes })
    }

    /// Hands on what is there now, at most `most` records; how many there were.
    pub(crate) fn read(&mut self, most: usize, mut take: impl FnMut(&Record<'_>)) -> usize {
        let mut count = 0;
        while count < most {
            let Some(item) = self.records.next() else { break };
            count += 1;
            if let Some(record) = Record::read(&item) {
                take(&record);
            }
        }
        count
    }

    /// Waits until the programs wake us, or `time` (below a second) is over.
    pub(crate) fn wait(&self, time: Duration) {
        let time = Timespec { tv_sec: 0, tv_nsec: i64::from(time.subsec_nanos()) };
        let mut events = [const { MaybeUninit::uninit() }; 1];
        // Interrupted or not: we look.
        let _ = epoll::wait(&self.wakes, &mut events, Some(&time));
    }
}

// === impl Losses ===

impl Losses {
    /// What was lost so far.
    pub(crate) fn read(&self) -> Lost {
        let sum = |index: u32| {
            let Ok(values) = self.0.get(&index, 0) else { return 0 };
            values.iter().sum()
        };
        Lost {
            ring_bytes: sum(0),
            fault_bytes: sum(1),
            opaque_bytes: sum(2),
            large_bytes: sum(3),
            notices: sum(4),
        }
    }
}

// === impl TapError ===

impl fmt::Display for TapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => write!(f, "the kernel refuses the TLS taps: {error}"),
            Self::Program(name, error) => {
                write!(f, "the kernel refuses the TLS tap `{name}`: {error}")
            }
            Self::Wait(error) => write!(f, "can't wait for the TLS taps: {error}"),
            Self::Object(what) => write!(f, "the TLS taps are not what they should be: {what}"),
        }
    }
}

impl std::error::Error for TapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Load(error) => Some(error),
            Self::Program(_, error) => Some(error),
            Self::Wait(error) => Some(error),
            Self::Object(_) => None,
        }
    }
}
