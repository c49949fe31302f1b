//! Elasticsearch and OpenSearch: the operation and the index in a path (`/shop/_search`), where either
//! side also says who it is or the answer has the form that they have. Others have `_search`, too.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use model::{Headline, Message, Outcome, Protocol, Status, Tell};

use super::{
    json::Json,
    table::fields,
    tell::{body, http_facts, http_headline, integer, maybe, path, text},
};
use crate::http::View;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "elasticsearch",
    about: "Elasticsearch and OpenSearch over HTTP: operation and index",
    specification: "https://www.elastic.co/docs/api/doc/elasticsearch/",
    fields: &FIELDS,
    headline,
    tell,
};

/// Bytes of a query shown, at most.
const QUERY_MAX: usize = 2 << 10;
/// Bytes of an answer looked at to see what it is.
const LOOK: usize = 512;

fields! {
    System = "db.system.name" Text, "Always elasticsearch; OpenSearch speaks the same";
    Operation = "db.operation.name" Text, "The operation: search, bulk, index, get, cluster.health";
    Collection = "db.collection.name" Text, "The index, or several";
    Query = "db.query.text" Text, "What is searched for, as sent; the first 2 KiB";
    Document = "elasticsearch.document_id" Text, "The document";
    Took = "elasticsearch.took_ms" Integer, "Milliseconds that it took, as the server says";
    Hits = "elasticsearch.hits" Integer, "Documents found in all";
    Errors = "elasticsearch.errors" Bool, "Some of the operations of a bulk request failed";
    TimedOut = "elasticsearch.timed_out" Bool, "The search was given up before its end";
    Error = "elasticsearch.error.type" Text, "What went wrong: index_not_found_exception";
    Reason = "elasticsearch.error.reason" Text, "What the server says about it";
}

/// What a path asks for.
#[derive(Debug)]
struct Asked<'m> {
    operation: Cow<'static, str>,
    index: Option<&'m [u8]>,
    document: Option<&'m [u8]>,
}

/// The operation in a path that has a segment with a low line in front.
fn asked<'m>(method: &[u8], path: &'m [u8]) -> Option<Asked<'m>> {
    let mut segments = path.split(|byte| *byte == b'/').skip(1).filter(|part| !part.is_empty());
    let first = segments.next()?;
    let (index, word) = match first.strip_prefix(b"_") {
        Some(word) if first != b"_all" => (None, word),
        _ => (Some(first), segments.next()?.strip_prefix(b"_")?),
    };
    let rest = segments.next();
    let word = str::from_utf8(word).ok().filter(|word| word.len() < 40)?;
    let operation: Cow<'static, str> = match (word, method) {
        ("doc" | "create", b"GET") => "get".into(),
        ("doc", b"HEAD") => "exists".into(),
        ("doc", b"DELETE") => "delete".into(),
        ("doc", _) => "index".into(),
        ("create", _) => "create".into(),
        ("source", _) => "get_source".into(),
        _ if OPERATIONS.contains(&word) => word.to_owned().into(),
        _ => match (GROUPS.contains(&word), rest) {
            (true, Some(rest)) => {
                let rest = String::from_utf8_lossy(rest);
                format!("{word}.{}", rest.trim_start_matches('_')).into()
            }
            (true, None) => word.to_owned().into(),
            (false, _) => return None,
        },
    };
    let has_document = matches!(word, "doc" | "create" | "source" | "update" | "explain");
    Some(Asked { operation, index, document: rest.filter(|_| has_document) })
}

const OPERATIONS: [&str; 45] = [
    "search",
    "msearch",
    "bulk",
    "mget",
    "count",
    "update",
    "delete_by_query",
    "update_by_query",
    "reindex",
    "mapping",
    "mappings",
    "settings",
    "alias",
    "aliases",
    "refresh",
    "flush",
    "forcemerge",
    "stats",
    "segments",
    "analyze",
    "validate",
    "explain",
    "field_caps",
    "termvectors",
    "rollover",
    "shrink",
    "split",
    "clone",
    "open",
    "close",
    "pit",
    "template",
    "index_template",
    "component_template",
    "scripts",
    "render",
    "rank_eval",
    "recovery",
    "resolve",
    "async_search",
    "query",
    "sql",
    "eql",
    "mtermvectors",
    "terms_enum",
];
const GROUPS: [&str; 17] = [
    "cluster",
    "cat",
    "nodes",
    "tasks",
    "snapshot",
    "ingest",
    "ilm",
    "security",
    "license",
    "xpack",
    "plugins",
    "remote",
    "ml",
    "transform",
    "watcher",
    "data_stream",
    "opendistro",
];

