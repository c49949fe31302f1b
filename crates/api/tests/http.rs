//! Every question to the API, asked in this process over recordings.

mod common;

use api::Settings;
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

#[tokio::test]
async fn an_endpoint_of_the_facets_finds_as_many_calls_as_it_says() {
    let house = House::shop().await;
    let facets = house.json("/api/v1/facets?of=endpoint&limit=200").await;
    let endpoints = facets["facets"]["endpoint"].as_array().unwrap();
    assert!(endpoints.iter().any(|one| one["value"].as_str().unwrap().contains('{')));
    let table = house.json("/api/v1/aggregate?by=endpoint&show=count&limit=1000").await;
    for endpoint in endpoints {
        let (value, count) = (&endpoint["value"], &endpoint["count"]);
        let row = table["rows"].as_array().unwrap().iter().find(|row| &row[0] == value).unwrap();
        assert_eq!(&row[1], count, "{value}");
        let where_ = encoded(endpoint["where"].as_str().unwrap());
        let found = house.json(&format!("/api/v1/aggregate?where={where_}&show=count")).await;
        assert_eq!(&found["rows"][0][0], count, "{value}");
    }
}

#[tokio::test]
async fn handshakes_are_found_by_what_they_agree_on() {
    let house = House::with(&["tls.pcapng.zst"], Settings::default()).await;
    let count = async |where_: &str| {
        let path = format!("/api/v1/aggregate?where={}&show=count", encoded(where_));
        house.json(&path).await["rows"][0][0].as_i64().unwrap()
    };
    for column in ["tls.sni", "tls.version", "tls.cipher"] {
        let found = count(&format!("protocol == \"tls\" && has({column})")).await;
        assert!(found > 0, "{column}");
    }
    let table = house.json("/api/v1/aggregate?where=protocol==%22tls%22&by=tls.sni").await;
    assert!(table["rows"][0][0].is_string(), "{table}");
    house.store.seal().unwrap();
    let sealed = house.json("/api/v1/aggregate?where=protocol==%22tls%22&by=tls.sni").await;
    assert_eq!(sealed["rows"], table["rows"]);
}

#[tokio::test]
async fn a_heat_map_counts_what_an_aggregate_counts() {
    let house = House::shop().await;
    let map = house.json("/api/v1/heatmap?buckets=7&where=http").await;
    let (steps, counts) = (map["steps"].as_array().unwrap(), map["counts"].as_array().unwrap());
    assert!(steps.len() > 2 && steps.len() == counts.len());
    let table = house.json("/api/v1/aggregate?where=http&by=duration.step").await;
    for row in table["rows"].as_array().unwrap().iter().filter(|row| !row[0].is_null()) {
        let at = steps.iter().position(|step| *step == row[0]).unwrap();
        let of_step = counts[at].as_array().unwrap();
        let sum: i64 = of_step.iter().map(|count| count.as_i64().unwrap()).sum();
        assert_eq!((sum, of_step.len()), (row[1].as_i64().unwrap(), 7), "{map}");
    }
    let none = house.json("/api/v1/heatmap?where=method==%22NONE%22").await;
    assert_eq!(none["steps"], json!([]));
}

#[tokio::test]
async fn the_slowest_calls_come_first_if_asked() {
    let house = House::shop().await;
    let page = house.json("/api/v1/calls?sort=duration&limit=20").await;
    let durations: Vec<_> = page["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["duration_ns"].as_i64().unwrap())
        .collect();
    assert!(durations.len() == 20 && durations.is_sorted_by(|a, b| a >= b));
    let most = house.json("/api/v1/aggregate?show=max").await;
    assert_eq!(most["rows"][0][0], durations[0]);
    let cursor = encoded(page["next"].as_str().unwrap());
    let next = house.json(&format!("/api/v1/calls?sort=duration&limit=20&cursor={cursor}")).await;
    assert!(next["calls"][0]["duration_ns"].as_i64().unwrap() <= durations[19]);
    assert_ne!(next["calls"][0]["id"], page["calls"][19]["id"]);
}

#[tokio::test]
async fn health_says_what_was_lost_and_unread_and_what_to_do() {
    let house = House::with(&[], Settings::default()).await;
    let live = house.api.live("live: any", Vec::new()).unwrap();
    let count = |name: &str, count| api::Count {
        name: name.into(),
        words: "packets lost".into(),
        count,
        loss: true,
    };
    let unread = |server: &str, workload: Option<&str>, why, bytes| api::Unread {
        server: Some(server.into()),
        namespace: workload.map(|_| "shop".into()),
        workload: workload.map(str::to_owned),
        why,
        flows: 1,
        bytes,
    };
    let found = |packets, lost| api::Finished {
        facts: api::Facts { packets, ..api::Facts::default() },
        counts: vec![count("kernel_drops", lost)],
        unread: vec![
            unread("10.0.0.1:443", Some("pay"), "encrypted", 70),
            unread("10.0.0.2:443", Some("pay"), "encrypted", 30),
            unread("10.9.9.9:7", None, "unknown-protocol", 50),
        ],
        ..api::Finished::default()
    };
    live.so_far(found(10, 0));
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    live.so_far(found(20, 3));
    let health = house.json("/api/v1/health").await;
    let source = &health["sources"][0];
    assert_eq!((&source["state"], &source["live"]), (&json!("reading"), &json!(true)));
    assert!(source["rates"]["packets_per_s"].as_f64() > Some(0.0), "{source}");
    assert!(health["rates"]["losses_per_s"].as_f64() > Some(0.0), "{health}");
    let loss = &health["losses"][0];
    assert_eq!((&loss["name"], &loss["count"]), (&json!("kernel_drops"), &json!(3)));
    assert!(loss["next"].as_str().unwrap().contains("CPU"), "{loss}");
    let told = health["unread"].as_array().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    let pay = json!({ "workload": "pay", "namespace": "shop", "why": "encrypted", "bytes": 100 });
    for (name, value) in pay.as_object().unwrap() {
        assert_eq!(&told[0][name], value, "{name}");
    }
    assert!(told[0]["next"].as_str().unwrap().contains("--keylog"));
    assert_eq!((&told[1]["server"], &told[1]["workload"]), (&json!("10.9.9.9:7"), &Value::Null));
    let metrics = house.get("/metrics").await.text();
    let line = "callscope_unread_bytes_total{workload=\"shop/pay\",reason=\"encrypted\"} 100";
    assert!(metrics.contains(line), "{metrics}");
    live.end(found(20, 3));
    let source = house.json("/api/v1/health").await["sources"][0].clone();
    assert!(source["state"] == "done" && source["rates"].is_null(), "{source}");
}
