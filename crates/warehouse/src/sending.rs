//! Sends the calls of a store to an engine, on a thread of its own: nobody who takes calls waits for it. What
//! can't be sent waits in the store, and is sent later.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use store::{Kept, Outbox, Row, Store, StoreError, kept_columns};

use crate::{
    binary,
    dialect::{DAY_NS, Dialect},
    door::{Door, Refusal},
    place::Place,
    schema::{self, Known, Tables},
    sql,
};

/// Calls of a store on their way to an engine.
pub struct Sending {
    sent: Arc<Sent>,
    is_ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What became of calls that are sent: told in health and metrics.
#[derive(Debug, Default)]
pub struct Sent {
    name: String,
    calls: AtomicU64,
    batches: AtomicU64,
    waiting: AtomicU64,
    lost: AtomicU64,
    failures: AtomicU64,
    fault: Mutex<Option<String>>,
}

/// Calls that are sent together.
const CALLS_MAX: usize = 20_000;
/// Bytes that are sent together, about.
const BYTES_MAX: usize = 16 << 20;
/// Days that calls of one batch began on: each is written to a partition of its own.
const DAYS_MAX: usize = 90;
/// How long calls wait for others, where few come: engines want few and large batches.
const GATHER: Duration = Duration::from_secs(1);
/// How long is waited after the first failure; twice as long after each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// How long is waited at most.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How often days that are over are looked for.
const RETIRE_EVERY: Duration = Duration::from_secs(3600);
/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_millis(50);

/// What the thread has.
struct Sender {
    door: Door,
    outbox: Outbox,
    columns: Vec<Kept>,
    /// Servers whose tables are known to be there.
    known: Vec<Option<Known>>,
    sent: Arc<Sent>,
    is_ending: Arc<AtomicBool>,
    retired: Option<Instant>,
}

// === impl Sending ===

impl Sending {
    /// Begins to send what the store has, and what it takes from now on. An engine that can't be reached is no
    /// error.
    ///
    /// # Errors
    /// When certificates can't be read, the store does not remember what was sent, or there is no thread.
    pub fn begin(store: &Arc<Store>, place: Place) -> Result<Self, Refusal> {
        let client = |error: &dyn std::fmt::Display| Refusal::Client(error.to_string());
        let outbox = store.outbox(&place.mark()).map_err(|error: StoreError| client(&error))?;
        let sent = Arc::new(Sent { name: place.to_string(), ..Sent::default() });
        let is_ending = Arc::new(AtomicBool::new(false));
        let door = Door::new(place)?;
        let mut sender = Sender {
            known: vec![None; door.servers()],
            door,
            outbox,
            columns: kept_columns(),
            sent: sent.clone(),
            is_ending: is_ending.clone(),
            retired: None,
        };
        let thread = Builder::new().name("sink".into()).spawn(move || sender.run());
        let thread = thread.map_err(|error: io::Error| client(&error))?;
        Ok(Self { sent, is_ending, thread })
    }

    /// What became of calls.
    #[must_use]
    pub fn sent(&self) -> Arc<Sent> {
        self.sent.clone()
    }

    /// Sends what waits, and ends: at the latest when nothing was sent for so long. What is then still waiting
    /// stays in the store.
    pub fn end(self, patience: Duration) {
        self.is_ending.store(true, Ordering::Release);
        let (mut before, mut since) = (self.sent.calls(), Instant::now());
        while !self.thread.is_finished() && since.elapsed() < patience {
            std::thread::sleep(LOOK);
            if self.sent.calls() != before {
                (before, since) = (self.sent.calls(), Instant::now());
            }
        }
        if self.thread.is_finished() && self.thread.join().is_err() {
            self.sent.fail("sending ended by a fault of callscope");
        }
    }
}

// === impl Sent ===

impl Sent {
    /// Where calls are sent, without passwords.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls that the engine took.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Batches that these came in.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Calls that wait in the store.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Calls that left the store before the engine took them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Batches that the engine did not take; they were, or are, tried again.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// What is wrong now.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, why: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        // Once for each thing that goes wrong, not once for each try.
        if fault.as_deref() != Some(why) {
            eprintln!("callscope: {}: {why}; calls wait in the store", self.name);
        }
        *fault = Some(why.to_owned());
    }

