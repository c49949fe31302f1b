//! `callscope identity record --kubeconfig`: a cluster as it changes becomes a log that names what was.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use kube_mock::Mock;
use serde_json::{Value, json};

fn pod(name: &str, ip: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Running", "podIP": ip},
    })
}

fn callscope(words: &[&str], paths: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.args(words).args(paths).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until the log says it.
async fn until_said(log: &Path, what: &str) {
    let begun = Instant::now();
    while !fs::read_to_string(log).unwrap_or_default().contains(what) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_cluster_is_followed_until_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let (config, log) = (folder.path().join("config"), folder.path().join("log.ndjson"));
    let mock = Mock::start().await;
    mock.apply(pod("before", "10.1.0.1"));
    fs::write(&config, mock.kubeconfig(None)).unwrap();
    let words = ["identity", "record", "--context", "mock", "--kubeconfig"];
    let mut command = callscope(&words, &[&config, Path::new("--output"), &log]);
    let child = command.spawn().unwrap();
    until_said(&log, "\"before\"").await;
    mock.apply(pod("after", "10.1.0.2"));
    assert!(mock.delete("Pod", "shop", "before"));
    until_said(&log, "\"DELETED\"").await;
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let done: Output =
        tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    let said = text(&done.stderr);
    assert!(done.status.success() && said.contains("requests 10"), "{said}");
    assert!(said.contains("following 10 kinds of objects"), "{said}");
    for (ip, who) in [("10.1.0.2", "pod             after"), ("10.1.0.1", "nobody known")] {
        let words = ["identity", "explain", ip, "--at", "2100-01-01T00:00:00Z", "--identity"];
        let explained = callscope(&words, &[&log]).output().unwrap();
        let said = text(&explained.stdout);
        assert!(said.contains(who), "{said} {}", text(&explained.stderr));
    }
}

#[test]
fn what_can_not_be_followed_is_said() {
    let nowhere = Path::new("/nowhere/config");
    let done = callscope(&["identity", "record", "--kubeconfig"], &[nowhere]).output().unwrap();
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("can't follow the cluster") && said.contains("kubeconfig"), "{said}");
    let both = ["identity", "record", "dump.json", "--in-cluster"];
    let neither = ["identity", "record"];
    let odd = ["identity", "record", "--watch", "--owner", "rollouts"];
    for words in [&both[..], &neither, &odd] {
        let done = callscope(words, &[]).output().unwrap();
        assert_eq!(done.status.code(), Some(2), "{words:?} {}", text(&done.stderr));
    }
}
