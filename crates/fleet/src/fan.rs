//! The hub as a source of calls: a question goes to all nodes, and their answers become one.

mod packets;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use filter::Condition;
use store::{
    Aggregate, Captured, Facts, Key, Member, Missing, PacketsAsked, PacketsTold, Page, Row, Scan,
    Searched, Source, Stop, StoreError, Sum, Table, Tail, Tails,
};
use tokio::{runtime::Handle, sync::mpsc::Receiver, time::Instant};

use crate::{
    Hub,
    hub::{Asked, Ear, Heard, Live, answers},
    merge::{Merge, is_near},
    wire::{self, ask::What},
    words,
};

/// How often it is looked whether somebody still waits.
const LOOK: Duration = Duration::from_millis(50);
/// How often it is looked whether somebody still listens to a tail.
const LISTEN: Duration = Duration::from_secs(1);
/// Groups that one node may send.
const GROUPS_MAX: usize = 4 << 20;

/// An answer of all nodes, as it comes in.
struct Answers {
    asked: Asked,
    heard: Receiver<Heard>,
    /// Nodes that have not said all.
    open: Vec<String>,
    missing: Vec<Missing>,
    until: Instant,
}

/// What came next.
enum Next {
    Piece(String, Box<wire::Piece>),
    /// All who would answer have.
    Done,
    /// Nobody waits any more.
    Stopped,
}

impl Source for Hub {
    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        let mut merge = Merge::new(scan.order, scan.limit);
        let mut answers = self.ask(&What::Scan(words::scan(scan)));
        loop {
            match answers.next(&scan.stop) {
                Next::Piece(node, piece) => {
                    merge.rows(self.rows(&piece.lines));
                    if let Some(end) = answers.ended(&node, piece.end) {
                        let searched = words::searched(&end);
                        merge.ended(end.next.and_then(words::place_of), searched);
                    }
                }
                Next::Done => break,
                Next::Stopped => {
                    merge.searched.complete = false;
                    break;
                }
            }
        }
        let missing = answers.missing();
        self.count(&missing);
        merge.searched.complete &= missing.is_empty();
        merge.searched.missing = missing;
        Ok(merge.page())
    }

    fn aggregate(&self, question: &Aggregate) -> Result<Table, StoreError> {
        let mut sum = Sum::new(question, self.0.options.query_bytes_max);
        let mut searched = Searched { complete: true, ..Searched::default() };
        let mut answers = self.ask(&What::Aggregate(words::aggregate(question)));
        let mut held: HashMap<String, Vec<wire::Group>> = HashMap::new();
        loop {
            match answers.next(&question.stop) {
                Next::Piece(node, piece) => {
                    let groups = held.entry(node.clone()).or_default();
                    groups.extend(piece.groups);
                    if groups.len() > GROUPS_MAX {
                        return Err(StoreError::TooLarge("too many groups of one node".into()));
                    }
                    // Half of a node's figures are none: they count when all of them are there.
                    if let Some(end) = answers.ended(&node, piece.end) {
                        let groups = held.remove(&node).unwrap_or_default();
                        let groups = groups.into_iter().map(words::group_of).collect();
                        let span_ns = end.first_ns.zip(end.last_ns);
                        let own = words::searched(&end);
                        sum.add(&store::Partial { span_ns, groups, searched: own.clone() })?;
                        searched.add(own);
                    }
                }
                Next::Done => break,
                Next::Stopped => return Err(StoreError::Stopped),
            }
        }
        let missing = answers.missing();
        self.count(&missing);
        searched.complete &= missing.is_empty();
        searched.missing = missing;
        Ok(sum.table(searched))
    }

    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let found = self.all(&What::Get(words::key(key)));
        let at = |row: &(String, Row)| row.1.time_ns() == key.time_ns && row.1.id() == key.id;
        let told = found.iter().position(at);
        Ok(told.map(|at| with_vantages(at, &found)))
    }

    fn find(&self, id: &str) -> Result<Option<Row>, StoreError> {
        let found = self.all(&What::Find(id.to_owned()));
        let newest = found.iter().enumerate().max_by_key(|(_, (_, row))| row.time_ns());
        Ok(newest.map(|(at, _)| with_vantages(at, &found)))
    }

    fn tail(&self, condition: Option<&Arc<Condition>>) -> Tail {
        let tails = Arc::new(Tails::new());
        let tail = tails.listen(0);
        let condition = words::condition(condition);
        let live =
            Live { tails: tails.clone(), condition: condition.clone(), before: Mutex::new(0) };
        let asked = self.0.ask(&What::Tail(condition), Duration::MAX, Ear::Tail(Arc::new(live)));
        tokio::spawn(async move {
            // The question is withdrawn when nobody listens any more.
            let _asked = asked;
            while tails.are_heard() {
                tokio::time::sleep(LISTEN).await;
            }
        });
        tail
    }

    fn facts(&self) -> Facts {
        self.0.facts()
    }

    fn packets(
        &self,
        asked: &PacketsAsked,
        take: &mut dyn FnMut(&str, Captured) -> bool,
    ) -> Option<Result<PacketsTold, StoreError>> {
        Some(self.packets_of(asked, take))
    }

    fn members(&self) -> Vec<Member> {
        self.0.members()
    }
}

