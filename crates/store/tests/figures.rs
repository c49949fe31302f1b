//! Figures, against the same counted in a plain way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use filter::{Columns, Condition};
use model::Timestamp;
use store::{Aggregate, By, Cell, Measure, Options, Row, Store, StoreError};

const NOW: Timestamp = Timestamp(1_769_684_901_000_000_000);

/// One of many, as a small generator of numbers says: a service of 40, an endpoint of 300.
fn call(number: u64) -> String {
    let chance = |salt: u64| {
        let mixed = (number + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
    };
    let (service, endpoint) = (chance(1) % 40, chance(2) % 300);
    let method = ["GET", "POST", "PUT"][usize::try_from(chance(3) % 3).unwrap()];
    let duration = 1000 + chance(4) % 5_000_000;
    let (second, ns) = (number / 1000, number % 1000 * 1_000_000);
    let name = match service {
        0 => String::new(),
        _ => format!(r#","name":"a-service-with-quite-a-long-name-{service}""#),
    };
    let status = match chance(5) % 10 {
        0 => r#""status":{"code":"500","result":"error"},"#,
        1 => "",
        _ => r#""status":{"code":"200","result":"ok"},"#,
    };
    format!(
        r#"{{"id":"1-{number}","time":"2026-01-29T11:08:{second:02}.{ns:09}Z","duration_ns":{duration},"protocol":"http","method":"{method}","endpoint":"/e{endpoint}x/{number}",{status}"src":{{"ip":"10.0.0.1","port":40000,"name":"client-{number:0>40}"}},"dst":{{"ip":"10.0.0.2","port":{},"zone":"{}"{name}}},"request":{{"first_ns":0,"last_ns":0,"size":{},"header_size":90}},"response":{{"first_ns":1,"last_ns":2,"size":200,"header_size":200}},"pairing":"matched","missing":null,"transport":"tcp","stream":"7"}}"#,
        80 + service % 3,
        service % 2,
        chance(6) % 1000,
    )
}

/// A store with calls in several files, of which one has several row groups, and in memory.
fn store(folder: &std::path::Path, lines: &[Row]) -> Store {
    let options = Options { seal_bytes_max: 60 << 20, ..Options::default() };
    let store = Store::open(folder, Arc::new(Columns::new(&[])), options, NOW).unwrap();
    for (calls, seals) in [(5_000, true), (40_000, true), (10_000, true), (3_000, false)] {
        let from = usize::try_from(store.facts().calls).unwrap();
        store.append(lines[from..from + calls].to_vec(), NOW).unwrap();
        if seals {
            store.seal().unwrap();
        }
    }
    assert_eq!((store.facts().files, store.facts().calls), (3, 58_000));
    store
}

fn by(store: &Store, names: &[&str]) -> Vec<By> {
    let by = |name: &&str| match *name {
        "endpoint" => By::EndpointTemplate,
        name => By::Column(store.columns().named(name).unwrap(), name.to_owned()),
    };
    names.iter().map(by).collect()
}

/// What is counted of a group in the plain way.
#[derive(Default)]
struct Plain {
    count: i64,
    errors: i64,
    told: i64,
    bytes: i64,
    durations: Vec<i64>,
}

/// The groups of these calls, by what the line says.
fn plain(
    rows: &[Row],
    of: impl Fn(&serde_json::Value) -> Option<String>,
) -> BTreeMap<String, Plain> {
    let mut groups = BTreeMap::<String, Plain>::new();
    for row in rows {
        let call: serde_json::Value = serde_json::from_str(row.json()).unwrap();
        let Some(name) = of(&call) else { continue };
        let group = groups.entry(name).or_default();
        group.count += 1;
        group.told += i64::from(call["status"]["result"].is_string());
        group.errors += i64::from(call["status"]["result"] == "error");
        group.bytes += call["request"]["size"].as_i64().unwrap_or(0);
        group.bytes += call["response"]["size"].as_i64().unwrap_or(0);
        group.durations.push(call["duration_ns"].as_i64().unwrap());
    }
    groups.values_mut().for_each(|group| group.durations.sort_unstable());
    groups
}

/// How a cell of a group's name reads in the plain way.
fn told(cell: &Cell) -> String {
    match cell {
        Cell::Missing => "null".into(),
        Cell::Int(number) => number.to_string(),
        Cell::Time(ns) => ns.to_string(),
        Cell::Text(text) => format!("{text:?}"),
        Cell::Bool(_) | Cell::Float(_) => panic!("{cell:?}"),
    }
}

fn check(store: &Store, question: Aggregate, expected: &BTreeMap<String, Plain>) {
    use Measure::{Bytes, Count, ErrorRate, Errors, Max, Mean, Min, P50, P99};
    let show = vec![Count, Errors, ErrorRate, Bytes, Mean, Min, P50, P99, Max];
    let keys = question.by.len() + usize::from(question.over.is_some());
    let table = store.aggregate(&Aggregate { show, limit: 100_000, ..question }).unwrap();
    assert!(table.searched.complete && !table.truncated);
    assert_eq!(table.rows.len(), expected.len());
    for row in &table.rows {
        let name = row[..keys].iter().map(told).collect::<Vec<_>>().join(" ");
        let group = expected.get(&name).unwrap_or_else(|| panic!("{name}"));
        let (all, count) = (&group.durations, group.durations.len());
        let figures = &row[keys..];
        assert_eq!(figures[0], Cell::Int(group.count), "{name}");
        assert_eq!(figures[1], Cell::Int(group.errors), "{name}");
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let share = group.errors as f64 / group.told as f64;
        assert!(figures[2] == Cell::Float(share) || group.told == 0, "{name}");
        assert_eq!(figures[3], Cell::Int(group.bytes), "{name}");
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let mean = all.iter().sum::<i64>() as f64 / count as f64;
        assert_eq!(figures[4], Cell::Float(mean), "{name}");
        assert_eq!((&figures[5], &figures[8]), (&Cell::Int(all[0]), &Cell::Int(all[count - 1])));
        for (cell, percent) in [(&figures[6], 50), (&figures[7], 99)] {
            let truth = all[(count * percent).div_ceil(100) - 1];
            let Cell::Int(told) = cell else { panic!("{cell:?}") };
            let most = if count <= 512 { 0 } else { truth / 100 + 1 };
            assert!(
                told.abs_diff(truth) <= most.unsigned_abs(),
                "{name}: p{percent} {told} {truth}"
            );
        }
    }
}

fn json(call: &serde_json::Value, pointer: &str) -> String {
    call.pointer(pointer).unwrap_or(&serde_json::Value::Null).to_string()
}

#[test]
fn figures_are_those_of_a_plain_count() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..58_000).map(|n| Row::of_line(&call(n)).unwrap()).collect();
    let store = store(folder.path(), &rows);
    let condition =
        |text: &str| Some(Arc::new(Condition::compile(text, store.columns(), NOW).unwrap()));
    let endpoint = |call: &serde_json::Value| {
        let endpoint = call["endpoint"].as_str().unwrap();
        format!("{:?}", format!("{}/{{id}}", endpoint.rsplit_once('/').unwrap().0))
    };
    // All of it.
    let expected = plain(&rows, |_| Some(String::new()));
    check(&store, Aggregate::default(), &expected);
    // By words, and a template.
    let question = Aggregate { by: by(&store, &["dst.name", "endpoint"]), ..Aggregate::default() };
    let name = |call: &serde_json::Value| json(call, "/dst/name");
    let expected = plain(&rows, |call| Some(format!("{} {}", name(call), endpoint(call))));
    check(&store, question.clone(), &expected);
    // Calls for which a condition holds that columns decide: words alone, then numbers, too.
    let is_post = |call: &serde_json::Value| call["method"] == "POST";
    let expected = plain(&rows, |call| is_post(call).then(|| name(call)));
    let question = Aggregate {
        condition: condition(r#"method == "POST""#),
        by: by(&store, &["dst.name"]),
        ..question
    };
    check(&store, question.clone(), &expected);
    let slow = |call: &serde_json::Value| call["duration_ns"].as_i64().unwrap() > 4_000_000;
    let expected = plain(&rows, |call| (is_post(call) && slow(call)).then(|| name(call)));
    let both = condition(r#"method == "POST" && duration > duration("4ms")"#);
    check(&store, Aggregate { condition: both, ..question.clone() }, &expected);
    // A condition that only the whole call decides; a group that only the whole call tells.
    let expected =
        plain(&rows, |call| (call["dst"]["zone"] == "1").then(|| json(call, "/dst/port")));
    let zone = condition(r#"dst.zone == "1""#);
    let port = Aggregate { condition: zone, by: by(&store, &["dst.port"]), ..Aggregate::default() };
    check(&store, port, &expected);
    let expected = plain(&rows, |call| Some(json(call, "/dst/zone")));
    check(&store, Aggregate { by: by(&store, &["dst.zone"]), ..Aggregate::default() }, &expected);
    // Over spans of time, of a part of it.
    let moment = |second: u64| 1_769_684_880_000_000_000 + second * 1_000_000_000;
    let part = rows[10_000..40_000].to_vec();
    let expected = plain(&part, |call| {
        let second: u64 = call["time"].as_str().unwrap()[17..19].parse().unwrap();
        Some(format!("{} {}", moment(second / 10 * 10), json(call, "/method")))
    });
    let question = Aggregate {
        over: Some(Duration::from_secs(10)),
        from: Some(Timestamp(moment(10))),
        to: Some(Timestamp(moment(40))),
        by: by(&store, &["method"]),
        ..Aggregate::default()
    };
    check(&store, question, &expected);
    // Texts of so many values that a file keeps them as they are.
    let question = Aggregate { by: by(&store, &["src.name"]), ..Aggregate::default() };
    check(&store, question, &plain(&rows, |call| Some(json(call, "/src/name"))));
}

#[test]
fn too_many_groups_are_refused_and_a_limit_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..20_000).map(|n| Row::of_line(&call(n)).unwrap()).collect();
    let options = Options { query_bytes_max: 1 << 20, ..Options::default() };
    let store = Store::open(folder.path(), Arc::new(Columns::new(&[])), options, NOW).unwrap();
    store.append(rows, NOW).unwrap();
    for _ in 0..2 {
        let question = Aggregate { by: by(&store, &["src.name"]), ..Aggregate::default() };
        let refused = store.aggregate(&question);
        assert!(matches!(refused, Err(StoreError::TooLarge(_))), "{refused:?}");
        let question =
            Aggregate { by: by(&store, &["dst.name"]), limit: 7, ..Aggregate::default() };
        let table = store.aggregate(&question).unwrap();
        assert!(table.truncated && table.rows.len() == 7);
        let counts: Vec<_> = table.rows.iter().map(|row| told(&row[1])).collect();
        assert!(counts.is_sorted_by_key(|count| std::cmp::Reverse(count.parse::<i64>().unwrap())));
        let stop = store::Stop::when(|| true);
        let stopped = store.aggregate(&Aggregate { stop, ..question });
        assert!(matches!(stopped, Err(StoreError::Stopped)));
        store.seal().unwrap();
    }
}

#[test]
fn a_rate_is_of_the_time_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..10_000).map(|n| Row::of_line(&call(n)).unwrap()).collect();
    let (first, last) = (rows[0].time(), rows[9_999].time());
    let options = Options::default();
    let store = Store::open(folder.path(), Arc::new(Columns::new(&[])), options, NOW).unwrap();
    store.append(rows, NOW).unwrap();
    let one = Condition::compile(r#"id == "1-5000""#, store.columns(), NOW).unwrap();
    let one = Aggregate {
        condition: Some(Arc::new(one)),
        show: vec![Measure::Rate],
        ..Aggregate::default()
    };
    for _ in 0..2 {
        let rate = |question: Aggregate| match store.aggregate(&question).unwrap().rows[0][0] {
            Cell::Float(rate) => rate,
            ref other => panic!("{other:?}"),
        };
        let second = |n: u64| Some(first.after(n * 1_000_000_000));
        let asked = Aggregate { from: second(0), to: second(20), ..one.clone() };
        assert!((rate(asked) - 0.05).abs() < 1e-6);
        // From there to the last call of all.
        let open = Aggregate { from: second(5), ..one.clone() };
        assert!((rate(open) - 1e9 / (last.since(first) as f64 - 5e9)).abs() < 1e-6);
        // Less than a second is a second.
        let short =
            Aggregate { from: second(5), to: Some(first.after(5_000_000_001)), ..one.clone() };
        assert!((rate(short) - 1.0).abs() < 1e-6);
        store.seal().unwrap();
    }
}

#[test]
fn durations_are_counted_by_steps_in_files_and_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..58_000).map(|n| Row::of_line(&call(n)).unwrap()).collect();
    let store = store(folder.path(), &rows);
    let step = |call: &serde_json::Value| filter::step(call["duration_ns"].as_i64().unwrap());
    let question = Aggregate { by: by(&store, &["duration.step"]), ..Aggregate::default() };
    check(&store, question.clone(), &plain(&rows, |call| Some(step(call).to_string())));
    let slow = r#"duration.step == "3ms" && endpoint.template == "/e7x/{id}""#;
    let slow = Condition::compile(slow, store.columns(), NOW).unwrap();
    let expected = plain(&rows, |call| {
        let is_it = step(call) == 3_000_000 && call["endpoint"].as_str()?.starts_with("/e7x/");
        is_it.then(|| step(call).to_string())
    });
    assert!(!expected.is_empty());
    check(&store, Aggregate { condition: Some(Arc::new(slow)), ..question }, &expected);
}
