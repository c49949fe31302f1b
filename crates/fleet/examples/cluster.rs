//! A hub of a thousand nodes on one machine: what `bench/fleet` runs.
//!
//!     cluster hub NODES      a hub; starts the nodes by itself, prints figures as JSON
//!     cluster nodes NODES CALLS HUB
//!
//! Nodes are real ones, each with a store and a connection of its own, all in a second process, so that
//! the hub's memory and time are its own. Changes of the directory are those of rollouts: six for each pod
//! that comes and goes, fifty at once, as the hub hands them on twice a second at a hundred changes a
//! second.

use std::{
    fs,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use filter::{Columns, Condition};
use fleet::{Hub, HubOptions, Listened, Node, NodeOptions};
use identity::{Change, Event, Troubles};
use model::Timestamp;
use store::{Aggregate, By, Measure, Options, Row, Scan, Select, Source as _, Store};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Pods of a node, and what they are pods of.
const PODS: usize = 30;
const WORKLOADS: usize = 600;
/// Seconds of changes, and changes of each half of a second.
const SECONDS: usize = 60;
const CHANGES: usize = 50;
/// Calls of each node.
const CALLS: usize = 1000;
/// Each question is asked so often; the best counts.
const TIMES: usize = 5;
const BEGIN_NS: i64 = 1_769_684_901_000_000_000;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match args[..] {
        ["hub", nodes] => runtime.block_on(hub(nodes.parse()?)),
        ["nodes", nodes, calls, hub] => {
            runtime.block_on(nodes_of(nodes.parse()?, calls.parse()?, hub))
        }
        _ => Err("cluster hub NODES | cluster nodes NODES CALLS HUB".into()),
    }
}

// === the hub ===

