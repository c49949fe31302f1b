//! Fills a store with calls made of others, and asks it: what `bench/store` runs.
//!
//!     fill make TEMPLATES.ndjson FOLDER CALLS [--without-payload]
//!     fill ask FOLDER
//!
//! Each made call is one of the templates with an id, a moment, a duration and (of paths) a beginning of
//! its own. Prints one object of JSON.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use filter::{Columns, Condition};
use model::Timestamp;
use store::{Aggregate, By, Measure, Options, Row, Scan, Select, Store};

type Failure = Box<dyn std::error::Error>;

/// Calls that are appended together.
const TOGETHER: usize = 256;
/// Between two calls, in nanoseconds: 10 million calls are an afternoon.
const GAP_NS: u64 = 1_000_000;
const BEGIN: &str = "2026-01-29T";
const BEGIN_NS: u64 = 1_769_644_800_000_000_000;
const SERVICES: usize = 14;
/// Each question is asked so often; the best counts.
const TIMES: usize = 5;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["make", templates, folder, calls] => make(templates, folder, calls.parse()?, true),
        ["make", templates, folder, calls, "--without-payload"] => {
            make(templates, folder, calls.parse()?, false)
        }
        ["ask", folder] => ask(folder),
        _ => Err("fill make TEMPLATES FOLDER CALLS | fill ask FOLDER".into()),
    }
}

/// What follows a line's `duration_ns`, in front of the path and from the path on.
fn templates(path: &str, payload: bool) -> Result<Vec<(String, String)>, Failure> {
    let mut templates = Vec::new();
    for line in fs::read_to_string(path)?.lines() {
        let row = Row::of_line(line).map_err(|_| "a template that is no call")?;
        if row.duration_ns().is_none() || row.is_open() {
            continue;
        }
        let line = if payload { line.to_owned() } else { row.without_bodies() };
        // Whose calls they are: nobody told.
        let service = format!("\"dst\":{{\"name\":\"service-{}\",", templates.len() % SERVICES);
        let line = line.replacen("\"dst\":{", &service, 1);
        let from = line.find("\"protocol\"").ok_or("no protocol")?;
        let path = line.find("\"endpoint\":\"/").map_or(line.len(), |at| at + 12);
        templates.push((line[from..path].to_owned(), line[path..].to_owned()));
    }
    Ok(templates)
}

/// A small generator of numbers.
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ (mixed >> 31)
}

fn line(number: u64, (before, path): &(String, String), line: &mut String) {
    use std::fmt::Write as _;
    let chance = mixed(number);
    let ns = number * GAP_NS + chance % GAP_NS;
    let (seconds, fraction) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Some are slow.
    let duration =
        50_000 + (chance >> 20) % 5_000_000 * (1 + u64::from(chance.is_multiple_of(50)) * 40);
    line.clear();
    let _ = write!(
        line,
        "{{\"id\":\"{}-{}\",\"time\":\"{BEGIN}{hour:02}:{minute:02}:{second:02}.{fraction:09}Z\",\"duration_ns\":{duration},{before}",
        chance % 5000,
        number,
    );
    if !path.is_empty() {
        let _ = write!(line, "/t{}x", (chance >> 8) % 20);
        line.push_str(path);
    }
}

fn make(from: &str, folder: &str, calls: u64, payload: bool) -> Result<(), Failure> {
    let templates = templates(from, payload)?;
    let options = Options { bytes_max: 64 << 30, ..Options::default() };
    let columns = Arc::new(Columns::new(&[]));
    let store = Store::open(Path::new(folder), columns, options, Timestamp(BEGIN_NS))?;
    let (begun, cpu) = (now(), cpu_seconds());
    let (mut rows, mut text, mut bytes, mut making) = (Vec::new(), String::new(), 0, 0.0);
    let mut at = Timestamp(BEGIN_NS);
    for number in 0..calls {
        let made = now();
        let which = usize::try_from(mixed(number ^ 0x5555) % templates.len() as u64)?;
        line(number, &templates[which], &mut text);
        making += made.elapsed().as_secs_f64();
        bytes += text.len() as u64 + 1;
        rows.push(Row::of_line(&text).map_err(|_| "a made line that is no call")?);
        if rows.len() == TOGETHER || number + 1 == calls {
            at = Timestamp(BEGIN_NS + number * GAP_NS);
            store.append(std::mem::take(&mut rows), at)?;
        }
    }
    store.maintain(at)?;
    store.seal()?;
    let facts = store.facts();
    let lost: u64 =
        facts.counts.iter().filter(|count| count.is_loss).map(|count| count.value).sum();
    println!(
        r#"{{"calls":{calls},"line_bytes":{bytes},"file_bytes":{},"files":{},"lost":{lost},"seconds":{:.2},"cpu_seconds":{:.2},"making_seconds":{making:.2},"peak_kib":{}}}"#,
        facts.file_bytes,
        facts.files,
        begun.elapsed().as_secs_f64(),
        cpu_seconds() - cpu,
        peak_kib(),
    );
    Ok(())
}

