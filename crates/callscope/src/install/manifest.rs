//! What is installed: the plain manifests, with what the user says of them.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

/// What `deploy/helm/callscope` gives as it comes, for the namespace `callscope`, without Secrets.
const PLAIN: &str = include_str!("../../../../deploy/manifests/callscope.yaml");
/// The namespace that it is for.
const PLAIN_NAMESPACE: &str = "callscope";

/// The label that says who made an object, and what it says of ours.
const MADE_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "callscope");
/// The label that says for which installation: objects without a namespace have no other.
pub const MADE_FOR: &str = "callscope/installed-in";
/// The namespace's label that says which pods it admits.
pub const ADMITS: &str = "pod-security.kubernetes.io/enforce";

/// Names of the Secrets, and what must be in them.
pub const HUB_PAPERS: (&str, &[&str]) =
    ("callscope-hub-certificates", &["ca.crt", "tls.crt", "tls.key"]);
/// The same of the nodes.
pub const NODE_PAPERS: (&str, &[&str]) =
    ("callscope-node-certificates", &["ca.crt", "tls.crt", "tls.key"]);
/// The same of those who may ask.
pub const TOKENS: (&str, &[&str]) = ("callscope-tokens", &["tokens"]);

/// What the nodes' program may do besides, where it looks at processes: docs/HELM.md.
const DEEP: [&str; 5] = ["BPF", "DAC_READ_SEARCH", "NET_ADMIN", "PERFMON", "SYS_PTRACE"];

/// How the user wants it.
#[derive(Clone, Debug, clap::Args)]
pub struct Values {
    /// The image, with its tag or digest: registry.example/callscope:0.1.0. Nobody publishes one yet:
    /// docs/HELM.md says how to build it.
    #[arg(long, value_name = "IMAGE")]
    pub image: String,
    /// A Secret to pull the image with. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub pull_secret: Vec<String>,
    /// Let the hub watch only this namespace, by a Role in it. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub watch_namespace: Vec<String>,
    /// A name by which browsers reach the hub, beside addresses and localhost. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Bytes of calls that each node keeps.
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = crate::size::bytes)]
    pub store_size: u64,
    /// Keep calls (and packets) on the machines, in /var/lib/callscope: they outlive the pods.
    #[arg(long)]
    pub on_host: bool,
    /// Have each node keep so many bytes of packets.
    #[arg(long, value_name = "SIZE", value_parser = crate::size::bytes)]
    pub keep_packets: Option<u64>,
    /// Say which process spoke: the nodes see the machines' processes, and may do more.
    #[arg(long)]
    pub processes: bool,
    /// Show what is said under TLS, too: the same, and more.
    #[arg(long)]
    pub tls: bool,
    /// A further flag of the nodes, as `--node-flag=--cpu-limit=0.5`. May be given several times.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub node_flag: Vec<String>,
    /// A further flag of the hub. May be given several times.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub hub_flag: Vec<String>,
}

/// The objects, in the order in which they are made; without the namespace and the Secrets.
///
/// # Errors
/// When what is built in can't be read.
pub fn objects(namespace: &str, values: &Values) -> Result<Vec<Value>> {
    let mut objects: Vec<Value> =
        cluster::documents(PLAIN).map_err(|why| anyhow!("what is built in: {why}"))?;
    for object in &mut objects {
        rename(object, namespace);
        mark(object, namespace);
        match object["kind"].as_str() {
            Some("Deployment") => hub(object, values).context("what is built in: the hub")?,
            Some("DaemonSet") => node(object, values).context("what is built in: the nodes")?,
            _ => {}
        }
    }
    if !values.watch_namespace.is_empty() {
        objects = objects.into_iter().flat_map(|object| narrow(object, values)).collect();
    }
    objects.sort_by_key(order);
    Ok(objects)
}

/// The namespace, where it is to be made: it admits what nodes need.
pub fn namespace(name: &str) -> Value {
    let mut object = json!({ "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": name, "labels": { ADMITS: "privileged" } } });
    mark(&mut object, name);
    object
}

