//! `callscope install`, `uninstall` and `doctor --cluster` as processes, against an API server of tests.

use std::process::{Command, Output, Stdio};

use kube_mock::Mock;
use serde_json::{Value, json};
use tempfile::TempDir;

const IMAGE: &str = "registry.example/callscope:0.1.0";

/// A cluster, and how to reach it.
struct Rig {
    mock: Mock,
    folder: TempDir,
    /// Keeps the API server.
    _runtime: tokio::runtime::Runtime,
}

/// What a program said, and whether it went well.
struct Said {
    is_success: bool,
    out: String,
    errors: String,
}

impl Rig {
    /// A cluster of three machines.
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mock = runtime.block_on(Mock::start());
        mock.behave(|habits| habits.machines = Some(3));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), mock.kubeconfig(None)).unwrap();
        Self { mock, folder, _runtime: runtime }
    }

    fn run(&self, words: &[&str]) -> Said {
        let config = self.folder.path().join("kubeconfig");
        let mut command = callscope(words);
        command.args(["--context", "mock", "--kubeconfig"]).arg(config);
        said(&command.output().unwrap())
    }

    fn install(&self, more: &[&str]) -> Said {
        self.run(&[&["install", "--image", IMAGE], more].concat())
    }

    fn doctor(&self) -> Value {
        let said = self.run(&["doctor", "--cluster", "--json"]);
        assert!(said.is_success, "{}", said.errors);
        serde_json::from_str(&said.out).unwrap()
    }

    fn object(&self, kind: &str, name: &str) -> Option<Value> {
        let is_everywhere = kind.starts_with("Cluster") || kind == "Namespace";
        let namespace = if is_everywhere { "" } else { "callscope" };
        self.mock.object(kind, namespace, name)
    }

    /// All there is, as `Kind name`.
    fn all(&self) -> Vec<String> {
        let truth = self.mock.truth();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let name =
            |one: &Value| format!("{} {}", text(&one["kind"]), text(&one["metadata"]["name"]));
        let mut all: Vec<_> = truth["items"].as_array().unwrap().iter().map(name).collect();
        all.sort();
        all
    }

    fn namespace(&self, name: &str, labels: Value) {
        self.mock.apply(json!({ "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "labels": labels } }));
    }
}

fn callscope(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.args(words).stdin(Stdio::null()).env("KUBECONFIG", "/nowhere");
    command
}

fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let is_success = output.status.success();
    Said { is_success, out: text(&output.stdout), errors: text(&output.stderr) }
}

/// What a doctor found of something.
fn finding<'f>(told: &'f Value, name: &str) -> &'f Value {
    let sections = told["sections"].as_array().unwrap();
    let mut all = sections.iter().flat_map(|one| one["findings"].as_array().unwrap());
    all.find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}: {told:#}"))
}

