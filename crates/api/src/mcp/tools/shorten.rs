//! Answers in few words.

use serde_json::Value;

/// A call in a line.
pub(super) fn call_line(call: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().replace(['\t', '\n', '\r'], " ");
    let ms = call["duration_ns"].as_f64().map_or(String::new(), |ns| format!("{:.3}", ns / 1e6));
    let endpoint: String = text(&call["endpoint"]).chars().take(120).collect();
    format!(
        "{}\t{}\t{ms}\t{}\t{}\t{endpoint}\t{}\t{}\t{}\t{}\t{}\t{}\n",
        text(&call["id"]),
        text(&call["time"]),
        text(&call["protocol"]),
        text(&call["method"]),
        text(&call["status"]["code"]),
        text(&call["status"]["result"]),
        end(&call["src"]),
        end(&call["dst"]),
        text(&call["pairing"]),
        text(&call["stream"]),
    )
}

fn end(party: &Value) -> String {
    let ip = party["ip"].as_str().unwrap_or_default();
    let address = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    let address = match &party["port"] {
        Value::Null => ip.to_owned(),
        port => format!("{address}:{port}"),
    };
    match (party["namespace"].as_str(), party["name"].as_str()) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name} ({address})"),
        (None, Some(name)) => format!("{name} ({address})"),
        _ => address,
    }
}

/// A table, tab-separated.
pub(super) fn table(answer: &Value) -> String {
    let heads = answer["columns"].as_array().into_iter().flatten().map(|column| {
        let name = column["name"].as_str().unwrap_or_default();
        column["unit"].as_str().map_or(name.to_owned(), |unit| format!("{name} ({unit})"))
    });
    let mut text = heads.collect::<Vec<_>>().join("\t");
    text.push('\n');
    for row in answer["rows"].as_array().into_iter().flatten() {
        let cells = row.as_array().into_iter().flatten().map(|cell| match cell {
            Value::Null => String::new(),
            Value::String(text) => text.replace(['\t', '\n', '\r'], " "),
            other => other.to_string(),
        });
        text += &cells.collect::<Vec<_>>().join("\t");
        text.push('\n');
    }
    if answer["truncated"] == true {
        text += "(there are more rows)\n";
    }
    text
}

/// Cuts every long text of a call, and says how much is missing. Labels and the like stay whole.
pub(super) fn shorten(value: &mut Value, characters: usize) {
    match value {
        Value::String(text) => {
            let Some((at, _)) = text.char_indices().nth(characters.max(80)) else { return };
            let missing = text[at..].chars().count();
            text.truncate(at);
            *text += &format!("… ({missing} more characters)");
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, characters)),
        Value::Object(members) => {
            for (name, member) in members {
                if characters == 0 && (name == "text" || name == "base64") {
                    *member = Value::String("(not asked for)".into());
                } else {
                    shorten(member, characters);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut call = json!({ "body": { "text": "ä".repeat(200) }, "id": "1-0" });
        shorten(&mut call, 100);
        let text = call["body"]["text"].as_str().unwrap();
        assert!(text.starts_with(&"ä".repeat(100)) && text.ends_with("… (100 more characters)"));
        assert_eq!(call["id"], "1-0");
    }

    #[test]
    fn a_call_is_one_line_whatever_it_says() {
        let call = json!({ "id": "1-0", "endpoint": "a\tb\nc", "src": { "ip": "::1", "port": 5 },
            "dst": { "ip": "10.0.0.1", "port": 80, "name": "shop", "namespace": "n" } });
        let line = call_line(&call);
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(line.matches('\t').count(), 11);
        assert!(line.contains("a b c") && line.contains("[::1]:5") && line.contains("n/shop"));
    }
}
