//! Calls of an engine, asked as those of a store: what conditions need is asked of the engine, and all else
//! of what comes, by the same code as in a store.

use std::{
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use filter::{Columns, Condition};
use store::{
    Aggregate, Cells, Counting, Facts, Key, Kind, Look, Measure, Order, Page, Row, Scan, Searched,
    Source, Stop, StoreError, Table, Tail,
};

use crate::{
    binary::{MARK, Shape},
    dialect::Dialect,
    door::{Door, Refusal},
    grouping::Grouping,
    hearing::Hearing,
    knowing::Knowing,
    place::Place,
    schema::{self, Tables},
    sql,
};

/// An engine that holds calls.
#[derive(Debug)]
pub struct Warehouse {
    door: Arc<Door>,
    columns: Arc<Columns>,
    dialect: Dialect,
    tables: Arc<Tables>,
    knowing: Arc<Knowing>,
    hearing: Mutex<Option<Hearing>>,
    failed: AtomicU64,
}

/// Calls whose cells are gone through together.
const CALLS: usize = 512;
/// The same of figures, whose calls have few cells.
const CALLS_LEAN: usize = 8192;
/// Calls that are asked for at least, where not all that come may be meant.
const CHUNK_MIN: usize = 64;
/// Calls that are asked for at once.
const CHUNK_MAX: usize = 16 << 10;
/// Bytes of memory for the groups of figures.
const GROUP_BYTES_MAX: usize = 512 << 20;
/// No id is greater.
const LAST_ID: &str = "\u{10FFFF}";

/// A list under way.
struct Listing<'s> {
    scan: &'s Scan,
    look: Look,
    found: Vec<Row>,
    /// Where the last call is that was gone through.
    last: Option<store::Place>,
    calls: u64,
}

// === impl Warehouse ===

impl Warehouse {
    /// The engine at a place; its tables must be there. `columns` say what the fields in conditions are called.
    ///
    /// # Errors
    /// When it can't be reached, is too old, or has no tables of a version that is known here.
    pub fn open(place: Place, columns: Arc<Columns>) -> Result<Self, Refusal> {
        let door = Arc::new(Door::new(place)?);
        let mut refusal = Refusal::Stopped;
        for server in door.in_turn() {
            match schema::found(&door, server) {
                Ok(known) => {
                    door.answered(server);
                    let tables = Arc::new(Tables::of(&door.place));
                    let knowing = Knowing::new(door.clone(), tables.clone(), known.dialect);
                    knowing.learn_now(server)?;
                    return Ok(Self {
                        door,
                        columns,
                        dialect: known.dialect,
                        tables,
                        knowing,
                        hearing: Mutex::new(None),
                        failed: AtomicU64::new(0),
                    });
                }
                Err(failed) => refusal = failed,
            }
        }
        Err(refusal)
    }

