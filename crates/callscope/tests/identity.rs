//! Names for the ends of calls, as a user gets them.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde::Deserialize;
use serde_json::Value;

/// A file of `crates/cluster/tests/scenarios`.
#[derive(Deserialize)]
struct Scenario {
    #[serde(default)]
    events: Vec<Value>,
    #[serde(default)]
    dump: Vec<Value>,
    #[serde(default)]
    hosts: String,
    asks: Vec<Ask>,
}

#[derive(Deserialize)]
struct Ask {
    who: String,
    at: String,
    #[serde(default)]
    udp: bool,
    #[serde(default)]
    scope: u16,
    is: Value,
}

fn callscope(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    let output = command.args(args).env_remove("NO_COLOR").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn calls(ndjson: &[u8]) -> Vec<Value> {
    let lines = ndjson.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// Whether `found` has what `expected` has; what is expected to be null is not there.
fn has(found: &Value, expected: &Value) -> bool {
    match expected {
        Value::Object(members) => members.iter().all(|(key, value)| match value {
            Value::Null => found.get(key).is_none(),
            value => found.get(key).is_some_and(|own| has(own, value)),
        }),
        value => found == value,
    }
}

#[test]
fn every_scenario_gives_calls_the_names_that_were_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cluster/tests/scenarios");
    let mut asked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario: Scenario =
            serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        asked += check(&scenario, &path.display().to_string());
    }
    assert!(asked > 60, "{asked}");
}

/// Asks by calls: with a port it is a server, without one a client.
fn check(scenario: &Scenario, name: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let lines = |values: &[Value]| values.iter().map(|v| format!("{v}\n")).collect::<String>();
    // Captures have one address space.
    let asks: Vec<_> = scenario.asks.iter().filter(|ask| ask.scope == 0).collect();
    let mut capture = Capture::default();
    for (ask, number) in asks.iter().zip(0..) {
        let other = SocketAddr::new(other_than(&ask.who), 20_000 + number);
        let at = identity::moment(&ask.at).unwrap().0;
        match (ask.who.parse::<SocketAddr>(), ask.udp) {
            (Ok(server), true) => capture.dns(at, other, server, "a.example", [192, 0, 2, 1]),
            (Ok(server), false) => capture.http(at, other, server),
            (Err(_), _) => {
                let client = SocketAddr::new(ask.who.parse().unwrap(), 20_000 + number);
                capture.http(at, client, SocketAddr::new(other.ip(), 80));
            }
        }
    }
    let pcap = file("calls.pcap", &capture.bytes());
    let mut args = vec!["read", "-q", "--format", "ndjson", &pcap];
    let sources = [
        (!scenario.events.is_empty())
            .then(|| file("log.ndjson", lines(&scenario.events).as_bytes())),
        (!scenario.dump.is_empty()).then(|| file("dump.json", lines(&scenario.dump).as_bytes())),
        (!scenario.hosts.is_empty()).then(|| file("hosts", scenario.hosts.as_bytes())),
    ];
    for source in sources.iter().flatten() {
        args.extend(["--identity", source]);
    }
    let calls = calls(&callscope(&args).stdout);
    for (ask, number) in asks.iter().zip(20_000..) {
        let call = calls.iter().find(|call| call["src"]["port"] == number);
        let call = call.unwrap_or_else(|| panic!("{name}: no call for {} at {}", ask.who, ask.at));
        let end = if ask.who.parse::<SocketAddr>().is_ok() { &call["dst"] } else { &call["src"] };
        assert!(has(end, &ask.is), "{name}: {} at {} is {}, not {end}", ask.who, ask.at, ask.is);
    }
    asks.len()
}

fn other_than(who: &str) -> IpAddr {
    if who.matches(':').count() > 1 {
        "2001:db8::77".parse().unwrap()
    } else {
        [203, 0, 113, 77].into()
    }
}

