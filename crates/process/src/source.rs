//! The thread that listens to the kernel and writes the table.

use std::{
    collections::{HashMap, VecDeque},
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use model::Timestamp;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::{
    Process,
    clock::{self, Clock},
    homes,
    hooks::{Choice, Hook, Hooks, Incarnation, Record, SocketEvent, What},
    proc, snapshot,
    table::{Ask, FOREVER, Role, Table, Tenure},
};

/// What to listen for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Take command lines, too: they may hold secrets.
    pub command_lines: bool,
    /// Which hooks to use.
    pub choice: Choice,
    /// Use no hooks, as on a kernel that has none: look at the socket tables again and again.
    pub tables_only: bool,
}

/// Listens while it lives. Dropping it takes all programs out of the kernel.
#[derive(Debug)]
pub struct Source {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    notes: Vec<String>,
    hooks: Vec<Hook>,
}

/// Answers whose a socket was. Clones share one table.
#[derive(Clone, Debug)]
pub struct Owners(Arc<Shared>);

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Events taken in.
    pub events: u64,
    /// Events of sockets that the kernel had no room for: their calls have no process.
    pub lost_sockets: u64,
    /// Facts of processes that the kernel had no room for.
    pub lost_processes: u64,
    /// Sockets in the table, counted twice where they can be asked for in two ways.
    pub held: u64,
    /// Sockets that had to be forgotten because there were too many.
    pub evicted: u64,
}

#[derive(Debug)]
struct Shared {
    table: Table,
    /// Everything that happened until then is in the table, in nanoseconds since the epoch.
    settled_ns: AtomicU64,
    events: AtomicU64,
    lost_sockets: AtomicU64,
    lost_processes: AtomicU64,
    ends: AtomicBool,
    /// Written to where somebody wants the table to be up to date, or the thread to end.
    bell: OwnedFd,
}

/// Bytes of a command line that are taken.
const ARGUMENTS_BYTES: u32 = 512;
/// Records taken in before anything else is looked at.
const RECORDS_MAX: usize = 4096;
/// Processes remembered: more than the kernel's side believes told (`told` in `ebpf/process.c`).
const PROCESSES_MAX: usize = 1 << 16;
/// How long records gather while more are coming: a thread that wakes for each costs more than they do.
const GATHER: Duration = Duration::from_millis(2);
/// How often clocks, counters and addresses are looked at.
const ROUND: Duration = Duration::from_secs(5);
/// How often the socket tables are looked at where there are no hooks at all,
const TABLES_ROUND: Duration = Duration::from_millis(500);
/// and where connected UDP sockets are told only when they close.
const DATAGRAMS_ROUND: Duration = Duration::from_secs(2);

// === impl Source ===

impl Source {
    /// Begins to listen; when it returns, what was open before is in the table.
    ///
    /// # Errors
    /// When no thread can be had. Whatever else is missing is a note.
    pub fn start(options: Options) -> io::Result<Self> {
        let mut notes = Vec::new();
        let arguments_bytes = if options.command_lines { ARGUMENTS_BYTES } else { 0 };
        let hooks = if options.tables_only {
            None
        } else {
            match Hooks::attach(options.choice, arguments_bytes) {
                Ok(hooks) => Some(hooks),
                Err(error) => {
                    notes.push(format!(
                        "{error}; processes come from the socket tables alone, twice a second: \
                         short connections have none (callscope doctor)"
                    ));
                    None
                }
            }
        };
        let attached = hooks.as_ref().map(|hooks| hooks.attached().to_vec()).unwrap_or_default();
        for absent in hooks.iter().flat_map(Hooks::absent) {
            let (hook, tells) = (absent.hook.name(), absent.hook.tells());
            notes.push(format!("without {hook} it isn't known {tells}: {}", absent.why));
        }
        let shared = Arc::new(Shared::new()?);
        let mut writer = Writer::new(shared.clone(), hooks, options);
        notes.extend(writer.look_at_tables());
        let thread = thread::Builder::new().name("processes".into()).spawn(move || writer.run())?;
        Ok(Self { shared, thread: Some(thread), notes, hooks: attached })
    }

    /// Who answers.
    #[must_use]
    pub fn owners(&self) -> Owners {
        Owners(self.shared.clone())
    }

    /// What is missing here, a line each, for the user.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The hooks in use.
    #[must_use]
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Release);
        self.shared.ring();
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by its own thread.
            let _ = thread.join();
        }
    }
}

// === impl Owners ===

