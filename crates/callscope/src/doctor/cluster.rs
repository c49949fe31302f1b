//! `callscope doctor --cluster`: what a cluster allows hub and nodes, and how they are there.

use std::collections::BTreeMap;

use anyhow::Result;
use cluster::{Access, Deed, Objects, Refusal, Resource, Shelf};
use process::doctor::Finding;
use serde_json::Value;

use super::Section;
use crate::{
    args::DoctorArgs,
    install::{ADMITS, Progress, troubles},
};

/// The oldest version of Kubernetes that the manifests are checked against.
const OLDEST: u32 = 25;
/// The labels of all that is callscope's, whoever installed it.
const ANY: &str = "app.kubernetes.io/name=callscope";

/// What is lost where the hub may not see objects of a kind.
const COSTS: [(&str, &str); 10] = [
    ("pods", "names of pods, and thereby of nearly all ends of calls"),
    ("services", "names of services"),
    ("endpointslices", "what is behind a service that selects nothing"),
    ("nodes", "names and zones of machines, and which of two nodes tells a call"),
    ("namespaces", "labels of namespaces"),
    ("replicasets", "which Deployment a pod is of"),
    ("deployments", "what owns a Deployment"),
    ("statefulsets", "what owns a StatefulSet"),
    ("daemonsets", "what owns a DaemonSet"),
    ("jobs", "which CronJob a pod is of"),
];

/// What is there of an installation.
#[derive(Default)]
struct There {
    hub: Option<Value>,
    nodes: Option<Value>,
    /// Why it is not known, where it is not.
    unknown: Option<String>,
}

/// Asks a cluster.
///
/// # Errors
/// When nothing can be asked for want of a runtime.
pub(super) fn sections(args: &DoctorArgs) -> Result<Vec<Section>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(examine(args)))
}

async fn examine(args: &DoctorArgs) -> Vec<Section> {
    let namespace = args.place.namespace.as_str();
    let access = if args.in_cluster { Access::InCluster } else { args.place.access() };
    let opened = Objects::open(&access).await.map_err(|error| error.to_string());
    let version = match &opened {
        Ok(cluster) => cluster.version().await.map_err(|refusal| refusal.to_string()),
        Err(error) => Err(error.clone()),
    };
    let (cluster, version) = match (opened, version) {
        (Ok(cluster), Ok(version)) => (cluster, version),
        (_, Err(why)) | (Err(why), _) => {
            let unreached = no("API server", why, "everything: the cluster can't be asked");
            let remedy = "see whether kubectl version answers; --kubeconfig, --context".to_owned();
            return vec![section("cluster", vec![Finding { remedy: Some(remedy), ..unreached }])];
        }
    };
    let there = There::look(&cluster, namespace).await;
    let pods = cluster.list(POD, Some(namespace), ANY).await;
    vec![
        section("cluster", vec![server(&version), space(&cluster, namespace).await]),
        section("rights", rights(&cluster, namespace, &there).await),
        section("installation", installation(namespace, &there, &pods)),
    ]
}

const POD: Shelf = Shelf { version: "v1", plural: "pods", kind: "Pod", is_namespaced: true };

fn server(version: &str) -> Finding {
    let minor = version.trim_start_matches("v1.").split('.').next();
    let minor = minor.and_then(|minor| minor.parse::<u32>().ok());
    let says = format!("answers; Kubernetes {version}");
    match minor {
        Some(minor) if minor < OLDEST => Finding {
            remedy: Some("try it, or install a newer Kubernetes".into()),
            ..no("API server", says, "certainty: manifests are checked against 1.25 and later")
        },
        _ => yes("API server", says),
    }
}

/// The namespace, and which pods it admits.
async fn space(cluster: &Objects, namespace: &str) -> Finding {
    let name = format!("namespace {namespace}");
    let shelf =
        Shelf { version: "v1", plural: "namespaces", kind: "Namespace", is_namespaced: false };
    let found = match cluster.get(shelf, "", namespace).await {
        Ok(found) => found,
        Err(why) => {
            let says = format!("can't be looked at: {why}");
            let costs = "whether it is there, and which pods it admits";
            let remedy = Some("ask somebody who may".into());
            return Finding { remedy, ..no(&name, says, costs) };
        }
    };
    let Some(found) = found else {
        let remedy = "callscope install makes it; or: kubectl create namespace".to_owned();
        return Finding { remedy: Some(remedy), ..no(&name, "is not there", "hub and nodes") };
    };
    match found["metadata"]["labels"][ADMITS].as_str() {
        Some("privileged") => {
            yes(&name, "admits privileged pods, as nodes need (their machine's network)")
        }
        None => yes(
            &name,
            format!(
                "has no label {ADMITS}: it admits what the cluster's default says, privileged unless configured"
            ),
        ),
        Some(level) => Finding {
            remedy: Some(format!(
                "kubectl label --overwrite namespace {namespace} {ADMITS}=privileged"
            )),
            ..no(
                &name,
                format!("admits {level} pods alone"),
                "all nodes: they listen to their machine's network",
            )
        },
    }
}

