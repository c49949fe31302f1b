//! Somebody who is limited to namespaces: nothing of others is in any answer, whatever is asked.

mod common;

use std::{collections::BTreeSet, sync::Arc};

use api::{Finished, Grant, Import, Role, Settings, Tokens, Unread};
use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header, request::Builder},
};
use common::{House, Said, encoded};
use serde_json::{Value, json};

const ALL: &str = "all-0123456789abcdef";
const SHOP: &str = "shop-0123456789abcdef";
const BLIND: &str = "blind-0123456789abcdef";
/// A call between two ends of the secret namespace, whose name and everything else about it has this word.
const SECRET: &str = "zyzzyva";
/// The same of addresses.
const SECRET_NET: &str = "10.66.";

fn grant(role: Role, namespaces: &str) -> Grant {
    Grant::new(role, Some(namespaces.parse().unwrap()), "somebody").unwrap()
}

fn end(namespace: &str, name: &str, ip: &str, port: u16) -> Value {
    json!({ "ip": ip, "port": port, "namespace": namespace, "name": name, "pod": format!("{name}-0"),
        "service": name, "workload": { "kind": "Deployment", "name": name }, "source": "kubernetes" })
}

/// A line as `callscope read` writes it.
fn line(number: u64, second: u64, src: Value, dst: Value, word: &str) -> String {
    let (src, dst) = (src.to_string(), dst.to_string());
    format!(
        r#"{{"id":"{number}-1","time":"2026-01-29T11:08:{second:02}.000000000Z","protocol":"http","version":"1.1","src":{src},"dst":{dst},"method":"GET","endpoint":"/{word}/{number}","status":{{"code":"200","number":200,"result":"ok"}},"duration_ns":1000000,"request":{{"time":"2026-01-29T11:08:{second:02}.000000000Z","size":9,"frames":[1,1],"headers":[["X-Word","{word}"]],"body":{{"size":9,"text":"{word}"}},"fields":{{"http.request.method":"GET"}}}},"response":{{"time":"2026-01-29T11:08:{second:02}.001000000Z","size":9,"frames":[2,2],"body":{{"size":9,"text":"{word}"}}}},"pairing":"matched","missing":[],"transport":"tcp","source":{{"name":"/captures/{word}.pcap"}},"stream":"{number}"}}"#
    ) + "\n"
}

/// A server that has a call of the shop, one from the shop to the bank, and others of the secret namespace.
async fn house() -> (House, Arc<Import>) {
    let mut tokens = Tokens::default();
    tokens.add(ALL, Role::Viewer).unwrap();
    tokens.grant(SHOP, grant(Role::Viewer, "shop")).unwrap();
    tokens.grant(BLIND, grant(Role::ViewerWithoutPayloads, "shop")).unwrap();
    let house = House::with(&[], Settings { tokens, ..Settings::default() }).await;
    let import = house.api.live(&format!("{SECRET}.pcap"), Vec::new()).unwrap();
    take(&house, &import, 0);
    let unread = |namespace: &str| Unread {
        server: Some("10.66.0.9:443".into()),
        namespace: Some(namespace.into()),
        workload: Some(namespace.into()),
        why: "encrypted",
        flows: 1,
        bytes: 9,
    };
    import.so_far(Finished {
        unread: vec![unread(SECRET), Unread { server: None, ..unread("shop") }],
        warnings: vec![format!("{SECRET}.pcap is torn")],
        ..Finished::default()
    });
    (house, import)
}

/// Has it take the calls, as of connections from this number on.
fn take(house: &House, import: &Import, from: u64) {
    let shop = |name: &str, n| end("shop", name, "10.1.0.1", n);
    let secret = |name: &str, n| end(SECRET, &format!("{name}-{SECRET}"), "10.66.0.1", n);
    let lines = [
        line(from + 1, 1, shop("front", 5000), shop("cart", 80), "cart"),
        line(from + 2, 2, shop("cart", 5001), end("bank", "pay", "10.2.0.1", 80), "pay"),
        line(from + 3, 3, secret("a", 5002), secret("b", 80), SECRET),
        // Without a namespace it is nobody's.
        line(from + 4, 4, json!({"ip":"10.66.0.7","port":5003}), secret("b", 80), SECRET),
        line(
            from + 5,
            5,
            json!({"ip":"10.66.0.7","port":5003}),
            json!({"ip":"10.66.0.8","port":80}),
            SECRET,
        ),
    ];
    house.api.intake().take(import, lines.concat().as_bytes()).unwrap();
    assert_eq!(house.api.intake().refused(), 0);
}

