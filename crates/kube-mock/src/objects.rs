//! Single objects: got, made, applied as a server does it (server-side apply), deleted; who may do what; and
//! which version the server has.

use std::collections::{BTreeMap, HashMap};

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};

use crate::{
    Inner, State, Written,
    serve::{JSON, refuse},
    status,
    store::KINDS,
};

/// Who set which field of an object last, by its pointer (RFC 6901).
pub(crate) type Owners = BTreeMap<String, String>;

/// Bytes of a request.
const BODY_BYTES_MAX: usize = 4 << 20;
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/";

/// What a path names.
#[derive(Clone, Debug)]
struct Spot {
    plural: &'static str,
    kind: &'static str,
    namespace: String,
    name: Option<String>,
}

/// Answers, if it is a request for a single object, or a question about rights or the server.
pub(crate) async fn answer(
    state: &State,
    request: Request<Body>,
) -> Result<Response, Request<Body>> {
    let path = request.uri().path().to_owned();
    if path == "/version" {
        let version = state.lock().habits.version.clone();
        return Ok(yes(StatusCode::OK, &json!({ "gitVersion": version })));
    }
    let reviews = path.strip_prefix(REVIEWS).map(ToOwned::to_owned);
    let spot = spot(&path);
    let is_single = spot.as_ref().is_some_and(|spot| spot.name.is_some());
    if reviews.is_none() && !is_single && request.method() == Method::GET {
        return Err(request);
    }
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let query: HashMap<String, String> = form_urlencoded::parse(query).into_owned().collect();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut inner = state.lock();
    if let Some(reviews) = reviews {
        return Ok(review(&inner, &reviews, body));
    }
    let Some(spot) = spot else { return Ok(refuse(&status::of_code(404), None)) };
    let verb = match (&head.method, &spot.name) {
        (&Method::GET, _) => "get",
        (&Method::POST, None) => "create",
        (&Method::PATCH, Some(_)) => "patch",
        (&Method::DELETE, Some(_)) => "delete",
        _ => return Ok(refuse(&status::of_code(405), None)),
    };
    let verb = match verb {
        // Who applies what is not there must be allowed to make it, too.
        "patch" if inner.get(&spot).is_none() && inner.is_forbidden("create", spot.plural) => {
            "create"
        }
        verb => verb,
    };
    if inner.is_forbidden(verb, spot.plural) {
        return Ok(refuse(&status::forbidden(verb, spot.plural), None));
    }
    if verb != "get" && !query.contains_key("dryRun") {
        let name = spot.name.clone().or_else(|| text(&body, "/metadata/name"));
        let namespace = spot.namespace.clone();
        let (kind, name) = (spot.kind.to_owned(), name.unwrap_or_default());
        inner.written.push(Written { verb: verb.to_owned(), kind, namespace, name });
    }
    let answer = match verb {
        "get" => inner.get(&spot).map(|object| yes(StatusCode::OK, &object)).ok_or(404),
        "create" if head.method == Method::POST => inner.create(&spot, body),
        "delete" => inner.delete(&spot, &body),
        _ => {
            let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            match kind {
                Some("application/apply-patch+yaml") => inner.patch(&spot, body, &query),
                _ => Err(415),
            }
        }
    };
    let version = inner.store.version();
    drop(inner);
    state.wake(version);
    Ok(answer.unwrap_or_else(|code| refuse(&status::of_code(code), None)))
}

/// `/api/v1/[namespaces/NAMESPACE/]PLURAL[/NAME]`, `/apis/GROUP/VERSION/…`.
fn spot(path: &str) -> Option<Spot> {
    let rest = path.strip_prefix("/api/").or_else(|| path.strip_prefix("/apis/"))?;
    KINDS.iter().find_map(|(version, plural, kind)| {
        let rest = rest.strip_prefix(version)?.strip_prefix('/')?;
        let parts: Vec<&str> = rest.split('/').collect();
        let (namespace, name) = match parts[..] {
            ["namespaces", namespace, own, name] if own == *plural => (namespace, Some(name)),
            ["namespaces", namespace, own] if own == *plural => (namespace, None),
            [own, name] if own == *plural => ("", Some(name)),
            [own] if own == *plural => ("", None),
            _ => return None,
        };
        let (namespace, name) = (namespace.to_owned(), name.map(ToOwned::to_owned));
        Some(Spot { plural, kind, namespace, name })
    })
}

