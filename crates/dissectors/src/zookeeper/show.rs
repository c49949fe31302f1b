//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Headline, Message, Outcome, Side, Status, Tell};

use super::{
    codes,
    wire::{CONNECT, OP, WORD},
};
use crate::{
    fields::{fields, flag, integer, signed, some_text, text},
    framed::{u32_at, u64_at},
};

/// Children and operations told one by one, at most.
const LIST_MAX: usize = 64;
/// Bytes of a node's state (`Stat`).
const STAT: usize = 68;
/// What an operation comes to that another one's failure undoes.
const ROLLED_BACK: i32 = -2;

fields! {
    Operation = "zookeeper.operation" Text, "create, getData, setData, multi, event, …; a word of four letters";
    Path = "zookeeper.path" Text, "The node";
    Xid = "zookeeper.xid" Integer, "The number that question and answer share";
    Zxid = "zookeeper.zxid" Text, "The last transaction: 0x100000003";
    Error = "zookeeper.error" Text, "The error by name: NONODE";
    ErrorCode = "zookeeper.error.code" Integer, "The same as a number";
    Session = "zookeeper.session_id" Text, "The session: 0x10000a1b2c30000";
    Timeout = "zookeeper.session_timeout_ms" Integer, "How long a session lives without being heard of";
    Watch = "zookeeper.watch" Bool, "The client wants to hear of changes";
    Version = "zookeeper.version" Integer, "The version that the node must have; -1 for any";
    Size = "zookeeper.data_size" Integer, "Bytes of the node's data";
    Flags = "zookeeper.create_flags" Text, "persistent, ephemeral, persistent sequential, ephemeral sequential, container, …";
    Children = "zookeeper.children" Text many, "The first 64 children";
    Count = "zookeeper.children.count" Integer, "How many children there are";
    Event = "zookeeper.event" Text, "What happened: NodeDataChanged";
    State = "zookeeper.event.state" Integer, "The session's state at that time; 3 is connected";
    Scheme = "zookeeper.auth_scheme" Text, "How a client shows who it is: digest, sasl";
    Operations = "zookeeper.multi" Text many, "The operations of a transaction: create /a";
    Results = "zookeeper.multi.result" Text many, "What each operation came to: OK, BADVERSION; RUNTIMEINCONSISTENCY where another one's failure undid it";
}

/// Walks over the parts of a message (jute).
struct Parts<'m>(&'m [u8]);

impl<'m> Parts<'m> {
    fn int(&mut self) -> Option<i32> {
        let value = u32_at(self.0, 0)?;
        self.0 = self.0.get(4..)?;
        Some(value.cast_signed())
    }

    fn long(&mut self) -> Option<u64> {
        let value = u64_at(self.0, 0)?;
        self.0 = self.0.get(8..)?;
        Some(value)
    }

    fn bool(&mut self) -> Option<bool> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first != 0)
    }

    /// A text or bytes, and how many there are; what is not there is cut off.
    fn buffer(&mut self) -> Option<(&'m [u8], i32)> {
        let len = self.int()?;
        let size = usize::try_from(len).unwrap_or(0);
        let (value, rest) = self.0.split_at_checked(size).unwrap_or((self.0, &[]));
        self.0 = rest;
        Some((value, len))
    }

    fn text(&mut self) -> Option<&'m [u8]> {
        self.buffer().map(|(text, _)| text)
    }

    /// Over a text that is all there.
    fn skip_text(&mut self) -> Option<()> {
        let len = usize::try_from(self.int()?).unwrap_or(0);
        self.skip(len)
    }

    fn skip(&mut self, len: usize) -> Option<()> {
        self.0 = self.0.get(len..)?;
        Some(())
    }

    /// A list of permissions.
    fn skip_acl(&mut self) -> Option<()> {
        for _ in 0..self.int()?.clamp(0, 64) {
            self.int()?;
            self.text()?;
            self.text()?;
        }
        Some(())
    }
}

/// A record taken apart.
enum Letter<'m> {
    Word(&'m [u8]),
    Message { op: i32, bytes: &'m [u8] },
}

fn of(message: &Message) -> Option<Letter<'_>> {
    let record = &message.record[..];
    if let Some((&WORD, word)) = record.split_first() {
        return Some(Letter::Word(word));
    }
    let op = u32_at(record, 0)?.cast_signed();
    Some(Letter::Message { op, bytes: record.get(OP..)? })
}

