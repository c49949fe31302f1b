//! JSON-RPC 2.0 over HTTP (<https://www.jsonrpc.org/specification>): one call or a batch of them in a
//! POST.

mod fields;
pub(super) mod show;
#[cfg(test)]
mod tests;

use model::Protocol;

use super::json::Json;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "jsonrpc",
    about: "JSON-RPC 2.0 over HTTP: calls, notifications, batches, errors",
    specification: "https://www.jsonrpc.org/specification",
    fields: &fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// Whether a JSON body is a message of it: the member `jsonrpc` says so.
pub(super) fn is_message(body: Json<'_>) -> bool {
    let one = if body.is_list() { body.items().next() } else { Some(body) };
    one.and_then(|one| one.get("jsonrpc")?.text()).is_some_and(|version| version == "2.0")
}

/// The method of a message, or of the first of a batch.
pub(super) fn method(body: Json<'_>) -> Option<String> {
    let one = if body.is_list() { body.items().next()? } else { body };
    Some(one.get("method")?.text()?.into_owned())
}
