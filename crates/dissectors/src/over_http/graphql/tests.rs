//! Calls of GraphQL as HTTP has them.

use crate::over_http::testing::{http1, json, post};

#[test]
fn a_query_has_type_name_and_document() {
    let call = json(
        "/graphql",
        r#"{"query":"query Hero($id: ID) { hero(id: $id) { name } }","variables":{"id":7}}"#,
        r#"{"data":{"hero":{"name":"R2"}}}"#,
    );
    assert_eq!(call.line(), "graphql query Hero 200 ok OK");
    assert_eq!(call.asked("graphql.operation.name"), "Hero");
    assert_eq!(call.asked("graphql.operation.type"), "query");
    assert!(call.asked("graphql.document").starts_with("query Hero($id"));
    assert_eq!(call.asked("graphql.variables"), r#"{"id":7}"#);
    assert_eq!(call.asked("url.path"), "/graphql");
}

#[test]
fn errors_in_a_200_are_an_error() {
    let call = json(
        "/",
        r#"{"query":"mutation { buy }"}"#,
        r#"{"errors":[{"message":"sold out","path":["buy"],"extensions":{"code":"GONE"}}]}"#,
    );
    assert_eq!(call.line(), "graphql mutation buy 200 error sold out");
    assert_eq!(call.answered("graphql.error"), "sold out");
    assert_eq!(call.answered("graphql.error.path"), r#"["buy"]"#);
    assert_eq!(call.answered("graphql.error.code"), "GONE");
}

#[test]
fn batches_persisted_queries_and_documents_alone_are_known() {
    let call = json("/", r#"[{"query":"{a}"},{"query":"query B {b}"}]"#, r#"[{"data":1},{}]"#);
    assert_eq!(call.line(), "graphql query a 200 ok OK");
    assert_eq!(call.asked("graphql.batch.size"), "2");
    assert_eq!(call.asked("graphql.operation.name"), "B");
    let hash =
        r#"{"operationName":"X","extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#;
    let call = json("/", hash, "{}");
    assert_eq!(call.line(), "graphql query X 200 ok OK");
    assert_eq!(call.asked("graphql.persisted_query.hash"), "ab");
    let call = post("/", ("application/graphql", "{ me }"), ("application/json", "{}"));
    assert_eq!(call.line(), "graphql query me 200 ok OK");
}

#[test]
fn a_get_may_ask() {
    let get = |target: &str| http1(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), "").line();
    assert_eq!(get("/graphql?query=%7Bme%7D"), "graphql query me - - -");
    assert_eq!(get("/graphql?query=query+A%7Bme%7D&operationName=A"), "graphql query A - - -");
    for target in ["/search?query=shoes", "/?query=query", "/?q=%7Bme%7D", "/?query=%7Bme"] {
        assert_eq!(get(target), "http", "{target}");
    }
}

#[test]
fn another_query_is_not_graphql() {
    for body in [r#"{"query":"shoes"}"#, r#"{"query":{"match_all":{}}}"#, r#"{"q":"{a}"}"#] {
        assert_eq!(json("/_search", body, "{}").line(), "http", "{body}");
    }
}
