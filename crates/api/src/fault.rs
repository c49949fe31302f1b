//! What a client is told when it does not get what it asked for.

use std::ops::Range;

use axum::{
    Json,
    extract::rejection::QueryRejection,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// A refusal: a status, and why.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The HTTP status.
    pub status: StatusCode,
    /// Why, in a sentence.
    pub message: String,
    /// Which bytes of the expression are meant.
    pub at: Option<Range<usize>>,
    /// What was perhaps meant.
    pub hint: Option<String>,
}

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// What is wrong.
    pub error: ErrorFacts,
}

/// What is wrong.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorFacts {
    /// In a sentence.
    pub message: String,
    /// The bytes of the expression that are meant: first, and one after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<[usize; 2]>,
    /// What was perhaps meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a handler answers.
pub type Answer<T> = Result<T, Fault>;

// === impl Fault ===

impl Fault {
    /// A refusal with this status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), at: None, hint: None }
    }

    /// 400: the question makes no sense.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404: there is no such thing.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 403: not with this role.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 503: not now.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// 500: our own failure.
    pub fn ours(message: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message.to_string())
    }

    fn body(self) -> ErrorBody {
        let at = self.at.map(|range| [range.start, range.end]);
        ErrorBody { error: ErrorFacts { message: self.message, at, hint: self.hint } }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self.body())).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer realm=\"callscope\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<QueryRejection> for Fault {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad(rejection.body_text())
    }
}

impl From<filter::Fault> for Fault {
    fn from(fault: filter::Fault) -> Self {
        Self { at: Some(fault.at), hint: fault.hint, ..Self::bad(fault.message) }
    }
}
