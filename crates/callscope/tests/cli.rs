//! The program as a user starts it, on the recordings in the repository.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn callscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.args(args).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    callscope(args).output().unwrap()
}

fn read(name: &str, more: &[&str]) -> Vec<Value> {
    let path = fixture(name);
    let output =
        run(&[&["read", "-q", "--format", "ndjson", path.to_str().unwrap()], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    calls(&output.stdout)
}

fn calls(ndjson: &[u8]) -> Vec<Value> {
    ndjson
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[test]
fn the_shop_is_read_whole() {
    let calls = read("shop.pcapng.zst", &[]);
    let mut by_protocol = BTreeMap::new();
    for call in &calls {
        assert_eq!(call["pairing"], "matched", "{call}");
        assert_eq!(call["missing"], Value::Null, "{call}");
        *by_protocol.entry(call["protocol"].as_str().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(by_protocol, BTreeMap::from([("dns", 115), ("http", 99), ("redis", 98)]));
}

#[test]
fn no_two_calls_share_an_id_not_even_in_a_tunnel() {
    let calls = read("http1-plain.pcap.zst", &[]);
    let ids: std::collections::HashSet<_> =
        calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), calls.len());
}

#[test]
fn a_pipelined_answer_belongs_to_its_question() {
    let calls = read("http1-pipelined.pcap.zst", &[]);
    assert_eq!(calls.len(), 1_507);
    for call in &calls {
        let asked = call["endpoint"].as_str().unwrap().trim_start_matches('/').replace('/', "-");
        let headers = call["response"]["headers"].as_array().unwrap();
        let echo = headers.iter().find(|h| h[0] == "X-Echo").map(|h| h[1].as_str().unwrap());
        assert_eq!(echo, Some(asked.as_str()), "{call}");
    }
}

#[test]
fn a_pipelined_echo_is_its_own_answer() {
    let calls = read("redis-pipelined.pcap.zst", &[]);
    assert_eq!(calls.len(), 3_030);
    let echoes: Vec<_> = calls.iter().filter(|call| call["method"] == "ECHO").collect();
    assert_eq!(echoes.len(), 1_042);
    for call in echoes {
        let asked = call["request"]["fields"]["db.query.text"].as_str().unwrap();
        let word = asked.split_whitespace().nth(1).unwrap().trim_matches('"');
        let answered = call["response"].to_string();
        assert!(answered.contains(&format!("\"{word}\"")), "{asked}: {answered}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    for name in
        ["shop.pcapng.zst", "http1-pipelined.pcap.zst", "redis-plain.pcap.zst", "dns.pcap.zst"]
    {
        let path = fixture(name);
        for format in ["ndjson", "json"] {
            let with = |threads: &str| {
                run(&[
                    "read",
                    "-q",
                    "--format",
                    format,
                    "--threads",
                    threads,
                    path.to_str().unwrap(),
                ])
                .stdout
            };
            let one = with("1");
            assert!(one.len() > 1_000, "{name}");
            for threads in ["2", "3", "16"] {
                assert!(one == with(threads), "{name} differs with {threads} threads");
            }
        }
    }
}

#[test]
fn a_pipe_gives_calls_while_it_is_open() {
    let raw = decompressed("shop.pcapng.zst");
    let mut child = callscope(&["read", "-q", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&raw[..raw.len() / 2]).unwrap();
    stdin.flush().unwrap();
    let mut first = [0; 256];
    let got = child.stdout.as_mut().unwrap().read(&mut first).unwrap();
    assert!(got > 0, "calls come before the pipe is closed");
    // Both pipes are short: somebody must read while somebody writes.
    let writer = std::thread::spawn(move || stdin.write_all(&raw[raw.len() / 2..]).unwrap());
    let rest = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let calls = calls(&[&first[..got], &rest.stdout].concat());
    assert_eq!(calls.len(), 312);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let path = fixture("http1-pipelined.pcap.zst");
    let mut child = callscope(&["read", "-q", path.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_truncated_file_gives_its_calls_and_says_so() {
    let raw = decompressed("http1-plain.pcap.zst");
    let cut = tempfile::Builder::new().suffix(".pcap").tempfile().unwrap();
    std::fs::write(cut.path(), &raw[..raw.len() / 2 + 7]).unwrap();
    let output = run(&["read", "--format", "ndjson", cut.path().to_str().unwrap()]);
    assert!(output.status.success());
    assert!(calls(&output.stdout).len() > 50);
    assert!(
        text(&output.stderr).contains("truncated") || text(&output.stderr).contains("cut"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_foreign_file_is_named_in_one_line() {
    let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    std::fs::write(file.path(), b"\x89PNG\r\n\x1a\n0000000000000000").unwrap();
    let output = run(&["read", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("PNG") && stderr.contains("pcap"), "{stderr}");
}

#[test]
fn a_missing_file_and_a_wrong_flag_have_their_own_exit_codes() {
    assert_eq!(run(&["read", "/no/such/file.pcap"]).status.code(), Some(1));
    assert_eq!(run(&["read", "--no-such-flag"]).status.code(), Some(2));
    assert_eq!(run(&["read", "--protocol", "smoke-signals", "-"]).status.code(), Some(1));
}

#[test]
fn losses_are_told_in_words() {
    let raw = decompressed("http1-pipelined.pcap.zst");
    let lossy = tempfile::Builder::new().suffix(".pcap").tempfile().unwrap();
    std::fs::write(lossy.path(), without_every_tenth_packet(&raw)).unwrap();
    let output = run(&["read", "--format", "none", lossy.path().to_str().unwrap()]);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("lost or unread:"), "{stderr}");
    assert!(stderr.to_lowercase().contains("bytes that are not in the capture"), "{stderr}");
}

#[test]
fn the_table_fits_the_terminal_and_keeps_colours_out_of_pipes() {
    let path = fixture("shop.pcapng.zst");
    let output = run(&["read", "-q", "--format", "table", path.to_str().unwrap()]);
    let table = text(&output.stdout);
    assert!(table.contains("GET") && table.contains("404"), "{table}");
    assert!(!table.contains('\u{1b}'));
    let coloured =
        run(&["read", "-q", "--format", "table", "--color", "always", path.to_str().unwrap()]);
    assert!(text(&coloured.stdout).contains('\u{1b}'));
}

#[test]
fn details_show_a_call_whole() {
    let path = fixture("shop.pcapng.zst");
    let output = run(&["read", "-q", "--details", "--protocol", "http", path.to_str().unwrap()]);
    let details = text(&output.stdout);
    assert!(
        details.contains("Host") && details.contains("User-Agent") && details.contains("/cart"),
        "{details}"
    );
}

#[test]
fn every_protocol_lists_its_fields() {
    let listed = text(&run(&["protocols"]).stdout);
    for name in ["http.request.method", "dns.question.name", "db.operation.name"] {
        assert!(listed.contains(name), "{listed}");
    }
    assert_eq!(run(&["protocols", "smoke-signals"]).status.code(), Some(1));
}

#[test]
fn two_files_are_merged_by_time() {
    let (a, b) = (fixture("shop.pcapng.zst"), fixture("dns.pcap.zst"));
    let output =
        run(&["read", "-q", "--format", "ndjson", a.to_str().unwrap(), b.to_str().unwrap()]);
    let merged = calls(&output.stdout);
    let names: std::collections::BTreeSet<_> =
        merged.iter().map(|c| c["source"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn no_field_capture_makes_it_panic_or_hang() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !folder.is_dir() {
        println!("skipped: no folder {}", folder.display());
        return;
    }
    let mut files = Vec::new();
    for protocol in std::fs::read_dir(folder).unwrap().flatten() {
        let Ok(entries) = std::fs::read_dir(protocol.path()) else { continue };
        files.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|e| e == "pcap" || e == "pcapng")),
        );
    }
    assert!(files.len() > 800, "{}", files.len());
    files.sort();
    // All of them take minutes in a debug build; `ALL_CAPTURES=1` reads each.
    let step = if std::env::var_os("ALL_CAPTURES").is_some() { 1 } else { 8 };
    for path in files.iter().step_by(step) {
        let output =
            run(&["read", "--format", "ndjson", "--memory", "32MiB", path.to_str().unwrap()]);
        let stderr = text(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(0 | 1)) && !stderr.contains("panicked"),
            "{}: {stderr}",
            path.display()
        );
        calls(&output.stdout);
    }
}

fn decompressed(name: &str) -> Vec<u8> {
    let output =
        Command::new("zstd").args(["-dcq"]).arg(fixture(name)).output().expect("zstd is installed");
    assert!(output.status.success());
    output.stdout
}

/// A classic little-endian pcap without every tenth of its packets.
fn without_every_tenth_packet(pcap: &[u8]) -> Vec<u8> {
    let mut out = pcap[..24].to_vec();
    let (mut at, mut number) = (24, 0);
    while at + 16 <= pcap.len() {
        let len = u32::from_le_bytes(pcap[at + 8..at + 12].try_into().unwrap()) as usize;
        let next = (at + 16 + len).min(pcap.len());
        number += 1;
        if number % 10 != 0 {
            out.extend_from_slice(&pcap[at..next]);
        }
        at = next;
    }
    out
}

#[test]
fn what_is_said_inside_quic_is_read_with_the_secrets_of_the_recording() {
    let calls = read("quic.pcapng.zst", &[]);
    let mut by_protocol = BTreeMap::new();
    for call in &calls {
        *by_protocol.entry(call["protocol"].as_str().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(by_protocol, BTreeMap::from([("dns", 2), ("http", 48), ("quic", 15)]));
    for call in calls.iter().filter(|call| call["method"] == "handshake") {
        assert_eq!(call["endpoint"], "shop.example", "{call}");
        let ja4 = call["request"]["fields"]["tls.client.ja4"].as_str().unwrap();
        assert!(ja4.starts_with("q13d"), "{call}");
    }
    for call in calls.iter().filter(|call| call["protocol"] == "http") {
        assert_eq!(call["version"], "3", "{call}");
        assert_eq!(call["tls"]["decrypted_by"], "embedded", "{call}");
        assert_eq!(call["tls"]["sni"], "shop.example", "{call}");
        // The server says again what it was asked for.
        let echo = call["response"]["headers"].as_array().and_then(|headers| {
            headers.iter().find(|pair| pair[0] == "x-echo").map(|pair| &pair[1])
        });
        assert!(echo.is_none_or(|echo| *echo == call["endpoint"]), "{call}");
    }
    let page = calls.iter().find(|call| call["endpoint"] == "/page").unwrap();
    assert_eq!(page["response"]["body"]["decoded_size"], 15_200);
}
