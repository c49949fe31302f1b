//! Calls that are to be sent elsewhere, in the order in which they were taken: they wait in the store,
//! and the store remembers how far they were sent.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Part, Row, Store, StoreError,
    columns::{self, ROW},
    engine::Unread,
    group::Group,
    part::PIECES,
    segment::Segment,
    state::State,
    tail::Chunk,
    test::pieces_at,
};

/// Calls of a store that wait to be sent to one place.
///
/// Each call is handed out at least once as long as the store has it: after a restart, or when calls were
/// sealed meanwhile, some come again. Whoever takes them knows them by their [`Key`](crate::Key).
#[derive(Debug)]
pub struct Outbox {
    store: Arc<Store>,
    /// Its place among the store's outboxes.
    at: usize,
    path: PathBuf,
    /// How far it is when what was handed out is sent.
    next: Option<Mark>,
}

/// A sealed file that waits to be sent as it is.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Its name in the store.
    pub name: String,
    /// When its first call began, in nanoseconds since 1970.
    pub from_ns: i64,
    /// Calls in it.
    pub calls: u64,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// How far calls were sent: all of earlier logs, and so many of this one, in the order of its file or, if it
/// is not sealed, of its log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Mark {
    pub(crate) log: u64,
    pub(crate) calls: u64,
    pub(crate) is_sealed: bool,
}

/// What the store knows of an outbox.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    mark: Mark,
    /// Calls that were removed before they were sent.
    lost: u64,
}

/// Calls of one log, wherever they are.
enum Held {
    Memory(Vec<Arc<Chunk>>),
    File(Arc<Segment>),
}

/// Calls that are read from a file at once.
const STEP: usize = 512;
/// The folder of what was refused.
pub(crate) const REFUSED: &str = "refused";
/// Characters of an outbox's name.
pub(crate) const NAME_MAX: usize = 64;

// === impl Store ===

impl Store {
    /// The calls that wait to be sent to the place of this name: letters, digits and `-`. The name is what
    /// remembers, across restarts, how far calls were sent.
    ///
    /// # Errors
    /// When the store was opened for reading, the name is no name, or what was remembered can't be read.
    pub fn outbox(self: &Arc<Self>, name: &str) -> Result<Outbox, StoreError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if self.is_read_only() {
            return Err(StoreError::ReadOnly);
        }
        if !(1..=NAME_MAX).contains(&name.len()) || !name.bytes().all(is_plain) {
            return Err(StoreError::Name(name.to_owned()));
        }
        let path = self.path().join(Mark::file_name(name));
        let mark = Mark::read(&path).unwrap_or_default();
        let mut state = self.state();
        state.outboxes.push(Waiting { mark, lost: 0 });
        let at = state.outboxes.len() - 1;
        drop(state);
        Ok(Outbox { store: self.clone(), at, path, next: None })
    }
}

// === impl Outbox ===

impl Outbox {
    /// The next calls that wait: at most so many, and about so many bytes. The same ones until they are
    /// [sent](Self::sent). None if nothing waits. Blocks.
    pub fn next(&mut self, calls_max: usize, bytes_max: usize) -> Vec<Row> {
        loop {
            let Some((mark, held)) = self.store.state().behind(self.at) else { return Vec::new() };
            let rows = match held {
                Held::Memory(chunks) => of_memory(&chunks, mark.calls, calls_max, bytes_max),
                Held::File(file) => self.of_file(&file, mark.calls, calls_max, bytes_max),
            };
            let calls = mark.calls.saturating_add(rows.len() as u64);
            self.next = Some(Mark { calls, ..mark });
            if !rows.is_empty() {
                return rows;
            }
            // A file that can't be read was forgotten: what is behind it goes on.
        }
    }

    /// The next sealed file that waits: for who sends files alone, and never calls. The same one until it is
    /// [sent](Self::sent). None where nothing waits, or what waits is not sealed. Blocks.
    pub fn next_file(&mut self) -> Option<Sealed> {
        loop {
            let held = self.store.state().behind(self.at)?;
            let (_, Held::File(file)) = held else { return None };
            let calls = file.calls;
            self.next = Some(Mark { log: file.number, calls, is_sealed: true });
            match fs::read(&file.path) {
                Ok(bytes) => {
                    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
                    let (name, from_ns) = (name.into_owned(), file.from_ns);
                    return Some(Sealed { name, from_ns, calls, bytes });
                }
                // It was forgotten: what is behind it goes on.
                Err(error) => self.store.forget(&file, &Unread::of(&error)),
            }
        }
    }