#[test]
fn names_of_name_servers_are_the_same_on_any_number_of_threads() {
    let mut capture = Capture::default();
    let server = |last: u8, port| SocketAddr::new([192, 0, 2, last].into(), port);
    let client = |last: u8, port| SocketAddr::new([10, 0, 0, last].into(), port);
    let second = 1_000_000_000;
    let begin = 1_750_000_000 * second;
    for number in 0..200_u16 {
        let at = begin + u64::from(number) * second;
        let [own, ip] = [(number % 5) as u8, (number % 7) as u8];
        let name = format!("host-{}.example", number % 7);
        if number % 3 == 0 {
            capture.dns(at, client(own, 30_000 + number), server(53, 53), &name, [192, 0, 2, ip]);
        }
        capture.http(at + second / 2, client(own, 40_000 + number), server(ip, 443));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.pcap");
    fs::write(&path, capture.bytes()).unwrap();
    let read = |threads: &str| {
        let path = path.to_str().unwrap();
        callscope(&["read", "-q", "--format", "ndjson", "--dns-names", "--threads", threads, path])
            .stdout
    };
    let one = read("1");
    for threads in ["2", "5"] {
        assert!(one == read(threads), "{threads} threads");
    }
    let mut named = 0;
    for call in calls(&one).iter().filter(|call| call["protocol"] == "http") {
        let ip = call["dst"]["ip"].as_str().unwrap();
        if let Some(name) = call["dst"]["name"].as_str() {
            assert_eq!(name, format!("host-{}.example", &ip["192.0.2.".len()..]));
            assert_eq!(call["dst"]["evidence"], serde_json::json!(["dns"]));
            named += 1;
        }
        assert!(call["src"].get("name").is_none());
    }
    // Each answer lives for a minute.
    assert!(named > 150, "{named}");
    let json =
        callscope(&["read", "-q", "--format", "json", "--dns-names", path.to_str().unwrap()]);
    let all: Vec<Value> = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(all, calls(&one));
    let table =
        callscope(&["read", "-q", "--format", "table", "--dns-names", path.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("host-3.example:443"));
    let plain = callscope(&["read", "-q", "--format", "ndjson", path.to_str().unwrap()]);
    assert!(
        !String::from_utf8_lossy(&plain.stdout)
            .contains("\"dst\":{\"ip\":\"192.0.2.1\",\"port\":443,")
    );
}

const POD: &str = r#"{"kind":"Pod","metadata":{"name":"front-1","namespace":"shop","uid":"p1","creationTimestamp":"2026-01-01T00:00:00Z","annotations":{"team":"a\u001b[2J"}},"spec":{"nodeName":"n1","containers":[{"name":"c"}]},"status":{"phase":"Running","podIP":"10.1.0.7"}}"#;

fn pod_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), POD).unwrap();
    file
}

