//! Whose sockets the ends of calls were, on this machine.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use capture::IntakeCount;
use model::{Call, ContainerId, Source};
use process::{Ask, Owners, Process};

use crate::read::{Testimony, Witness};

/// How long a call may wait for the kernel's events up to its end.
const WAIT_MAX: Duration = Duration::from_millis(10);
/// After a wait that was in vain, nobody waits for so long: packets have no room to wait for ever.
const REST: Duration = Duration::from_millis(200);
/// Processes whose words are kept.
const KNOWN_MAX: usize = 1 << 12;

/// Knows them by the crate `process`.
#[derive(Debug)]
pub(super) struct Processes {
    owners: Owners,
    /// Whether the kernel tells what happens, so that there is something to wait for.
    is_told: bool,
    /// Names of what is listened to, and the numbers of their network namespaces.
    spaces: Vec<(String, u32)>,
    /// What was said of each process, by its place in memory, which it keeps as long as it is here.
    known: Mutex<HashMap<usize, Known>>,
    /// Until when nobody waits.
    rests: Mutex<Option<Instant>>,
    late: AtomicU64,
}

#[derive(Debug)]
struct Known {
    _process: Arc<Process>,
    said: Arc<Testimony>,
}

// === impl Processes ===

impl Processes {
    /// By what `source` sees, for packets of these network namespaces.
    pub(super) fn new(source: &process::Source, spaces: Vec<(String, u32)>) -> Self {
        Self {
            owners: source.owners(),
            is_told: !source.hooks().is_empty(),
            spaces,
            known: Mutex::default(),
            rests: Mutex::default(),
            late: AtomicU64::new(0),
        }
    }

    /// Waits until the kernel's events up to the call's end are known, if not for too long.
    fn settle(&self, call: &Call<'_>) {
        if !self.is_told || self.owners.settle(call.end(), Duration::ZERO) {
            return;
        }
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let is_resting = rests.is_some_and(|until| Instant::now() < until);
        if !is_resting && self.owners.settle(call.end(), WAIT_MAX) {
            *rests = None;
            return;
        }
        self.late.fetch_add(1, Ordering::Relaxed);
        if !is_resting {
            *rests = Some(Instant::now() + REST);
        }
    }

    /// What is said of a process; made once for each.
    fn testimony(&self, process: &Arc<Process>) -> Arc<Testimony> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let make =
            || Known { _process: process.clone(), said: Arc::new(Testimony::of(&told(process))) };
        known.entry(Arc::as_ptr(process).addr()).or_insert_with(make).said.clone()
    }
}

impl Witness for Processes {
    fn of(&self, call: &Call<'_>, source: Option<&Source>) -> [Option<Arc<Testimony>>; 2] {
        self.settle(call);
        let space = source.and_then(|of| self.spaces.iter().find(|(name, _)| *name == of.name));
        let netns = space.map(|(_, netns)| *netns);
        [(call.client, call.server), (call.server, call.client)].map(|(local, remote)| {
            let ask = Ask { local, remote, transport: call.transport, at: call.end(), netns };
            self.owners.find(&ask).map(|process| self.testimony(&process))
        })
    }

    fn counts(&self) -> Vec<IntakeCount> {
        let counts = self.owners.counts();
        let count = |name, words, value, is_loss| IntakeCount { name, words, value, is_loss };
        let late = self.late.load(Ordering::Relaxed);
        vec![
            count(
                "process_events_lost",
                "sockets whose process the kernel had no room to tell",
                counts.lost_sockets + counts.lost_processes,
                true,
            ),
            count(
                "processes_late",
                "calls told before all was known of their sockets",
                late,
                false,
            ),
        ]
    }
}

/// The process in the words of all.
fn told(process: &Process) -> model::Process<'_> {
    let container = process.container.as_ref().map(|container| ContainerId {
        id: &container.id,
        runtime: container.runtime.name(),
        pod_uid: container.pod.as_deref(),
    });
    model::Process {
        pid: process.pid,
        own_pid: (process.own_pid != process.pid).then_some(process.own_pid),
        name: &process.name,
        path: process.path.as_deref(),
        command_line: process.command_line.as_deref(),
        parent: (process.parent != 0).then_some(process.parent),
        uid: process.uid,
        started: process.started,
        cgroup: process.cgroup.as_deref(),
        container,
    }
}
