//! Objects as YAML (1.2), for people and for `kubectl apply -f -`.

use serde_json::Value;

/// One document.
pub fn document(value: &Value) -> String {
    let mut out = String::from("---\n");
    push(value, 0, &mut out);
    out
}

fn push(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (at, (name, member)) in members.iter().enumerate() {
                // The first one stands where the list's dash left off.
                if at > 0 || !out.ends_with("- ") {
                    indent(depth, out);
                }
                *out += &scalar(name);
                out.push(':');
                below(member, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, out);
                *out += "- ";
                match item {
                    Value::Object(members) if !members.is_empty() => push(item, depth + 1, out),
                    // A list in a list is rare enough to be JSON, which is YAML.
                    item => line(item, out),
                }
            }
        }
        value => line(value, out),
    }
}

/// What stands behind a name.
fn below(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            out.push('\n');
            push(value, depth + 1, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            push(value, depth, out);
        }
        Value::String(text) if text.ends_with('\n') && is_plain_block(text) => {
            *out += " |\n";
            for one in text.lines() {
                indent(depth + 1, out);
                *out += one;
                out.push('\n');
            }
        }
        value => {
            out.push(' ');
            line(value, out);
        }
    }
}

fn line(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => *out += &scalar(text),
        value => *out += &value.to_string(),
    }
    out.push('\n');
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Several lines that a block can hold as they are.
fn is_plain_block(text: &str) -> bool {
    let is_fit = |line: &str| !line.is_empty() && !line.starts_with([' ', '\t']);
    text.lines().all(is_fit) && !text.chars().any(|c| c.is_control() && c != '\n')
}

/// A text, in quotes where it could be taken for something else.
fn scalar(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(is_word)
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    // JSON's quotes are YAML's.
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let values = [
            json!({ "a": { "b": [{ "c": 1, "d": ["x", "y"] }, { "e": {} }], "f": [] }, "g": null }),
            json!({ "yes": "no", "n": "10%", "v": "0.1.0", "s": "a: b # c", "empty": "", "t": true }),
            json!({ "pem": "-----BEGIN-----\nabc=\n-----END-----\n", "odd": " x\ny\n", "one": "a\n" }),
            json!({ "list": [[1, 2], "- a", "~", 1.5, false, { "k/l": "1e3", "m": "0x1f" }] }),
            json!({ "deep": [{ "a": [{ "b": [{ "c": "d" }] }] }] }),
        ];
        let text: String = values.iter().map(document).collect();
        let read: Vec<Value> = cluster::documents(&text).unwrap();
        assert_eq!(read, values, "{text}");
    }
}
