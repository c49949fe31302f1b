//! The live tail of an engine: asked once a second what it took meanwhile, as long as somebody listens.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use filter::Columns;
use store::{Look, Row, Scan, Stop, Tail, Tails};

use crate::{
    binary::Shape,
    dialect::Dialect,
    door::{Door, Refusal},
    schema::Tables,
    source::selected,
};

/// Hands on what an engine takes.
#[derive(Debug)]
pub(crate) struct Hearing {
    tails: Arc<Tails>,
    handed: Arc<Mutex<u64>>,
    ear: Arc<Ear>,
}

/// What asks.
#[derive(Debug)]
struct Ear {
    door: Arc<Door>,
    tables: Arc<Tables>,
    dialect: Dialect,
    columns: Arc<Columns>,
}

/// What was heard up to now.
#[derive(Default)]
struct Heard {
    /// The engine's clock when it was asked last.
    until: Option<i64>,
    /// Calls of the last moments: key, and whether they go on.
    seen: HashSet<(i64, String, bool)>,
}

/// How often it is asked.
const EVERY: Duration = Duration::from_secs(1);
/// Calls that are handed on at once; further ones are missed, and counted.
const CALLS_MAX: usize = 20_000;

// === impl Hearing ===

impl Hearing {
    pub(crate) fn new(
        door: Arc<Door>,
        tables: Arc<Tables>,
        dialect: Dialect,
        columns: Arc<Columns>,
    ) -> Self {
        let ear = Arc::new(Ear { door, tables, dialect, columns });
        Self { tails: Arc::new(Tails::new()), handed: Arc::default(), ear }
    }

    /// Listens from now on; begins to ask if nobody listened before.
    pub(crate) fn listen(&self) -> Tail {
        let handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        let was_heard = self.tails.are_heard();
        let tail = self.tails.listen(*handed);
        drop(handed);
        if !was_heard {
            let (tails, handed, ear) = (self.tails.clone(), self.handed.clone(), self.ear.clone());
            // Questions wait, and so does this thread.
            let run = move || run(&tails, &handed, &ear);
            drop(std::thread::Builder::new().name("tail".into()).spawn(run));
        }
        tail
    }
}

fn run(tails: &Tails, handed: &Mutex<u64>, ear: &Ear) {
    let mut heard = Heard::default();
    while tails.are_heard() {
        // An engine that is away for a moment is asked again; what it took meanwhile comes then.
        if let Ok((rows, missed)) = ear.hear(&mut heard) {
            let mut handed = handed.lock().unwrap_or_else(PoisonError::into_inner);
            *handed += missed;
            for rows in rows.chunks(256) {
                tails.hand_on(*handed, rows.to_vec());
                *handed += rows.len() as u64;
            }
        }
        std::thread::sleep(EVERY);
    }
}

// === impl Ear ===

impl Ear {
    /// What came since it was asked last, and how many more there were.
    fn hear(&self, heard: &mut Heard) -> Result<(Vec<Row>, u64), Refusal> {
        let server = self.door.in_turn().next().unwrap_or_default();
        let now = self.door.tell(server, self.dialect.clock())?;
        let now: i64 = now.trim().parse().unwrap_or_default();
        let Some(before) = heard.until else {
            heard.until = Some(now);
            return Ok((Vec::new(), 0));
        };
        // What was being written then, and had its moment already, is there by now.
        let from = before - self.dialect.overlap();
        let between = format!(
            " FROM {} WHERE `taken` >= {} AND `taken` < {}",
            self.tables.calls,
            self.dialect.tick(from),
            self.dialect.tick(now)
        );
        let look = Look::of(&Scan::default());
        let mut cells = look.cells();
        let shape: Vec<Shape> = cells.columns().iter().map(Shape::of).collect();
        let columns = selected(&cells, self.dialect);
        let sql = format!("SELECT {columns}{between} LIMIT {CALLS_MAX} FORMAT RowBinary");
        let mut answer = self.door.ask(&sql, &Stop::default())?;
        let (mut rows, mut seen, mut calls) = (Vec::new(), HashSet::new(), 0);
        loop {
            let is_more = answer.rows(&shape, &mut cells, 512, &Stop::default())?;
            let found = look.found(&mut cells, &self.columns);
            let found =
                found.map_err(|_| Refusal::Unreadable { host: self.door.place.to_string() })?;
            calls += found.calls;
            for row in found.rows {
                let key = (row.time_ns(), row.id().into_owned(), row.is_open());
                if seen.insert(key.clone()) && !heard.seen.contains(&key) {
                    rows.push(row);
                }
            }
            if !is_more {
                break;
            }
        }
        let mut missed = 0;
        if calls >= CALLS_MAX as u64 {
            let all = self.door.tell(server, &format!("SELECT count(){between}"))?;
            missed = all.trim().parse::<u64>().unwrap_or(calls).saturating_sub(calls);
        }
        rows.sort_by_key(Row::time_ns);
        (heard.until, heard.seen) = (Some(now), seen);
        Ok((rows, missed))
    }
}
