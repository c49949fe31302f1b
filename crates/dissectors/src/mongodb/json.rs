//! Documents as text: MongoDB Extended JSON v2, relaxed
//! (<https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md>).
//!
//! What is cut ends early, with its brackets closed: the text is JSON whatever came.

use content::json::{push_base64, push_bytes_lossy};
use model::Date;

use super::{
    bson::{DEPTH_MAX, Document, Value},
    decimal,
};
use crate::spell;

/// Writes documents into one buffer, up to a limit.
pub struct Writer {
    /// What was written.
    pub text: Vec<u8>,
    /// Bytes after which no further element is begun.
    limit: usize,
    /// Something is not in the text: it was cut, damaged, or too much.
    pub partial: bool,
}

/// Elements that are left out because they are told elsewhere.
pub type Elided = fn(path: &[&[u8]]) -> bool;

// === impl Writer ===

impl Writer {
    /// An empty one.
    pub fn new(limit: usize) -> Self {
        Self { text: Vec::new(), limit, partial: false }
    }

    /// Begins a new text of at most about `limit` bytes.
    pub fn begin(&mut self, limit: usize) {
        self.text.clear();
        self.partial = false;
        self.limit = limit;
    }

    /// Writes a document without the elements that `elided` names by their path, two deep at most.
    pub fn document(&mut self, document: &Document<'_>, elided: Elided) {
        self.text.push(b'{');
        let begin = self.text.len();
        for element in document.elements() {
            let Ok(element) = element else {
                self.partial = true;
                break;
            };
            if elided(&[element.name]) {
                continue;
            }
            if !self.separate(begin) {
                break;
            }
            push_bytes_lossy(&mut self.text, element.name);
            self.text.push(b':');
            match element.value {
                Value::Document(inner) => self.without(&inner, element.name, elided),
                value => self.value(&value, 1),
            }
        }
        self.text.push(b'}');
    }

    fn without(&mut self, document: &Document<'_>, parent: &[u8], elided: Elided) {
        self.text.push(b'{');
        let begin = self.text.len();
        self.partial |= !document.whole;
        for element in document.elements().map_while(Result::ok) {
            if elided(&[parent, element.name]) {
                continue;
            }
            if !self.separate(begin) {
                break;
            }
            push_bytes_lossy(&mut self.text, element.name);
            self.text.push(b':');
            self.value(&element.value, 2);
        }
        self.text.push(b'}');
    }

    /// Writes a comma if one is due; false if there is no room for more.
    fn separate(&mut self, begin: usize) -> bool {
        if self.text.len() > self.limit {
            self.partial = true;
            return false;
        }
        if self.text.len() > begin {
            self.text.push(b',');
        }
        true
    }

    fn inner(&mut self, document: &Document<'_>, depth: usize, is_array: bool) {
        let [open, close] = if is_array { *b"[]" } else { *b"{}" };
        self.text.push(open);
        let begin = self.text.len();
        if depth >= DEPTH_MAX {
            self.partial = true;
            self.text.push(close);
            return;
        }
        for element in document.elements() {
            let Ok(element) = element else {
                self.partial = true;
                break;
            };
            if !self.separate(begin) {
                break;
            }
            if !is_array {
                push_bytes_lossy(&mut self.text, element.name);
                self.text.push(b':');
            }
            self.value(&element.value, depth + 1);
        }
        self.text.push(close);
    }

    fn value(&mut self, value: &Value<'_>, depth: usize) {
        match *value {
            Value::Document(document) => self.inner(&document, depth, false),
            Value::Array(array) => self.inner(&array, depth, true),
            Value::String(text) => self.string(text),
            Value::Bool(b) => self.push(if b { "true" } else { "false" }),
            Value::Null => self.push("null"),
            Value::Int32(n) => self.push(&n.to_string()),
            Value::Int64(n) => self.push(&n.to_string()),
            Value::Double(n) if n.is_finite() => self.push(&format!("{n:?}")),
            _ => self.wrapped(value, depth),
        }
    }

