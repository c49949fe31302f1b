//! `callscope read --store` and `callscope query`, on the recordings in the repository: what goes in comes
//! out, and figures are those of the whole output.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callscope"));
    command.args(args).env_remove("CALLSCOPE_STORE").stdin(Stdio::null()).output().unwrap()
}

fn lines(args: &[&str]) -> Vec<String> {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The store of a recording, in a folder.
fn stored(name: &str, folder: &Path) {
    let path = fixtures().join(name);
    let (path, folder) = (path.to_str().unwrap(), folder.to_str().unwrap());
    assert_eq!(lines(&["read", "-q", path, "--store", folder, "--unmasked"]), [""; 0]);
}

fn whole(name: &str) -> Vec<String> {
    lines(&["read", "-q", "--format", "ndjson", fixtures().join(name).to_str().unwrap()])
}

/// The newest first, as a list of a store has them.
fn in_order(mut lines: Vec<String>) -> Vec<String> {
    let key = |line: &String| {
        let call: Value = serde_json::from_str(line).unwrap();
        (call["time"].as_str().unwrap().to_owned(), call["id"].as_str().unwrap().to_owned())
    };
    lines.sort_by_key(|line| std::cmp::Reverse(key(line)));
    lines
}

#[test]
fn calls_of_all_recordings_come_out_as_they_went_in() {
    let mut calls = 0;
    for entry in fs::read_dir(fixtures()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".zst") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        stored(&name, folder.path());
        let store = folder.path().to_str().unwrap();
        let found = lines(&["query", "--store", store, "--limit", "1000000", "--json"]);
        let expected = in_order(whole(&name));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{name}");
        }
        calls += found.len();
    }
    assert!(calls > 1000, "{calls}");
}

