//! Protocols that are spoken in the exchanges of HTTP, whatever its version.
//!
//! HTTP does not know them. [`LENS`] looks at finished calls: at the content type, and where that is
//! one that several protocols share, at the body. What is seen is told with the protocol's own table,
//! which begins with HTTP's.

pub(crate) mod json;
mod media;
#[cfg(test)]
mod services;
mod table;
mod tell;
#[cfg(test)]
mod testing;
mod varints;

pub mod elasticsearch;
pub mod etcd;
pub mod graphql;
pub mod grpc;
pub mod jsonrpc;
pub mod kubernetes;
pub mod llm;
pub mod mcp;
pub mod otlp;
pub mod s3;
pub mod soap;
pub mod sse;

use dissect::Lens;
use model::{Message, Protocol};

use self::{json::Json, media::Media};
use crate::http::{self, View};

/// Looks at the calls of HTTP.
pub const LENS: Lens = Lens {
    over: &http::PROTOCOL,
    protocols: &[
        &grpc::PROTOCOL,
        &graphql::PROTOCOL,
        &jsonrpc::PROTOCOL,
        &mcp::PROTOCOL,
        &llm::PROTOCOL,
        &soap::PROTOCOL,
        &sse::PROTOCOL,
        &elasticsearch::PROTOCOL,
        &s3::PROTOCOL,
        &kubernetes::PROTOCOL,
        &otlp::PROTOCOL,
        &etcd::PROTOCOL,
    ],
    sees,
};

/// What a call is, if it is more than HTTP. What is asked decides; where that says nothing, the
/// answer does.
fn sees(request: Option<&Message>, response: Option<&Message>) -> Option<&'static Protocol> {
    let asked = request.and_then(|message| {
        let view = View::of(message).filter(|view| view.is_request())?;
        Some((view, asks(message, view)))
    });
    let answered = response.and_then(View::of).filter(|view| !view.is_request());
    if let (Some((view, None)), Some(message)) = (asked, request)
        && let service @ Some(_) = service(view, message, response)
    {
        return service;
    }
    match (asked, answered.map(|view| (view, media::media(view)))) {
        (Some((_, seen @ Some(_))), _) => seen,
        (Some((view, None)), Some((_, Media::EventStream))) if mcp::has_session(view) => {
            Some(&mcp::PROTOCOL)
        }
        (_, Some((_, Media::EventStream))) => Some(&sse::PROTOCOL),
        (None, Some((_, Media::Grpc))) => Some(&grpc::PROTOCOL),
        (None, Some((_, Media::SoapXml))) => Some(&soap::PROTOCOL),
        (None, Some((view, Media::Json))) => response.and_then(|message| answers(message, view)),
        _ => None,
    }
}

/// What a request is.
fn asks(message: &Message, view: View<'_>) -> Option<&'static Protocol> {
    match media::media(view) {
        Media::Absent if graphql::is_query(view) => Some(&graphql::PROTOCOL),
        Media::Grpc if etcd::is_call(view) => Some(&etcd::PROTOCOL),
        Media::Grpc if otlp::is_grpc_call(view) => Some(&otlp::PROTOCOL),
        Media::Grpc => Some(&grpc::PROTOCOL),
        Media::GraphQl => Some(&graphql::PROTOCOL),
        Media::SoapXml => Some(&soap::PROTOCOL),
        Media::Xml if is_soap(message, view) => Some(&soap::PROTOCOL),
        Media::Json if graphql::is_query(view) => Some(&graphql::PROTOCOL),
        Media::Json if !message.body.kept.is_empty() => asks_in_json(message, view),
        _ => None,
    }
}

/// What a call is by the shape of its path and by what either side says of itself.
fn service(
    view: View<'_>,
    request: &Message,
    response: Option<&Message>,
) -> Option<&'static Protocol> {
    if s3::is_call(view, response) {
        Some(&s3::PROTOCOL)
    } else if kubernetes::is_call(view, response) {
        Some(&kubernetes::PROTOCOL)
    } else if elasticsearch::is_call(view, response) {
        Some(&elasticsearch::PROTOCOL)
    } else if otlp::is_call(view, request) {
        Some(&otlp::PROTOCOL)
    } else {
        None
    }
}

fn is_soap(message: &Message, view: View<'_>) -> bool {
    view.field(b"soapaction").is_some() || soap::is_envelope(&tell::body(message))
}

fn asks_in_json(message: &Message, view: View<'_>) -> Option<&'static Protocol> {
    let body = tell::body(message);
    let json = Json::of(&body);
    if jsonrpc::is_message(json) {
        let mcp = mcp::is_message(view, json);
        return Some(if mcp { &mcp::PROTOCOL } else { &jsonrpc::PROTOCOL });
    }
    if graphql::is_request(json) {
        return Some(&graphql::PROTOCOL);
    }
    llm::operation(view, json).map(|_| &llm::PROTOCOL)
}

/// What an answer is whose request was not seen.
fn answers(message: &Message, view: View<'_>) -> Option<&'static Protocol> {
    let body = tell::body(message);
    if !jsonrpc::is_message(Json::of(&body)) {
        return None;
    }
    Some(if mcp::has_session(view) { &mcp::PROTOCOL } else { &jsonrpc::PROTOCOL })
}
