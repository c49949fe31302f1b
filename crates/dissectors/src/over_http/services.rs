//! Calls of services that are known by the shape of their paths.

use super::testing::{Said, http1, http2, json};

#[test]
fn a_search_has_an_index_and_hits() {
    let asks = r#"{"query":{"match":{"title":"x"}}}"#;
    let answers =
        r#"{"took":5,"timed_out":false,"_shards":{"total":1},"hits":{"total":{"value":3}}}"#;
    let call = json("/shop,blog/_search?size=1", asks, answers);
    assert_eq!(call.line(), "elasticsearch search shop,blog 200 ok OK");
    assert_eq!(call.asked("db.query.text"), asks);
    assert_eq!(call.answered("elasticsearch.hits"), "3");
    assert_eq!(call.answered("elasticsearch.took_ms"), "5");
}

#[test]
fn an_index_that_is_not_there_is_an_error() {
    let answers = r#"{"error":{"root_cause":[],"type":"index_not_found_exception","reason":"no such index [x]"},"status":404}"#;
    let call = json("/x/_doc/7", "{}", answers);
    assert_eq!(
        call.line(),
        "elasticsearch index x index_not_found_exception error no such index [x]"
    );
    assert_eq!(call.asked("elasticsearch.document_id"), "7");
}

#[test]
fn others_have_such_paths_too() {
    let answers = r#"{"resourceType":"Bundle"}"#;
    assert_eq!(json("/Patient/_search", "{}", answers).line(), "http");
    assert_eq!(json("/api/v1/users/7", "{}", r#"{"kind":"user"}"#).line(), "http");
    assert_eq!(json("/v1/traces", "{}", "{}").line(), "http");
}

#[test]
fn an_object_is_put_and_one_is_not_there() {
    let signed =
        "Authorization: AWS4-HMAC-SHA256 Credential=AK/20260101/eu/s3/aws4_request, Signature=0";
    let call = http1(
        format!(
            "PUT /b/a/key?partNumber=2&uploadId=u HTTP/1.1\r\nHost: minio:9000\r\n{signed}\r\nContent-Length: 0\r\n\r\n"
        ),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(call.line(), "s3 UploadPart b/a/key 200 ok OK");
    assert_eq!(call.asked("aws.s3.bucket"), "b");
    assert_eq!(call.asked("aws.s3.upload_id"), "u");
    let error = "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>";
    let call = http1(
        format!("GET /a/key HTTP/1.1\r\nHost: b.s3.amazonaws.com\r\n{signed}\r\n\r\n"),
        format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{error}", error.len()),
    );
    assert_eq!(call.line(), "s3 GetObject b/a/key NoSuchKey error gone");
    let call =
        http1(format!("GET /b?list-type=2&prefix=x HTTP/1.1\r\nHost: a\r\n{signed}\r\n\r\n"), "");
    assert_eq!(call.line(), "s3 ListObjectsV2 b - - -");
}

#[test]
fn a_path_of_kubernetes_has_a_verb_and_a_resource() {
    let call = |target: &str, answers: &str| {
        http1(
            format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: kubectl/v1.30\r\n\r\n"),
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answers}", answers.len()),
        )
    };
    assert_eq!(
        call("/apis/apps/v1/namespaces/shop/deployments?watch=true", "").line(),
        "kubernetes watch shop/deployments 200 ok OK"
    );
    let log = call("/api/v1/namespaces/shop/pods/web-1/log", "");
    assert_eq!(log.line(), "kubernetes get shop/pods/web-1/log 200 ok OK");
    assert_eq!(log.asked("k8s.api.subresource"), "log");
    let refused = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"no"}"#;
    assert_eq!(
        call("/api/v1/nodes/n1", refused).line(),
        "kubernetes get nodes/n1 NotFound error no"
    );
    assert_eq!(call("/api/v1/namespaces", "").line(), "kubernetes list namespaces 200 ok OK");
}

#[test]
fn telemetry_is_counted() {
    // One resource called "a" with one scope of two spans.
    let export = b"\x0a\x1e\x0a\x15\x0a\x13\x0a\x0cservice.name\x12\x03\x0a\x01a\x12\x05\x12\x00\x12\x00\x1a";
    let export = &export[..export.len() - 2];
    let export = [export, b"\x12\x00"].concat();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        export.len()
    );
    let call =
        http1([head.as_bytes(), &export].concat(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(call.line(), "otlp export traces 200 ok OK");
    assert_eq!(call.asked("otlp.resources.count"), "1");
    assert_eq!(call.asked("otlp.service.name"), "a");
}

#[test]
fn keys_of_etcd_are_seen_through_grpc() {
    let call = http2(
        &Said {
            head: &[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "/etcdserverpb.KV/Range"),
                (":authority", "a"),
                ("content-type", "application/grpc"),
            ],
            body: &[b"\0\0\0\0\x06\x0a\x04/a/b"],
            ..Said::default()
        },
        &Said {
            head: &[(":status", "200"), ("content-type", "application/grpc")],
            body: &[b"\0\0\0\0\x06\x0a\x02\x18\x09\x20\x01"],
            trailers: &[("grpc-status", "0")],
        },
    );
    assert_eq!(call.line(), "etcd Range /a/b 0 ok OK");
    assert_eq!(call.answered("etcd.revision"), "9");
    assert_eq!(call.answered("etcd.count"), "1");
}

#[test]
fn telemetry_over_grpc_is_told_apart() {
    let path = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    let call = http2(
        &Said {
            head: &[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", path),
                (":authority", "a"),
                ("content-type", "application/grpc"),
            ],
            body: &[b"\0\0\0\0\0"],
            ..Said::default()
        },
        &Said::default(),
    );
    assert_eq!(call.line(), "otlp export metrics - - -");
}