async fn hub(nodes: usize) -> Result<(), Failure> {
    let hub = Hub::new(HubOptions { answer: Duration::from_secs(60), ..HubOptions::new(7) });
    let mut rollouts = Rollouts::new(nodes);
    for pod in 0..nodes * PODS {
        rollouts.learn(&hub, pod, Stage::Ready);
    }
    hub.hand_on();
    let memory_directory = resident();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(fleet::serve(hub.clone(), listener, None, std::future::pending()));
    let mut child = Command::new(std::env::current_exe()?)
        .args(["nodes", &nodes.to_string(), &CALLS.to_string(), &address])
        .stdout(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    while hub.members().iter().filter(|member| member.is_there).count() < nodes {
        tokio::time::sleep(Duration::from_millis(100)).await;
        hub.hand_on();
    }
    let joined = begun.elapsed();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (_, _, before) = hub.directory();
    let used = cpu();
    for _ in 0..SECONDS * 2 {
        for _ in 0..CHANGES {
            rollouts.next(&hub);
        }
        hub.hand_on();
        // Time for the nodes: the figures are of changes, not of the clock.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let (objects, _, after) = hub.directory();
    let changes_cpu = cpu() - used;
    let asked = hub.clone();
    let answers = tokio::task::spawn_blocking(move || questions(&asked)).await??;
    println!(
        "{}",
        serde_json::json!({
            "nodes": nodes,
            "objects": objects,
            "directory_mib": memory_directory >> 20,
            "hub_mib_most": most_resident() >> 20,
            "joined_s": joined.as_secs_f64(),
            "delta_bytes_per_s_and_node": (after - before) / SECONDS as u64,
            "hub_cpu_per_s_of_changes": changes_cpu / SECONDS as f64,
            "questions": answers,
        })
    );
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn questions(hub: &Hub) -> Result<serde_json::Value, Failure> {
    let columns = Columns::new(&[]);
    let compile = |text: &str| Condition::compile(text, &columns, Timestamp(0)).map(Arc::new);
    let some = compile("status.code == \"503\"").map_err(|_| "a condition")?;
    let none = compile("dst.name == \"nobody\"").map_err(|_| "a condition")?;
    let page = |condition: &Arc<Condition>| {
        let condition = Some(condition.clone());
        let page = hub.scan(&Scan { condition, select: Select::Summary, ..Scan::default() })?;
        Ok::<_, Failure>((page.rows.len(), page.searched))
    };
    let by = vec![By::EndpointTemplate];
    let show = vec![Measure::Count, Measure::P99];
    let figures = || {
        let table = hub.aggregate(&Aggregate {
            by: by.clone(),
            show: show.clone(),
            ..Aggregate::default()
        })?;
        Ok::<_, Failure>((table.rows.len(), table.searched))
    };
    Ok(serde_json::json!({
        "newest 100 errors of the cluster": best(|| page(&some))?,
        "newest 100 of nobody": best(|| page(&none))?,
        "count and p99 by endpoint": best(figures)?,
    }))
}

/// Milliseconds by the clock and of the hub's cores, and what was found.
fn best(
    mut ask: impl FnMut() -> Result<(usize, store::Searched), Failure>,
) -> Result<serde_json::Value, Failure> {
    let mut best = (f64::MAX, f64::MAX);
    let mut found = (0, 0);
    for _ in 0..TIMES {
        let (begun, used) = (Instant::now(), cpu());
        let (rows, searched) = ask()?;
        if !searched.missing.is_empty() {
            return Err(format!("{} nodes did not answer", searched.missing.len()).into());
        }
        found = (rows, searched.calls);
        best.0 = best.0.min(begun.elapsed().as_secs_f64() * 1e3);
        best.1 = best.1.min((cpu() - used) * 1e3);
    }
    Ok(serde_json::json!({ "ms": best.0, "hub_cpu_ms": best.1, "rows": found.0, "calls": found.1 }))
}

// === what happens in the cluster ===

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Made,
    Placed,
    Runs,
    Ready,
    Ends,
    Gone,
}

/// Pods that come and go.
struct Rollouts {
    nodes: usize,
    /// Generation of each pod's place.
    generations: Vec<u32>,
    version: u64,
    random: u64,
    /// Pods on their way.
    under_way: Vec<(usize, usize)>,
}

const STAGES: [Stage; 6] =
    [Stage::Ends, Stage::Gone, Stage::Made, Stage::Placed, Stage::Runs, Stage::Ready];

impl Rollouts {
    fn new(nodes: usize) -> Self {
        Self {
            nodes,
            generations: vec![0; nodes * PODS],
            version: 1,
            random: 0x9e37_79b9_7f4a_7c15,
            under_way: Vec::new(),
        }
    }

    fn number(&mut self, below: usize) -> usize {
        // xorshift64 (Marsaglia 2003).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 16).unwrap_or(0) % below
    }

    /// The next change: of one of a hundred pods that are on their way.
    fn next(&mut self, hub: &Hub) {
        if self.under_way.len() < 100 {
            let pod = self.number(self.generations.len());
            self.under_way.push((pod, 0));
        }
        let at = self.number(self.under_way.len());
        let (pod, stage) = self.under_way[at];
        if STAGES[stage] == Stage::Made {
            self.generations[pod] += 1;
        }
        self.learn(hub, pod, STAGES[stage]);
        match stage + 1 < STAGES.len() {
            true => self.under_way[at].1 += 1,
            false => drop(self.under_way.swap_remove(at)),
        }
    }

    fn learn(&mut self, hub: &Hub, pod: usize, stage: Stage) {
        self.version += 1;
        let json = self.json(pod, stage);
        let Some(object) = identity::object(&json, "Pod", &mut Troubles::default()) else { return };
        let change = match stage {
            Stage::Gone => Change::Deleted(object),
            _ => Change::Applied(object),
        };
        let what = if stage == Stage::Gone { "DELETED" } else { "MODIFIED" };
        let slim = identity::slim(&json, "Pod").unwrap_or(json);
        let at = store::moment(BEGIN_NS + i64::try_from(self.version).unwrap_or(0) * 10_000_000);
        let line = format!("{{\"at\":\"{at}\",\"scope\":0,\"type\":\"{what}\",\"object\":{slim}}}");
        hub.learn(&Event::new(None, change), &line);
    }

    /// A pod as an API server has it.
    fn json(&self, pod: usize, stage: Stage) -> String {
        let generation = self.generations[pod];
        let mix = |n: u64| {
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let print = mix(pod as u64 * 1_000_003 + u64::from(generation));
        let workload = pod % WORKLOADS;
        let set = format!("workload-{workload}-{:010x}", mix(workload as u64) >> 24);
        let name = format!("{set}-{:05x}", print & 0xf_ffff);
        let uid = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            print >> 32,
            print >> 16 & 0xffff,
            print & 0xfff,
            print >> 20 & 0xfff,
            mix(print) >> 16
        );
        let owner = mix(workload as u64 + 77);
        let node = (pod / PODS + generation as usize) % self.nodes;
        let ip = format!(
            "10.{}.{}.{}",
            64 + node / 256,
            node % 256,
            2 + (pod + generation as usize * 7) % 250
        );
        let placed = if stage == Stage::Made {
            String::new()
        } else {
            format!("\"nodeName\":\"node-{node}\",")
        };
        let has_ip = matches!(stage, Stage::Runs | Stage::Ready | Stage::Ends | Stage::Gone);
        let ips = if has_ip {
            format!(
                ",\"podIP\":\"{ip}\",\"podIPs\":[{{\"ip\":\"{ip}\"}}],\"startTime\":\"2026-01-29T11:08:22Z\""
            )
        } else {
            String::new()
        };
        let ends = if matches!(stage, Stage::Ends | Stage::Gone) {
            "\"deletionTimestamp\":\"2026-01-29T12:08:22Z\","
        } else {
            ""
        };
        let ready = stage == Stage::Ready;
        format!(
            "{{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{{\"name\":\"{name}\",\"generateName\":\"{set}-\",\"namespace\":\"team-{}\",\
             \"uid\":\"{uid}\",\"resourceVersion\":\"{}\",\"creationTimestamp\":\"2026-01-29T11:08:21Z\",{ends}\
             \"labels\":{{\"app.kubernetes.io/name\":\"workload-{workload}\",\"app.kubernetes.io/part-of\":\"shop\",\"pod-template-hash\":\"{:010x}\"}},\
             \"ownerReferences\":[{{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"{set}\",\"uid\":\"{:08x}-{:04x}-4000-8000-{:012x}\",\"controller\":true}}]}},\
             \"spec\":{{{placed}\"serviceAccountName\":\"workload-{workload}\",\"containers\":[{{\"name\":\"main\",\"image\":\"registry.example/team/workload-{workload}:v{generation}\",\
             \"ports\":[{{\"name\":\"http\",\"containerPort\":8080,\"protocol\":\"TCP\"}}]}}]}},\
             \"status\":{{\"phase\":\"{}\",\"conditions\":[{{\"type\":\"Ready\",\"status\":\"{ready}\"}}]{ips}}}}}",
            workload % 40,
            self.version,
            mix(workload as u64) >> 24,
            owner >> 32,
            owner & 0xffff,
            mix(owner) >> 16,
            if has_ip { "Running" } else { "Pending" },
        )
    }
}

// === the nodes ===

async fn nodes_of(nodes: usize, calls: usize, hub: &str) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("callscope-fleet-{}", std::process::id()));
    let columns = Arc::new(Columns::new(&[]));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..nodes {
        let own = folder.join(number.to_string());
        fs::create_dir_all(&own)?;
        let options = Options { memory_bytes_max: 8 << 20, ..Options::default() };
        let store = Store::open(&own, columns.clone(), options, Timestamp(1))?;
        let rows =
            (0..calls).map(|call| row(number, call, nodes)).collect::<Result<Vec<_>, _>>()?;
        store.append(rows, Timestamp(1))?;
        let listened = Arc::new(Listened::begin(&own, None, Timestamp(1))?);
        let name = format!("node-{number}");
        let node = NodeOptions::new(name, hub.to_owned(), None, number as u64 * 7919 + 1);
        let node = Node::new(node, Arc::new(store), listened);
        tasks.spawn(node.run(drop, drop));
    }
    // A node ends only when it fails.
    let Some(ended) = tasks.join_next().await else { return Ok(()) };
    let Err(error) = ended?;
    Err(error.into())
}

