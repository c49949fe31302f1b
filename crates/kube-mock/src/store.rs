//! The objects, and what happened to them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::recording::Step;

/// All objects.
#[derive(Debug, Default)]
pub(crate) struct Store {
    version: u64,
    tables: BTreeMap<String, Table>,
    /// Pages still to come, by their tokens.
    pages: HashMap<String, Page>,
    next_page: u64,
}

/// The objects of a kind.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By namespace and name.
    objects: BTreeMap<(String, String), Arc<Stored>>,
    /// What happened, in its order.
    log: Vec<Change>,
    /// What happened up to this version is forgotten.
    forgotten: u64,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) what: &'static str,
    pub(crate) object: Arc<Stored>,
}

/// An object as it was for a time. Its text takes a fraction of what the value would.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) namespace: String,
    pub(crate) json: String,
    uid: String,
}

/// The rest of a list.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) version: u64,
    pub(crate) rest: Vec<Arc<Stored>>,
}

/// The kinds, by their paths.
pub(crate) const KINDS: [(&str, &str, &str); 18] = [
    ("v1", "pods", "Pod"),
    ("v1", "services", "Service"),
    ("discovery.k8s.io/v1", "endpointslices", "EndpointSlice"),
    ("v1", "nodes", "Node"),
    ("v1", "namespaces", "Namespace"),
    ("apps/v1", "replicasets", "ReplicaSet"),
    ("apps/v1", "deployments", "Deployment"),
    ("apps/v1", "statefulsets", "StatefulSet"),
    ("apps/v1", "daemonsets", "DaemonSet"),
    ("batch/v1", "jobs", "Job"),
    ("batch/v1", "cronjobs", "CronJob"),
    ("v1", "secrets", "Secret"),
    ("v1", "serviceaccounts", "ServiceAccount"),
    ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "roles", "Role"),
    ("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding"),
];

// === impl Store ===

impl Store {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn table(&self, plural: &str) -> Option<&Table> {
        self.tables.get(plural)
    }

    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (namespace.to_owned(), name.to_owned());
        self.tables.get(plural)?.objects.get(&key).map(|stored| stored.value())
    }

    /// Makes or changes an object; it gets its version, and an identity if it has none.
    pub(crate) fn apply(&mut self, mut object: Value, log_max: usize) {
        self.version += 1;
        let version = self.version;
        let metadata = &mut object["metadata"];
        metadata["resourceVersion"] = json!(version.to_string());
        if metadata["uid"].is_null() {
            let uid = format!("00000000-0000-4000-8000-{version:012x}");
            metadata["uid"] = json!(uid);
        }
        let Some(plural) = plural(&object) else { return };
        let table = self.tables.entry(plural.to_owned()).or_default();
        table.put(version, "MODIFIED", &object);
        table.forget(log_max);
    }

    pub(crate) fn delete(&mut self, kind: &str, namespace: &str, name: &str) -> bool {
        let Some(plural) = plural(&json!({ "kind": kind })) else { return false };
        let Some(table) = self.tables.get_mut(plural) else { return false };
        let key = (namespace.to_owned(), name.to_owned());
        let Some(mut object) = table.objects.get(&key).map(|stored| stored.value()) else {
            return false;
        };
        self.version += 1;
        // A deleted object carries the version of its deletion.
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        table.put(self.version, "DELETED", &object);
        true
    }

    pub(crate) fn play(&mut self, step: &Step) {
        let Some(plural) = plural(&step.object) else { return };
        let version = step.version();
        self.version = self.version.max(version);
        let what = if step.what == "DELETED" { "DELETED" } else { "MODIFIED" };
        self.tables.entry(plural.to_owned()).or_default().put(version, what, &step.object);
    }

    pub(crate) fn compact(&mut self) {
        self.version += 1;
        for table in self.tables.values_mut() {
            table.log.clear();
            table.forgotten = self.version;
        }
        self.pages.clear();
    }

    pub(crate) fn truth(&self) -> Value {
        let objects = self.tables.values().flat_map(|table| table.objects.values());
        let objects: Vec<_> = objects.map(|stored| stored.value()).collect();
        json!({"apiVersion": "v1", "kind": "List", "items": objects})
    }

    /// The rest of a list, by its token.
    pub(crate) fn page(&mut self, token: &str) -> Option<Page> {
        self.pages.remove(token)
    }

    /// Keeps the rest of a list; its token.
    pub(crate) fn keep(&mut self, page: Page) -> String {
        self.next_page += 1;
        let token = format!("page={}&+{}", self.next_page, page.version);
        self.pages.insert(token.clone(), page);
        token
    }
}

fn plural(object: &Value) -> Option<&'static str> {
    KINDS.iter().find(|(_, _, kind)| object["kind"] == *kind).map(|(_, plural, _)| *plural)
}

// === impl Table ===

impl Table {
    /// The objects of a namespace, or of all.
    pub(crate) fn objects(&self, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Stored>> {
        let is_in = move |own: &str| namespace.is_none_or(|namespace| own == namespace);
        self.objects.iter().filter(move |((own, _), _)| is_in(own)).map(|(_, object)| object)
    }

    /// What happened after `since`; the first version that is remembered where that is forgotten.
    pub(crate) fn after(&self, since: u64) -> Result<&[Change], u64> {
        if since < self.forgotten {
            return Err(self.forgotten);
        }
        let first = self.log.partition_point(|change| change.version <= since);
        Ok(self.log.get(first..).unwrap_or_default())
    }

    /// Earlier states of an object, before `version`.
    pub(crate) fn before<'t>(
        &'t self,
        of: &'t Stored,
        version: u64,
    ) -> impl Iterator<Item = &'t Change> {
        let is_it = move |change: &&Change| change.version < version && change.object.uid == of.uid;
        self.log.iter().filter(is_it)
    }

    /// Remembers about so many of the latest changes.
    fn forget(&mut self, log_max: usize) {
        if self.log.len() / 2 >= log_max {
            let gone = self.log.len() - log_max;
            self.forgotten = self.log.drain(..gone).next_back().map_or(0, |change| change.version);
        }
    }

    fn put(&mut self, version: u64, what: &'static str, object: &Value) {
        let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        let key = (text("namespace"), text("name"));
        let json = object.to_string();
        let object = Arc::new(Stored { namespace: key.0.clone(), json, uid: text("uid") });
        let what = match what {
            "MODIFIED" if !self.objects.contains_key(&key) => "ADDED",
            other => other,
        };
        if what == "DELETED" {
            self.objects.remove(&key);
        } else {
            self.objects.insert(key, object.clone());
        }
        self.log.push(Change { version, what, object });
    }
}

// === impl Stored ===

impl Stored {
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.json).unwrap_or_default()
    }
}
