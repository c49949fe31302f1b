//! Whatever is written: it is an expression, or a fault that points into it; never a panic.

mod common;

use common::{Made, columns, compile};
use filter::Condition;
use proptest::prelude::*;

fn anything() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "http",
        "method",
        "src.labels",
        "request.json",
        "body",
        "local.node",
        "dns_questions",
        "url",
        "\"text\"",
        "'é'",
        "5",
        "-1.5",
        "0x1f",
        "true",
        "null",
        "now()",
        "duration(\"5m\")",
        "==",
        "!=",
        "<",
        ">=",
        "in",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "?",
        ":",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        ".x",
        "[0]",
        "[\"a\"]",
        ".contains(\"a\")",
        ".exists(x, x == 1)",
        ".map(x, x)",
        ".size()",
        "size(",
        "has(",
        "map_get(",
        "first(",
        "cidr(\"10.0.0.0/8\")",
        "`",
        "\\",
        "\"",
        "'''",
        "#",
        "//",
        "\n",
        "x",
        "status_code",
        "timestamp",
        "latency",
    ]);
    prop_oneof![
        4 => prop::collection::vec(words, 0..25).prop_map(|words| words.join(" ")),
        1 => any::<String>(),
    ]
}

fn record() -> Made {
    Made::of("http")
        .set("method", "GET".to_owned())
        .map("src.labels", &[("a", "b")])
        .json("request.json", serde_json::json!({"x": [1, 2.5, "a", null, {"a": [true]}]}))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_an_expression_or_a_fault(text in anything()) {
        match compile(&text) {
            Ok(condition) => {
                let _ = condition.holds(&record());
                let _ = condition.necessary();
            }
            Err(fault) => {
                prop_assert!(fault.at.start <= fault.at.end && fault.at.end <= text.len());
                prop_assert!(text.get(fault.at.clone()).is_some(), "{:?}", fault.at);
                prop_assert!(!fault.show(&text).is_empty());
            }
        }
    }

    #[test]
    fn any_text_is_completed_anywhere(text in anything(), at in 0_usize..200) {
        let completion = columns().complete(&text, at);
        prop_assert!(text.get(completion.at).is_some());
    }

    /// What a store looks up never leaves out what holds.
    #[test]
    fn a_record_that_holds_fulfils_the_need(
        parts in prop::collection::vec((0_usize..8, 0_usize..6, any::<bool>(), any::<bool>()), 1..6),
        method in prop::option::of(prop::sample::select(vec!["GET", "SET", ""])),
        size in prop::option::of(0_i64..4),
        duration in prop::option::of(0_i64..4_000),
    ) {
        let mut record = Made::of("http");
        if let Some(method) = method {
            record = record.set("method", method.to_owned()).set("status.code", method.to_owned());
        }
        if let Some(size) = size {
            record = record.set("request.size", size).set("status.number", size);
        }
        if let Some(ns) = duration {
            record = record.set("duration", filter::Value::Duration(ns));
        }
        let mut text = String::new();
        for (at, (name, value, not, or)) in parts.into_iter().enumerate() {
            let name = ["method", "request.size", "status_code", "elapsed_time", "ok", "http", "endpoint", "path"][name];
            let test = match name {
                "method" | "endpoint" | "path" => format!("{name} {}", ["== \"GET\"", "!= \"GET\"", "== \"\"", "in [\"GET\", \"\"]", ".contains(\"E\")", ".startsWith(\"\")"][value]),
                "ok" | "http" => name.to_owned(),
                _ => format!("{name} {} {}", ["==", "!=", "<", "<=", ">", ">="][value], value % 3),
            };
            let join = if at == 0 { "" } else if or { " || " } else { " && " };
            text += &format!("{join}{}({})", if not { "!" } else { "" }, test.replace(" .", "."));
        }
        let condition = Condition::compile(&text, columns(), common::NOW).unwrap();
        if condition.holds(&record) {
            prop_assert!(common::fulfils(condition.necessary(), &record), "{text}: {:?}", condition.necessary());
        } else if condition.need_is_enough() {
            prop_assert!(!common::fulfils(condition.necessary(), &record), "{text}: {:?} is not enough", condition.necessary());
        }
    }
}
