//! Single objects of a cluster: got, listed, made, applied (server-side), deleted; and what one may do there.

use std::time::Duration;

use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Limited};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use crate::{Access, AccessError, watch::causes};

/// An API server that is asked for single objects.
#[derive(Clone)]
pub struct Objects {
    client: Client,
}

/// Why it did not do it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The API server says no.
    #[error("{message} ({code} {reason})")]
    No {
        /// HTTP's status.
        code: u16,
        /// In one word: `Forbidden`, `Conflict`.
        reason: String,
        /// In its own words.
        message: String,
    },
    /// It was not reached, or said nothing that can be understood.
    #[error("the API server was not reached: {0}")]
    Unreached(String),
    /// It is not known where objects of this kind are.
    #[error("objects of kind {0} are not known here")]
    Unknown(String),
}

/// Where objects of a kind are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shelf {
    /// `v1`, `apps/v1`.
    pub version: &'static str,
    /// As it stands in paths: `pods`.
    pub plural: &'static str,
    /// As it stands in objects: `Pod`.
    pub kind: &'static str,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
}

/// Something that somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// `get`, `list`, `watch`, `patch`, ….
    pub verb: &'a str,
    /// `apps`; empty for the core group.
    pub group: &'a str,
    /// `pods`.
    pub plural: &'a str,
    /// In this namespace, or in all.
    pub namespace: Option<&'a str>,
}

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long one may take.
const TIME: Duration = Duration::from_secs(30);
/// As whom fields are set.
const MANAGER: &str = "callscope";

const fn shelf(
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    is_namespaced: bool,
) -> Shelf {
    Shelf { version, plural, kind, is_namespaced }
}

/// Kinds that are looked at or made.
pub const SHELVES: [Shelf; 12] = [
    shelf("v1", "namespaces", "Namespace", false),
    shelf("v1", "secrets", "Secret", true),
    shelf("v1", "serviceaccounts", "ServiceAccount", true),
    shelf("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false),
    shelf("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false),
    shelf("rbac.authorization.k8s.io/v1", "roles", "Role", true),
    shelf("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", true),
    shelf("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", true),
    shelf("v1", "services", "Service", true),
    shelf("apps/v1", "deployments", "Deployment", true),
    shelf("apps/v1", "daemonsets", "DaemonSet", true),
    shelf("v1", "pods", "Pod", true),
];

// === impl Shelf ===

impl Shelf {
    /// That of a kind.
    ///
    /// # Errors
    /// When it is not known.
    pub fn of(kind: &str) -> Result<Self, Refusal> {
        let known = SHELVES.into_iter().find(|shelf| shelf.kind == kind);
        known.ok_or_else(|| Refusal::Unknown(kind.to_owned()))
    }

    /// The group: `apps`; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The path of all of them, or of one.
    fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let root = if self.version.contains('/') { "apis" } else { "api" };
        let mut path = format!("/{root}/{}", self.version);
        if let Some(namespace) = namespace.filter(|_| self.is_namespaced) {
            push("namespaces", &mut path);
            push(namespace, &mut path);
        }
        push(self.plural, &mut path);
        if let Some(name) = name {
            push(name, &mut path);
        }
        path
    }
}

fn push(part: &str, path: &mut String) {
    path.push('/');
    path.extend(form_urlencoded::byte_serialize(part.as_bytes()));
}

// === impl Refusal ===

impl Refusal {
    /// HTTP's status, if the API server answered.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::No { code, .. } => Some(*code),
            Self::Unreached(_) | Self::Unknown(_) => None,
        }
    }
}

// === impl Objects ===

impl Objects {
    /// Those of an API server.
    ///
    /// # Errors
    /// When it isn't known how to reach it.
    pub async fn open(access: &Access) -> Result<Self, AccessError> {
        Ok(Self { client: access.client().await? })
    }

