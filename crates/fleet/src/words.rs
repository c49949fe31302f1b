//! The store's words in the wire's, and back. What comes from the wire is checked here, once.

use std::{sync::Arc, time::Duration};

use filter::{Columns, Condition};
use model::Timestamp;
use store::{
    Aggregate, Amount, By, Cell, Count, Durations, Facts, Group, Key, Measure, Order, Place, Scan,
    Searched, Select, Stop,
};

use crate::{Span, roster::Roster, roster::Window, wire};

/// Calls on a page at most.
const LIMIT_MAX: u64 = 100_000;
/// Columns and figures of a question at most.
const LIST_MAX: usize = 64;
/// Counts of a node at most.
const COUNTS_MAX: usize = 1_024;
/// Bytes of a name or of words from the other side.
const NAME_BYTES_MAX: usize = 512;

/// A question, as a node is asked it.
pub(crate) struct Told<'r> {
    pub(crate) me: &'r str,
    pub(crate) roster: &'r Roster,
    pub(crate) columns: &'r Columns,
    /// When the first call in the node's store began.
    pub(crate) oldest: Timestamp,
    pub(crate) stop: Stop,
}

/// Orders by what they are called on the wire.
const ORDERS: [(Order, wire::Order); 8] = [
    (Order::NewestFirst, wire::Order::NewestFirst),
    (Order::OldestFirst, wire::Order::OldestFirst),
    (Order::Most(Amount::Duration), wire::Order::Longest),
    (Order::Least(Amount::Duration), wire::Order::Shortest),
    (Order::Most(Amount::RequestSize), wire::Order::LargestRequest),
    (Order::Least(Amount::RequestSize), wire::Order::SmallestRequest),
    (Order::Most(Amount::ResponseSize), wire::Order::LargestResponse),
    (Order::Least(Amount::ResponseSize), wire::Order::SmallestResponse),
];

pub(crate) fn condition(condition: Option<&Arc<Condition>>) -> wire::Condition {
    let text = condition.map_or("", |condition| condition.text()).to_owned();
    wire::Condition { text, now_ns: condition.map_or(0, |condition| condition.now().0) }
}

pub(crate) fn scan(scan: &Scan) -> wire::Scan {
    wire::Scan {
        condition: Some(condition(scan.condition.as_ref())),
        from_ns: scan.from.map(|at| at.0),
        to_ns: scan.to.map(|at| at.0),
        order: ORDERS.iter().find(|known| known.0 == scan.order).map_or(0, |known| known.1.into()),
        after: scan.after.as_ref().map(place),
        limit: scan.limit as u64,
        select: match scan.select {
            Select::Whole => wire::Select::Whole,
            Select::WithoutBodies => wire::Select::WithoutBodies,
            Select::Summary => wire::Select::Summary,
        }
        .into(),
    }
}

pub(crate) fn aggregate(question: &Aggregate) -> wire::Aggregate {
    wire::Aggregate {
        condition: Some(condition(question.condition.as_ref())),
        from_ns: question.from.map(|at| at.0),
        to_ns: question.to.map(|at| at.0),
        by: question.by.iter().map(|by| by.name().to_owned()).collect(),
        show: question.show.iter().map(|measure| measure.name().to_owned()).collect(),
        over_ns: question.over.map(|over| u64::try_from(over.as_nanos()).unwrap_or(u64::MAX)),
        origin_ns: question.origin.map(|at| at.0),
    }
}

pub(crate) fn key(key: &Key) -> wire::Key {
    wire::Key { time_ns: key.time_ns, id: key.id.clone() }
}

pub(crate) fn key_of(key: wire::Key) -> Key {
    Key { time_ns: key.time_ns, id: key.id }
}

pub(crate) fn place(place: &Place) -> wire::Place {
    wire::Place { value: place.value, key: Some(key(&place.key)) }
}

pub(crate) fn place_of(place: wire::Place) -> Option<Place> {
    Some(Place { value: place.value, key: key_of(place.key?) })
}

pub(crate) fn span(span: &wire::Span) -> Span {
    Span { from: Timestamp(span.from_ns), until: span.until_ns.map(Timestamp) }
}

pub(crate) fn wire_span(span: &Span) -> wire::Span {
    wire::Span { from_ns: span.from.0, until_ns: span.until.map(|at| at.0) }
}

