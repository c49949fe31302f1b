//! Who is let in, and with what: tokens, roles, hosts, origins, sizes.

mod common;

use api::{Limits, Role, Settings, Tokens};
use axum::http::{Request, StatusCode, header, request::Builder};
use common::{House, Said, encoded};
use serde_json::Value;

const ADMIN: &str = "admin-0123456789abcdef";
const VIEWER: &str = "viewer-0123456789abcdef";
const BLIND: &str = "blind-0123456789abcdef";

async fn guarded() -> House {
    let mut tokens = Tokens::default();
    tokens.add(ADMIN, Role::Admin).unwrap();
    tokens.add(VIEWER, Role::Viewer).unwrap();
    tokens.add(BLIND, Role::ViewerWithoutPayloads).unwrap();
    House::with(&["shop.pcapng.zst"], Settings { tokens, ..Settings::default() }).await
}

fn with(token: &str, request: Builder) -> Builder {
    request.header(header::AUTHORIZATION, format!("Bearer {token}"))
}

async fn get(house: &House, token: &str, path: &str) -> Said {
    house.ask(with(token, Request::get(path))).await
}

#[tokio::test]
async fn without_a_token_there_is_only_the_dashboard() {
    let house = guarded().await;
    for path in ["/api/v1/calls", "/api/v1/health", "/metrics", "/api/v1/tail", "/mcp"] {
        let said = house.get(path).await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(said.headers.contains_key(header::WWW_AUTHENTICATE), "{path}");
        assert!(!said.error().is_empty(), "{path}");
        let said = get(&house, "nobody-0123456789abcdef", path).await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for path in ["/", "/healthz", "/calls/1:1-1", "/api/v1/openapi.json"] {
        assert_eq!(house.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn each_role_may_do_its_own() {
    let house = guarded().await;
    let page = get(&house, VIEWER, "/api/v1/calls?limit=1&where=http").await.json();
    let id = encoded(page["calls"][0]["id"].as_str().unwrap());
    let everybody = [
        "calls?limit=1",
        "aggregate",
        "histogram",
        "map",
        "health",
        "facets",
        "fields",
        "export?format=csv",
    ];
    for path in everybody {
        for token in [ADMIN, VIEWER, BLIND] {
            let said = get(&house, token, &format!("/api/v1/{path}")).await;
            assert_eq!(said.status, StatusCode::OK, "{path} {token}: {}", said.text());
        }
    }
    let payloads = [
        format!("calls/{id}/har"),
        format!("calls/{id}/curl"),
        format!("calls/{id}/packets"),
        format!("calls/{id}/pcap"),
        "export?format=har".to_owned(),
        "export?format=pcapng".to_owned(),
        format!("calls?where={}", encoded("request.body.contains(\"a\")")),
        format!("calls?where={}", encoded("search(\"alice\")")),
        format!("calls?where={}", encoded("http.request.method == \"GET\"")),
        format!("tail?where={}", encoded("search(\"alice\")")),
        "aggregate?by=url.full".to_owned(),
        "facets?of=url.full".to_owned(),
    ];
    for path in payloads {
        let said = get(&house, BLIND, &format!("/api/v1/{path}")).await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{path}: {}", said.text());
        if !path.starts_with("tail") {
            let said = get(&house, VIEWER, &format!("/api/v1/{path}")).await;
            assert_eq!(said.status, StatusCode::OK, "{path}: {}", said.text());
        }
    }
    for (token, status) in [(BLIND, 403), (VIEWER, 403), (ADMIN, 400)] {
        let said = house.ask(with(token, Request::post("/api/v1/import"))).await;
        assert_eq!(said.status.as_u16(), status, "{token}: an empty body is no capture");
    }
}

#[tokio::test]
async fn who_may_not_see_payloads_sees_none_in_any_answer() {
    let house = guarded().await;
    for path in ["calls?limit=1000", "calls?limit=1000&select=whole", "export?format=ndjson"] {
        let said = get(&house, BLIND, &format!("/api/v1/{path}")).await.text();
        for secret in ["\"headers\"", "\"fields\"", "\"text\":\"user", "correct+horse"] {
            assert!(!said.contains(secret), "{path} {secret}");
        }
        assert!(said.contains("\"endpoint\""), "{path}");
    }
    let page = get(&house, BLIND, "/api/v1/calls?limit=1").await.json();
    let id = encoded(page["calls"][0]["id"].as_str().unwrap());
    let call = get(&house, BLIND, &format!("/api/v1/calls/{id}")).await.json();
    assert!(call["request"].get("headers").is_none() && call["request"]["size"].is_u64());
}

#[tokio::test]
async fn a_session_keeps_the_token_for_links() {
    let house = guarded().await;
    let said = house.ask(with(VIEWER, Request::post("/api/v1/session"))).await;
    assert_eq!(said.json()["role"], "viewer");
    let cookie = said.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let said = house.ask(Request::get("/api/v1/calls").header(header::COOKIE, pair)).await;
    assert_eq!(said.status, StatusCode::OK);
    let said = house.ask(Request::post("/api/v1/session")).await;
    assert_eq!(said.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_name_pointed_here_by_somebody_else_is_refused() {
    let settings = Settings { hosts: vec!["calls.example".into()], ..Settings::default() };
    let house = House::with(&[], settings).await;
    let ask = async |host: &str| {
        house.ask(Request::get("/api/v1/calls").header(header::HOST, host)).await.status
    };
    for host in ["127.0.0.1:8899", "localhost:8899", "[::1]:8899", "192.0.2.7", "calls.example:443"]
    {
        assert_eq!(ask(host).await, StatusCode::OK, "{host}");
    }
    for host in
        ["evil.example", "evil.example:8899", "127.0.0.1.evil.example", "localhost.evil.example"]
    {
        assert_eq!(ask(host).await, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let house = House::with(&[], Settings::default()).await;
    let ask = async |name: &str, value: &str| {
        let request = Request::get("/api/v1/calls").header(header::HOST, "127.0.0.1:8899");
        house.ask(request.header(name, value)).await.status
    };
    assert_eq!(ask("origin", "http://127.0.0.1:8899").await, StatusCode::OK);
    for origin in
        ["http://evil.example", "null", "http://127.0.0.1:8898", "http://localhost:8899", ""]
    {
        assert_eq!(ask("origin", origin).await, StatusCode::FORBIDDEN, "{origin}");
    }
    assert_eq!(ask("sec-fetch-site", "cross-site").await, StatusCode::FORBIDDEN);
    assert_eq!(ask("sec-fetch-site", "same-origin").await, StatusCode::OK);
    let page = Request::get("/").header("sec-fetch-site", "cross-site");
    assert_eq!(house.ask(page).await.status, StatusCode::OK, "a link may lead here");
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let house = guarded().await;
    for path in ["/", "/api/v1/calls", "/api/v1/nothing", "/assets/none.js"] {
        let said = house.get(path).await;
        assert_eq!(said.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(said.headers["x-frame-options"], "DENY", "{path}");
        assert!(said.headers.contains_key("content-security-policy"), "{path}");
        if path.starts_with("/api") {
            assert_eq!(said.headers["cache-control"], "no-store", "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let limits = Limits { upload_bytes: 1000, uploads_bytes: 1500, ..Limits::default() };
    let house = House::with(&[], Settings { limits, ..Settings::default() }).await;
    let many = Request::get("/api/v1/calls").header("x-many", "a".repeat(40_000));
    assert_eq!(house.ask(many).await.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let upload = async |bytes: usize| {
        house.send(Request::post("/api/v1/import"), vec![0; bytes].into()).await.status
    };
    assert_eq!(upload(1001).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(upload(900).await, StatusCode::ACCEPTED);
    assert_eq!(upload(900).await, StatusCode::PAYLOAD_TOO_LARGE, "with the one before");
    house.settled().await;
    let imports: Value = house.json("/api/v1/imports").await;
    assert_eq!(imports["imports"][0]["state"], "failed", "zeros are no capture");
    let kept = std::fs::read_dir(house.folder.path().join("uploads")).unwrap().count();
    assert_eq!(kept, 1, "what was refused is not kept");
}
