//! Calls in the order of time: chunks of memory, files and their row groups are looked through in the
//! order of the best call that each may have, and no further than needed.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    ops::Range,
    sync::Arc,
};

use model::Timestamp;

use crate::{
    Key, Order, Page, Part, Row, Scan, Searched, Select, Store, StoreError,
    group::{Group, Window},
    part::PIECES,
    segment::Segment,
    state::Snapshot,
    tail::Chunk,
    test::{Test, pieces_at},
};

/// A search that goes on.
struct Search<'s> {
    store: &'s Store,
    scan: &'s Scan,
    test: &'s Test,
    window: Window,
    /// What was found, best first, no more than asked for.
    found: Vec<Row>,
    units: BinaryHeap<Unit>,
    searched: Searched,
    /// Columns of a file that are read of calls found.
    columns: Vec<usize>,
}

/// Something that may hold calls; the greatest has the best one.
struct Unit {
    /// The time of the best call that it may have.
    best_ns: i64,
    order: Order,
    what: What,
}

enum What {
    Chunk(Arc<Chunk>),
    File(Arc<Segment>),
    Group(Arc<Segment>, usize),
}

/// No id is greater.
const LAST_ID: &str = "\u{10FFFF}";

// === impl Store ===

impl Store {
    /// Calls that fulfil a condition, in the order of time. Blocks.
    ///
    /// # Errors
    /// When the query can't be run. Being stopped is no error: the page says so, and where to go on.
    pub fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        self.search(scan, &Test::of(scan.condition.as_ref()))
    }

    /// One call, whole. Of a call that came twice, while it went on and at its end: the end.
    ///
    /// # Errors
    /// When the query can't be run.
    pub fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let moment = |ns: i64| u64::try_from(ns).ok().map(Timestamp);
        let (from, to) = (moment(key.time_ns), moment(key.time_ns.saturating_add(1)));
        let scan = Scan { from, to, limit: 1, ..Scan::default() };
        Ok(self.search(&scan, &Test::id(&key.id))?.rows.pop())
    }

    /// The newest call with this id. Ids are only unique in one capture: better ask by key.
    ///
    /// # Errors
    /// When the query can't be run.
    pub fn find(&self, id: &str) -> Result<Option<Row>, StoreError> {
        let scan = Scan { limit: 1, ..Scan::default() };
        Ok(self.search(&scan, &Test::id(id))?.rows.pop())
    }

    fn search(&self, scan: &Scan, test: &Test) -> Result<Page, StoreError> {
        let snapshot = self.state().snapshot();
        let mut search = Search::new(self, scan, test, snapshot);
        let stopped_at = search.run()?;
        Ok(search.page(stopped_at))
    }
}

// === impl Search ===

impl<'s> Search<'s> {
    fn new(store: &'s Store, scan: &'s Scan, test: &'s Test, snapshot: Snapshot) -> Self {
        let mut columns = test.row_columns();
        columns.extend(pieces_at(kept(scan.select)));
        columns.sort_unstable();
        columns.dedup();
        let window = Window::new(scan);
        let chunks = snapshot.chunks.into_iter().filter_map(|chunk| {
            let times = chunk.rows.iter().map(Row::time_ns);
            let best_ns = match scan.order {
                Order::NewestFirst => times.max(),
                Order::OldestFirst => times.min(),
            };
            Some(Unit { best_ns: best_ns?, order: scan.order, what: What::Chunk(chunk) })
        });
        let files = snapshot.segments.into_iter();
        let files = files.filter(|file| window.may_have(file.from_ns..=file.to_ns));
        let files = files.map(|file| Unit {
            best_ns: scan.order.best(file.from_ns, file.to_ns),
            order: scan.order,
            what: What::File(file),
        });
        let units = chunks.chain(files).collect();
        let (found, searched) = (Vec::new(), Searched { complete: true, ..Searched::default() });
        Self { store, scan, test, window, found, units, searched, columns }
    }

    /// Looks through units until nothing better can come; when it was stopped: the time of the best
    /// call that it may have missed.
    fn run(&mut self) -> Result<Option<i64>, StoreError> {
        while let Some(unit) = self.units.pop() {
            if self.is_enough(unit.best_ns) {
                break;
            }
            if self.scan.stop.is_due() {
                return Ok(Some(unit.best_ns));
            }
            match unit.what {
                What::Chunk(chunk) => self.look_through(&chunk),
                What::File(file) => self.take_apart(&file),
                What::Group(file, group) => self.search_group(&file, group)?,
            }
        }
        Ok(None)
    }

    /// Whether no call that began then, or later in the order, has a place among those found.
    fn is_enough(&self, best_ns: i64) -> bool {
        let last = self.scan.limit.checked_sub(1).and_then(|at| self.found.get(at));
        self.scan.limit == 0
            || last.is_some_and(|last| self.scan.order.is_before(last.time_ns(), best_ns))
    }

    fn look_through(&mut self, chunk: &Chunk) {
        self.searched.calls += chunk.rows.len() as u64;
        let columns = self.store.columns();
        let meant = |row: &&Row| self.window.has(row) && self.test.holds(row, columns);
        let rows: Vec<Row> = chunk.rows.iter().filter(meant).cloned().collect();
        self.keep(rows);
    }

