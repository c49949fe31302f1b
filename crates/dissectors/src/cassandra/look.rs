//! What has to be known of a body while it is read: which statement it is about, whether it holds a
//! secret.

use std::borrow::Cow;

use dissect::Sink;

use super::{
    Cassandra,
    content::{Prelude, unpacked},
    cursor::Cursor,
    frame::{Head, Opcode},
    record::{Kept, View},
    request::{Request, Statement},
    result::Answer,
};
use crate::sql::{Dialect, secret};

/// Bytes of a body that are waited for, at most.
pub const WHOLE_MAX: usize = 48 << 10;
/// Prepared statements of a batch that are looked up, at most.
const IDS_MAX: usize = 16;
/// How statements begin that read and write rows.
const ROWS: [&[u8]; 5] = [b"SEL", b"INS", b"UPD", b"DEL", b"BEG"];
/// What stands in a secret's place.
const HIDDEN: &[u8] = b"***";

/// What a look at a body came to.
#[derive(Debug)]
pub struct Looked {
    /// How the body is kept.
    pub kept: Kept,
    /// What is kept in its place.
    pub instead: Option<Vec<u8>>,
    /// The place of the prepared statement.
    pub place: Option<u16>,
    /// Ids of prepared statements in a batch.
    pub ids: Vec<Vec<u8>>,
}

/// Whether a body has to be looked at.
pub fn is_wanted(head: &Head, sink: &Sink<'_, '_>) -> bool {
    match head.opcode {
        Opcode::QUERY | Opcode::PREPARE | Opcode::EXECUTE | Opcode::BATCH => true,
        Opcode::RESULT => prepares(head, sink),
        _ => false,
    }
}

/// Whether an answer is to a `PREPARE`.
fn prepares(head: &Head, sink: &Sink<'_, '_>) -> bool {
    let id = u64::from(head.stream.cast_unsigned());
    let question = sink.question_by_id(id).and_then(View::of);
    question.is_some_and(|question| question.opcode == Opcode::PREPARE)
}

/// The prepared statement that the question under `id` ran.
pub fn place_of_question(id: u64, sink: &Sink<'_, '_>) -> Option<u16> {
    sink.question_by_id(id).and_then(View::of)?.place
}

// === impl Looked ===

impl Looked {
    /// What is known without a look.
    pub fn of(head: &Head) -> Self {
        let kept = match head.opcode {
            opcode if opcode.is_secret() => Kept::Hidden,
            _ if head.is_compressed() => Kept::Packed,
            _ => Kept::Plain,
        };
        Self { kept, instead: None, place: None, ids: Vec::new() }
    }
}

impl Cassandra {
    /// Looks at a body, or at the front of one.
    pub(super) fn look(&mut self, head: &Head, body: &[u8], sink: &Sink<'_, '_>) -> Looked {
        let mut looked = Looked::of(head);
        let is_whole = body.len() as u64 == u64::from(head.len);
        let plain = match looked.kept {
            Kept::Packed if is_whole => unpacked(body).map(|(body, _)| Cow::Owned(body)),
            Kept::Packed => None,
            _ => Some(Cow::Borrowed(body)),
        };
        let Some(plain) = plain else {
            // Nobody can say what is in it.
            if head.opcode.has_text() {
                looked.kept = Kept::Hidden;
            }
            return looked;
        };
        let mut cursor = Cursor(&plain);
        let is_answer = head.opcode == Opcode::RESULT;
        let prelude = Prelude::read(&mut cursor, head.flags, is_answer);
        if prelude.is_none() {
            return looked;
        }
        let rest = cursor.0;
        let front = plain.get(..plain.len() - rest.len()).unwrap_or_default();
        match head.opcode {
            Opcode::QUERY | Opcode::PREPARE => hide(front, rest, is_whole, &mut looked),
            Opcode::EXECUTE => {
                let id = Cursor(rest).string();
                let prepared = self.prepared.as_ref();
                looked.place = id.and_then(|id| prepared?.find(id));
            }
            Opcode::BATCH if self.prepared.is_some() => looked.ids = ids(head, rest),
            Opcode::RESULT => self.prepare(head, rest, sink),
            _ => {}
        }
        looked
    }

    /// A statement was given an id.
    fn prepare(&mut self, head: &Head, body: &[u8], sink: &Sink<'_, '_>) {
        let Some(Answer::Prepared(id, metadata)) = Answer::read(head.version, body) else { return };
        let stream = u64::from(head.stream.cast_unsigned());
        let Some(question) = sink.question_by_id(stream).filter(|q| q.missing.is_none()) else {
            return;
        };
        let Some(view) = View::of(question) else { return };
        let Some(asked) = view.body() else { return };
        let Some((_, asked)) = view.split(&asked) else { return };
        let request = Request::read(Opcode::PREPARE, view.version, asked);
        if let Some((Statement::Text(text), _)) =
            request.as_ref().and_then(|r| r.statements.first())
        {
            self.prepared.get_or_insert_default().learn(id, text, metadata);
        }
    }
}

/// Puts `***` in the place of passwords in a statement.
fn hide(front: &[u8], body: &[u8], is_whole: bool, looked: &mut Looked) {
    let mut cursor = Cursor(body);
    let text = cursor.long_string_front().unwrap_or_default();
    if !is_whole {
        // Of what is to come nobody knows anything but that rows hold no passwords.
        if !ROWS.iter().any(|verb| text.get(..3).is_some_and(|t| t.eq_ignore_ascii_case(verb))) {
            looked.kept = Kept::Hidden;
        }
        return;
    }
    if !secret::may_hold(text) {
        return;
    }
    let mut shown = Vec::new();
    let mut at = 0;
    secret::hide(text, Dialect::Standard, &mut |range| {
        shown.extend_from_slice(text.get(at..range.start).unwrap_or_default());
        shown.extend_from_slice(HIDDEN);
        at = range.end;
    });
    if at == 0 {
        return;
    }
    shown.extend_from_slice(text.get(at..).unwrap_or_default());
    let len = i32::try_from(shown.len()).unwrap_or(0).to_be_bytes();
    looked.kept = Kept::Plain;
    looked.instead = Some([front, &len, &shown, cursor.0].concat());
}

/// Ids of prepared statements in a batch, in order.
fn ids(head: &Head, body: &[u8]) -> Vec<Vec<u8>> {
    let Some(request) = Request::read(Opcode::BATCH, head.version, body) else { return Vec::new() };
    let ids = request.statements.iter().filter_map(|(statement, _)| match statement {
        Statement::Id(id) => Some(id.to_vec()),
        Statement::Text(_) => None,
    });
    ids.take(IDS_MAX).collect()
}