#[test]
fn what_is_installed_stays_as_it_is_until_it_is_changed_and_goes_without_a_trace() {
    let rig = Rig::start();
    rig.namespace("shop", json!({}));
    rig.mock.apply(json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": "theirs" }, "rules": [] }));
    let before = rig.all();

    let first = rig.install(&[]);
    assert!(first.is_success, "{}", first.errors);
    assert!(first.errors.contains("ready: hub 1 of 1, nodes 3 of 3"), "{}", first.errors);
    assert!(first.errors.contains("made      DaemonSet callscope-node"), "{}", first.errors);
    let namespace = rig.object("Namespace", "callscope").unwrap();
    let admits = &namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(admits, "privileged");
    let node = rig.object("DaemonSet", "callscope-node").unwrap();
    let container = &node["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], IMAGE);
    let token = |rig: &Rig| rig.object("Secret", "callscope-tokens").unwrap()["data"].clone();
    let (all, tokens) = (rig.all(), token(&rig));

    // Once more: nothing is made, nothing changed.
    let second = rig.install(&[]);
    assert!(second.is_success, "{}", second.errors);
    assert!(!second.errors.contains("made "), "{}", second.errors);
    assert!(!second.errors.contains("changed  "), "{}", second.errors);
    assert!(second.errors.contains("kept      Secret callscope-tokens"), "{}", second.errors);
    assert_eq!((rig.all(), token(&rig)), (all, tokens.clone()));
    assert_eq!(rig.object("DaemonSet", "callscope-node").unwrap(), node);

    // Otherwise: what is not wanted any more goes.
    let more = ["--keep-packets", "1GiB", "--watch-namespace", "shop"];
    let third = rig.install(&more);
    assert!(third.is_success, "{}", third.errors);
    assert!(third.errors.contains("changed   DaemonSet callscope-node"), "{}", third.errors);
    assert!(third.errors.contains("unchanged Service callscope-hub"), "{}", third.errors);
    assert!(rig.object("ClusterRole", "callscope-callscope-hub").is_none());
    assert!(rig.mock.object("Role", "shop", "callscope-callscope-hub").is_some());
    assert!(rig.object("ClusterRole", "theirs").is_some());
    assert_eq!(token(&rig), tokens);

    // Somebody else's things in the same namespace stay.
    rig.mock.apply(json!({ "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "pull", "namespace": "callscope" }, "data": {} }));
    let dry = rig.run(&["uninstall", "--dry-run"]);
    assert!(dry.is_success && dry.out.contains("DaemonSet callscope-node"), "{}", dry.out);
    assert!(!dry.out.contains("pull") && rig.object("DaemonSet", "callscope-node").is_some());
    let gone = rig.run(&["uninstall"]);
    assert!(gone.is_success, "{}", gone.errors);
    let mut left = before.clone();
    left.extend(["Namespace callscope".to_owned(), "Secret pull".to_owned()]);
    left.sort();
    assert_eq!(rig.all(), left);
    let gone = rig.run(&["uninstall", "--with-namespace"]);
    assert!(gone.is_success && rig.object("Namespace", "callscope").is_none(), "{}", gone.errors);
    let nothing = rig.run(&["uninstall"]);
    assert!(
        nothing.is_success && nothing.errors.contains("there is nothing"),
        "{}",
        nothing.errors
    );
}

#[test]
fn what_is_somebody_elses_is_neither_taken_over_nor_deleted() {
    let rig = Rig::start();
    rig.namespace("callscope", json!({}));
    let theirs = json!({ "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": "callscope-hub", "namespace": "callscope",
            "labels": { "app.kubernetes.io/name": "callscope", "app.kubernetes.io/managed-by": "Helm" } },
        "spec": { "type": "NodePort" } });
    rig.mock.apply(theirs);
    let refused = rig.install(&[]);
    assert!(!refused.is_success);
    assert!(
        refused.errors.contains("Service callscope-hub; nothing was changed"),
        "{}",
        refused.errors
    );
    let gone = rig.run(&["uninstall"]);
    assert!(gone.is_success && gone.errors.contains("there is nothing"), "{}", gone.errors);
    assert_eq!(rig.mock.written(), []);
    // That of another installation is somebody else's, too.
    let other = Rig::start();
    assert!(other.install(&[]).is_success);
    assert!(other.run(&["uninstall", "-n", "observe"]).errors.contains("there is nothing"));
    assert!(other.object("DaemonSet", "callscope-node").is_some());

    // Secrets that are given are used as they are.
    let given = Rig::start();
    given.namespace("callscope", json!({}));
    let tokens = json!({ "apiVersion": "v1", "kind": "Secret", "data": { "tokens": "eA==" },
        "metadata": { "name": "callscope-tokens", "namespace": "callscope" } });
    given.mock.apply(tokens);
    let used = given.install(&[]);
    assert!(used.is_success, "{}", used.errors);
    assert!(used.errors.contains("used      Secret callscope-tokens"), "{}", used.errors);
    assert!(given.run(&["uninstall"]).is_success);
    assert!(given.object("Secret", "callscope-tokens").is_some());
}

#[test]
fn whoever_is_refused_hears_it_before_anything_is_changed() {
    let rig = Rig::start();
    rig.namespace("callscope", json!({}));
    let forbid = |verb: &str, plural: &str| {
        let one = (verb.to_owned(), plural.to_owned());
        rig.mock.behave(|habits| habits.forbidden = vec![one]);
    };
    for (verb, plural) in [("patch", "clusterroles"), ("create", "daemonsets"), ("get", "services")]
    {
        forbid(verb, plural);
        let refused = rig.install(&[]);
        assert!(!refused.is_success, "{verb} {plural}");
        let said = &refused.errors;
        assert!(said.contains("403 Forbidden") && said.contains("nothing was changed"), "{said}");
        assert_eq!(rig.mock.written(), [], "{verb} {plural}");
    }
    rig.mock.behave(|habits| habits.forbidden.clear());
    assert!(rig.install(&[]).is_success);

    // A field that somebody has changed since is that one's.
    let place = ("DaemonSet", "callscope", "callscope-node");
    let field = "/spec/updateStrategy/rollingUpdate/maxUnavailable";
    rig.mock.edit("kubectl-edit", place, field, json!("50%"));
    let written = rig.mock.written().len();
    let refused = rig.install(&[]);
    assert!(!refused.is_success && refused.errors.contains("kubectl-edit"), "{}", refused.errors);
    assert_eq!(rig.mock.written().len(), written);
    let node = rig.object("DaemonSet", "callscope-node").unwrap();
    assert_eq!(node.pointer(field), Some(&json!("50%")));

    // What can't be deleted is named, and the rest is gone.
    forbid("delete", "clusterroles");
    let half = rig.run(&["uninstall"]);
    assert!(!half.is_success, "{}", half.errors);
    assert!(half.errors.contains("ClusterRole callscope-callscope-hub: "), "{}", half.errors);
    assert!(rig.object("DaemonSet", "callscope-node").is_none());

    // Nodes would not be let in.
    let strict = Rig::start();
    strict.namespace("callscope", json!({ "pod-security.kubernetes.io/enforce": "baseline" }));
    let refused = strict.install(&[]);
    assert!(
        !refused.is_success && refused.errors.contains("admits baseline"),
        "{}",
        refused.errors
    );
    assert_eq!(strict.mock.written(), []);
}

#[test]
fn what_holds_it_up_is_said() {
    let rig = Rig::start();
    rig.namespace("callscope", json!({}));
    rig.mock.behave(|habits| habits.machines = None);
    rig.mock.apply(json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "callscope-node-x", "namespace": "callscope", "labels": {
            "app.kubernetes.io/name": "callscope", "app.kubernetes.io/instance": "callscope" } },
        "status": { "containerStatuses": [{ "state": { "waiting": {
            "reason": "ImagePullBackOff", "message": "no such image" } } }] } }));
    let late = rig.install(&["--wait", "1"]);
    assert!(!late.is_success);
    let said = &late.errors;
    assert!(said.contains("ready: hub not looked at yet, nodes not looked at yet"), "{said}");
    let why = "not ready after 1 s";
    assert!(said.contains(why), "{said}");
    assert!(said.contains("pod callscope-node-x: ImagePullBackOff: no such image"), "{said}");
    // Everything is there, and need not be waited for.
    let rest = rig.install(&["--no-wait"]);
    assert!(rest.is_success, "{}", rest.errors);
}

#[test]
fn what_would_be_applied_can_be_read_without_a_cluster() {
    let output = callscope(&["install", "--image", IMAGE, "-n", "observe", "--dry-run"]).output();
    let said = said(&output.unwrap());
    assert!(said.is_success, "{}", said.errors);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&said.out).unwrap();
    let kinds: Vec<_> = objects.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..4], ["Namespace", "Secret", "Secret", "Secret"]);
    assert!(kinds.contains(&"DaemonSet") && kinds.contains(&"Deployment"), "{kinds:?}");
    let places = objects.iter().filter_map(|one| one["metadata"]["namespace"].as_str());
    assert!(places.eq(std::iter::repeat_n("observe", kinds.len() - 3)), "{kinds:?}");
    let nonsense = callscope(&["install", "--image", IMAGE, "-n", "No"]).output().unwrap();
    assert_eq!(nonsense.status.code(), Some(2));
    let nowhere = callscope(&["install", "--image", IMAGE]).output().unwrap();
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("kubeconfig"));
}

