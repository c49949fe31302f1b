//! What is watched, and how it is asked for.

use identity::Kind;

/// A kind of objects of an API server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resource {
    /// `v1`, `apps/v1`.
    pub version: String,
    /// As it stands in paths: `pods`.
    pub plural: String,
    /// As it stands in objects: `Pod`.
    pub kind: String,
    /// Whether its names and owners are all that is needed of it.
    pub is_metadata: bool,
    /// Whether its objects are in namespaces.
    pub is_namespaced: bool,
}

/// A kind in one namespace, or in all.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
}

/// A request for what is in a [`Place`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ask<'a> {
    /// All there are: this many a page, and where the page begins.
    List { limit: u32, from: &'a str },
    /// All there are, and then what changes: for so many seconds.
    Stream { seconds: u64 },
    /// What changed since a resource version.
    Watch { since: &'a str, seconds: u64 },
}

/// Where to find each kind; whether names and owners are enough; whether it has namespaces.
const RESOURCES: [(&str, &str, &str, bool, bool); 10] = [
    ("v1", "pods", "Pod", false, true),
    ("v1", "services", "Service", false, true),
    ("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", false, true),
    ("v1", "nodes", "Node", false, false),
    ("v1", "namespaces", "Namespace", true, false),
    ("apps/v1", "replicasets", "ReplicaSet", true, true),
    ("apps/v1", "deployments", "Deployment", true, true),
    ("apps/v1", "statefulsets", "StatefulSet", true, true),
    ("apps/v1", "daemonsets", "DaemonSet", true, true),
    ("batch/v1", "jobs", "Job", true, true),
];

// === impl Resource ===

impl Resource {
    /// What says who has an address, and who owns that.
    pub fn usual() -> impl Iterator<Item = Self> {
        RESOURCES.into_iter().map(|(version, plural, kind, is_metadata, is_namespaced)| Self {
            version: version.to_owned(),
            plural: plural.to_owned(),
            kind: kind.to_owned(),
            is_metadata,
            is_namespaced,
        })
    }

    /// A further kind that owns pods, or owners of pods, and is itself owned:
    /// `argoproj.io/v1alpha1`, `rollouts`, `Rollout`.
    #[must_use]
    pub fn owner(version: &str, plural: &str, kind: &str) -> Self {
        Self {
            version: version.to_owned(),
            plural: plural.to_owned(),
            kind: kind.to_owned(),
            is_metadata: true,
            is_namespaced: true,
        }
    }

    /// What the directory takes it for.
    pub(crate) fn taken_for(&self) -> Kind {
        match self.kind.as_str() {
            "Pod" => Kind::Pod,
            "Service" => Kind::Service,
            "EndpointSlice" => Kind::EndpointSlice,
            "Node" => Kind::Node,
            "Namespace" => Kind::Namespace,
            _ => Kind::Owner,
        }
    }
}

// === impl Place ===

impl Place {
    /// Path and query of a request.
    pub(crate) fn target(&self, ask: Ask<'_>) -> String {
        let of = &self.resource;
        // The core group is older than groups (Kubernetes' API concepts, "Resource URIs").
        let root = if of.version.contains('/') { "apis" } else { "api" };
        let mut target = format!("/{root}/{}/", of.version);
        if let Some(namespace) = &self.namespace {
            target.push_str("namespaces/");
            target.extend(form_urlencoded::byte_serialize(namespace.as_bytes()));
            target.push('/');
        }
        target.push_str(&of.plural);
        target.push('?');
        let mut query = form_urlencoded::Serializer::new(String::new());
        match ask {
            Ask::List { limit, from } => {
                if limit > 0 {
                    query.append_pair("limit", &limit.to_string());
                }
                if !from.is_empty() {
                    query.append_pair("continue", from);
                }
            }
            Ask::Stream { seconds } => {
                let seconds = seconds.to_string();
                query.extend_pairs(WATCH).append_pair("timeoutSeconds", &seconds);
                // Kubernetes' API concepts, "Streaming lists".
                query.append_pair("sendInitialEvents", "true");
                query.append_pair("resourceVersionMatch", "NotOlderThan");
                query.append_pair("resourceVersion", "");
            }
            Ask::Watch { since, seconds } => {
                let seconds = seconds.to_string();
                query.extend_pairs(WATCH).append_pair("timeoutSeconds", &seconds);
                query.append_pair("resourceVersion", since);
            }
        }
        target + &query.finish()
    }

    /// The form that is asked for (Kubernetes' API concepts, "Metadata-only fetches").
    pub(crate) fn accept(&self, ask: Ask<'_>) -> &'static str {
        match (self.resource.is_metadata, ask) {
            (false, _) => "application/json",
            (true, Ask::List { .. }) => {
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json"
            }
            (true, _) => {
                "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json"
            }
        }
    }

    /// For people: `pods`, `pods in shop`.
    pub(crate) fn name(&self) -> String {
        match &self.namespace {
            None => self.resource.plural.clone(),
            Some(namespace) => format!("{} in {namespace}", self.resource.plural),
        }
    }
}

const WATCH: [(&str, &str); 2] = [("watch", "1"), ("allowWatchBookmarks", "true")];

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: &str, namespace: Option<&str>) -> Place {
        let resource = Resource::usual().find(|resource| resource.kind == kind).unwrap();
        Place { resource, namespace: namespace.map(str::to_owned) }
    }

    #[test]
    fn requests_are_as_kubernetes_documents_them() {
        let page = Ask::List { limit: 500, from: "a=&b" };
        assert_eq!(place("Pod", None).target(page), "/api/v1/pods?limit=500&continue=a%3D%26b");
        let all = Ask::List { limit: 0, from: "" };
        assert_eq!(
            place("ReplicaSet", Some("shop")).target(all),
            "/apis/apps/v1/namespaces/shop/replicasets?"
        );
        assert_eq!(
            place("EndpointSlice", None).target(Ask::Stream { seconds: 300 }),
            "/apis/discovery.k8s.io/v1/endpointslices?watch=1&allowWatchBookmarks=true&timeoutSeconds=300\
             &sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion="
        );
        assert_eq!(
            place("Node", None).target(Ask::Watch { since: "5", seconds: 300 }),
            "/api/v1/nodes?watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=5"
        );
    }
}
