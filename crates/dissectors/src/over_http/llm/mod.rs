//! Language models over HTTP, recognised by the shape of their messages, not by host: chat, text
//! completions, responses and embeddings as `OpenAI` has them, and messages as Anthropic has them.

mod answer;
mod fields;
mod show;
#[cfg(test)]
mod tests;

use model::Protocol;

use super::{json::Json, tell::path};
use crate::http::View;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "llm",
    about: "Language models over HTTP: chat, completions, responses, messages; streamed or whole",
    specification: "https://opentelemetry.io/docs/specs/semconv/gen-ai/",
    fields: &fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What a JSON body asks for, in the words of the semantic conventions; nothing if it does not ask a
/// model.
pub(super) fn operation(view: View<'_>, body: Json<'_>) -> Option<&'static str> {
    body.get("model").filter(|model| model.is_text())?;
    if body.get("messages").is_some_and(is_talk) {
        return Some("chat");
    }
    let path = path(view);
    if body.get("prompt").is_some() && path.ends_with(b"completions") {
        return Some("text_completion");
    }
    body.get("input")?;
    if path.ends_with(b"/responses") {
        return Some("chat");
    }
    path.ends_with(b"/embeddings").then_some("embeddings")
}

/// A list of what was said, and by whom.
fn is_talk(messages: Json<'_>) -> bool {
    messages.items().next().is_some_and(|first| first.get("role").is_some_and(Json::is_text))
}