/// Whether somebody may do something.
fn review(inner: &Inner, what: &str, body: Value) -> Response {
    let of = &body["spec"]["resourceAttributes"];
    let (verb, resource) = (text(of, "/verb"), text(of, "/resource"));
    let (verb, resource) = (verb.unwrap_or_default(), resource.unwrap_or_default());
    let is_forbidden = match what {
        "selfsubjectaccessreviews" => inner.is_forbidden(&verb, &resource),
        // Who asks for others needs a right for that.
        "subjectaccessreviews" if inner.is_forbidden("create", what) => {
            return refuse(&status::forbidden("create", what), None);
        }
        "subjectaccessreviews" => {
            let user = text(&body, "/spec/user").unwrap_or_default();
            inner.habits.users_forbidden.contains(&(user, verb, resource))
        }
        _ => return refuse(&status::of_code(404), None),
    };
    let mut answer = body;
    answer["status"] = json!({ "allowed": !is_forbidden });
    yes(StatusCode::CREATED, &answer)
}

fn yes(code: StatusCode, body: &Value) -> Response {
    let answer = Response::builder().status(code).header(header::CONTENT_TYPE, JSON);
    answer.body(Body::from(body.to_string())).expect("a head without surprises")
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned)
}

// === impl Inner ===

impl Inner {
    pub(crate) fn is_forbidden(&self, verb: &str, plural: &str) -> bool {
        let is_it = |(own, of): &(String, String)| {
            (own == "*" || own == verb) && (of == "*" || of == plural)
        };
        self.habits.forbidden.iter().any(is_it)
    }

    fn get(&self, spot: &Spot) -> Option<Value> {
        self.store.get(spot.plural, &spot.namespace, spot.name.as_deref()?)
    }

    fn create(&mut self, spot: &Spot, mut object: Value) -> Result<Response, u16> {
        let name = text(&object, "/metadata/name").ok_or(422_u16)?;
        self.is_namespace_there(spot)?;
        if self.store.get(spot.plural, &spot.namespace, &name).is_some() {
            return Err(409);
        }
        self.name(spot, &name, &mut object);
        let mut owners = Owners::new();
        leaves("", &object, &mut |pointer, _| drop(owners.insert(pointer, "create".to_owned())));
        self.owners.insert(key(spot, &name), owners);
        Ok(yes(StatusCode::CREATED, &self.put(spot, &name, object)))
    }

    fn delete(&mut self, spot: &Spot, body: &Value) -> Result<Response, u16> {
        let object = self.get(spot).ok_or(404_u16)?;
        let wanted = text(body, "/preconditions/uid");
        if wanted.is_some() && wanted != text(&object, "/metadata/uid") {
            return Err(409);
        }
        let name = spot.name.clone().unwrap_or_default();
        self.owners.remove(&key(spot, &name));
        let _ = self.store.delete(spot.kind, &spot.namespace, &name);
        Ok(yes(StatusCode::OK, &object))
    }

    /// Kubernetes' "Server-Side Apply": lists are taken whole.
    fn patch(
        &mut self,
        spot: &Spot,
        patch: Value,
        query: &HashMap<String, String>,
    ) -> Result<Response, u16> {
        let manager = query.get("fieldManager").cloned().ok_or(400_u16)?;
        let is_forced = query.get("force").is_some_and(|force| force == "true");
        let name = spot.name.clone().unwrap_or_default();
        self.is_namespace_there(spot)?;
        let before = self.get(spot);
        let mut owners = self.owners.get(&key(spot, &name)).cloned().unwrap_or_default();
        let mut object = before.clone().unwrap_or_else(|| json!({}));
        let mut wanted = Vec::new();
        leaves("", &patch, &mut |pointer, value| wanted.push((pointer, value.clone())));
        let contested: Vec<_> = wanted
            .iter()
            .filter(|(pointer, value)| {
                let others = owners.get(pointer).is_some_and(|owner| *owner != manager);
                others && object.pointer(pointer) != Some(value)
            })
            .map(|(pointer, _)| format!("{}: {pointer}", owners[pointer]))
            .collect();
        if !contested.is_empty() && !is_forced {
            let message = format!("Apply failed with conflicts: {}", contested.join(", "));
            return Ok(refuse(&status::status(409, "Conflict", &message), None));
        }
        // What it set before and does not any more, goes.
        let is_left = |pointer: &&String| !wanted.iter().any(|(own, _)| own == *pointer);
        let gone: Vec<String> = owners
            .iter()
            .filter(|(_, owner)| **owner == manager)
            .map(|(pointer, _)| pointer)
            .filter(is_left)
            .cloned()
            .collect();
        for pointer in gone {
            remove(&mut object, &pointer);
            owners.remove(&pointer);
        }
        for (pointer, value) in wanted {
            set(&mut object, &pointer, value);
            owners.insert(pointer, manager.clone());
        }
        self.name(spot, &name, &mut object);
        let code = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
        if query.contains_key("dryRun") {
            return Ok(yes(code, &object));
        }
        self.owners.insert(key(spot, &name), owners);
        if before.as_ref() == Some(&object) {
            return Ok(yes(code, &object));
        }
        Ok(yes(code, &self.put(spot, &name, object)))
    }

