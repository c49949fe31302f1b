//! All calls as one JSON document: an array of the objects that NDJSON has on lines, indented.

use crate::indent::push_indented;

/// Puts lines of [`Ndjson`](crate::Ndjson) together to a document, one after the other.
#[derive(Debug, Default)]
pub struct Json {
    begun: bool,
}

// === impl Json ===

impl Json {
    /// A document without calls so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the next call, as [`Ndjson::render`](crate::Ndjson::render) wrote it.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begun { b",\n  " } else { b"[\n  " });
        self.begun = true;
        push_indented(out, line.trim_ascii_end(), 2);
    }

    /// Appends the end of the document.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begun { b"\n]\n" } else { b"[]\n" });
        self.begun = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_one_document() {
        let (mut json, mut out) = (Json::new(), Vec::new());
        json.line(b"{\"id\":\"1-1\",\"frames\":[4,5]}\n", &mut out);
        json.line(b"{\"id\":\"1-2\"}\n", &mut out);
        json.end(&mut out);
        let document = r#"[
  {
    "id": "1-1",
    "frames": [4, 5]
  },
  {
    "id": "1-2"
  }
]
"#;
        assert_eq!(String::from_utf8(out).unwrap(), document);
    }

    #[test]
    fn no_calls_are_an_empty_array() {
        let mut out = Vec::new();
        Json::new().end(&mut out);
        assert_eq!(out, b"[]\n");
    }
}
