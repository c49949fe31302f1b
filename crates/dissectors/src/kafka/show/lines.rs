//! The first records of a message, each as a line of JSON.

use content::json;

use super::{
    super::wire::Cursor,
    batches::{Batch, MAGIC, Record, UNCOUNTED},
    facts::Place,
    legacy::{self, Message},
    unpack::Coding,
};

/// Records shown at most.
const LINES_MAX: usize = 48;
/// Bytes of a key and a value shown at most.
const KEY_MAX: usize = 256;
const VALUE_MAX: usize = 2 << 10;
/// Headers shown of a record at most.
const HEADERS_MAX: usize = 16;
/// Bytes of all lines at most.
const TEXT_MAX: usize = 64 << 10;
/// Batches looked at, at most.
const BATCHES_MAX: usize = 4_096;
/// Batches unpacked at most.
const UNPACKED_MAX: usize = 16;

/// The lines.
#[derive(Debug, Default)]
pub struct Lines {
    lines: Vec<Vec<u8>>,
    text_bytes: usize,
    count: i64,
    batches: usize,
    unpacked: usize,
    codings: Vec<&'static str>,
}

// === impl Lines ===

impl Lines {
    /// Each a record.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(Vec::as_slice)
    }

    /// How many records the batches say to hold.
    pub fn count(&self) -> i64 {
        self.count
    }

    /// How many batches there are.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// What they are compressed with.
    pub fn codings(&self) -> &[&'static str] {
        &self.codings
    }

    /// Reads the batches at `place`.
    pub fn read(&mut self, place: &Place<'_>) {
        let mut rest = place.bytes;
        while self.batches < BATCHES_MAX {
            let Some(magic) = rest.get(MAGIC) else { return };
            let size =
                if *magic == 2 { self.batch(place, rest) } else { self.message(place, rest) };
            let Some(size) = size.filter(|size| *size > UNCOUNTED) else { return };
            self.batches += 1;
            rest = rest.get(size..).unwrap_or_default();
        }
    }

    fn batch(&mut self, place: &Place<'_>, bytes: &[u8]) -> Option<usize> {
        let batch = Batch::read(bytes).ok()?;
        if !batch.is_control {
            self.count += i64::from(batch.count.max(0));
        }
        let unpacked = self.unpack(batch.coding, batch.records, batch.is_whole);
        if batch.coding != Coding::None && unpacked.is_none() || batch.is_control {
            return Some(batch.size);
        }
        let mut cursor = Cursor::new(unpacked.as_deref().unwrap_or(batch.records));
        for _ in 0..batch.count {
            let Ok(record) = batch.record(&mut cursor) else { break };
            if self.is_full() {
                break;
            }
            self.line(place, &record);
        }
        Some(batch.size)
    }

    /// A message, or a set of them in one.
    fn message(&mut self, place: &Place<'_>, bytes: &[u8]) -> Option<usize> {
        let mut cursor = Cursor::new(bytes);
        let message = Message::read(&mut cursor).ok()?;
        if message.coding == Coding::None {
            self.count += 1;
            if !self.is_full() {
                self.line(place, &message.record);
            }
            return Some(cursor.at());
        }
        let value = message.record.value.unwrap_or_default();
        if let Some(set) = self.unpack(message.coding, value, message.is_whole) {
            let base = legacy::base(message.magic, message.record.offset, &set);
            self.set(place, &set, base);
        }
        Some(cursor.at())
    }

    /// The messages of a set that was compressed; none of them is a set again.
    fn set(&mut self, place: &Place<'_>, set: &[u8], base: i64) {
        let mut cursor = Cursor::new(set);
        // Every turn takes at least the head of a message.
        while let Ok(Message { mut record, .. }) = Message::read(&mut cursor) {
            self.count += 1;
            record.offset = record.offset.wrapping_add(base);
            if !self.is_full() {
                self.line(place, &record);
            }
        }
    }

    fn unpack(&mut self, coding: Coding, bytes: &[u8], whole: bool) -> Option<Vec<u8>> {
        let name = coding.name()?;
        if !self.codings.contains(&name) {
            self.codings.push(name);
        }
        self.unpacked += 1;
        if self.unpacked > UNPACKED_MAX || self.is_full() {
            return None;
        }
        coding.undo(bytes, whole)
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= LINES_MAX || self.text_bytes >= TEXT_MAX
    }

    fn line(&mut self, place: &Place<'_>, record: &Record<'_>) {
        let mut line = b"{".to_vec();
        if let Some(topic) = place.topic.text() {
            member(&mut line, "topic");
            json::push_str(&mut line, &topic);
        }
        if let Some(partition) = place.partition {
            number(&mut line, "partition", partition);
        }
        number(&mut line, "offset", record.offset);
        if let Some(timestamp) = record.timestamp {
            number(&mut line, "timestamp", timestamp);
        }
        text(&mut line, "key", record.key, KEY_MAX);
        text(&mut line, "value", record.value, VALUE_MAX);
        headers(&mut line, record);
        line.push(b'}');
        self.text_bytes += line.len();
        self.lines.push(line);
    }
}

fn headers(line: &mut Vec<u8>, record: &Record<'_>) {
    let mut headers = record.headers.take(HEADERS_MAX).peekable();
    if headers.peek().is_none() {
        return;
    }
    member(line, "headers");
    line.push(b'[');
    for (name, value) in headers {
        if line.last() != Some(&b'[') {
            line.push(b',');
        }
        line.push(b'[');
        json::push_bytes_lossy(line, front(name, KEY_MAX));
        line.push(b',');
        json::push_bytes_lossy(line, front(value, KEY_MAX));
        line.push(b']');
    }
    line.push(b']');
}

fn member(line: &mut Vec<u8>, name: &str) {
    if line.last() != Some(&b'{') {
        line.push(b',');
    }
    json::push_str(line, name);
    line.push(b':');
}

fn number(line: &mut Vec<u8>, name: &str, number: i64) {
    member(line, name);
    line.extend_from_slice(number.to_string().as_bytes());
}

/// Text as text, other bytes in base64 under `name_base64`; what is cut tells its size.
fn text(line: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>, max: usize) {
    let Some(bytes) = bytes else {
        member(line, name);
        line.extend_from_slice(b"null");
        return;
    };
    let shown = front(bytes, max);
    match str::from_utf8(shown) {
        Ok(text) => {
            member(line, name);
            json::push_str(line, text);
        }
        // The cut may be in the middle of a character.
        Err(error) if error.error_len().is_none() && shown.len() < bytes.len() => {
            member(line, name);
            json::push_bytes_lossy(line, front(shown, error.valid_up_to()));
        }
        Err(_) => {
            member(line, &format!("{name}_base64"));
            json::push_base64(line, shown);
        }
    }
    if shown.len() < bytes.len() {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        number(line, &format!("{name}_size"), size);
    }
}

fn front(bytes: &[u8], max: usize) -> &[u8] {
    bytes.get(..max).unwrap_or(bytes)
}
