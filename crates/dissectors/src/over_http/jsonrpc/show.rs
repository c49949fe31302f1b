//! What is told of a call.

use model::{BodyFacts, Headline, Message, Outcome, Status, Tell};

use super::fields::At;
use crate::{
    http::View,
    jsonrpc::is_bare,
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
    let bare = request.or(response).is_some_and(is_bare);
    let mut line = if bare { answered(response) } else { http_headline(request, response) };
    if let Some(message) = request {
        if let Some(method) = super::method(Json::of(&body(message))) {
            line.method = Some(method.into_bytes().into());
        }
        let view = View::of(message).filter(|view| !bare && view.is_request());
        line.endpoint = view.map(|view| path(view).into());
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

/// What an answer says that has no status beside its own.
fn answered<'m>(response: Option<&Message>) -> Headline<'m> {
    let ok = |_| Status { code: b"OK".into(), text: b"".into(), outcome: Outcome::Ok };
    Headline { status: response.map(ok), ..Headline::default() }
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
    if is_bare(message) {
        to.body(BodyFacts { media_type: Some("application/json"), encoding: None });
    } else {
        http_facts(message, to);
    }
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
