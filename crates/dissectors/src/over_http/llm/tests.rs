//! Calls of language models as HTTP has them.

use crate::over_http::testing::{json, post};

const ASKS: &str = r#"{"model":"m-1","stream":true,"max_tokens":9,"messages":[{"role":"system","content":"be short"},{"role":"user","content":[{"type":"text","text":"hi"}]}],"tools":[{"type":"function","function":{"name":"look"}}]}"#;

#[test]
fn a_chat_has_model_text_and_usage() {
    let call = json(
        "/v1/chat/completions",
        ASKS,
        r#"{"id":"c1","model":"m-1x","choices":[{"message":{"role":"assistant","content":"hello","tool_calls":[{"function":{"name":"look","arguments":"{\"a\":1}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}"#,
    );
    assert_eq!(call.line(), "llm chat m-1 200 ok OK");
    assert_eq!(call.asked("gen_ai.request.model"), "m-1");
    assert_eq!(call.asked("gen_ai.request.max_tokens"), "9");
    assert_eq!(call.asked("gen_ai.request.message.count"), "2");
    assert_eq!(call.asked("gen_ai.prompt"), "hi");
    assert_eq!(call.asked("gen_ai.request.tools"), "look");
    assert_eq!(call.asked("gen_ai.request.stream"), "true");
    assert_eq!(call.asked("gen_ai.provider.name"), "openai");
    assert_eq!(call.answered("gen_ai.response.id"), "c1");
    assert_eq!(call.answered("gen_ai.response.model"), "m-1x");
    assert_eq!(call.answered("gen_ai.response.finish_reasons"), "stop");
    assert_eq!(call.answered("gen_ai.usage.input_tokens"), "5");
    assert_eq!(call.answered("gen_ai.usage.output_tokens"), "2");
    assert_eq!(call.answered("gen_ai.completion"), "hello");
    assert_eq!(call.answered("gen_ai.tool.call"), r#"look({"a":1})"#);
}

#[test]
fn a_streamed_chat_is_put_together() {
    let events = concat!(
        "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"hel\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n",
        "data: [DONE]\n\n",
    );
    let mut call = post("/x", ("application/json", ASKS), ("text/event-stream", events));
    call.came(&[(0, 100), (70, 700), (120, 9_000)]);
    call.request.as_mut().unwrap().first.at = model::Timestamp(60);
    assert_eq!(call.line(), "llm chat m-1 200 ok OK");
    assert_eq!(call.answered("gen_ai.completion"), "hello");
    assert_eq!(call.answered("gen_ai.tool.call"), "f({})");
    assert_eq!(call.answered("gen_ai.response.finish_reasons"), "tool_calls");
    assert_eq!(call.answered("gen_ai.response.time_to_first_token_ns"), "640");
}

#[test]
fn streamed_messages_of_the_other_kind_are_put_together() {
    let events = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"a\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"hey\"}}\n\n",
        "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\",\"input\":{}}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"partial_json\":\"{\\\"a\\\":\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"partial_json\":\"1}\"}}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":8}}\n\n",
    );
    let call = post("/v1/messages", ("application/json", ASKS), ("text/event-stream", events));
    assert_eq!(call.answered("gen_ai.completion"), "hey");
    assert_eq!(call.answered("gen_ai.tool.call"), r#"f({"a":1})"#);
    assert_eq!(call.answered("gen_ai.response.finish_reasons"), "tool_use");
    assert_eq!(call.answered("gen_ai.usage.input_tokens"), "3");
    assert_eq!(call.answered("gen_ai.usage.output_tokens"), "8");
}

#[test]
fn responses_completions_and_errors_are_known() {
    let call = json(
        "/v1/responses",
        r#"{"model":"m","input":"hi"}"#,
        r#"{"id":"r","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"yo"}]},{"type":"function_call","name":"f","arguments":"{}"}]}"#,
    );
    assert_eq!(call.line(), "llm chat m 200 ok OK");
    assert_eq!(call.answered("gen_ai.completion"), "yo");
    assert_eq!(call.answered("gen_ai.tool.call"), "f({})");
    let asks = r#"{"model":"m","prompt":"hi"}"#;
    let call = json("/v1/completions", asks, r#"{"error":{"message":"too many"}}"#);
    assert_eq!(call.line(), "llm text_completion m 200 error too many");
    assert_eq!(call.answered("error.message"), "too many");
    let call = json("/v1/embeddings", r#"{"model":"m","input":["a"]}"#, "{}");
    assert_eq!(call.line(), "llm embeddings m 200 ok OK");
}

#[test]
fn a_model_that_is_no_language_model_is_none() {
    for body in [
        r#"{"model":"T","messages":["a"]}"#,
        r#"{"model":3,"messages":[{"role":"x"}]}"#,
        r#"{"messages":[{"role":"x"}]}"#,
        r#"{"model":"T","input":"x"}"#,
        r#"{"model":"T","prompt":"x"}"#,
    ] {
        assert_eq!(json("/cars", body, "{}").line(), "http", "{body}");
    }
}
