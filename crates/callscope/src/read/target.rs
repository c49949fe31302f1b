//! Whose calls are wanted: decided when a connection begins, by the names of its ends, so that others are not
//! even read.

use flow::Aim;
use identity::{Memo, Query};
use model::{Endpoint, FlowKey, Peer, Timestamp};
use regex::Regex;
use serde_json::Value;

use super::naming::Directories;

/// Addresses whose answers are kept.
const KNOWN_MAX: usize = 1 << 16;

/// Whose calls are wanted. An end is meant that is all of it; a connection, one of whose ends is.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Target {
    /// Read only connections from or to this namespace. May be given several times. Those whose ends are not
    /// known yet are read, too, and calls of others are dropped then.
    #[arg(long, value_name = "NAME")]
    pub target_namespace: Vec<String>,
    /// Read only connections from or to workloads whose names match this regular expression: of the
    /// Deployment or what else owns the pod, or of the pod.
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    pub target: Option<Regex>,
    /// Read only connections from or to pods with this label. May be given several times: all of them.
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    pub target_label: Vec<(String, String)>,
}

/// Knows which flows are meant.
pub(crate) struct Targeting {
    target: Target,
    directories: Directories,
    /// Of addresses and ports: whether that end may be meant.
    known: Memo<bool>,
}

// === impl Target ===

impl Target {
    /// Whether nobody is left out.
    pub fn is_everybody(&self) -> bool {
        self.target_namespace.is_empty() && self.target.is_none() && self.target_label.is_empty()
    }

    /// The same of calls, together with what else is asked of them.
    pub fn condition(&self, condition: Option<&str>) -> Option<String> {
        if self.is_everybody() {
            return condition.map(ToOwned::to_owned);
        }
        let either = format!("({} || {})", self.of_end("src"), self.of_end("dst"));
        // What the user says comes first: faults are shown at their places.
        let own = condition.filter(|text| !text.trim().is_empty());
        Some(own.map_or(either.clone(), |own| format!("({own}) && {either}")))
    }

    fn of_end(&self, end: &str) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut all = Vec::new();
        if !self.target_namespace.is_empty() {
            let names = self.target_namespace.iter();
            let any: Vec<_> =
                names.map(|name| format!("{end}.namespace == {}", quoted(name))).collect();
            all.push(format!("({})", any.join(" || ")));
        }
        if let Some(pattern) = &self.target {
            let pattern = quoted(pattern.as_str());
            all.push(format!(
                "({end}.workload.name.matches({pattern}) || {end}.pod.matches({pattern}))"
            ));
        }
        for (name, value) in &self.target_label {
            all.push(format!("{end}.labels[{}] == {}", quoted(name), quoted(value)));
        }
        format!("({})", all.join(" && "))
    }

    /// Whether this can be one of those that are meant: only who surely is none is left out.
    fn may_be(&self, peer: &Peer<'_>) -> bool {
        if !peer.doubts.is_empty() || !peer.candidates.is_empty() {
            return true;
        }
        // Who has no namespace is not known yet, outside, or a machine, on which pods may be that share its
        // address.
        let Some(namespace) = peer.namespace else { return true };
        if !self.target_namespace.is_empty()
            && !self.target_namespace.iter().any(|name| name == namespace)
        {
            return false;
        }
        // A service's address says nothing of the pods behind it.
        let Some(pod) = peer.pod else { return true };
        let fits = |pattern: &Regex| {
            pattern.is_match(pod) || peer.workload.is_some_and(|own| pattern.is_match(own.name))
        };
        let has = |(name, value): &(String, String)| {
            peer.labels.iter().any(|(own, of)| own == name && of == value)
        };
        self.target.as_ref().is_none_or(fits) && self.target_label.iter().all(has)
    }
}

// === impl Targeting ===

impl Targeting {
    pub(crate) fn new(target: Target, directories: Directories) -> Self {
        let known = Memo::new(directories.now(), KNOWN_MAX);
        Self { target, directories, known }
    }

    fn may_be(&mut self, end: Endpoint, key: &FlowKey, at: Timestamp) -> bool {
        let transport = key.transport;
        let query = Query { scope: 0, ip: end.ip, port: end.port, transport, at, process: None };
        let target = &self.target;
        *self.known.find(&query, |found| found.is_nobody() || target.may_be(&found.peer()))
    }
}

impl Aim for Targeting {
    fn is_meant(&mut self, key: &FlowKey, at: Timestamp) -> bool {
        if let Some(directory) = self.directories.news() {
            self.known.follow(directory);
        }
        self.may_be(key.a, key, at) || self.may_be(key.b, key, at)
    }
}

fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| error.to_string())
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a label is NAME=VALUE")?;
    if name.is_empty() {
        return Err("a label is NAME=VALUE".into());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use model::{Doubt, Workload};

    use super::*;

    fn target() -> Target {
        Target {
            target_namespace: vec!["shop".into(), "bank".into()],
            target: Some(pattern("^orders").unwrap()),
            target_label: vec![label("tier=backend").unwrap()],
        }
    }

    fn orders() -> Peer<'static> {
        Peer {
            namespace: Some("shop"),
            pod: Some("x-58-a"),
            workload: Some(Workload { kind: "Deployment", name: "orders" }),
            labels: vec![("app", "orders"), ("tier", "backend")],
            ..Peer::default()
        }
    }

    #[test]
    fn only_who_surely_is_not_meant_is_left_out() {
        let target = target();
        assert!(target.may_be(&orders()));
        let others = [
            Peer { namespace: Some("tools"), ..orders() },
            Peer { workload: None, ..orders() },
            Peer { labels: vec![("tier", "front")], ..orders() },
        ];
        others.iter().for_each(|peer| assert!(!target.may_be(peer), "{peer:?}"));
        let perhaps = [
            // Not known yet, or outside.
            Peer::default(),
            // A machine, which pods may share the address of.
            Peer { node: Some("a"), ..Peer::default() },
            // A service, of pods that are not told.
            Peer { namespace: Some("shop"), service: Some("front"), ..Peer::default() },
            // By its own name, where nobody owns it.
            Peer { workload: None, pod: Some("orders-0"), ..orders() },
            Peer { namespace: Some("tools"), doubts: vec![Doubt::Handover], ..orders() },
        ];
        perhaps.iter().for_each(|peer| assert!(target.may_be(peer), "{peer:?}"));
        let elsewhere = Peer { namespace: Some("tools"), service: Some("s"), ..Peer::default() };
        assert!(!target.may_be(&elsewhere));
    }

    #[test]
    fn of_calls_it_is_a_condition() {
        assert_eq!(Target::default().condition(None), None);
        assert_eq!(Target::default().condition(Some("http")).as_deref(), Some("http"));
        let one = Target { target_namespace: vec!["shop".into()], ..Target::default() };
        let text = one.condition(Some("http || dns")).unwrap();
        let ends = "(((src.namespace == \"shop\")) || ((dst.namespace == \"shop\")))";
        assert_eq!(text, format!("(http || dns) && {ends}"));
        // The language understands all of it, whatever is in names.
        let odd = Target {
            target: Some(pattern(r#"^a\.b"?$"#).unwrap()),
            target_label: vec![label(r#"app.kubernetes.io/name=x"\y"#).unwrap()],
            ..target()
        };
        let text = odd.condition(None).unwrap();
        super::super::wanted(&text).unwrap_or_else(|error| panic!("{text}: {error:#}"));
    }
}
