//! How the server is, what it lost, and what it can't see.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{ImportFacts, Rates, Unread, Who, advice, state::Api};

/// Workloads and reasons that are told; /metrics has the sum.
const UNREAD_MAX: usize = 200;

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, description = "It does", content_type = "text/plain", body = String)))]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Sources, rates, losses in words, what can't be read, and what the store holds.
#[utoipa::path(get, path = "/api/v1/health", tag = "health",
    responses((status = 200, description = "How it is", body = crate::openapi::Health)))]
pub(crate) async fn health(State(api): State<Arc<Api>>, who: Who) -> Json<Value> {
    let facts = api.source.facts();
    let imports: Vec<_> = api.imports.all().iter().map(|import| import.facts_for(&who)).collect();
    let told = losses(&api);
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "sources": imports,
        "nodes": nodes(&api),
        "calls": facts.calls,
        "oldest": facts.oldest.map(export::moment),
        "newest": facts.newest.map(export::moment),
        "rates": rates(&api, &imports),
        "losses": told["losses"],
        "noticed": noticed(&api),
        "unread": unread(&api, &who).iter().take(UNREAD_MAX).map(Seen::told).collect::<Vec<_>>(),
        "sinks": if who.scope().is_none() { sinks(&api) } else { Vec::new() },
        "protocols": protocols(&api),
        "tail": { "readers": api.hub.readers(),
            "missed": api.hub.missed.load(std::sync::atomic::Ordering::Relaxed) },
        "store": { "calls": facts.calls, "calls_in_memory": facts.calls_in_memory,
            "memory_bytes": facts.memory_bytes, "files": facts.files,
            "file_bytes": facts.file_bytes, "log_bytes": facts.log_bytes,
            "bytes_max": facts.bytes_max },
    }))
}

/// Who answers, where several do.
fn nodes(api: &Api) -> Vec<Value> {
    let members = api.source.members();
    let told = members.iter().map(|member| {
        json!({ "name": member.name, "connected": member.is_there, "version": member.program,
            "calls": member.calls })
    });
    told.collect()
}

/// What comes in a second, of all captures that go on.
fn rates(api: &Api, imports: &[ImportFacts]) -> Value {
    let sum =
        |of: fn(&Rates) -> f64| -> f64 { imports.iter().flat_map(|one| &one.rates).map(of).sum() };
    json!({ "calls_per_s": api.metrics.rates(), "packets_per_s": sum(|rates| rates.packets_per_s),
        "bytes_per_s": sum(|rates| rates.bytes_per_s),
        "losses_per_s": sum(|rates| rates.losses_per_s) })
}

/// Everything that was lost, in words; only what was.
pub(crate) fn losses(api: &Api) -> Value {
    json!({ "losses": counts(api, true) })
}

fn noticed(api: &Api) -> Vec<Value> {
    counts(api, false)
}

fn counts(api: &Api, loss: bool) -> Vec<Value> {
    let mut all: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut add = |name: &str, words: &str, count: u64| {
        if count > 0 {
            all.entry(name.to_owned()).or_insert_with(|| (words.to_owned(), 0)).1 += count;
        }
    };
    for import in api.imports.all() {
        for count in import.facts().counts.iter().filter(|count| count.loss == loss) {
            add(&count.name, &count.words, count.count);
        }
    }
    for count in api.source.facts().counts.iter().filter(|count| count.is_loss == loss) {
        add(&count.name, &count.about, count.value);
    }
    if !loss {
        let sent = api.sent.spans.load(std::sync::atomic::Ordering::Relaxed);
        add("otlp_spans_sent", "spans that the collector took", sent);
    }
    if let Some(audit) = &api.settings.audit {
        if loss {
            add(
                "audit_lines_lost",
                "lines of the audit log that could not be written",
                audit.lost(),
            );
        } else {
            add("audit_lines", "lines of the audit log", audit.lines());
        }
    }
    for sent in &api.settings.sinks {
        if loss {
            add(
                "sink_calls_lost",
                "calls that left the store before a sink took them",
                sent.lost(),
            );
            add("sink_calls_refused", "calls that a sink refused for good", sent.refused());
        } else {
            add("sink_calls_sent", "calls that sinks took", sent.calls());
            add("sink_failures", "batches that a sink did not take at once", sent.failures());
        }
    }
    if loss {
        add("lines_refused", "calls that could not be stored", api.intake.refused());
        let missed = api.hub.missed.load(std::sync::atomic::Ordering::Relaxed);
        let lost = api.sent.lost.load(std::sync::atomic::Ordering::Relaxed);
        add("otlp_spans_lost", "spans that the collector did not take", lost);
        add("tail_missed", "calls that slow readers of the live tail missed", missed);
    }
    all.into_iter().map(|(name, (words, count))| counted(&name, &words, count, loss)).collect()
}