/// A call of a node to its neighbour, which tells it; every hundredth failed.
fn row(node: usize, call: usize, nodes: usize) -> Result<Row, Failure> {
    let number = i64::try_from(call * nodes + node)?;
    let time = store::moment(BEGIN_NS + number * 1_000_000);
    let (code, result) = if call % 100 == 7 { ("503", "error") } else { ("200", "ok") };
    let (duration_ns, next) = (200_000 + number * 7919 % 50_000_000, (node + 1) % nodes);
    let line = format!(
        "{{\"id\":\"{number:016x}-1\",\"time\":\"{time}\",\"duration_ns\":{duration_ns},\"protocol\":\"http\",\"version\":\"1.1\",\"method\":\"GET\",\
         \"endpoint\":\"/orders/{}\",\"status\":{{\"code\":\"{code}\",\"result\":\"{result}\"}},\
         \"src\":{{\"ip\":\"10.64.0.1\",\"port\":40000,\"name\":\"workload-{}\",\"node\":\"node-{next}\"}},\
         \"dst\":{{\"ip\":\"10.64.0.2\",\"port\":80,\"name\":\"workload-{}\",\"node\":\"node-{node}\"}},\
         \"request\":{{\"first_ns\":0,\"last_ns\":0,\"size\":304,\"header_size\":304}},\"response\":{{\"first_ns\":1,\"last_ns\":2,\"size\":412,\"header_size\":243}},\
         \"pairing\":\"matched\",\"paired_by\":\"order\",\"missing\":null,\"transport\":\"tcp\",\"source\":{{\"kind\":\"interface\",\"name\":\"any\"}},\"stream\":\"1:{call}\"}}",
        call % 50,
        call % WORKLOADS,
        (call + node) % WORKLOADS,
    );
    Row::of_line(&line).map_err(|_| "a line that is no call".into())
}

// === what it takes ===

fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

fn resident() -> u64 {
    status("VmRSS")
}

fn most_resident() -> u64 {
    status("VmHWM")
}

/// Seconds of cores that this process has taken (proc(5), hundredths of a second).
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}
