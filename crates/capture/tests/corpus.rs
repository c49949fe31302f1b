//! Captures from the field, beside the repository: each opens or says why not, and has as many
//! packets as Wireshark counted.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use capture::{Batch, Input, Options, Problem, Reader, Warning};

/// Files whose truth is not the number of packets in them: what we read, and why.
const EXCEPTIONS: &[(&str, Result<u64, &str>)] = &[
    // Only a file header, 24 bytes; the truth says 1. Wireshark refuses the reserved bits.
    ("malformed/the-tcpdump--libpcap__linktype-reserved-field-not-zero.pcap", Ok(0)),
    // Big-endian, with its version the other way round; Wireshark refuses it, too.
    (
        "malformed/wswiki__Development__PcapNg__http.bigendian.pcapng",
        Err("pcapng version 256.0 is not known"),
    ),
    // Wireshark stops at frame 412, because a Bluetooth packet is too short for it.
    (
        "malformed/wswiki__Development__PcapNg__pcap-ng_Wi-Fi_Bluetooth_USB_Cooked_timestamps_issue_1.pcapng",
        Ok(413),
    ),
    // Wireshark doesn't know link type 289; the truth says 27, the file holds 17 to its last byte.
    ("malformed/wswiki__ffedd6b9fa50190e1fd12de2b90f43a4__alp-sample1.pcap", Ok(17)),
];

#[test]
fn captures_from_the_field_have_as_many_packets_as_wireshark_counts() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !captures.is_dir() {
        println!("skipped: no {}", captures.display());
        return;
    }
    let mut wrong = BTreeMap::new();
    let mut compared = 0;
    for (path, packets) in truths(&captures) {
        let name = path.strip_prefix(&captures).unwrap().display().to_string();
        let found = count(&path);
        compared += 1;
        let expected = EXCEPTIONS.iter().find(|(file, _)| *file == name);
        let expected = expected.map_or(Ok(packets), |(_, expected)| *expected);
        if !agree(&found, expected) {
            wrong.insert(name, format!("{found:?}, expected {expected:?}"));
        }
    }
    println!("{compared} compared");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn all_of_them_can_be_read_as_one() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !captures.is_dir() {
        println!("skipped: no {}", captures.display());
        return;
    }
    let mut reader = Reader::open(&[Input::Path(captures)], Options::default()).unwrap();
    let (mut batch, mut packets) = (Batch::new(), 0);
    while reader.next(&mut batch).unwrap() {
        packets += batch.len();
    }
    println!("{packets} packets of {} sources", reader.sources().len());
    let skipped = |w: &&Warning| matches!(w.problem, Problem::Skipped(_));
    for warning in reader.warnings().iter().filter(|warning| !skipped(warning)) {
        println!("{warning}");
    }
}

fn agree(found: &Result<u64, String>, expected: Result<u64, &str>) -> bool {
    match (found, expected) {
        (Ok(found), Ok(expected)) => *found == expected,
        (Err(found), Err(expected)) => found.contains(expected),
        _ => false,
    }
}

/// The packets of a file by our count.
fn count(path: &Path) -> Result<u64, String> {
    let input = [Input::Path(path.to_owned())];
    let mut reader = Reader::open(&input, Options::default()).map_err(|e| e.to_string())?;
    let (mut batch, mut packets) = (Batch::new(), 0);
    while reader.next(&mut batch).map_err(|e| e.to_string())? {
        packets += batch.len() as u64;
    }
    Ok(packets)
}

fn truths(captures: &Path) -> Vec<(PathBuf, u64)> {
    let mut truths = Vec::new();
    let mut folders = vec![captures.join("EXPECTED")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read(&path).unwrap();
            let Ok(truth) = serde_json::from_slice::<serde_json::Value>(&text) else {
                println!("no JSON: {}", path.display());
                continue;
            };
            if let (Some(file), Some(packets)) =
                (truth["capture"].as_str(), truth["packets"].as_u64())
            {
                truths.push((captures.join(file), packets));
            }
        }
    }
    truths
}
