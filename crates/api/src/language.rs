//! The query language's names: for completion, for references, for checks.

use std::sync::Arc;

use axum::{Json, extract::State};
use model::Kind;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Fault, Who,
    fault::{Answer, ErrorBody},
    params::{Asked, compile},
    state::Api,
};

/// Every field that an expression may use, and every function.
#[utoipa::path(get, path = "/api/v1/fields", tag = "language",
    responses((status = 200, description = "Names with types", body = crate::openapi::Fields)))]
pub(crate) async fn fields(State(api): State<Arc<Api>>) -> Json<Value> {
    let declared = api.columns.fields();
    let fields: Vec<_> = api
        .columns
        .all()
        .map(|named| {
            let mut told =
                json!({ "name": named.name, "type": named.ty.name(), "about": named.about });
            if let Some(field) = declared.iter().find(|field| field.name == named.name) {
                told["protocol"] = json!(field.protocols.join(","));
            }
            told
        })
        .collect();
    let functions: Vec<_> = filter::functions()
        .iter()
        .map(|one| json!({ "name": one.name, "signature": one.signature, "about": one.about }))
        .collect();
    let aliases: Vec<_> = api
        .columns
        .aliases()
        .iter()
        .map(|one| json!({ "name": one.name, "meaning": one.meaning, "about": one.about }))
        .collect();
    Json(json!({ "fields": fields, "functions": functions, "aliases": aliases }))
}

/// A text that is being written.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CompleteAsked {
    /// The text so far.
    text: Option<String>,
    /// Where the cursor is, in bytes; its end if absent.
    at: Option<usize>,
}

/// What may stand where the cursor is.
#[utoipa::path(get, path = "/api/v1/complete", tag = "language", params(CompleteAsked),
    responses((status = 200, description = "Candidates for the word at the cursor", body = crate::openapi::Completion),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn complete(
    State(api): State<Arc<Api>>,
    Asked(asked): Asked<CompleteAsked>,
) -> Answer<Json<Value>> {
    let text = asked.text.unwrap_or_default();
    if text.len() > api.settings.limits.condition_bytes {
        return Err(Fault::bad("the text is too long for an expression"));
    }
    let at = asked.at.unwrap_or(text.len());
    if !text.is_char_boundary(at) {
        return Err(Fault::bad("at: not a place in the text"));
    }
    let completion = api.columns.complete(&text, at);
    let candidates: Vec<_> = completion
        .candidates
        .iter()
        .map(|one| json!({ "text": one.text, "kind": one.kind, "about": one.about }))
        .collect();
    let (from, to) = (completion.at.start, completion.at.end);
    Ok(Json(json!({ "from": from, "to": to, "candidates": candidates })))
}

/// An expression.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CheckAsked {
    /// The expression.
    #[serde(rename = "where")]
    condition: Option<String>,
}

/// Whether an expression is one.
#[utoipa::path(get, path = "/api/v1/check", tag = "language", params(CheckAsked),
    responses((status = 200, description = "It is", body = crate::openapi::Checked),
        (status = "4XX", description = "It is not: where, and why", body = ErrorBody)))]
pub(crate) async fn check(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<CheckAsked>,
) -> Answer<Json<Value>> {
    compile(&api, &who, asked.condition.as_deref().unwrap_or_default())?;
    Ok(Json(json!({ "ok": true })))
}

/// Every protocol that is understood, with its fields.
#[utoipa::path(get, path = "/api/v1/protocols", tag = "language",
    responses((status = 200, description = "The tables", body = crate::openapi::Protocols)))]
pub(crate) async fn protocols(State(api): State<Arc<Api>>) -> Json<Value> {
    let protocols: Vec<_> = api
        .protocols
        .iter()
        .map(|protocol| {
            let fields: Vec<_> = protocol
                .fields
                .iter()
                .map(|field| {
                    json!({ "name": field.name, "type": kind(field.kind), "many": field.many,
                        "about": field.about })
                })
                .collect();
            json!({ "name": protocol.name, "about": protocol.about,
                "specification": protocol.specification, "fields": fields })
        })
        .collect();
    Json(json!({ "protocols": protocols }))
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer => "int",
        Kind::Bool => "bool",
    }
}
