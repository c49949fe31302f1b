//! What is told of a call.

use model::{Headline, Message, Outcome, Status, Tell};

use super::fields::At;
use crate::{
    http::View,
    over_http::{
        json::Json,
        media::{Media, media},
        sse::events,
        tell::{body, http_facts, http_headline, integer, maybe, path, signed, text},
    },
};

/// Messages of a batch that are told.
const MANY_MAX: usize = 64;
/// Bytes of one value that are told.
const VALUE_MAX: usize = 4 << 10;

/// The line of a call in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let mut line = http_headline(request, response);
    if let Some(message) = request {
        if let Some(method) = super::method(Json::of(&body(message))) {
            line.method = Some(method.into_bytes().into());
        }
        line.endpoint = View::of(message).filter(|v| v.is_request()).map(|view| path(view).into());
    }
    if let Some((code, text)) = response.and_then(error) {
        line.status = Some(Status {
            code: code.into_bytes().into(),
            text: text.into_bytes().into(),
            outcome: Outcome::Error,
        });
    }
    line
}

/// Code and message of the first error in a response.
pub(in crate::over_http) fn error(response: &Message) -> Option<(String, String)> {
    with_messages(response, |json| {
        let error = each(json).find_map(|one| one.get("error"))?;
        let code = error.get("code")?.integer()?.to_string();
        Some((code, error.get("message").and_then(Json::text).unwrap_or_default().into_owned()))
    })
}

/// Looks at what a body says: a value, or values in events.
pub(in crate::over_http) fn with_messages<T>(
    message: &Message,
    mut look: impl FnMut(Json<'_>) -> Option<T>,
) -> Option<T> {
    let body = body(message);
    if View::of(message).map(media) != Some(Media::EventStream) {
        return look(Json::of(&body));
    }
    events::Events::of(&body).take(MANY_MAX).find_map(|event| look(Json::of(event.data.as_bytes())))
}

/// The items of a list, or the one.
fn each(json: Json<'_>) -> impl Iterator<Item = Json<'_>> {
    let one = (!json.is_list()).then_some(json);
    one.into_iter().chain(json.items()).take(MANY_MAX)
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let body = body(message);
    let json = Json::of(&body);
    text(to, At::System, "jsonrpc");
    if json.is_list() {
        let count = u64::try_from(json.items().count()).unwrap_or(u64::MAX);
        integer(to, At::Batch, signed(count));
    }
    maybe(to, At::Version, each(json).find_map(|one| one.get("jsonrpc")?.text()).as_deref());
    for method in each(json).filter_map(|one| one.get("method")?.text()) {
        text(to, At::Method, &*method);
    }
    for (key, at) in [("id", At::Id), ("params", At::Params), ("result", At::Result)] {
        for value in each(json).filter_map(|one| one.get(key)) {
            let raw = value.raw();
            text(to, at, raw.get(..VALUE_MAX).unwrap_or(raw));
        }
    }
    for code in each(json).filter_map(|one| one.at(&["error", "code"])?.integer()) {
        integer(to, At::Code, code);
    }
    for error in each(json).filter_map(|one| one.at(&["error", "message"])?.text()) {
        text(to, At::Error, &*error);
    }
}
