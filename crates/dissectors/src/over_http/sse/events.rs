//! The events of a stream (WHATWG HTML §9.2.6).

/// Events of a stream that may be cut anywhere; one without its empty line is none.
#[derive(Clone, Copy, Debug)]
pub(in crate::over_http) struct Events<'b> {
    body: &'b [u8],
    at: usize,
}

/// One event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::over_http) struct Event {
    /// Where its last line begins in the body: by then all of it came.
    pub(in crate::over_http) at: usize,
    /// Bytes of its lines.
    pub(in crate::over_http) size: usize,
    /// Its name; empty for `message`.
    pub(in crate::over_http) name: String,
    pub(in crate::over_http) id: Option<String>,
    pub(in crate::over_http) data: String,
}

// === impl Events ===

impl<'b> Events<'b> {
    pub(in crate::over_http) fn of(body: &'b [u8]) -> Self {
        let at = if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { body, at }
    }

    /// A line without its end, which is LF, CR or both.
    fn line(&mut self) -> Option<&'b [u8]> {
        let rest = self.body.get(self.at..)?;
        let end = memchr::memchr2(b'\n', b'\r', rest)?;
        let both = rest.get(end..end + 2) == Some(b"\r\n");
        self.at += end + 1 + usize::from(both);
        rest.get(..end)
    }
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let (mut begin, mut any) = (self.at, false);
        loop {
            let at = self.at;
            let line = self.line()?;
            if !line.is_empty() {
                event.at = at;
                any |= event.note(line);
                continue;
            }
            if any {
                event.size = self.at - begin;
                event.data.pop();
                return Some(event);
            }
            // Comments alone, to keep the connection open.
            (event, begin) = (Event::default(), self.at);
        }
    }
}

// === impl Event ===

impl Event {
    /// Takes one line; whether it says something.
    fn note(&mut self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.name),
            "id" => self.id = Some(value.into()),
            "data" => {
                self.data += value;
                self.data.push('\n');
            }
            _ => return false,
        }
        true
    }
}