// === impl Told ===

impl Told<'_> {
    /// The condition that holds for what this node tells of what is asked for.
    pub(crate) fn condition(
        &self,
        asked: Option<&wire::Condition>,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Option<Arc<Condition>>, String> {
        let (text, now) = asked.map_or(("", 0), |asked| (asked.text.as_str(), asked.now_ns));
        let from = Timestamp(from.unwrap_or(0)).max(self.oldest);
        let window = Window { from, to: to.map(Timestamp) };
        // What is asked has to be a condition by itself.
        let compile = |text: &str| {
            Condition::compile(text, self.columns, Timestamp(now))
                .map_err(|fault| format!("not understood by the node: {fault:?}"))
        };
        compile(text)?;
        let text = self.roster.of(self.me, text, window);
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(compile(&text)?)))
    }

    pub(crate) fn scan(&self, asked: wire::Scan) -> Result<Scan, String> {
        Ok(Scan {
            condition: self.condition(asked.condition.as_ref(), asked.from_ns, asked.to_ns)?,
            from: asked.from_ns.map(Timestamp),
            to: asked.to_ns.map(Timestamp),
            order: ORDERS
                .iter()
                .find(|known| i32::from(known.1) == asked.order)
                .map(|known| known.0)
                .ok_or("an order that this node does not know")?,
            select: match asked.select() {
                wire::Select::Whole => Select::Whole,
                wire::Select::WithoutBodies => Select::WithoutBodies,
                wire::Select::Summary => Select::Summary,
            },
            limit: usize::try_from(asked.limit.clamp(1, LIMIT_MAX)).unwrap_or(1),
            after: asked.after.and_then(place_of),
            stop: self.stop.clone(),
        })
    }

    pub(crate) fn aggregate(&self, asked: wire::Aggregate) -> Result<Aggregate, String> {
        if asked.by.len().max(asked.show.len()) > LIST_MAX {
            return Err("too many columns".into());
        }
        let by = |name: String| match (name.as_str(), self.columns.named(&name)) {
            ("endpoint", _) => Ok(By::EndpointTemplate),
            (_, Some(column)) => Ok(By::Column(column, name)),
            (_, None) => Err(format!("the node knows no column {name}")),
        };
        let show = |name: &String| {
            Measure::named(name).ok_or_else(|| format!("the node knows no figure {name}"))
        };
        Ok(Aggregate {
            condition: self.condition(asked.condition.as_ref(), asked.from_ns, asked.to_ns)?,
            from: asked.from_ns.map(Timestamp),
            to: asked.to_ns.map(Timestamp),
            show: asked.show.iter().map(show).collect::<Result<_, _>>()?,
            by: asked.by.into_iter().map(by).collect::<Result<_, _>>()?,
            over: asked.over_ns.map(Duration::from_nanos),
            origin: asked.origin_ns.map(Timestamp),
            limit: usize::MAX,
            stop: self.stop.clone(),
        })
    }
}

// --- answers ---

pub(crate) fn end(searched: &Searched, next: Option<&Place>) -> wire::End {
    wire::End {
        is_complete: searched.complete,
        calls: searched.calls,
        files_unread: searched.files_unread,
        next: next.map(place),
        ..wire::End::default()
    }
}

