//! Who tells a call that two nodes have seen: the server's node, if it listened then; else the client's;
//! else whoever has it.
//!
//! All nodes have the same roster and the same names, so that they come to the same answer without
//! talking to each other, and figures can be counted where calls are.

use std::{collections::BTreeMap, fmt::Write as _};

use model::Timestamp;

use crate::{Span, wire, words};

/// Nodes that listen, and when they did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster(BTreeMap<String, Vec<Span>>);

/// A span of time that a question is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    pub(crate) to: Option<Timestamp>,
}

/// How a node stands to a window of time.
enum Stands {
    /// It listened all the time.
    Always,
    /// It did not listen at all.
    Never,
    /// It listened during these times.
    Partly(Vec<Span>),
}

// === impl Roster ===

impl Roster {
    /// Takes changes in.
    pub(crate) fn change(&mut self, changes: wire::Roster) {
        if changes.is_whole {
            self.0.clear();
        }
        for listener in changes.nodes {
            if listener.is_absent {
                self.0.remove(&listener.node);
            } else {
                let spans = listener.listened.iter().map(words::span).collect();
                self.0.insert(listener.node, spans);
            }
        }
    }

    /// The condition that holds for the calls that node `me` tells, of those that fulfil `text`.
    pub(crate) fn of(&self, me: &str, text: &str, window: Window) -> String {
        let others = || self.0.iter().filter(|(name, _)| *name != me);
        let mine = || self.0.iter().filter(|(name, _)| *name == me);
        let [dst, src] = ["dst.node", "src.node"]
            .map(|end| (is(end, mine(), window), is(end, others(), window)));
        let Some(not_theirs) = dst.1.map(|theirs| format!("!({theirs})")) else {
            // Nobody else listens.
            return text.to_owned();
        };
        let of_src = src.1.map_or("true".to_owned(), |theirs| format!("!({theirs})"));
        let of_src = match src.0 {
            Some(mine) => format!("(({mine}) || {of_src})"),
            None => of_src,
        };
        let told = format!("{not_theirs} && {of_src}");
        let told = match dst.0 {
            Some(mine) => format!("({mine}) || {told}"),
            None => told,
        };
        // A comment at the end of the text must not swallow ours.
        match text.trim().is_empty() {
            true => told,
            false => format!("({text}\n) && ({told})"),
        }
    }
}

/// The condition that an end is one of these nodes, and that they listened then; none if it never holds.
fn is<'r>(
    end: &str,
    nodes: impl Iterator<Item = (&'r String, &'r Vec<Span>)>,
    window: Window,
) -> Option<String> {
    let (mut always, mut partly) = (Vec::new(), String::new());
    for (name, spans) in nodes {
        match window.stands(spans) {
            Stands::Always => always.push(quoted(name)),
            Stands::Never => {}
            Stands::Partly(spans) => {
                let spans: Vec<String> = spans.iter().map(during).collect();
                // Into a text: nothing can fail.
                let _ = write!(partly, " || {end} == {} && ({})", quoted(name), spans.join(" || "));
            }
        }
    }
    if always.is_empty() {
        return partly.strip_prefix(" || ").map(str::to_owned);
    }
    Some(format!("{end} in [{}]{partly}", always.join(", ")))
}

fn during(span: &Span) -> String {
    let moment = |at: Timestamp| quoted(&store::moment(i64::try_from(at.0).unwrap_or(i64::MAX)));
    match span.until {
        Some(until) => format!("time >= {} && time < {}", moment(span.from), moment(until)),
        None => format!("time >= {}", moment(span.from)),
    }
}

/// A text as the query language writes it: JSON's escapes are among its own.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

// === impl Window ===

impl Window {
    fn stands(self, spans: &[Span]) -> Stands {
        let covers = |span: &Span| {
            span.from <= self.from
                && span.until.is_none_or(|until| self.to.is_some_and(|to| to <= until))
        };
        if spans.iter().any(covers) {
            return Stands::Always;
        }
        let touches = |span: &&Span| {
            span.until.is_none_or(|until| until > self.from)
                && self.to.is_none_or(|to| span.from < to)
        };
        let within: Vec<Span> = spans.iter().filter(touches).copied().collect();
        if within.is_empty() { Stands::Never } else { Stands::Partly(within) }
    }
}