#[test]
fn figures_are_those_of_the_whole_output() {
    let folder = tempfile::tempdir().unwrap();
    stored("shop.pcapng.zst", folder.path());
    let store = folder.path().to_str().unwrap();
    let mut expected = BTreeMap::<(String, String), (u64, u64, u64, Vec<i64>)>::new();
    for line in whole("shop.pcapng.zst") {
        let call: Value = serde_json::from_str(&line).unwrap();
        let key = (call["protocol"].to_string(), call["method"].to_string());
        let (count, told, errors, durations) = expected.entry(key).or_default();
        *count += 1;
        *told += u64::from(call["status"]["result"].is_string());
        *errors += u64::from(call["status"]["result"] == "error");
        durations.extend(call["duration_ns"].as_i64());
    }
    let show = "count,error_rate,p99";
    let args = ["query", "--store", store, "--by", "protocol,method", "--show", show];
    let answer = lines(&[&args[..], &["--json", "--limit", "1000"]].concat()).remove(0);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &answer["truncated"]), (expected.len(), &Value::Bool(false)));
    for row in rows {
        let key = (row[0].to_string(), row[1].to_string());
        let (count, told, errors, mut durations) = expected.remove(&key).unwrap();
        assert_eq!(row[2].as_u64(), Some(count));
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let share = (told > 0).then(|| errors as f64 / told as f64);
        assert_eq!(row[3].as_f64(), share);
        durations.sort_unstable();
        let truth = durations.get((durations.len() * 99).div_ceil(100).max(1) - 1).copied();
        let (Some(told), Some(truth)) = (row[4].as_i64(), truth) else {
            assert_eq!(row[4].as_i64(), truth);
            continue;
        };
        assert!(told.abs_diff(truth) * 100 <= truth.unsigned_abs() + 100, "{key:?} {told} {truth}");
    }
    // The same for people: a line for each, and one for the names.
    let table = lines(&[&args[..], &["--limit", "1000"]].concat());
    assert_eq!(table.len(), rows.len() + 1);
    assert!(table[0].starts_with("protocol"), "{}", table[0]);
    // Spans of time together have all calls.
    let spans = lines(&["query", "http", "--store", store, "--over", "1s", "--json"]).remove(0);
    let spans: Value = serde_json::from_str(&spans).unwrap();
    let counts = spans["rows"].as_array().unwrap().iter().map(|row| row[1].as_u64().unwrap());
    let http =
        whole("shop.pcapng.zst").iter().filter(|l| l.contains(r#""protocol":"http""#)).count();
    assert_eq!(counts.sum::<u64>(), http as u64);
}

#[test]
fn a_store_grows_and_questions_that_are_not_right_say_where() {
    let folder = tempfile::tempdir().unwrap();
    stored("redis-plain.pcap.zst", folder.path());
    stored("http1-plain.pcap.zst", folder.path());
    let store = folder.path().to_str().unwrap();
    let all = whole("redis-plain.pcap.zst").len() + whole("http1-plain.pcap.zst").len();
    let found = lines(&["query", "--store", store, "--json", "--limit", "100000"]);
    assert_eq!(found.len(), all);
    let redis = lines(&["query", "redis", "--store", store, "--json", "--limit", "3"]);
    assert!(redis.len() == 3 && redis.iter().all(|line| line.contains(r#""protocol":"redis""#)));
    for (args, hint) in [
        (vec!["query", "http && metod == \"GET\"", "--store", store], "method"),
        (vec!["query", "--store", store, "--by", "nothing"], "nothing"),
        (vec!["query", "--store", store, "--show", "p42"], "p99"),
        (vec!["query", "--store", store, "--over", "1"], "1m"),
        (vec!["query", "http"], "--store"),
        (vec!["query", "--store", "/does/not/exist"], "/does/not/exist"),
    ] {
        let output = run(&args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(hint), "{args:?}: {told}");
    }
}

#[test]
fn endpoints_are_counted_by_the_templates_that_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str().unwrap();
    let file = fixtures().join("shop.pcapng.zst");
    let given = "--endpoint-template=/cart/{what}";
    let output = run(&["read", "--quiet", given, "--store", store, file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let by = ["--by", "endpoint", "--show", "count", "--json"];
    let counted = lines(&[&["query", "http", "--store", store][..], &by].concat());
    let has = |endpoint: &str| counted[0].contains(&format!("[\"{endpoint}\","));
    assert!(has("/cart/{what}") && has("/users/{id}") && has("/cart"), "{counted:?}");
    let condition = "endpoint.template == '/cart/{what}' && request.size > 0";
    let found = lines(&["query", condition, "--store", store, "--json", "--limit", "100"]);
    assert_eq!(found.len(), 28);
    assert!(has("/cart/items/desk") && !has("/cart/items") && !has("/cart/prices"), "{counted:?}");
    let output = run(&["read", "--endpoint-template", "cart", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What other programs say of the files: calls by protocol, bytes of requests, times, one whole call.
const READERS: &str = r#"
import json, sys, glob
import duckdb, pandas, pyarrow.parquet
files = glob.glob(sys.argv[1] + "/*.parquet")
duck = duckdb.sql(f"select protocol, count(*), sum(request_size), min(epoch_ns(time)), max(epoch_ns(time)) from read_parquet({files!r}) group by 1 order by 1").fetchall()
frame = pandas.concat([pandas.read_parquet(file) for file in files])
groups = frame.groupby("protocol")
pandas_says = [(name, len(group), group.request_size.sum(), group.time.min().value, group.time.max().value) for name, group in groups]
table = pyarrow.parquet.read_table(files[0], columns=["call", "request_headers"])
calls = [json.loads(call) for call in table["call"].to_pylist()]
headers = [json.loads(headers) for headers in table["request_headers"].to_pylist() if headers]
print(json.dumps([[list(map(lambda v: v if isinstance(v, str) else int(v), row)) for row in says] for says in (duck, pandas_says)]))
print(len(calls), sum(map(len, headers)))
"#;

/// How many calls there are, and different ids, in all files below a folder.
const COUNTED: &str = r#"
import duckdb, glob, sys
files = glob.glob(sys.argv[1] + "/**/*.parquet", recursive=True)
print(duckdb.sql(f"select count(*), count(distinct id) from read_parquet({files!r})").fetchall())
"#;

#[test]
fn files_are_sent_to_a_folder_and_read_there() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there");
    let sink = format!("file://{}", there.display());
    let shop = fixtures().join("shop.pcapng.zst");
    let output = run(&["read", "--sink", &sink, shop.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let calls = whole("shop.pcapng.zst").len();
    assert!(said.contains(&format!("{calls} calls were sent to {sink}")), "{said}");
    let Some(python) = readers() else { return };
    let output = Command::new(&python).args(["-c", COUNTED]).arg(&there).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let fault = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.trim_end(), format!("[({calls}, {calls})]"), "{fault}");
}

/// A Python that has DuckDB and pandas, if there is one.
fn readers() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/readers/bin/python");
    let has = Command::new(&python).args(["-c", "import duckdb, pandas, pyarrow"]).output();
    if has.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: no duckdb, pandas and pyarrow in target/readers (scripts/test makes it)");
    None
}

#[test]
fn duckdb_and_pandas_read_the_files() {
    let Some(python) = readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    stored("shop.pcapng.zst", folder.path());
    let output = Command::new(&python).args(["-c", READERS]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let (says, last) = told.trim_end().split_once('\n').unwrap();
    // Protocol, calls, bytes of requests, first and last time.
    type Group = (String, u64, u64, i64, i64);
    let says: Vec<Vec<Group>> = serde_json::from_str(says).unwrap();
    let mut expected = BTreeMap::<String, (u64, u64, i64, i64)>::new();
    let (lines, mut headers) = (whole("shop.pcapng.zst"), 0);
    for line in &lines {
        let row = store::Row::of_line(line).unwrap();
        let new = (0, 0, i64::MAX, i64::MIN);
        let (count, bytes, first, last) =
            expected.entry(row.protocol().into_owned()).or_insert(new);
        *count += 1;
        *bytes += u64::try_from(row.request_size().unwrap_or(0)).unwrap();
        (*first, *last) = ((*first).min(row.time_ns()), (*last).max(row.time_ns()));
        let call: Value = serde_json::from_str(line).unwrap();
        headers += call["request"]["headers"].as_array().map_or(0, Vec::len);
    }
    let expected: Vec<_> =
        expected.into_iter().map(|(name, (n, bytes, a, b))| (name, n, bytes, a, b)).collect();
    assert_eq!(says, [expected.clone(), expected]);
    assert_eq!(last, format!("{} {headers}", lines.len()));
}
