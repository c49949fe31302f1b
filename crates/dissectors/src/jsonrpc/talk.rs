//! Reads both sides, message by message.

use dissect::{Dissector, Found, Pair, Role, Sink, Step};
use model::Side;

use super::{
    RECORD,
    said::Said,
    wire::{self, Framed, Frames, Halt, WHOLE_MAX},
};
use crate::over_http::{json::Json, jsonrpc};

/// Bytes that are looked at of a message that is too long to be waited for.
const FRONT: usize = 64 << 10;
/// Places that are looked at in one packet.
const PLACES_MAX: usize = 64;

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Talk {
    frames: [Frames; 2],
}

// === impl Dissector ===

impl Dissector for Talk {
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        let blanks = wire::blanks(input);
        if blanks > 0 {
            return Step::Took(blanks);
        }
        let framed = match Framed::of(input) {
            Ok(framed) => framed,
            Err(Halt::Short(need)) => return Step::Need(need),
            Err(Halt::Wrong) => return Step::Lost,
        };
        let known = &mut self.frames[from as usize];
        if *known != Frames::Unknown && *known != framed.frames {
            return Step::Lost;
        }
        let step = read(framed, input, sink);
        if !matches!(step, Step::Need(_) | Step::Lost) {
            *known = framed.frames;
        }
        step
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        match self.frames[from as usize] {
            Frames::Bare => bare(input),
            Frames::Headed => headed(input),
            Frames::Unknown => match headed(input) {
                Found::Nowhere => bare(input),
                found => found,
            },
        }
    }
}

fn read(framed: Framed, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
    let wanted = if framed.body > WHOLE_MAX { framed.head + FRONT } else { framed.whole() };
    let Some(front) = input.get(framed.head..wanted) else { return Step::Need(wanted) };
    let said = match Said::of(Json::of(front)) {
        Some(said) => said,
        // Its id comes behind what was looked at.
        None if framed.body > WHOLE_MAX => Said { role: Role::Asks, pair: Pair::OneWay },
        None => return Step::Lost,
    };
    sink.begin_as(said.role, said.pair);
    sink.record(&[RECORD]);
    Step::Body { head: framed.head, body: u64::try_from(framed.body).unwrap_or(0) }
}

/// A value that begins a packet or a line, says that it is a message, and has nothing but another one
/// behind it: a part of a batch is none.
fn bare(input: &[u8]) -> Found {
    let lines = memchr::memchr_iter(b'\n', input).map(|at| at + 1);
    for at in std::iter::once(0).chain(lines).take(PLACES_MAX) {
        let rest = input.get(at..).unwrap_or_default();
        if !matches!(rest.first(), Some(b'{' | b'[')) {
            continue;
        }
        match Framed::of(rest) {
            Ok(framed) => {
                let (value, behind) = rest.split_at_checked(framed.body).unwrap_or_default();
                let is_message = jsonrpc::is_message(Json::of(value));
                match behind.trim_ascii_start().first() {
                    _ if !is_message => {}
                    Some(b'{' | b'[') => return Found::At(at),
                    None if behind.contains(&b'\n') => return Found::At(at),
                    None => return Found::Maybe(at),
                    Some(_) => {}
                }
            }
            Err(Halt::Short(_)) => return Found::Maybe(at),
            Err(Halt::Wrong) => {}
        }
    }
    Found::Nowhere
}

/// A header and the front of a message behind it.
fn headed(input: &[u8]) -> Found {
    let mut from = 0;
    for _ in 0..PLACES_MAX {
        let rest = input.get(from..).unwrap_or_default();
        let Some(at) = wire::next_header(rest) else { break };
        let place = from + at;
        let rest = input.get(place..).unwrap_or_default();
        match Framed::of(rest) {
            Ok(framed) => match rest.get(framed.head) {
                Some(b'{' | b'[') => return Found::At(place),
                Some(_) => {}
                None => return Found::Maybe(place),
            },
            Err(Halt::Short(_)) => return Found::Maybe(place),
            Err(Halt::Wrong) => {}
        }
        from = place + 1;
    }
    Found::Nowhere
}
