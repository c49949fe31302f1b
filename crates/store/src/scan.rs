//! Calls in an order: chunks of memory, files and their row groups are looked through in the order of the
//! best call that each may have, and no further than needed.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    ops::Range,
    sync::Arc,
};

use filter::Columns;

use crate::{
    Key, Order, Page, Part, Row, Scan, Searched, Select, Store, StoreError,
    group::{Group, Window},
    order::Place,
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
    /// What the best call that it may have is sorted by.
    best: i64,
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
    /// Calls that fulfil a condition, in an order. Blocks. A call that came twice, while it
    /// went on and at its end, is found if its end is. A page may have fewer calls than its limit; only
    /// [`next`](Page::next) says whether there may be more.
    ///
    /// # Errors
    /// When the query can't be run. Being stopped is no error: the page says so, and where to go on.
    pub fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        let mut page = self.search(scan, &Test::of(scan.condition.as_ref()))?;
        for row in std::mem::take(&mut page.rows) {
            if !row.is_open() || !self.has_ended(&row)? {
                page.rows.push(row);
            }
        }
        Ok(page)
    }

    /// Whether the end of a call that went on is there, too.
    fn has_ended(&self, row: &Row) -> Result<bool, StoreError> {
        Ok(self.get(&row.key())?.is_some_and(|row| !row.is_open()))
    }

    /// One call, whole. Of a call that came twice, while it went on and at its end: the end.
    ///
    /// # Errors
    /// When the query can't be run.
    pub fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let (from, to) = (Place::moment(key.time_ns), Place::moment(key.time_ns.saturating_add(1)));
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
        let mut search = Search::new(self, scan, test, Window::new(scan), snapshot);
        let stopped_at = search.run();
        Ok(search.page(stopped_at))
    }
}

// === impl Search ===

impl<'s> Search<'s> {
    fn new(
        store: &'s Store,
        scan: &'s Scan,
        test: &'s Test,
        window: Window,
        snapshot: Snapshot,
    ) -> Self {
        let mut columns = test.row_columns();
        columns.extend(pieces_at(kept(scan.select)));
        columns.sort_unstable();
        columns.dedup();
        let order = scan.order;
        let chunks = snapshot.chunks.into_iter().filter_map(|chunk| {
            let values = || chunk.rows.iter().filter_map(|row| order.value(row));
            let best = order.best(values().min()?, values().max()?);
            Some(Unit { best, order, what: What::Chunk(chunk) })
        });
        let files = snapshot.segments.into_iter();
        let files = files.filter(|file| window.may_have(file.from_ns..=file.to_ns));
        let files = files.map(|file| {
            let best = match order.amount() {
                None => order.best(file.from_ns, file.to_ns),
                Some(_) => order.top(),
            };
            Unit { best, order, what: What::File(file) }
        });
        let units = chunks.chain(files).collect();
        let (found, searched) = (Vec::new(), Searched { complete: true, ..Searched::default() });
        Self { store, scan, test, window, found, units, searched, columns }
    }

    /// Looks through units until nothing better can come; when it was stopped: what the best call that it
    /// may have missed is sorted by.
    fn run(&mut self) -> Option<i64> {
        while let Some(unit) = self.units.pop() {
            if self.is_enough(unit.best) {
                break;
            }
            if self.scan.stop.is_due() {
                return Some(unit.best);
            }
            match unit.what {
                What::Chunk(chunk) => self.look_through(&chunk),
                What::File(file) => self.take_apart(&file),
                What::Group(file, group) => self.search_group(&file, group),
            }
        }
        None
    }

    /// Whether no call with this value, or a worse one, has a place among those found.
    fn is_enough(&self, best: i64) -> bool {
        self.scan.limit == 0
            || self.worst().is_some_and(|worst| self.scan.order.is_before(worst, best))
    }

    /// What the last of those found is sorted by, if there are as many as asked for.
    fn worst(&self) -> Option<i64> {
        self.scan.order.value(self.found.get(self.scan.limit.checked_sub(1)?)?)
    }

    fn look_through(&mut self, chunk: &Chunk) {
        self.searched.calls += chunk.rows.len() as u64;
        let columns = self.store.columns();
        let meant = |row: &&Row| self.is_meant(row, columns);
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
            if !may_match || !self.window.may_have(times.clone()) {
                continue;
            }
            let order = self.scan.order;
            let range = match order.amount() {
                None => Some(times),
                Some(amount) => Group::range(&opened, group, amount.stored_name()),
            };
            // Without a least and a greatest value there is none, or nobody knows.
            let best = range.map_or(order.top(), |range| order.best(*range.start(), *range.end()));
            self.units.push(Unit { best, order, what: What::Group(file.clone(), group) });
        }
    }

    fn is_meant(&self, row: &Row, columns: &Columns) -> bool {
        self.scan.order.value(row).is_some()
            && self.window.has(row)
            && self.test.holds(row, columns)
    }

    fn search_group(&mut self, file: &Arc<Segment>, number: usize) {
        let group = Group { store: self.store, file, number };
        let places = group.sieve(self.test, &self.window).and_then(|sieve| group.places(&sieve));
        let places = match places {
            Ok((places, calls)) => {
                self.searched.calls += calls;
                places
            }
            Err(unread) => return self.lose(file, &unread),
        };
        let places = match self.scan.order.amount() {
            None => Ok(places),
            Some(amount) => group.best(&places, amount, &self.window, self.worst()),
        };
        let places = match places {
            Ok(places) => places,
            Err(unread) => return self.lose(file, &unread),
        };
        let mut found = 0;
        let mut step = self.scan.limit.max(16);
        let mut left: Range<usize> = 0..places.len();
        // Never stopped in the middle: a page that ends early goes on behind whole units.
        while !left.is_empty() && found < self.scan.limit {
            let mut part = places[self.scan.order.take(&mut left, step)].to_vec();
            part.sort_unstable();
            let rows = match group.rows(&part, &self.columns) {
                Ok(rows) => rows,
                Err(unread) => return self.lose(file, &unread),
            };
            let columns = self.store.columns();
            let meant = |row: &Row| self.is_meant(row, columns);
            let rows: Vec<Row> = rows.into_iter().filter(meant).collect();
            found += rows.len();
            step = step.saturating_mul(4);
            self.keep(rows);
        }
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
        let order = self.scan.order;
        if let Some(best) = stopped_at {
            self.searched.complete = false;
            self.found.retain(|row| order.value(row).is_some_and(|one| order.is_before(one, best)));
            if order.amount().is_none() {
                // Everything from there on comes behind this key.
                let id = if order == Order::NewestFirst { LAST_ID } else { "" };
                let key = Key { time_ns: best, id: id.to_owned() };
                next = Some(Place { value: best, key });
            }
        } else if self.found.len() == self.scan.limit {
            next = self.found.last().and_then(|row| Place::of(row, order));
        }
        let select = self.scan.select;
        let rows = self.found.into_iter().map(|row| row.selected(select)).collect();
        Page { rows, next, searched: self.searched }
    }
}

/// The pieces of a line that are kept.
pub(crate) fn kept(select: Select) -> &'static [Part] {
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

// === impl Unit ===

impl Unit {
    fn rank(&self) -> (i64, Reverse<i64>) {
        if self.order.is_falling() { (self.best, Reverse(0)) } else { (0, Reverse(self.best)) }
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
