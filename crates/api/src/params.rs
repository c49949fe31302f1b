//! Questions as they come in: what may be said in a query, read and checked once.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use filter::{Column, Condition, Fact, Half};
use model::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Fault, Who, state::Api, text};

/// A query of this form; what does not fit is told as an error of ours.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let Query(asked) = Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(asked))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let who = parts.extensions.get::<Self>().cloned();
        who.ok_or_else(|| Fault::ours("a request came in by no door"))
    }
}

/// Which calls.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// An expression of the query language; all calls if absent.
    #[serde(default, rename = "where")]
    pub(crate) condition: Option<String>,
    /// Calls that began at this time or later: RFC 3339, or a span before now such as -15m.
    #[serde(default)]
    pub(crate) from: Option<String>,
    /// Calls that began before this time.
    #[serde(default)]
    pub(crate) to: Option<String>,
}

/// The same, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) condition: Option<Arc<Condition>>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

// === impl Which ===

impl Which {
    pub(crate) fn choose(&self, api: &Api, who: &Who) -> Result<Chosen, Fault> {
        let now = text::now();
        let moment = |name: &str, text: &Option<String>| {
            let text = text.as_deref().filter(|text| !text.is_empty());
            text.map(|text| text::moment(name, text, now)).transpose()
        };
        let (from, to) = (moment("from", &self.from)?, moment("to", &self.to)?);
        let condition = compile(api, who, self.condition.as_deref().unwrap_or_default())?;
        Ok(Chosen { condition, from, to })
    }

    /// The expression as it was given.
    pub(crate) fn text(&self) -> &str {
        self.condition.as_deref().unwrap_or_default().trim()
    }
}

/// Compiles an expression, for somebody who may only ask for what he may see.
pub(crate) fn compile(api: &Api, who: &Who, text: &str) -> Result<Option<Arc<Condition>>, Fault> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    if text.len() > api.settings.limits.condition_bytes {
        let max = api.settings.limits.condition_bytes;
        return Err(Fault::bad(format!("an expression has at most {max} bytes")));
    }
    let condition = Condition::compile(text, &api.columns, text::now())?;
    check(api, who, condition.columns())?;
    Ok(Some(Arc::new(condition)))
}

/// Whoever may not see payloads may not ask for them either: answers would tell them bit by bit.
pub(crate) fn check(api: &Api, who: &Who, columns: &[Column]) -> Result<(), Fault> {
    if who.sees_payloads() {
        return Ok(());
    }
    match columns.iter().find(|column| is_payload(**column)) {
        None => Ok(()),
        Some(column) => {
            let name = api.columns.facts(*column).map_or("a field", |named| named.name.as_str());
            Err(Fault::forbidden(format!("{name} is payload, which this token may not see")))
        }
    }
}

/// What a summary does not show.
fn is_payload(column: Column) -> bool {
    match column {
        Column::Field(_) | Column::Call(Fact::Fields) => true,
        Column::Request(half) | Column::Response(half) => {
            matches!(half, Half::Headers | Half::Body | Half::Json)
        }
        Column::Call(_) | Column::Src(_) | Column::Dst(_) => false,
    }
}

/// A comma-separated list, without empty parts.
pub(crate) fn list(text: Option<&str>) -> Vec<&str> {
    text.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}
