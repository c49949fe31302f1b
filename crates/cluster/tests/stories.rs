//! Recordings of a real API server, where they are: the watch and the dump tell the same, and the
//! stories in their README are told right.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{directory, has, peer};
use model::Transport;
use serde_json::{Value, json};

/// The watches, and what the dump says at the end.
fn recordings() -> Option<(Vec<Vec<u8>>, Vec<u8>)> {
    let beside = |folder: &Path| folder.join("shared/kubernetes");
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(beside);
    let found = above.find(|folder| folder.is_dir()).unwrap_or_default();
    let folder = std::env::var_os("CALLSCOPE_KUBERNETES").map_or(found, PathBuf::from);
    let Ok(dump) = fs::read(folder.join("cluster.json")) else {
        eprintln!("skipped: no recordings in {} (CALLSCOPE_KUBERNETES)", folder.display());
        return None;
    };
    let mut watches = Vec::new();
    for entry in fs::read_dir(folder.join("watch")).unwrap() {
        watches.push(fs::read(entry.unwrap().path()).unwrap());
    }
    Some((watches, dump))
}

const END: &str = "2026-11-22T22:18:20Z";

#[test]
fn the_stories_are_told_right_by_the_watch() {
    let Some((watches, _)) = recordings() else { return };
    let texts: Vec<&[u8]> = watches.iter().map(Vec::as_slice).collect();
    let (directory, troubles) = directory(&texts);
    // One file is a watch that was refused.
    assert_eq!(troubles.count("errors that a watch ended with"), 1);
    let user = "user-7b6fcfd766-pmffx";
    let stories = [
        // Two containers, and two services over one pod.
        (
            "10.244.2.22:8080",
            END,
            json!({"pod": user, "container": "user", "service": "user", "services": ["user", "user-admin"], "workload": {"kind": "Deployment", "name": "user"}, "node": "node-2", "zone": "zone-2", "namespace": "shop"}),
        ),
        ("10.244.2.22:9000", END, json!({"pod": user, "service": "user-admin"})),
        ("10.244.2.22:15001", END, json!({"pod": user, "container": "sidecar", "service": null})),
        // Dual stack.
        ("[fd00:244:2::22]:8080", END, json!({"pod": user, "service": "user"})),
        (
            "[fd00:244:1::21]:8079",
            END,
            json!({"pod": "front-end-58c944bb86-xqwxz", "service": "front-end", "container": "front-end"}),
        ),
        // A port with a name, and a node port.
        (
            "10.244.1.21:8079",
            END,
            json!({"service": "front-end", "workload": {"kind": "Deployment", "name": "front-end"}}),
        ),
        (
            "192.168.1.13:30001",
            END,
            json!({"service": "front-end", "node": "node-3", "pod": null, "evidence": ["node-port", "node-ip"]}),
        ),
        (
            "10.96.224.215:80",
            END,
            json!({"service": "front-end", "pod": null, "evidence": ["cluster-ip"]}),
        ),
        // Headless, with a StatefulSet's pod that is not ready.
        (
            "10.244.2.40:6379",
            END,
            json!({"pod": "redis-0", "service": "redis", "workload": {"kind": "StatefulSet", "name": "redis"}}),
        ),
        // No selector, a slice made by hand.
        (
            "10.9.8.7:5432",
            END,
            json!({"service": "legacy-db", "pod": null, "evidence": ["endpoint-slice"]}),
        ),
        ("10.96.93.220:5432", END, json!({"service": "legacy-db"})),
        // On the host's network: by port, and not at all by address.
        (
            "192.168.1.11:9100",
            END,
            json!({"pod": "agent-a", "namespace": "monitoring", "node": "node-1"}),
        ),
        ("192.168.1.11:9200", END, json!({"pod": "agent-b"})),
        (
            "192.168.1.12:9100",
            END,
            json!({"pod": "node-exporter-x7k2p", "workload": {"kind": "DaemonSet", "name": "node-exporter"}}),
        ),
        ("192.168.1.11:45000", END, json!({"pod": null, "node": "node-1"})),
        // One address, three jobs, two of one name.
        ("10.244.1.99:8080", "2026-11-22T22:17:55.5Z", json!({"pod": "batch-1"})),
        ("10.244.1.99:8080", "2026-11-22T22:17:58.5Z", json!({"pod": "batch-2"})),
        ("10.244.1.99:8080", "2026-11-22T22:18:05Z", json!({"pod": "batch-1"})),
        ("10.244.1.99:8080", "2026-11-22T22:17:50Z", json!({"pod": null})),
        // A service changes its selector: both its pods match before and after.
        ("10.244.3.23:8080", "2026-11-22T22:17:52Z", json!({"service": "user"})),
        // Being deleted, and still there.
        (
            "10.244.3.23:8080",
            "2026-11-22T22:18:10Z",
            json!({"pod": "user-7b6fcfd766-rnr2m", "service": "user"}),
        ),
    ];
    for (who, at, is) in stories {
        let found = peer(&directory, 0, who, Transport::Tcp, at);
        assert!(has(&found, &is), "{who} at {at} is {is}, not {found}");
    }
}

#[test]
fn watch_and_dump_give_the_same_directory_at_the_end() {
    let Some((watches, dump)) = recordings() else { return };
    let texts: Vec<&[u8]> = watches.iter().map(Vec::as_slice).collect();
    let (by_watch, _) = directory(&texts);
    let (by_dump, troubles) = directory(&[&dump]);
    assert!(troubles.is_empty(), "{troubles:?}");
    let document: Value = serde_json::from_slice(&dump).unwrap();
    let text = document.to_string();
    let mut addresses: Vec<&str> =
        text.split('"').filter(|word| word.parse::<std::net::IpAddr>().is_ok()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert!(addresses.len() > 15, "{addresses:?}");
    for ip in addresses {
        for port in [80, 443, 5432, 6379, 8079, 8080, 9000, 9100, 9200, 15_001, 30_001, 50_000] {
            let end =
                if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") };
            let [watch, dump] =
                [&by_watch, &by_dump].map(|d| peer(d, 0, &end, Transport::Tcp, END));
            assert_eq!(watch, dump, "{end}");
        }
    }
}
