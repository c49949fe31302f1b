//! What is told of a call.

use model::{Headline, Message, Outcome, Status, Tell};

use super::{answer::Answer, fields::At};
use crate::{
    http::View,
    over_http::{
        json::Json,
        sse::show::came,
        tell::{body, flag, http_facts, http_headline, integer, maybe, signed, text},
    },
};

/// Tools that are told.
const TOOLS_MAX: usize = 64;

/// The line of a call in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let mut line = http_headline(request, response);
    if let Some(message) = request
        && let Some(view) = View::of(message).filter(|view| view.is_request())
    {
        let body = body(message);
        let json = Json::of(&body);
        line.method = super::operation(view, json).map(|name| name.as_bytes().into());
        let model = json.get("model").and_then(Json::text);
        line.endpoint = model.map(|model| model.into_owned().into_bytes().into());
    }
    if let Some(error) = response.and_then(|response| Answer::of(response).error)
        && let Some(status) = &mut line.status
    {
        let text = error.into_bytes().into();
        *status = Status { code: status.code.clone(), text, outcome: Outcome::Error };
    }
    line
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    if view.is_request() {
        tell_asked(message, view, to);
    } else {
        tell_answered(message, to);
    }
}

fn tell_asked(message: &Message, view: View<'_>, to: &mut dyn Tell) {
    let body = body(message);
    let json = Json::of(&body);
    maybe(to, At::Operation, super::operation(view, json));
    let anthropic = view.field(b"anthropic-version").is_some();
    text(to, At::Provider, if anthropic { "anthropic" } else { "openai" });
    maybe(to, At::Model, json.get("model").and_then(Json::text).as_deref());
    let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    if let Some(most) = limits.iter().find_map(|name| json.get(name)?.integer()) {
        integer(to, At::MaxTokens, most);
    }
    maybe(to, At::Temperature, json.get("temperature").map(Json::raw));
    if json.get("stream").is_some_and(Json::is_true) {
        flag(to, At::Streamed);
    }
    if let Some(messages) = json.get("messages") {
        let count = u64::try_from(messages.items().count()).unwrap_or(u64::MAX);
        integer(to, At::Messages, signed(count));
    }
    maybe(to, At::Prompt, prompt(json));
    for tool in json.get("tools").into_iter().flat_map(Json::items).take(TOOLS_MAX) {
        let name = tool.get("function").unwrap_or(tool).get("name");
        maybe(to, At::Tools, name.and_then(Json::text).as_deref());
    }
}

/// What was said last: a text, or texts among other parts.
fn prompt(json: Json<'_>) -> Option<String> {
    let last = json.get("messages").and_then(|messages| messages.items().last()?.get("content"));
    let said = last.or(json.get("prompt")).or(json.get("input"))?;
    if said.is_text() {
        return Some(said.text()?.into_owned());
    }
    let texts = said.items().filter_map(|part| part.get("text")?.text());
    let all = texts.fold(String::new(), |all, text| all + &text);
    (!all.is_empty()).then_some(all)
}

fn tell_answered(message: &Message, to: &mut dyn Tell) {
    let answer = Answer::of(message);
    maybe(to, At::Id, answer.id.as_deref());
    maybe(to, At::Answered, answer.model.as_deref());
    for reason in &answer.finish {
        text(to, At::Finish, reason);
    }
    for (at, tokens) in [(At::Input, answer.input), (At::Output, answer.output)] {
        if let Some(tokens) = tokens {
            integer(to, at, tokens);
        }
    }
    maybe(to, At::Completion, Some(&answer.text).filter(|text| !text.is_empty()));
    for (name, arguments) in &answer.calls {
        text(to, At::ToolCall, format!("{name}({arguments})"));
    }
    let came = answer.first_at.and_then(|at| came(message, at));
    let asked = to.other().map(|request| request.first.at);
    if let (Some(came), Some(asked)) = (came, asked) {
        integer(to, At::FirstToken, signed(came.since(asked)));
    }
    maybe(to, At::Error, answer.error);
}