    fn succeed(&self, calls: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(calls, Ordering::Relaxed);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

// === impl Sender ===

impl Sender {
    fn run(&mut self) {
        let mut pause = PAUSE;
        loop {
            let rows = self.outbox.next(CALLS_MAX, BYTES_MAX);
            self.count();
            if rows.is_empty() {
                if self.is_ending() {
                    return;
                }
                self.wait(GATHER);
                continue;
            }
            let calls = rows.len();
            match self.send(&rows) {
                Ok(()) => {
                    self.outbox.sent();
                    self.sent.succeed(calls as u64);
                    self.count();
                    pause = PAUSE;
                    if calls < CALLS_MAX / 2 {
                        self.wait(GATHER);
                    }
                }
                Err(refusal) => {
                    // Whatever it was: servers are asked anew who they are.
                    self.known.fill(None);
                    self.sent.fail(&refusal.to_string());
                    self.wait_whole(pause);
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }

    fn count(&self) {
        self.sent.waiting.store(self.outbox.waiting(), Ordering::Relaxed);
        self.sent.lost.store(self.outbox.lost(), Ordering::Relaxed);
    }

    /// Waits, unless it is to end.
    fn wait(&self, time: Duration) {
        let since = Instant::now();
        while since.elapsed() < time && !self.is_ending() {
            std::thread::sleep(LOOK);
        }
    }

    /// Waits; shorter if it is to end: who waits for that has little patience.
    fn wait_whole(&self, time: Duration) {
        let since = Instant::now();
        while since.elapsed() < if self.is_ending() { PAUSE } else { time } {
            std::thread::sleep(LOOK);
            self.count();
        }
    }

    /// Has one of the servers take these calls.
    fn send(&mut self, rows: &[Row]) -> Result<(), Refusal> {
        self.prepare()?;
        let mut refusal = Refusal::Stopped;
        for server in self.door.in_turn() {
            let Some(known) = self.known.get(server).copied().flatten() else { continue };
            match self.insert(server, known, rows) {
                Ok(()) => {
                    self.door.answered(server);
                    self.retire(server, known);
                    return Ok(());
                }
                Err(failed) => refusal = failed,
            }
        }
        Err(refusal)
    }

    /// Has tables made on all servers that can be reached; one is enough.
    fn prepare(&mut self) -> Result<(), Refusal> {
        let mut refusal = None;
        for (server, known) in self.known.iter_mut().enumerate() {
            if known.is_some() {
                continue;
            }
            match schema::prepare(&self.door, server) {
                Ok(fresh) => *known = Some(fresh),
                Err(failed) => refusal = Some(failed),
            }
        }
        match refusal {
            Some(refusal) if self.known.iter().all(Option::is_none) => Err(refusal),
            _ => Ok(()),
        }
    }

    fn insert(&self, server: usize, known: Known, rows: &[Row]) -> Result<(), Refusal> {
        let names: Vec<String> = self.columns.iter().map(|kept| sql::name(kept.name)).collect();
        let calls = Tables::of(&self.door.place).calls;
        let sql = format!("INSERT INTO {calls} ({}, `ended`) FORMAT RowBinary", names.join(", "));
        // With a cluster: the answer comes when all servers have theirs.
        let settings = match (&self.door.place.cluster, known.dialect) {
            (None, _) => "",
            (Some(_), _) => "&insert_distributed_sync=1",
        };
        for rows in by_days(rows) {
            let mut data = Vec::new();
            for row in rows {
                binary::write(row, &self.columns, &mut data);
            }
            self.door.give(server, &sql, settings, data.into())?;
        }
        Ok(())
    }

    /// Has days dropped that are over, now and then; if that fails, later.
    fn retire(&mut self, server: usize, known: Known) {
        let is_due = self.retired.is_none_or(|then| then.elapsed() >= RETIRE_EVERY);
        if known.dialect != Dialect::Old || !is_due {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ns = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let servers = if self.door.place.cluster.is_some() {
            0..self.door.servers()
        } else {
            server..server + 1
        };
        for server in servers {
            if let Err(refusal) = schema::retire(&self.door, server, now_ns) {
                self.sent.fail(&refusal.to_string());
            }
        }
        self.retired = Some(Instant::now());
    }
}

/// The calls in the order of time, in pieces that began on few days each.
fn by_days(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(|row| row.time_ns());
    let (mut pieces, mut days, mut last) = (vec![Vec::new()], 0, None);
    for row in sorted {
        let day = row.time_ns() / DAY_NS;
        if last != Some(day) {
            (days, last) = (days + 1, Some(day));
        }
        if days > DAYS_MAX {
            pieces.push(Vec::new());
            days = 1;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(row);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: u32) -> Row {
        let time = format!("2026-{:02}-{:02}T00:00:00.000000000Z", day / 28 % 12 + 1, day % 28 + 1);
        let line = format!(
            r#"{{"id":"{day}","time":"{time}","protocol":"x","src":{{"ip":"a","port":1}},"dst":{{"ip":"b","port":2}}}}"#
        );
        Row::of_line(&line).unwrap()
    }

    #[test]
    fn calls_of_many_days_are_sent_in_pieces() {
        let rows: Vec<Row> = (0..200).rev().map(row).collect();
        let pieces = by_days(&rows);
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [90, 90, 20]);
        assert_eq!(by_days(&[row(1), row(1)]).len(), 1);
    }
}