    /// Values that JSON has no form for.
    fn wrapped(&mut self, value: &Value<'_>, depth: usize) {
        match *value {
            Value::Double(n) => self.wrap("$numberDouble", |w| w.quoted(double_name(n))),
            Value::ObjectId(id) => self.wrap("$oid", |w| w.hex(id)),
            Value::Date(ms) => self.date(ms),
            Value::Binary { subtype, bytes } => self.wrap("$binary", |w| {
                w.push("{\"base64\":");
                push_base64(&mut w.text, bytes);
                w.push(&format!(",\"subType\":\"{subtype:02x}\"}}"));
            }),
            Value::Timestamp { seconds, increment } => self.wrap("$timestamp", |w| {
                w.push(&format!("{{\"t\":{seconds},\"i\":{increment}}}"));
            }),
            Value::Decimal128(bits) => self.wrap("$numberDecimal", |w| {
                w.quoted(&decimal::to_string(bits));
            }),
            Value::Regex { pattern, options } => self.wrap("$regularExpression", |w| {
                w.push("{\"pattern\":");
                w.string(pattern);
                w.push(",\"options\":");
                w.string(options);
                w.push("}");
            }),
            Value::DbPointer { namespace, id } => self.wrap("$dbPointer", |w| {
                w.push("{\"$ref\":");
                w.string(namespace);
                w.push(",\"$id\":{\"$oid\":");
                w.hex(id);
                w.push("}}");
            }),
            Value::Code(code) => self.wrap("$code", |w| w.string(code)),
            Value::CodeWithScope { code, scope } => {
                self.push("{\"$code\":");
                self.string(code);
                self.push(",\"$scope\":");
                self.inner(&scope, depth, false);
                self.push("}");
            }
            Value::Symbol(text) => self.wrap("$symbol", |w| w.string(text)),
            Value::Undefined => self.push("{\"$undefined\":true}"),
            Value::MinKey => self.push("{\"$minKey\":1}"),
            _ => self.push("{\"$maxKey\":1}"),
        }
    }

    /// Relaxed: years 1970 to 9999 as ISO 8601, others as numbers.
    fn date(&mut self, ms: i64) {
        self.wrap("$date", |w| match iso_8601(ms) {
            Some(text) => w.quoted(&text),
            None => w.push(&format!("{{\"$numberLong\":\"{ms}\"}}")),
        });
    }

    fn wrap(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.push("{\"");
        self.push(name);
        self.push("\":");
        inside(self);
        self.push("}");
    }

    fn string(&mut self, text: &[u8]) {
        let room = self.limit.saturating_sub(self.text.len()).max(64);
        let kept = match text.get(..room) {
            Some(kept) if kept.len() < text.len() => {
                self.partial = true;
                kept
            }
            _ => text,
        };
        push_bytes_lossy(&mut self.text, kept);
    }

    fn quoted(&mut self, text: &str) {
        self.push("\"");
        self.push(text);
        self.push("\"");
    }

    fn hex(&mut self, bytes: &[u8]) {
        self.push("\"");
        spell::push_hex(bytes, &mut self.text);
        self.push("\"");
    }

    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }
}

fn double_name(n: f64) -> &'static str {
    if n.is_nan() {
        "NaN"
    } else if n > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// Milliseconds since 1970 as `2026-01-29T11:08:21.5Z`, up to the year 9999.
fn iso_8601(ms: i64) -> Option<String> {
    const END: i64 = 253_402_300_800_000;
    if !(0..END).contains(&ms) {
        return None;
    }
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let (s, ms) = (in_day / 1_000, in_day % 1_000);
    let mut text =
        format!("{}T{:02}:{:02}:{:02}", Date::of_day(days), s / 3_600, s / 60 % 60, s % 60);
    if ms > 0 {
        text += format!(".{ms:03}").trim_end_matches('0');
    }
    text.push('Z');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_in_words_as_far_as_they_go() {
        for (ms, text) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (951_782_400_500, Some("2000-02-29T00:00:00.5Z")),
            (253_402_300_799_999, Some("9999-12-31T23:59:59.999Z")),
            (-1, None),
            (253_402_300_800_000, None),
        ] {
            assert_eq!(iso_8601(ms).as_deref(), text, "{ms}");
        }
    }
}
