//! Recordings of a real API server, where they are: the watch and the dump tell the same, and the
//! stories in their README are told right.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{
    directory, peer,
    stories::{self, END},
};
use model::Transport;
use serde_json::Value;

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

#[test]
fn the_stories_are_told_right_by_the_watch() {
    let Some((watches, _)) = recordings() else { return };
    let texts: Vec<&[u8]> = watches.iter().map(Vec::as_slice).collect();
    let (directory, troubles) = directory(&texts);
    // One file is a watch that was refused.
    assert_eq!(troubles.count("errors that a watch ended with"), 1);
    stories::are_told_right(&directory);
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
