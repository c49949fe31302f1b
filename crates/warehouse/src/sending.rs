//! Sends the calls of a store elsewhere, on a thread of its own: nobody who takes calls waits for it. What
//! can't be sent waits in the store, and is sent later.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use store::{Kept, Outbox, Row, Store, StoreError, kept_columns};

use crate::{
    aside::Aside,
    binary,
    destination::Destination,
    dialect::{DAY_NS, Dialect},
    door::{Door, Refusal},
    place::Place,
    schema::{self, Known, Tables},
    sent::Sent,
    shipping::Shipper,
    sql,
};

/// Calls of a store on their way to an engine, or to where files are kept.
pub struct Sending {
    sent: Arc<Sent>,
    is_ending: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Calls that are sent together.
const CALLS_MAX: usize = 20_000;
/// Bytes that are sent together, about.
const BYTES_MAX: usize = 16 << 20;
/// Days that calls of one batch began on: each is written to a partition of its own.
const DAYS_MAX: usize = 90;
/// How long calls wait for others, where few come: engines want few and large batches.
pub(crate) const GATHER: Duration = Duration::from_secs(1);
/// How long is waited after the first failure; twice as long after each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// How long is waited at most.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// How often days that are over are looked for.
const RETIRE_EVERY: Duration = Duration::from_secs(3600);
/// How often calls are refused for what they are before that is believed.
const TRIES: u32 = 6;
/// Questions by which those of them are found that are refused by themselves.
const PARTS_MAX: usize = 64;
/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_millis(50);

/// What the thread has.
struct Sender {
    door: Door,
    outbox: Outbox,
    columns: Vec<Kept>,
    /// Servers whose tables are known to be there.
    known: Vec<Option<Known>>,
    pace: Pace,
    retired: Option<Instant>,
    aside: Aside,
    /// How often in turn calls were refused for what they are.
    tries: u32,
}

/// Why calls were not taken.
struct Failed {
    refusal: Refusal,
    /// It is about these calls: others may be taken.
    is_of_calls: bool,
}

/// What a thread that sends shares with who began it, and how it waits.
#[derive(Clone)]
pub(crate) struct Pace {
    pub(crate) sent: Arc<Sent>,
    is_ending: Arc<AtomicBool>,
    /// How long is waited after the next failure.
    pause: Duration,
}

// === impl Sending ===

impl Sending {
    /// Begins to send what the store has, and what it takes from now on. Where nobody can be reached, calls wait:
    /// that is no error.
    ///
    /// # Errors
    /// When certificates can't be read, the store does not remember what was sent, or there is no thread.
    pub fn begin(store: &Arc<Store>, destination: impl Into<Destination>) -> Result<Self, Refusal> {
        let destination = destination.into();
        let client = |error: &dyn std::fmt::Display| Refusal::Client(error.to_string());
        let outbox =
            store.outbox(&destination.mark()).map_err(|error: StoreError| client(&error))?;
        let sent = Arc::new(Sent::new(destination.kind(), destination.to_string()));
        let is_ending = Arc::new(AtomicBool::new(false));
        let pace = Pace { sent: sent.clone(), is_ending: is_ending.clone(), pause: PAUSE };
        let run: Box<dyn FnOnce() + Send> = match destination {
            Destination::Engine(place) => {
                let mut sender = Sender::new(place, outbox, pace)?;
                Box::new(move || sender.run())
            }
            Destination::Files(bucket) => {
                let mut shipper = Shipper::new(store.clone(), &bucket, outbox, pace)?;
                Box::new(move || shipper.run())
            }
        };
        let thread = Builder::new().name("sink".into()).spawn(run);
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

// === impl Sender ===

impl Sender {
    fn new(place: Place, outbox: Outbox, pace: Pace) -> Result<Self, Refusal> {
        let aside = Aside::new(outbox.aside(), place.mark());
        let door = Door::new(place)?;
        Ok(Self {
            known: vec![None; door.servers()],
            door,
            outbox,
            columns: kept_columns(),
            pace,
            retired: None,
            aside,
            tries: 0,
        })
    }

    fn run(&mut self) {
        loop {
            let mut rows = self.outbox.next(CALLS_MAX, BYTES_MAX);
            self.pace.sent.count(&self.outbox);
            if rows.is_empty() {
                if self.pace.is_ending() {
                    return;
                }
                self.pace.wait(GATHER);
                continue;
            }
            rows.retain(|row| !self.aside.knows(row));
            let calls = rows.len();
            match self.send(&rows) {
                Ok(()) => {
                    self.outbox.sent();
                    self.pace.succeed(calls as u64, &self.outbox);
                    if calls < CALLS_MAX / 2 {
                        self.pace.wait(GATHER);
                    }
                }
                Err(failed) => self.failed(&rows, &failed),
            }
        }
    }

    /// Waits, to try again; what is refused again and again for what it is, is put aside.
    fn failed(&mut self, rows: &[Row], failed: &Failed) {
        // Whatever it was: servers are asked anew who they are.
        self.known.fill(None);
        let mut why = failed.refusal.to_string();
        self.tries = if failed.is_of_calls { self.tries + 1 } else { 0 };
        if self.tries >= TRIES {
            self.tries = 0;
            match self.sort_out(rows) {
                Ok((taken, refused)) => {
                    self.outbox.sent();
                    if refused > 0 {
                        self.pace.sent.refuse(refused, &why, self.aside.folder());
                    }
                    self.pace.succeed(taken, &self.outbox);
                    return;
                }
                Err(other) => why = other,
            }
        }
        self.pace.fail(&why, &self.outbox);
    }

    /// Sends those calls that are taken without the others, and puts the others aside; how many of each. They are
    /// looked for by halves, and where there are too many of them, whole halves are refused.
    fn sort_out(&mut self, rows: &[Row]) -> Result<(u64, u64), String> {
        let (mut parts, mut refused, mut taken) = (vec![rows], Vec::new(), 0);
        let mut questions = 0;
        while let Some(part) = parts.pop() {
            questions += 1;
            if questions > PARTS_MAX {
                refused.extend_from_slice(part);
                continue;
            }
            match self.send(part) {
                Ok(()) => taken += part.len() as u64,
                Err(failed) if !failed.is_of_calls => return Err(failed.refusal.to_string()),
                Err(_) if part.len() == 1 => refused.extend_from_slice(part),
                Err(_) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
            }
        }
        let put = self.aside.put(&refused);
        put.map_err(|error| format!("{}: {error}", self.aside.folder().display()))?;
        Ok((taken, refused.len() as u64))
    }

    /// Has one of the servers take these calls.
    fn send(&mut self, rows: &[Row]) -> Result<(), Failed> {
        if rows.is_empty() {
            return Ok(());
        }
        let of_all = |refusal| Failed { refusal, is_of_calls: false };
        self.prepare().map_err(of_all)?;
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
        let is_of_calls = refusal.is_of_data();
        Err(Failed { refusal, is_of_calls })
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
                self.pace.sent.fail(&refusal.to_string());
            }
        }
        self.retired = Some(Instant::now());
    }
}

// === impl Pace ===

impl Pace {
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }

    /// Waits, unless it is to end.
    pub(crate) fn wait(&self, time: Duration) {
        let since = Instant::now();
        while since.elapsed() < time && !self.is_ending() {
            std::thread::sleep(LOOK);
        }
    }

    pub(crate) fn succeed(&mut self, calls: u64, outbox: &Outbox) {
        self.sent.succeed(calls);
        self.sent.count(outbox);
        self.pause = PAUSE;
    }

    /// Says what is wrong, and waits: longer each time, and shorter if it is to end, as who waits for that has
    /// little patience.
    pub(crate) fn fail(&mut self, why: &str, outbox: &Outbox) {
        self.sent.fail(why);
        let since = Instant::now();
        while since.elapsed() < if self.is_ending() { PAUSE } else { self.pause } {
            std::thread::sleep(LOOK);
            self.sent.count(outbox);
        }
        self.pause = (self.pause * 2).min(PAUSE_MAX);
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