#[test]
fn explain_says_whether_the_source_is_kept() {
    let explain = |policy: &str| {
        let service = serde_json::json!({ "kind": "Service", "apiVersion": "v1",
            "metadata": { "name": "front", "namespace": "shop", "uid": "s",
                "creationTimestamp": "2026-01-01T00:00:00Z" },
            "spec": { "type": "NodePort", "externalTrafficPolicy": policy, "clusterIP": "10.96.0.5",
                "ports": [{ "port": 80, "nodePort": 30001 }] } });
        let node = serde_json::json!({ "kind": "Node", "apiVersion": "v1",
            "metadata": { "name": "n1", "uid": "n", "creationTimestamp": "2026-01-01T00:00:00Z" },
            "status": { "addresses": [{ "type": "InternalIP", "address": "192.168.1.11" }] } });
        let mut file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
        let list =
            serde_json::json!({ "kind": "List", "apiVersion": "v1", "items": [service, node] });
        std::io::Write::write_all(&mut file, list.to_string().as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let told =
            callscope(&["identity", "explain", "192.168.1.11:30001", "--identity", path]).stdout;
        String::from_utf8(told).unwrap()
    };
    let (kept, lost) = (explain("Local"), explain("Cluster"));
    assert!(kept.contains("front") && kept.contains("with its source"), "{kept}");
    assert!(lost.contains("front") && !lost.contains("with its source"), "{lost}");
}

#[test]
fn explain_says_who_and_why() {
    let file = pod_file();
    let path = file.path().to_str().unwrap();
    let explain = |more: &[&str]| {
        let args = [&["identity", "explain", "10.1.0.7:80", "--identity", path], more].concat();
        String::from_utf8(callscope(&args).stdout).unwrap()
    };
    let text = explain(&[]);
    for words in ["front-1, a pod", "shop", "n1", "pod-ip: the address was this pod's alone"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains('\x1b'), "{text:?}");
    let early = explain(&["--at", "2025-12-31T00:00:00Z"]);
    assert!(early.contains("nobody known"), "{early}");
    assert!(early.contains("until"), "{early}");
    let json: Value = serde_json::from_str(&explain(&["--format", "json"])).unwrap();
    assert_eq!(json["pod"], "front-1");
    assert_eq!(json["evidence"], serde_json::json!(["pod-ip"]));
    assert_eq!(json["from"], "2026-01-01T00:00:00.000000000Z");
}

#[test]
fn what_was_recorded_is_read_again() {
    let file = pod_file();
    let recorded = callscope(&["identity", "record", file.path().to_str().unwrap()]).stdout;
    let line: Value = serde_json::from_slice(&recorded).unwrap();
    assert_eq!(line["type"], "ADDED");
    let log = tempfile::NamedTempFile::new().unwrap();
    fs::write(log.path(), &recorded).unwrap();
    let explain = |path: &Path| {
        let path = path.to_str().unwrap();
        callscope(&["identity", "explain", "10.1.0.7", "--format", "json", "--identity", path])
            .stdout
    };
    assert_eq!(explain(log.path()), explain(file.path()));
    let again = callscope(&["identity", "record", log.path().to_str().unwrap()]).stdout;
    assert_eq!(again, recorded);
}

#[test]
fn a_list_of_one_namespace_stays_one() {
    let list = r#"{"at":"2026-01-01T00:00:00Z","type":"LISTED","kind":"Pod","namespace":"shop","objects":[]}"#;
    let log = tempfile::NamedTempFile::new().unwrap();
    fs::write(log.path(), list).unwrap();
    let again = callscope(&["identity", "record", log.path().to_str().unwrap()]).stdout;
    let line: Value = serde_json::from_slice(&again).unwrap();
    assert_eq!(line, serde_json::from_str::<Value>(list).unwrap());
}

#[test]
fn details_say_why() {
    let file = pod_file();
    let mut capture = Capture::default();
    let at = identity::moment("2026-01-01T00:10:00Z").unwrap().0;
    capture.http(at, "203.0.113.77:20000".parse().unwrap(), "10.1.0.7:80".parse().unwrap());
    let pcap = tempfile::NamedTempFile::new().unwrap();
    fs::write(pcap.path(), capture.bytes()).unwrap();
    let args = ["read", "-q", "--details", "--identity", file.path().to_str().unwrap()];
    let output = callscope(&[&args[..], &[pcap.path().to_str().unwrap()]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("10.1.0.7:80  front-1: pod shop/front-1"), "{text}");
    assert!(text.contains("(pod-ip)"), "{text}");
}

#[test]
fn what_can_not_be_used_is_said() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    let output = command
        .args(["identity", "explain", "10.1.0.7", "--identity", "/nowhere/cluster.json"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("/nowhere/cluster.json"), "{words}");
}

// === captures ===

/// Packets of raw IP, by their times.
#[derive(Default)]
struct Capture(Vec<(u64, Vec<u8>)>);

impl Capture {
    /// A request and its response, 1 ms later, on a connection of their own.
    fn http(&mut self, at: u64, client: SocketAddr, server: SocketAddr) {
        let request = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let (sent, got) = (1 + request.len() as u32, 1 + response.len() as u32);
        const SYN: u8 = 0x02;
        const ACK: u8 = 0x10;
        // The call begins with its first byte; the handshake is before.
        let before = at - 100;
        self.tcp(before, client, server, (0, 0, SYN), b"");
        self.tcp(before + 10, server, client, (0, 1, SYN | ACK), b"");
        self.tcp(before + 20, client, server, (1, 1, ACK), b"");
        self.tcp(at, client, server, (1, 1, ACK), request);
        self.tcp(at + 1_000_000, server, client, (1, sent, ACK), response);
        self.tcp(at + 1_000_100, client, server, (sent, got, ACK), b"");
    }

    fn tcp(
        &mut self,
        at: u64,
        src: SocketAddr,
        dst: SocketAddr,
        (seq, ack, flags): (u32, u32, u8),
        payload: &[u8],
    ) {
        let mut segment = [src.port().to_be_bytes(), dst.port().to_be_bytes()].concat();
        segment.extend(seq.to_be_bytes());
        segment.extend(ack.to_be_bytes());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        self.0.push((at, ip_packet(src.ip(), dst.ip(), 6, &segment)));
    }

    /// A question for an address, and its answer 1 ms later, good for a minute.
    fn dns(&mut self, at: u64, client: SocketAddr, server: SocketAddr, name: &str, ip: [u8; 4]) {
        let mut question = Vec::new();
        for label in name.split('.') {
            question.push(label.len() as u8);
            question.extend(label.as_bytes());
        }
        question.extend([0, 0, 1, 0, 1]);
        let id = client.port().to_be_bytes();
        let ask = [&id[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &question].concat();
        let answer = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4];
        let tell =
            [&id[..], &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], &question, &answer, &ip].concat();
        self.udp(at, client, server, &ask);
        self.udp(at + 1_000_000, server, client, &tell);
    }

    fn udp(&mut self, at: u64, src: SocketAddr, dst: SocketAddr, payload: &[u8]) {
        let len = (8 + payload.len() as u16).to_be_bytes();
        let ports = [src.port().to_be_bytes(), dst.port().to_be_bytes()].concat();
        let datagram = [&ports[..], &len, &[0, 0], payload].concat();
        self.0.push((at, ip_packet(src.ip(), dst.ip(), 17, &datagram)));
    }

    /// A pcap file with nanoseconds.
    fn bytes(mut self) -> Vec<u8> {
        self.0.sort();
        let mut out = Vec::new();
        for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 101] {
            out.extend(word.to_le_bytes());
        }
        for (at, packet) in self.0 {
            let (second, rest) = ((at / 1_000_000_000) as u32, (at % 1_000_000_000) as u32);
            let len = packet.len() as u32;
            for word in [second, rest, len, len] {
                out.extend(word.to_le_bytes());
            }
            out.extend(packet);
        }
        out
    }
}

fn ip_packet(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let len = (20 + payload.len() as u16).to_be_bytes();
            let head = [0x45, 0, len[0], len[1], 0, 0, 0x40, 0, 64, protocol, 0, 0];
            [&head[..], &src.octets(), &dst.octets(), payload].concat()
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let len = (payload.len() as u16).to_be_bytes();
            let head = [0x60, 0, 0, 0, len[0], len[1], protocol, 64];
            [&head[..], &src.octets(), &dst.octets(), payload].concat()
        }
        _ => panic!("{src} to {dst}"),
    }
}
