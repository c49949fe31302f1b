//! Captures that were read, are read, or wait to be read: what is known of each, and where its
//! packets are.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Who;

/// Imports that are remembered; the oldest finished ones are forgotten first.
const IMPORTS_MAX: usize = 10_000;
/// Imports that wait.
const WAITING_MAX: usize = 64;
/// Bytes of the book of imports.
const BOOK_BYTES_MAX: u64 = 64 << 20;

/// All imports of a store.
#[derive(Debug, Default)]
pub struct Imports {
    list: Mutex<VecDeque<Arc<Import>>>,
    next: AtomicU64,
    /// Where they are written down, so that packets are found after a restart.
    book: Option<PathBuf>,
}

/// One import.
#[derive(Debug)]
pub struct Import {
    /// What its calls' ids begin with.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The captures.
    pub inputs: Vec<PathBuf>,
    /// Whether it is a live capture, which has no end of its own.
    pub live: bool,
    /// Bytes read so far, as they are on disk.
    pub bytes_read: Arc<AtomicU64>,
    /// Bytes in all; 0 where that is not known.
    pub bytes_total: AtomicU64,
    /// Calls found so far.
    pub calls: AtomicU64,
    /// Whether nobody wants it any more.
    pub stop: AtomicBool,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    phase: Phase,
    message: String,
    warnings: Vec<String>,
    counts: Vec<Count>,
    protocols: Vec<(String, u64, [u64; 4])>,
    unread: Vec<Unread>,
    facts: Option<Facts>,
    /// When the facts were told, and how fast they rose until then.
    told: Option<Instant>,
    rates: Option<Rates>,
}

/// Where an import is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Others are read first.
    #[default]
    Waiting,
    /// It is read.
    Reading,
    /// All of it was read.
    Done,
    /// It could not be read to its end.
    Failed,
}

/// A named count of what was noticed or lost.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Count {
    /// Its name in metrics.
    pub name: String,
    /// What it means.
    pub words: String,
    /// How often.
    pub count: u64,
    /// Whether calls may be missing because of it.
    pub loss: bool,
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Facts {
    /// Packets.
    pub packets: u64,
    /// Bytes of them on the wire.
    pub wire_bytes: u64,
    /// Connections, and conversations without one.
    pub flows: u64,
    /// Flows in no known protocol.
    pub unknown_flows: u64,
}

/// How much comes in, of a capture that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Rates {
    /// Packets a second.
    pub packets_per_s: f64,
    /// Bytes of them on the wire a second.
    pub bytes_per_s: f64,
    /// Losses a second, of all kinds: packets, messages, whatever is counted.
    pub losses_per_s: f64,
}

/// What could not be read of the connections of one server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Unread {
    /// Its address and port; none for all those that there was no room for.
    pub server: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its workload, or else what it is called.
    pub workload: Option<String>,
    /// Why: `encrypted`, `unknown-protocol`, `joined-late`, `gap`.
    pub why: &'static str,
    /// Connections, and conversations without one.
    pub flows: u64,
    /// Bytes of their payload.
    pub bytes: u64,
}

/// What came of reading a capture.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// How much was read.
    pub facts: Facts,
    /// What was noticed and lost.
    pub counts: Vec<Count>,
    /// By protocol: its name, flows, and calls matched, unanswered, orphaned, one-way.
    pub protocols: Vec<(String, u64, [u64; 4])>,
    /// What could not be read, those with the most bytes first.
    pub unread: Vec<Unread>,
    /// What was wrong with the files.
    pub warnings: Vec<String>,
    /// Why it was not read to its end.
    pub failure: Option<String>,
}

/// An import as answers tell it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ImportFacts {
    /// What its calls' ids begin with.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub state: Phase,
    /// Whether it is a live capture, which has no end of its own.
    pub live: bool,
    /// Bytes read so far, as they are on disk.
    pub bytes_read: u64,
    /// Bytes in all; absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
    /// Calls found so far.
    pub calls: u64,
    /// What went wrong, or what there is to say; may be empty.
    pub message: String,
    /// What was wrong with the files.
    pub warnings: Vec<String>,
    /// How much was read; of a file, absent until it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// How much comes in; only while a capture goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// What was noticed and lost, counts that are not zero.
    pub counts: Vec<Count>,
}