impl Owners {
    /// Whose the socket was, as far as is known by now. Takes no lock.
    #[must_use]
    pub fn find(&self, ask: &Ask) -> Option<Arc<Process>> {
        self.0.table.find(ask)
    }

    /// Waits until all that happened until `at` is in the table, `wait_max` at most; says whether it
    /// is. Costs nothing where it is already, as for all but the first call of a batch.
    #[must_use]
    pub fn settle(&self, at: Timestamp, wait_max: Duration) -> bool {
        /// How long a look takes to be worth another one.
        const NAP: Duration = Duration::from_micros(100);
        if self.is_settled(at) {
            return true;
        }
        let begun = Instant::now();
        self.0.ring();
        while begun.elapsed() < wait_max {
            thread::sleep(NAP);
            if self.is_settled(at) {
                return true;
            }
            if self.0.ends.load(Ordering::Acquire) {
                return false;
            }
            // The bell is heard only after what is at hand: packets may bear a later time than that.
            if clock::now() > at {
                self.0.ring();
            }
        }
        false
    }

    fn is_settled(&self, at: Timestamp) -> bool {
        self.0.settled_ns.load(Ordering::Acquire) >= at.0
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let table = self.0.table.counts();
        Counts {
            events: of(&self.0.events),
            lost_sockets: of(&self.0.lost_sockets),
            lost_processes: of(&self.0.lost_processes),
            held: table.held,
            evicted: table.evicted,
        }
    }
}

// === impl Shared ===

