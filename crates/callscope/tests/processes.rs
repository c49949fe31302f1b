//! `callscope tap` says whose sockets the ends of calls were. Needs root and programs in the kernel;
//! says so and passes where it can't be done.

mod common {
    pub mod net;
    pub mod postgresql;
}

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use common::{
    net::{Net, SERVER, can, groups, sh, start, tap},
    postgresql,
};
use serde_json::Value;

/// Whether programs can be put into the kernel here: short connections have no process without.
fn can_tell(programs: &[&str]) -> bool {
    if !can(programs) {
        return false;
    }
    let doctor = String::from_utf8_lossy(&start_doctor()).into_owned();
    let hook = doctor.lines().find(|line| line.contains("inet_sock_set_state"));
    let works = hook.is_some_and(|line| line.trim_start().starts_with("yes"));
    if !works {
        eprintln!("skipped: the kernel takes no programs here: {hook:?}");
    }
    works
}

fn start_doctor() -> Vec<u8> {
    sh(&format!("{} doctor", env!("CARGO_BIN_EXE_callscope"))).stdout
}

fn find<'a>(calls: &'a [Value], endpoint: &str) -> &'a Value {
    let mut found = calls.iter().filter(|call| call["endpoint"] == endpoint);
    let call = found.next().unwrap_or_else(|| panic!("no call {endpoint}: {calls:?}"));
    assert!(found.next().is_none(), "several calls {endpoint}");
    call
}

fn is_process(end: &Value, pid: u32, name: &str, call: &Value) {
    let process = &end["process"];
    assert_eq!(process["pid"], pid, "{call}");
    assert_eq!(process["name"], name, "{call}");
    let path = process["path"].as_str().unwrap_or_default();
    assert!(path.ends_with(&format!("/{name}")), "{call}");
}

fn child_of(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
}