/// In front of an operation.
static OPERATION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("/_"));

/// Whether a call is one.
pub(super) fn is_call(view: View<'_>, response: Option<&Message>) -> bool {
    if OPERATION.find(view.target()).is_none() || asked(view.method(), path(view)).is_none() {
        return false;
    }
    let says = |name: &[u8], starts: &[&[u8]]| {
        view.field(name).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            starts.iter().any(|start| value.starts_with(start))
        })
    };
    says(b"user-agent", &[b"elastic", b"opensearch", b"go-elasticsearch", b"logstash"])
        || says(b"content-type", &[b"application/vnd.elasticsearch+", b"application/x-ndjson"])
        || view.field(b"x-elastic-client-meta").is_some()
        || response.is_some_and(answers)
}

fn answers(message: &Message) -> bool {
    const SIGNS: [&[u8]; 6] = [
        b"\"took\":",
        b"\"_shards\":",
        b"\"_index\":",
        b"\"cluster_name\":",
        b"\"acknowledged\":",
        b"\"root_cause\":",
    ];
    let Some(view) = View::of(message) else { return false };
    if view.field(b"x-elastic-product").is_some() {
        return true;
    }
    let body = body(message);
    let start = body.get(..LOOK).unwrap_or(&body);
    start.first() == Some(&b'{')
        && SIGNS.iter().any(|sign| memchr::memmem::find(start, sign).is_some())
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let mut line = http_headline(request, response);
    if let Some(view) = request.and_then(View::of)
        && let Some(asked) = asked(view.method(), path(view))
    {
        line.method = Some(asked.operation.into_owned().into_bytes().into());
        line.endpoint = Some(asked.index.unwrap_or(path(view)).into());
    }
    if let Some(message) = response {
        let body = body(message);
        let json = Json::of(&body);
        if let Some(kind) = error(json) {
            let said = json.at(&["error", "reason"]).and_then(Json::text);
            let said = said.unwrap_or_default().into_owned().into_bytes();
            let outcome = Outcome::Error;
            line.status =
                Some(Status { code: kind.into_bytes().into(), text: said.into(), outcome });
        }
    }
    line
}

fn error(json: Json<'_>) -> Option<String> {
    json.at(&["error", "type"]).and_then(Json::text).map(Cow::into_owned)
}

fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    let body = body(message);
    text(to, At::System, "elasticsearch");
    if view.is_request() {
        let Some(asked) = asked(view.method(), path(view)) else { return };
        text(to, At::Operation, asked.operation.as_bytes());
        maybe(to, At::Collection, asked.index);
        maybe(to, At::Document, asked.document);
        let is_query =
            matches!(&*asked.operation, "search" | "msearch" | "count" | "sql" | "query" | "eql");
        if is_query && !body.is_empty() {
            text(to, At::Query, body.get(..QUERY_MAX).unwrap_or(&body));
        }
        return;
    }
    let json = Json::of(&body);
    if let Some(took) = json.get("took").and_then(Json::integer) {
        integer(to, At::Took, took);
    }
    let total = json.at(&["hits", "total"]);
    let hits = total.and_then(|total| total.get("value").unwrap_or(total).integer());
    if let Some(hits) = hits {
        integer(to, At::Hits, hits);
    }
    if json.get("errors").is_some_and(Json::is_true) {
        super::tell::flag(to, At::Errors);
    }
    if json.get("timed_out").is_some_and(Json::is_true) {
        super::tell::flag(to, At::TimedOut);
    }
    maybe(to, At::Error, error(json));
    let reason = json.at(&["error", "reason"]).and_then(Json::text);
    maybe(to, At::Reason, reason.map(|reason| reason.into_owned()));
}
