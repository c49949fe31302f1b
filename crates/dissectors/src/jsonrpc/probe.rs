//! Whether bytes are JSON-RPC on a connection of its own.
//!
//! Bodies of HTTP look the same where their heads came in another packet: a flow whose start was not
//! seen has to show more than one value.

use dissect::{Hello, Role, Verdict};
use model::Side;

use super::{
    said::Said,
    wire::{self, Framed, Frames, Halt},
};
use crate::over_http::{json::Json, jsonrpc};

/// What JSON-RPC thinks of the first bytes of one side.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let bytes = hello.bytes.get(wire::blanks(hello.bytes)..).unwrap_or_default();
    let framed = match Framed::of(bytes) {
        Ok(framed) => framed,
        Err(Halt::Short(_)) if hello.more => return begins_like_one(bytes),
        // A large first message: its front may say enough.
        Err(Halt::Short(_)) => Framed { frames: Frames::Bare, head: 0, body: bytes.len() },
        Err(Halt::Wrong) => return Verdict::No,
    };
    let value = bytes.get(framed.head..framed.whole().min(bytes.len())).unwrap_or_default();
    let json = Json::of(value);
    if !jsonrpc::is_message(json) {
        let short = value.len() < framed.body && hello.more;
        return if short { Verdict::Maybe } else { Verdict::No };
    }
    let Some(said) = Said::of(json) else {
        return if value.len() < framed.body && hello.more { Verdict::Maybe } else { Verdict::No };
    };
    if let Some(from) = hello.from {
        return Verdict::Is(from);
    }
    let behind = bytes.get(framed.whole()..).unwrap_or_default();
    match (framed.frames, behind.first()) {
        (Frames::Headed, _) => Verdict::Is(side(&said)),
        (_, Some(b'\r' | b'\n')) if goes_on(behind) => Verdict::Is(side(&said)),
        _ => Verdict::No,
    }
}

/// Another message follows in the same packet.
fn goes_on(behind: &[u8]) -> bool {
    let next = behind.trim_ascii_start();
    Framed::of(next).is_ok_and(|framed| {
        framed.frames == Frames::Bare
            && next.get(..framed.body).is_some_and(|value| jsonrpc::is_message(Json::of(value)))
    })
}

/// As a rule clients ask.
fn side(said: &Said) -> Side {
    if said.role == Role::Asks { Side::Client } else { Side::Server }
}

/// A value that is not whole: an object, or a list of them.
fn begins_like_one(bytes: &[u8]) -> Verdict {
    let list = bytes.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    match list.unwrap_or(bytes).first() {
        None | Some(b'{') => Verdict::Maybe,
        Some(_) if list.is_some() => Verdict::No,
        // The front of a header.
        Some(_) => Verdict::Maybe,
    }
}
