//! Streams of events as HTTP has them.

use super::events::Events;
use crate::over_http::testing::{Call, http1};

const STREAM: &str = ": hi\n\nevent: tick\nid: 7\ndata: a\ndata: b\n\ndata:c\r\n\r\ndata: cut";

fn call() -> Call {
    http1(
        "GET /news HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 6\r\n\r\n",
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{STREAM}\r\n0\r\n\r\n",
            STREAM.len()
        ),
    )
}

#[test]
fn events_end_with_an_empty_line() {
    let events: Vec<_> = Events::of(STREAM.as_bytes()).collect();
    assert_eq!(events.len(), 2);
    assert_eq!((&*events[0].name, events[0].id.as_deref()), ("tick", Some("7")));
    assert_eq!(events[0].data, "a\nb");
    assert_eq!((&*events[1].name, &*events[1].data), ("", "c"));
    assert_eq!(Events::of(b"\xef\xbb\xbfdata: x\r\rdata").count(), 1);
}

#[test]
fn events_are_told_with_their_times() {
    let mut call = call();
    call.came(&[(0, 100), (32, 900), (40, 5_000)]);
    assert_eq!(call.line(), "sse GET /news 200 ok OK");
    assert_eq!(call.asked("sse.last_event_id"), "6");
    assert_eq!(call.answered("sse.event.count"), "2");
    let events = call.answered("sse.event");
    let first = r#"{"number":1,"after_ns":900,"event":"tick","id":"7","size":35,"data":"a\nb"}"#;
    let second = r#"{"number":2,"after_ns":5000,"size":10,"data":"c"}"#;
    assert_eq!(events, format!("{first}|{second}"));
}

#[test]
fn what_was_not_kept_is_said() {
    let mut call = call();
    assert_eq!(call.answered("sse.cut"), "");
    call.response.as_mut().unwrap().body.size += 1;
    assert_eq!(call.answered("sse.cut"), "true");
}
