//! Waits for hub and nodes, and says what holds them up.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use cluster::{Objects, Shelf};
use serde_json::Value;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// Why containers don't run: what does not pass by itself, or mostly not.
const STUCK: [&str; 8] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];
/// The labels of all pods of an installation.
const PODS: &str = "app.kubernetes.io/name=callscope,app.kubernetes.io/instance=callscope";

/// How far a workload is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Pods that are ready, of the newest version.
    pub ready: u64,
    /// Pods that there should be.
    pub wanted: u64,
    /// Whether the cluster has looked at the newest version at all.
    pub is_seen: bool,
}

/// Waits.
///
/// # Errors
/// When they are not ready in time.
pub async fn wait(cluster: &Objects, namespace: &str, time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    let (mut said, mut troubles) = (String::new(), BTreeSet::new());
    loop {
        let hub = workload(cluster, "Deployment", namespace, "callscope-hub").await?;
        let nodes = workload(cluster, "DaemonSet", namespace, "callscope-node").await?;
        let (hub, nodes) = (hub.context("the hub is gone")?, nodes.context("the nodes are gone")?);
        let line = format!("ready: hub {}, nodes {}", hub.told(), nodes.told());
        if line != said {
            eprintln!("{line}");
            said = line;
        }
        if hub.is_ready() && nodes.is_ready() {
            return Ok(());
        }
        // Who may not look at pods waits all the same.
        for trouble in troubles_of(cluster, namespace).await.unwrap_or_default() {
            if troubles.insert(trouble.clone()) {
                eprintln!("  {trouble}");
            }
        }
        if Instant::now() >= until {
            let why: Vec<_> = troubles.into_iter().collect();
            let why = if why.is_empty() { idle(nodes) } else { why.join("; ") };
            bail!(
                "not ready after {} s ({said}): {why}. They may get ready yet: callscope doctor --cluster -n {namespace}",
                time.as_secs()
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What may be wrong where no pod says so.
fn idle(nodes: Progress) -> String {
    match (nodes.is_seen, nodes.wanted, nodes.ready) {
        (false, ..) => "the cluster's controllers have not looked at them".into(),
        (true, 0, _) => "no machine is fit for a node".into(),
        (true, _, 0) => {
            "no pod says why; if there is none, the namespace may not admit privileged pods: kubectl get events".into()
        }
        _ => "no pod says why".into(),
    }
}

/// How far a workload is, if it is there.
async fn workload(
    cluster: &Objects,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<Progress>> {
    let object = cluster.get(Shelf::of(kind)?, namespace, name).await;
    let object = object.with_context(|| format!("can't look at {kind} {name}"))?;
    Ok(object.as_ref().map(Progress::of))
}

/// What pods say why they don't run.
async fn troubles_of(cluster: &Objects, namespace: &str) -> Result<Vec<String>> {
    let pods = cluster.list(Shelf::of("Pod")?, Some(namespace), PODS).await?;
    Ok(pods.iter().flat_map(troubles).collect())
}

/// What a pod says why it does not run.
pub fn troubles(pod: &Value) -> Vec<String> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let of = |reason: &Value, message: &Value| {
        let words = [reason, message].map(|word| word.as_str().unwrap_or_default().trim());
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        format!("pod {name}: {}", words.join(": "))
    };
    let containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let waiting = containers.filter_map(|container| {
        let waiting = &container["state"]["waiting"];
        let reason = waiting["reason"].as_str().filter(|reason| STUCK.contains(reason))?;
        let ended = container["lastState"]["terminated"]["exitCode"].as_i64();
        let ended =
            ended.map(|code| format!(" (it ended with {code}: kubectl logs --previous {name})"));
        let said = of(&Value::from(reason), &waiting["message"]);
        Some(said + &ended.unwrap_or_default())
    });
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let unscheduled = conditions
        .filter(|one| one["type"] == "PodScheduled" && one["status"] == "False")
        .map(|one| of(&one["reason"], &one["message"]));
    waiting.chain(unscheduled).collect()
}

// === impl Progress ===

impl Progress {
    /// Of a Deployment or a DaemonSet.
    pub fn of(object: &Value) -> Self {
        let status = &object["status"];
        let count = |name: &str| status[name].as_u64().unwrap_or(0);
        let generation = object["metadata"]["generation"].as_u64().unwrap_or(0);
        let is_seen = count("observedGeneration") >= generation && !status.is_null();
        let (wanted, updated, ready) = match object["kind"].as_str() {
            Some("DaemonSet") => (
                count("desiredNumberScheduled"),
                count("updatedNumberScheduled"),
                count("numberReady"),
            ),
            _ => {
                let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
                (wanted, count("updatedReplicas"), count("availableReplicas"))
            }
        };
        Self { ready: ready.min(updated), wanted, is_seen }
    }

    /// Whether all are ready, and there are any.
    pub fn is_ready(self) -> bool {
        self.is_seen && self.wanted > 0 && self.ready >= self.wanted
    }

    /// For people: `2 of 3`.
    pub fn told(self) -> String {
        if self.is_seen {
            format!("{} of {}", self.ready, self.wanted)
        } else {
            "not looked at yet".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_ready_of_an_older_version_is_not_ready() {
        let nodes = |observed, updated, ready| {
            let object = json!({ "kind": "DaemonSet", "metadata": { "generation": 2 },
                "status": { "observedGeneration": observed, "desiredNumberScheduled": 3,
                    "updatedNumberScheduled": updated, "numberReady": ready } });
            Progress::of(&object)
        };
        assert!(nodes(2, 3, 3).is_ready());
        assert!(
            !nodes(1, 3, 3).is_ready() && !nodes(2, 1, 3).is_ready() && !nodes(2, 3, 2).is_ready()
        );
        assert_eq!(nodes(2, 1, 3).told(), "1 of 3");
        let none = json!({ "kind": "DaemonSet", "metadata": { "generation": 1 } });
        assert_eq!(Progress::of(&none).told(), "not looked at yet");
        let empty = json!({ "kind": "DaemonSet", "metadata": { "generation": 1 },
            "status": { "observedGeneration": 1, "desiredNumberScheduled": 0 } });
        assert!(!Progress::of(&empty).is_ready());
    }

    #[test]
    fn pods_say_what_holds_them_up() {
        let pod = json!({ "metadata": { "name": "callscope-node-x" }, "status": {
            "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "message": "0/3 nodes are available" }],
            "containerStatuses": [
                { "state": { "waiting": { "reason": "ContainerCreating" } } },
                { "state": { "waiting": { "reason": "ImagePullBackOff", "message": "no such image" } } },
                { "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                  "lastState": { "terminated": { "exitCode": 1 } } }] } });
        assert_eq!(
            troubles(&pod),
            [
                "pod callscope-node-x: ImagePullBackOff: no such image",
                "pod callscope-node-x: CrashLoopBackOff (it ended with 1: kubectl logs --previous callscope-node-x)",
                "pod callscope-node-x: Unschedulable: 0/3 nodes are available",
            ]
        );
    }
}
