//! Where answers come from: a store, or whoever answers the same questions in the same words.

use std::{fmt, sync::Arc};

use filter::Condition;

use crate::{
    Aggregate, Captured, Facts, Key, PacketsAsked, PacketsTold, Page, Row, Scan, Store, StoreError,
    Table, Tail,
};

/// Answers questions about calls. All but [`tail`](Self::tail) and [`facts`](Self::facts) block: ask from
/// a thread that may wait.
///
/// Whoever implements it promises the answers of [`Store`] to the same calls: the same order, the same
/// cursors, the same rounding. What could not be asked is named in [`Searched`](crate::Searched), not
/// passed over.
pub trait Source: Send + Sync + fmt::Debug {
    /// Calls that fulfil a condition, in the order of time. Of a call that went on and ended, the end. A
    /// page may have fewer calls than its limit; only its `next` says whether there may be more.
    ///
    /// # Errors
    /// When the query can't be run. Being stopped is no error: the page says so, and where to go on.
    fn scan(&self, scan: &Scan) -> Result<Page, StoreError>;

    /// Figures over calls. Calls that go on are not counted before their end.
    ///
    /// # Errors
    /// When the query was stopped, or there are too many groups.
    fn aggregate(&self, question: &Aggregate) -> Result<Table, StoreError>;

    /// One call, whole. Of a call that went on and ended, the end.
    ///
    /// # Errors
    /// When the query can't be run.
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError>;

    /// The newest call with this id, whole.
    ///
    /// # Errors
    /// When the query can't be run.
    fn find(&self, id: &str) -> Result<Option<Row>, StoreError>;

    /// Calls from now on. Those that don't fulfil the condition may be among them: it only spares work.
    /// To be asked on a Tokio runtime.
    fn tail(&self, condition: Option<&Arc<Condition>>) -> Tail;

    /// What it holds and what it lost, as last known: doesn't wait.
    fn facts(&self) -> Facts;

    /// Packets of calls, as long as `take` wants them, each with the name of who saw it. Nothing where whoever
    /// answers holds on to none.
    ///
    /// # Errors
    /// When the question was stopped.
    fn packets(
        &self,
        _: &PacketsAsked,
        _: &mut dyn FnMut(&str, Captured) -> bool,
    ) -> Option<Result<PacketsTold, StoreError>> {
        None
    }

    /// Who answers, where several do.
    fn members(&self) -> Vec<Member> {
        Vec::new()
    }
}

/// One of several who answer together: a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether it answers now.
    pub is_there: bool,
    /// Its program's version.
    pub program: String,
    /// Calls that it holds, as last heard.
    pub calls: u64,
}

// === impl Store ===

impl Source for Store {
    fn scan(&self, scan: &Scan) -> Result<Page, StoreError> {
        self.scan(scan)
    }

    fn aggregate(&self, question: &Aggregate) -> Result<Table, StoreError> {
        self.aggregate(question)
    }

    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        self.get(key)
    }

    fn find(&self, id: &str) -> Result<Option<Row>, StoreError> {
        self.find(id)
    }

    fn tail(&self, _: Option<&Arc<Condition>>) -> Tail {
        self.tail()
    }

    fn facts(&self) -> Facts {
        self.facts()
    }
}