fn counted(name: &str, words: &str, count: u64, loss: bool) -> Value {
    let mut told = json!({ "name": name, "words": words, "count": count });
    let next = advice::of_loss(name);
    if loss && !next.is_empty() {
        told["next"] = json!(next);
    }
    told
}

/// What was captured and can't be read, by workload and reason, all sources together; those with the most
/// bytes first. Who is limited to namespaces is told of their workloads alone.
pub(crate) fn unread(api: &Api, who: &Who) -> Vec<Seen> {
    let mut all: BTreeMap<(Option<String>, String, &'static str), Seen> = BTreeMap::new();
    for import in api.imports.all() {
        let source = import.facts_for(who).name;
        let theirs = |one: &Unread| who.scope().is_none_or(|is| is.has(one.namespace.as_deref()));
        for one in import.unread().into_iter().filter(theirs) {
            // Servers that nobody knows are told apart by their addresses.
            let known = one.workload.is_some();
            let server = if known { None } else { one.server.clone() };
            let name = one.workload.clone().or(server).unwrap_or_default();
            let key = (one.namespace.clone(), name, one.why);
            let seen = all.entry(key).or_insert_with(|| Seen {
                source: source.clone(),
                unread: Unread { flows: 0, bytes: 0, ..one.clone() },
            });
            seen.unread.flows += one.flows;
            seen.unread.bytes += one.bytes;
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.sort_by_key(|seen| Reverse(seen.unread.bytes));
    all
}

/// Something unread, and the first source that it was met in.
pub(crate) struct Seen {
    source: String,
    pub(crate) unread: Unread,
}

// === impl Seen ===

impl Seen {
    fn told(&self) -> Value {
        let Unread { server, namespace, workload, why, flows, bytes } = &self.unread;
        let (what, next) = advice::of_unread(why);
        json!({ "source": self.source, "server": server, "namespace": namespace,
            "workload": workload, "why": why, "what": what, "flows": flows, "bytes": bytes,
            "next": next })
    }
}

/// What goes to others as it comes: what they took, what waits, what is lost, and why.
fn sinks(api: &Api) -> Vec<Value> {
    let engines = api.settings.sinks.iter().map(|sent| {
        json!({ "name": sent.kind(), "to": sent.name(), "sent": sent.calls(),
            "waiting": sent.waiting(), "lost": sent.lost(), "refused": sent.refused(), "why_refused": sent.why_refused(), "fault": sent.fault() })
    });
    api.sent.told().into_iter().chain(engines).collect()
}

/// What each dissector found.
fn protocols(api: &Api) -> Vec<Value> {
    let mut all: BTreeMap<String, (u64, [u64; 4])> = BTreeMap::new();
    for import in api.imports.all() {
        for (name, flows, calls) in import.protocols() {
            let sum = all.entry(name).or_default();
            sum.0 += flows;
            sum.1.iter_mut().zip(calls).for_each(|(sum, more)| *sum += more);
        }
    }
    all.into_iter()
        .map(|(name, (flows, [matched, unanswered, orphans, one_way]))| {
            json!({ "protocol": name, "flows": flows, "matched": matched,
                "unanswered": unanswered, "orphan": orphans, "one_way": one_way })
        })
        .collect()
}
