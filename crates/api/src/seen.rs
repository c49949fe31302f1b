//! The one way to calls: as somebody. What he is limited to is joined to every question, so that no route can
//! forget it.

use std::sync::Arc;

use filter::{Columns, Condition};
use model::Timestamp;
use store::{
    Aggregate, Captured, Facts, Key, Member, PacketsAsked, PacketsOf, PacketsTold, Page, Row, Scan,
    Source, Table, Tail,
};

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

    /// Packets of calls that may be seen; nothing where nobody holds on to any.
    pub(crate) fn packets(
        &self,
        asked: &PacketsAsked,
        take: &mut dyn FnMut(&str, Captured) -> bool,
    ) -> Result<Option<PacketsTold>, Fault> {
        let PacketsAsked { of, stop } = asked.clone();
        let of = match of {
            PacketsOf::Call(key, _) if self.scope.is_some() && self.get(&key)?.is_none() => {
                return Ok(None);
            }
            PacketsOf::Calls(scan) => {
                let condition = self.narrow(scan.condition.as_ref())?;
                PacketsOf::Calls(Scan { condition, ..scan })
            }
            of => of,
        };
        Ok(self.calls.source.packets(&PacketsAsked { of, stop }, take).transpose()?)
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

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use store::{Stop, StoreError};

    use super::*;
    use crate::{Grant, Role};

    /// Has one call, of the namespace `shop`, and notes what packets it is asked for.
    #[derive(Debug, Default)]
    struct Holder(Mutex<Vec<String>>);

    impl Source for Holder {
        fn scan(&self, _: &Scan) -> Result<Page, StoreError> {
            Ok(Page::default())
        }

        fn aggregate(&self, _: &Aggregate) -> Result<Table, StoreError> {
            Err(StoreError::Stopped)
        }

        fn get(&self, _: &Key) -> Result<Option<Row>, StoreError> {
            let line = r#"{"id":"5-1","time":"2026-01-29T11:08:21.000000001Z","protocol":"http","src":{"ip":"10.0.0.1","port":1,"namespace":"shop"},"dst":{"ip":"10.0.0.2","port":80},"pairing":"unanswered","missing":null,"transport":"tcp","stream":"5"}"#;
            Ok(Row::of_line(line).ok())
        }

        fn find(&self, _: &str) -> Result<Option<Row>, StoreError> {
            Ok(None)
        }

        fn tail(&self, _: Option<&Arc<Condition>>) -> Tail {
            store::Tails::new().listen(0)
        }

        fn facts(&self) -> Facts {
            Facts::default()
        }

        fn packets(
            &self,
            asked: &PacketsAsked,
            _: &mut dyn FnMut(&str, Captured) -> bool,
        ) -> Option<Result<PacketsTold, StoreError>> {
            let asked = match &asked.of {
                PacketsOf::Call(key, _) => key.id.clone(),
                PacketsOf::Calls(scan) => {
                    scan.condition.as_ref().map_or(String::new(), |is| is.text().to_owned())
                }
            };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            Some(Ok(PacketsTold::default()))
        }
    }

    /// What a source is asked for on behalf of somebody who is limited to this namespace.
    fn asked(namespace: &str, of: PacketsOf) -> Vec<String> {
        let holder = Arc::new(Holder::default());
        let calls = Calls::new(holder.clone(), Arc::new(Columns::new(&[])));
        let scope = Some(namespace.parse().unwrap());
        let who = Who::new(Arc::new(Grant::new(Role::Viewer, scope, "x").unwrap()));
        let asked = PacketsAsked { of, stop: Stop::default() };
        calls.by(&who).packets(&asked, &mut |_, _| true).unwrap();
        let asked = holder.0.lock().unwrap();
        asked.clone()
    }

    #[test]
    fn packets_are_those_of_calls_that_may_be_seen() {
        let call = || {
            let key = Key { time_ns: 1_769_684_901_000_000_001, id: "5-1".into() };
            PacketsOf::Call(key, vec!["a".into()])
        };
        assert_eq!(asked("shop", call()), ["5-1"]);
        assert_eq!(asked("bank", call()), [""; 0], "not even asked for");
        let all = asked("bank", PacketsOf::Calls(Scan::default()));
        assert_eq!(all, ["src.namespace == \"bank\" || dst.namespace == \"bank\""]);
    }
}
