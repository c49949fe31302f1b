//! How the server is, what it lost, and what it can't see.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::state::Api;

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health",
    responses((status = 200, description = "It does", content_type = "text/plain", body = String)))]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Sources, rates, losses in words, what can't be read, and what the store holds.
#[utoipa::path(get, path = "/api/v1/health", tag = "health",
    responses((status = 200, description = "How it is", body = crate::openapi::Health)))]
pub(crate) async fn health(State(api): State<Arc<Api>>) -> Json<Value> {
    let facts = api.store.facts();
    let imports: Vec<_> = api.imports.all().iter().map(|import| import.facts()).collect();
    let told = losses(&api);
    let rates = api.metrics.rates();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "sources": imports,
        "calls": facts.calls,
        "oldest": facts.oldest.map(export::moment),
        "newest": facts.newest.map(export::moment),
        "rates": { "calls_per_s": rates },
        "losses": told["losses"],
        "noticed": noticed(&api),
        "unread": unread(&api),
        "protocols": protocols(&api),
        "tail": { "readers": api.hub.readers(),
            "missed": api.hub.missed.load(std::sync::atomic::Ordering::Relaxed) },
        "store": { "calls": facts.calls, "calls_in_memory": facts.calls_in_memory,
            "memory_bytes": facts.memory_bytes, "files": facts.files,
            "file_bytes": facts.file_bytes, "log_bytes": facts.log_bytes,
            "bytes_max": facts.bytes_max },
    }))
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
    for count in api.store.facts().counts.iter().filter(|count| count.is_loss == loss) {
        add(count.name, count.about, count.value);
    }
    if !loss {
        let sent = api.sent.spans.load(std::sync::atomic::Ordering::Relaxed);
        add("otlp_spans_sent", "spans that the collector took", sent);
    }
    if loss {
        add("lines_refused", "calls that could not be stored", api.intake.refused());
        let missed = api.hub.missed.load(std::sync::atomic::Ordering::Relaxed);
        let lost = api.sent.lost.load(std::sync::atomic::Ordering::Relaxed);
        add("otlp_spans_lost", "spans that the collector did not take", lost);
        add("tail_missed", "calls that slow readers of the live tail missed", missed);
    }
    all.into_iter()
        .map(|(name, (words, count))| json!({ "name": name, "words": words, "count": count }))
        .collect()
}

/// What was captured and can't be read, for each source.
fn unread(api: &Api) -> Vec<Value> {
    let told = api.imports.all();
    told.iter()
        .filter_map(|import| {
            let facts = import.facts();
            let flows = facts.facts.map_or(0, |facts| facts.unknown_flows);
            let bytes = facts.counts.iter().find(|count| count.name == "unknown_bytes");
            (flows > 0).then(|| {
                json!({ "source": facts.name, "what": "connections in no known protocol",
                    "flows": flows, "bytes": bytes.map_or(0, |count| count.count) })
            })
        })
        .collect()
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
