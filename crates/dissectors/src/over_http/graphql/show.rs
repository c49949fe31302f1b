//! What is told of a call.

use model::{Headline, Message, Outcome, Status, Tell};

use super::{Asked, fields::At};
use crate::{
    http::View,
    over_http::{
        json::Json,
        media::{Media, media},
        tell::{body, http_facts, http_headline, integer, maybe, signed, text},
    },
};

/// Operations and errors of one message that are told.
const MANY_MAX: usize = 64;

/// The line of a call in a table.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let mut line = http_headline(request, response);
    if let Some(message) = request
        && let Some(first) = asked(message).first()
    {
        let operation = first.operation();
        let kind = operation.as_ref().map_or("query", |operation| &operation.kind);
        line.method = Some(kind.as_bytes().to_vec().into());
        let name = first.name.clone().or(operation.and_then(|found| found.name.or(found.field)));
        if let Some(name) = name.or(first.hash.clone()) {
            line.endpoint = Some(name.into_bytes().into());
        }
    }
    if let Some(message) = response {
        let body = body(message);
        let error = errors(Json::of(&body)).next().map(what);
        if let (Some(error), Some(status)) = (error, &mut line.status) {
            let text = error.into_bytes().into();
            *status = Status { code: status.code.clone(), text, outcome: Outcome::Error };
        }
    }
    line
}

/// What a request asks for, one by one.
fn asked(message: &Message) -> Vec<Asked> {
    let Some(view) = View::of(message).filter(|view| view.is_request()) else { return Vec::new() };
    let body = body(message);
    match media(view) {
        Media::GraphQl => {
            let query = Some(String::from_utf8_lossy(&body).into_owned());
            vec![Asked { query, ..Asked::of_target(view) }]
        }
        Media::Json => each(Json::of(&body)).map(Asked::of_json).collect(),
        _ => vec![Asked::of_target(view)],
    }
}

/// The items of a list, or the one.
fn each(json: Json<'_>) -> impl Iterator<Item = Json<'_>> {
    let one = (!json.is_list()).then_some(json);
    one.into_iter().chain(json.items()).take(MANY_MAX)
}

fn errors(json: Json<'_>) -> impl Iterator<Item = Json<'_>> {
    each(json).filter_map(|one| one.get("errors")).flat_map(Json::items).take(MANY_MAX)
}

fn what(error: Json<'_>) -> String {
    error.get("message").and_then(Json::text).unwrap_or_default().into_owned()
}

/// Everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    let body = body(message);
    let json = Json::of(&body);
    if json.is_list() {
        let count = u64::try_from(json.items().count()).unwrap_or(u64::MAX);
        integer(to, At::Batch, signed(count));
    }
    if view.is_request() {
        tell_asked(&asked(message), to);
        for variables in each(json).filter_map(|one| one.get("variables")) {
            text(to, At::Variables, variables.raw());
        }
        return;
    }
    for error in errors(json) {
        text(to, At::Error, what(error));
    }
    for path in errors(json).filter_map(|error| error.get("path")) {
        text(to, At::ErrorPath, path.raw());
    }
    for code in errors(json).filter_map(|error| error.at(&["extensions", "code"])) {
        maybe(to, At::ErrorCode, code.text().as_deref());
    }
}

fn tell_asked(asked: &[Asked], to: &mut dyn Tell) {
    let operations: Vec<_> = asked.iter().map(Asked::operation).collect();
    for (one, operation) in asked.iter().zip(&operations) {
        let named = operation.as_ref().and_then(|operation| operation.name.as_ref());
        maybe(to, At::Name, one.name.as_ref().or(named));
    }
    for operation in operations.iter().flatten() {
        text(to, At::Kind, &operation.kind);
    }
    for one in asked {
        maybe(to, At::Document, one.query.as_ref());
    }
    for one in asked {
        maybe(to, At::Hash, one.hash.as_ref());
    }
}
