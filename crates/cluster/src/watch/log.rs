//! Lines of the identity log: what a watch told, so that a capture of that day can be read later.

use model::Timestamp;
use serde_json::Value;

/// A change.
pub(crate) fn change(
    at: Timestamp,
    scope: u16,
    is_deleted: bool,
    json: &str,
    kind: &str,
) -> Option<String> {
    Some(slim_change(at, scope, is_deleted, &identity::slim(json, kind)?))
}

/// A change to what is slim already.
pub(crate) fn slim_change(at: Timestamp, scope: u16, is_deleted: bool, slim: &str) -> String {
    let what = if is_deleted { "DELETED" } else { "MODIFIED" };
    format!("{}\"type\":\"{what}\",\"object\":{slim}}}", head(at, scope))
}

/// All there are of a kind.
pub(crate) fn list(
    at: Timestamp,
    scope: u16,
    kind: &str,
    namespace: Option<&str>,
    objects: &[String],
) -> String {
    let kind = Value::from(kind);
    let namespace = namespace.map(|name| format!("\"namespace\":{},", Value::from(name)));
    format!(
        "{}\"type\":\"LISTED\",\"kind\":{kind},{}\"objects\":[{}]}}",
        head(at, scope),
        namespace.unwrap_or_default(),
        objects.join(",")
    )
}

fn head(at: Timestamp, scope: u16) -> String {
    // RFC 3339, to the nanosecond.
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default();
    let scope = if scope == 0 { String::new() } else { format!("\"scope\":{scope},") };
    format!("{{\"at\":\"{at}\",{scope}")
}
