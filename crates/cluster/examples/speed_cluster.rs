//! What following a large cluster costs, and what its dump does: `bench/identity watch`,
//! `bench/identity dump`.
//!
//! `watch [PODS] [SECONDS]`: a mock API server in a process of its own has so many pods, a tenth of
//! services and a twentieth of nodes, and changes 1,000 objects a second; we follow it, and are asked
//! for everybody in the end. Then the server forgets what happened, and all is listed again.
//! `dump [OBJECTS]`: as many pods as `kubectl get pods -A -o json` would print, read as they come.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "measures")]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::IpAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cluster::{Access, Item, Load, Told, Watch, WatchOptions};
use identity::{Body, Book, Change, Limits, Query, Troubles};
use kube_mock::Mock;
use model::{Timestamp, Transport};
use serde_json::{Value, json};
use tokio::{io::AsyncBufReadExt, sync::mpsc::Receiver};

/// Changes a second.
const CHANGES: u64 = 1_000;
/// Events of one pod's replacement: three of the old one, two of its slice, three of the new one.
const EVENTS_OF_REPLACEMENT: u64 = 8;
/// How often readers are given the news.
const NEWS: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(120);

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize, default: usize| {
        args.get(at).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match args.first().map_or("watch", String::as_str) {
        "watch" => runtime.block_on(watch(number(1, 100_000), number(2, 60))),
        "server" => runtime.block_on(server(number(1, 0), number(2, 0), Path::new(&args[3]))),
        "dump" => dump(number(1, 1_000_000)),
        other => Err(format!("watch or dump, not {other}").into()),
    }
}

// === the machine ===

/// A line of `/proc/self/status`, in bytes.
fn memory(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0.0);
    kib * 1024.0 / 1e6
}

/// Seconds of CPU time so far, by the kernel's ticks of 10 ms.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(0))
}

// === objects ===

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

fn ip(number: usize) -> IpAddr {
    IpAddr::from((0x0a00_0000 + number as u32).to_be_bytes())
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Pending,
    Running,
    Over,
}

