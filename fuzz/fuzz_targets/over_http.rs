//! Any bytes as the bodies of an HTTP call that says it carries another protocol: headline and tale of
//! whatever is seen in it.
//!
//! ```text
//! | asked type | answered type | how | length of the question, 2 | question … | answer … |
//! ```
#![no_main]

use dissect::kit::{Case, Kept, Replay, Turn};
use dissectors::{LENSES, http};
use fuzz::Input;
use libfuzzer_sys::fuzz_target;
use model::{BodyFacts, Message, Protocol, Side, Tell, Value};

/// Media types that protocols over HTTP go by, with parameters that matter.
const TYPES: [&str; 14] = [
    "application/json",
    "application/json; charset=utf-16",
    "application/grpc",
    "application/grpc+json",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/graphql",
    "application/graphql-response+json",
    "text/event-stream",
    "text/xml",
    "application/soap+xml; action=\"urn:a\"",
    "application/x-ndjson",
    "application/octet-stream",
    "text/plain",
];
/// Ends of the request line and lines of the head that some of them look at.
const HEADS: [&str; 8] = [
    "/a.B/C HTTP/1.1\r\nTE: trailers\r\nGrpc-Timeout: 1S\r\nGrpc-Encoding: gzip\r\nx-bin: AAE\r\n",
    "/graphql?query=%7Ba%7D&operationName=a HTTP/1.1\r\n",
    "/v1/chat/completions HTTP/1.1\r\n",
    "/v1/messages HTTP/1.1\r\nanthropic-version: 1\r\n",
    "/v1beta/models/m:streamGenerateContent HTTP/1.1\r\n",
    "/mcp HTTP/1.1\r\nMcp-Session-Id: 1\r\nMCP-Protocol-Version: 2025-06-18\r\n",
    "/soap HTTP/1.1\r\nSOAPAction: \"urn:a#b\"\r\n",
    "/api/generate HTTP/1.1\r\n",
];

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let (asked, answered, how) = (input.byte(), input.byte(), input.byte());
    let len = usize::from(input.short());
    let (question, answer) = (input.piece(len), input.0);
    let pick = |from: &[&'static str], by: u8| from[usize::from(by) % from.len()];
    let asks = [
        format!(
            "POST {}Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
            pick(&HEADS, how),
            pick(&TYPES, asked),
            question.len()
        )
        .as_bytes(),
        question,
    ]
    .concat();
    // A body until its end.
    let status = if how & 0x08 == 0 { "" } else { "Grpc-Status: 5\r\nGrpc-Message: a%20b\r\n" };
    let answers = [
        format!("HTTP/1.1 200 OK\r\n{status}Content-Type: {}\r\n\r\n", pick(&TYPES, answered))
            .as_bytes(),
        answer,
    ]
    .concat();
    let mut turns = vec![Turn::Says(Side::Client, asks), Turn::Says(Side::Server, answers)];
    // Now and then only one half is there.
    match how >> 6 {
        2 => drop(turns.remove(0)),
        3 => drop(turns.pop()),
        _ => {}
    }
    let case = Case { turns, late: how >> 6 == 2, ..Case::default() };
    Replay::new(&case).run(&http::DISSECTION).iter().for_each(look);
});

fn look(call: &Kept) {
    let [request, response] =
        [&call.request, &call.response].map(|half| half.as_ref().map(|half| half.message()));
    for lens in LENSES {
        let Some(protocol) = (lens.sees)(request.as_ref(), response.as_ref()) else { continue };
        let _ = (protocol.headline)(request.as_ref(), response.as_ref());
        for message in [&request, &response].into_iter().flatten() {
            tell(protocol, message);
        }
    }
}

fn tell(protocol: &'static Protocol, message: &Message) {
    (protocol.tell)(message, &mut Listener { fields: protocol.fields.len() });
}

/// Checks that fields are in the table.
struct Listener {
    fields: usize,
}

// === impl Listener ===

impl Tell for Listener {
    fn field(&mut self, index: usize, _: Value<'_>) {
        assert!(index < self.fields, "field {index} of {}", self.fields);
    }

    fn header(&mut self, _: &[u8], _: &[u8]) {}

    fn body(&mut self, _: BodyFacts<'_>) {}
}
