//! Recordings of a real API server, where they are: the mock answers as it did, and its watches,
//! played again, give the directory that its dump gives.

mod common;
mod live;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{
    directory, peer,
    stories::{self, END},
};
use identity::{Book, Directory, Limits};
use kube_mock::{Mock, Recording, Step};
use live::Rig;
use model::Transport;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn folder() -> Option<PathBuf> {
    let beside = |folder: &Path| folder.join("shared/kubernetes");
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(beside);
    let found = above.find(|folder| folder.is_dir()).unwrap_or_default();
    let folder = std::env::var_os("CALLSCOPE_KUBERNETES").map_or(found, PathBuf::from);
    if !folder.join("watch").is_dir() {
        eprintln!("skipped: no recordings in {} (CALLSCOPE_KUBERNETES)", folder.display());
        return None;
    }
    Some(folder)
}

/// The recorded watches, by what they are of.
fn recordings(folder: &Path) -> BTreeMap<String, Recording> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder.join("watch")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        all.insert(name, Recording::read(&fs::read_to_string(path).unwrap()));
    }
    all
}

/// All that was there at first, and all that happened then, in the order of the server's versions.
fn steps(all: &BTreeMap<String, Recording>) -> (Vec<Step>, Vec<Step>) {
    let initial = all.values().flat_map(|recording| recording.initial.clone()).collect();
    let mut changes: Vec<_> =
        all.values().flat_map(|recording| recording.changes.clone()).collect();
    changes.sort_by_key(Step::version);
    (initial, changes)
}

/// What the mock answers to HTTP/1.0, whose answers have no chunks: its code, and its body up to
/// `lines` lines.
async fn get(mock: &Mock, target: &str, token: &str, lines: usize) -> (u16, String) {
    let place = mock.url();
    let mut stream = TcpStream::connect(place.trim_start_matches("http://")).await.unwrap();
    let ask = format!("GET {target} HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    loop {
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_buf(&mut text));
        let count = read.await.unwrap().unwrap();
        let whole = String::from_utf8_lossy(&text).into_owned();
        let body = whole.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        if count == 0 || body.lines().count() > lines {
            return (whole[9..12].parse().unwrap(), body.to_owned());
        }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

const PATHS: [(&str, &str); 9] = [
    ("pods", "/api/v1/pods"),
    ("services", "/api/v1/services"),
    ("nodes", "/api/v1/nodes"),
    ("namespaces", "/api/v1/namespaces"),
    ("endpointslices", "/apis/discovery.k8s.io/v1/endpointslices"),
    ("replicasets", "/apis/apps/v1/replicasets"),
    ("deployments", "/apis/apps/v1/deployments"),
    ("statefulsets", "/apis/apps/v1/statefulsets"),
    ("jobs", "/apis/batch/v1/jobs"),
];

#[tokio::test]
async fn the_mock_answers_as_the_real_server_did() {
    let Some(folder) = folder() else { return };
    let mock = Mock::start().await;
    let all = recordings(&folder);
    let (initial, changes) = steps(&all);
    initial.iter().for_each(|step| mock.play(step));
    for (plural, path) in PATHS {
        let text = fs::read_to_string(folder.join(format!("watch/{plural}.ndjson"))).unwrap();
        let query = "watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=";
        let recorded: Vec<Value> = text.lines().map(json).collect();
        let bookmark = recorded.iter().position(|event| event["type"] == "BOOKMARK").unwrap();
        let (code, said) = get(&mock, &format!("{path}?{query}"), "", bookmark + 1).await;
        assert_eq!(code, 200);
        let said: Vec<Value> = said.lines().take(bookmark + 1).map(json).collect();
        for (own, theirs) in said.iter().zip(&recorded) {
            assert_eq!(own["type"], theirs["type"], "{plural}");
            let members = |event: &Value| {
                let metadata = event["object"]["metadata"].as_object().unwrap();
                let names: BTreeSet<_> = metadata.keys().cloned().collect();
                let object = &event["object"];
                (names, object["kind"].clone(), object["apiVersion"].clone())
            };
            assert_eq!(members(own), members(theirs), "{plural}");
        }
        let annotations = &said[bookmark]["object"]["metadata"]["annotations"];
        assert_eq!(annotations, &recorded[bookmark]["object"]["metadata"]["annotations"]);
    }
    changes.iter().for_each(|step| mock.play(step));
    for (plural, path) in PATHS {
        let recorded =
            json(&fs::read_to_string(folder.join(format!("lists/{plural}.json"))).unwrap());
        let mut said = json(&get(&mock, path, "", usize::MAX).await.1);
        // Other kinds were changed last, which were not watched.
        said["metadata"]["resourceVersion"] = recorded["metadata"]["resourceVersion"].clone();
        assert_eq!(said["kind"], recorded["kind"]);
        assert_eq!(said["apiVersion"], recorded["apiVersion"]);
        assert_eq!(said["metadata"], recorded["metadata"]);
        let names = |list: &Value| -> Vec<Value> {
            let items = list["items"].as_array().unwrap().iter();
            items.map(|item| item["metadata"]["name"].clone()).collect()
        };
        assert_eq!(names(&said), names(&recorded), "{plural}");
        let keys = |list: &Value| {
            list["items"][0].as_object().map(|o| o.keys().cloned().collect::<BTreeSet<_>>())
        };
        assert_eq!(keys(&said), keys(&recorded), "{plural}");
    }
}

#[tokio::test]
async fn the_mock_refuses_as_the_real_server_did() {
    let Some(folder) = folder() else { return };
    let mock = Mock::start().await;
    let recorded = |file: &str| json(&fs::read_to_string(folder.join(file)).unwrap());
    mock.behave(|habits| habits.tokens = Some(vec!["right".to_owned()]));
    let (code, said) = get(&mock, "/api/v1/pods", "wrong", usize::MAX).await;
    assert_eq!((code, json(&said)), (401, recorded("lists/unauthorized.json")));
    // The version that a real one had forgotten up to stands in the message.
    let expired = recorded("watch/expired-resource-version.ndjson");
    let object = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "b", "resourceVersion": "5209"}});
    mock.play(&Step { what: "ADDED".to_owned(), object });
    mock.compact();
    let target = "/api/v1/pods?watch=1&resourceVersion=1";
    assert_eq!(json(get(&mock, target, "right", 1).await.1.trim()), expired);
    mock.behave(|habits| habits.gone_by_status = true);
    let (code, said) = get(&mock, target, "right", usize::MAX).await;
    assert_eq!((code, json(&said)), (410, expired["object"].clone()));
}

