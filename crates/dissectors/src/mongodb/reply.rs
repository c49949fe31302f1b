//! How a command ended, as its answer says.

use model::{Outcome, Status};

use super::{
    bson::{Document, Value},
    record::{ASKED, FOUND, Letter},
    wire::{CURSOR_NOT_FOUND, Documents, Op, QUERY_FAILURE, Section, Sections},
};

/// The document of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'b> {
    document: Document<'b>,
    /// Its last elements where it is cut.
    tail: Option<Document<'b>>,
}

/// How it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// `OK`, or the number of the error.
    pub code: String,
    /// The error's name and what was said of it.
    pub text: Vec<u8>,
    pub is_error: bool,
}

// === impl Reply ===

impl<'b> Reply<'b> {
    /// The answer of a command; none if it is not there, or if documents were looked for.
    pub fn of(letter: &'b Letter<'_>) -> Option<Self> {
        let document = match letter.op {
            Op::MSG => Sections::of(&letter.behind).find_map(|section| match section {
                Section::Body(document) => Some(document),
                Section::Sequence { .. } => None,
            })?,
            // The metadata may come first.
            Op::COMMAND_REPLY => {
                let mut both = Documents(&letter.behind).take(2);
                both.find(|document| document.get("ok").is_some())?
            }
            Op::REPLY if letter.has(ASKED) => Documents(&letter.behind).next()?,
            _ => return None,
        };
        let tail = (!letter.tail.is_empty()).then(|| Document::tail(letter.tail));
        Some(Self { document, tail })
    }

    /// The whole of it.
    pub fn document(&self) -> Document<'b> {
        self.document
    }

    /// The value of an element of it, if it is there.
    pub fn get(&self, name: &str) -> Option<Value<'b>> {
        self.document.get(name).or_else(|| self.tail?.get(name))
    }

    /// The cursor, and the documents that came with it.
    pub fn cursor(&self) -> Option<(Document<'b>, Option<Document<'b>>)> {
        let cursor = self.document.get("cursor")?.document()?;
        let batch = cursor.get("firstBatch").or_else(|| cursor.get("nextBatch"));
        Some((cursor, batch.and_then(|batch| batch.array())))
    }

    fn ending(&self) -> Option<Ending> {
        let Some(ok) = self.get("ok").and_then(|ok| ok.integer()) else {
            // Only what succeeded has a cursor.
            return self.document.first().filter(|e| e.name == b"cursor").map(|_| Ending::ok());
        };
        if ok != 1 {
            return Some(error_of(|name| self.get(name)));
        }
        let first = |name| self.get(name)?.array()?.first()?.value.document();
        let concern = || self.get("writeConcernError")?.document();
        let written = first("writeErrors").or_else(|| self.write_of_many()).or_else(concern);
        if let Some(error) = written {
            return Some(error_of(|name| error.get(name)));
        }
        Some(self.last_error().unwrap_or_else(Ending::ok))
    }

    /// The first failure that `bulkWrite` tells among what it did.
    fn write_of_many(&self) -> Option<Document<'b>> {
        self.get("nErrors").and_then(|n| n.integer()).filter(|n| *n > 0)?;
        let (_, batch) = self.cursor()?;
        let mut each = batch?.elements().map_while(Result::ok).filter_map(|e| e.value.document());
        each.find(|one| one.get("code").is_some())
    }

    /// `getLastError` succeeds in telling that something else failed.
    fn last_error(&self) -> Option<Ending> {
        let message = self.get("err")?.text()?;
        let code = self.get("code").and_then(|code| code.integer());
        Some(Ending::error(code, None, message))
    }
}

/// What an error says by its elements.
fn error_of<'b>(get: impl Fn(&str) -> Option<Value<'b>>) -> Ending {
    let text = |name: &str| get(name).and_then(|value| value.text());
    let code = get("code").and_then(|code| code.integer());
    let message = text("errmsg").or_else(|| text("$err")).unwrap_or_default();
    Ending::error(code, text("codeName"), message)
}

// === impl Ending ===

impl Ending {
    /// How the command ended that `letter` answers, where it says so.
    pub fn of(letter: &Letter<'_>) -> Option<Self> {
        if letter.op == Op::REPLY {
            let flags = letter.front().flags;
            if flags & CURSOR_NOT_FOUND != 0 {
                return Some(Self::error(Some(43), Some(b"CursorNotFound"), b""));
            }
            if flags & QUERY_FAILURE != 0 {
                let reply = Reply { document: Documents(&letter.behind).next()?, tail: None };
                return Some(error_of(|name| reply.get(name)));
            }
            if letter.has(FOUND) {
                return Some(Self::ok());
            }
        }
        Reply::of(letter)?.ending()
    }

    fn ok() -> Self {
        Self { code: "OK".into(), text: Vec::new(), is_error: false }
    }

    fn error(code: Option<i64>, name: Option<&[u8]>, message: &[u8]) -> Self {
        let code = code.map_or_else(|| "ERROR".into(), |code| code.to_string());
        let text = match name {
            Some(name) if message.is_empty() => name.to_vec(),
            Some(name) => [name, b": ", message].concat(),
            None => message.to_vec(),
        };
        Self { code, text, is_error: true }
    }

    /// As the column that every protocol has.
    pub fn status(self) -> Status<'static> {
        let outcome = if self.is_error { Outcome::Error } else { Outcome::Ok };
        Status { code: self.code.into_bytes().into(), text: self.text.into(), outcome }
    }
}
