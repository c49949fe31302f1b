//! A cluster that changes, a server that tells of it, and a directory that follows.
#![allow(dead_code, missing_docs, reason = "shared by several programs, none of which uses all")]

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cluster::{Access, Bounds, Load, Resource, Timing, Told, Watch, WatchOptions};
use identity::{Book, Directory, Limits, Troubles};
use kube_mock::Mock;
use model::{Timestamp, Transport};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

use crate::common::peer;

pub struct Rig {
    pub mock: Mock,
    pub watch: Watch,
    pub told: Receiver<Told>,
    pub book: Book,
    pub lines: Vec<String>,
    pub folder: TempDir,
}

/// Everything is over soon.
pub const TIMING: Timing = Timing {
    answer: Duration::from_millis(500),
    quiet: Duration::from_millis(600),
    watch: Duration::from_secs(60),
    wait_first: Duration::from_millis(4),
    wait_max: Duration::from_millis(64),
    wait_asked_max: Duration::from_secs(3),
    steady: Duration::from_millis(400),
};

const PATIENCE: Duration = Duration::from_secs(15);

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_nanos()).unwrap())
}

// === impl Rig ===

impl Rig {
    pub async fn new(mock: Mock, change: impl FnOnce(&mut WatchOptions)) -> Self {
        let folder = TempDir::new().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "first").unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, mock.kubeconfig(token.to_str())).unwrap();
        let context = Some("mock".to_owned());
        let mut options = WatchOptions::new(Access::Kubeconfig { path: Some(path), context });
        options.timing = TIMING;
        options.seed = 7;
        options.has_lines = true;
        options.bounds = Bounds { events: 8, ..Bounds::default() };
        change(&mut options);
        let (watch, told) = Watch::start(options, Arc::new(now)).await.unwrap();
        let book = Book::new(Limits::default());
        Self { mock, watch, told, book, lines: Vec::new(), folder }
    }

    /// Takes what is told, until nothing is for a moment.
    pub async fn take(&mut self) {
        while let Ok(Some(told)) =
            tokio::time::timeout(Duration::from_millis(15), self.told.recv()).await
        {
            self.book.apply(&told.event);
            self.lines.extend(told.line);
        }
    }

    /// Takes what is told until the directory says what is true, and everything is being watched.
    pub async fn settle(&mut self, world: &World) {
        let begun = Instant::now();
        loop {
            self.take().await;
            let wrong = world.wrong(&self.mock, &self.book.directory());
            if wrong.is_empty() && self.watch.is_complete() {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{} wrong: {:#?}\n{:?}\n{:?}",
                wrong.len(),
                wrong.get(..3.min(wrong.len())),
                self.watch.load(),
                self.watch.troubles()
            );
        }
    }

    /// Waits until something is counted.
    pub async fn until(&mut self, what: &str, is: impl Fn(&Load) -> bool) {
        let begun = Instant::now();
        while !is(&self.watch.load()) {
            self.take().await;
            assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", self.watch.load());
        }
    }
}

// === worlds ===

/// What a cluster's people do, and every address that was ever in it.
pub struct World {
    random: u64,
    number: u32,
    nodes: u32,
    births: u32,
    pods: Vec<(String, String, String)>,
    free: Vec<String>,
    addresses: Vec<String>,
}

