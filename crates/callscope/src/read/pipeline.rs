//! Batches to workers, workers' calls to the output, in one order whatever the number of threads.
//!
//! Every worker sees every batch, and takes the flows of its own shards. Whoever needs the next batch
//! first reads it; whoever is last with a batch writes what all have made of it, while the others go
//! on.

use std::{
    collections::VecDeque,
    io::Write,
    iter,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use capture::{Batch, Intake, keep::Keeper};
use flow::{Lores, ROUNDS_BEHIND, Report, Settings, Share, Whose, Worker};
use model::Source;

use super::{
    desk::{Desk, Watcher, total},
    keys::{Key, Keys},
    merge::{Limit, Merge},
    naming::Witness,
    output::{Renderer, Shape},
    progress::Progress,
    target::{Target, Targeting},
};

/// Batches that the fastest worker may be ahead of the slowest.
const AHEAD_MAX: usize = 16;

/// What one worker learned in a round is known when any other begins that many rounds later.
const _: () = assert!(AHEAD_MAX + 2 <= ROUNDS_BEHIND);

/// Bytes of text that a worker without others writes at once: few enough to stay in the cache.
const TEXT_BYTES_ALONE: usize = 128 << 10;

/// Where packets come from, and what is done with them beside reading.
pub(crate) struct Input {
    /// What hands out packets.
    pub intake: Box<dyn Intake>,
    /// How far it is, for people.
    pub progress: Progress,
    /// Who knows of the ends of calls beside the directory.
    pub witness: Option<Arc<dyn Witness>>,
    /// The number before that of the first packet.
    pub before: u64,
    /// Who keeps packets.
    pub keeper: Option<Keeper>,
    /// After how many calls it is enough.
    pub limit: Option<Limit>,
    /// Whether others see the same connections, and calls say what these are called by all.
    pub is_one_of_many: bool,
    /// Which share of new flows is read.
    pub share: Share,
    /// Whose connections are read.
    pub target: Target,
    /// Who hears what was counted so far.
    pub watcher: Option<Watcher>,
}

/// What came of it.
pub struct Finished {
    /// What all workers counted.
    pub report: Report,
    /// Calls that were shown.
    pub shown: u64,
    /// What was wrong with the inputs, in one line each.
    pub warnings: Vec<String>,
    /// The first thing that failed; what was read before it is in the output.
    pub failure: Option<anyhow::Error>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Reads everything with `threads` workers.
///
/// # Errors
/// When the output can't be written.
pub fn run(
    mut input: Input,
    keys: Keys,
    threads: usize,
    settings: &Settings,
    shape: &Shape,
    out: Box<dyn Write + Send>,
) -> Result<Finished> {
    let begun = Instant::now();
    let merge = Merge::new(threads, shape, out, input.keeper.clone(), input.limit.take());
    let desk = Desk::new(input.watcher.take(), shape.witness.clone(), threads);
    let feed = Feed::new(input, keys, threads, desk);
    let reports = thread::scope(|scope| {
        let work = |index| work(index, threads, settings, shape, &feed, &merge);
        let others: Vec<_> = (1..threads).map(|index| scope.spawn(move || work(index))).collect();
        let mut reports = vec![work(0)];
        reports.extend(others.into_iter().map(|other| match other.join() {
            Ok(report) => report,
            Err(panic) => std::panic::resume_unwind(panic),
        }));
        reports
    });
    let reports = reports.into_iter().collect::<Result<Vec<_>>>()?;
    let shown = reports.iter().map(|(_, shown)| shown).sum();
    merge.finish()?;
    let mut state = feed.into_state();
    let intake = state.intake.iter_mut().flat_map(|(intake, _)| intake.counts());
    let witness = shape.witness.iter().flat_map(|witness| witness.counts());
    let counts = intake.chain(state.keeper.iter().flat_map(Keeper::counts)).chain(witness);
    let report = total(reports.into_iter().map(|(report, _)| report), counts);
    Ok(Finished {
        report,
        shown,
        warnings: state.intake.iter().flat_map(|(intake, _)| intake.warnings()).collect(),
        failure: state.failure,
        elapsed: begun.elapsed(),
    })
}

/// One worker's life.
fn work(
    index: usize,
    threads: usize,
    settings: &Settings,
    shape: &Shape,
    feed: &Feed,
    merge: &Merge,
) -> Result<(Report, u64)> {
    let mut worker = Worker::new(index, threads, settings);
    worker.count_from(feed.before);
    worker.heed(&feed.share);
    worker.share(&feed.lores);
    if let Some(directories) = shape.directories.clone().filter(|_| !feed.target.is_everybody()) {
        worker.aim(Targeting::new(feed.target.clone(), directories));
    }
    let mut renderer = Renderer::new(shape);
    // Whatever happens, the others must not wait for us.
    let leave = Leave(feed);
    let (mut number, mut turn) = (0, feed.desk.turn());
    while let Some(round) = feed.take(number) {
        worker.begin(number);
        renderer.sources(&round.sources);
        for key in round.keys.iter() {
            worker.secrets(&key.lines, key.origin);
        }
        let whose = round.whose.iter().copied().chain(iter::repeat(Whose::EVERYBODYS));
        for (packet, whose) in round.batch.packets().zip(whose) {
            worker.packet_of(whose, &packet, &mut renderer);
            if threads == 1 && renderer.part.text.len() >= TEXT_BYTES_ALONE {
                merge.put(index, number, &mut renderer)?;
            }
        }
        if let Some(now) = round.batch.now() {
            worker.tick(now, &mut renderer);
        }
        drop(round);
        merge.put(index, number, &mut renderer)?;
        feed.desk.tell(index, &mut turn, || worker.report());
        number += 1;
    }
    worker.finish(&mut renderer);
    merge.put(index, number, &mut renderer)?;
    drop(leave);
    Ok((worker.report(), renderer.shown))
}

/// Where workers get batches.
struct Feed {
    state: Mutex<State>,
    changed: Condvar,
    threads: usize,
    progress: Progress,
    /// The number before that of the first packet.
    before: u64,
    share: Share,
    target: Target,
    /// What workers learn of servers.
    lores: Lores,
    desk: Desk,
}

struct State {
    /// Taken out while somebody reads: a pipe may keep him waiting, and others have work to do.
    intake: Option<(Box<dyn Intake>, Keys)>,
    sources: Arc<Vec<Source>>,
    /// Batches read and not yet taken by all, oldest first.
    rounds: VecDeque<Round>,
    /// Number of the oldest of them.
    first: usize,
    /// Batches to read into again.
    spare: Vec<Arc<Batch>>,
    at_end: bool,
    gone: usize,
    failure: Option<anyhow::Error>,
    keeper: Option<Keeper>,
}

/// One reading, done without a lock.
struct Read {
    intake: Box<dyn Intake>,
    keys: Keys,
    new_keys: Vec<Key>,
    batch: Arc<Batch>,
    whose: Vec<Whose>,
    outcome: Result<bool, capture::ReadError>,
}

/// A batch, and the sources that its packets speak of.
#[derive(Clone)]
struct Round {
    batch: Arc<Batch>,
    sources: Arc<Vec<Source>>,
    /// Secrets met since the round before.
    keys: Arc<Vec<Key>>,
    /// Whose its packets are; nothing where one worker takes all.
    whose: Arc<Vec<Whose>>,
    taken: usize,
}

// === impl Input ===

impl Input {
    /// Packets of an intake, and nothing beside.
    pub(crate) fn of(intake: Box<dyn Intake>, progress: Progress) -> Self {
        Self {
            intake,
            progress,
            witness: None,
            before: 0,
            keeper: None,
            limit: None,
            is_one_of_many: false,
            share: Share::default(),
            target: Target::default(),
            watcher: None,
        }
    }
}

// === impl Feed ===

impl Feed {
    fn new(input: Input, keys: Keys, threads: usize, desk: Desk) -> Self {
        let Input { intake, progress, before, keeper, share, target, .. } = input;
        let state = State {
            intake: Some((intake, keys)),
            sources: Arc::default(),
            rounds: VecDeque::new(),
            first: 0,
            spare: Vec::new(),
            at_end: false,
            gone: 0,
            failure: None,
            keeper,
        };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Self {
            state,
            changed,
            threads,
            progress,
            before,
            share,
            target,
            lores: Lores::default(),
            desk,
        }
    }

    /// Batch `number`; `None` when there are no more.
    fn take(&self, number: usize) -> Option<Round> {
        let mut state = lock(&self.state);
        loop {
            if state.gone > 0 {
                return None;
            }
            if number < state.first + state.rounds.len() {
                return Some(self.hand_out(&mut state, number));
            }
            if state.at_end {
                return None;
            }
            let intake = if state.rounds.len() < AHEAD_MAX { state.intake.take() } else { None };
            let Some((intake, keys)) = intake else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let batch = state.free_batch();
            drop(state);
            let mut read = Read::next(intake, keys, batch, self);
            if self.desk.wants_intake() {
                self.desk.intake(read.intake.counts());
            }
            state = lock(&self.state);
            state.book(read);
            self.changed.notify_all();
        }
    }

    fn hand_out(&self, state: &mut State, number: usize) -> Round {
        let at = number - state.first;
        state.rounds[at].taken += 1;
        let round = state.rounds[at].clone();
        while state.rounds.front().is_some_and(|round| round.taken == self.threads) {
            if let Some(done) = state.rounds.pop_front() {
                state.spare.push(done.batch);
                state.first += 1;
            }
            self.changed.notify_all();
        }
        round
    }

    fn into_state(self) -> State {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Read ===

impl Read {
    fn next(
        mut intake: Box<dyn Intake>,
        mut keys: Keys,
        mut batch: Arc<Batch>,
        feed: &Feed,
    ) -> Self {
        // The batch is a new one, or one that nobody else holds.
        let outcome = match Arc::get_mut(&mut batch) {
            Some(batch) => intake.next(batch),
            None => Ok(false),
        };
        feed.progress.set(intake.progress().bytes_done);
        let new_keys = keys.news(intake.secrets());
        let whose = match feed.threads {
            1 => Vec::new(),
            _ => batch.packets().map(|packet| Whose::of(&packet)).collect(),
        };
        Self { intake, keys, new_keys, batch, whose, outcome }
    }
}

// === impl State ===

impl State {
    /// Takes what was read, and the reader back.
    fn book(&mut self, read: Read) {
        let Read { intake, keys, new_keys, batch, whose, outcome } = read;
        match outcome {
            Ok(true) => {
                if self.sources.len() != intake.sources().len() {
                    self.sources = Arc::new(intake.sources().to_vec());
                }
                if let Some(keeper) = &self.keeper {
                    new_keys.iter().for_each(|key| keeper.secrets(&key.lines));
                    keeper.packets(&batch, &self.sources);
                }
                let (sources, keys) = (self.sources.clone(), Arc::new(new_keys));
                let whose = Arc::new(whose);
                self.rounds.push_back(Round { batch, sources, keys, whose, taken: 0 });
            }
            Ok(false) => self.at_end = true,
            Err(error) => {
                // The other inputs are read on; a reader that fails for ever is not.
                self.at_end = self.failure.is_some();
                self.failure.get_or_insert(error.into());
            }
        }
        self.intake = Some((intake, keys));
    }

    /// A batch that nobody reads any more, or a new one.
    fn free_batch(&mut self) -> Arc<Batch> {
        match self.spare.iter().position(|batch| Arc::strong_count(batch) == 1) {
            Some(at) => self.spare.swap_remove(at),
            None => Arc::new(Batch::new()),
        }
    }
}

/// Tells the feed that a worker is gone before its time.
struct Leave<'a>(&'a Feed);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        if !state.at_end {
            state.gone += 1;
            self.0.changed.notify_all();
        }
    }
}

/// A panic elsewhere is that thread's own report; the data behind the lock is whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