fn operation(op: i32) -> Option<Cow<'static, [u8]>> {
    codes::operation(op).map(|name| name.as_bytes().into())
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let mut line = Headline::default();
    match request.and_then(of) {
        Some(Letter::Word(word)) => line.method = Some(word.into()),
        Some(Letter::Message { op, bytes }) => {
            line.method = operation(op);
            line.endpoint = path(op, bytes).map(Cow::Borrowed);
        }
        None => {}
    }
    match response.and_then(of) {
        Some(Letter::Message { op, bytes }) => {
            if line.method.is_none() {
                line.method = operation(op);
            }
            if op == codes::EVENT_OP {
                line.endpoint = event(bytes).map(|(_, _, path)| path.into());
            } else {
                line.status = status(op, bytes);
            }
        }
        Some(Letter::Word(_)) => {
            let text = Cow::Borrowed(&b""[..]);
            line.status = Some(Status { code: b"OK"[..].into(), text, outcome: Outcome::Ok });
        }
        None => {}
    }
    line
}

fn status(op: i32, bytes: &[u8]) -> Option<Status<'static>> {
    let code = match op {
        // A session that is no more has no time left.
        CONNECT if u32_at(bytes, 8) == Some(0) => -112,
        CONNECT => 0,
        // The header of what failed says nothing of it.
        codes::MULTI | codes::MULTI_READ => match u32_at(bytes, 16)?.cast_signed() {
            0 => results(bytes).find(|code| !matches!(*code, 0 | ROLLED_BACK)).unwrap_or(0),
            code => code,
        },
        _ => u32_at(bytes, 16)?.cast_signed(),
    };
    Some(Status {
        code: error_name(code),
        text: b""[..].into(),
        outcome: if code == 0 { Outcome::Ok } else { Outcome::Error },
    })
}

/// What each operation of a transaction came to (`MultiResponse`), as far as they are there.
fn results(bytes: &[u8]) -> impl Iterator<Item = i32> {
    let mut parts = Parts(bytes.get(20..).unwrap_or_default());
    let next = move || {
        let (kind, is_end) = (parts.int()?, parts.bool()?);
        let header = parts.int()?;
        if is_end {
            return None;
        }
        match kind {
            -1 => return parts.int(),
            1 => parts.skip_text()?,
            15 => parts.skip_text().and_then(|()| parts.skip(STAT))?,
            5 => parts.skip(STAT)?,
            4 => parts.skip_text().and_then(|()| parts.skip(STAT))?,
            8 => {
                (0..parts.int()?).try_for_each(|_| parts.skip_text())?;
            }
            2 | 13 => {}
            _ => return None,
        }
        Some(header)
    };
    std::iter::from_fn(next)
}

fn error_name(code: i32) -> Cow<'static, [u8]> {
    match codes::error(code) {
        Some(name) => name.as_bytes().into(),
        None => code.to_string().into_bytes().into(),
    }
}

fn path(op: i32, bytes: &[u8]) -> Option<&[u8]> {
    let mut parts = Parts(bytes.get(12..)?);
    match op {
        CONNECT
        | codes::PING
        | codes::CLOSE
        | codes::AUTH
        | codes::SASL
        | codes::SET_WATCHES
        | codes::SET_WATCHES_2
        | codes::WHO_AM_I
        | 16 => None,
        codes::MULTI | codes::MULTI_READ => {
            parts.int()?;
            parts.bool()?;
            parts.int()?;
            parts.text()
        }
        _ => parts.text(),
    }
    .filter(|path| path.starts_with(b"/"))
}

/// Kind, state and path of an event.
fn event(bytes: &[u8]) -> Option<(i32, i32, &[u8])> {
    let mut parts = Parts(bytes.get(20..)?);
    Some((parts.int()?, parts.int()?, parts.text()?))
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    match of(message) {
        Some(Letter::Word(word)) => {
            some_text(to, At::Operation, word);
            to.body(BodyFacts { media_type: Some("text/plain"), encoding: None });
        }
        Some(Letter::Message { op, bytes }) => {
            if let Some(name) = operation(op) {
                text(to, At::Operation, name);
            }
            let told = if message.from == Side::Client {
                tell_request(op, bytes, to)
            } else {
                tell_response(op, bytes, to)
            };
            // What is cut off is not told.
            let _: Option<()> = told;
        }
        None => {}
    }
}

