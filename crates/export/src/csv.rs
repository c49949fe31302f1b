//! Calls as lines of a table that spreadsheets read (RFC 4180).

use serde_json::Value;

/// The columns: name, and where in the call it is found.
const COLUMNS: [(&str, &str); 26] = [
    ("id", "/id"),
    ("time", "/time"),
    ("duration_ns", "/duration_ns"),
    ("protocol", "/protocol"),
    ("version", "/version"),
    ("method", "/method"),
    ("endpoint", "/endpoint"),
    ("status", "/status/code"),
    ("status_text", "/status/text"),
    ("result", "/status/result"),
    ("src_ip", "/src/ip"),
    ("src_port", "/src/port"),
    ("src_name", "/src/name"),
    ("src_namespace", "/src/namespace"),
    ("src_pod", "/src/pod"),
    ("src_workload", "/src/workload/name"),
    ("dst_ip", "/dst/ip"),
    ("dst_port", "/dst/port"),
    ("dst_name", "/dst/name"),
    ("dst_namespace", "/dst/namespace"),
    ("dst_pod", "/dst/pod"),
    ("dst_service", "/dst/service"),
    ("dst_workload", "/dst/workload/name"),
    ("request_size", "/request/size"),
    ("response_size", "/response/size"),
    ("pairing", "/pairing"),
];

/// The first line.
#[must_use]
pub fn csv_begin() -> String {
    let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
    format!("{}\r\n", names.join(","))
}

/// The line of a call, given as the output contract says.
pub fn csv_line(call: &Value, out: &mut String) {
    for (index, (_, pointer)) in COLUMNS.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match call.pointer(pointer) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => push_cell(text, out),
            Some(other) => out.push_str(&other.to_string()),
        }
    }
    out.push_str("\r\n");
}

/// Spreadsheets take a cell that begins like a formula for one: it gets a quote in front.
fn push_cell(text: &str, out: &mut String) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quote = formula || text.contains(['"', ',', '\r', '\n']);
    if !quote {
        return out.push_str(text);
    }
    out.push('"');
    if formula {
        out.push('\'');
    }
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_cell_holds_stays_in_it() {
        let call = json!({ "id": "1-0", "endpoint": "=a,\"b\"\nc", "src": { "port": 7 } });
        let mut line = String::new();
        csv_line(&call, &mut line);
        assert_eq!(line, "1-0,,,,,,\"'=a,\"\"b\"\"\nc\",,,,,7,,,,,,,,,,,,,,\r\n");
        assert_eq!(csv_begin().matches(',').count() + 1, COLUMNS.len());
    }
}
