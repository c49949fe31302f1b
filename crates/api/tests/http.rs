//! Every question to the API, asked in this process over recordings.

mod common;

use axum::http::{Request, StatusCode, header};
use common::{House, encoded};
use serde_json::{Value, json};

fn texts(page: &Value, pointer: &str) -> Vec<String> {
    let calls = page["calls"].as_array().unwrap();
    calls.iter().map(|call| call.pointer(pointer).unwrap().as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn calls_are_listed_page_by_page_each_once_newest_first() {
    let house = House::shop().await;
    let (mut path, mut ids, mut times) =
        ("/api/v1/calls?limit=50".to_owned(), Vec::new(), Vec::new());
    loop {
        let page = house.json(&path).await;
        ids.extend(texts(&page, "/id"));
        times.extend(texts(&page, "/time"));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/calls?limit=50&cursor={}", encoded(next));
    }
    assert_eq!(ids.len(), 312, "HTTP 99, DNS 115, Redis 98");
    assert!(times.is_sorted_by(|a, b| a >= b));
    let mut once = ids.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), ids.len());
}

#[tokio::test]
async fn a_list_shows_summaries_and_all_of_it_if_asked() {
    let house = House::shop().await;
    let where_ = encoded("protocol == \"http\" && method == \"POST\" && endpoint == \"/login\"");
    let page = house.json(&format!("/api/v1/calls?where={where_}&limit=1")).await;
    let call = &page["calls"][0];
    assert!(call["request"]["size"].as_u64().unwrap() > 0);
    for left_out in ["headers", "fields", "body"] {
        assert!(call["request"].get(left_out).is_none(), "{left_out}");
    }
    let page = house.json(&format!("/api/v1/calls?where={where_}&limit=1&select=whole")).await;
    assert!(page["calls"][0]["request"]["body"]["text"].is_string());
}

#[tokio::test]
async fn a_condition_chooses_calls_and_a_fault_says_where() {
    let house = House::shop().await;
    let where_ = encoded("protocol == \"http\" && status.number >= 500");
    let page = house.json(&format!("/api/v1/calls?where={where_}")).await;
    let codes = texts(&page, "/status/code");
    assert!(!codes.is_empty() && codes.iter().all(|code| code.starts_with('5')), "{codes:?}");
    let said = house
        .get(&format!(
            "/api/v1/calls?where={}",
            encoded("protocol == \"http\" && statsu.number > 1")
        ))
        .await;
    assert_eq!(said.status, StatusCode::BAD_REQUEST);
    let error = &said.json()["error"];
    assert_eq!(error["at"][0], 22, "{error}");
    assert!(error["hint"].is_string(), "{error}");
    let checked = house.get(&format!("/api/v1/check?where={}", encoded("1 +"))).await;
    assert_eq!(checked.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.json("/api/v1/check?where=true").await, json!({ "ok": true }));
}

#[tokio::test]
async fn a_call_comes_in_all_its_forms() {
    let house = House::shop().await;
    let where_ = encoded("method == \"POST\" && endpoint == \"/login\"");
    let page = house.json(&format!("/api/v1/calls?where={where_}&limit=1")).await;
    let id = encoded(page["calls"][0]["id"].as_str().unwrap());
    let call = house.json(&format!("/api/v1/calls/{id}")).await;
    assert_eq!(call["id"], page["calls"][0]["id"]);
    assert_eq!(call["endpoint"], "/login");
    let curl = house.get(&format!("/api/v1/calls/{id}/curl")).await.text();
    assert!(curl.starts_with("curl -X POST") && curl.contains("--data-raw"), "{curl}");
    let har = house.json(&format!("/api/v1/calls/{id}/har")).await;
    assert_eq!(har["log"]["entries"][0]["request"]["method"], "POST");
    let body = house.get(&format!("/api/v1/calls/{id}/body/request")).await;
    assert_eq!(body.text(), call["request"]["body"]["text"].as_str().unwrap());
    assert_eq!(body.headers[header::CONTENT_TYPE], "application/octet-stream");
    assert!(body.headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));
    assert_eq!(
        house.get(&format!("/api/v1/calls/{id}/body/both")).await.status,
        StatusCode::NOT_FOUND
    );
    for missing in ["1:99999-9@1", "nothing", "%00", "@", "1:1-1@999999999999999999999"] {
        let said = house.get(&format!("/api/v1/calls/{missing}")).await;
        assert_eq!(said.status, StatusCode::NOT_FOUND, "{missing}");
        assert!(!said.error().is_empty());
    }
}