    /// Asks for cells of calls.
    fn ask(
        &self,
        cells: &Cells,
        conditions: &[String],
        rest: &str,
        stop: &Stop,
    ) -> Result<crate::answer::Answer<'_>, Refusal> {
        let sql = format!(
            "SELECT {} FROM {} FINAL{}{rest}{} FORMAT RowBinary",
            selected(cells, self.dialect),
            self.tables.calls,
            sql::where_all(conditions),
            self.dialect.settings()
        );
        self.door.ask(&sql, stop)
    }

    fn list(&self, listing: &mut Listing<'_>) -> Result<(), Refusal> {
        let Listing { scan, .. } = *listing;
        let mut chunk = scan.limit.clamp(CHUNK_MIN, CHUNK_MAX);
        while listing.found.len() < scan.limit {
            let mut conditions = sql::between(&listing.look.times(), self.dialect);
            conditions.extend(sql::of_need(listing.look.need(), self.dialect));
            let behind = listing.last.as_ref().or(scan.after.as_ref());
            conditions.extend(behind.map(|place| sql::behind(place, scan.order, self.dialect)));
            conditions.extend(sql::in_order(scan.order));
            let rest = format!("{} LIMIT {chunk}", sql::order(scan.order));
            if self.go_through(listing, &conditions, &rest)? < chunk as u64 {
                return Ok(());
            }
            chunk = chunk.saturating_mul(4).min(CHUNK_MAX);
        }
        Ok(())
    }

    /// Keeps what is meant of an answer, as far as it is needed; how many calls came.
    fn go_through(
        &self,
        listing: &mut Listing<'_>,
        conditions: &[String],
        rest: &str,
    ) -> Result<u64, Refusal> {
        let stop = &listing.scan.stop;
        let mut cells = listing.look.cells();
        let shape: Vec<Shape> = cells.columns().iter().map(Shape::of).collect();
        let mut answer = self.ask(&cells, conditions, rest, stop)?;
        let mut calls = 0;
        loop {
            let is_more = answer.rows(&shape, &mut cells, CALLS, stop)?;
            let found = listing.look.found(&mut cells, &self.columns);
            let found =
                found.map_err(|_| Refusal::Unreadable { host: self.door.place.to_string() })?;
            calls += found.calls;
            listing.calls += found.calls;
            listing.last = found.last.or(listing.last.take());
            listing.found.extend(found.rows);
            if !is_more || listing.found.len() >= listing.scan.limit {
                return Ok(calls);
            }
        }
    }

    fn one(&self, look: Look) -> Result<Option<Row>, StoreError> {
        let scan = Scan { limit: 1, ..Scan::default() };
        let mut listing = Listing { scan: &scan, look, found: Vec::new(), last: None, calls: 0 };
        self.list(&mut listing).map_err(|refusal| self.fault(refusal))?;
        Ok(listing.found.into_iter().next())
    }

    fn sum(&self, question: &Aggregate) -> Result<Table, StoreError> {
        let mut sum = Counting::of(question, GROUP_BYTES_MAX);
        let times = self.times(question)?;
        if let Some(grouping) = Grouping::of(question, &sum, self.dialect) {
            let sql = grouping.sql(&self.tables.calls, self.dialect.settings());
            let answer = self.door.ask(&sql, &question.stop);
            let mut answer = answer.map_err(|refusal| self.fault(refusal))?;
            return grouping.table(question, times, &mut answer, |refusal| self.fault(refusal));
        }
        let mut cells = sum.cells();
        let shape: Vec<Shape> = cells.columns().iter().map(Shape::of).collect();
        let mut conditions = sql::between(&sum.times(), self.dialect);
        conditions.extend(sql::of_need(sum.need(), self.dialect));
        let calls_max = if shape.len() > 16 { CALLS } else { CALLS_LEAN };
        let answer = self.ask(&cells, &conditions, "", &question.stop);
        let mut answer = answer.map_err(|refusal| self.fault(refusal))?;
        loop {
            let is_more = answer.rows(&shape, &mut cells, calls_max, &question.stop);
            let is_more = is_more.map_err(|refusal| self.fault(refusal))?;
            sum.add(&mut cells, &self.columns)?;
            if !is_more {
                return Ok(sum.table(times));
            }
        }
    }

    /// When the first and the last call of all began, where a rate needs it.
    fn times(&self, question: &Aggregate) -> Result<Option<(i64, i64)>, StoreError> {
        let is_bound = question.from.is_some() && question.to.is_some();
        if !question.show.contains(&Measure::Rate) || is_bound || question.over.is_some() {
            return Ok(None);
        }
        let server = self.door.in_turn().next().unwrap_or_default();
        let times = self.knowing.times(server);
        times.map_err(|refusal| self.fault(refusal))
    }

    fn fault(&self, refusal: Refusal) -> StoreError {
        match refusal {
            Refusal::Stopped => StoreError::Stopped,
            refusal => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                StoreError::Elsewhere(refusal.to_string())
            }
        }
    }
}

/// The place before all calls that began between these moments; none where the time does not decide.
fn before_all(order: Order, times: &RangeInclusive<i64>) -> Option<store::Place> {
    let (time_ns, id) = match order {
        Order::NewestFirst => (*times.end(), LAST_ID),
        Order::OldestFirst => (*times.start(), ""),
        Order::Most(_) | Order::Least(_) => return None,
    };
    Some(store::Place { value: time_ns, key: Key { time_ns, id: id.to_owned() } })
}

/// The cells of a row, behind its mark.
pub(crate) fn selected(cells: &Cells, dialect: Dialect) -> String {
    let column = |kept: &store::Kept| {
        let name = sql::name(kept.name);
        if kept.kind == Kind::Time { dialect.nanoseconds(&name) } else { name }
    };
    let columns: Vec<String> = cells.columns().iter().map(column).collect();
    format!("toUInt8({MARK}), {}", columns.join(", "))
}

impl Source for Warehouse {
    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        let look = Look::of(scan);
        let mut listing = Listing { scan, look, found: Vec::new(), last: None, calls: 0 };
        let is_stopped = match self.list(&mut listing) {
            Ok(()) => false,
            Err(Refusal::Stopped) => true,
            Err(refusal) => return Err(self.fault(refusal)),
        };
        let Listing { look, mut found, last, calls, .. } = listing;
        let is_full = found.len() >= scan.limit;
        found.truncate(scan.limit);
        let next = if is_full {
            found.last().and_then(|row| store::Place::of(row, scan.order))
        } else if is_stopped {
            last.or(scan.after.clone()).or_else(|| before_all(scan.order, &look.times()))
        } else {
            None
        };
        let searched = Searched { complete: !is_stopped || is_full, calls, ..Searched::default() };
        Ok(Page { rows: found, next, searched })
    }

    fn aggregate(&self, question: &Aggregate) -> Result<Table, StoreError> {
        self.sum(question)
    }

    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        self.one(Look::of_key(key))
    }

    fn find(&self, id: &str) -> Result<Option<Row>, StoreError> {
        self.one(Look::of_id(id))
    }

    fn tail(&self, _: Option<&Arc<Condition>>) -> Tail {
        let mut hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner);
        let hearing = hearing.get_or_insert_with(|| {
            Hearing::new(self.door.clone(), self.tables.clone(), self.dialect, self.columns.clone())
        });
        hearing.listen()
    }

    fn facts(&self) -> Facts {
        self.knowing.facts(self.failed.load(Ordering::Relaxed))
    }
}