// === impl Imports ===

impl Imports {
    /// Imports that are forgotten at the end.
    #[must_use]
    pub fn new() -> Self {
        Self { next: AtomicU64::new(1), ..Self::default() }
    }

    /// Imports that are written down in this folder, and those that were.
    ///
    /// # Errors
    /// When the book is there and can't be read.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let book = folder.join("imports.json");
        let mut new = Self { book: Some(book.clone()), ..Self::new() };
        match fs::metadata(&book) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(new),
            Err(error) => return Err(error),
            Ok(meta) if meta.len() > BOOK_BYTES_MAX => {
                return Err(io::Error::other(format!("{} is too long", book.display())));
            }
            Ok(_) => {}
        }
        let entries: Vec<Value> = serde_json::from_slice(&fs::read(&book)?)?;
        let imports: VecDeque<_> =
            entries.iter().filter_map(Import::of_entry).map(Arc::new).collect();
        let last = imports.iter().filter_map(|import| import.id.parse::<u64>().ok()).max();
        new.next = AtomicU64::new(last.map_or(1, |last| last + 1));
        new.list = Mutex::new(imports);
        Ok(new)
    }

    /// A new import, if there is room for one more to wait.
    #[must_use]
    pub fn add(&self, name: &str, inputs: Vec<PathBuf>, live: bool) -> Option<Arc<Import>> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = list.iter().filter(|import| import.phase() == Phase::Waiting).count();
        if waiting >= WAITING_MAX {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let import = Arc::new(Import::new(id, name.to_owned(), inputs, live));
        if list.len() >= IMPORTS_MAX {
            let done = list.iter().position(|import| import.phase() >= Phase::Done);
            list.remove(done.unwrap_or(0));
        }
        list.push_back(import.clone());
        self.write(&list);
        Some(import)
    }

    /// The import of this name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Import>> {
        self.all().into_iter().find(|import| import.id == id)
    }

    /// The import that a call or a stream is of, by its id: `3:12-4` is of import 3.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<Arc<Import>> {
        self.get(id.split_once(':')?.0)
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Import>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// A book that can't be written costs packets after a restart, and nothing else.
    fn write(&self, list: &VecDeque<Arc<Import>>) {
        let Some(book) = &self.book else { return };
        let entries: Vec<Value> = list.iter().map(|import| import.entry()).collect();
        let new = book.with_extension("json.new");
        let written = serde_json::to_vec(&entries)
            .map_err(io::Error::other)
            .and_then(|text| fs::write(&new, text))
            .and_then(|()| fs::rename(&new, book));
        if let Err(error) = written {
            eprintln!("callscope: {}: {error}", book.display());
        }
    }
}

// === impl Import ===

