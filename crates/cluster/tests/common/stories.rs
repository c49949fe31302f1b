//! The stories of the recordings' README: who had which address when.

use identity::Directory;
use model::Transport;
use serde_json::json;

use super::{has, peer};

/// The end of the recordings.
pub const END: &str = "2026-11-22T22:18:20Z";

/// Asks `directory` for all of them.
pub fn are_told_right(directory: &Directory) {
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
        let found = peer(directory, 0, who, Transport::Tcp, at);
        assert!(has(&found, &is), "{who} at {at} is {is}, not {found}");
    }
}