    /// Puts the row groups of a file in its place.
    fn take_apart(&mut self, file: &Arc<Segment>) {
        let opened = match self.store.engine.open(file) {
            Ok(opened) => opened,
            Err(unread) => return self.lose(file, &unread),
        };
        for group in 0..opened.metadata().num_row_groups() {
            let times = Group::times(&opened, group).unwrap_or(file.from_ns..=file.to_ns);
            let may_match = crate::need::may_match(self.test.need(), group, &opened);
            if may_match && self.window.may_have(times.clone()) {
                let best_ns = self.scan.order.best(*times.start(), *times.end());
                let what = What::Group(file.clone(), group);
                self.units.push(Unit { best_ns, order: self.scan.order, what });
            }
        }
    }

    fn search_group(&mut self, file: &Arc<Segment>, number: usize) -> Result<(), StoreError> {
        let group = Group { store: self.store, file, number };
        let places = match group.places(self.test, &self.window)? {
            Ok((places, calls)) => {
                self.searched.calls += calls;
                places
            }
            Err(unread) => {
                self.lose(file, &unread);
                return Ok(());
            }
        };
        let mut found = 0;
        let mut step = self.scan.limit.max(16);
        let mut left: Range<usize> = 0..places.len();
        while !left.is_empty() && found < self.scan.limit && !self.scan.stop.is_due() {
            let part = self.scan.order.take(&mut left, step);
            let rows = match group.rows(&places[part], &self.columns) {
                Ok(rows) => rows,
                Err(unread) => {
                    self.lose(file, &unread);
                    return Ok(());
                }
            };
            let columns = self.store.columns();
            let meant = |row: &Row| self.window.has(row) && self.test.holds(row, columns);
            let rows: Vec<Row> = rows.into_iter().filter(meant).collect();
            found += rows.len();
            step = step.saturating_mul(4);
            self.keep(rows);
        }
        if !left.is_empty() && found < self.scan.limit {
            self.searched.complete = false;
        }
        Ok(())
    }

    /// A file can't be read: the answer is without it, and says so.
    fn lose(&mut self, file: &Segment, unread: &crate::engine::Unread) {
        self.searched.files_unread += 1;
        self.searched.complete = false;
        self.store.forget(file, unread);
    }

    /// Keeps the best of what was found up to now.
    fn keep(&mut self, rows: Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        self.found.extend(rows);
        let order = self.scan.order;
        self.found.sort_by(|a, b| order.compare(a, b));
        // A call that went on, and its end: the end comes first, and is kept.
        self.found.dedup_by(|a, b| a.time_ns() == b.time_ns() && a.raw_id() == b.raw_id());
        self.found.truncate(self.scan.limit);
    }

    fn page(mut self, stopped_at: Option<i64>) -> Page {
        let mut next = None;
        if let Some(best_ns) = stopped_at {
            self.searched.complete = false;
            let order = self.scan.order;
            self.found.retain(|row| order.is_before(row.time_ns(), best_ns));
            // Everything from there on comes behind this key.
            let id = if order == Order::NewestFirst { LAST_ID } else { "" };
            next = Some(Key { time_ns: best_ns, id: id.to_owned() });
        } else if self.found.len() == self.scan.limit {
            next = self.found.last().map(Row::key);
        }
        let select = self.scan.select;
        let rows = self.found.into_iter().map(|row| row.selected(select)).collect();
        Page { rows, next, searched: self.searched }
    }
}

/// The pieces of a line that are kept.
fn kept(select: Select) -> &'static [Part] {
    const WHOLE: [Part; 6] =
        [PIECES[0].0, PIECES[1].0, PIECES[2].0, PIECES[3].0, PIECES[4].0, PIECES[5].0];
    match select {
        Select::Whole => &WHOLE,
        Select::WithoutBodies => &[
            Part::RequestHeaders,
            Part::RequestFields,
            Part::ResponseHeaders,
            Part::ResponseFields,
        ],
        Select::Summary => &[],
    }
}

// === impl Order ===

impl Order {
    /// Whether a call that began at `a` comes before all that began at `b`.
    fn is_before(self, a: i64, b: i64) -> bool {
        match self {
            Self::NewestFirst => a > b,
            Self::OldestFirst => a < b,
        }
    }

    fn best(self, from_ns: i64, to_ns: i64) -> i64 {
        match self {
            Self::NewestFirst => to_ns,
            Self::OldestFirst => from_ns,
        }
    }

    /// By time and id; the end of a call before the call that went on.
    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let key = |row: &Row| (row.time_ns(), row.raw_id().to_owned());
        let by_key = match self {
            Self::NewestFirst => key(b).cmp(&key(a)),
            Self::OldestFirst => key(a).cmp(&key(b)),
        };
        by_key.then_with(|| a.is_open().cmp(&b.is_open()))
    }

    /// Takes the best so many of what is left of a sorted list.
    fn take(self, left: &mut Range<usize>, len: usize) -> Range<usize> {
        let len = len.min(left.len());
        match self {
            Self::NewestFirst => {
                left.end -= len;
                left.end..left.end + len
            }
            Self::OldestFirst => {
                left.start += len;
                left.start - len..left.start
            }
        }
    }
}

// === impl Unit ===

impl Unit {
    fn rank(&self) -> (i64, Reverse<i64>) {
        match self.order {
            Order::NewestFirst => (self.best_ns, Reverse(0)),
            Order::OldestFirst => (0, Reverse(self.best_ns)),
        }
    }
}

impl Ord for Unit {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Unit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Unit {}
