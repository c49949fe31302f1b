//! Who calls whom: a node for each workload, an edge for each pair and protocol.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{Json, extract::State};
use filter::{Column, Condition, End};
use serde_json::{Value, json};
use store::{Aggregate, By, Cell, Measure, Stop};

use crate::{
    Who,
    aggregate::{cell, count},
    fault::{Answer, ErrorBody},
    params::{Asked, Chosen, Which},
    state::Api,
    text::now,
};

/// Edges of one map.
const EDGES_MAX: usize = 5000;
/// What names a node, the best first, and what is told beside it.
const KNOWN: [(End, &str); 5] = [
    (End::Namespace, "namespace"),
    (End::WorkloadKind, "workload.kind"),
    (End::WorkloadName, "workload.name"),
    (End::Service, "service"),
    (End::Name, "name"),
];
/// Figures of an edge: calls, errors, rate, p50, p99.
const SHOW: [Measure; 5] =
    [Measure::Count, Measure::Errors, Measure::Rate, Measure::P50, Measure::P99];

/// A node, as its edges tell it.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Node {
    kind: String,
    namespace: Option<String>,
    name: String,
}

/// What is known of an edge.
#[derive(Clone, Debug, Default)]
struct Edge {
    calls: i64,
    errors: i64,
    rate: f64,
    p50: Option<f64>,
    p99: Option<f64>,
}

/// Whether an end is told by its names, or, as it has none, by its address.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Told {
    Name,
    Address,
}