/// A pod as an API server shows it: about 5 KB.
fn pod(service: usize, number: usize, node: usize, ip: IpAddr, phase: Phase) -> Value {
    let namespace = service % 500;
    let managed = |manager: &str| {
        json!({"apiVersion": "v1", "fieldsType": "FieldsV1", "manager": manager, "operation": "Update",
            "time": "2026-01-01T00:00:01Z",
            "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}},
                "f:ownerReferences": {".": {}, "k:{\"uid\":\"00000000\"}": {}}},
                "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}, "f:name": {},
                "f:ports": {".": {}, "k:{\"containerPort\":8080}": {".": {}, "f:containerPort": {}}},
                "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}}}, "f:env": {".": {}}}}}}})
    };
    let env: Vec<Value> = (0..12)
        .map(|at| json!({"name": format!("SETTING_{at}"), "value": format!("value-{at}-of-app-{service}")}))
        .collect();
    let state = match phase {
        Phase::Pending => json!({"waiting": {"reason": "ContainerCreating"}}),
        Phase::Running => json!({"running": {"startedAt": "2026-01-01T00:00:02Z"}}),
        Phase::Over => json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
    };
    let status = match phase {
        Phase::Pending => json!({"phase": "Pending"}),
        _ => json!({"phase": if phase == Phase::Over { "Succeeded" } else { "Running" },
            "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": "192.168.0.1", "qosClass": "Burstable",
            "startTime": "2026-01-01T00:00:00Z",
            "conditions": (["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(|kind|
                json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-01-01T00:00:01Z"}))),
            "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0, "image": "registry.example/app:1",
                "containerID": format!("containerd://{number:064x}"), "state": state}]}),
    };
    let at = now().0.to_string();
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": format!("app-{service}-6d4cf56db6-{number:05x}"), "namespace": format!("team-{namespace}"),
            "uid": format!("00000000-0000-4000-9000-{number:012x}"), "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": {"told-at": at},
            "labels": {"app": format!("app-{service}"), "pod-template-hash": "6d4cf56db6",
                "app.kubernetes.io/instance": format!("release-{}", service % 50),
                "app.kubernetes.io/version": format!("1.{}.0", service % 30)},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("app-{service}-6d4cf56db6"),
                "uid": format!("00000000-0000-4000-8000-{service:012x}"), "controller": true, "blockOwnerDeletion": true}],
            "managedFields": [managed("kube-controller-manager"), managed("kubelet")]},
        "spec": {"nodeName": format!("node-{node}"), "serviceAccountName": "default", "restartPolicy": "Always",
            "containers": [{"name": "app", "image": "registry.example/app:1", "env": env,
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}},
                "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}]}],
            "volumes": [{"name": "token", "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}],
            "tolerations": [{"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300}]},
        "status": status,
    })
}

// === the server ===

/// The cluster as it is.
struct Cluster {
    mock: Mock,
    dice: Dice,
    services: usize,
    nodes: usize,
    /// The number of the pod at each place, and its address.
    pods: Vec<(usize, usize)>,
    /// Places of each service's pods.
    behind: Vec<Vec<usize>>,
    free: Vec<usize>,
    made: usize,
    changes: u64,
}

impl Cluster {
    fn new(mock: Mock, pods: usize) -> Self {
        let (services, nodes) = ((pods / 10).max(1), (pods / 20).max(1));
        let mut new = Self {
            mock,
            dice: Dice(88_172_645_463_325_252),
            services,
            nodes,
            pods: Vec::new(),
            behind: vec![Vec::new(); services],
            free: (pods..pods + pods / 5 + 1).collect(),
            made: 0,
            changes: 0,
        };
        for node in 0..nodes {
            new.mock.apply(json!({"kind": "Node", "apiVersion": "v1",
                "metadata": {"name": format!("node-{node}"), "creationTimestamp": "2026-01-01T00:00:00Z",
                    "labels": {"topology.kubernetes.io/zone": format!("zone-{}", node % 3)}},
                "spec": {"podCIDR": format!("100.{}.{}.0/24", node / 250, node % 250)},
                "status": {"addresses": [{"type": "InternalIP", "address": node_ip(node)}]}}));
        }
        for service in 0..services {
            new.found_service(service);
        }
        for place in 0..pods {
            new.made += 1;
            new.pods.push((new.made, place));
            new.behind[place % services].push(place);
            new.tell_pod(place, Phase::Running);
        }
        (0..services).for_each(|service| new.tell_slice(service));
        new
    }

    fn found_service(&self, service: usize) {
        let namespace = format!("team-{}", service % 500);
        self.mock.apply(json!({"kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": {"name": format!("app-{service}-6d4cf56db6"), "namespace": namespace,
                "uid": format!("00000000-0000-4000-8000-{service:012x}"), "creationTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{"kind": "Deployment", "name": format!("app-{service}"), "uid": format!("d{service}"), "controller": true}]},
            "spec": {"replicas": 10}}));
        self.mock.apply(json!({"kind": "Service", "apiVersion": "v1",
            "metadata": {"name": format!("app-{service}"), "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"clusterIP": service_ip(service), "selector": {"app": format!("app-{service}")},
                "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}}));
    }

    fn pod(&self, place: usize, phase: Phase) -> Value {
        let (number, address) = self.pods[place];
        pod(place % self.services, number, place % self.nodes, ip(address), phase)
    }

    fn tell_pod(&mut self, place: usize, phase: Phase) {
        self.mock.apply(self.pod(place, phase));
        self.changes += 1;
    }

    fn tell_slice(&mut self, service: usize) {
        let endpoints = self.behind[service].iter().map(|place| {
            json!({"addresses": [ip(self.pods[*place].1)], "conditions": {"ready": true, "serving": true}})
        });
        self.mock.apply(json!({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "addressType": "IPv4",
            "metadata": {"name": format!("app-{service}-abcde"), "namespace": format!("team-{}", service % 500),
                "uid": format!("slice-{service}"), "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"kubernetes.io/service-name": format!("app-{service}")}},
            "endpoints": endpoints.collect::<Vec<_>>(), "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}]}));
        self.changes += 1;
    }

    /// A pod goes and another comes in its place, with another address.
    fn replace(&mut self) {
        let place = self.dice.roll(self.pods.len());
        let (service, (old, _)) = (place % self.services, self.pods[place]);
        self.tell_pod(place, Phase::Running);
        self.tell_pod(place, Phase::Over);
        let name = format!("app-{service}-6d4cf56db6-{old:05x}");
        let _ = self.mock.delete("Pod", &format!("team-{}", service % 500), &name);
        self.changes += 1;
        let slot = self.dice.roll(self.free.len());
        self.made += 1;
        let address = std::mem::replace(&mut self.free[slot], self.pods[place].1);
        self.pods[place] = (self.made, address);
        self.tell_slice(service);
        for phase in [Phase::Pending, Phase::Running, Phase::Running] {
            self.tell_pod(place, phase);
        }
        self.tell_slice(service);
    }

    /// So many seconds of changes.
    async fn live(&mut self, seconds: u64) {
        let begun = Instant::now();
        let each = Duration::from_secs(1) * EVENTS_OF_REPLACEMENT as u32 / CHANGES as u32;
        for number in 0..seconds * CHANGES / EVENTS_OF_REPLACEMENT {
            self.replace();
            let due = begun + each * number as u32;
            tokio::time::sleep_until(due.into()).await;
            tokio::task::yield_now().await;
        }
    }

    /// Who has every address: `ADDRESS NAME`, or `-` for nobody.
    fn truth(&self) -> String {
        let pods = self.pods.iter().enumerate().map(|(place, (number, address))| {
            let service = place % self.services;
            format!("{} app-{service}-6d4cf56db6-{number:05x} app-{service}\n", ip(*address))
        });
        let free = self.free.iter().map(|address| format!("{} - -\n", ip(*address)));
        let services =
            (0..self.services).map(|number| format!("{} - app-{number}\n", service_ip(number)));
        let nodes = (0..self.nodes).map(|number| format!("{} - node-{number}\n", node_ip(number)));
        pods.chain(free).chain(services).chain(nodes).collect()
    }
}

fn service_ip(number: usize) -> IpAddr {
    IpAddr::from((0xac10_0000 + number as u32).to_be_bytes())
}

fn node_ip(number: usize) -> IpAddr {
    IpAddr::from((0xc0a8_0000 + number as u32).to_be_bytes())
}

/// Does as its standard input says: `live SECONDS`, `forget`, `truth`.
async fn server(pods: usize, _: usize, folder: &Path) -> Done {
    let mock = Mock::start().await;
    mock.behave(|habits| {
        habits.bookmark = Duration::from_secs(10);
        habits.log = 50_000;
    });
    fs::write(folder.join("config"), mock.kubeconfig(None))?;
    let mut cluster = Cluster::new(mock, pods);
    println!("ready {}", cluster.changes);
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let before = cluster.changes;
        match line.split_once(' ') {
            Some(("live", seconds)) => cluster.live(seconds.parse()?).await,
            _ if line == "forget" => cluster.mock.compact(),
            _ => {}
        }
        fs::write(folder.join("truth"), cluster.truth())?;
        let (mock, cpu, memory) = (&cluster.mock, cpu(), memory("VmRSS"));
        println!(
            "{} changes; {} requests, {:.1} MB sent, {} watches open (the server: {cpu:.1} s CPU, {memory:.0} MB)",
            cluster.changes - before,
            mock.asked().len(),
            mock.sent() as f64 / 1e6,
            mock.open(),
        );
    }
    Ok(())
}

// === the watch ===

/// The server, as we speak to it.
struct Server {
    child: Child,
    answers: tokio::sync::mpsc::Receiver<String>,
}

impl Server {
    fn start(pods: usize, folder: &Path) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["server", &pods.to_string(), "0"]).arg(folder);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        let (say, answers) = tokio::sync::mpsc::channel(16);
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if say.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, answers })
    }

    fn say(&mut self, what: &str) -> io::Result<()> {
        let Some(input) = &mut self.child.stdin else { return Ok(()) };
        writeln!(input, "{what}")?;
        input.flush()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// We, who follow.
struct Follower {
    watch: Watch,
    told: Receiver<Told>,
    book: Book,
    given: Instant,
    /// How late events were, in microseconds.
    lags: Vec<u32>,
    slowest: Duration,
}

impl Follower {
    async fn start(folder: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let path = Some(folder.join("config"));
        let access = Access::Kubeconfig { path, context: Some("mock".to_owned()) };
        let (watch, told) = Watch::start(WatchOptions::new(access), Arc::new(now)).await?;
        let book = Book::new(Limits::live());
        let (given, lags, slowest) = (Instant::now(), Vec::new(), Duration::ZERO);
        Ok(Self { watch, told, book, given, lags, slowest })
    }

    /// Takes what is told, for a moment at most.
    async fn take(&mut self) {
        let wait = tokio::time::timeout(NEWS, self.told.recv()).await;
        let mut next = wait.ok().flatten();
        while let Some(told) = next {
            if let Change::Applied(object) = &told.event.change
                && let Body::Pod(_) = object.body
                && let Some((_, at)) = object.meta.annotations.iter().find(|(n, _)| n == "told-at")
            {
                let late = now().since(Timestamp(at.parse().unwrap_or(u64::MAX)));
                self.lags.push(u32::try_from(late / 1000).unwrap_or(u32::MAX));
            }
            let begun = Instant::now();
            self.book.apply(&told.event);
            if !matches!(told.event.change, Change::Listed { .. }) {
                self.slowest = self.slowest.max(begun.elapsed());
            }
            if self.given.elapsed() >= NEWS {
                let _ = self.book.directory();
                self.given = Instant::now();
            }
            next = self.told.try_recv().ok();
        }
    }

    async fn until(&mut self, is: impl Fn(&Self) -> bool) -> Done {
        let begun = Instant::now();
        while !is(self) {
            self.take().await;
            if begun.elapsed() > PATIENCE {
                return Err(format!("{:?} {:?}", self.watch.load(), self.watch.troubles()).into());
            }
        }
        Ok(())
    }

    /// Addresses whose names are not those of the server's truth, and of how many.
    fn wrong(&self, truth: &str) -> (usize, usize) {
        let directory = self.book.directory();
        let mut asked = 0;
        let wrong = truth.lines().filter(|line| {
            asked += 1;
            let words: Vec<&str> = line.split(' ').collect();
            let &[ip, pod, name] = words.as_slice() else { return true };
            let Ok(ip) = ip.parse() else { return true };
            let (port, transport, at) = (8080, Transport::Tcp, now());
            let found = directory.find(&Query { scope: 0, ip, port, transport, at, process: None });
            found.pod().unwrap_or("-") != pod || found.name().unwrap_or("-") != name
        });
        (wrong.count(), asked)
    }

    /// Takes until all is as it is on the server; how long that was.
    async fn settle(&mut self, folder: &Path) -> Result<String, Box<dyn std::error::Error>> {
        let truth = fs::read_to_string(folder.join("truth"))?;
        let begun = Instant::now();
        loop {
            let (wrong, asked) = self.wrong(&truth);
            let took = begun.elapsed();
            if wrong == 0 && self.watch.is_complete() {
                return Ok(format!(
                    "all {asked} addresses right {:.1} s later",
                    took.as_secs_f64()
                ));
            }
            if took > PATIENCE {
                return Ok(format!("{wrong} of {asked} ADDRESSES WRONG after {took:?}"));
            }
            self.until(|_| begun.elapsed() > took + Duration::from_millis(200)).await?;
        }
    }
}

async fn watch(pods: usize, seconds: usize) -> Done {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(pods, folder.path())?;
    server.answers.recv().await.ok_or("no server")?;
    let begun = (Instant::now(), memory("VmRSS"));
    let mut own = Follower::start(folder.path()).await?;
    own.until(|own| own.watch.is_complete()).await?;
    // The last list's event may still wait.
    own.until(|own| own.told.is_empty()).await?;
    println!(
        "{pods} pods listed in {:.1} s: {:.1} s CPU, {:.0} MB now, {:.0} MB at most ({:.0} MB before); {}",
        begun.0.elapsed().as_secs_f64(),
        cpu(),
        memory("VmRSS"),
        memory("VmHWM"),
        begun.1,
        words(&own.watch.load()),
    );
    for what in
        [format!("live {seconds}"), "forget".to_owned(), format!("live {}", seconds.div_ceil(4))]
    {
        let (begun, before) = (Instant::now(), cpu());
        (own.lags, own.slowest) = (Vec::new(), Duration::ZERO);
        server.say(&what)?;
        let answer = loop {
            own.take().await;
            if let Ok(answer) = server.answers.try_recv() {
                break answer;
            }
        };
        let (used, took) = (cpu() - before, begun.elapsed().as_secs_f64());
        let settled = own.settle(folder.path()).await?;
        own.lags.sort_unstable();
        let lag = |part: usize| {
            f64::from(*own.lags.get(own.lags.len() * part / 1000).unwrap_or(&0)) / 1e3
        };
        println!(
            "{what}: {answer}\n  {settled}; {used:.1} s CPU in {took:.1} s; late by {:.1} ms in the median, {:.1} ms in 99 %; slowest change {:.2} ms",
            lag(500),
            lag(990),
            own.slowest.as_secs_f64() * 1e3,
        );
        println!(
            "  {:.0} MB now, {:.0} MB at most, directory {:.0} MB by its own count; {}",
            memory("VmRSS"),
            memory("VmHWM"),
            own.book.bytes() as f64 / 1e6,
            words(&own.watch.load()),
        );
    }
    println!("{:?} {:?}", own.book.counts(), own.watch.troubles());
    Ok(())
}

fn words(load: &Load) -> String {
    let counts = load.iter().filter(|(_, count)| *count > 0);
    counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

// === a dump ===

/// A list of pods that is made as it is read.
struct Dump {
    left: usize,
    number: usize,
    bytes: usize,
    held: Vec<u8>,
    at: usize,
    /// A pod whose numbers are replaced.
    model: String,
}

impl Dump {
    fn refill(&mut self) {
        (self.held, self.at) = (Vec::new(), 0);
        if self.left == 0 {
            return;
        }
        let begin = if self.number == 0 {
            "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n"
        } else {
            ","
        };
        self.left -= 1;
        let object = self.model.replace("777777", &(self.number % 50_000).to_string());
        let object = object.replace("abcde", &format!("{:05x}", self.number));
        let object = object.replace("10.99.99.99", &ip(self.number).to_string());
        let end = if self.left == 0 { "]}\n" } else { "\n" };
        self.held = format!("{begin}{object}{end}").into_bytes();
        self.number += 1;
        self.bytes += self.held.len();
    }
}

impl Read for Dump {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.held.len() {
            self.refill();
        }
        let rest = self.held.get(self.at..).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}

/// Reads it with room for all, and with room for a tenth.
fn dump(objects: usize) -> Done {
    for memory_max in [objects * 120, Limits::default().memory] {
        let model = pod(777_777, 0xa_bcde, 7, [10, 99, 99, 99].into(), Phase::Running).to_string();
        let dump = Dump { left: objects, number: 0, bytes: 0, held: Vec::new(), at: 0, model };
        let mut from = BufReader::with_capacity(64 << 10, dump);
        let mut book = Book::new(Limits { memory: memory_max, ..Limits::default() });
        let mut troubles = Troubles::default();
        let begun = (Instant::now(), memory("VmRSS"));
        cluster::read_from(&mut from, &mut troubles, &mut |item| {
            if let Item::Event(event, _) = item {
                book.apply(&event);
            }
        })?;
        let took = begun.0.elapsed().as_secs_f64();
        println!(
            "{objects} pods, {:.1} GB, room for {:.0} MB: {took:.1} s, {} known, {} refused; {:.0} MB now, {:.0} MB at most ({:.0} MB before), {:.0} MB by its own count; {troubles:?}",
            from.get_ref().bytes as f64 / 1e9,
            memory_max as f64 / 1e6,
            book.pods(),
            book.counts().refused,
            memory("VmRSS"),
            memory("VmHWM"),
            begun.1,
            book.bytes() as f64 / 1e6,
        );
    }
    Ok(())
}
