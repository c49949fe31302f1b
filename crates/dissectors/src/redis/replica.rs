//! What a master sends to its replica: a snapshot, then commands for ever.
//!
//! <https://redis.io/docs/latest/operate/oss_and_stack/management/replication/>; the snapshot is
//! `$<len>\r\n` and so many bytes without a line end, or `$EOF:<40 bytes>\r\n` and bytes until the
//! same 40 bytes come again. Line feeds before it keep the connection alive.

use dissect::{Pair, Sink, Step};

use super::{
    record::{HEAD, SNAPSHOT, STREAMED, reply_head},
    session::{Course, Session},
    wire,
};

/// Bytes of the mark at the end of a snapshot whose size was not known.
const MARK_LEN: usize = 40;
/// Before the mark is said.
const MARKED: &[u8] = b"$EOF:";

/// Reads the start of a snapshot; nothing if it is none.
pub fn begin(input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Option<Step> {
    let pair = match session.course {
        Course::SyncSnapshot => Pair::InOrder,
        _ => Pair::OneWay,
    };
    if input.starts_with(MARKED) {
        let size = MARKED.len() + MARK_LEN + 2;
        let Some(head) = input.get(..size) else { return Some(Step::Need(size)) };
        let mark = head.get(MARKED.len()..MARKED.len() + MARK_LEN)?;
        if !head.ends_with(b"\r\n") {
            return None;
        }
        sink.begin(pair);
        sink.record(&reply_head(SNAPSHOT, STREAMED, 0, 0));
        sink.record(mark);
        session.course = Course::MarkedSnapshot;
        return Some(Step::Took(size));
    }
    if MARKED.starts_with(input) {
        return Some(Step::Need(input.len() + 1));
    }
    match wire::bulk(input) {
        Ok(bulk) => {
            sink.begin(pair);
            sink.record(&reply_head(SNAPSHOT, 0, 0, 0));
            session.course = Course::Commands;
            Some(Step::Body { head: bulk.head, body: bulk.len })
        }
        Err(wire::Halt::Short(need)) => Some(Step::Need(need)),
        Err(wire::Halt::Bad) => None,
    }
}

/// Reads on in a snapshot until its mark.
pub fn go_on(input: &[u8], session: &mut Session, sink: &mut Sink<'_, '_>) -> Step {
    let mark = sink.recorded().get(HEAD..).and_then(|mark| mark.first_chunk::<MARK_LEN>()).copied();
    let Some(mark) = mark else { return Step::Lost };
    if let Some(end) = memchr::memmem::find(input, &mark) {
        sink.body(input.get(..end).unwrap_or_default());
        sink.finish();
        session.course = Course::Commands;
        return Step::Took(end + MARK_LEN);
    }
    // The mark may have begun.
    let sure = input.len().saturating_sub(MARK_LEN - 1);
    if sure == 0 {
        return Step::Need(MARK_LEN);
    }
    sink.body(input.get(..sure).unwrap_or_default());
    Step::Took(sure)
}
