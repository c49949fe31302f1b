//! The API of Kubernetes: verb and resource out of a path (`/api/v1/namespaces/a/pods`), where either
//! side also shows that it is one. Others have `/api/v1`, too.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use model::{Headline, Message, Outcome, Protocol, Status, Tell};

use super::{
    json::Json,
    table::fields,
    tell::{body, flag, http_facts, http_headline, is_plain, maybe, parameter, path, text},
};
use crate::http::View;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "kubernetes",
    about: "the API of Kubernetes over HTTP: verb and resource",
    specification: "https://kubernetes.io/docs/reference/using-api/api-concepts/",
    fields: &FIELDS,
    headline,
    tell,
};

fields! {
    Verb = "k8s.api.verb" Text, "get, list, watch, create, update, patch, delete, deletecollection";
    Group = "k8s.api.group" Text, "The group: apps; absent for the core";
    Version = "k8s.api.version" Text, "The version: v1";
    Resource = "k8s.api.resource" Text, "The resource: pods";
    Subresource = "k8s.api.subresource" Text, "The subresource: log, exec, status";
    Namespace = "k8s.namespace.name" Text, "The namespace";
    Name = "k8s.api.name" Text, "The object";
    LabelSelector = "k8s.api.label_selector" Text, "Which objects are listed";
    Stream = "k8s.api.watch" Bool, "Changes are sent as they happen";
    Reason = "k8s.api.status.reason" Text, "What went wrong: NotFound, Forbidden";
    Message = "k8s.api.status.message" Text, "What the server says about it";
}

/// What a path asks for.
#[derive(Debug)]
struct Asked<'m> {
    verb: &'static str,
    group: Option<&'m [u8]>,
    version: &'m [u8],
    namespace: Option<&'m [u8]>,
    resource: &'m [u8],
    name: Option<&'m [u8]>,
    subresource: Option<&'m [u8]>,
}

/// The name of a parameter.
static WATCH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("watch="));

fn asked(view: View<'_>) -> Option<Asked<'_>> {
    let mut segments = path(view).split(|byte| *byte == b'/').skip(1);
    let group = match segments.next()? {
        b"api" => None,
        b"apis" => Some(segments.next()?),
        _ => return None,
    };
    let version = segments.next().filter(|version| is_version(version))?;
    let mut rest = segments.filter(|segment| !segment.is_empty()).peekable();
    let first = rest.next()?;
    let (namespace, resource, name, subresource) = if first == b"namespaces" {
        let namespace = rest.next();
        match rest.next() {
            // The namespace itself, or one of its own aspects.
            None => (None, first, namespace, None),
            Some(aspect @ (b"status" | b"finalize")) => (None, first, namespace, Some(aspect)),
            Some(resource) => (namespace, resource, rest.next(), rest.next()),
        }
    } else {
        (None, first, rest.next(), rest.next())
    };
    // Most queries have no such word, which is seen without taking them apart.
    let watches = WATCH.find(view.target()).is_some()
        && parameter(view, b"watch").is_some_and(|value| matches!(&*value, b"true" | b"1"));
    let verb = match (view.method(), name.is_some()) {
        (b"GET" | b"HEAD", _) if watches => "watch",
        (b"GET" | b"HEAD", true) => "get",
        (b"GET" | b"HEAD", false) => "list",
        (b"POST", _) => "create",
        (b"PUT", _) => "update",
        (b"PATCH", _) => "patch",
        (b"DELETE", true) => "delete",
        (b"DELETE", false) => "deletecollection",
        _ => return None,
    };
    Some(Asked { verb, group, version, namespace, resource, name, subresource })
}

/// `v1`, `v2beta3`.
fn is_version(text: &[u8]) -> bool {
    text.len() < 16
        && text.first() == Some(&b'v')
        && text.get(1).is_some_and(u8::is_ascii_digit)
        && text.iter().all(u8::is_ascii_alphanumeric)
}

/// Whether a call is one.
pub(super) fn is_call(view: View<'_>, response: Option<&Message>) -> bool {
    let target = view.target();
    let may = target.starts_with(b"/api/v") || target.starts_with(b"/apis/");
    if !may || asked(view).is_none() {
        return false;
    }
    asks(view) || response.is_some_and(answers)
}

/// In what its clients say of themselves, or of what they want.
static CLIENTS: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["kube", "client-go"].map(Finder::new));
/// Members that every object has.
static OBJECT: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| ["\"apiVersion\"", "\"kind\""].map(Finder::new));

fn asks(view: View<'_>) -> bool {
    let has = |value: Option<Cow<'_, [u8]>>, part: &[u8]| {
        value.is_some_and(|value| memchr::memmem::find(&value, part).is_some())
    };
    // Most who ask for such a path are not, which is seen without looking for a field.
    CLIENTS.iter().any(|sign| sign.find(view.head()).is_some())
        && (has(view.field(b"user-agent"), b"kube")
            || has(view.field(b"user-agent"), b"client-go")
            || has(view.field(b"accept"), b"application/vnd.kubernetes"))
}

/// In `audit-id`, which the server puts on all of its answers.
static AUDIT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("udit-"));

fn answers(message: &Message) -> bool {
    let Some(view) = View::of(message) else { return false };
    let is_named = AUDIT.find(view.head()).is_some() && view.field(b"audit-id").is_some();
    if is_named && view.field(b"x-kubernetes-pf-flowschema-uid").is_some() {
        return true;
    }
    // What comes packed is not unpacked on suspicion.
    if !is_named && !is_plain(message) {
        return false;
    }
    let body = body(message);
    if OBJECT.iter().any(|sign| sign.find(&body).is_none()) {
        return false;
    }
    let json = Json::of(&body);
    json.get("kind").is_some_and(Json::is_text) && json.get("apiVersion").is_some_and(Json::is_text)
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let mut line = http_headline(request, response);
    if let Some(asked) = request.and_then(View::of).and_then(asked) {
        line.method = Some(asked.verb.as_bytes().into());
        let parts = [asked.namespace, Some(asked.resource), asked.name, asked.subresource];
        let parts: Vec<&[u8]> = parts.into_iter().flatten().collect();
        line.endpoint = Some(parts.join(&b'/').into());
    }
    if let Some(message) = response {
        let body = body(message);
        if let Some((reason, said)) = failure(&body) {
            let (code, text) = (reason.into_bytes().into(), said.into_bytes().into());
            line.status = Some(Status { code, text, outcome: Outcome::Error });
        }
    }
    line
}

/// The reason and the message of a `Status` that says no.
fn failure(body: &[u8]) -> Option<(String, String)> {
    let json = Json::of(body);
    let plain = |key: &str| json.get(key).and_then(Json::text).map(Cow::into_owned);
    let failed = plain("kind")? == "Status" && plain("status")? == "Failure";
    failed.then(|| (plain("reason").unwrap_or_default(), plain("message").unwrap_or_default()))
}

fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    if view.is_request() {
        let Some(asked) = asked(view) else { return };
        text(to, At::Verb, asked.verb);
        maybe(to, At::Group, asked.group);
        text(to, At::Version, asked.version);
        text(to, At::Resource, asked.resource);
        maybe(to, At::Subresource, asked.subresource);
        maybe(to, At::Namespace, asked.namespace);
        maybe(to, At::Name, asked.name);
        maybe(to, At::LabelSelector, parameter(view, b"labelSelector"));
        if asked.verb == "watch" {
            flag(to, At::Stream);
        }
    } else if let Some((reason, said)) = failure(&body(message)) {
        text(to, At::Reason, reason);
        text(to, At::Message, said);
    }
}