fn ask(folder: &str) -> Result<(), Failure> {
    let columns = Arc::new(Columns::new(&[]));
    let begun = now();
    let store = Store::read(Path::new(folder), columns.clone(), Options::default())?;
    println!(r#"{{"what":"open","ms":{:.1}}}"#, ms(begun));
    let condition = |text: &str| -> Result<_, Failure> {
        let condition = Condition::compile(text, &columns, Timestamp(BEGIN_NS));
        Ok(Some(Arc::new(condition.map_err(|fault| fault.message)?)))
    };
    for (what, text) in [
        ("newest 100", ""),
        ("newest 100 errors", r#"status.result == "error""#),
        ("newest 100 of a service and method", r#"dst.name == "service-7" && method == "GET""#),
        ("newest 100 slow", r#"duration > duration("200ms")"#),
        ("newest 100 of an endpoint", r#"endpoint == "/t7x/login""#),
        ("newest 100 of nobody", r#"dst.name == "nobody""#),
    ] {
        let condition = if text.is_empty() { None } else { condition(text)? };
        for select in [Select::Summary, Select::Whole] {
            let scan = Scan { condition: condition.clone(), select, ..Scan::default() };
            let (best, cpu, rows) = best_of(|| Ok(store.scan(&scan)?.rows.len()))?;
            println!(
                r#"{{"what":"{what}, {select:?}","ms":{best:.1},"cpu_ms":{cpu:.1},"rows":{rows},"peak_kib":{}}}"#,
                peak_kib()
            );
        }
    }
    let service = By::Column(columns.named("dst.name").ok_or("no dst.name")?, "dst.name".into());
    let all = Aggregate {
        by: vec![service, By::EndpointTemplate],
        show: vec![Measure::Count, Measure::ErrorRate, Measure::P50, Measure::P99],
        limit: 100_000,
        ..Aggregate::default()
    };
    let errors = Aggregate { condition: condition(r#"status.result == "error""#)?, ..all.clone() };
    let slow = Aggregate { condition: condition(r#"duration > duration("1ms")"#)?, ..all.clone() };
    let over = Aggregate { over: Some(Duration::from_secs(60)), by: Vec::new(), ..all.clone() };
    for (what, question) in [
        ("by service and endpoint", all),
        ("by service and endpoint, errors", errors),
        ("by service and endpoint, over 1 ms", slow),
        ("over 1m", over),
    ] {
        let (best, cpu, rows) = best_of(|| Ok(store.aggregate(&question)?.rows.len()))?;
        println!(
            r#"{{"what":"{what}","ms":{best:.1},"cpu_ms":{cpu:.1},"rows":{rows},"peak_kib":{}}}"#,
            peak_kib()
        );
    }
    Ok(())
}

fn best_of(ask: impl Fn() -> Result<usize, Failure>) -> Result<(f64, f64, usize), Failure> {
    let (mut best, mut cpu, mut rows) = (f64::MAX, f64::MAX, 0);
    for _ in 0..TIMES {
        let (begun, ran) = (now(), ran_ms());
        rows = ask()?;
        best = best.min(ms(begun));
        cpu = cpu.min(ran_ms() - ran);
    }
    Ok((best, cpu, rows))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time; the store doesn't")]
fn now() -> Instant {
    Instant::now()
}

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

/// Milliseconds that this thread ran (proc: schedstat, in nanoseconds).
fn ran_ms() -> f64 {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

/// User and system time of this process (proc(5): fields 14 and 15 of stat, in hundredths of a second).
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks = behind.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