const NAMESPACES: [&str; 2] = ["shop", "bank"];
const PORTS: [u16; 3] = [80, 8080, 30_001];
/// Every address that is asked for, at a time when all is as it is.
const LATER: &str = "2100-01-01T00:00:00Z";

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            random: seed | 1,
            number: 0,
            nodes: 3,
            births: 0,
            pods: Vec::new(),
            free: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// Nodes, services and some pods.
    pub fn found(&mut self, mock: &Mock, pods: u32) {
        for namespace in NAMESPACES {
            mock.apply(
                json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": namespace}}),
            );
        }
        // Where all pods are; it stays.
        for number in 0..=self.nodes {
            self.node(mock, number);
        }
        for number in 0..4 {
            self.service(mock, number);
        }
        for _ in 0..pods {
            self.pod(mock);
        }
    }

    /// Somebody does something.
    pub fn change(&mut self, mock: &Mock) {
        match self.below(10) {
            0..4 => self.pod(mock),
            4..7 => self.end_pod(mock),
            7 => {
                let number = self.below(4);
                self.service(mock, number);
            }
            8 => {
                self.nodes += 1;
                self.node(mock, self.nodes);
            }
            // One goes, or comes back under its name as another one.
            _ => {
                let number = 1 + self.below(self.nodes);
                if !mock.delete("Node", "", &format!("node-{number}")) {
                    self.node(mock, number);
                }
            }
        }
    }

    /// What the directory says otherwise than the server's objects do.
    pub fn wrong(&self, mock: &Mock, directory: &Directory) -> Vec<String> {
        let (truth, troubles) = crate::common::directory(&[mock.truth().to_string().as_bytes()]);
        assert!(troubles.is_empty(), "{troubles:?}");
        let mut wrong = Vec::new();
        for ip in &self.addresses {
            for port in PORTS {
                let end = format!("{ip}:{port}");
                let [is, says] =
                    [&truth, directory].map(|of| peer(of, 0, &end, Transport::Tcp, LATER));
                if is != says {
                    wrong.push(format!("{end} is {is}, not {says}"));
                }
            }
        }
        wrong
    }

    pub fn below(&mut self, most: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        u32::try_from(self.random % u64::from(most)).unwrap()
    }

    fn address(&mut self, ip: String) -> String {
        if !self.addresses.contains(&ip) {
            self.addresses.push(ip.clone());
        }
        ip
    }

    /// A pod with a chain of owners; often with the address of one that is gone.
    pub fn pod(&mut self, mock: &Mock) {
        self.number += 1;
        let number = self.number;
        let namespace = NAMESPACES[usize::from(self.below(2) == 1)];
        let ip = match self.free.is_empty() || self.below(4) == 0 {
            true => format!("10.1.{}.{}", number / 250, number % 250 + 1),
            false => self.free.remove(0),
        };
        let ip = self.address(ip);
        let app = format!("app-{}", self.below(4));
        let owner = format!("{app}-{}", number % 3);
        let owner_uid = format!("owner-{namespace}-{owner}");
        mock.apply(json!({
            "kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": {"name": owner, "namespace": namespace, "uid": owner_uid,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{"kind": "Deployment", "name": app, "uid": format!("d-{namespace}-{app}"), "controller": true}]},
            "spec": {"replicas": 3},
        }));
        let name = format!("{owner}-{number}");
        mock.apply(json!({
            "kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": app},
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{"kind": "ReplicaSet", "name": owner, "uid": owner_uid, "controller": true}]},
            "spec": {"nodeName": "node-0", "containers": [{"name": "main", "ports": [{"containerPort": 8080}]}]},
            "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
        }));
        self.pods.push((namespace.to_owned(), name, ip));
    }

    fn end_pod(&mut self, mock: &Mock) {
        if self.pods.is_empty() {
            return;
        }
        let which = usize::try_from(self.below(u32::try_from(self.pods.len()).unwrap())).unwrap();
        let (namespace, name, ip) = self.pods.remove(which);
        assert!(mock.delete("Pod", &namespace, &name));
        self.free.push(ip);
    }

    fn service(&mut self, mock: &Mock, number: u32) {
        let app = format!("app-{}", self.below(4));
        let ip = self.address(format!("10.96.0.{}", number + 1));
        mock.apply(json!({
            "kind": "Service", "apiVersion": "v1",
            "metadata": {"name": format!("service-{number}"), "namespace": NAMESPACES[usize::from(number > 1)],
                "uid": format!("service-{number}"), "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"clusterIP": ip, "clusterIPs": [ip], "selector": {"app": app},
                "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30_001 + number}]},
        }));
    }

    fn node(&mut self, mock: &Mock, number: u32) {
        self.births += 1;
        let uid = format!("node-{number}-{}", self.births);
        let ip = self.address(format!("192.168.0.{}", number + 1));
        mock.apply(json!({
            "kind": "Node", "apiVersion": "v1",
            "metadata": {"name": format!("node-{number}"), "uid": uid,
                "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"topology.kubernetes.io/zone": "zone-1"}},
            "status": {"addresses": [{"type": "InternalIP", "address": ip}]},
        }));
    }
}

/// How many kinds are watched where no namespace is chosen.
pub fn kinds() -> u64 {
    u64::try_from(Resource::usual().count()).unwrap()
}

/// A pod of its own.
pub fn pod(namespace: &str, name: &str, ip: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Running", "podIP": ip},
    })
}

pub fn count(troubles: &Troubles, what: &str) -> u64 {
    troubles.count(what)
}