impl Shared {
    fn new() -> io::Result<Self> {
        Ok(Self {
            table: Table::default(),
            settled_ns: AtomicU64::new(0),
            events: AtomicU64::new(0),
            lost_sockets: AtomicU64::new(0),
            lost_processes: AtomicU64::new(0),
            ends: AtomicBool::new(false),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    fn ring(&self) {
        // It is full only if it was rung and not heard yet.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn hear(&self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.bell, &mut count);
    }
}

/// The one who writes the table.
struct Writer {
    shared: Arc<Shared>,
    hooks: Option<Hooks>,
    options: Options,
    clock: Clock,
    processes: HashMap<Incarnation, Arc<Process>>,
    /// The same, the first first.
    order: VecDeque<Incarnation>,
    /// When the next look at addresses is due, and at tables.
    next_round: Instant,
    next_tables: Option<Instant>,
}

// === impl Writer ===

impl Writer {
    fn new(shared: Arc<Shared>, hooks: Option<Hooks>, options: Options) -> Self {
        Self {
            shared,
            hooks,
            options,
            clock: Clock::now(),
            processes: HashMap::new(),
            order: VecDeque::new(),
            next_round: Instant::now() + ROUND,
            next_tables: None,
        }
    }

    fn run(&mut self) {
        while !self.shared.ends.load(Ordering::Acquire) {
            self.wait(true, self.until_due());
            self.shared.hear();
            if self.take_in() > 0 {
                // More will be coming; only the bell is heard meanwhile.
                self.wait(false, GATHER);
                self.shared.hear();
                self.take_in();
            }
            self.look_around();
        }
    }

    /// How long nothing needs to be done.
    fn until_due(&self) -> Duration {
        let next = self.next_tables.map_or(self.next_round, |tables| tables.min(self.next_round));
        next.saturating_duration_since(Instant::now())
    }

    /// Waits for the bell, and for records if `for_records`.
    fn wait(&self, for_records: bool, time: Duration) {
        let mut polled = vec![PollFd::new(&self.shared.bell, PollFlags::IN)];
        if let Some(hooks) = self.hooks.as_ref().filter(|_| for_records) {
            polled.push(PollFd::from_borrowed_fd(hooks.as_fd(), PollFlags::IN));
        }
        let time = Timespec::try_from(time).ok();
        // Interrupted or not: what there is, is looked at.
        let _ = poll(&mut polled, time.as_ref());
    }

    /// Takes in all records there are; says how many.
    fn take_in(&mut self) -> usize {
        let Some(mut hooks) = self.hooks.take() else { return 0 };
        let mut count = 0;
        loop {
            // What the kernel told before this moment is in the ring now.
            let moment = clock::now();
            let taken = hooks.drain(RECORDS_MAX, |record| self.take(record));
            count += taken;
            if taken < RECORDS_MAX {
                self.shared.settled_ns.fetch_max(moment.0, Ordering::AcqRel);
                break;
            }
        }
        self.shared.events.fetch_add(count as u64, Ordering::Relaxed);
        self.hooks = Some(hooks);
        count
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Process(event) => {
                let incarnation = event.process;
                let process = Arc::new(proc::told(*event, self.clock));
                self.remember(incarnation, process);
            }
            Record::Socket(event) => self.take_socket(&event),
        }
    }

    fn take_socket(&self, event: &SocketEvent) {
        let role = match event.what {
            What::Connected => Role::Connected,
            What::Listens => Role::Bound,
            What::Datagrams if event.remote.is_none() => Role::Bound,
            What::Datagrams => Role::Connected,
            // Who opened it, is known where its first owner was told.
            What::Taken | What::Closed => Role::Accepted,
        };
        let Some(owner) = self.owner(event) else { return };
        let at = self.clock.at(event.at_ns);
        let tenure = Tenure {
            local: event.local,
            remote: event.remote,
            transport: event.transport,
            netns: event.netns,
            since: self.since(event),
            until: FOREVER,
            socket: event.socket,
            role,
            owner,
        };
        match event.what {
            What::Closed => self.shared.table.end(&tenure, at),
            _ => self.shared.table.begin(&tenure, at),
        }
    }

    /// Since when the owner had it: a connection from before we came has had it always.
    fn since(&self, event: &SocketEvent) -> Timestamp {
        match (event.what, event.since_ns) {
            (What::Datagrams, _) => self.clock.at(event.at_ns),
            (_, 0) => Timestamp(0),
            (_, since_ns) => self.clock.at(since_ns),
        }
    }

    /// Who it was; by `/proc` if the kernel's word of it was lost.
    fn owner(&self, event: &SocketEvent) -> Option<Arc<Process>> {
        let known = self.processes.get(&event.owner).cloned();
        known.or_else(|| {
            let pid = event.owner.pid;
            proc::process(pid, self.clock, self.options.command_lines).map(Arc::new)
        })
    }

    fn remember(&mut self, incarnation: Incarnation, process: Arc<Process>) {
        if self.processes.insert(incarnation, process).is_none() {
            self.order.push_back(incarnation);
        }
        if self.order.len() > PROCESSES_MAX
            && let Some(first) = self.order.pop_front()
        {
            self.processes.remove(&first);
        }
    }

    /// What has to be done from time to time.
    fn look_around(&mut self) {
        let now = Instant::now();
        if self.next_tables.is_some_and(|next| next <= now) {
            let _ = self.look_at_tables();
        }
        if self.next_round <= now {
            self.clock = Clock::now();
            let pids: Vec<u32> = proc::pids().collect();
            self.shared.table.settle(homes::homes(&homes::namespaces(&pids)));
            self.next_round = Instant::now() + ROUND;
        }
        if let Some(hooks) = &self.hooks {
            let lost = hooks.lost();
            self.shared.lost_sockets.store(lost.sockets, Ordering::Relaxed);
            self.shared.lost_processes.store(lost.processes, Ordering::Relaxed);
        }
    }

    /// Fills the table with what is open now; says what couldn't be seen.
    fn look_at_tables(&mut self) -> Option<String> {
        let moment = clock::now();
        let seen =
            snapshot::fill(&self.shared.table, self.clock, self.options.command_lines, moment);
        if self.hooks.is_none() {
            self.end_unseen(&seen, moment);
            self.shared.settled_ns.fetch_max(moment.0, Ordering::AcqRel);
        }
        self.next_tables = self.tables_round().map(|round| Instant::now() + round);
        let (closed, hidden) = (seen.closed, seen.hidden);
        (closed + hidden > 0).then(|| {
            format!(
                "of sockets opened before the start, those of {hidden} processes and {closed} \
                 network namespaces can't be seen (CAP_SYS_PTRACE, CAP_SYS_ADMIN; callscope doctor)"
            )
        })
    }

    fn tables_round(&self) -> Option<Duration> {
        let Some(hooks) = &self.hooks else { return Some(TABLES_ROUND) };
        (!hooks.attached().contains(&Hook::Sent)).then_some(DATAGRAMS_ROUND)
    }

    /// Without hooks, what is no more in the kernel's tables has ended.
    fn end_unseen(&self, seen: &snapshot::Snapshot, now: Timestamp) {
        let seen: std::collections::HashSet<_> = seen.tenures.iter().map(Tenure::place).collect();
        for tenure in self.shared.table.open() {
            if !seen.contains(&tenure.place()) {
                self.shared.table.end(&tenure, now);
            }
        }
    }
}
