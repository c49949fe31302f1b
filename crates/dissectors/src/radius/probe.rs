//! Is this RADIUS? A known code, a length that fits, and attributes that end with the packet.

use dissect::{Hello, Role, Verdict};
use model::Side;

use super::{
    codes,
    wire::{Attributes, HEAD, Head},
};

/// What a datagram looks like.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let Some(head) = Head::read(hello.bytes, 0) else { return Verdict::No };
    let Some((_, role)) = codes::kind(head.code) else { return Verdict::No };
    let side = if role == Role::Asks { Side::Client } else { Side::Server };
    let sound = Attributes::are_sound(hello.bytes);
    let exact = head.len == hello.bytes.len();
    let is_ours =
        sound && (hello.usual_port() || exact && head.len > HEAD + 2 && is_usual(hello.bytes));
    match is_ours {
        true if hello.from.is_none_or(|from| from == side) => Verdict::Is(side),
        _ => Verdict::No,
    }
}

/// Whether all attributes are ones that somebody has defined, and two of them at least (or the one
/// that signs an answer).
fn is_usual(packet: &[u8]) -> bool {
    let mut count = 0;
    let known = Attributes::of(packet).all(|attribute| {
        count += if attribute.vendor == 0 && attribute.kind == 80 { 2 } else { 1 };
        attribute.vendor != 0 || super::attributes::find(attribute.kind).is_some()
    });
    known && count >= 2
}
