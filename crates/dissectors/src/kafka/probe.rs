//! Whether bytes are Kafka, and where a message begins.
//!
//! A request is known by its API's key and version, a name that can be read, and a body that fits
//! its table: nothing else looks like that. A response has a size and a number; far from the usual
//! ports that says nothing, unless it lists the versions of APIs.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    schema::{self, Api, Field},
    session::Session,
    walk::{Ending, Event, Visit, walk},
    wire::{self, API_VERSIONS, Cursor, Halt, Request, SIZE},
};

/// Bytes of a message at most where it is not known that one begins here.
const SURE_MAX: usize = 256 << 20;
/// Bytes of a request at least: its head.
const REQUEST_MIN: usize = 8;
/// Bytes that are enough to believe a body whose end is not there.
const ENOUGH: usize = 64;
/// Bytes of a message that is waited for, at most, because its front does not say enough.
const WAIT_MAX: usize = 16 << 10;
/// Bytes of a client's name at most.
const NAME_MAX: usize = 256;
/// Bytes of a list of versions: two APIs at least, and not thousands.
const LISTS: std::ops::RangeInclusive<usize> = 20..=4_096;
/// Numbers of responses at most, on a usual port: they count requests.
const COUNTED_MAX: i32 = 1 << 28;

/// Bytes of a response at most of which a usual port makes a Kafka message although its end is not
/// there: what others begin with gives larger sizes (lengths with the low byte first, a type).
const LIKELY_MAX: usize = 8 << 20;

/// What bytes look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// A message begins here.
    Good,
    /// There are not enough of them.
    Short,
    /// None does.
    Bad,
}

struct Nobody;

/// What Kafka thinks of the first bytes of one side.
pub fn probe(hello: &Hello<'_>) -> Verdict {
    let asks = if hello.from == Some(Side::Server) { Look::Bad } else { asks(hello) };
    let answers = if hello.from == Some(Side::Client) { Look::Bad } else { answers(hello) };
    match (asks, answers) {
        (Look::Good, _) => Verdict::Is(Side::Client),
        (_, Look::Good) => Verdict::Is(Side::Server),
        (Look::Short, _) | (_, Look::Short) if hello.more => Verdict::Maybe,
        _ => Verdict::No,
    }
}

/// Whether a request begins here.
pub fn request(input: &[u8]) -> Look {
    look_at_request(input, false)
}

/// Whether the response to one of the last requests begins here.
pub fn answer(input: &[u8], session: &Session) -> Look {
    let (size, message) = match frame(input, SIZE) {
        Ok(frame) => frame,
        Err(look) => return look,
    };
    let Ok(correlation) = Cursor::new(message).int32() else { return Look::Short };
    let Some(asked) = session.asked(correlation) else { return Look::Bad };
    let Some(api) = schema::api(asked.key).filter(|api| api.knows(asked.version)) else {
        return Look::Bad;
    };
    let begin = match wire::response_body(api, asked.version, message) {
        Ok(begin) => begin,
        Err(halt) => return short_of(halt, size, message),
    };
    let body = message.get(begin..).unwrap_or_default();
    let version = wire::response_version(api, asked.version, body);
    fits(api, api.response, version, body, size.saturating_sub(begin))
}

fn asks(hello: &Hello<'_>) -> Look {
    look_at_request(hello.bytes, hello.to_usual_port)
}

fn look_at_request(input: &[u8], usual_port: bool) -> Look {
    let (size, message) = match frame(input, REQUEST_MIN) {
        Ok(frame) => frame,
        Err(look) => return look,
    };
    let request = match Request::read(message) {
        Ok(request) => request,
        Err(halt) if could_be(message) => return short_of(halt, size, message),
        Err(_) => return Look::Bad,
    };
    let name = request.client.unwrap_or_default();
    if !request.has_a_name() || name.len() > NAME_MAX {
        return Look::Bad;
    }
    let Some(api) = request.api().filter(|api| api.knows(request.version)) else {
        // One that is newer than the tables, or one that its author made up.
        let may_be = usual_port && !name.is_empty() && request.key >= 0 && request.version >= 0;
        return if may_be { Look::Good } else { Look::Bad };
    };
    if name.is_empty() && size < REQUEST_MIN + 16 && !usual_port {
        return Look::Bad;
    }
    let body = message.get(request.end..).unwrap_or_default();
    let look = fits(api, api.request, request.version, body, size.saturating_sub(request.end));
    let is_half = look == Look::Good && message.len() < size;
    match look {
        // Zeros look like the front of a request without a name.
        Look::Good if is_half && name.is_empty() && !usual_port && size <= WAIT_MAX => Look::Short,
        Look::Good if is_half && name.is_empty() && !usual_port => Look::Bad,
        look => look,
    }
}

