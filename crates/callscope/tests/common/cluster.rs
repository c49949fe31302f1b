//! Three machines with a service each, the switch between them, the API server of their cluster, and a
//! hub: for tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};

use kube_mock::Mock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    net::{sh, wait_until},
    program::{Server, callscope},
};

/// The machines.
pub const NODES: [&str; 3] = ["a", "b", "c"];
/// What runs on them, one each, and where: each asks the next.
const PODS: [&str; 3] = ["front-end", "orders", "payment"];
/// Who asks the first.
const SHOPPER: &str = "shopper";

/// A cluster; it is taken down when dropped.
pub struct Cluster {
    /// What names of namespaces and interfaces begin with.
    name: String,
    /// The first two bytes of all addresses.
    net: String,
    folder: TempDir,
    servers: Vec<Child>,
    nodes: Vec<(&'static str, Child)>,
    hub: Option<Server>,
    nodes_port: u16,
    /// Keeps the API server.
    _runtime: tokio::runtime::Runtime,
    _mock: Mock,
}

impl Cluster {
    /// Everything runs; whether nodes have come to the hub yet is not waited for.
    pub fn start() -> Self {
        Self::start_with(|_, _| Vec::new())
    }

    /// The same; `more` says what a machine's agent is told besides, by its name and a folder of its own.
    pub fn start_with(more: impl Fn(&str, &Path) -> Vec<String>) -> Self {
        let id = std::process::id();
        let (name, net) = (format!("fl{id}"), format!("10.{}", 100 + id % 100));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mock = runtime.block_on(Mock::start());
        for (number, pod) in (1..).zip(PODS) {
            mock.apply(node(NODES[number - 1], &format!("{net}.0.{number}")));
            mock.apply(self::pod(pod, NODES[number - 1], &format!("{net}.{number}.2")));
        }
        mock.apply(self::pod(SHOPPER, "a", &format!("{net}.1.9")));
        let mut cluster = Self {
            name,
            net,
            folder: tempfile::tempdir().unwrap(),
            servers: Vec::new(),
            nodes: Vec::new(),
            hub: None,
            nodes_port: 0,
            _runtime: runtime,
            _mock: mock,
        };
        fs::write(cluster.path("kubeconfig"), cluster._mock.kubeconfig(None)).unwrap();
        let papers = cluster.path("papers");
        let made = callscope().args(["hub", "--make-certificates"]).arg(papers).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.wire();
        for number in 1..=NODES.len() {
            cluster.shop(number);
        }
        cluster.start_hub();
        for node in NODES {
            let words = more(node, &cluster.path(&format!("more-{node}")));
            cluster.node_with(node, &words);
        }
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn space(&self, node: &str) -> String {
        format!("{}{node}", self.name)
    }

    /// A switch with a port for each machine, and one for the hub.
    fn wire(&self) {
        let Self { name, net, .. } = self;
        sh(&format!(
            "ip netns add {name}s; ip -n {name}s link add sw type bridge; ip -n {name}s link set sw up
             ip link add {name}h type veth peer name hub netns {name}s
             ip -n {name}s link set hub master sw up
             ip addr add {net}.0.100/16 dev {name}h; ip link set {name}h up"
        ));
        for (number, node) in (1..).zip(NODES) {
            let space = self.space(node);
            sh(&format!(
                "ip netns add {space}; ip -n {space} link set lo up
                 ip link add eth0 netns {space} type veth peer name port-{node} netns {name}s
                 ip -n {name}s link set port-{node} master sw up
                 ip -n {space} addr add {net}.0.{number}/16 dev eth0
                 ip -n {space} addr add {net}.{number}.2/16 dev eth0
                 ip -n {space} addr add {net}.{number}.9/16 dev eth0
                 ip -n {space} link set eth0 up"
            ));
        }
    }

    /// The service of a machine: asks the next one's, if there is one.
    fn shop(&mut self, number: usize) {
        let (net, node) = (&self.net, NODES[number - 1]);
        let (own, next) = (format!("{net}.{number}.2"), format!("{net}.{}.2", number + 1));
        let answer = match number {
            3 => "return 200 paid;".to_owned(),
            _ => format!("proxy_bind {own}; proxy_pass http://{next};"),
        };
        let folder = self.path(&format!("nginx-{node}"));
        fs::create_dir(&folder).unwrap();
        let folder = folder.display();
        let config = format!(
            "worker_processes 1; pid {folder}/pid; error_log {folder}/errors; daemon off;
             events {{ worker_connections 512; }}
             http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
               fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
               server {{ listen {own}:80; location / {{ {answer} }} }} }}"
        );
        let path = format!("{folder}/nginx.conf");
        fs::write(&path, config).unwrap();
        let space = self.space(node);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &space, "nginx", "-e", "/dev/null", "-c", &path]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.servers.push(command.spawn().unwrap());
        let listens = format!("ip netns exec {space} ss -Hlnt 'sport = :80'");
        wait_until("nginx", || !sh(&listens).stdout.is_empty());
    }

    fn start_hub(&mut self) {
        let [config, papers] = ["kubeconfig", "papers/hub"].map(|name| self.path(name));
        let nodes = format!("{}.0.100:{}", self.net, self.nodes_port);
        let (server, said) = Server::start_as(
            "hub",
            &[
                "--nodes",
                &nodes,
                "--certificates",
                papers.to_str().unwrap(),
                "--kubeconfig",
                config.to_str().unwrap(),
                "--context",
                "mock",
                "--answer-time",
                "2",
            ],
        );
        let port =
            said.iter().find_map(|line| line.rsplit_once("nodes come in at ")?.1.rsplit_once(':'));
        self.nodes_port = port.unwrap().1.parse().unwrap();
        self.hub = Some(server);
    }

    /// Starts the agent of a machine.
    pub fn node(&mut self, node: &'static str) {
        self.node_with(node, &[]);
    }

    fn node_with(&mut self, node: &'static str, words: &[String]) {
        let hub = format!("https://{}.0.100:{}", self.net, self.nodes_port);
        let (store, papers) = (self.path(&format!("store-{node}")), self.path("papers/node"));
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.space(node), env!("CARGO_BIN_EXE_callscope"), "node"])
            .args(["--hub", &hub, "--name", node, "--store", store.to_str().unwrap()])
            .args(["--certificates", papers.to_str().unwrap(), "--threads", "1"])
            .args(words)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            let read = errors.read_line(&mut line).unwrap();
            assert!(read > 0, "node {node} ended before it listened");
        }
        pass_on(node, errors);
        self.nodes.push((node, child));
    }

    /// Ends the agent of a machine without letting it say good-bye.
    pub fn kill(&mut self, node: &str) {
        let at = self.nodes.iter().position(|(name, _)| *name == node).unwrap();
        let (_, mut child) = self.nodes.swap_remove(at);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Nothing of a machine comes to the hub any more, and nothing of the hub to it.
    pub fn cut_off(&self, node: &str) {
        sh(&format!("ip -n {} route add blackhole {}.0.100/32", self.space(node), self.net));
    }

    /// As before.
    pub fn heal(&self, node: &str) {
        sh(&format!("ip -n {} route del blackhole {}.0.100/32", self.space(node), self.net));
    }

    /// The hub ends, and begins anew where it was.
    pub fn restart_hub(&mut self) {
        drop(self.hub.take());
        self.start_hub();
    }

    /// A user's request, with its number.
    pub fn ask(&self, request: &str) {
        let (space, net) = (self.space("a"), &self.net);
        let output = sh(&format!(
            "ip netns exec {space} curl -sf --max-time 10 --interface {net}.1.9 -H 'X-Request-Id: {request}' http://{net}.1.2/pay/{request}"
        ));
        assert_eq!(output.stdout, b"paid");
    }

    // --- questions ---

    pub fn json(&self, path: &str) -> Value {
        self.hub.as_ref().unwrap().json(path)
    }

    /// What the hub answers, whatever it is: its status and bytes.
    pub fn bytes(&self, path: &str) -> (u16, Vec<u8>) {
        self.hub.as_ref().unwrap().ask(&format!("GET {path}"), b"")
    }

    pub fn health(&self) -> Value {
        self.json("/api/v1/health")
    }

    fn page(&self, request: &str) -> Value {
        self.json(&format!("/api/v1/calls?select=whole&where=endpoint%20==%20%22/pay/{request}%22"))
    }

    /// The calls of a request.
    pub fn calls(&self, request: &str) -> Vec<Value> {
        self.page(request)["calls"].as_array().unwrap().clone()
    }

    /// Who did not answer, and why.
    pub fn missing(&self, request: &str) -> Vec<String> {
        let page = self.page(request);
        let missing = page["searched"]["missing"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        missing.iter().map(|one| format!("{}: {}", text(&one["node"]), text(&one["why"]))).collect()
    }

    /// How many calls of a request there are, in figures.
    pub fn count(&self, request: &str) -> u64 {
        let path =
            format!("/api/v1/aggregate?show=count,p99&where=endpoint%20==%20%22/pay/{request}%22");
        self.json(&path)["rows"][0][0].as_u64().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.nodes {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.hub = None;
        for server in &mut self.servers {
            let _ = Command::new("kill").arg(server.id().to_string()).status();
            let _ = server.wait();
        }
        for end in ["s", "a", "b", "c"] {
            let _ = Command::new("ip").args(["netns", "del", &self.space(end)]).status();
        }
    }
}

/// What a program says must not fill its pipe; where a test fails, it is there to be read.
fn pass_on(node: &'static str, errors: BufReader<ChildStderr>) {
    thread::spawn(move || {
        errors.lines().map_while(Result::ok).for_each(|line| eprintln!("{node}: {line}"));
    });
}

fn node(name: &str, ip: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "uid": format!("node-{name}") },
        "spec": {}, "status": { "addresses": [{ "type": "InternalIP", "address": ip }] } })
}

fn pod(name: &str, node: &str, ip: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": "shop", "uid": format!("pod-{name}"),
            "labels": { "app": name }, "creationTimestamp": "2026-01-29T10:00:00Z" },
        "spec": { "nodeName": node, "containers": [{ "name": "main", "ports": [{ "containerPort": 80 }] }] },
        "status": { "phase": "Running", "podIP": ip, "podIPs": [{ "ip": ip }],
            "startTime": "2026-01-29T10:00:00Z" },
    })
}