/// A Secret with these texts.
pub fn secret(name: &str, namespace: &str, kind: &str, texts: &[(&str, String)]) -> Value {
    use base64::Engine as _;
    let coded = |text: &String| base64::engine::general_purpose::STANDARD.encode(text);
    let data: serde_json::Map<_, _> =
        texts.iter().map(|(key, text)| ((*key).to_owned(), json!(coded(text)))).collect();
    let mut object = json!({ "apiVersion": "v1", "kind": "Secret", "type": kind,
        "metadata": { "name": name, "namespace": namespace }, "data": data });
    object["metadata"]["labels"]["app.kubernetes.io/name"] = json!("callscope");
    mark(&mut object, namespace);
    object
}

/// Whether an object was made for this installation.
pub fn is_ours(object: &Value, namespace: &str) -> bool {
    let labels = &object["metadata"]["labels"];
    labels[MADE_BY.0] == MADE_BY.1 && labels[MADE_FOR] == namespace
}

/// What labels are asked for to find them all.
pub fn selector(namespace: &str) -> String {
    format!("{}={},{MADE_FOR}={namespace}", MADE_BY.0, MADE_BY.1)
}

/// For people: `Deployment callscope-hub`.
pub fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    match (kind.as_str(), text(&object["metadata"]["namespace"])) {
        ("Role" | "RoleBinding", namespace) => format!("{kind} {name} in {namespace}"),
        _ => format!("{kind} {name}"),
    }
}

fn mark(object: &mut Value, namespace: &str) {
    object["metadata"]["labels"][MADE_BY.0] = json!(MADE_BY.1);
    object["metadata"]["labels"][MADE_FOR] = json!(namespace);
}

/// What others need comes before them.
fn order(object: &Value) -> usize {
    let place = cluster::SHELVES.iter().position(|shelf| object["kind"] == shelf.kind);
    place.unwrap_or(usize::MAX)
}

/// For another namespace.
fn rename(object: &mut Value, namespace: &str) {
    let is_in = object["metadata"].get("namespace").is_some();
    if is_in {
        object["metadata"]["namespace"] = json!(namespace);
    } else if let Some(rest) = object["metadata"]["name"].as_str().and_then(without_namespace) {
        object["metadata"]["name"] = json!(format!("{namespace}-{rest}"));
    }
    if let Some(rest) = object["roleRef"]["name"].as_str().and_then(without_namespace) {
        object["roleRef"]["name"] = json!(format!("{namespace}-{rest}"));
    }
    for subject in list(object, "subjects") {
        subject["namespace"] = json!(namespace);
    }
}

/// What is behind the namespace in the names of objects that are in none.
fn without_namespace(name: &str) -> Option<&str> {
    name.strip_prefix(PLAIN_NAMESPACE)?.strip_prefix('-')
}

fn hub(object: &mut Value, values: &Values) -> Result<()> {
    let namespace = object["metadata"]["namespace"].clone();
    let pod = &mut object["spec"]["template"]["spec"];
    general(pod, &namespace, values)?;
    let arguments = arguments(pod)?;
    arguments.extend(values.host.iter().map(|host| json!(format!("--host={host}"))));
    let watched = values.watch_namespace.iter();
    arguments.extend(watched.map(|name| json!(format!("--namespace={name}"))));
    arguments.extend(values.hub_flag.iter().map(|flag| json!(flag)));
    Ok(())
}