#[tokio::test]
async fn the_packets_of_a_call_are_read_again() {
    let house = House::shop().await;
    let page = house
        .json(&format!("/api/v1/calls?where={}&limit=1", encoded("protocol == \"http\"")))
        .await;
    let id = encoded(page["calls"][0]["id"].as_str().unwrap());
    let call = house.json(&format!("/api/v1/calls/{id}")).await;
    let packets = house.json(&format!("/api/v1/calls/{id}/packets")).await;
    let first = call["request"]["frames"][0].as_u64().unwrap();
    let last = call["response"]["frames"][1].as_u64().unwrap();
    let numbers: Vec<_> = packets["packets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["number"].as_u64().unwrap())
        .collect();
    assert_eq!((numbers.first(), numbers.last()), (Some(&first), Some(&last)));
    let packet = &packets["packets"][0];
    assert_eq!(packet["from"], "src");
    let layers: Vec<_> =
        packet["layers"].as_array().unwrap().iter().map(|l| l["name"].as_str().unwrap()).collect();
    assert_eq!(layers, ["Ethernet", "IPv4", "TCP", "Data"]);
    assert_eq!(
        packet["hex"].as_str().unwrap().len(),
        2 * packet["captured"].as_u64().unwrap() as usize
    );
    let file = house.get(&format!("/api/v1/calls/{id}/pcap")).await;
    let saved = house.folder.path().join("call.pcapng");
    std::fs::write(&saved, &file.body).unwrap();
    let mut reader =
        capture::Reader::open(&[capture::Input::Path(saved)], capture::Options::default()).unwrap();
    let mut batch = capture::Batch::new();
    assert!(reader.next(&mut batch).unwrap());
    assert_eq!(batch.len(), numbers.len());
    assert_eq!(export::moment(batch.get(0).unwrap().at), packet["time"].as_str().unwrap());
    let stream = encoded(call["stream"].as_str().unwrap());
    let stream = house.json(&format!("/api/v1/streams/{stream}")).await;
    assert_eq!(stream["state"], "closed", "{stream}");
    assert!(stream["rtt_ns"].as_u64().is_some() && stream["request"]["packets"].as_u64() > Some(2));
    assert!(!stream["calls"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn packets_of_a_capture_that_is_gone_are_said_to_be_gone() {
    let house = House::with(&[], api::Settings::default()).await;
    let bytes = std::fs::read(common::fixture("dns.pcap.zst")).unwrap();
    let said = house.send(Request::post("/api/v1/import?name=dns"), bytes.into()).await;
    assert_eq!(said.status, StatusCode::ACCEPTED);
    house.settled().await;
    let page = house.json("/api/v1/calls?limit=1").await;
    let id = encoded(page["calls"][0]["id"].as_str().unwrap());
    assert_eq!(house.get(&format!("/api/v1/calls/{id}/packets")).await.status, StatusCode::OK);
    std::fs::remove_dir_all(house.folder.path().join("uploads")).unwrap();
    assert_eq!(
        house.get(&format!("/api/v1/calls/{id}/packets")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn figures_agree_with_the_calls() {
    let house = House::shop().await;
    let table = house.json("/api/v1/aggregate?by=protocol&show=count,error_rate,p50,p99").await;
    let counts: std::collections::BTreeMap<String, i64> = table["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_i64().unwrap()))
        .collect();
    assert_eq!(counts.get("http"), Some(&99), "{table}");
    assert_eq!(counts.values().sum::<i64>(), 312);
    let histogram = house.json("/api/v1/histogram?buckets=7").await;
    let sum: i64 = ["ok", "error", "unknown"]
        .iter()
        .flat_map(|name| histogram["series"][name].as_array().unwrap())
        .map(|n| n.as_i64().unwrap())
        .sum();
    assert_eq!(sum, 312, "{histogram}");
    let facets = house.json("/api/v1/facets?of=protocol,status").await;
    let http = &facets["facets"]["protocol"]
        .as_array()
        .unwrap()
        .iter()
        .find(|v| v["value"] == "http")
        .unwrap()
        .clone();
    assert_eq!(http["count"], 99);
    let page = house
        .json(&format!(
            "/api/v1/calls?limit=1000&where={}",
            encoded(http["where"].as_str().unwrap())
        ))
        .await;
    assert_eq!(page["calls"].as_array().unwrap().len(), 99);
    let map = house.json("/api/v1/map").await;
    let calls: i64 =
        map["edges"].as_array().unwrap().iter().map(|edge| edge["calls"].as_i64().unwrap()).sum();
    assert_eq!(calls, 312, "{map}");
}

#[tokio::test]
async fn everything_has_a_name_and_a_description() {
    let house = House::shop().await;
    let fields = house.json("/api/v1/fields").await;
    assert!(
        fields["fields"].as_array().unwrap().iter().any(|f| f["name"] == "http.request.method"
            && f["protocol"].as_str().unwrap().contains("http"))
    );
    assert!(!fields["functions"].as_array().unwrap().is_empty());
    let complete = house.json("/api/v1/complete?text=http%20%26%26%20stat").await;
    assert_eq!(complete["from"], 8);
    assert!(
        complete["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| c["text"].as_str().unwrap().starts_with("status"))
    );
    assert!(house.json("/api/v1/protocols").await["protocols"].as_array().unwrap().len() > 10);
    let health = house.json("/api/v1/health").await;
    assert_eq!((&health["calls"], &health["sources"][0]["state"]), (&json!(312), &json!("done")));
    assert_eq!(house.json("/api/v1/openapi.json").await["openapi"], "3.1.0");
    assert_eq!(house.get("/healthz").await.text(), "ok\n");
    let metrics = house.get("/metrics").await.text();
    assert!(metrics.contains("callscope_calls_total{src=\"10.77.0."), "{metrics}");
    assert!(metrics.ends_with("# EOF\n") && metrics.matches("# EOF").count() == 1);
    let nothing = house.get("/api/v1/nothing").await;
    assert_eq!((nothing.status, nothing.error().is_empty()), (StatusCode::NOT_FOUND, false));
    let not_so = house.ask(Request::delete("/api/v1/calls")).await;
    assert_eq!(not_so.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(!not_so.error().is_empty());
    let page = house.get("/").await;
    assert_eq!(page.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert!(page.headers.contains_key(header::CONTENT_SECURITY_POLICY));
}

#[tokio::test]
async fn calls_leave_in_all_formats() {
    let house = House::shop().await;
    let where_ = encoded("protocol == \"http\"");
    let ndjson = house.get(&format!("/api/v1/export?format=ndjson&where={where_}")).await.text();
    assert_eq!(ndjson.lines().count(), 99);
    assert!(ndjson.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let packed = Request::get(format!("/api/v1/export?format=ndjson&where={where_}"));
    let packed = house.ask(packed.header(header::ACCEPT_ENCODING, "gzip")).await;
    assert_eq!(packed.headers[header::CONTENT_ENCODING], "gzip");
    assert!(packed.body.starts_with(&[0x1f, 0x8b]) && packed.body.len() < ndjson.len());
    let csv = house.get(&format!("/api/v1/export?format=csv&where={where_}")).await.text();
    assert!(csv.starts_with("id,time,"));
    assert_eq!(csv.matches("\r\n").count(), 100);
    let har = house.json(&format!("/api/v1/export?format=har&where={where_}")).await;
    assert_eq!(har["log"]["entries"].as_array().unwrap().len(), 99);
    let packets = house.get(&format!("/api/v1/export?format=pcapng&where={where_}")).await;
    let saved = house.folder.path().join("calls.pcapng");
    std::fs::write(&saved, &packets.body).unwrap();
    let again = House::with(&[], api::Settings::default()).await;
    again.api.import("again", vec![saved]).unwrap();
    again.settled().await;
    let table = again.json("/api/v1/aggregate?by=protocol").await;
    assert_eq!(table["rows"], json!([["http", 99]]), "the packets tell the same calls");
    let none = house
        .get(&format!("/api/v1/export?format=pcapng&where={}", encoded("endpoint == \"nowhere\"")))
        .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(house.get("/api/v1/export?format=doc").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused_in_the_same_form() {
    let house = House::shop().await;
    let long = encoded(&"a".repeat(20_000));
    for (path, status) in [
        ("/api/v1/calls?limit=0".to_owned(), 400),
        ("/api/v1/calls?limit=1001".to_owned(), 400),
        ("/api/v1/calls?limit=many".to_owned(), 400),
        ("/api/v1/calls?unknown=1".to_owned(), 400),
        ("/api/v1/calls?from=yesterday".to_owned(), 400),
        ("/api/v1/calls?cursor=nonsense".to_owned(), 400),
        (format!("/api/v1/calls?where={long}"), 400),
        (format!("/api/v1/calls?where={}", encoded(&"a".repeat(40_000))), 414),
        ("/api/v1/aggregate?by=nothing".to_owned(), 400),
        ("/api/v1/aggregate?show=nothing".to_owned(), 400),
        ("/api/v1/aggregate?over=1ns".to_owned(), 400),
        ("/api/v1/histogram?buckets=100000".to_owned(), 400),
        ("/api/v1/facets?of=nothing".to_owned(), 400),
        ("/api/v1/complete?text=a&at=7".to_owned(), 400),
        ("/api/v1/imports/7".to_owned(), 404),
        ("/api/v1/streams/7".to_owned(), 404),
    ] {
        let said = house.get(&path).await;
        assert_eq!(said.status.as_u16(), status, "{path:.60}: {}", said.text());
        assert!(!said.error().is_empty(), "{path:.60}");
    }
}
