//! GraphQL over HTTP (<https://graphql.github.io/graphql-over-http/draft/>): a document in a POST or
//! in the query of a GET, one by one or as a list. A 200 with `errors` has failed.

mod document;
mod fields;
mod show;
#[cfg(test)]
mod tests;

use model::Protocol;

use super::json::Json;
use crate::http::View;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "graphql",
    about: "GraphQL over HTTP: operations, batches, persisted queries, errors",
    specification: "https://graphql.github.io/graphql-over-http/draft/",
    fields: &fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What one request asks for.
#[derive(Clone, Debug, Default)]
struct Asked {
    /// The document's text, if it is sent.
    query: Option<String>,
    name: Option<String>,
    /// The hash of a document that the server knows.
    hash: Option<String>,
}

/// Whether a JSON body is a request of GraphQL.
pub(super) fn is_request(body: Json<'_>) -> bool {
    let one = if body.is_list() { body.items().next() } else { Some(body) };
    one.is_some_and(|one| {
        let query = one.get("query").and_then(Json::text);
        query.is_some_and(|query| document::Operation::of(&query, None).is_some())
            || one.at(&["extensions", "persistedQuery", "sha256Hash"]).is_some()
    })
}

/// Whether the query of a request without a body asks in GraphQL.
pub(super) fn is_query(view: View<'_>) -> bool {
    if !may_be_query(view.target()) {
        return false;
    }
    let asked = Asked::of_target(view);
    asked.hash.is_some()
        || asked.query.is_some_and(|query| {
            query.trim_start().starts_with(['{', 'q', 'm', 's', 'f', '#'])
                && document::Operation::of(&query, None).is_some_and(|found| found.is_whole)
        })
}

/// Whether a parameter has one of the names that matter: most requests have none.
fn may_be_query(target: &[u8]) -> bool {
    let Some(start) = memchr::memchr(b'?', target) else { return false };
    let query = target.get(start + 1..).unwrap_or_default();
    let mut parameters = query.split(|b| *b == b'&');
    parameters.any(|one| one.starts_with(b"query=") || one.starts_with(b"extensions="))
}

// === impl Asked ===

impl Asked {
    fn of_json(json: Json<'_>) -> Self {
        let text = |value: Option<Json<'_>>| Some(value?.text()?.into_owned());
        Self {
            query: text(json.get("query")),
            name: text(json.get("operationName")).filter(|name| !name.is_empty()),
            hash: text(json.at(&["extensions", "persistedQuery", "sha256Hash"])),
        }
    }

    fn of_target(view: View<'_>) -> Self {
        let value = |name: &[u8]| {
            let value = super::tell::parameter(view, name)?;
            Some(String::from_utf8_lossy(&value).into_owned())
        };
        let extensions = value(b"extensions").unwrap_or_default();
        let hash = Json::of(extensions.as_bytes()).at(&["persistedQuery", "sha256Hash"]);
        Self {
            query: value(b"query"),
            name: value(b"operationName").filter(|name| !name.is_empty()),
            hash: hash.and_then(Json::text).map(Into::into),
        }
    }

    fn operation(&self) -> Option<document::Operation> {
        document::Operation::of(self.query.as_deref()?, self.name.as_deref())
    }
}