impl Import {
    fn new(id: String, name: String, inputs: Vec<PathBuf>, live: bool) -> Self {
        Self {
            id,
            name,
            inputs,
            live,
            bytes_read: Arc::default(),
            bytes_total: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state().phase
    }

    /// It is being read.
    pub fn begin(&self) {
        self.state().phase = Phase::Reading;
    }

    /// It was read, or could not be.
    pub fn end(&self, mut finished: Finished) {
        let mut state = self.state();
        state.phase = if finished.failure.is_some() { Phase::Failed } else { Phase::Done };
        state.message = finished.failure.take().unwrap_or_default();
        state.warnings = std::mem::take(&mut finished.warnings);
        state.take(finished);
        state.rates = None;
    }

    /// What it found so far of a capture that goes on.
    pub fn so_far(&self, finished: Finished) {
        let mut state = self.state();
        state.rates = state.rates_until(&finished);
        state.told = Some(Instant::now());
        state.take(finished);
    }

    /// What could not be read, those with the most bytes first.
    #[must_use]
    pub fn unread(&self) -> Vec<Unread> {
        self.state().unread.clone()
    }

    /// By protocol: its name, flows, and calls matched, unanswered, orphaned, one-way.
    #[must_use]
    pub fn protocols(&self) -> Vec<(String, u64, [u64; 4])> {
        self.state().protocols.clone()
    }

    /// What somebody may know of it: names and words of captures are not of the namespaces that he is limited
    /// to.
    pub(crate) fn facts_for(&self, who: &Who) -> ImportFacts {
        let facts = self.facts();
        if who.scope().is_none() {
            return facts;
        }
        let name = format!("capture {}", self.id);
        ImportFacts { name, message: String::new(), warnings: Vec::new(), ..facts }
    }

    /// What is known of it.
    #[must_use]
    pub fn facts(&self) -> ImportFacts {
        let state = self.state().clone();
        let total = self.bytes_total.load(Ordering::Relaxed);
        ImportFacts {
            id: self.id.clone(),
            name: self.name.clone(),
            state: state.phase,
            live: self.live,
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_total: (total > 0).then_some(total),
            calls: self.calls.load(Ordering::Relaxed),
            message: state.message,
            warnings: state.warnings,
            facts: state.facts,
            rates: state.rates,
            counts: state.counts.into_iter().filter(|count| count.count > 0).collect(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "inputs": self.inputs, "live": self.live })
    }

    /// An import of an earlier run.
    fn of_entry(entry: &Value) -> Option<Self> {
        let inputs = entry["inputs"].as_array()?.iter().filter_map(Value::as_str);
        let new = Self::new(
            entry["id"].as_str()?.to_owned(),
            entry["name"].as_str()?.to_owned(),
            inputs.map(PathBuf::from).collect(),
            entry["live"] == true,
        );
        new.state().phase = Phase::Done;
        new.state().message = "of an earlier run".into();
        Some(new)
    }
}

// === impl State ===

impl State {
    fn take(&mut self, finished: Finished) {
        self.counts = finished.counts;
        self.protocols = finished.protocols;
        self.unread = finished.unread;
        self.facts = Some(finished.facts);
    }

    /// How fast it went since it was told last.
    #[expect(clippy::cast_precision_loss, reason = "rates for people")]
    fn rates_until(&self, now: &Finished) -> Option<Rates> {
        let (facts, seconds) = (self.facts?, self.told?.elapsed().as_secs_f64().max(1e-3));
        let lost = |counts: &[Count]| -> u64 {
            counts.iter().filter(|count| count.loss).map(|count| count.count).sum()
        };
        let rate = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
        Some(Rates {
            packets_per_s: rate(now.facts.packets, facts.packets),
            bytes_per_s: rate(now.facts.wire_bytes, facts.wire_bytes),
            losses_per_s: rate(lost(&now.counts), lost(&self.counts)),
        })
    }
}

impl PartialOrd for Phase {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        (*self as u8).partial_cmp(&(*other as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_after_a_restart_and_packets_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let imports = Imports::of_folder(folder.path()).unwrap();
        let first = imports.add("a.pcap", vec!["/tmp/a.pcap".into()], false).unwrap();
        assert_eq!(first.id, "1");
        let imports = Imports::of_folder(folder.path()).unwrap();
        assert_eq!(imports.of("1:12-4").unwrap().inputs, [PathBuf::from("/tmp/a.pcap")]);
        assert_eq!(imports.add("b", Vec::new(), false).unwrap().id, "2");
        assert!(imports.of("12-4").is_none() && imports.of("7:1-1").is_none());
    }

    #[test]
    fn only_so_many_wait() {
        let imports = Imports::new();
        let added = (0..WAITING_MAX + 1).filter_map(|_| imports.add("a", Vec::new(), false));
        assert_eq!(added.count(), WAITING_MAX);
        imports.get("1").unwrap().begin();
        assert!(imports.add("a", Vec::new(), false).is_some());
    }
}
