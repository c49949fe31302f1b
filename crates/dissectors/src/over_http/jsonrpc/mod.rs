//! JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>) over HTTP: one call or a batch of them in a
//! POST. What is told serves those on connections of their own, too ([`jsonrpc`](crate::jsonrpc)).

mod fields;
pub(super) mod show;
#[cfg(test)]
mod tests;

use model::Protocol;

use super::json::Json;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "jsonrpc",
    about: "JSON-RPC 2.0 in HTTP, in lines or with headers as language servers have it: calls, notifications, batches",
    specification: "https://www.jsonrpc.org/specification",
    fields: &fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// Whether a JSON body is a message of it: the member `jsonrpc` says so.
pub(crate) fn is_message(body: Json<'_>) -> bool {
    let one = if body.is_list() { body.items().next() } else { Some(body) };
    one.and_then(|one| one.get("jsonrpc")?.text()).is_some_and(|version| version == "2.0")
}

/// The method of a message, or of the first of a batch.
pub(super) fn method(body: Json<'_>) -> Option<String> {
    let one = if body.is_list() { body.items().next()? } else { body };
    Some(one.get("method")?.text()?.into_owned())
}
