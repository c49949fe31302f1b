//! A message as JSON, cut where it is long.

use content::json;

use super::{
    super::{
        schema::Field,
        walk::{Event, Value, Visit},
    },
    name,
};

/// Bytes of text at most, closing brackets aside.
const TEXT_MAX: usize = 16 << 10;
/// Bytes of one value at most.
const VALUE_MAX: usize = 512;
/// Says that something was left out.
const CUT: &[u8] = "\"…\"".as_bytes();

/// The text, while it is written.
pub struct Json {
    text: Vec<u8>,
    /// The brackets that are open, as they close.
    open: Vec<u8>,
    /// Whether a comma goes before what comes next.
    comma: bool,
    is_full: bool,
}

// === impl Json ===

impl Default for Json {
    fn default() -> Self {
        Self { text: b"{".to_vec(), open: vec![b'}'], comma: false, is_full: false }
    }
}

impl Json {
    /// All of it; `whole` if the message was read to its end.
    pub fn finish(mut self, whole: bool) -> Vec<u8> {
        if !whole || self.is_full {
            self.cut();
        }
        self.text.extend(self.open.iter().rev());
        self.text
    }

    fn cut(&mut self) {
        if std::mem::replace(&mut self.comma, true) {
            self.text.push(b',');
        }
        if !self.in_a_list() {
            self.text.extend_from_slice(CUT);
            self.text.push(b':');
        }
        self.text.extend_from_slice(CUT);
    }

    fn in_a_list(&self) -> bool {
        self.open.last() == Some(&b']')
    }

    fn key(&mut self, name: &str) {
        if self.comma {
            self.text.push(b',');
        }
        self.comma = true;
        if !self.in_a_list() {
            json::push_str(&mut self.text, name);
            self.text.push(b':');
        }
    }

    fn begin(&mut self, name: &str, open: u8, close: u8) {
        self.key(name);
        self.text.push(open);
        self.open.push(close);
        self.comma = false;
    }

    fn end(&mut self) {
        self.text.extend(self.open.pop());
        self.comma = true;
    }

    fn value(&mut self, value: Value<'_>) {
        match value {
            Value::Null => self.text.extend_from_slice(b"null"),
            Value::Bool(bit) => self.push(bit),
            Value::Integer(number) => self.push(number),
            Value::Float(number) if number.is_finite() => self.push(number),
            Value::Float(number) => json::push_str(&mut self.text, &number.to_string()),
            Value::Uuid(id) => json::push_str(&mut self.text, &name::id(&id)),
            Value::Text(text) | Value::Setting(text, _) if text.len() <= VALUE_MAX => {
                json::push_bytes_lossy(&mut self.text, text);
            }
            Value::Bytes(bytes) if bytes.len() <= VALUE_MAX => {
                json::push_base64(&mut self.text, bytes);
            }
            Value::Secret(..) => json::push_str(&mut self.text, "***"),
            Value::Text(bytes) | Value::Setting(bytes, _) | Value::Bytes(bytes) => {
                self.size(bytes.len());
            }
            Value::Records(_, len) => self.size(len),
        }
    }

    /// What is too long is told by its size.
    fn size(&mut self, bytes: usize) {
        self.text.extend_from_slice(b"{\"bytes\":");
        self.push(bytes);
        self.text.push(b'}');
    }

    fn push(&mut self, value: impl std::fmt::Display) {
        self.text.extend_from_slice(value.to_string().as_bytes());
    }
}

impl<'m> Visit<'m> for Json {
    fn meet(&mut self, field: &'static Field, event: Event<'m>) {
        self.is_full |= self.text.len() >= TEXT_MAX;
        if self.is_full {
            return;
        }
        match event {
            Event::List(_) => self.begin(field.name, b'[', b']'),
            Event::Open => self.begin(field.name, b'{', b'}'),
            Event::Close | Event::ListEnd => self.end(),
            Event::Value(value) => {
                self.key(field.name);
                self.value(value);
            }
        }
    }
}
