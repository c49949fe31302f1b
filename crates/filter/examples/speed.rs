//! What it costs to ask a condition, in nanoseconds a record: `cargo run --release --example speed`.
#![allow(clippy::disallowed_methods, reason = "it is a stop-watch")]

use std::{hint::black_box, time::Instant};

use filter::{Column, Columns, Condition, End, Fact, Half, ProtocolTable, Record, Value};
use model::Timestamp;

/// A call that lies in memory.
struct Call;

impl Record for Call {
    fn value(&self, column: Column) -> Value<'_> {
        match column {
            Column::Call(Fact::Protocol) => "http".into(),
            Column::Call(Fact::Method) => "GET".into(),
            Column::Call(Fact::Endpoint) => "/api/v2/users/4711/orders".into(),
            Column::Call(Fact::StatusNumber) => Value::Int(503),
            Column::Call(Fact::Time) => Value::Time(1_773_527_400_000_000_000),
            Column::Call(Fact::Duration) => Value::Duration(2_500_000),
            Column::Dst(End::Namespace) => "shop".into(),
            Column::Src(End::Ip) => Value::Ip([10, 1, 2, 3].into()),
            _ => Value::Missing,
        }
    }

    fn each(&self, _: Column, _: &mut dyn FnMut(&str, Value<'_>) -> bool) {}

    fn entry(&self, column: Column, name: &str) -> Value<'_> {
        match column {
            Column::Request(Half::Headers) if name.eq_ignore_ascii_case("host") => "shop".into(),
            _ => Value::Missing,
        }
    }
}

fn main() {
    let table = |name| ProtocolTable { name, about: "", fields: &[], over: None, also_alone: true };
    let columns = Columns::new(&["http", "dns", "redis"].map(table));
    for text in [
        "http",
        "http && method == \"GET\" && status_code >= 500",
        "http && status_code >= 500 && dst.pod.namespace == \"shop\"",
        "duration > duration(\"1ms\") && timestamp > timestamp(\"2026-03-14T00:00:00Z\")",
        "src.ip in cidr(\"10.0.0.0/8\") && src.ip != \"10.0.0.1\"",
        "endpoint.startsWith(\"/api\") && endpoint.contains(\"orders\")",
        "endpoint.matches(\"^/api/v[0-9]+/users/[0-9]+\")",
        "request.headers[\"host\"] == \"shop\"",
    ] {
        let condition = Condition::compile(text, &columns, Timestamp(0)).expect(text);
        assert!(condition.holds(&Call), "{text}");
        let rounds = 2_000_000_u32;
        let begun = Instant::now();
        for _ in 0..rounds {
            black_box(condition.holds(black_box(&Call)));
        }
        println!("{:7.1} ns  {text}", begun.elapsed().as_secs_f64() * 1e9 / f64::from(rounds));
    }
}