fn node(object: &mut Value, values: &Values) -> Result<()> {
    let namespace = object["metadata"]["namespace"].clone();
    let pod = &mut object["spec"]["template"]["spec"];
    general(pod, &namespace, values)?;
    let arguments = arguments(pod)?;
    let size = arguments.iter_mut().find(|one| starts(one, "--store-size="));
    *size.context("no size of the store")? = json!(format!("--store-size={}", values.store_size));
    if let Some(bytes) = values.keep_packets {
        arguments.push(json!("--keep=/var/lib/callscope/packets"));
        arguments.push(json!(format!("--keep-size={bytes}")));
    }
    if values.tls {
        arguments.push(json!("--tls"));
    }
    arguments.extend(values.node_flag.iter().map(|flag| json!(flag)));
    if values.tls || values.processes {
        pod["hostPID"] = json!(true);
        let more = values.tls.then_some("CHECKPOINT_RESTORE");
        let added = &mut pod["containers"][0]["securityContext"]["capabilities"]["add"];
        let added = added.as_array_mut().context("no capabilities")?;
        added.extend(DEEP.into_iter().chain(more).map(Value::from));
    }
    if values.on_host {
        let volumes = pod["volumes"].as_array_mut().into_iter().flatten();
        for volume in volumes.filter(|volume| volume["name"] == "data") {
            let folder = json!({ "path": "/var/lib/callscope", "type": "DirectoryOrCreate" });
            *volume = json!({ "name": "data", "hostPath": folder });
        }
    }
    Ok(())
}

/// What is the same for both.
fn general(pod: &mut Value, namespace: &Value, values: &Values) -> Result<()> {
    pod["containers"][0]["image"] = json!(values.image);
    if !values.pull_secret.is_empty() {
        let secrets = values.pull_secret.iter().map(|name| json!({ "name": name }));
        pod["imagePullSecrets"] = secrets.collect();
    }
    let namespace = namespace.as_str().context("no namespace")?;
    for argument in arguments(pod)? {
        let text = argument.as_str().unwrap_or_default();
        // Addresses of the hub end with its namespace.
        let own = format!("callscope-hub.{PLAIN_NAMESPACE}");
        *argument = json!(text.replace(&own, &format!("callscope-hub.{namespace}")));
    }
    Ok(())
}

fn arguments(pod: &mut Value) -> Result<&mut Vec<Value>> {
    pod["containers"][0]["args"].as_array_mut().context("no arguments")
}

fn starts(argument: &Value, with: &str) -> bool {
    argument.as_str().is_some_and(|text| text.starts_with(with))
}

/// Rights in some namespaces in place of rights in all; other objects as they are.
fn narrow(object: Value, values: &Values) -> Vec<Value> {
    let kind = match object["kind"].as_str() {
        Some("ClusterRole") => "Role",
        Some("ClusterRoleBinding") => "RoleBinding",
        _ => return vec![object],
    };
    let in_one = |namespace: &String| {
        let mut object = object.clone();
        object["kind"] = json!(kind);
        object["metadata"]["namespace"] = json!(namespace);
        if kind == "RoleBinding" {
            object["roleRef"]["kind"] = json!("Role");
        }
        for rule in list(&mut object, "rules") {
            let resources = rule["resources"].as_array_mut();
            // These are in no namespace.
            resources
                .into_iter()
                .for_each(|all| all.retain(|one| one != "nodes" && one != "namespaces"));
        }
        object
    };
    values.watch_namespace.iter().map(in_one).collect()
}