/// Whether the first bytes of a request, behind its size, are those of a known API and of a name.
fn could_be(message: &[u8]) -> bool {
    let mut cursor = Cursor::new(message);
    let Ok(key) = cursor.int16() else { return true };
    let Some(api) = schema::api(key) else { return false };
    let Ok(version) = cursor.int16() else { return true };
    if !api.knows(version) || cursor.int32().is_err() {
        return api.knows(version);
    }
    match cursor.string_length(false) {
        Ok(Some(len)) => {
            let name = cursor.rest().get(..len).unwrap_or(cursor.rest());
            len <= NAME_MAX && !name.iter().any(u8::is_ascii_control)
        }
        Ok(None) | Err(Halt::Short) => true,
        Err(Halt::Bad) => false,
    }
}

/// A response on a usual port: its number is one that counts requests. Anywhere: the list of
/// versions that a broker answers the first request with.
fn answers(hello: &Hello<'_>) -> Look {
    let (size, message) = match frame(hello.bytes, SIZE) {
        Ok(frame) => frame,
        Err(look) => return look,
    };
    let Ok(correlation) = Cursor::new(message).int32() else { return Look::Short };
    let versions = lists_versions(size, message);
    if versions != Look::Bad || !hello.from_usual_port {
        return versions;
    }
    let is_whole = message.len() == size && hello.bytes.len() == SIZE + size;
    let counted = (0..COUNTED_MAX).contains(&correlation);
    match (counted, is_whole) {
        (true, true) => Look::Good,
        (true, false) if size > LIKELY_MAX => Look::Bad,
        (true, false) if hello.more => Look::Short,
        (true, false) if size > message.len() => Look::Good,
        _ => Look::Bad,
    }
}

/// Whether it is the whole response to `ApiVersions`, of any version.
fn lists_versions(size: usize, message: &[u8]) -> Look {
    let Some(api) = schema::api(API_VERSIONS) else { return Look::Bad };
    let body = message.get(SIZE..).unwrap_or_default();
    match body {
        _ if !LISTS.contains(&size) => return Look::Bad,
        [0, 0, ..] | [0, 35, ..] => {}
        [] | [0] => return Look::Short,
        _ => return Look::Bad,
    }
    let each = (0..=api.latest)
        .map(|version| fits(api, api.response, version, body, size.saturating_sub(SIZE)));
    let looks = each.fold(Look::Bad, |best, look| match (best, look) {
        (Look::Good, _) | (_, Look::Good) => Look::Good,
        (Look::Short, _) | (_, Look::Short) => Look::Short,
        _ => Look::Bad,
    });
    // What fits so far is not enough here.
    if looks == Look::Good && message.len() < size { Look::Short } else { looks }
}

/// Whether `body`, which is `size` bytes if all of it is there, fits its table.
fn fits(api: &Api, fields: &'static [Field], version: i16, body: &[u8], size: usize) -> Look {
    let is_whole = body.len() >= size;
    let body = body.get(..size).unwrap_or(body);
    match walk(fields, version, api.is_flexible(version), body, &mut Nobody) {
        Ending::Whole(used) if used == size => Look::Good,
        Ending::Rest => Look::Good,
        Ending::Short if is_whole => Look::Bad,
        Ending::Short if body.len() >= ENOUGH => Look::Good,
        Ending::Short => Look::Short,
        Ending::Whole(_) | Ending::Bad => Look::Bad,
    }
}

/// The size of the message at the front, and as much of it as is there.
fn frame(input: &[u8], least: usize) -> Result<(usize, &[u8]), Look> {
    let Some((size, rest)) = input.split_first_chunk::<SIZE>() else {
        // No message is that large.
        return Err(if input.first().is_none_or(|byte| *byte < 0x10) {
            Look::Short
        } else {
            Look::Bad
        });
    };
    let size = usize::try_from(i32::from_be_bytes(*size)).map_err(|_| Look::Bad)?;
    if !(least..=SURE_MAX).contains(&size) {
        return Err(Look::Bad);
    }
    Ok((size, rest.get(..size).unwrap_or(rest)))
}

fn short_of(halt: Halt, size: usize, message: &[u8]) -> Look {
    if halt == Halt::Short && message.len() < size { Look::Short } else { Look::Bad }
}

impl<'m> Visit<'m> for Nobody {
    fn meet(&mut self, _field: &'static Field, _event: Event<'m>) {}
}
