//! Calls of gRPC as HTTP has them.

use crate::over_http::testing::{Call, Said, http1, http2};

const ASKS: &[(&str, &str)] = &[
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/shop.v1.Orders/Get"),
    (":authority", "shop"),
    ("content-type", "application/grpc+proto"),
    ("te", "trailers"),
    ("grpc-timeout", "200m"),
    ("x-tenant", "seven"),
    ("authorization", "Bearer secret"),
    ("trace-bin", "AAEC"),
];
const ANSWERS: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];

/// A call with this answer.
fn call(head: &[(&str, &str)], body: &[&[u8]], trailers: &[(&str, &str)]) -> Call {
    let asks = Said { head: ASKS, body: &[b"\0\0\0\0\x07\x0a\x05order"], ..Said::default() };
    http2(&asks, &Said { head, body, trailers })
}

#[test]
fn a_unary_call_has_method_path_and_status() {
    let call = call(ANSWERS, &[b"\0\0\0\0\x02\x08\x2a"], &[("grpc-status", "0")]);
    assert_eq!(call.line(), "grpc Get /shop.v1.Orders/Get 0 ok OK");
    assert_eq!(call.asked("rpc.service"), "shop.v1.Orders");
    assert_eq!(call.asked("rpc.method"), "Get");
    assert_eq!(call.asked("rpc.system"), "grpc");
    assert_eq!(call.asked("grpc.timeout_ns"), "200000000");
    assert_eq!(call.asked("http.request.method"), "POST");
    assert_eq!(call.asked("url.path"), "/shop.v1.Orders/Get");
    assert_eq!(call.asked("header:x-tenant"), "seven");
    assert_eq!(call.answered("http.response.status_code"), "200");
    assert_eq!(call.answered("rpc.grpc.status_code"), "0");
    assert_eq!(call.answered("grpc.status"), "OK");
    assert_eq!(call.asked("grpc.message.count"), "1");
    assert_eq!(
        call.asked("grpc.message"),
        r#"{"number":1,"direction":"request","size":7,"compressed":false,"payload":{"1":"order"}}"#
    );
}

#[test]
fn metadata_is_decoded_and_secrets_are_not_shown() {
    let trailers = [("grpc-status", "0"), ("x-sum", "12")];
    let call = call(ANSWERS, &[], &trailers);
    assert_eq!(call.asked("grpc.metadata"), "x-tenant=seven|authorization=***|trace-bin=0x000102");
    assert_eq!(call.answered("grpc.metadata"), "x-sum=12");
}