    /// The object, if it is there.
    ///
    /// # Errors
    /// When the API server says no, or nothing.
    pub async fn get(
        &self,
        shelf: Shelf,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, Refusal> {
        let path = shelf.path(Some(namespace), Some(name));
        match self.ask(Method::GET, &path, "", None).await {
            Ok(object) => Ok(Some(object)),
            Err(refusal) if refusal.code() == Some(404) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Those of a namespace, or of all, that have these labels: `name=value,…`.
    ///
    /// # Errors
    /// As above; also when there are none of this kind at all.
    pub async fn list(
        &self,
        shelf: Shelf,
        namespace: Option<&str>,
        labels: &str,
    ) -> Result<Vec<Value>, Refusal> {
        let mut query = form_urlencoded::Serializer::new(String::from("?"));
        let path =
            shelf.path(namespace, None) + &query.append_pair("labelSelector", labels).finish();
        let mut list = self.ask(Method::GET, &path, "", None).await?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Makes an object or changes it, as far as others don't hold its fields; with `is_trial` it is only
    /// checked.
    ///
    /// # Errors
    /// As above; `Conflict` where others hold fields.
    pub async fn apply(&self, object: &Value, is_trial: bool) -> Result<Value, Refusal> {
        let (shelf, namespace, name) = place(object)?;
        let mut path = shelf.path(Some(namespace), Some(name)) + "?fieldManager=" + MANAGER;
        if is_trial {
            path += "&dryRun=All";
        }
        // JSON is YAML.
        self.ask(Method::PATCH, &path, "application/apply-patch+yaml", Some(object)).await
    }

    /// Makes an object that is not there.
    ///
    /// # Errors
    /// As above; `AlreadyExists` where it is.
    pub async fn create(&self, object: &Value) -> Result<Value, Refusal> {
        let (shelf, namespace, _) = place(object)?;
        let path = shelf.path(Some(namespace), None) + "?fieldManager=" + MANAGER;
        self.ask(Method::POST, &path, "application/json", Some(object)).await
    }

    /// Deletes this very object: not one that took its name in the meantime. Whether it was there.
    ///
    /// # Errors
    /// As above.
    pub async fn delete(&self, shelf: Shelf, object: &Value) -> Result<bool, Refusal> {
        let metadata = &object["metadata"];
        let namespace = metadata["namespace"].as_str();
        let path = shelf.path(namespace, metadata["name"].as_str());
        let how = json!({ "apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": "Background", "preconditions": { "uid": metadata["uid"] } });
        match self.ask(Method::DELETE, &path, "application/json", Some(&how)).await {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.code() == Some(404) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// The server's version: `v1.33.1`.
    ///
    /// # Errors
    /// As above.
    pub async fn version(&self) -> Result<String, Refusal> {
        let told = self.ask(Method::GET, "/version", "", None).await?;
        Ok(told["gitVersion"].as_str().unwrap_or("of no known version").to_owned())
    }

    /// Whether we may do this; or whether this user may, which takes a right of its own to ask.
    ///
    /// # Errors
    /// As above.
    pub async fn may(&self, deed: Deed<'_>, user: Option<&str>) -> Result<bool, Refusal> {
        let attributes = json!({ "verb": deed.verb, "group": deed.group, "resource": deed.plural,
            "namespace": deed.namespace.unwrap_or_default() });
        let (kind, plural) = match user {
            None => ("SelfSubjectAccessReview", "selfsubjectaccessreviews"),
            Some(_) => ("SubjectAccessReview", "subjectaccessreviews"),
        };
        let mut review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": kind,
            "spec": { "resourceAttributes": attributes } });
        if let Some(user) = user {
            review["spec"]["user"] = json!(user);
        }
        let path = format!("/apis/authorization.k8s.io/v1/{plural}");
        let told = self.ask(Method::POST, &path, "application/json", Some(&review)).await?;
        Ok(told["status"]["allowed"] == true)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refusal> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string().into_bytes()));
        let request = request.body(body).map_err(|error| Refusal::Unreached(causes(&error)))?;
        let asking = async {
            let answer = self.client.send(request).await.map_err(|error| causes(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| causes(&*error))?.to_bytes();
            Ok((head.status.as_u16(), body))
        };
        let (code, body) = match tokio::time::timeout(TIME, asking).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(why)) => return Err(Refusal::Unreached(why)),
            Err(_) => {
                let why = format!("no answer within {} s", TIME.as_secs());
                return Err(Refusal::Unreached(why));
            }
        };
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        if (200..300).contains(&code) {
            return Ok(told);
        }
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let message = match text("message") {
            message if message.is_empty() => {
                String::from_utf8_lossy(&body).chars().take(200).collect()
            }
            message => message,
        };
        Err(Refusal::No { code, reason: text("reason"), message })
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

/// Where an object is: its kind's place, its namespace, its name.
fn place(object: &Value) -> Result<(Shelf, &str, &str), Refusal> {
    let shelf = Shelf::of(object["kind"].as_str().unwrap_or_default())?;
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    Ok((shelf, text("namespace"), text("name")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_as_kubernetes_documents_them() {
        let path = |kind: &str, namespace, name| Shelf::of(kind).unwrap().path(namespace, name);
        assert_eq!(path("Secret", Some("a"), Some("b")), "/api/v1/namespaces/a/secrets/b");
        assert_eq!(path("DaemonSet", None, None), "/apis/apps/v1/daemonsets");
        // Who has no namespace is in none.
        assert_eq!(
            path("ClusterRole", Some("a"), Some("b/c")),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/b%2Fc"
        );
        assert!(matches!(Shelf::of("Ingress"), Err(Refusal::Unknown(_))));
    }
}
