//! What is told of a call.

use model::{Headline, Message, Outcome, Status, Tell};

use super::fields::At;
use crate::{
    http::View,
    over_http::{
        json::Json,
        jsonrpc::show::{error, with_messages},
        tell::{body, flag, http_facts, http_headline, integer, maybe, path, text},
    },
};

/// Names of one list that are told.
const LISTED_MAX: usize = 64;

/// The line of a call in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let mut line = http_headline(request, response);
    if let Some(message) = request {
        let body = body(message);
        let json = Json::of(&body);
        if let Some(method) = super::jsonrpc::method(json) {
            line.method = Some(method.into_bytes().into());
        }
        line.endpoint = match subject(json) {
            Some(name) => Some(name.into_bytes().into()),
            None => View::of(message).filter(|v| v.is_request()).map(|view| path(view).into()),
        };
    }
    let failed = response.and_then(|response| {
        error(response).or_else(|| Some(("isError".to_owned(), tool_error(response)?)))
    });
    if let Some((code, text)) = failed {
        line.status = Some(Status {
            code: code.into_bytes().into(),
            text: text.into_bytes().into(),
            outcome: Outcome::Error,
        });
    }
    line
}

/// What a call is about.
fn subject(json: Json<'_>) -> Option<String> {
    let params = json.get("params")?;
    let name = params.get("name").or(params.get("uri"))?;
    Some(name.text()?.into_owned())
}

/// What a tool says that failed.
fn tool_error(response: &Message) -> Option<String> {
    with_messages(response, |json| {
        let result = json.get("result")?;
        result.get("isError").filter(|is| is.is_true())?;
        Some(content(result))
    })
}

fn content(result: Json<'_>) -> String {
    let parts = result.get("content").or(result.get("contents"));
    let texts = parts.into_iter().flat_map(Json::items).filter_map(|part| part.get("text")?.text());
    texts.fold(String::new(), |all, text| all + &text)
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    maybe(to, At::Session, view.field(b"mcp-session-id"));
    with_messages(message, |json| {
        json.get("params").or(json.get("result")).or(json.get("error")).or(json.get("method"))?;
        tell_message(json, to);
        // The first that is an answer, or the only one.
        (json.get("result").is_some() || json.get("error").is_some()).then_some(())
    });
}

fn tell_message(json: Json<'_>, to: &mut dyn Tell) {
    let named = |value: Option<Json<'_>>| Some(value?.text()?.into_owned());
    let method = named(json.get("method"));
    maybe(to, At::Method, method.as_deref());
    maybe(to, At::Id, json.get("id").map(Json::raw));
    let version = ["params", "result"].iter().find_map(|key| json.at(&[key, "protocolVersion"]));
    maybe(to, At::Version, named(version));
    let name = named(json.at(&["params", "name"]));
    match method.as_deref() {
        Some("tools/call") => maybe(to, At::Tool, name),
        Some("prompts/get") => maybe(to, At::Prompt, name),
        _ => {}
    }
    maybe(to, At::Resource, named(json.at(&["params", "uri"])));
    maybe(to, At::Arguments, json.at(&["params", "arguments"]).map(Json::raw));
    let peers = [["params", "clientInfo"], ["result", "serverInfo"]];
    if let Some(peer) = peers.iter().find_map(|path| json.at(path)) {
        let part = |key| named(peer.get(key)).unwrap_or_default();
        text(to, At::Peer, format!("{} {}", part("name"), part("version")).trim_end());
    }
    if let Some(result) = json.get("result") {
        tell_result(result, to);
    }
    if let Some(code) = json.at(&["error", "code"]).and_then(Json::integer) {
        integer(to, At::Code, code);
    }
    maybe(to, At::Error, named(json.at(&["error", "message"])));
}

fn tell_result(result: Json<'_>, to: &mut dyn Tell) {
    let lists = ["tools", "resources", "prompts"];
    let listed = lists.iter().filter_map(|key| result.get(key)).flat_map(Json::items);
    for one in listed.take(LISTED_MAX) {
        maybe(to, At::Listed, one.get("name").and_then(Json::text).as_deref());
    }
    maybe(to, At::Content, Some(content(result)).filter(|content| !content.is_empty()));
    if result.get("isError").is_some_and(Json::is_true) {
        flag(to, At::Failed);
    }
}
