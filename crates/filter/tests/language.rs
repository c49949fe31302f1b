//! What expressions mean: operators, types, what is missing, lists, documents, times, faults.

mod common;

use common::{Made, columns, compile, holds};
use filter::{Column, Fact, Half, Literal, Need, Op, Value};
use serde_json::json;

fn shop() -> Made {
    Made::of("http")
        .set("method", "GET".to_owned())
        .set("endpoint", "/api/v2/users".to_owned())
        .set("status.code", "404".to_owned())
        .set("status.number", 404_i64)
        .set("status.result", "error".to_owned())
        .set("time", Value::Time(1_773_527_400_000_000_000))
        .set("duration", Value::Duration(2_500_000_000))
        .set("src.ip", Value::Ip("10.1.2.3".parse().unwrap()))
        .set("src.port", 40_000_i64)
        .set("dst.namespace", "shop".to_owned())
        .set("request.size", 120_i64)
        .set("request.body", "{\"user\": \"Ann\"}".to_owned())
        .set("http.request.method", "GET".to_owned())
        .map("request.headers", &[("Host", "shop.example"), ("X-Empty", "")])
        .map("src.labels", &[("app", "front"), ("app.kubernetes.io/name", "front-end")])
        .list("url.query.parameter", &["id=7", "sort=name", "flag"])
        .json(
            "request.json",
            json!({"user": {"name": "Ann", "age": 42, "tags": ["a", "b"]}, "list": [{"id": 7}, {"id": 8}], "no": null}),
        )
}

#[track_caller]
fn yes(text: &str) {
    assert!(holds(text, &shop()), "{text} does not hold");
}

#[track_caller]
fn no(text: &str) {
    assert!(!holds(text, &shop()), "{text} holds");
}

#[test]
fn nothing_holds_for_everything() {
    for text in ["", "  \n", "// nothing", "# nothing", "true"] {
        yes(text);
    }
}