#[test]
fn an_error_has_its_name_and_message() {
    let trailers =
        [("grpc-status", "5"), ("grpc-message", "no%20order"), ("grpc-status-details-bin", "CAU")];
    let call = call(ANSWERS, &[], &trailers);
    assert_eq!(call.line(), "grpc Get /shop.v1.Orders/Get 5 error NOT_FOUND: no order");
    assert_eq!(call.answered("grpc.status.message"), "no order");
    assert_eq!(call.answered("grpc.status.details"), r#"{"1":5}"#);
}

#[test]
fn a_status_in_the_head_is_a_status() {
    let head = [ANSWERS, &[("grpc-status", "12")]].concat();
    assert_eq!(call(&head, &[], &[]).line(), "grpc Get /shop.v1.Orders/Get 12 error UNIMPLEMENTED");
}

#[test]
fn without_a_status_it_is_unknown_or_what_http_says() {
    let line = "grpc Get /shop.v1.Orders/Get";
    let silent = call(ANSWERS, &[b"\0\0\0\0\0"], &[]);
    assert_eq!(silent.line(), format!("{line} unknown unknown grpc-status was not seen"));
    let proxy = call(&[(":status", "503"), ("content-type", "text/html")], &[b"sorry"], &[]);
    assert_eq!(proxy.line(), format!("{line} 14 error UNAVAILABLE: HTTP 503"));
    assert_eq!(proxy.answered("grpc.message"), "");
}

#[test]
fn messages_of_a_stream_have_their_times() {
    let body: [&[u8]; 2] = [b"\0\0\0\0\x02\x08\x01", b"\0\0\0\0\x02\x08\x02"];
    let mut call = call(ANSWERS, &body, &[("grpc-status", "0")]);
    call.came(&[(0, 500), (7, 9_000)]);
    let messages = call.told(model::Side::Server, "grpc.message");
    assert!(messages[0].contains(r#""number":1,"after_ns":500,"direction":"response""#));
    assert!(messages[1].contains(r#""number":2,"after_ns":9000"#));
    assert!(messages[1].ends_with(r#""payload":{"1":2}}"#));
}

#[test]
fn a_compressed_message_is_shown() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"\x0a\x05hello").unwrap();
    let coded = gzip.finish().unwrap();
    let body = [&[1, 0, 0, 0, u8::try_from(coded.len()).unwrap()][..], &coded].concat();
    let head = [ANSWERS, &[("grpc-encoding", "gzip")]].concat();
    let known = call(&head, &[&body], &[("grpc-status", "0")]);
    assert!(
        known.answered("grpc.message").contains(r#""compressed":true,"payload":{"1":"hello"}}"#)
    );
    let unknown = call(ANSWERS, &[&body], &[("grpc-status", "0")]);
    assert!(unknown.answered("grpc.message").contains(r#""payload":null"#));
}

#[test]
fn what_was_not_kept_is_said() {
    let mut call = call(ANSWERS, &[b"\0\0\0\0\x09\x0a\x07mess"], &[("grpc-status", "0")]);
    assert!(call.answered("grpc.message").contains(r#""size":9"#));
    assert!(call.answered("grpc.message").ends_with(r#""cut":true}"#));
    assert_eq!(call.answered("grpc.message.cut"), "");
    call.response.as_mut().unwrap().body.size += 1;
    assert_eq!(call.answered("grpc.message.cut"), "true");
}

#[test]
fn json_messages_are_texts() {
    let head = [(":status", "200"), ("content-type", "application/grpc+json; v=1")];
    let call = call(&head, &[b"\0\0\0\0\x07{\"a\":1}"], &[("grpc-status", "0")]);
    assert!(call.answered("grpc.message").ends_with(r#""payload":"{\"a\":1}"}"#));
}

fn web(media_type: &str, body: &str) -> Call {
    let len = body.len();
    http1(
        format!(
            "POST /api/shop.Orders/Get?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: {media_type}\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0"
        ),
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len}\r\n\r\n{body}"
        ),
    )
}

#[test]
fn trailers_of_grpc_web_are_in_the_body() {
    let call = web("application/grpc-web+proto", "\0\0\0\0\x02\x08\x01\u{0}\0\0\0\0");
    assert_eq!(call.line().split(' ').nth(3), Some("unknown"));
    let trailers = b"grpc-status:7\r\ngrpc-message:not%20you\r\nX-Why: rules\r\n";
    let mut call = call;
    let body = &mut call.response.as_mut().unwrap().body;
    body.kept.extend([0x80, 0, 0, 0, u8::try_from(trailers.len()).unwrap()]);
    body.kept.extend(trailers);
    body.size = body.kept.len() as u64;
    assert_eq!(call.line(), "grpc Get /api/shop.Orders/Get 7 error PERMISSION_DENIED: not you");
    assert_eq!(call.asked("rpc.service"), "shop.Orders");
    assert_eq!(call.answered("grpc.metadata"), "x-why=rules");
    assert_eq!(call.answered("grpc.message.count"), "2");
    assert_eq!(call.answered("grpc.web"), "true");
}

#[test]
fn grpc_web_may_be_in_base64() {
    // A message, and after padding a frame of trailers.
    let call = web("application/grpc-web-text", "AAAAAAIIAQ==gAAAAA1ncnBjLXN0YXR1czow");
    assert_eq!(call.line(), "grpc Get /api/shop.Orders/Get 0 ok OK");
    assert!(call.answered("grpc.message").ends_with(r#""payload":{"1":1}}"#));
}

#[test]
fn a_response_alone_is_known_and_a_type_that_begins_alike_is_not() {
    let answers = Said { head: ANSWERS, trailers: &[("grpc-status", "0")], ..Said::default() };
    assert_eq!(http2(&Said::default(), &answers).line(), "grpc - - 0 ok OK");
    let call = http1("POST / HTTP/1.1\r\nContent-Type: application/grpcx\r\n\r\n", "");
    assert_eq!(call.line(), "http");
}

#[test]
fn a_head_that_is_cut_anywhere_is_told_without_panic() {
    let call = call(ANSWERS, &[b"\0\0\0\0\x02\x08\x01"], &[("grpc-status", "0")]);
    for whole in [call.request.unwrap(), call.response.unwrap()] {
        let mut half = whole.clone();
        while half.record.pop().is_some() {
            let call = Call { request: Some(half.clone()), response: Some(half.clone()) };
            let _ = call.line();
            if call.protocol().is_some() {
                let _ = call.asked("grpc.message");
            }
        }
    }
}