    /// What was handed out last is sent.
    pub fn sent(&mut self) {
        let Some(mark) = self.next.take() else { return };
        if let Some(waiting) = self.store.state().outboxes.get_mut(self.at) {
            waiting.mark = mark;
        }
        // If it can't be written down, calls are sent again after a restart.
        drop(mark.write(&self.path));
    }

    /// A folder of the store for calls that are refused where they are sent.
    #[must_use]
    pub fn aside(&self) -> PathBuf {
        self.store.path().join(REFUSED)
    }

    /// Calls that wait.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.store.state().waiting(self.at)
    }

    /// Calls that left the store before they were sent, since it was opened.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.store.state().outboxes.get(self.at).map_or(0, |waiting| waiting.lost)
    }

    fn of_file(
        &self,
        file: &Arc<Segment>,
        skip: u64,
        calls_max: usize,
        bytes_max: usize,
    ) -> Vec<Row> {
        let read = self.store.engine.open(file).and_then(|opened| {
            let mut skip = usize::try_from(skip).unwrap_or(usize::MAX);
            let (mut rows, mut bytes) = (Vec::new(), 0_usize);
            for number in 0..opened.metadata().num_row_groups() {
                let group = Group { store: &self.store, file, number };
                let calls = group.calls()?;
                let mut from = skip.min(calls);
                skip -= from;
                while from < calls && rows.len() < calls_max && bytes < bytes_max {
                    let to = calls.min(from + STEP.min(calls_max - rows.len()));
                    let places: Vec<usize> = (from..to).collect();
                    let step = group.rows(&places, &whole())?;
                    bytes += step.iter().map(Row::memory_bytes).sum::<usize>();
                    rows.extend(step);
                    from = to;
                }
            }
            Ok(rows)
        });
        read.unwrap_or_else(|unread| {
            self.store.forget(file, &unread);
            Vec::new()
        })
    }
}

/// All columns that rows are put together from.
fn whole() -> Vec<usize> {
    let parts: Vec<Part> = PIECES.iter().map(|(part, _)| *part).collect();
    let row = ROW.iter().filter_map(|name| columns::place(name));
    let mut places: Vec<usize> = row.chain(pieces_at(&parts)).collect();
    places.sort_unstable();
    places
}

fn of_memory(chunks: &[Arc<Chunk>], skip: u64, calls_max: usize, bytes_max: usize) -> Vec<Row> {
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let (mut rows, mut bytes) = (Vec::new(), 0_usize);
    for row in chunks.iter().flat_map(|chunk| &chunk.rows).skip(skip).take(calls_max) {
        bytes += row.memory_bytes();
        rows.push(row.clone());
        if bytes >= bytes_max {
            break;
        }
    }
    rows
}

// === impl State ===

impl State {
    /// The first log that has calls behind an outbox's mark, with how many of them are sent.
    fn behind(&self, at: usize) -> Option<(Mark, Held)> {
        let mark = self.outboxes.get(at)?.mark;
        let (log, calls, is_sealed) =
            self.held().filter(|held| mark.unsent(*held) > 0).min_by_key(|(log, ..)| *log)?;
        let sent = calls - mark.unsent((log, calls, is_sealed));
        let next = Mark { log, calls: sent, is_sealed };
        if is_sealed {
            let file = self.segments.iter().find(|file| file.number == log)?;
            return Some((next, Held::File(file.clone())));
        }
        let generations = self.frozen.iter().map(AsRef::as_ref).chain([&self.current]);
        let generation = generations.into_iter().find(|generation| generation.number == log)?;
        Some((next, Held::Memory(generation.chunks.clone())))
    }

