//! Packets of calls through the hub: three machines, of which two hold on to what passes.

mod common {
    pub mod cluster;
    pub mod net;
    pub mod program;
}

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use common::{
    cluster::{Cluster, NODES},
    net::{can, wait_until},
};
use serde_json::Value;

/// The call of a request to this pod, whole.
fn call(cluster: &Cluster, request: &str, pod: &str) -> Value {
    let calls = cluster.calls(request);
    let call = calls.iter().find(|call| call["dst"]["pod"] == pod);
    let call = call.unwrap_or_else(|| panic!("no call to {pod}: {calls:?}"));
    cluster.json(&path(call, ""))
}

fn path(call: &Value, rest: &str) -> String {
    format!("/api/v1/calls/{}{rest}", call["id"].as_str().unwrap())
}

/// Why there are none.
fn refusal(cluster: &Cluster, path: &str) -> String {
    let (status, body) = cluster.bytes(path);
    let body = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 404, "{path}: {body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    body["error"]["message"].as_str().unwrap().to_owned()
}

/// Whether the packets' bytes say so.
fn says(told: &Value, text: &str) -> bool {
    let wanted: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let packets = told["packets"].as_array().unwrap();
    packets.iter().any(|packet| packet["hex"].as_str().unwrap().contains(&wanted))
}

/// The endpoints of the calls in a capture.
fn endpoints(pcapng: &[u8]) -> Vec<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_callscope"))
        .args(["read", "-", "--format", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(pcapng).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let calls = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    calls.filter_map(|call| Some(call["endpoint"].as_str()?.to_owned())).collect()
}

/// Needs root: networks of their own, and live capture.
#[test]
fn packets_come_from_the_nodes_that_saw_the_call() {
    if !can(&["nginx", "curl", "ss"]) {
        return;
    }
    // a masks secrets, b does not, c holds on to nothing.
    let mut cluster = Cluster::start_with(|node, folder| {
        let keep = ["--keep".to_owned(), folder.display().to_string(), "--keep-size=16MiB".into()];
        match node {
            "a" => keep.to_vec(),
            "b" => [&keep[..], &["--unmasked".to_owned()]].concat(),
            _ => Vec::new(),
        }
    });
    wait_until("the nodes", || {
        let health = cluster.health();
        let nodes = health["nodes"].as_array().unwrap();
        nodes.iter().filter(|node| node["connected"] == true).count() == NODES.len()
    });
    wait_until("names", || {
        cluster.ask("warm-up");
        std::thread::sleep(std::time::Duration::from_millis(300));
        let calls = cluster.calls("warm-up");
        calls.iter().any(|call| call["dst"]["pod"] == "payment" && call["src"]["pod"] == "orders")
    });
    cluster.ask("r-1");
    let seen_by_two = |pod: &str| {
        let found = cluster.calls("r-1").into_iter().find(|call| call["dst"]["pod"] == pod);
        let whole = found.map(|call| cluster.json(&path(&call, "")));
        whole.is_some_and(|call| call["seen_by"].as_array().is_some_and(|seen| seen.len() == 2))
    };
    wait_until("both views of both calls", || seen_by_two("orders") && seen_by_two("payment"));

    // a → b: b tells it, and has its packets, whole.
    let orders = call(&cluster, "r-1", "orders");
    let told = cluster.json(&path(&orders, "/packets"));
    assert_eq!((&told["node"], &told["masked"]), (&"b".into(), &false.into()), "{told}");
    assert_eq!(told["missing"].as_array().unwrap().len(), 0);
    assert!(says(&told, "GET /pay/r-1") && says(&told, "paid"), "{told}");
    let packets = told["packets"].as_array().unwrap();
    let from: Vec<_> = packets.iter().map(|packet| packet["from"].as_str().unwrap()).collect();
    assert!(from.contains(&"src") && from.contains(&"dst"), "{from:?}");
    assert_eq!(packets[0]["layers"].as_array().unwrap().last().unwrap()["name"], "Data");

    // The other view, by its name: what a masks is not in its packets.
    let told = cluster.json(&path(&orders, "/packets?node=a"));
    assert_eq!((&told["node"], &told["masked"]), (&"a".into(), &true.into()), "{told}");
    assert!(!told["packets"].as_array().unwrap().is_empty());
    assert!(!says(&told, "GET /pay/r-1") && !says(&told, "paid"), "{told}");
    assert!(refusal(&cluster, &path(&orders, "/packets?node=c")).contains("no node \"c\" saw"));

    // b → c: c tells it, and holds on to nothing: b is asked next.
    let payment = call(&cluster, "r-1", "payment");
    let told = cluster.json(&path(&payment, "/packets"));
    assert_eq!(told["node"], "b", "{told}");
    assert_eq!(told["missing"][0]["node"], "c");
    assert!(told["missing"][0]["why"].as_str().unwrap().contains("--keep DIR"), "{told}");
    assert!(refusal(&cluster, &path(&payment, "/pcap?node=c")).contains("--keep DIR"));

    // As files: of one call, and of all.
    let (status, file) = cluster.bytes(&path(&orders, "/pcap"));
    assert_eq!(status, 200);
    assert_eq!(endpoints(&file), ["/pay/r-1"]);
    let export = "/api/v1/export?format=pcapng&where=endpoint%20==%20%22/pay/r-1%22";
    let (status, file) = cluster.bytes(export);
    assert_eq!(status, 200);
    // a's are without their payload, c's are missing: what is left is the call that b tells.
    assert_eq!(endpoints(&file), ["/pay/r-1"]);
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains("not here: c: it keeps no packets") && text.contains("b/eth0"), "{text}");
    let none = export.replace("r-1", "r-none");
    assert!(refusal(&cluster, &none).contains("no such calls"));

    // b dies: its view is gone, a's is told.
    cluster.kill("b");
    wait_until("b's end", || call(&cluster, "r-1", "orders")["seen_by"][0]["node"] == "a");
    let orders = call(&cluster, "r-1", "orders");
    assert_eq!(cluster.json(&path(&orders, "/packets"))["node"], "a");
    let payment = call(&cluster, "r-1", "payment");
    let why = refusal(&cluster, &path(&payment, "/packets"));
    assert!(why.contains("node c: it keeps no packets"), "{why}");
}