// === replayed ===

/// The directory by the watch, as live, and with the times in the objects alone.
async fn replayed(folder: &Path) -> (Directory, Directory) {
    let mock = Mock::start().await;
    let (initial, changes) = steps(&recordings(folder));
    assert!(changes.len() > 40, "{}", changes.len());
    initial.iter().for_each(|step| mock.play(step));
    let mut rig = Rig::new(mock, |_| ()).await;
    let mut dated = Book::new(Limits::default());
    let mut take = async |rig: &mut Rig| {
        while let Ok(Some(told)) =
            tokio::time::timeout(Duration::from_millis(15), rig.told.recv()).await
        {
            rig.book.apply(&told.event);
            dated.apply(&identity::Event { at: None, ..told.event });
        }
    };
    while !rig.watch.is_complete() {
        take(&mut rig).await;
    }
    let kinds = [
        "Pod",
        "Service",
        "EndpointSlice",
        "Node",
        "Namespace",
        "ReplicaSet",
        "Deployment",
        "StatefulSet",
    ];
    let is_watched = |step: &&Step| kinds.iter().any(|kind| step.object["kind"] == *kind);
    let expected = u64::try_from(changes.iter().filter(is_watched).count()).unwrap();
    for (number, step) in changes.iter().enumerate() {
        rig.mock.play(step);
        if number % 8 == 0 {
            take(&mut rig).await;
        }
    }
    while rig.watch.load().changes < expected {
        take(&mut rig).await;
    }
    take(&mut rig).await;
    assert!(rig.watch.troubles().is_empty(), "{:?}", rig.watch.troubles());
    (rig.book.directory(), dated.directory())
}

#[tokio::test]
async fn a_watch_played_again_gives_the_directory_of_the_dump() {
    let Some(folder) = folder() else { return };
    let dump = fs::read(folder.join("cluster.json")).unwrap();
    let (by_dump, _) = directory(&[&dump]);
    let (live, dated) = replayed(&folder).await;
    let text = String::from_utf8(dump).unwrap();
    let mut addresses: Vec<&str> =
        text.split('"').filter(|word| word.parse::<std::net::IpAddr>().is_ok()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    assert!(addresses.len() > 15, "{addresses:?}");
    for ip in addresses {
        for port in [80, 443, 5432, 6379, 8079, 8080, 9000, 9100, 9200, 15_001, 30_001, 50_000] {
            let end =
                if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") };
            let by_dump_then = peer(&by_dump, 0, &end, Transport::Tcp, END);
            assert_eq!(peer(&dated, 0, &end, Transport::Tcp, END), by_dump_then, "{end}");
            let later = "2100-01-01T00:00:00Z";
            let by_dump_later = peer(&by_dump, 0, &end, Transport::Tcp, later);
            assert_eq!(peer(&live, 0, &end, Transport::Tcp, later), by_dump_later, "{end}");
        }
    }
}

#[tokio::test]
async fn the_stories_are_told_right_by_a_watch_played_again() {
    let Some(folder) = folder() else { return };
    let (_, directory) = replayed(&folder).await;
    stories::are_told_right(&directory);
}
