//! The Model Context Protocol over streamable HTTP
//! (<https://modelcontextprotocol.io/specification/2025-06-18/basic/transports>): JSON-RPC with
//! methods of its own; an answer may come as events.

mod fields;
mod show;
#[cfg(test)]
mod tests;

use model::Protocol;

use super::{json::Json, jsonrpc};
use crate::http::View;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "mcp",
    about: "Model Context Protocol over HTTP: sessions, tools, resources, prompts",
    specification: "https://modelcontextprotocol.io/specification/2025-06-18",
    fields: &fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// Methods that nobody else has.
const METHODS: [&str; 16] = [
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "sampling/createMessage",
    "roots/list",
    "elicitation/create",
    "notifications/initialized",
    "notifications/cancelled",
];

/// Whether a message of JSON-RPC is one of it.
pub(super) fn is_message(view: View<'_>, body: Json<'_>) -> bool {
    let method = jsonrpc::method(body);
    if method.as_deref().is_some_and(|method| METHODS.contains(&method)) {
        return true;
    }
    let begins = method.as_deref() == Some("initialize")
        && body.at(&["params", "protocolVersion"]).is_some();
    begins || has_session(view)
}

/// Whether a head names a session.
pub(super) fn has_session(view: View<'_>) -> bool {
    view.field(b"mcp-session-id").is_some()
}