/// The elements of a list that may not be there.
fn list<'o>(object: &'o mut Value, name: &str) -> impl Iterator<Item = &'o mut Value> {
    object.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Whether this can be the name of a namespace (RFC 1123's labels).
///
/// # Errors
/// In words, for the command line.
pub fn namespace_name(text: &str) -> Result<String> {
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_label = !text.is_empty() && text.len() <= 63 && text.chars().all(is_fit);
    if !is_label || text.starts_with('-') || text.ends_with('-') {
        bail!("a namespace is named by small letters, digits and hyphens: {text:?}");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        Values {
            image: "registry.example/callscope:1".into(),
            pull_secret: Vec::new(),
            watch_namespace: Vec::new(),
            host: Vec::new(),
            store_size: 1 << 31,
            on_host: false,
            keep_packets: None,
            processes: false,
            tls: false,
            node_flag: Vec::new(),
            hub_flag: Vec::new(),
        }
    }

    fn one<'o>(objects: &'o [Value], kind: &str) -> &'o Value {
        objects.iter().find(|object| object["kind"] == kind).unwrap()
    }

    fn container<'o>(objects: &'o [Value], kind: &str) -> &'o Value {
        &one(objects, kind)["spec"]["template"]["spec"]["containers"][0]
    }

    fn has(container: &Value, argument: &str) -> bool {
        container["args"].as_array().unwrap().iter().any(|own| own == argument)
    }

    #[test]
    fn all_of_it_is_for_the_namespace_and_says_who_made_it() {
        let objects = objects("observe", &values()).unwrap();
        for object in &objects {
            assert!(is_ours(object, "observe") && !is_ours(object, "callscope"), "{object}");
            assert!(!object.to_string().contains("callscope-hub.callscope"), "{object}");
            assert!(!object.to_string().contains("null"), "{object}");
            if object["metadata"].get("namespace").is_some() {
                assert_eq!(object["metadata"]["namespace"], "observe");
            } else {
                assert_eq!(object["metadata"]["name"], "observe-callscope-hub");
            }
        }
        let binding = one(&objects, "ClusterRoleBinding");
        assert_eq!(binding["roleRef"]["name"], "observe-callscope-hub");
        assert_eq!(binding["subjects"][0]["namespace"], "observe");
        assert!(has(
            container(&objects, "DaemonSet"),
            "--hub=https://callscope-hub.observe.svc:8901"
        ));
        assert!(has(container(&objects, "Deployment"), "--host=callscope-hub.observe"));
        assert_eq!(container(&objects, "Deployment")["image"], "registry.example/callscope:1");
        let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
        assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("ServiceAccount", "DaemonSet"));
    }

    #[test]
    fn nodes_may_do_more_only_where_that_is_asked_for() {
        let plain = objects("callscope", &values()).unwrap();
        let capabilities = |objects: &[Value]| {
            container(objects, "DaemonSet")["securityContext"]["capabilities"]["add"].clone()
        };
        assert_eq!(capabilities(&plain), json!(["NET_RAW"]));
        let pod = |objects: &[Value]| one(objects, "DaemonSet")["spec"]["template"]["spec"].clone();
        assert!(pod(&plain)["hostPID"].is_null());
        let more = Values { tls: true, on_host: true, keep_packets: Some(1 << 30), ..values() };
        let more = objects("callscope", &more).unwrap();
        assert_eq!(pod(&more)["hostPID"], true);
        assert_eq!(capabilities(&more).as_array().unwrap().len(), 7);
        assert!(has(container(&more, "DaemonSet"), "--keep-size=1073741824"));
        let volumes = pod(&more)["volumes"].clone();
        let data = volumes.as_array().unwrap().iter().find(|volume| volume["name"] == "data");
        assert_eq!(data.unwrap()["hostPath"]["path"], "/var/lib/callscope");
    }

    #[test]
    fn in_some_namespaces_there_are_no_rights_in_others() {
        let values = Values { watch_namespace: vec!["shop".into(), "bank".into()], ..values() };
        let objects = objects("callscope", &values).unwrap();
        assert!(!objects.iter().any(|object| object["kind"] == "ClusterRole"));
        let roles: Vec<_> = objects.iter().filter(|object| object["kind"] == "Role").collect();
        let places: Vec<_> = roles.iter().map(|role| &role["metadata"]["namespace"]).collect();
        assert_eq!(places, ["shop", "bank"]);
        assert!(!roles[0].to_string().contains("nodes"), "{}", roles[0]);
        assert_eq!(one(&objects, "RoleBinding")["roleRef"]["kind"], "Role");
        assert!(has(container(&objects, "Deployment"), "--namespace=bank"));
    }

    #[test]
    fn a_namespace_has_a_name_that_can_be_one() {
        assert!(namespace_name("observe-2").is_ok());
        for wrong in ["", "Observe", "-a", "a-", "a.b", "a/b", &"a".repeat(64)] {
            assert!(namespace_name(wrong).is_err(), "{wrong}");
        }
    }
}