pub(crate) fn searched(end: &wire::End) -> Searched {
    Searched {
        complete: end.is_complete,
        calls: end.calls,
        files_unread: end.files_unread,
        missing: Vec::new(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "split in two halves")]
pub(crate) fn group(group: Group) -> wire::Group {
    let spread = group.spread.map(|spread| match spread {
        Durations::Few(ns) => wire::group::Spread::Few(wire::Few { ns }),
        Durations::Many { zero, bins } => {
            let (bins, counts) = bins.into_iter().unzip();
            wire::group::Spread::Many(wire::Many { zero, bins, counts })
        }
    });
    wire::Group {
        by: group.by.into_iter().map(cell).collect(),
        count: group.count,
        errors: group.errors,
        told: group.told,
        request_bytes: group.request_bytes,
        response_bytes: group.response_bytes,
        timed: group.timed,
        total_high: (group.total_ns >> 64) as i64,
        total_low: group.total_ns as u64,
        min_ns: group.min_ns,
        max_ns: group.max_ns,
        spread,
    }
}

pub(crate) fn group_of(group: wire::Group) -> Group {
    let spread = group.spread.map(|spread| match spread {
        wire::group::Spread::Few(few) => Durations::Few(few.ns),
        wire::group::Spread::Many(many) => {
            let bins = many.bins.into_iter().zip(many.counts).collect();
            Durations::Many { zero: many.zero, bins }
        }
    });
    Group {
        by: group.by.into_iter().map(cell_of).collect(),
        count: group.count.max(0),
        errors: group.errors.max(0),
        told: group.told.max(0),
        request_bytes: group.request_bytes.max(0),
        response_bytes: group.response_bytes.max(0),
        timed: group.timed.max(0),
        total_ns: (i128::from(group.total_high) << 64) | i128::from(group.total_low),
        min_ns: group.min_ns,
        max_ns: group.max_ns,
        spread,
    }
}

fn cell(cell: Cell) -> wire::Cell {
    use wire::cell::Value;
    let value = match cell {
        Cell::Missing => None,
        Cell::Bool(truth) => Some(Value::Truth(truth)),
        Cell::Int(int) => Some(Value::Int(int)),
        Cell::Float(float) => Some(Value::Float(float)),
        Cell::Text(text) => Some(Value::Text(text)),
        Cell::Time(ns) => Some(Value::TimeNs(ns)),
    };
    wire::Cell { value }
}

fn cell_of(cell: wire::Cell) -> Cell {
    use wire::cell::Value;
    match cell.value {
        None => Cell::Missing,
        Some(Value::Truth(truth)) => Cell::Bool(truth),
        Some(Value::Int(int)) => Cell::Int(int),
        Some(Value::Float(float)) => Cell::Float(float),
        Some(Value::Text(text)) => Cell::Text(text),
        Some(Value::TimeNs(ns)) => Cell::Time(ns),
    }
}

// --- facts ---

pub(crate) fn state(facts: Facts, listened: &[Span]) -> wire::State {
    let counts = facts.counts.into_iter().filter(|count| count.value > 0);
    wire::State {
        calls: facts.calls,
        calls_in_memory: facts.calls_in_memory,
        memory_bytes: facts.memory_bytes,
        files: facts.files,
        file_bytes: facts.file_bytes,
        log_bytes: facts.log_bytes,
        bytes_max: facts.bytes_max,
        oldest_ns: facts.oldest.map(|at| at.0),
        newest_ns: facts.newest.map(|at| at.0),
        counts: counts
            .map(|count| wire::Count {
                name: count.name.into_owned(),
                about: count.about.into_owned(),
                value: count.value,
                is_loss: count.is_loss,
            })
            .collect(),
        listened: listened.iter().map(wire_span).collect(),
    }
}

/// Adds what a node holds to what others do.
pub(crate) fn add(facts: &mut Facts, state: &wire::State) {
    facts.calls = facts.calls.saturating_add(state.calls);
    facts.calls_in_memory = facts.calls_in_memory.saturating_add(state.calls_in_memory);
    facts.memory_bytes = facts.memory_bytes.saturating_add(state.memory_bytes);
    facts.files = facts.files.saturating_add(state.files);
    facts.file_bytes = facts.file_bytes.saturating_add(state.file_bytes);
    facts.log_bytes = facts.log_bytes.saturating_add(state.log_bytes);
    facts.bytes_max = facts.bytes_max.saturating_add(state.bytes_max);
    let oldest = [facts.oldest, state.oldest_ns.map(Timestamp)];
    facts.oldest = oldest.into_iter().flatten().min();
    facts.newest = facts.newest.max(state.newest_ns.map(Timestamp));
    for count in state.counts.iter().take(COUNTS_MAX) {
        if let Some(known) = facts.counts.iter_mut().find(|known| known.name == count.name) {
            known.value = known.value.saturating_add(count.value);
        } else if facts.counts.len() < COUNTS_MAX {
            facts.counts.push(Count {
                name: short(&count.name).into(),
                about: short(&count.about).into(),
                value: count.value,
                is_loss: count.is_loss,
            });
        }
    }
}

/// What the other side says, for people and metrics.
pub(crate) fn short(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(NAME_BYTES_MAX).collect()
}