// === impl Hub ===

impl Hub {
    fn ask(&self, what: &What) -> Answers {
        let (ear, heard) = answers();
        let time = self.0.options.answer;
        let asked = self.0.ask(what, time, Ear::Answers(ear));
        let (open, missing) = (asked.nodes.clone(), asked.missing.clone());
        Answers { asked, heard, open, missing, until: Instant::now() + time }
    }

    /// What all nodes have of something that is one call.
    fn all(&self, what: &What) -> Vec<(String, Row)> {
        let mut answers = self.ask(what);
        let mut found = Vec::new();
        while let Next::Piece(node, piece) = answers.next(&Stop::default()) {
            found.extend(self.rows(&piece.lines).map(|row| (node.clone(), row)));
            answers.ended(&node, piece.end);
        }
        self.count(&answers.missing());
        found
    }

    fn rows(&self, lines: &[u8]) -> impl Iterator<Item = Row> + use<> {
        let (rows, strange) = rows_of(lines);
        if strange > 0 {
            self.0.state().counts.strange += strange;
        }
        rows.into_iter()
    }

    fn count(&self, missing: &[Missing]) {
        if !missing.is_empty() {
            self.0.state().counts.unanswered += missing.len() as u64;
        }
    }
}

/// Whole calls, and how many lines are none.
fn rows_of(lines: &[u8]) -> (Vec<Row>, u64) {
    let (mut rows, mut strange) = (Vec::new(), 0);
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match str::from_utf8(line).ok().and_then(|line| Row::of_line(line).ok()) {
            Some(row) => rows.push(row),
            None => strange += 1,
        }
    }
    (rows, strange)
}

/// The call, and how others saw it: `"seen_by":[{"node":…,"time":…,"duration_ns":…}]`, whoever tells it
/// first.
fn with_vantages(at: usize, found: &[(String, Row)]) -> Row {
    let (_, row) = &found[at];
    let same = |other: &&(String, Row)| other.1.id() == row.id() && is_near(&other.1, row);
    let mut vantages: Vec<&(String, Row)> = found.iter().filter(same).collect();
    vantages.sort_by_key(|(name, other)| (!std::ptr::eq(other, row), name.clone()));
    vantages.dedup_by(|a, b| a.0 == b.0);
    let told = vantages.iter().map(|(node, row)| {
        serde_json::json!({
            "node": node,
            "time": store::moment(row.time_ns()),
            "duration_ns": row.duration_ns(),
        })
    });
    let told = serde_json::Value::Array(told.collect());
    let line = row.json().strip_suffix('}').map(|line| format!("{line},\"seen_by\":{told}}}"));
    line.and_then(|line| Row::of_line(&line).ok()).unwrap_or_else(|| row.clone())
}

// === impl Answers ===

impl Answers {
    /// Waits for what comes next. On a thread that may wait.
    fn next(&mut self, stop: &Stop) -> Next {
        let handle = Handle::current();
        while !self.open.is_empty() {
            if stop.is_due() {
                return Next::Stopped;
            }
            if Instant::now() >= self.until {
                break;
            }
            let look = self.until.min(Instant::now() + LOOK);
            let heard = self.heard.recv();
            match handle.block_on(async { tokio::time::timeout_at(look, heard).await }) {
                Err(_) => {}
                Ok(None) => break,
                Ok(Some(Heard::Piece(node, piece))) if self.open.contains(&node) => {
                    return Next::Piece(node, piece);
                }
                Ok(Some(Heard::Piece(..))) => {}
                Ok(Some(Heard::Left(node, why))) => self.lose(&node, why),
            }
        }
        Next::Done
    }

    /// Whether a node has said all that it says, and what it was in the end.
    fn ended(&mut self, node: &str, end: Option<wire::End>) -> Option<wire::End> {
        let end = end?;
        self.asked.answered(node);
        if !end.failed.is_empty() {
            let why = words::short(&end.failed);
            self.open.retain(|open| open != node);
            self.missing.push(Missing { name: node.to_owned(), why });
            return None;
        }
        self.open.retain(|open| open != node);
        Some(end)
    }

    fn lose(&mut self, node: &str, why: &str) {
        if self.open.iter().any(|open| open == node) {
            self.open.retain(|open| open != node);
            self.missing.push(Missing { name: node.to_owned(), why: why.to_owned() });
        }
    }

    /// Who did not answer, and why.
    fn missing(&self) -> Vec<Missing> {
        let late = self
            .open
            .iter()
            .map(|name| Missing { name: name.clone(), why: "no answer in time".into() });
        let mut missing: Vec<Missing> = self.missing.iter().cloned().chain(late).collect();
        missing.sort();
        missing
    }
}

// === impl Live ===

impl Live {
    /// Hands calls of a node on; whether somebody listens.
    pub(crate) fn take(&self, piece: &wire::Piece) -> bool {
        let (rows, strange) = rows_of(&piece.lines);
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        *before = before.saturating_add(piece.missed).saturating_add(strange);
        let count = rows.len() as u64;
        if count > 0 {
            self.tails.hand_on(*before, rows);
            *before += count;
        }
        self.tails.are_heard()
    }
}