    /// The number of each log, how many calls it has, and whether they are in a file.
    fn held(&self) -> impl Iterator<Item = (u64, u64, bool)> {
        let files = self.segments.iter().map(|file| (file.number, file.calls, true));
        let generations = self.frozen.iter().map(AsRef::as_ref).chain([&self.current]);
        files.chain(generations.map(|generation| (generation.number, generation.calls, false)))
    }

    fn waiting(&self, at: usize) -> u64 {
        let Some(waiting) = self.outboxes.get(at) else { return 0 };
        self.held().map(|held| waiting.mark.unsent(held)).sum()
    }

    /// Counts the calls of a log, in a file, that are no longer there and were not sent.
    pub(crate) fn give_up(&mut self, log: u64, calls: u64) {
        self.give_up_held((log, calls, true));
    }

    /// The same of calls in memory.
    pub(crate) fn give_up_memory(&mut self, log: u64, calls: u64) {
        self.give_up_held((log, calls, false));
    }

    fn give_up_held(&mut self, held: (u64, u64, bool)) {
        for waiting in &mut self.outboxes {
            waiting.lost += waiting.mark.unsent(held);
        }
    }
}

// === impl Mark ===

impl Mark {
    /// The file that remembers it.
    fn file_name(outbox: &str) -> String {
        format!("{MARK}{outbox}{MARK_END}")
    }

    /// Whether a file of this name is one.
    pub(crate) fn is_named(name: &str) -> bool {
        name.starts_with(MARK) && (name.ends_with(MARK_END) || name.ends_with(PASSING_END))
    }

    /// How many of a log's calls are behind it. Calls that were sealed since have another order, so that
    /// all of them are.
    fn unsent(self, (log, calls, is_sealed): (u64, u64, bool)) -> u64 {
        match log.cmp(&self.log) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => calls,
            std::cmp::Ordering::Equal if is_sealed == self.is_sealed => {
                calls.saturating_sub(self.calls)
            }
            std::cmp::Ordering::Equal => calls,
        }
    }

    pub(crate) fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let (log, calls) = text.trim_end().split_once(' ')?;
        Some(Self { log: log.parse().ok()?, calls: calls.parse().ok()?, is_sealed: true })
    }

    /// Of a log that is not sealed, nothing counts as sent after a restart: of a log that is torn, calls in
    /// the middle may be missing.
    fn write(self, path: &Path) -> std::io::Result<()> {
        let calls = if self.is_sealed { self.calls } else { 0 };
        let passing = path.with_extension("tmp");
        fs::write(&passing, format!("{} {calls}\n", self.log))?;
        fs::rename(&passing, path)
    }
}

