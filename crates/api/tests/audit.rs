//! The audit log: who looked at what, as it is written down.

mod common;

use std::{path::PathBuf, sync::Arc};

use api::{Audit, Grant, Role, Settings, Tokens};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header, request::Builder},
};
use common::{House, Said, encoded};
use serde_json::{Value, json};

const ANN: &str = "ann-0123456789abcdef";
const BLIND: &str = "blind-0123456789abcdef";

struct Audited {
    house: House,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

async fn audited() -> Audited {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let mut tokens = Tokens::default();
    tokens.grant(ANN, Grant::new(Role::Viewer, None, "ann").unwrap()).unwrap();
    let scope = "shop".parse().unwrap();
    let blind = Grant::new(Role::ViewerWithoutPayloads, Some(scope), "bob").unwrap();
    tokens.grant(BLIND, blind).unwrap();
    let audit = Some(Arc::new(Audit::open(&path, 1 << 20).unwrap()));
    let settings = Settings { tokens, audit, ..Settings::default() };
    let house = House::with(&["shop.pcapng.zst"], settings).await;
    Audited { house, path, _folder: folder }
}

fn with(token: &str, request: Builder) -> Builder {
    request.header(header::AUTHORIZATION, format!("Bearer {token}"))
}

impl Audited {
    async fn get(&self, token: &str, path: &str) -> Said {
        self.house.ask(with(token, Request::get(path))).await
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn last(&self) -> Value {
        self.lines().pop().unwrap()
    }
}

#[tokio::test]
async fn what_is_looked_at_is_written_down() {
    let all = audited().await;
    let page = all.get(ANN, "/api/v1/calls?limit=2&where=http").await.json();
    let line = all.last();
    assert_eq!((&line["subject"], &line["role"]), (&json!("ann"), &json!("viewer")), "{line}");
    assert_eq!((&line["method"], &line["route"]), (&json!("GET"), &json!("/api/v1/calls")));
    assert_eq!(line["query"], json!({ "limit": "2", "where": "http" }));
    assert_eq!((&line["status"], &line["calls"]), (&json!(200), &json!(2)));
    assert_eq!(line["payloads"], false);
    assert!(line["time"].as_str().unwrap().starts_with("20"), "{line}");
    let id = page["calls"][0]["id"].as_str().unwrap();
    all.get(ANN, &format!("/api/v1/calls/{}", encoded(id))).await;
    let line = all.last();
    assert_eq!((&line["route"], &line["id"]), (&json!("/api/v1/calls/{id}"), &json!(id)));
    assert_eq!((&line["calls"], &line["payloads"]), (&json!(1), &json!(true)));
    for (rest, calls) in [("packets", 1), ("pcap", 1), ("har", 1), ("curl", 1)] {
        all.get(ANN, &format!("/api/v1/calls/{}/{rest}", encoded(id))).await;
        let line = all.last();
        assert_eq!(line["route"], format!("/api/v1/calls/{{id}}/{rest}"));
        assert_eq!((&line["calls"], &line["payloads"]), (&json!(calls), &json!(true)), "{line}");
    }
    let lines = all.get(ANN, "/api/v1/export?format=ndjson&where=http").await.text();
    let line = all.last();
    let told = lines.lines().count();
    assert_eq!((&line["calls"], &line["payloads"]), (&json!(told), &json!(true)), "{line}");
    all.get(ANN, "/api/v1/export?format=csv&where=http").await;
    let line = all.last();
    assert_eq!((&line["calls"], &line["payloads"]), (&json!(told), &json!(false)), "{line}");
    for format in ["parquet", "pcapng"] {
        all.get(ANN, &format!("/api/v1/export?format={format}&where=http")).await;
        let line = all.last();
        assert_eq!((&line["calls"], &line["payloads"]), (&json!(told), &json!(true)), "{line}");
    }
    all.get(ANN, "/api/v1/map").await;
    assert_eq!(all.last()["route"], "/api/v1/map");
}

#[tokio::test]
async fn what_reads_no_calls_is_not_written_down() {
    let all = audited().await;
    for path in ["/", "/healthz", "/metrics", "/api/v1/health", "/api/v1/fields", "/api/v1/imports"]
    {
        assert_eq!(all.get(ANN, path).await.status, StatusCode::OK);
    }
    assert_eq!(all.lines(), Vec::<Value>::new());
}

#[tokio::test]
async fn who_is_refused_is_written_down_without_what_he_showed() {
    let all = audited().await;
    let said = all.get("nobody-0123456789abcdef", "/api/v1/calls?token=hidden-0123456789").await;
    assert_eq!(said.status, StatusCode::UNAUTHORIZED);
    let line = all.last();
    assert_eq!((&line["status"], &line["subject"]), (&json!(401), &Value::Null), "{line}");
    let said = all.get(BLIND, "/api/v1/export?format=har").await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
    let line = all.last();
    assert_eq!((&line["status"], &line["subject"]), (&json!(403), &json!("bob")), "{line}");
    assert_eq!((&line["namespaces"], &line["calls"]), (&json!(["shop"]), &json!(0)), "{line}");
    let evil = Request::get("/api/v1/calls").header(header::HOST, "evil.example");
    all.house.ask(with(ANN, evil)).await;
    assert_eq!(all.last()["status"], 421);
    let text = std::fs::read_to_string(&all.path).unwrap();
    for secret in ["0123456789", "hidden", "Bearer"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn tools_of_an_agent_are_written_down() {
    let all = audited().await;
    let arguments = json!({ "where": "http", "limit": 3 });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_calls", "arguments": arguments } });
    let request = with(ANN, Request::builder().method(Method::POST).uri("/mcp"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18");
    let said = all.house.send(request, Body::from(body.to_string())).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text());
    let line = all.last();
    assert_eq!((&line["route"], &line["subject"]), (&json!("/mcp"), &json!("ann")), "{line}");
    assert_eq!(line["asked"][0]["route"], "/api/v1/calls", "{line}");
    assert_eq!(line["asked"][0]["query"]["where"], "http");
    assert_eq!((&line["calls"], &line["payloads"]), (&json!(3), &json!(false)), "{line}");
}

#[tokio::test]
async fn a_tail_is_written_down_when_it_begins_and_ends() {
    use tower_service::Service as _;
    let all = audited().await;
    let mut request =
        with(ANN, Request::get("/api/v1/tail?where=http")).body(Body::empty()).unwrap();
    request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("127.0.0.1"));
    let Ok(response) = all.house.router.clone().call(request).await;
    assert_eq!((&all.last()["open"], all.lines().len()), (&json!(true), 1));
    drop(response);
    let line = all.last();
    assert_eq!(
        (line.get("open"), &line["calls"], all.lines().len()),
        (None, &json!(0), 2),
        "{line}"
    );
}

#[tokio::test]
async fn a_log_that_can_not_be_written_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    // So small that each line begins a new file.
    let audit = Some(Arc::new(Audit::open(&inner.join("audit"), 2).unwrap()));
    let house = House::with(&[], Settings { audit, ..Settings::default() }).await;
    house.get("/api/v1/calls").await;
    let text = std::fs::read_to_string(inner.join("audit")).unwrap();
    assert!(text.contains("\"subject\":\"(anybody)\""), "{text}");
    std::fs::remove_dir_all(&inner).unwrap();
    assert_eq!(house.get("/api/v1/calls").await.status, StatusCode::OK);
    let losses = house.json("/api/v1/health").await["losses"].clone();
    assert_eq!((&losses[0]["name"], &losses[0]["count"]), (&json!("audit_lines_lost"), &json!(1)));
    let metrics = house.get("/metrics").await.text();
    assert!(metrics.contains("callscope_losses_total{name=\"audit_lines_lost\"} 1"), "{metrics}");
}
