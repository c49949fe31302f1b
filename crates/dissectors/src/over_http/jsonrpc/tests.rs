//! Calls of JSON-RPC as HTTP has them.

use crate::over_http::testing::json;

#[test]
fn a_call_has_its_method_and_an_error_its_code() {
    let call = json(
        "/rpc",
        r#"{"jsonrpc":"2.0","id":7,"method":"eth_call","params":[1]}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{"a":1}}"#,
    );
    assert_eq!(call.line(), "jsonrpc eth_call /rpc 200 ok OK");
    assert_eq!(call.asked("rpc.system"), "jsonrpc");
    assert_eq!(call.asked("rpc.method"), "eth_call");
    assert_eq!(call.asked("rpc.jsonrpc.request_id"), "7");
    assert_eq!(call.asked("rpc.jsonrpc.params"), "[1]");
    assert_eq!(call.asked("http.request.method"), "POST");
    assert_eq!(call.answered("rpc.jsonrpc.result"), r#"{"a":1}"#);
    let failed = json(
        "/",
        r#"{"jsonrpc":"2.0","id":"a","method":"x"}"#,
        r#"{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"no such method"}}"#,
    );
    assert_eq!(failed.line(), "jsonrpc x / -32601 error no such method");
    assert_eq!(failed.answered("rpc.jsonrpc.error_code"), "-32601");
    assert_eq!(failed.answered("rpc.jsonrpc.error_message"), "no such method");
}

#[test]
fn a_batch_is_told_one_by_one() {
    let call = json(
        "/",
        r#"[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"b"}]"#,
        r#"[{"jsonrpc":"2.0","id":1,"error":{"code":5,"message":"m"}}]"#,
    );
    assert_eq!(call.line(), "jsonrpc a / 5 error m");
    assert_eq!(call.asked("rpc.method"), "a|b");
    assert_eq!(call.asked("rpc.jsonrpc.batch.size"), "2");
    assert_eq!(call.asked("rpc.jsonrpc.request_id"), "1");
}

#[test]
fn without_its_member_it_is_not_jsonrpc() {
    for body in [r#"{"id":1,"method":"a"}"#, r#"{"jsonrpc":"1.0","method":"a"}"#, "[]", "{"] {
        assert_eq!(json("/", body, "{}").line(), "http", "{body}");
    }
}