/// When a process that runs was started, in seconds since 1970.
fn start_of(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let ticks: f64 = rest.split_whitespace().nth(19).unwrap().parse().unwrap();
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
    now() - (uptime - ticks / 100.0)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// Seconds since 1970 of a process's start as told.
fn told_start(end: &Value) -> f64 {
    let text = end["process"]["started"].as_str().unwrap();
    let seconds = sh(&format!("date -d {text} +%s.%N")).stdout;
    String::from_utf8(seconds).unwrap().trim().parse().unwrap()
}

/// What the kernel says of its control group: of several trees, any.
fn is_in_its_group(end: &Value, pid: u32) {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let told = end["process"]["cgroup"].as_str().unwrap();
    let has = |line: &str| line.splitn(3, ':').nth(2) == Some(told);
    assert!(groups.lines().any(has), "{told}: {groups}");
}

#[test]
fn each_end_has_its_process() {
    if !can_tell(&["nginx", "curl", "redis-server", "redis-cli", "unbound", "dig", "ss", "date"]) {
        return;
    }
    let mut net = Net::new();
    // These are from before: their sockets are in the kernel's tables.
    let nginx = net.nginx();
    let redis = net
        .serve(6379, &["redis-server", "--bind", SERVER, "--save", "", "--protected-mode", "no"]);
    let begun = now();
    let (client, server) = (net.client.clone(), net.server.clone());
    let tap = tap(&["--netns", &client, "--netns", &server]);
    // This one comes later.
    let zone = net.folder.path().join("unbound.conf");
    let config = format!(
        "server:\n interface: {SERVER}\n access-control: 0.0.0.0/0 allow\n do-daemonize: no\n \
         username: \"\"\n chroot: \"\"\n use-syslog: no\n \
         local-data: \"shop.example. A 192.0.2.7\"\nremote-control:\n control-enable: no\n"
    );
    fs::write(&zone, config).unwrap();
    let unbound = net.serve(53, &["unbound", "-d", "-p", "-c", zone.to_str().unwrap()]);
    let curls: Vec<_> = (0..5)
        .map(|n| {
            let url = format!("http://{SERVER}/{n}");
            (net.run(&["curl", "-s", &url]), format!("/{n}"))
        })
        .collect();
    let cli = net.run(&["redis-cli", "-h", SERVER, "get", "colour"]);
    let dig = net.run(&["dig", &format!("@{SERVER}"), "+noedns", "shop.example", "A"]);
    let said = tap.end();
    assert!(said.is_success, "{}", said.errors);
    let worker = child_of(nginx);
    for (pid, endpoint) in curls {
        let call = find(&said.calls, &endpoint);
        is_process(&call["src"], pid, "curl", call);
        is_process(&call["dst"], worker, "nginx", call);
        assert_eq!(call["dst"]["process"]["parent"], nginx);
        assert!((told_start(&call["dst"]) - start_of(worker)).abs() < 0.5, "{call}");
        let started = told_start(&call["src"]);
        assert!(begun - 0.1 < started && started < now(), "{call}");
        is_in_its_group(&call["dst"], worker);
        assert!(call["src"]["process"]["cgroup"].is_string(), "{call}");
    }
    let call = find(&said.calls, "colour");
    is_process(&call["src"], cli, "redis-cli", call);
    let [pid, name] = [&call["dst"]["process"]["pid"], &call["dst"]["process"]["name"]];
    assert_eq!((pid, name), (&redis.into(), &"redis-server".into()), "{call}");
    is_in_its_group(&call["dst"], redis);
    let call = find(&said.calls, "shop.example");
    assert_eq!(call["src"]["process"]["pid"], dig, "{call}");
    is_process(&call["dst"], unbound, "unbound", call);
    assert!(!said.errors.contains("had no room to tell"), "{}", said.errors);
}

#[test]
fn a_server_that_forks_for_each_connection_is_told_by_its_child() {
    if !can_tell(&["setpriv", "ss"]) {
        return;
    }
    let mut net = Net::new();
    let Some(database) = postgresql::start(&mut net, false) else { return };
    let tap = tap(&["--netns", &net.server, "--protocol", "postgresql"]);
    let asks = ["-h", SERVER, "-U", "postgres", "-c", "select 6 * 7"];
    let pid = net.run(&[&[database.psql.as_str()][..], &asks].concat());
    let said = tap.end();
    let is_it = |call: &&Value| call.to_string().contains("6 * 7");
    let call = said.calls.iter().find(is_it).unwrap_or_else(|| panic!("{:?}", said.calls));
    is_process(&call["src"], pid, "psql", call);
    let server = &call["dst"]["process"];
    assert_eq!(
        (&server["name"], &server["parent"]),
        (&"postgres".into(), &database.pid.into()),
        "{call}"
    );
    assert_ne!(server["pid"], database.pid);
}

/// Control groups that leave with the test, the innermost first.
struct Groups([String; 2]);

impl Drop for Groups {
    fn drop(&mut self) {
        for group in &self.0 {
            let _ = fs::remove_dir(group);
        }
    }
}

#[test]
fn containers_are_told_and_conditions_ask_for_processes() {
    if !can_tell(&["nginx", "curl", "ss"]) {
        return;
    }
    let Some(tree) = groups() else { return eprintln!("skipped: no control groups here") };
    let id = format!("{:032x}{:032x}", std::process::id(), 0xc0de_u32);
    let uid = format!("{:08x}-93b4-4d55-9bd0-6d4f2d6c1a11", std::process::id());
    let pod = format!("{tree}/kubepods-pod{}.slice", uid.replace('-', "_"));
    let group = format!("{pod}/cri-containerd-{id}.scope");
    if let Err(error) = fs::create_dir_all(&group) {
        return eprintln!("skipped: no control group can be made here: {error}");
    }
    let _groups = Groups([group.clone(), pod]);
    let mut net = Net::new();
    net.nginx();
    let has_process = "src.process.name == \"curl\" && dst.process.pid > 1";
    // A pod of the node's network: its address says nothing.
    let pods = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": [{
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "agent-x", "namespace": "shop", "uid": uid,
            "creationTimestamp": "2020-01-01T00:00:00Z"},
        "spec": {"hostNetwork": true, "nodeName": "n1", "containers": [{"name": "agent"}]},
        "status": {"phase": "Running", "hostIP": "192.0.2.1", "podIP": "192.0.2.1"},
    }]});
    let identity = net.folder.path().join("pods.json");
    fs::write(&identity, pods.to_string()).unwrap();
    let identity = ["--identity", identity.to_str().unwrap()];
    let all = ["--netns", &net.server, "--where", has_process, "--command-lines"];
    let all = tap(&[&all[..], &identity].concat());
    let none = tap(&["--netns", &net.server, "--no-processes"]);
    // Inside, there is another /sys.
    let inside = format!("ip netns exec {} curl -s http://{SERVER}/contained", net.client);
    sh(&format!("echo $$ > {group}/cgroup.procs; exec {inside}"));
    net.ask(&format!("curl -s http://{SERVER}/free"));
    let (all, none) = (all.end(), none.end());
    let contained = find(&all.calls, "/contained");
    let container = &contained["src"]["process"]["container"];
    assert_eq!(container["id"], id.as_str(), "{contained}");
    assert_eq!(container["runtime"], "containerd");
    assert_eq!(container["pod_uid"], uid.as_str());
    let line = &contained["src"]["process"]["command_line"];
    assert_eq!(line[2], format!("http://{SERVER}/contained"), "{contained}");
    assert_eq!(contained["src"]["pod"], "agent-x", "{contained}");
    assert_eq!(contained["src"]["evidence"], serde_json::json!(["process-cgroup"]));
    let free = find(&all.calls, "/free");
    assert_eq!(free["src"]["process"].get("container"), None);
    assert_eq!(free["src"].get("pod"), None, "{free}");
    assert_eq!(none.calls.len(), 2);
    assert!(none.calls.iter().all(|call| call["src"].get("process").is_none()));
    let wrong = start(&["tap", "--no-processes", "--command-lines"]).rest();
    assert!(!wrong.is_success);
}
