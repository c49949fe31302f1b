//! The one way to calls: as somebody. What he is limited to is joined to every question, so that no route can
//! forget it.

use std::sync::Arc;

use filter::{Columns, Condition};
use model::Timestamp;
use store::{Aggregate, Facts, Key, Member, Page, Row, Scan, Source, Table, Tail};

use crate::{Fault, Who, who::Scope};

/// Where answers come from.
pub(crate) struct Calls {
    source: Arc<dyn Source>,
    columns: Arc<Columns>,
}

/// The calls that somebody may see.
pub(crate) struct Seen<'c> {
    calls: &'c Calls,
    scope: Option<&'c Scope>,
}

// === impl Calls ===

impl Calls {
    pub(crate) fn new(source: Arc<dyn Source>, columns: Arc<Columns>) -> Self {
        Self { source, columns }
    }

    /// Those that he may see.
    pub(crate) fn by<'c>(&'c self, who: &'c Who) -> Seen<'c> {
        Seen { calls: self, scope: who.scope() }
    }

    /// What is held and lost, without names.
    pub(crate) fn facts(&self) -> Facts {
        self.source.facts()
    }

    /// Who answers, where several do.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.source.members()
    }
}

// === impl Seen ===

impl Seen<'_> {
    pub(crate) fn scan(&self, scan: &Scan) -> Result<Page, Fault> {
        if self.scope.is_none() {
            return Ok(self.calls.source.scan(scan)?);
        }
        let condition = self.narrow(scan.condition.as_ref())?;
        Ok(self.calls.source.scan(&Scan { condition, ..scan.clone() })?)
    }

    pub(crate) fn aggregate(&self, question: &Aggregate) -> Result<Table, Fault> {
        if self.scope.is_none() {
            return Ok(self.calls.source.aggregate(question)?);
        }
        let condition = self.narrow(question.condition.as_ref())?;
        Ok(self.calls.source.aggregate(&Aggregate { condition, ..question.clone() })?)
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Option<Row>, Fault> {
        self.if_seen(self.calls.source.get(key)?)
    }

    pub(crate) fn find(&self, id: &str) -> Result<Option<Row>, Fault> {
        self.if_seen(self.calls.source.find(id)?)
    }

    /// Calls from now on; those that don't fulfil the condition, which must be [narrowed](Self::narrow), may be
    /// among them.
    pub(crate) fn tail(&self, narrowed: Option<&Arc<Condition>>) -> Tail {
        self.calls.source.tail(narrowed)
    }

    /// The condition of those calls that fulfil this one, and may be seen.
    pub(crate) fn narrow(
        &self,
        condition: Option<&Arc<Condition>>,
    ) -> Result<Option<Arc<Condition>>, Fault> {
        let Some(scope) = self.scope else { return Ok(condition.cloned()) };
        let text = scope.narrow(condition.map_or("", |condition| condition.text()));
        let now = condition.map_or(Timestamp(0), |condition| condition.now());
        let narrowed = Condition::compile(&text, &self.calls.columns, now)?;
        Ok(Some(Arc::new(narrowed)))
    }

    fn if_seen(&self, row: Option<Row>) -> Result<Option<Row>, Fault> {
        let condition = self.narrow(None)?;
        let is_seen =
            |row: &Row| condition.is_none_or(|is| is.holds(&row.record(&self.calls.columns)));
        Ok(row.filter(is_seen))
    }
}