// --- rights ---

/// What the hub may see: by its own account where that can be asked for, else by whoever asks.
async fn rights(cluster: &Objects, namespace: &str, there: &There) -> Vec<Finding> {
    let account = there
        .hub
        .as_ref()
        .and_then(|hub| hub["spec"]["template"]["spec"]["serviceAccountName"].as_str());
    let user = account.map(|account| format!("system:serviceaccount:{namespace}:{account}"));
    let within = there.namespaces();
    let mut whom = user.as_deref();
    if let Some(user) = whom {
        let deed = Deed { verb: "list", group: "", plural: "pods", namespace: None };
        if cluster.may(deed, Some(user)).await.is_err_and(|why| why.code() == Some(403)) {
            whom = None;
        }
    }
    let who = whom.unwrap_or(match user {
        Some(_) => "you (you may not ask what the hub's service account may)",
        None => "you (who install it must have the rights that the hub is given)",
    });
    let mut findings = Vec::new();
    for resource in Resource::usual().filter(|one| within.is_empty() || one.is_namespaced) {
        findings.push(right(cluster, &resource, &within, whom, who).await);
    }
    findings
}

/// Whether objects of a kind may be listed and watched, in all the namespaces.
async fn right(
    cluster: &Objects,
    resource: &Resource,
    within: &[String],
    whom: Option<&str>,
    who: &str,
) -> Finding {
    let group = resource.version.split_once('/').map_or("", |(group, _)| group);
    let places: Vec<Option<&str>> = match within {
        [] => vec![None],
        names => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    let name = format!("list, watch {}", resource.plural);
    let costs = COSTS.iter().find(|(plural, _)| *plural == resource.plural);
    let costs = costs.map_or("names", |(_, costs)| costs);
    let mut lacks = Vec::new();
    for namespace in places {
        // Nothing needs `get` today.
        for verb in ["list", "watch"] {
            let deed = Deed { verb, group, plural: &resource.plural, namespace };
            match cluster.may(deed, whom).await {
                Ok(true) => {}
                Ok(false) => lacks.push(match namespace {
                    None => verb.to_owned(),
                    Some(namespace) => format!("{verb} in {namespace}"),
                }),
                Err(why) => {
                    let says = format!("can't be asked: {why}");
                    let remedy = Some("ask somebody who may".into());
                    return Finding { remedy, ..no(&name, says, costs) };
                }
            }
        }
    }
    if lacks.is_empty() {
        return yes(&name, format!("allowed: {who}"));
    }
    let says = format!("not allowed ({}): {who}", lacks.join(", "));
    let remedy =
        "the rules in deploy/rbac.yaml (docs/KUBERNETES.md), bound to the hub's account".to_owned();
    Finding { remedy: Some(remedy), ..no(&name, says, costs) }
}

// --- what is there ---

impl There {
    async fn look(cluster: &Objects, namespace: &str) -> Self {
        let one = async |kind: &str, end: &str| -> Result<Option<Value>, Refusal> {
            let all = cluster.list(Shelf::of(kind)?, Some(namespace), ANY).await?;
            let is_it = |object: &Value| {
                object["metadata"]["name"].as_str().is_some_and(|name| name.ends_with(end))
            };
            Ok(all.into_iter().find(is_it).map(|mut object| {
                object["kind"] = kind.into();
                object
            }))
        };
        match (one("Deployment", "-hub").await, one("DaemonSet", "-node").await) {
            (Ok(hub), Ok(nodes)) => Self { hub, nodes, unknown: None },
            (Err(why), _) | (_, Err(why)) => {
                Self { unknown: Some(why.to_string()), ..Self::default() }
            }
        }
    }

    /// The namespaces that the hub watches; all if none.
    fn namespaces(&self) -> Vec<String> {
        let pod = self.hub.as_ref().map(|hub| &hub["spec"]["template"]["spec"]);
        let arguments = pod.and_then(|pod| pod["containers"][0]["args"].as_array());
        let texts = arguments.into_iter().flatten().filter_map(Value::as_str);
        texts.filter_map(|text| text.strip_prefix("--namespace=")).map(ToOwned::to_owned).collect()
    }
}

fn installation(
    namespace: &str,
    there: &There,
    pods: &Result<Vec<Value>, Refusal>,
) -> Vec<Finding> {
    if let Some(why) = &there.unknown {
        let says = format!("can't be looked at: {why}");
        let remedy = Some("ask somebody who may".into());
        return vec![Finding { remedy, ..no("hub and nodes", says, "how they are") }];
    }
    let pods = pods.as_deref().unwrap_or_default();
    let mut findings = vec![
        workload(
            "hub",
            namespace,
            there.hub.as_ref(),
            pods,
            "the dashboard, the API, and names: nodes go on",
        ),
        workload(
            "nodes",
            namespace,
            there.nodes.as_ref(),
            pods,
            "the calls of machines whose node is not there",
        ),
    ];
    if there.hub.is_some() && there.nodes.is_some() {
        findings.push(versions(pods));
    }
    findings
}

fn workload(
    name: &str,
    namespace: &str,
    object: Option<&Value>,
    pods: &[Value],
    costs: &'static str,
) -> Finding {
    let Some(object) = object else {
        let says = format!("not in the namespace {namespace}");
        let remedy = Some(
            "callscope install, or the chart (docs/HELM.md); -n names another namespace".into(),
        );
        return Finding { remedy, ..no(name, says, costs) };
    };
    let progress = Progress::of(object);
    let says = format!("{} ready", progress.told());
    if progress.is_ready() {
        return yes(name, says);
    }
    let own = object["metadata"]["name"].as_str().unwrap_or_default();
    let is_own = |pod: &&Value| {
        let name = pod["metadata"]["name"].as_str();
        name.and_then(|name| name.strip_prefix(own)).is_some_and(|rest| rest.starts_with('-'))
    };
    let why: Vec<_> = pods.iter().filter(is_own).flat_map(troubles).collect();
    let says = std::iter::once(says).chain(why).collect::<Vec<_>>().join("; ");
    let remedy = format!(
        "kubectl -n {namespace} describe {}",
        match name {
            "hub" => "deployment,pod -l app.kubernetes.io/component=hub",
            _ => "daemonset,pod -l app.kubernetes.io/component=node",
        }
    );
    Finding { remedy: Some(remedy), ..no(name, says, costs) }
}

/// Whether hub and nodes are of one version.
fn versions(pods: &[Value]) -> Finding {
    let mut images: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for pod in pods {
        let component = pod["metadata"]["labels"]["app.kubernetes.io/component"].as_str();
        let image = pod["spec"]["containers"][0]["image"].as_str();
        if let (Some(component), Some(image)) = (component, image) {
            *images
                .entry(image.to_owned())
                .or_default()
                .entry(component.to_owned())
                .or_default() += 1;
        }
    }
    let told: Vec<_> = images
        .iter()
        .map(|(image, counts)| {
            let counts = counts.iter().map(|(component, count)| format!("{component} {count}"));
            format!("{image} ({})", counts.collect::<Vec<_>>().join(", "))
        })
        .collect();
    match images.len() {
        0 => yes("versions", "no pod is there to tell"),
        1 => yes("versions", format!("all of {}", told.join(", "))),
        _ => Finding {
            remedy: Some(
                "wait for the roll-out, or run callscope install (the chart) again with one image"
                    .into(),
            ),
            ..no(
                "versions",
                told.join(", "),
                "answers to questions that the older side does not know; one version apart understand each other",
            )
        },
    }
}

// --- findings ---

fn section(name: &'static str, findings: Vec<Finding>) -> Section {
    Section { name, findings }
}

fn yes(name: &str, says: impl Into<String>) -> Finding {
    Finding { name: name.to_owned(), works: true, says: says.into(), costs: None, remedy: None }
}

fn no(name: &str, says: impl Into<String>, costs: &'static str) -> Finding {
    let says = says.into();
    Finding { name: name.to_owned(), works: false, says, costs: Some(costs), remedy: None }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(component: &str, image: &str) -> Value {
        json!({ "metadata": { "name": "x", "labels": { "app.kubernetes.io/component": component } },
            "spec": { "containers": [{ "image": image }] } })
    }

    #[test]
    fn two_versions_are_told_with_how_many_have_which() {
        let pods = [pod("hub", "c:2"), pod("node", "c:1"), pod("node", "c:1"), pod("node", "c:2")];
        let finding = versions(&pods);
        assert!(!finding.works);
        assert_eq!(finding.says, "c:1 (node 2), c:2 (hub 1, node 1)");
        assert!(versions(&pods[1..3]).works);
    }

    #[test]
    fn an_old_server_is_a_doubt() {
        assert!(server("v1.33.1").works && server("v1.25.0-eks").works);
        assert!(!server("v1.24.9").works);
        assert!(server("of no known version").works);
    }
}