/// The service map.
#[utoipa::path(get, path = "/api/v1/map", tag = "figures", params(Which),
    responses((status = 200, description = "Nodes and edges", body = crate::openapi::ServiceMap),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn map(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<Which>,
) -> Answer<Json<Value>> {
    let chosen = asked.choose(&api, &who)?;
    let condition = asked.text().to_owned();
    let (edges, truncated) =
        api.query(move |api, stop| edges(api, &who, &chosen, &condition, &stop)).await?;
    Ok(Json(told(&edges, truncated)))
}

type Edges = BTreeMap<(Node, Node, String), Edge>;

/// Grouping all calls by address would make a group for each client of the world: only ends without
/// a name are.
fn edges(
    api: &Api,
    who: &Who,
    chosen: &Chosen,
    condition: &str,
    stop: &Stop,
) -> Result<(Edges, bool), crate::Fault> {
    let mut edges = Edges::new();
    let mut truncated = false;
    let ways = [
        (Told::Name, Told::Name),
        (Told::Name, Told::Address),
        (Told::Address, Told::Name),
        (Told::Address, Told::Address),
    ];
    for (src, dst) in ways {
        let narrowed = format!("{} && {}", has("src", src), has("dst", dst));
        let narrowed = match condition {
            "" => narrowed,
            // A comment ends with its line.
            condition => format!("({condition}\n) && {narrowed}"),
        };
        let narrowed = Condition::compile(&narrowed, &api.columns, now())?;
        let mut by = columns("src", src);
        let split = by.len();
        by.extend(columns("dst", dst));
        let end = by.len();
        by.push(By::Column(Column::Call(filter::Fact::Protocol), "protocol".into()));
        let table = api.source.by(who).aggregate(&Aggregate {
            condition: Some(Arc::new(narrowed)),
            from: chosen.from,
            to: chosen.to,
            by,
            show: SHOW.to_vec(),
            limit: EDGES_MAX,
            stop: stop.clone(),
            ..Aggregate::default()
        })?;
        truncated |= table.truncated;
        for row in &table.rows {
            let (Some(from), Some(to)) = (row.get(..split), row.get(split..end)) else { continue };
            let Some(Cell::Text(protocol)) = row.get(end) else { continue };
            let key = (node(from, src), node(to, dst), protocol.clone());
            edges.entry(key).or_default().add(row.get(end + 1..).unwrap_or_default());
        }
    }
    Ok((edges, truncated))
}

/// The condition that an end is told in this way.
fn has(side: &str, told: Told) -> String {
    let known = format!("(has({side}.workload.name) || has({side}.service) || has({side}.name))");
    match told {
        Told::Name => known,
        Told::Address => format!("!{known}"),
    }
}

fn columns(side: &str, told: Told) -> Vec<By> {
    let column = |end: End| if side == "src" { Column::Src(end) } else { Column::Dst(end) };
    let by = |end: End, name: &str| By::Column(column(end), format!("{side}.{name}"));
    match told {
        Told::Name => KNOWN.iter().map(|(end, name)| by(*end, name)).collect(),
        Told::Address => vec![by(End::Ip, "ip")],
    }
}

/// The workload, or else the service, or else the name, or else the address.
fn node(cells: &[Cell], told: Told) -> Node {
    let text = |index: usize| match cells.get(index) {
        Some(Cell::Text(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    if told == Told::Address {
        return Node { kind: "address".into(), namespace: None, name: text(0).unwrap_or_default() };
    }
    let (namespace, kind) = (text(0), text(1));
    if let Some(name) = text(2) {
        return Node { kind: kind.unwrap_or_else(|| "workload".into()), namespace, name };
    }
    match text(3) {
        Some(name) => Node { kind: "Service".into(), namespace, name },
        None => Node { kind: "name".into(), namespace, name: text(4).unwrap_or_default() },
    }
}

// === impl Edge ===

impl Edge {
    /// Adds the figures of a row. Where one workload goes by several names, its rows are taken
    /// together: the worst p99, the mean of the medians.
    #[expect(clippy::cast_precision_loss, reason = "a share of a count")]
    fn add(&mut self, figures: &[Cell]) {
        let number = |index: usize| match figures.get(index) {
            Some(Cell::Int(number)) => Some(*number as f64),
            Some(Cell::Float(number)) => Some(*number),
            _ => None,
        };
        let calls = count(figures.first());
        let share = calls as f64 / ((self.calls + calls).max(1)) as f64;
        self.p50 = match (self.p50, number(3)) {
            (Some(old), Some(new)) => Some(old + (new - old) * share),
            (old, new) => old.or(new),
        };
        self.p99 = match (self.p99, number(4)) {
            (Some(old), Some(new)) => Some(old.max(new)),
            (old, new) => old.or(new),
        };
        self.calls += calls;
        self.errors += count(figures.get(1));
        self.rate += number(2).unwrap_or(0.0);
    }
}

// === impl Node ===

impl Node {
    fn id(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{}/{namespace}/{}", self.kind, self.name),
            None => format!("{}/{}", self.kind, self.name),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a count")]
fn told(edges: &Edges, truncated: bool) -> Value {
    let mut nodes: HashMap<&Node, (i64, i64)> = HashMap::new();
    for ((from, to, _), edge) in edges {
        nodes.entry(from).or_default();
        let of = nodes.entry(to).or_default();
        of.0 += edge.calls;
        of.1 += edge.errors;
    }
    let mut nodes: Vec<_> = nodes.into_iter().collect();
    nodes.sort();
    let nodes: Vec<_> = nodes
        .into_iter()
        .map(|(node, (calls, errors))| {
            json!({ "id": node.id(), "name": node.name, "kind": node.kind,
                "namespace": node.namespace, "calls": calls, "errors": errors })
        })
        .collect();
    let ns = |figure: Option<f64>| figure.map(|ns| cell(&Cell::Int(ns.round() as i64)));
    let edges: Vec<_> = edges
        .iter()
        .map(|((from, to, protocol), edge)| {
            json!({ "from": from.id(), "to": to.id(), "protocol": protocol,
                "calls": edge.calls, "errors": edge.errors, "rate": edge.rate,
                "error_rate": edge.errors as f64 / edge.calls.max(1) as f64,
                "p50_ns": ns(edge.p50), "p99_ns": ns(edge.p99) })
        })
        .collect();
    json!({ "nodes": nodes, "edges": edges, "truncated": truncated })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    #[test]
    fn a_node_is_the_best_name_there_is() {
        let cells = [text("shop"), text("Deployment"), text("cart"), Cell::Missing, text("cart-1")];
        assert_eq!(node(&cells, Told::Name).id(), "Deployment/shop/cart");
        let cells = [text("shop"), Cell::Missing, Cell::Missing, text("dns"), text("x")];
        assert_eq!(node(&cells, Told::Name).id(), "Service/shop/dns");
        let cells = [Cell::Missing, Cell::Missing, Cell::Missing, Cell::Missing, text("x.example")];
        assert_eq!(node(&cells, Told::Name).id(), "name/x.example");
        assert_eq!(node(&[text("10.0.0.1")], Told::Address).id(), "address/10.0.0.1");
    }

    #[test]
    fn rows_of_one_edge_are_taken_together() {
        let mut edge = Edge::default();
        let row = |calls, p| {
            [Cell::Int(calls), Cell::Int(1), Cell::Float(0.5), Cell::Int(p), Cell::Int(p * 2)]
        };
        edge.add(&row(30, 100));
        edge.add(&row(10, 200));
        assert_eq!((edge.calls, edge.errors), (40, 2));
        assert_eq!((edge.p50, edge.p99), (Some(125.0), Some(400.0)));
    }
}
