//! Is this Diameter? A head whose flags fit each other, a known command, and a first AVP that begins
//! as one does.

use dissect::{Hello, Verdict};
use model::Side;

use super::{
    codes,
    wire::{Avps, HEAD, Head},
};
use crate::framed::Halt;

/// What the first bytes look like.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let head = match Head::read(hello.bytes) {
        Ok(head) => head,
        Err(Halt::Short(_)) if hello.more => return Verdict::Maybe,
        Err(_) => return Verdict::No,
    };
    let known = codes::command(head.command).is_some();
    if !known && !hello.usual_port() || head.len == 20 {
        return Verdict::No;
    }
    let Some(start) = hello.bytes.get(HEAD..HEAD + 8) else {
        return if hello.more { Verdict::Maybe } else { Verdict::No };
    };
    if !Avps::may_begin(start, &head) {
        return Verdict::No;
    }
    // Either side asks; who opened the connection is asked for its capabilities first.
    let side = if head.is_request() { Side::Client } else { Side::Server };
    match hello.from {
        Some(from) => Verdict::Is(from),
        None if head.command == codes::CAPABILITIES => Verdict::Is(side),
        None if hello.to_usual_port != hello.from_usual_port => {
            Verdict::Is(if hello.to_usual_port { Side::Client } else { Side::Server })
        }
        None => Verdict::Is(side),
    }
}
