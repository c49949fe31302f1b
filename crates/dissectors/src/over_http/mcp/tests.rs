//! Calls of the Model Context Protocol as HTTP has them.

use crate::over_http::testing::{http1, json, post};

#[test]
fn a_tool_is_called() {
    let call = json(
        "/mcp",
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add","arguments":{"a":1}}}"#,
        r#"{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"3"}]}}"#,
    );
    assert_eq!(call.line(), "mcp tools/call add 200 ok OK");
    assert_eq!(call.asked("mcp.tool.name"), "add");
    assert_eq!(call.asked("mcp.request.arguments"), r#"{"a":1}"#);
    assert_eq!(call.asked("rpc.jsonrpc.request_id"), "2");
    assert_eq!(call.answered("mcp.content"), "3");
}

#[test]
fn an_answer_may_come_as_an_event_and_a_tool_may_fail() {
    let call = post(
        "/mcp",
        (
            "application/json",
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add"}}"#,
        ),
        (
            "text/event-stream",
            "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"isError\":true,\"content\":[{\"text\":\"no\"}]}}\n\n",
        ),
    );
    assert_eq!(call.line(), "mcp tools/call add isError error no");
    assert_eq!(call.answered("mcp.tool.failed"), "true");
}

#[test]
fn a_session_begins_and_lists() {
    let call = json(
        "/mcp",
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"c","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"too new"}}"#,
    );
    assert_eq!(call.line(), "mcp initialize /mcp -32602 error too new");
    assert_eq!(call.asked("mcp.protocol.version"), "2025-06-18");
    assert_eq!(call.asked("mcp.peer"), "c 1");
    let asks = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let call = json("/mcp", asks, r#"{"id":1,"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#);
    assert_eq!(call.answered("mcp.listed"), "a|b");
}

#[test]
fn a_session_is_named_in_the_head() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let with = |head: &str| {
        let len = body.len();
        http1(
            format!(
                "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n{head}Content-Length: {len}\r\n\r\n{body}"
            ),
            "",
        )
    };
    assert_eq!(with("Mcp-Session-Id: s7\r\n").line(), "mcp ping /mcp - - -");
    assert_eq!(with("Mcp-Session-Id: s7\r\n").asked("mcp.session.id"), "s7");
    assert_eq!(with("").line(), "jsonrpc ping /mcp - - -");
}
