//! Whatever is asked, the server never says that it failed.

mod common;

use common::House;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

/// Paths with parameters of the right names and any values.
fn question() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "calls",
        "aggregate",
        "histogram",
        "facets",
        "map",
        "check",
        "complete",
        "export",
        "imports",
        "calls/x",
        "streams/x",
        "fields",
        "health",
        "calls/x/packets",
        "calls/x/body/request",
    ]);
    let name = prop::sample::select(vec![
        "where", "from", "to", "limit", "cursor", "order", "select", "by", "show", "over",
        "buckets", "of", "text", "at", "format", "name", "",
    ]);
    let value = prop_oneof![
        "\\PC{0,40}",
        "[0-9-]{0,25}",
        prop::sample::select(vec![
            "protocol == \"http\"",
            "has(src.name)",
            "duration > duration(\"1s\")",
            "search(\"a\")",
            "status.number >= 500",
            "((((((((((",
            "!!!!!!!!true",
            "-15m",
            "-0s",
            "desc",
            "whole",
            "1:1-1@0",
            "x@-9223372036854775808",
            "dst.ip",
            "time",
            "endpoint",
            "count,p99",
            "1ms",
            "2026-01-29T11:08:21Z",
            "9999-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "ndjson",
            "har",
            "1000",
            "18446744073709551615",
            "protocol,dst.port,endpoint",
        ])
        .prop_map(str::to_owned),
    ];
    let pair =
        (name, value).prop_map(|(name, value)| format!("{name}={}", common::encoded(&value)));
    (path, prop::collection::vec(pair, 0..4))
        .prop_map(|(path, pairs)| format!("/api/v1/{path}?{}", pairs.join("&")))
}

#[test]
fn no_question_is_a_failure_of_ours() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let house = runtime.block_on(House::shop());
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(&question(), |path| {
        let said = runtime.block_on(house.get(&path));
        prop_assert!(said.status.as_u16() < 500, "{}: {} {}", path, said.status, said.text());
        if !said.status.is_success() {
            prop_assert!(!said.error().is_empty(), "{}", path);
        }
        Ok(())
    });
    run.unwrap();
}
