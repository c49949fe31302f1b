//! A row as the API tells it.

use serde_json::Value;
use store::Row;

use crate::Role;

/// How much of a call is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Whole {
    /// What fits in a list.
    Summary,
    /// All of it.
    All,
}

/// The call as JSON text, with the id that the API knows it by: its own, and when it began.
pub(crate) fn told(row: &Row, whole: Whole, role: Role) -> String {
    let line = match whole {
        Whole::All if role.sees_payloads() => return keyed(row, row.json()),
        Whole::All | Whole::Summary => row.summary(),
    };
    keyed(row, &line)
}

/// The same as a value.
pub(crate) fn value(row: &Row, whole: Whole, role: Role) -> Value {
    serde_json::from_str(&told(row, whole, role)).unwrap_or_default()
}

/// The line, with the row's key for its id.
fn keyed(row: &Row, line: &str) -> String {
    const ID: &str = "{\"id\":\"";
    let Some(rest) = line.strip_prefix(ID) else { return line.to_owned() };
    let Some(end) = rest.find('"') else { return line.to_owned() };
    let (id, rest) = rest.split_at(end);
    format!("{ID}{id}@{}{rest}", row.time_ns())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id":"3:5-1","time":"2026-01-29T11:08:21.123456789Z","protocol":"http","src":{"ip":"10.0.0.1","port":1},"dst":{"ip":"10.0.0.2","port":80},"request":{"size":9,"headers":[["A","secret"]],"body":{"size":3,"text":"secret"}},"pairing":"unanswered","missing":null,"transport":"tcp","stream":"3:5"}"#;

    #[test]
    fn an_id_is_a_key() {
        let row = Row::of_line(LINE).unwrap();
        let told = value(&row, Whole::All, Role::Viewer);
        assert_eq!(told["id"], "3:5-1@1769684901123456789");
        assert_eq!(told["request"]["body"]["text"], "secret");
    }

    #[test]
    fn who_may_not_see_payloads_sees_none() {
        let row = Row::of_line(LINE).unwrap();
        for whole in [Whole::All, Whole::Summary] {
            let told = told(&row, whole, Role::ViewerWithoutPayloads);
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