    fn put(&mut self, spot: &Spot, name: &str, mut object: Value) -> Value {
        let generation = object["metadata"]["generation"].as_u64().unwrap_or(0) + 1;
        object["metadata"]["generation"] = json!(generation);
        if let Some(machines) = self.habits.machines {
            settle(&mut object, machines);
        }
        self.store.apply(object, self.habits.log);
        self.store.get(spot.plural, &spot.namespace, name).unwrap_or_default()
    }

    fn name(&self, spot: &Spot, name: &str, object: &mut Value) {
        object["kind"] = json!(spot.kind);
        let version = KINDS.iter().find(|(_, plural, _)| *plural == spot.plural);
        object["apiVersion"] = json!(version.map_or("v1", |(version, _, _)| version));
        object["metadata"]["name"] = json!(name);
        if !spot.namespace.is_empty() {
            object["metadata"]["namespace"] = json!(spot.namespace);
        }
    }

    fn is_namespace_there(&self, spot: &Spot) -> Result<(), u16> {
        let there = || self.store.get("namespaces", "", &spot.namespace).is_some();
        if spot.namespace.is_empty() || there() { Ok(()) } else { Err(404) }
    }
}

fn key(spot: &Spot, name: &str) -> (String, String, String) {
    (spot.plural.to_owned(), spot.namespace.clone(), name.to_owned())
}

/// Workloads are ready at once, on so many machines.
pub(crate) fn settle(object: &mut Value, machines: u64) {
    let generation = object["metadata"]["generation"].clone();
    if object["kind"] == "Deployment" {
        let replicas = object["spec"]["replicas"].as_u64().unwrap_or(1);
        object["status"] = json!({ "observedGeneration": generation, "replicas": replicas,
            "updatedReplicas": replicas, "availableReplicas": replicas, "readyReplicas": replicas });
    } else if object["kind"] == "DaemonSet" {
        object["status"] = json!({ "observedGeneration": generation,
            "desiredNumberScheduled": machines, "currentNumberScheduled": machines,
            "updatedNumberScheduled": machines, "numberReady": machines, "numberAvailable": machines });
    }
}

/// Each value that is no object, and its place.
fn leaves(at: &str, value: &Value, each: &mut dyn FnMut(String, &Value)) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(&format!("{at}/{name}"), member, each);
            }
        }
        value => each(at.to_owned(), value),
    }
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[part];
    }
    *place = value;
}

pub(crate) fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    if let Some(members) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
        members.remove(&last);
    }
}

// === impl Mock ===

impl crate::Mock {
    /// The object, if it is there.
    #[must_use]
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let plural = KINDS.iter().find(|known| known.2 == kind)?.1;
        self.state().lock().store.get(plural, namespace, name)
    }

    /// Somebody changes a field of an object, which is that one's from then on.
    ///
    /// # Panics
    /// When there is no such object.
    pub fn edit(&self, who: &str, what: (&str, &str, &str), pointer: &str, value: Value) {
        let (kind, namespace, name) = what;
        let mut object = self.object(kind, namespace, name).expect("an object to change");
        set(&mut object, pointer, value);
        self.apply(object);
        let plural = KINDS.iter().find(|known| known.2 == kind).map_or("", |known| known.1);
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let mut inner = self.state().lock();
        inner.owners.entry(key).or_default().insert(pointer.to_owned(), who.to_owned());
    }

    /// What was made, changed and deleted by requests, whether that went well or not.
    #[must_use]
    pub fn written(&self) -> Vec<Written> {
        self.state().lock().written.clone()
    }
}