#[test]
fn values_are_compared() {
    yes(r#"method == "GET" && status_code >= 400 && status_code < 500"#);
    yes(r#"status.code == "404" && status.code == 404"#);
    no("status_code == 200 || status_code != 404");
    yes("400 < status_code && 404 == status_code");
    yes("src.port / 1000 == 40 && src.port % 3 == 1 && -src.port < 0");
    yes("status_code > 403.5 && status_code < 404.5");
    yes(r#"endpoint > "/a" && endpoint < "/b""#);
    yes("status_code in [200, 404] && !(status_code in [])");
    yes(r#"method in ["PUT", "GET"]"#);
    yes(r#"(method == "GET" ? status_code : 0) == 404"#);
    yes(r#""a" + "b" == "ab""#);
    yes("error && !ok");
}

#[test]
fn what_is_missing_is_no_error() {
    yes("src.namespace != \"kube-system\" && !(src.namespace == \"kube-system\")");
    no("src.namespace == \"kube-system\" || src.namespace.startsWith(\"kube\")");
    yes(r#"src.namespace == "" && src.namespace == null && !has(src.namespace)"#);
    no(r#"src.namespace != "" || src.namespace != null"#);
    no("response.size > 0 || response.size < 0 || response.size == 0");
    yes("response.size != 0");
    no("response.body.truncated");
    yes("!response.body.truncated && response.body.truncated == false");
    no("src.port / 0 == 1 || src.port / 0 > 0 || 9223372036854775807 + src.port > 0");
    yes("src.service.namespace == src.pod.namespace");
    no("src.service.namespace != src.pod.namespace");
    yes("size(response.body) == 0 && size(response.headers) == 0");
}

#[test]
fn not_equal_is_the_opposite_of_equal_for_everything() {
    let values = [
        "method",
        "src.namespace",
        "status_code",
        "response.size",
        "duration",
        "time",
        "tls.sni",
        "request.json.user.age",
        "request.json.none",
        "response.body.truncated",
        "null",
        "\"\"",
        "404",
        "1.5",
        "true",
        "false",
        "src.labels.app",
        "src.labels.none",
        "dns.answers[0]",
    ];
    for a in values {
        for b in values {
            let (Ok(is), Ok(is_not)) =
                (compile(&format!("{a} == {b}")), compile(&format!("{a} != {b}")))
            else {
                continue;
            };
            assert_ne!(is.holds(&shop()), is_not.holds(&shop()), "{a} {b}");
        }
    }
}

#[test]
fn texts_are_looked_into() {
    yes(r#"endpoint.contains("v2") && endpoint.startsWith("/api") && endpoint.endsWith("users")"#);
    no(r#"endpoint.contains("v3") || endpoint.startsWith("api") || endpoint.endsWith("user")"#);
    yes(r#"endpoint.matches("^/api/v[0-9]+/") && matches(endpoint, r"v\d")"#);
    yes(r#"endpoint.size() == 13 && size("é") == 1"#);
    yes(r#"endpoint.split("/")[1] == "api" && endpoint.substring(1, 4).upperAscii() == "API""#);
    yes(r#""  a ".trim() == "a" && endpoint.contains(method == "GET" ? "users" : "x")"#);
    no(r#"src.namespace.contains("") || src.namespace.endsWith("")"#);
}

#[test]
fn either_half_is_meant_by_body_and_headers() {
    yes(r#"body.contains("Ann") && headers["host"] == "shop.example" && json.user.name == "Ann""#);
    no(r#"response.body.contains("Ann") || headers["host"] == "other""#);
    no(r#"headers["host"] != "shop.example""#);
}

#[test]
fn maps_have_elements_and_no_errors() {
    yes(r#"request.headers["HOST"] == "shop.example" && "host" in request.headers"#);
    yes(r#""x-empty" in request.headers && request.headers["x-empty"] == """#);
    no(r#""cookie" in request.headers || request.headers["cookie"] == "x""#);
    yes(r#"src.labels.app == "front" && src.labels["app.kubernetes.io/name"] == "front-end""#);
    yes(r#"src.labels.`app.kubernetes.io/name` == "front-end""#);
    yes(r#"map_get(src.labels, "app", "") == "front" && map_get(src.labels, "x", "y") == "y""#);
    yes(r#"query_string["id"] == "7" && "flag" in query_string && !("x" in query_string)"#);
    yes(r#"size(src.labels) == 2 && src.labels.exists(l, l.startsWith("app."))"#);
    yes(r#"request.headers.exists(name, value, name == "Host" && value.contains("shop"))"#);
}

#[test]
fn documents_are_gone_into() {
    yes(r#"request.json.user.name == "Ann" && request.json.user.age > 40"#);
    yes(r#"request.json["user"]["tags"][1] == "b" && "a" in request.json.user.tags"#);
    yes(r#""name" in request.json.user && has(request.json.user.age)"#);
    no("has(request.json.user.none) || has(request.json.no) || has(request.json.list[5])");
    yes("request.json.list.exists(e, e.id == 8) && request.json.list.all(e, e.id > 6)");
    yes("request.json.list.exists_one(e, e.id == 7) && size(request.json.list) == 2");
    yes(
        r#"request.json.list.map(e, e.id)[1] == 8 && request.json.list.filter(e, e.id > 7).size() == 1"#,
    );
    yes("request.json.list.exists(a, request.json.list.exists(b, a.id + 1 == b.id))");
    no(r#"request.json.user.name == 5 || request.json.user.age == "42" || response.json.x == 1"#);
    no("request.json.user.name.first.second == 1");
}

#[test]
fn lists_hold_where_one_element_does() {
    let dns = Made::of("dns")
        .list("dns.answers", &["a.example 60 IN A 10.0.0.1", "b.example 60 IN A 10.0.0.2"]);
    assert!(holds(r#"dns.answers.contains("10.0.0.2") && size(dns.answers) == 2"#, &dns));
    assert!(holds(r#"dns.answers == "a.example 60 IN A 10.0.0.1""#, &dns));
    assert!(holds(r#"dns.answers.exists(a, a.endsWith("10.0.0.1"))"#, &dns));
    assert!(!holds(r#"dns.answers.all(a, a.endsWith("10.0.0.1"))"#, &dns));
    assert!(holds("dns.cnames.all(a, false)", &dns));
    assert!(holds(r#"dns.answers[1].startsWith("b") && !has(dns.answers[2])"#, &dns));
}

#[test]
fn addresses_are_in_networks() {
    yes(r#"src.ip == "10.1.2.3" && src.ip.startsWith("10.1.") && src.ip != "10.1.2.30""#);
    yes(r#"src.ip in cidr("10.0.0.0/8") && inCIDR(src.ip, "192.168.0.0/16", "10.0.0.0/8")"#);
    yes(r#"cidr("10.0.0.0/8").containsIP(src.ip) && !(src.ip in cidr("fd00::/8"))"#);
    yes(r#"src.ip in ["10.1.2.3", "10.1.2.4"]"#);
    no(r#"dst.ip in cidr("0.0.0.0/0", "::/0")"#);
}

#[test]
fn times_and_spans_are_compared() {
    yes(r#"duration > duration("2s") && duration == "2500ms" && latency < "1m""#);
    yes(r#"timestamp >= timestamp("2026-03-14T22:30:00Z") && time < "2026-03-15""#);
    yes(r#"timestamp > now() - duration("5m") && now() - time < duration("1s")"#);
    yes("time.getHours() == 22 && time.getDayOfWeek() == 6 && duration.getMilliseconds() == 2500");
    yes("elapsed_time > 2000000 && int(time) == 1773527400");
}

#[test]
fn protocols_are_names() {
    let of = |text: &str, protocol: &str| holds(text, &Made::of(protocol));
    assert!(of("http && !dns && protocol == \"HTTP\"", "http"));
    assert!(of("grpc && http && protocol == \"grpc\" && !redis", "grpc"));
    assert!(of("jsonrpc && !http", "jsonrpc"));
    let carried = Made::of("jsonrpc").set("http.request.method", "POST".to_owned());
    assert!(holds("jsonrpc && http", &carried));
    assert!(of("http2 || version == \"\"", "http"));
}

#[test]
fn a_carried_call_goes_by_its_carriers_method_too() {
    let grpc = Made::of("grpc")
        .set("method", "SayHello".to_owned())
        .set("http.request.method", "POST".to_owned());
    assert!(holds(r#"method == "POST" && method == "SayHello""#, &grpc));
    assert!(holds(r#"method in ["POST", "PUT"] && method != "GET""#, &grpc));
    assert!(!holds(r#"method == "GET""#, &grpc));
}

#[test]
fn everything_that_a_call_says_is_searched() {
    for needle in ["USERS", "ann", "shop.EXAMPLE", "x-empty"] {
        assert!(holds(&format!("search(\"{needle}\")"), &shop()), "{needle}");
    }
    no(r#"search("nowhere")"#);
    yes(r#"search("nowhere", "users")"#);
    let kafka = Made::of("kafka").map("fields", &[("kafka.error_message", "Not the leader")]);
    assert!(holds(r#"search("the leader")"#, &kafka));
    assert!(holds(r#"fields["kafka.error_message"].contains("leader")"#, &kafka));
}

#[test]
fn both_ends_are_looked_at_as_local_and_remote() {
    let call = Made::default()
        .map("src.labels", &[("app", "front")])
        .map("dst.labels", &[("app", "cart")]);
    let is = |local, remote| {
        let text = format!("local.labels.app == \"{local}\" && remote.labels.app == \"{remote}\"");
        holds(&text, &call)
    };
    assert!(is("front", "cart") && is("cart", "front"));
    assert!(!is("front", "front") && !is("cart", "cart"));
}

#[test]
fn a_loop_over_loops_ends() {
    let list: Vec<_> = (0..3_000).collect();
    let record = Made::default().json("request.json", json!(list));
    // Three thousand to the power of three would not end in a test's time.
    let text = "request.json.all(a, request.json.all(b, request.json.all(c, a + b + c >= 0)))";
    assert!(holds(text, &record));
}

#[test]
fn faults_point_at_the_part_and_name_the_nearest() {
    for (text, part, hint) in [
        ("metod == \"GET\"", "metod", "method"),
        ("http && statuscode > 1", "statuscode", "status_code"),
        ("src.pod.nmae == \"x\"", "src.pod.nmae", "src.pod.name"),
        ("http.request.methd == \"GET\"", "http.request.methd", "http.request.method"),
        ("namespace == \"x\"", "namespace", "src.namespace"),
        ("redsi", "redsi", "redis"),
        ("endpoint.contain(\"x\")", "contain", "contains"),
        ("status.code > 400", "status.code > 400", "status_code"),
        ("src.port == \"80\"", "src.port == \"80\"", "80"),
        ("method == 5", "method == 5", "\"5\""),
        ("method", "method", "has("),
        ("duration > \"5 minutes\"", "\"5 minutes\"", "5m"),
        ("timestamp > timestamp(\"today\")", "\"today\"", "2026"),
        ("\"x\" in endpoint", "endpoint", "contains"),
        ("src.ip in cidr(\"10.0.0/8\")", "\"10.0.0/8\"", "10.0.0.0/8"),
        ("endpoint.matches(method)", "method", "matches(\""),
        ("src.labels.contains(\"x\")", "src.labels", "in map"),
        ("src.port.contains(\"8\")", "src.port", "string("),
        ("now(5) > time", "now(5)", "now()"),
        ("src.port + method == 1", "src.port + method", ""),
        ("endpoint.matches(\"(\")", "\"(\"", ""),
    ] {
        let fault = compile(text).expect_err(text);
        assert_eq!(&text[fault.at.clone()], part, "{}", fault.show(text));
        assert!(fault.hint.clone().unwrap_or_default().contains(hint), "{}", fault.show(text));
    }
}

#[test]
fn a_fault_is_shown_below_its_line() {
    let text = "http &&\nmetod == \"GÉT\"";
    let shown = compile(text).unwrap_err().show(text);
    assert_eq!(shown, "metod == \"GÉT\"\n^^^^^ metod is not known (nearest: method)");
}

#[test]
fn large_patterns_are_refused() {
    for pattern in
        ["a{1000}{1000}".to_owned(), "(".repeat(300) + &")".repeat(300), "a".repeat(5_000)]
    {
        assert!(compile(&format!("endpoint.matches(\"{pattern}\")")).is_err());
    }
}

// === what a store can look up ===

fn need(text: &str) -> Need {
    compile(text).unwrap_or_else(|fault| panic!("{}", fault.show(text))).necessary().clone()
}

fn is(column: Column, text: &str) -> Need {
    Need::Compare(column, Op::Is, Literal::Text(text.into()))
}

#[test]
fn what_every_match_fulfils_is_told() {
    let namespace = columns().named("dst.namespace").unwrap();
    let shop = is(namespace, "shop");
    assert_eq!(need(r#"dst.pod.namespace == "shop""#), shop);
    assert_eq!(need(r#"body.matches("x") && dst.namespace == "shop""#), shop);
    assert_eq!(need(r#"request.headers["a"] == "x" || dst.namespace == "shop""#), Need::Anything);
    assert_eq!(
        need("duration > duration(\"1s\") && dst.namespace == \"shop\""),
        Need::All(vec![
            Need::Compare(Column::Call(Fact::Duration), Op::More, Literal::Duration(1_000_000_000)),
            shop.clone(),
        ])
    );
    assert_eq!(
        need("elapsed_time >= 5"),
        Need::Compare(Column::Call(Fact::Duration), Op::AtLeast, Literal::Duration(5_000))
    );
    assert_eq!(
        need(r#"!(dst.namespace == "shop")"#),
        Need::Compare(namespace, Op::IsNot, Literal::Text("shop".into()))
    );
    assert_eq!(need(r#"dst.namespace == """#), Need::Anything);
    assert_eq!(need("!(status_code > 5)"), Need::Anything);
    assert_eq!(need("redis"), is(Column::Call(Fact::Protocol), "redis"));
    assert!(matches!(need("status_code >= 500"), Need::Any(of) if of.len() == 3));
    assert_eq!(need("dns && redis && false"), Need::Nothing);
    assert_eq!(
        need("timestamp > now() - duration(\"5m\")"),
        Need::Compare(Column::Call(Fact::Time), Op::More, Literal::Time(1_773_527_100_000_000_000))
    );
}

#[test]
fn columns_that_are_asked_for_are_told() {
    let condition = compile(r#"method == "X" && request.json.a.b == 1"#).unwrap();
    assert_eq!(condition.columns(), [Column::Call(Fact::Method), Column::Request(Half::Json)]);
}

// === completion ===

fn completed(text: &str) -> (String, Vec<String>) {
    let completion = columns().complete(text, text.len());
    let texts = completion.candidates.into_iter().map(|candidate| candidate.text).collect();
    (text[completion.at].to_owned(), texts)
}

#[test]
fn names_are_completed() {
    let (word, texts) = completed("http && met");
    assert_eq!((word.as_str(), texts[0].as_str()), ("met", "method"));
    assert!(texts.contains(&"http.request.method".to_owned()));
    assert!(
        completed("src.work")
            .1
            .starts_with(&["src.workload.kind".into(), "src.workload.name".into()])
    );
    assert!(completed("endpoint.st").1.contains(&"endpoint.startsWith(".to_owned()));
    assert!(completed("red").1.contains(&"redis".to_owned()));
    assert!(completed("se").1.contains(&"search(".to_owned()));
}

#[test]
fn values_are_completed() {
    assert_eq!(completed("protocol == \"red"), ("red".into(), vec!["redis".into()]));
    assert!(completed("protocol == ").1.contains(&"\"redis\"".to_owned()));
    assert_eq!(completed("status.result == ").1, ["\"error\"", "\"ok\"", "\"unknown\""]);
    assert!(completed("endpoint == \"met").1.is_empty());
}