#[cfg(test)]
mod tests {
    use filter::{Columns, Condition};
    use store::Row;

    use super::*;

    /// A call from a pod on one node to a pod on another, second `at` of 1970.
    fn call(src: &str, dst: &str, at: u64) -> Row {
        let time = store::moment(i64::try_from(at).unwrap() * 1_000_000_000);
        let end = |node: &str| match node {
            "" => String::new(),
            node => format!(",\"node\":\"{node}\""),
        };
        let (src, dst) = (end(src), end(dst));
        let line = format!(
            "{{\"id\":\"1\",\"time\":\"{time}\",\"protocol\":\"http\",\"src\":{{\"ip\":\"10.0.0.1\",\"port\":1{src}}},\
             \"dst\":{{\"ip\":\"10.0.0.2\",\"port\":2{dst}}},\"pairing\":\"matched\",\"missing\":null,\"transport\":\"tcp\",\"stream\":\"1\"}}"
        );
        Row::of_line(&line).unwrap()
    }

    fn at(second: u64) -> Timestamp {
        Timestamp(second * 1_000_000_000)
    }

    /// a listens from 0 on, b until 100 and from 200 on; c does not listen.
    fn roster() -> Roster {
        let span = |from, until: Option<u64>| Span { from: at(from), until: until.map(at) };
        let a = ("a".to_owned(), vec![span(0, None)]);
        let b = ("b".to_owned(), vec![span(0, Some(100)), span(200, None)]);
        Roster([a, b].into())
    }

    fn told_by(me: &str, roster: &Roster, row: &Row, window: Window) -> bool {
        let columns = Columns::new(&[]);
        let text = roster.of(me, "protocol == 'http' // all", window);
        let condition = Condition::compile(&text, &columns, Timestamp(0)).expect(&text);
        condition.holds(&row.record(&columns))
    }

    #[test]
    fn every_call_is_told_by_one_of_those_that_have_it() {
        let nodes = ["a", "b", "c", ""];
        let windows = [(0, None), (0, Some(90)), (120, Some(180)), (210, None), (50, Some(300))];
        for (from, to) in windows {
            let window = Window { from: at(from), to: to.map(at) };
            for second in [10, 60, 99, 100, 150, 199, 200, 260] {
                let is_in = second >= from && to.is_none_or(|to| second < to);
                for (src, dst) in nodes.iter().flat_map(|src| nodes.map(|dst| (*src, dst))) {
                    if !is_in {
                        continue;
                    }
                    let row = call(src, dst, second);
                    let listens = |me: &str| match me {
                        "a" => true,
                        "b" => !(100..200).contains(&second),
                        _ => false,
                    };
                    // Who has it: those of its ends that listened.
                    let mut have: Vec<_> =
                        [src, dst].into_iter().filter(|me| listens(me)).collect();
                    have.dedup();
                    let told =
                        have.iter().filter(|me| told_by(me, &roster(), &row, window)).count();
                    assert_eq!(told, usize::from(!have.is_empty()), "{src} {dst} {second} {from}");
                }
            }
        }
    }

    #[test]
    fn who_is_absent_is_told_for() {
        let mut roster = roster();
        let window = Window { from: at(0), to: None };
        let row = call("a", "b", 10);
        assert!(!told_by("a", &roster, &row, window));
        let gone = wire::Listener { node: "b".into(), is_absent: true, listened: Vec::new() };
        roster.change(wire::Roster { is_whole: false, nodes: vec![gone] });
        assert!(told_by("a", &roster, &row, window));
    }

    #[test]
    fn names_can_not_break_out() {
        let span = vec![Span { from: at(0), until: None }];
        let roster = Roster([("x\"] || true || \"".to_owned(), span)].into());
        let window = Window { from: at(0), to: None };
        assert!(told_by("a", &roster, &call("a", "b", 10), window));
    }
}