fn tell_request(op: i32, bytes: &[u8], to: &mut dyn Tell) -> Option<()> {
    if op == CONNECT {
        let mut parts = Parts(bytes.get(8..)?);
        text(to, At::Zxid, format!("{:#x}", parts.long()?));
        integer(to, At::Timeout, parts.int()?);
        text(to, At::Session, format!("{:#x}", parts.long()?));
        return None;
    }
    let mut parts = Parts(bytes.get(4..)?);
    integer(to, At::Xid, parts.int()?);
    parts.int()?;
    some_text(to, At::Path, path(op, bytes).unwrap_or_default());
    match op {
        codes::AUTH => {
            parts.int()?;
            some_text(to, At::Scheme, parts.text()?);
        }
        codes::MULTI | codes::MULTI_READ => tell_multi(&mut parts, to)?,
        // create and its relatives
        1 | 15 | 19 | 21 => {
            parts.text()?;
            integer(to, At::Size, parts.buffer()?.1.max(0));
            parts.skip_acl()?;
            text(to, At::Flags, flags(parts.int()?));
        }
        3 | 4 | 8 | 12 => {
            parts.text()?;
            flag(to, At::Watch, parts.bool()?);
        }
        5 => {
            parts.text()?;
            integer(to, At::Size, parts.buffer()?.1.max(0));
            integer(to, At::Version, parts.int()?);
        }
        2 | 13 => {
            parts.text()?;
            integer(to, At::Version, parts.int()?);
        }
        _ => {}
    }
    None
}

fn tell_multi(parts: &mut Parts<'_>, to: &mut dyn Tell) -> Option<()> {
    for _ in 0..LIST_MAX {
        let (op, done) = (parts.int()?, parts.bool()?);
        parts.int()?;
        if done {
            break;
        }
        let path = parts.text()?;
        let name = codes::operation(op).unwrap_or("unknown");
        let line = [name.as_bytes(), b" ", path].concat();
        text(to, At::Operations, line);
        match op {
            1 | 15 | 19 | 21 => {
                parts.buffer()?;
                parts.skip_acl()?;
                parts.int()?;
                if op == 21 {
                    parts.long()?;
                }
            }
            5 => {
                parts.buffer()?;
                parts.int()?;
            }
            2 | 13 => {
                parts.int()?;
            }
            4 | 8 => {
                parts.bool()?;
            }
            _ => return None,
        }
    }
    None
}

fn flags(flags: i32) -> &'static str {
    match flags {
        0 => "persistent",
        1 => "ephemeral",
        2 => "persistent sequential",
        3 => "ephemeral sequential",
        4 => "container",
        5 => "persistent with a time to live",
        6 => "persistent sequential with a time to live",
        _ => "unknown",
    }
}

fn tell_response(op: i32, bytes: &[u8], to: &mut dyn Tell) -> Option<()> {
    if op == CONNECT {
        let mut parts = Parts(bytes.get(8..)?);
        integer(to, At::Timeout, parts.int()?);
        text(to, At::Session, format!("{:#x}", parts.long()?));
        return None;
    }
    let mut parts = Parts(bytes.get(4..)?);
    integer(to, At::Xid, parts.int()?);
    let zxid = parts.long()?;
    if zxid.cast_signed() > 0 {
        text(to, At::Zxid, format!("{zxid:#x}"));
    }
    let error = parts.int()?;
    if op == codes::EVENT_OP {
        let (kind, state, path) = event(bytes)?;
        text(to, At::Event, codes::event(kind));
        integer(to, At::State, state);
        some_text(to, At::Path, path);
        return None;
    }
    integer(to, At::ErrorCode, error);
    text(to, At::Error, error_name(error));
    if error != 0 {
        return None;
    }
    match op {
        codes::MULTI | codes::MULTI_READ => {
            results(bytes).take(LIST_MAX).for_each(|code| text(to, At::Results, error_name(code)));
        }
        1 | 15 | 19 | 21 => some_text(to, At::Path, parts.text()?),
        4 => integer(to, At::Size, signed(u64::try_from(parts.int()?).unwrap_or(0))),
        8 | 12 => {
            let count = parts.int()?;
            integer(to, At::Count, count.max(0));
            for _ in 0..usize::try_from(count).unwrap_or(0).min(LIST_MAX) {
                text(to, At::Children, parts.text()?);
            }
        }
        _ => {}
    }
    None
}