const MARK: &str = "sent-";
const MARK_END: &str = ".mark";
const PASSING_END: &str = ".tmp";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use filter::Columns;
    use model::Timestamp;

    use super::*;
    use crate::{Options, row::tests::numbered};

    fn open(folder: &Path, options: Options) -> Arc<Store> {
        let columns = Arc::new(Columns::new(&[]));
        Arc::new(Store::open(folder, columns, options, Timestamp(0)).unwrap())
    }

    /// Everything that waits, sent in small steps.
    fn sent(outbox: &mut Outbox) -> Vec<Row> {
        let mut all = Vec::new();
        loop {
            let rows = outbox.next(7, 1 << 20);
            if rows.is_empty() {
                return all;
            }
            assert!(rows.len() <= 7);
            assert_eq!(outbox.next(7, 1 << 20), rows, "the same until they are sent");
            all.extend(rows);
            outbox.sent();
        }
    }

    #[test]
    fn every_call_is_handed_out_once_and_new_ones_later() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), Options::default());
        let rows: Vec<Row> = (0..50).map(numbered).collect();
        store.append(rows[..30].to_vec(), Timestamp(0)).unwrap();
        let mut outbox = store.outbox("there").unwrap();
        assert_eq!((outbox.waiting(), sent(&mut outbox)), (30, rows[..30].to_vec()));
        store.append(rows[30..].to_vec(), Timestamp(0)).unwrap();
        assert_eq!((outbox.waiting(), sent(&mut outbox)), (20, rows[30..].to_vec()));
        assert_eq!((outbox.waiting(), outbox.lost()), (0, 0));
    }

    #[test]
    fn a_restart_goes_on_where_it_was_and_sealed_calls_come_whole() {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<Row> = (0..40).map(numbered).collect();
        {
            let store = open(folder.path(), Options::default());
            store.append(rows[..20].to_vec(), Timestamp(0)).unwrap();
            store.seal().unwrap();
            store.append(rows[20..].to_vec(), Timestamp(0)).unwrap();
            let mut outbox = store.outbox("there").unwrap();
            assert_eq!(outbox.next(5, usize::MAX), rows[..5]);
            outbox.sent();
        }
        let store = open(folder.path(), Options::default());
        assert_eq!(
            store.facts().counts.iter().find(|c| c.name == "store_files_foreign").unwrap().value,
            0
        );
        let mut outbox = store.outbox("there").unwrap();
        assert_eq!((outbox.waiting(), sent(&mut outbox)), (35, rows[5..].to_vec()));
        // Half of a log, then its file: all of it again, and no call less.
        store.append(rows.clone(), Timestamp(0)).unwrap();
        outbox.next(10, usize::MAX);
        outbox.sent();
        store.seal().unwrap();
        assert_eq!(sent(&mut outbox), rows);
    }

    #[test]
    fn numbers_go_on_behind_what_was_sent_and_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let rows: Vec<Row> = (0..20).map(numbered).collect();
        {
            let options = Options { age_max: Some(Duration::from_secs(1)), ..Options::default() };
            let store = open(folder.path(), options);
            let mut outbox = store.outbox("there").unwrap();
            store.append(rows[..10].to_vec(), Timestamp(0)).unwrap();
            store.seal().unwrap();
            assert_eq!(sent(&mut outbox).len(), 10);
            store.maintain(Timestamp(i64::MAX.unsigned_abs())).unwrap();
            assert_eq!((store.facts().calls, outbox.lost()), (0, 0));
        }
        let store = open(folder.path(), Options::default());
        store.append(rows[10..].to_vec(), Timestamp(0)).unwrap();
        assert_eq!(sent(&mut store.outbox("there").unwrap()), rows[10..]);
    }

    #[test]
    fn what_leaves_the_store_unsent_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { age_max: Some(Duration::from_secs(1)), ..Options::default() };
        let store = open(folder.path(), options);
        let mut outbox = store.outbox("there").unwrap();
        for _ in 0..2 {
            store.append((0..10).map(numbered).collect(), Timestamp(0)).unwrap();
            store.seal().unwrap();
        }
        assert_eq!(outbox.next(4, usize::MAX).len(), 4);
        outbox.sent();
        store.maintain(Timestamp(i64::MAX.unsigned_abs())).unwrap();
        assert_eq!((outbox.waiting(), outbox.lost()), (0, 16));
    }

    #[test]
    fn files_are_handed_out_whole_and_in_turn() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), Options::default());
        let mut outbox = store.outbox("there").unwrap();
        store.append((0..10).map(numbered).collect(), Timestamp(0)).unwrap();
        assert!(outbox.next_file().is_none(), "it is not sealed");
        assert_eq!(outbox.waiting(), 10);
        store.seal().unwrap();
        store.append((10..30).map(numbered).collect(), Timestamp(0)).unwrap();
        store.seal().unwrap();
        let first = outbox.next_file().unwrap();
        assert_eq!(fs::read(folder.path().join(&first.name)).unwrap(), first.bytes);
        assert_eq!(outbox.next_file().unwrap().name, first.name, "the same until it is sent");
        outbox.sent();
        assert_eq!((first.calls, outbox.waiting()), (10, 20));
        // Somebody takes the next one away: it is lost, and counted.
        let second = outbox.next_file().unwrap();
        fs::remove_file(folder.path().join(&second.name)).unwrap();
        assert!(outbox.next_file().is_none());
        assert_eq!((outbox.waiting(), outbox.lost()), (0, 20));
        drop((outbox, store));
        let store = open(folder.path(), Options::default());
        assert!(store.outbox("there").unwrap().next_file().is_none(), "it was sent before");
    }

    #[test]
    fn names_of_outboxes_are_names_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), Options::default());
        for name in ["", "a/b", "..", &"x".repeat(65)] {
            assert!(store.outbox(name).is_err(), "{name}");
        }
    }
}
