//! Is this SNMP? A message whose parts end where it ends.

use dissect::{Hello, Verdict};
use model::Side;

use super::wire::{Letter, pdu};
use crate::ber::tag;

/// Variables looked at.
const VARIABLES_MAX: usize = 8;

/// What a datagram looks like.
pub(super) fn probe(hello: &Hello<'_>) -> Verdict {
    let Some(letter) = Letter::read(hello.bytes) else { return Verdict::No };
    let whole = letter.size == hello.bytes.len() as u64;
    let is_ours = hello.usual_port() || whole && is_sound(&letter);
    let side = match letter.pdu {
        Some(pdu::RESPONSE | pdu::REPORT) => Side::Server,
        Some(_) => Side::Client,
        None if letter.reportable || hello.to_usual_port && !hello.from_usual_port => Side::Client,
        None => Side::Server,
    };
    match is_ours {
        true if hello.from.is_none_or(|from| from == side) => Verdict::Is(side),
        _ => Verdict::No,
    }
}

fn is_sound(letter: &Letter<'_>) -> bool {
    if letter.pdu.is_none() {
        // Encrypted by a user whom an engine knows.
        return letter.flags & 2 != 0 && letter.engine.len() >= 5;
    }
    if letter.pdu != Some(pdu::TRAP_V1) {
        let Some((_, status, index, _)) = letter.parts() else { return false };
        let is_bulk = letter.pdu == Some(pdu::GET_BULK);
        if !is_bulk && (!(0..=18).contains(&status) || !(0..=4_096).contains(&index)) {
            return false;
        }
    }
    letter.variables().take(VARIABLES_MAX).all(|variable| {
        let mut parts = variable.items();
        variable.tag == tag::SEQUENCE && parts.wanted(tag::OID).is_some() && parts.next().is_some()
    })
}
