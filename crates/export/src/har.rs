//! Calls as an HTTP archive (HAR 1.2), which developer tools of browsers open.
//!
//! The format is of HTTP alone: calls without `http.request.method` are none of its entries.

use serde_json::{Map, Value, json};

use crate::fact::{self, headers, number, text};

/// What stands before the first entry.
#[must_use]
pub fn har_begin() -> String {
    let creator = json!({ "name": "callscope", "version": env!("CARGO_PKG_VERSION") });
    format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[")
}

/// What stands after the last entry.
pub const HAR_END: &str = "]}}";

/// The entry of a call, given as the output contract says; nothing when it is no HTTP.
#[must_use]
pub fn har_entry(call: &Value) -> Option<Value> {
    let request = &call["request"];
    let fields = &request["fields"];
    let method = text(&fields["http.request.method"])?;
    let version = format!("HTTP/{}", text(&call["version"]).unwrap_or("1.1"));
    let mut entry = json!({
        "startedDateTime": call["time"],
        "time": milliseconds(&call["duration_ns"]),
        "request": of_request(call, method, &version),
        "response": of_response(&call["response"], &call["status"], &version),
        "cache": {},
        "timings": timings(call),
        "connection": call["stream"],
        "_id": call["id"],
        "_pairing": call["pairing"],
    });
    if let Some(ip) = text(&call["dst"]["ip"]) {
        entry["serverIPAddress"] = json!(ip);
    }
    if !call["missing"].is_null() {
        entry["comment"] = json!(format!("not all of it was captured: {}", call["missing"]));
    }
    Some(entry)
}

fn of_request(call: &Value, method: &str, version: &str) -> Value {
    let half = &call["request"];
    let url = fact::url(call);
    let mut request = json!({
        "method": method,
        "url": url,
        "httpVersion": version,
        "cookies": pairs(&half["fields"]["http.request.cookie"]),
        "headers": shown(half),
        "queryString": pairs(&half["fields"]["url.query.parameter"]),
        "headersSize": size(&half["header_size"]),
        "bodySize": size_of_body(half),
    });
    let body = &half["body"];
    if body.is_object() {
        request["postData"] = posted(half, body);
    }
    request
}

/// Binary payload has no place in `postData`: its encoding is said in a comment.
fn posted(half: &Value, body: &Value) -> Value {
    let media_type = media_type(half, body);
    match (text(&body["text"]), text(&body["base64"])) {
        (Some(plain), _) => json!({ "mimeType": media_type, "params": [], "text": plain }),
        (None, Some(base64)) => {
            json!({ "mimeType": media_type, "params": [], "text": base64, "comment": "base64" })
        }
        _ => json!({ "mimeType": media_type, "params": [], "text": "" }),
    }
}

fn of_response(half: &Value, status: &Value, version: &str) -> Value {
    let code = number(&half["fields"]["http.response.status_code"]).unwrap_or(0);
    let location = headers(half).find(|(name, _)| name.eq_ignore_ascii_case("location"));
    json!({
        // What was not seen is told as 0, as browsers do.
        "status": code,
        "statusText": text(&status["text"]).unwrap_or(""),
        "httpVersion": version,
        "cookies": pairs(&half["fields"]["http.response.set_cookie"]),
        "headers": shown(half),
        "content": content(half),
        "redirectURL": location.map_or("", |(_, place)| place),
        "headersSize": size(&half["header_size"]),
        "bodySize": size_of_body(half),
    })
}

fn content(half: &Value) -> Value {
    let body = &half["body"];
    let wire = number(&body["size"]).unwrap_or(0);
    let decoded = number(&body["decoded_size"]).or_else(|| number(&body["decoded_size_at_least"]));
    let mut content = Map::new();
    content.insert("size".into(), json!(decoded.unwrap_or(wire)));
    content.insert("mimeType".into(), json!(media_type(half, body)));
    if let Some(decoded) = decoded {
        content.insert("compression".into(), json!(decoded - wire));
    }
    if let Some(plain) = text(&body["text"]) {
        content.insert("text".into(), json!(plain));
    } else if let Some(base64) = text(&body["base64"]) {
        content.insert("text".into(), json!(base64));
        content.insert("encoding".into(), json!("base64"));
    }
    if body["truncated"] == true {
        content.insert("comment".into(), json!("only its beginning was kept"));
    }
    Value::Object(content)
}

fn media_type<'v>(half: &'v Value, body: &'v Value) -> &'v str {
    let header = || headers(half).find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    text(&body["media_type"])
        .or_else(|| header().map(|(_, value)| value))
        .unwrap_or("application/octet-stream")
}

/// Milliseconds to send, to wait, and to receive; -1 where it is not known.
fn timings(call: &Value) -> Value {
    let sent = number(&call["request"]["last_ns"]);
    let first = number(&call["response"]["first_ns"]);
    let last = number(&call["response"]["last_ns"]);
    let span = |from: Option<i64>, to: Option<i64>| match (from, to) {
        (Some(from), Some(to)) => to_milliseconds((to - from).max(0)),
        _ => json!(-1),
    };
    json!({
        "send": sent.map_or(json!(-1), to_milliseconds),
        "wait": span(sent, first),
        "receive": span(first, last),
    })
}

fn milliseconds(ns: &Value) -> Value {
    number(ns).map_or(json!(0), to_milliseconds)
}

/// With the nanoseconds behind the point.
#[expect(clippy::cast_precision_loss, reason = "a millionth of a day is lost in 100 years")]
fn to_milliseconds(ns: i64) -> Value {
    json!(ns as f64 / 1e6)
}

fn size(of: &Value) -> i64 {
    number(of).unwrap_or(-1)
}

fn size_of_body(half: &Value) -> i64 {
    let sizes = (number(&half["size"]), number(&half["header_size"]));
    match (number(&half["body"]["size"]), sizes) {
        (Some(size), _) => size,
        (None, (Some(all), Some(head))) if all == head => 0,
        _ => -1,
    }
}

fn shown(half: &Value) -> Value {
    headers(half).map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

/// A list of `name=value`.
fn pairs(list: &Value) -> Value {
    let items = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    let split = items.map(|item| item.split_once('=').unwrap_or((item, "")));
    split.map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Value {
        json!({
            "id": "1-0", "time": "2026-01-29T11:08:21.123456789Z", "duration_ns": 3_500_000,
            "protocol": "http", "version": "1.1", "status": { "code": "200", "text": "OK" },
            "src": { "ip": "10.0.0.1" }, "dst": { "ip": "10.0.0.2", "port": 80 }, "stream": "1",
            "pairing": "matched", "missing": null,
            "request": {
                "first_ns": 0, "last_ns": 500_000, "size": 30, "header_size": 25,
                "headers": [["Host", "shop"], ["Content-Type", "text/plain"]],
                "fields": { "http.request.method": "PUT", "url.full": "http://shop/a?b=c",
                    "url.query.parameter": ["b=c"] },
                "body": { "media_type": "text/plain", "size": 5, "text": "hello" }
            },
            "response": {
                "first_ns": 2_500_000, "last_ns": 3_500_000, "size": 40, "header_size": 30,
                "headers": [["Location", "/x"]],
                "fields": { "http.response.status_code": 200 },
                "body": { "size": 10, "decoded_size": 100, "base64": "AAAA" }
            }
        })
    }

    #[test]
    fn a_call_becomes_an_entry() {
        let entry = har_entry(&call()).unwrap();
        assert_eq!(entry["request"]["url"], "http://shop/a?b=c");
        assert_eq!(entry["request"]["postData"]["text"], "hello");
        assert_eq!(entry["request"]["queryString"], json!([{ "name": "b", "value": "c" }]));
        assert_eq!(entry["response"]["redirectURL"], "/x");
        assert_eq!(entry["response"]["content"]["encoding"], "base64");
        assert_eq!(entry["response"]["content"]["compression"], 90);
        assert_eq!(entry["timings"], json!({ "send": 0.5, "wait": 2.0, "receive": 1.0 }));
        assert_eq!(entry["time"], 3.5);
    }

    #[test]
    fn what_was_not_seen_is_not_invented() {
        let mut call = call();
        call["response"] = Value::Null;
        call["duration_ns"] = Value::Null;
        call["missing"] = json!({ "why": "gap" });
        let entry = har_entry(&call).unwrap();
        assert_eq!(entry["response"]["status"], 0);
        assert_eq!(entry["timings"]["wait"], -1);
        assert!(entry["comment"].as_str().unwrap().contains("gap"));
    }

    #[test]
    fn other_protocols_have_no_entry() {
        assert_eq!(har_entry(&json!({ "protocol": "redis", "request": { "fields": {} } })), None);
    }
}