fn with(token: &str, request: Builder) -> Builder {
    request.header(header::AUTHORIZATION, format!("Bearer {token}"))
}

async fn get(house: &House, token: &str, path: &str) -> Said {
    house.ask(with(token, Request::get(path))).await
}

/// The text of an answer; for Parquet, which packs its texts, those of its calls.
fn is_told(said: &Said) -> bool {
    let text = said.text();
    text.contains(SECRET) || text.contains(SECRET_NET)
}

/// Questions to every route, those that show most.
fn questions(id: &str, stream: &str) -> Vec<(&'static str, String)> {
    let one = |rest: &str| format!("/api/v1/calls/{id}{rest}");
    let search = encoded(&format!("search(\"{SECRET}\")"));
    let word = encoded(&format!("dst.namespace == \"{SECRET}\" || true // all of them"));
    let by =
        "src.namespace,dst.namespace,src.ip,dst.ip,src.workload.name,dst.workload.name,endpoint";
    let mut all = Vec::new();
    let mut ask = |route, path: String| all.push((route, path));
    for rest in [
        String::new(),
        "?limit=1000&select=whole".into(),
        "?sort=duration&limit=1".into(),
        "?sort=response_size&order=asc".into(),
        format!("?where={word}"),
        format!("?where={search}"),
    ] {
        ask("/api/v1/calls", format!("/api/v1/calls{rest}"));
    }
    ask("/api/v1/calls/{id}", one(""));
    ask("/api/v1/calls/{id}/curl", one("/curl"));
    ask("/api/v1/calls/{id}/har", one("/har"));
    ask("/api/v1/calls/{id}/body/{half}", one("/body/request"));
    ask("/api/v1/calls/{id}/body/{half}", one("/body/response"));
    ask("/api/v1/calls/{id}/packets", one("/packets"));
    ask("/api/v1/calls/{id}/pcap", one("/pcap"));
    ask("/api/v1/streams/{stream}", format!("/api/v1/streams/{stream}"));
    ask("/api/v1/aggregate", format!("/api/v1/aggregate?by={by}&show=count,p99,rate"));
    ask("/api/v1/aggregate", format!("/api/v1/aggregate?by={by}&over=1s&where={word}"));
    ask("/api/v1/histogram", format!("/api/v1/histogram?where={word}"));
    ask("/api/v1/heatmap", format!("/api/v1/heatmap?where={word}"));
    ask("/api/v1/facets", format!("/api/v1/facets?of={by}"));
    ask("/api/v1/facets", "/api/v1/facets".into());
    ask("/api/v1/map", "/api/v1/map".into());
    ask("/api/v1/map", format!("/api/v1/map?where={word}"));
    ask("/api/v1/fields", "/api/v1/fields".into());
    ask("/api/v1/complete", format!("/api/v1/complete?text={}", encoded("dst.namespace == \"zy")));
    ask("/api/v1/check", "/api/v1/check?where=http".into());
    ask("/api/v1/protocols", "/api/v1/protocols".into());
    ask("/api/v1/imports", "/api/v1/imports".into());
    ask("/api/v1/imports/{id}", "/api/v1/imports/1".into());
    for format in ["ndjson", "csv", "har", "parquet", "pcapng"] {
        ask("/api/v1/export", format!("/api/v1/export?format={format}"));
    }
    ask("/api/v1/health", "/api/v1/health".into());
    ask("/api/v1/openapi.json", "/api/v1/openapi.json".into());
    ask("/healthz", "/healthz".into());
    ask("/metrics", "/metrics".into());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_tells_of_other_namespaces() {
    let (house, _import) = house().await;
    let everything = get(&house, ALL, "/api/v1/calls").await.json();
    let secret = everything["calls"].as_array().unwrap().iter();
    let mut secret = secret.filter(|call| call.to_string().contains(SECRET));
    let one = secret.next().unwrap();
    let (id, stream) = (&one["id"], &one["stream"]);
    let (id, stream) = (encoded(id.as_str().unwrap()), encoded(stream.as_str().unwrap()));
    let all = questions(&id, &stream);
    let mut told = BTreeSet::new();
    for (route, path) in &all {
        for token in [SHOP, BLIND] {
            let said = get(&house, token, path).await;
            assert!(!is_told(&said), "{path} as {token}: {}", said.text());
            let is_one =
                route.contains("{id}") && route.contains("calls") || route.contains("{stream}");
            let expected: &[u16] = if is_one { &[403, 404] } else { &[200, 403, 404] };
            assert!(expected.contains(&said.status.as_u16()), "{path}: {said:?}");
        }
        if is_told(&get(&house, ALL, path).await) {
            told.insert(*route);
        }
    }
    // Whoever may see everything is told it by these: so the questions are such that it would be seen.
    for route in [
        "/api/v1/calls",
        "/api/v1/calls/{id}",
        "/api/v1/calls/{id}/curl",
        "/api/v1/calls/{id}/har",
        "/api/v1/calls/{id}/body/{half}",
        "/api/v1/streams/{stream}",
        "/api/v1/aggregate",
        "/api/v1/facets",
        "/api/v1/map",
        "/api/v1/imports",
        "/api/v1/imports/{id}",
        "/api/v1/export",
        "/api/v1/health",
        "/metrics",
    ] {
        assert!(told.contains(route), "{route}");
    }
    // Every route that is described is among them, but for those that have a test of their own.
    let asked: BTreeSet<&str> = all.iter().map(|(route, _)| *route).collect();
    let described = get(&house, ALL, "/api/v1/openapi.json").await.json();
    for route in described["paths"].as_object().unwrap().keys() {
        let is_own = ["/api/v1/tail", "/api/v1/import"].contains(&route.as_str());
        assert!(is_own || asked.contains(route.as_str()), "{route} is not asked here");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_scope_is_seen_whole() {
    let (house, _import) = house().await;
    let count = async |token, path: &str| {
        let said = get(&house, token, path).await;
        assert_eq!(said.status, StatusCode::OK, "{path}");
        said.json()["calls"].as_array().unwrap().len()
    };
    assert_eq!(count(ALL, "/api/v1/calls").await, 5);
    assert_eq!(count(SHOP, "/api/v1/calls").await, 2);
    assert_eq!(count(SHOP, "/api/v1/calls?limit=1").await, 1);
    assert_eq!(
        count(SHOP, &format!("/api/v1/calls?where={}", encoded("endpoint == \"/pay/2\""))).await,
        1
    );
    // The other end of a call of ours, as our end knows it.
    let bank = encoded("dst.namespace == \"bank\"");
    let said = get(&house, SHOP, &format!("/api/v1/calls?where={bank}&select=whole")).await.json();
    assert_eq!(said["calls"][0]["dst"]["workload"]["name"], "pay");
    assert_eq!(said["calls"][0]["request"]["body"]["text"], "pay");
    let id = encoded(said["calls"][0]["id"].as_str().unwrap());
    assert_eq!(get(&house, SHOP, &format!("/api/v1/calls/{id}")).await.status, StatusCode::OK);
    let said = get(&house, BLIND, &format!("/api/v1/calls/{id}/curl")).await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
    let health = get(&house, SHOP, "/api/v1/health").await.json();
    assert_eq!(health["unread"].as_array().unwrap().len(), 1, "{health}");
    assert_eq!(health["unread"][0]["namespace"], "shop");
    let metrics = get(&house, SHOP, "/metrics").await.text();
    let pair = r#"callscope_calls_total{src="shop/front",dst="shop/cart",protocol="http"} 1"#;
    assert!(metrics.contains(pair), "{metrics}");
    assert!(
        metrics
            .contains("callscope_call_duration_seconds_count{src=\"shop/cart\",dst=\"bank/pay\"")
    );
    assert_eq!(metrics.matches("# EOF").count(), 1);
    let session = house.ask(with(SHOP, Request::post("/api/v1/session"))).await.json();
    assert_eq!((&session["role"], &session["namespaces"]), (&json!("viewer"), &json!(["shop"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_imported_by_who_is_limited() {
    let (house, _import) = house().await;
    let said = house.send(with(SHOP, Request::post("/api/v1/import")), vec![0; 100].into()).await;
    assert_eq!(said.status, StatusCode::FORBIDDEN);
}

/// A tool of MCP.
async fn tool(house: &House, token: &str, method: &str, params: Value) -> Said {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let request = with(token, Request::builder().method(Method::POST).uri("/mcp"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18");
    house.send(request, Body::from(body.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tool_tells_of_other_namespaces() {
    let (house, _import) = house().await;
    let everything = get(&house, ALL, "/api/v1/calls").await.json();
    let secret = everything["calls"].as_array().unwrap().iter();
    let mut secret = secret.filter(|call| call.to_string().contains(SECRET));
    let one = secret.next().unwrap();
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    let questions = [
        ("tools/call", call("list_calls", json!({ "limit": 200 }))),
        ("tools/call", call("search", json!({ "text": "/" }))),
        ("tools/call", call("get_call", json!({ "id": one["id"] }))),
        ("tools/call", call("aggregate", json!({ "by": "dst.namespace,src.namespace,dst.ip" }))),
        ("tools/call", call("service_map", json!({}))),
        ("tools/call", call("connections", json!({ "stream": one["stream"] }))),
        ("tools/call", call("not_seen", json!({}))),
        ("tools/call", call("capture_status", json!({}))),
        ("resources/read", json!({ "uri": "callscope://status" })),
        ("resources/read", json!({ "uri": "callscope://fields" })),
        ("resources/read", json!({ "uri": "callscope://protocols" })),
    ];
    let tools = tool(&house, ALL, "tools/list", json!({})).await.json();
    for declared in tools["result"]["tools"].as_array().unwrap() {
        let is_asked = questions.iter().any(|(_, asked)| asked["name"] == declared["name"]);
        assert!(is_asked || declared["name"] == "import_file", "{declared}");
    }
    let mut told = 0;
    for (method, params) in questions {
        let said = tool(&house, SHOP, method, params.clone()).await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text());
        assert!(!is_told(&said), "{params}: {}", said.text());
        told += usize::from(is_told(&tool(&house, ALL, method, params).await));
    }
    assert!(told >= 8, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_shows_calls_of_the_scope_alone() {
    use http_body_util::BodyExt as _;
    use tower_service::Service as _;
    let (house, import) = house().await;
    let mut request = with(SHOP, Request::get("/api/v1/tail")).body(Body::empty()).unwrap();
    request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("127.0.0.1"));
    // Somebody else listens to the same expression, and may see everything.
    let mut other = with(ALL, Request::get("/api/v1/tail")).body(Body::empty()).unwrap();
    other.headers_mut().insert(header::HOST, header::HeaderValue::from_static("127.0.0.1"));
    let Ok(other) = house.router.clone().call(other).await;
    let Ok(ours) = house.router.clone().call(request).await;
    let heard = async |body: Body, calls: usize| {
        let (mut body, mut text) = (body, String::new());
        while text.matches("event: call\n").count() < calls {
            let frame =
                tokio::time::timeout(std::time::Duration::from_secs(20), body.frame()).await;
            let data = frame.unwrap_or_else(|_| panic!("{text}")).unwrap().unwrap().into_data();
            text += &String::from_utf8_lossy(&data.unwrap_or_default());
        }
        text
    };
    take(&house, &import, 100);
    take(&house, &import, 200);
    assert!(heard(other.into_body(), 10).await.contains(SECRET));
    let text = heard(ours.into_body(), 4).await;
    assert!(!text.contains(SECRET) && !text.contains(SECRET_NET), "{text}");
    assert!(text.contains("/cart/201"), "{text}");
}