#[test]
fn the_doctor_says_what_a_cluster_allows_and_how_it_is_there() {
    let rig = Rig::start();
    // Nothing is there yet.
    let told = rig.doctor();
    assert_eq!(finding(&told, "API server")["says"], "answers; Kubernetes v1.33.1");
    assert_eq!(finding(&told, "namespace callscope")["works"], false);
    assert!(finding(&told, "hub")["remedy"].as_str().unwrap().contains("callscope install"));
    let pods = finding(&told, "list, watch pods");
    assert!(pods["works"] == true && pods["says"].as_str().unwrap().contains("you"), "{pods}");

    // All is well.
    assert!(rig.install(&[]).is_success);
    let pod = |name: &str, component: &str, image: &str| {
        rig.mock.apply(json!({ "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": "callscope", "labels": {
                "app.kubernetes.io/name": "callscope", "app.kubernetes.io/component": component } },
            "spec": { "containers": [{ "image": image }] }, "status": {} }));
    };
    pod("callscope-hub-1", "hub", IMAGE);
    pod("callscope-node-1", "node", IMAGE);
    let told = rig.doctor();
    let sections = told["sections"].as_array().unwrap();
    let all = sections.iter().flat_map(|one| one["findings"].as_array().unwrap());
    assert!(
        all.clone().count() > 12 && all.into_iter().all(|one| one["works"] == true),
        "{told:#}"
    );
    assert_eq!(finding(&told, "nodes")["says"], "3 of 3 ready");
    let account = "system:serviceaccount:callscope:callscope-hub";
    let pods = finding(&told, "list, watch pods")["says"].as_str().unwrap();
    assert!(pods.contains(account), "the hub's rights, not ours: {pods}");

    // Much is not.
    rig.mock.behave(|habits| {
        let one = (account.to_owned(), "watch".to_owned(), "nodes".to_owned());
        habits.users_forbidden = vec![one];
    });
    rig.namespace("callscope", json!({ "pod-security.kubernetes.io/enforce": "restricted" }));
    let place = ("DaemonSet", "callscope", "callscope-node");
    rig.mock.edit("kubelet", place, "/status/numberReady", json!(2));
    pod("callscope-node-2", "node", "registry.example/callscope:0.0.9");
    let told = rig.doctor();
    let nodes = finding(&told, "list, watch nodes");
    assert_eq!(nodes["says"], format!("not allowed (watch): {account}"));
    assert!(nodes["costs"].is_string() && nodes["remedy"].is_string(), "{nodes}");
    assert_eq!(finding(&told, "list, watch pods")["works"], true);
    assert_eq!(finding(&told, "namespace callscope")["says"], "admits restricted pods alone");
    assert_eq!(finding(&told, "nodes")["says"], "2 of 3 ready");
    let versions = finding(&told, "versions")["says"].as_str().unwrap();
    assert!(versions.contains("callscope:0.0.9 (node 1)"), "{versions}");

    // Who may not ask for the hub asks for himself, and says so.
    rig.mock.behave(|habits| {
        let one = |verb: &str, plural: &str| (verb.to_owned(), plural.to_owned());
        habits.forbidden = vec![one("create", "subjectaccessreviews"), one("list", "secrets")];
    });
    let pods = finding(&rig.doctor(), "list, watch pods").clone();
    assert!(pods["says"].as_str().unwrap().contains("you may not ask"), "{pods}");

    // Nobody answers.
    let mut command = callscope(&["doctor", "--cluster", "--context", "nowhere", "--kubeconfig"]);
    let text = said(&command.arg(rig.folder.path().join("kubeconfig")).output().unwrap());
    assert!(text.is_success && text.out.contains("NO   API server"), "{}", text.out);
}
