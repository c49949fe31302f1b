//! The taps as a whole: one thread follows processes, the caller's own reads what comes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::{
    process::setpriority_process,
    time::{ClockId, Timespec, clock_gettime},
};

use crate::{
    counts::Counts,
    kernel::{Kernel, Losses, Ring, TapError},
    record::What,
    streams::{Outlet, Streams},
    watch::Watch,
};

/// Records read at a time, before the caller gets a say.
const RECORDS_MAX: usize = 4_096;
/// Processes just begun that the watcher was not told of yet.
const EXECS_MAX: usize = 4_096;
/// How often we look at what the programs say: they wake us only in the midst of long writes. More often would
/// take the processor from those who are tapped, without a use: the ring holds more than they say meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// How TLS is tapped.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Room in the kernel for what was not read yet; a power of two.
    pub ring_bytes: u32,
    /// Learn sockets by system calls, as on kernels before 6.3.
    pub by_syscalls: bool,
}

/// Taps on all TLS libraries of the machine, now and to come. They end when this is dropped.
pub struct Taps {
    ring: Ring,
    losses: Losses,
    streams: Streams,
    is_behind: bool,
    execs: SyncSender<u32>,
    stop: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self { ring_bytes: 64 << 20, by_syscalls: false }
    }
}

// === impl Taps ===

impl Taps {
    /// Loads the programs and attaches them to every library that is found; returns when the first
    /// round is done.
    ///
    /// # Errors
    /// When the kernel refuses the programs: without privileges (`CAP_BPF` and `CAP_PERFMON`), or
    /// because it lacks something.
    pub fn start(settings: Settings) -> Result<Self, TapError> {
        let (mut kernel, ring, losses) = Kernel::load(settings.ring_bytes, settings.by_syscalls)?;
        let (execs, told) = mpsc::sync_channel(EXECS_MAX);
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, wait) = mpsc::channel();
        let watcher = thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let mut watch = Watch::default();
                watch.begin(&mut kernel);
                let next = watch.look(Instant::now(), &mut kernel);
                // Nobody may wait any more.
                let _ = ready.send(());
                // Looking into programs can take long, and is not urgent. For Linux a thread is a process
                // here; if it may not be, it goes on as it is.
                let _ = setpriority_process(None, 10);
                follow(&mut watch, &mut kernel, &told, &stop, next);
            }
        });
        // An error is a watcher that is gone: its panic is told when it is joined.
        let _ = wait.recv();
        let streams = Streams::default();
        Ok(Self { ring, losses, streams, is_behind: false, execs, stop, watcher: Some(watcher) })
    }

    /// Waits up to `wait` for something, and hands it on.
    pub fn read(&mut self, wait: Duration, outlet: &mut dyn Outlet) {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Behind: there is more than was read before.
            if !self.is_behind {
                self.ring.wait(left.min(LOOK));
            }
            self.streams.clock_ns = clock_ns();
            let now_ns = monotonic_ns();
            let Self { ring, streams, execs, .. } = self;
            let count = ring.read(RECORDS_MAX, |record| {
                if record.what == What::Exec {
                    // Who doesn't fit is met in the list of processes, up to two seconds later.
                    let _ = execs.try_send(record.pid);
                }
                streams.record(record, now_ns, outlet);
            });
            streams.tick(now_ns, outlet);
            self.is_behind = count == RECORDS_MAX;
            if count > 0 || left.is_zero() {
                return;
            }
        }
    }

    /// Ends all connections.
    pub fn finish(&mut self, outlet: &mut dyn Outlet) {
        self.streams.finish(monotonic_ns(), outlet);
    }

    /// What was seen, and what is missing.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { kernel: self.losses.read(), ..self.streams.counts }
    }
}

impl Drop for Taps {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes it.
        let _ = self.execs.try_send(0);
        if let Some(watcher) = self.watcher.take() {
            // A panic there was printed there.
            let _ = watcher.join();
        }
    }
}

/// The watcher's life.
fn follow(
    watch: &mut Watch,
    kernel: &mut Kernel,
    execs: &Receiver<u32>,
    stop: &AtomicBool,
    mut next: Duration,
) {
    while !stop.load(Ordering::Relaxed) {
        match execs.recv_timeout(next) {
            Ok(pid) => watch.exec(pid, Instant::now()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for pid in execs.try_iter() {
            watch.exec(pid, Instant::now());
        }
        next = watch.look(Instant::now(), kernel);
    }
}

fn monotonic_ns() -> u64 {
    ns(clock_gettime(ClockId::Monotonic))
}

/// What is added to the kernel's time since the start to have the time since 1970.
fn clock_ns() -> u64 {
    ns(clock_gettime(ClockId::Realtime)).saturating_sub(monotonic_ns())
}

fn ns(time: Timespec) -> u64 {
    let (seconds, rest) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default() * 1_000_000_000 + rest.unwrap_or_default()
}
