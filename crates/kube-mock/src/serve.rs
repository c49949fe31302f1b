//! Requests, and the answers to them.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    Asked, Fault, State, Verb, objects, status,
    store::{KINDS, Page, Stored},
    watch,
};

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespace: Option<String>,
    pub(crate) verb: Verb,
    pub(crate) query: HashMap<String, String>,
    /// Whether only metadata is wanted.
    pub(crate) is_metadata: bool,
    pub(crate) fault: Option<Fault>,
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>) {
    let app = axum::Router::new().fallback(move |request| answer(state.clone(), request));
    // It only ends with an error of the listener: the tests see that nobody answers.
    let _ = axum::serve(listener, app).await;
}

async fn answer(state: Arc<State>, request: Request<Body>) -> Response {
    let is_known = is_known(&state, &request);
    if !is_known {
        let _ = wish(&state, &request);
        return refuse(&status::of_code(401), None);
    }
    let request = match objects::answer(&state, request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    let wish = wish(&state, &request);
    let Some(wish) = wish else { return refuse(&status::of_code(404), None) };
    let verb = if matches!(wish.verb, Verb::List | Verb::Page) { "list" } else { "watch" };
    if state.lock().is_forbidden(verb, wish.plural) {
        return refuse(&status::forbidden(verb, wish.plural), None);
    }
    match &wish.fault {
        Some(Fault::Mute) => std::future::pending().await,
        Some(Fault::Status(code, wait)) => return refuse(&status::of_code(*code), *wait),
        _ => {}
    }
    match wish.verb {
        Verb::List | Verb::Page => list(&state, &wish),
        Verb::Stream if !state.lock().habits.has_streams => refuse(&status::no_streams(), None),
        Verb::Stream | Verb::Watch => watch::watch(state, wish),
    }
}

fn is_known(state: &State, request: &Request<Body>) -> bool {
    let Some(tokens) = state.lock().habits.tokens.clone() else { return true };
    let told = request.headers().get(header::AUTHORIZATION).and_then(|told| told.to_str().ok());
    told.and_then(|told| told.strip_prefix("Bearer "))
        .is_some_and(|told| tokens.iter().any(|token| token == told.trim()))
}

/// Reads the request, writes it down, and takes the fault that waits for it.
fn wish(state: &State, request: &Request<Body>) -> Option<Wish> {
    let (version, plural, kind, namespace) = place(request.uri().path())?;
    let query = request.uri().query().unwrap_or_default();
    let query: HashMap<String, String> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let is = |name: &str| query.get(name).is_some_and(|value| value == "true" || value == "1");
    let verb = match (is("watch"), is("sendInitialEvents"), query.contains_key("continue")) {
        (true, true, _) => Verb::Stream,
        (true, false, _) => Verb::Watch,
        (false, _, true) => Verb::Page,
        (false, _, false) => Verb::List,
    };
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let accept = accept.unwrap_or_default().to_owned();
    let mut inner = state.lock();
    inner.asked.push(Asked {
        plural: plural.to_owned(),
        namespace: namespace.clone(),
        verb,
        accept: accept.clone(),
        at: state.since_begin(),
    });
    let next = inner.planned.iter().position(|planned| planned.is_for(plural, verb));
    let fault = next.map(|next| inner.planned.remove(next).fault);
    let is_metadata = accept.contains("as=PartialObjectMetadata");
    Some(Wish { version, plural, kind, namespace, verb, query, is_metadata, fault })
}

/// `/api/v1/[namespaces/NAMESPACE/]PLURAL`, `/apis/GROUP/VERSION/…`.
fn place(path: &str) -> Option<(&'static str, &'static str, &'static str, Option<String>)> {
    let rest = path.strip_prefix("/api/").or_else(|| path.strip_prefix("/apis/"))?;
    let (version, plural, kind, rest) = KINDS.iter().find_map(|(version, plural, kind)| {
        let rest = rest.strip_prefix(version)?.strip_prefix('/')?;
        let is_it = rest.rsplit('/').next() == Some(*plural);
        is_it.then_some((*version, *plural, *kind, rest))
    })?;
    let namespace = match rest.split('/').collect::<Vec<_>>()[..] {
        [_] => None,
        ["namespaces", namespace, _] => Some(namespace.to_owned()),
        _ => return None,
    };
    Some((version, plural, kind, namespace))
}

// === answers ===

pub(crate) fn refuse(body: &Value, wait: Option<u32>) -> Response {
    let code = body["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
    let mut answer = Response::builder().status(code).header(header::CONTENT_TYPE, JSON);
    if let Some(wait) = wait {
        answer = answer.header(header::RETRY_AFTER, wait);
    }
    answer.body(Body::from(body.to_string())).expect("a head without surprises")
}

pub(crate) const JSON: &str = "application/json";

fn list(state: &State, wish: &Wish) -> Response {
    // It stands for the whole answer, also to what was never asked for.
    if let Some(Fault::Insert(..)) = wish.fault {
        return faulty(Vec::new(), wish.fault.clone());
    }
    let mut inner = state.lock();
    let page = match wish.query.get("continue") {
        Some(token) => inner.store.page(token),
        None => {
            let table = inner.store.table(wish.plural);
            let objects = table.iter().flat_map(|table| table.objects(wish.namespace.as_deref()));
            let selector = wish.query.get("labelSelector").map_or("", String::as_str);
            let rest = objects.filter(|stored| is_selected(stored, selector)).cloned().collect();
            Some(Page { version: inner.store.version(), rest })
        }
    };
    let Some(mut page) = page else { return refuse(&status::page_too_old(), None) };
    let version = page.version;
    let limit = wish.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(0);
    let rest =
        if limit == 0 { Vec::new() } else { page.rest.split_off(limit.min(page.rest.len())) };
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if !rest.is_empty() {
        metadata["remainingItemCount"] = json!(rest.len());
        metadata["continue"] = json!(inner.store.keep(Page { version, rest }));
    }
    drop(inner);
    let items = page.rest.iter().map(|stored| stored.value()).collect();
    let body = whole_list(wish, items, &metadata).to_string();
    state.sent(body.len());
    faulty(body.into_bytes(), wish.fault.clone())
}

/// Whether an object has these labels: `name=value,…`.
fn is_selected(stored: &Stored, selector: &str) -> bool {
    if selector.is_empty() {
        return true;
    }
    let object = stored.value();
    let has = |one: &str| {
        let (name, value) = one.split_once('=').unwrap_or((one, ""));
        object["metadata"]["labels"][name] == value
    };
    selector.split(',').all(has)
}

fn whole_list(wish: &Wish, items: Vec<Value>, metadata: &Value) -> Value {
    if wish.is_metadata {
        let items: Vec<_> = items.iter().map(partial).collect();
        let kind = "PartialObjectMetadataList";
        return json!({"kind": kind, "apiVersion": META, "metadata": metadata, "items": items});
    }
    let bare = items.into_iter().map(|mut item| {
        // The elements of a list do not repeat what it is a list of.
        if let Some(members) = item.as_object_mut() {
            members.remove("kind");
            members.remove("apiVersion");
        }
        item
    });
    let (kind, items) = (format!("{}List", wish.kind), bare.collect::<Vec<_>>());
    json!({"kind": kind, "apiVersion": wish.version, "metadata": metadata, "items": items})
}

const META: &str = "meta.k8s.io/v1";

/// The metadata of an object alone.
pub(crate) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": object["metadata"]})
}

/// A list as the fault makes it.
fn faulty(mut body: Vec<u8>, fault: Option<Fault>) -> Response {
    let half = body.len() / 2;
    let broken = || Err(std::io::Error::other("broken on purpose"));
    let body = match fault {
        Some(Fault::Drop(_) | Fault::DropInLine(_)) => {
            body.truncate(half);
            Body::from_stream(stream::iter([Ok(Bytes::from(body)), broken()]))
        }
        Some(Fault::Stall(_)) => {
            body.truncate(half);
            let begin = stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
            Body::from_stream(begin.chain(stream::pending()))
        }
        Some(Fault::Insert(_, bytes)) => Body::from(bytes),
        Some(Fault::Endless(_, bytes)) => {
            body.truncate(half);
            let bytes = Bytes::from(bytes);
            let begin = stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
            Body::from_stream(begin.chain(stream::repeat_with(move || Ok(bytes.clone()))))
        }
        _ => Body::from(body),
    };
    let answer = Response::builder().status(StatusCode::OK).header(header::CONTENT_TYPE, JSON);
    answer.body(body).expect("a head without surprises")
}
