//! What a call in JSON says, for the formats that are made of it.

use serde_json::Value;

/// Text, if it is one.
pub(crate) fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// A whole number, if it is one.
pub(crate) fn number(value: &Value) -> Option<i64> {
    value.as_i64()
}

/// The headers of a half, in order; not those that HTTP/2 made of the first line.
pub(crate) fn headers(half: &Value) -> impl Iterator<Item = (&str, &str)> {
    let pairs = half["headers"].as_array().into_iter().flatten();
    pairs
        .filter_map(|pair| Some((pair.get(0)?.as_str()?, pair.get(1)?.as_str()?)))
        .filter(|(name, _)| !name.starts_with(':'))
}

/// The URL that was asked for, put together from what was seen.
pub(crate) fn url(call: &Value) -> String {
    let fields = &call["request"]["fields"];
    if let Some(url) = text(&fields["url.full"]) {
        return url.to_owned();
    }
    let ip = text(&call["dst"]["ip"]).unwrap_or("unknown");
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    let port = call["dst"]["port"].as_u64().map(|port| format!(":{port}")).unwrap_or_default();
    let scheme = if call["tls"].is_object() { "https" } else { "http" };
    let path = text(&fields["url.path"]).or_else(|| text(&call["endpoint"])).unwrap_or("/");
    format!("{scheme}://{host}{port}{path}")
}
