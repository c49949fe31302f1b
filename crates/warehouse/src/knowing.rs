//! What an engine holds, as last known: asked again now and then, when somebody wants to know.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use model::Timestamp;
use store::{Count, Facts};

use crate::{
    dialect::Dialect,
    door::{Door, Refusal},
    schema::Tables,
    sql,
};

/// What is known.
#[derive(Debug)]
pub(crate) struct Knowing {
    door: Arc<Door>,
    question: String,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    facts: Facts,
    asked: Option<Instant>,
    /// Questions that were not answered.
    failed: u64,
}

/// How old it may be.
const AGE: Duration = Duration::from_secs(5);

// === impl Knowing ===

impl Knowing {
    pub(crate) fn new(door: Arc<Door>, tables: Arc<Tables>, dialect: Dialect) -> Arc<Self> {
        let database = sql::text(&door.place.database);
        let ns =
            |which: &str| format!("ifNull({}, 0)", dialect.nanoseconds(&format!("{which}(time)")));
        // Calls that came twice, and were not put together yet, count twice here.
        let question = format!(
            "SELECT count(), {}, {}, (SELECT sum(bytes_on_disk) FROM system.parts WHERE active \
             AND database = {database} AND table = '{}'), (SELECT count() FROM system.parts WHERE active \
             AND database = {database} AND table = '{}') FROM {}",
            ns("min"),
            ns("max"),
            tables.local_name,
            tables.local_name,
            tables.calls
        );
        Arc::new(Self { door, question, known: Mutex::default() })
    }

    /// Asks, and waits.
    pub(crate) fn learn_now(&self, server: usize) -> Result<(), Refusal> {
        let said = self.door.tell(server, &self.question)?;
        self.learn(&said);
        Ok(())
    }

    /// When the first and the last call began, at this moment; waits.
    pub(crate) fn times(&self, server: usize) -> Result<Option<(i64, i64)>, Refusal> {
        self.learn_now(server)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let ns = |at: Timestamp| i64::try_from(at.0).unwrap_or(i64::MAX);
        Ok(known.facts.oldest.map(ns).zip(known.facts.newest.map(ns)))
    }

    /// What is known; doesn't wait.
    pub(crate) fn facts(self: &Arc<Self>, failed: u64) -> Facts {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.asked.is_none_or(|asked| asked.elapsed() >= AGE) {
            known.asked = Some(Instant::now());
            let this = self.clone();
            self.door.runtime().spawn(async move { this.ask_again().await });
        }
        let mut facts = known.facts.clone();
        let count = |name: &'static str, about: &'static str, value| Count {
            name: name.into(),
            about: about.into(),
            value,
            is_loss: true,
        };
        facts.counts = vec![
            count("engine_queries_failed", "questions that the engine did not answer", failed),
            count(
                "engine_facts_failed",
                "times that the engine did not say what it holds",
                known.failed,
            ),
        ];
        facts
    }

    async fn ask_again(&self) {
        for server in self.door.in_turn() {
            let question = Bytes::from(self.question.clone());
            if let Ok(said) = self.door.say(server, "", question).await {
                return self.learn(&said);
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).failed += 1;
    }

    fn learn(&self, said: &str) {
        let mut numbers = said.split_whitespace().map(|word| word.parse::<u64>().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let (calls, oldest, newest, file_bytes, files) = (next(), next(), next(), next(), next());
        let moment = |ns: u64| (calls > 0).then_some(Timestamp(ns));
        let facts = Facts {
            calls,
            files,
            file_bytes,
            oldest: moment(oldest),
            newest: moment(newest),
            ..Facts::default()
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.facts = facts;
        known.asked = Some(Instant::now());
    }
}
