//! `callscope read --where`, on the recordings in the repository: what is shown is what the whole
//! output says of the same calls.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.args(args).env_remove("NO_COLOR").stdin(Stdio::null()).output().unwrap()
}

/// The lines of the output.
fn read(name: &str, more: &[&str]) -> Vec<String> {
    let path = fixture(name);
    let args = ["read", "-q", "--format", "ndjson", path.to_str().unwrap()];
    let output = run(&[&args, more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn header<'v>(half: &'v Value, name: &str) -> Option<&'v str> {
    let headers = half["headers"].as_array()?;
    let is_it = |pair: &&Value| pair[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name));
    headers.iter().find(is_it)?[1].as_str()
}

fn body(half: &Value) -> Option<&str> {
    half["body"]["text"].as_str()
}

/// Whether the whole output says of a call what an expression asks.
type Says = fn(&Value) -> bool;

const SHOP: &[(&str, Says)] = &[
    ("redis", |call| call["protocol"] == "redis"),
    ("http && status_code >= 400", |call| {
        let code = call["status"]["code"].as_str().and_then(|code| code.parse::<i64>().ok());
        call["protocol"] == "http" && code.is_some_and(|code| code >= 400)
    }),
    ("error", |call| call["status"]["result"] == "error"),
    ("dns && rcode == 3", |call| call["response"]["fields"]["dns.response.code"] == 3),
    ("method == \"GET\" && !redis", |call| call["method"] == "GET" && call["protocol"] != "redis"),
    ("elapsed_time >= 1000", |call| call["duration_ns"].as_i64().is_some_and(|ns| ns >= 1_000_000)),
    ("request.headers[\"HOST\"].contains(\"user\")", |call| {
        header(&call["request"], "host").is_some_and(|host| host.contains("user"))
    }),
    ("has(response.json)", |call| {
        let whole = call["response"]["body"]["truncated"] == false;
        whole && body(&call["response"]).is_some_and(|b| serde_json::from_str::<Value>(b).is_ok())
    }),
    ("body.contains(\"id\")", |call| {
        [&call["request"], &call["response"]]
            .iter()
            .any(|h| body(h).is_some_and(|b| b.contains("id")))
    }),
    ("\"A\" in dns_question_types", |call| call["request"]["fields"]["dns.question.type"] == "A"),
    ("dst.port == 6379 || src.port > 50000", |call| {
        call["dst"]["port"] == 6379 || call["src"]["port"].as_u64() > Some(50_000)
    }),
    ("response.size > request.size", |call| {
        call["response"]["size"].as_u64() > call["request"]["size"].as_u64()
    }),
    ("has(db.query.text)", |call| call["request"]["fields"]["db.query.text"].is_string()),
    ("dns.answers.exists(a, a.contains(\"IN A \"))", |call| {
        let answers = call["response"]["fields"]["dns.answers"].as_array();
        answers.is_some_and(|all| all.iter().any(|a| a.as_str().unwrap().contains("IN A ")))
    }),
    ("id.endsWith(\"-1\")", |call| call["id"].as_str().unwrap().ends_with("-1")),
];

#[test]
fn what_is_shown_is_what_the_expression_says() {
    let all = read("shop.pcapng.zst", &[]);
    for (text, says) in SHOP {
        let wanted: Vec<&String> =
            all.iter().filter(|line| says(&serde_json::from_str(line).unwrap())).collect();
        assert!(wanted.len() < all.len(), "{text} says nothing");
        let shown = read("shop.pcapng.zst", &["--where", text]);
        assert!(
            shown.iter().eq(wanted.iter().copied()),
            "{text}: {} {}",
            shown.len(),
            wanted.len()
        );
        assert!(!shown.is_empty(), "{text} holds for no call");
    }
}

#[test]
fn carried_calls_go_by_their_carrier() {
    // Some have no request or no answer in the recording.
    let grpc = read("grpc.pcap.zst", &["--where", "grpc && pairing == \"matched\""]);
    assert!(grpc.len() > 5);
    let text = r#"grpc && http && method == "POST" && status_code == 200 && grpc_status >= 0"#;
    assert!(read("grpc.pcap.zst", &["--where", text]) == grpc);
    assert!(read("grpc.pcap.zst", &["--where", r#"grpc && method == "GET""#]).is_empty());
}

#[test]
fn names_from_files_can_be_asked_for() {
    let all = read("shop.pcapng.zst", &["--protocol", "redis"]);
    let first: Value = serde_json::from_str(&all[0]).unwrap();
    let ip = first["dst"]["ip"].as_str().unwrap();
    let names = tempfile::Builder::new().suffix(".hosts").tempfile().unwrap();
    fs::write(names.path(), format!("{ip} session-db\n")).unwrap();
    let more = ["--identity", names.path().to_str().unwrap()];
    let named = read("shop.pcapng.zst", &[&more[..], &["--protocol", "redis"]].concat());
    let is_meant = |line: &&String| line.contains("\"name\":\"session-db\"");
    let named: Vec<String> = named.iter().filter(is_meant).cloned().collect();
    let text = r#"redis && (dst.name == "session-db" || src.name == "session-db")"#;
    let shown = read("shop.pcapng.zst", &[&more[..], &["--where", text]].concat());
    assert!(!shown.is_empty());
    assert_eq!(shown, named);
}

#[test]
fn names_that_answers_taught_can_be_asked_for() {
    let all = read("shop.pcapng.zst", &["--dns-names"]);
    let is_meant = |line: &&String| {
        let call: Value = serde_json::from_str(line).unwrap();
        call["dst"]["name"].is_string()
    };
    let wanted: Vec<String> = all.iter().filter(is_meant).cloned().collect();
    let shown = read("shop.pcapng.zst", &["--dns-names", "--where", "has(dst.name)"]);
    assert_eq!(shown, wanted);
}

#[test]
fn any_number_of_threads_shows_the_same() {
    let text = "http && !path.contains(\"login\")";
    let one = read("shop.pcapng.zst", &["--where", text, "--threads", "1"]);
    assert_eq!(read("shop.pcapng.zst", &["--where", text, "--threads", "4"]), one);
}

#[test]
fn how_many_match_is_told_and_a_fault_is_shown_at_its_place() {
    let shop = fixture("shop.pcapng.zst");
    let shop = shop.to_str().unwrap();
    let output = run(&["read", shop, "--format", "none", "--where", "redis"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("98 calls match --where"), "{told}");
    let output = run(&["read", shop, "--where", "http && metod == \"GET\""]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("        ^^^^^ metod is not known (nearest: method)"), "{told}");
}
