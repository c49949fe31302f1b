//! For the tests of every protocol: one conversation written down, replayed in every way.
//!
//! ```text
//! A read of a key that is not there.
//!
//! over tcp                              (or udp, icmp, sctp; tcp if left out)
//! > GET user:7\r\n                      the client's bytes; \r \n \t \0 \\ \xNN are understood
//! < $-1\r\n                             the server's bytes
//! >x 0a 0b                              the same in hexadecimal
//! gap > 10                              ten bytes of the client were lost here
//! wait 200                              nothing is said for 200 milliseconds
//! late                                  joined mid-stream (before the first bytes)
//! only whole                            losses are not tried (say why in prose)
//! heritage TEXT                         what the conversation before it left to it
//! unprobed                              the probe can't know these first bytes (say why)
//! end <                                 the server sends nothing more
//! = matched GET user:7 OK               a call: pairing, method, endpoint, status code; - for none
//! => db.operation.name=GET; body=abc    some fields of its request (also header:NAME, body, size)
//! =< redis.reply=nil                    some fields of its response
//! ```
//!
//! Lines that begin otherwise are prose. [`check`] proves of a case: what comes out is what is
//! written; the same comes out however the bytes are cut; with any piece lost, or joined at any
//! turn, no pair and no message comes out that is not in the whole conversation.

mod case;
mod replay;

pub use self::{
    case::{Case, Turn},
    replay::{Kept, Replay, fuzz},
};

use crate::{Dissection, Hello, Verdict};
use model::Side;

/// Piece sizes tried when pieces are lost; each of them cuts a case in other places.
const LOSS_SIZES: [usize; 9] = [1, 2, 3, 5, 8, 16, 61, 300, 1_448];
/// Replays with a lost piece, at most, per size.
const LOSSES_MAX: usize = 400;

/// Checks one case in every way; panics with what differs.
pub fn check(dissection: &'static Dissection, text: &str) {
    let case = Case::parse(text).unwrap_or_else(|why| panic!("{why}"));
    let whole = Replay::new(&case).run(dissection);
    assert_eq!(shown(&whole), case.calls(), "what comes out (left) is what is written (right)");
    for (call, want) in whole.iter().zip(&case.wants) {
        want.check_fields(call);
    }
    if !case.transport().is_ordered() {
        if !case.only_whole {
            lose_turns(dissection, &case, &whole);
        }
        return;
    }
    cut_everywhere(dissection, &case, &whole);
    if case.only_whole {
        return;
    }
    lose_every_piece(dissection, &case, &whole);
    join_everywhere(dissection, &case, &whole);
}

/// Whether the protocol's probe knows the case's first bytes, on its usual port only or anywhere.
pub fn check_probe(dissection: &Dissection, text: &str) {
    let case = Case::parse(text).unwrap_or_else(|why| panic!("{why}"));
    let known = case.firsts().any(|(side, bytes)| {
        let hello = Hello {
            bytes,
            from: None,
            transport: case.transport(),
            to_usual_port: side == Side::Client,
            from_usual_port: side == Side::Server,
            more: false,
        };
        [Verdict::Is(side), Verdict::Either].contains(&(dissection.probe)(&hello))
    });
    assert!(known || case.unprobed, "the probe knows neither side of {text}");
}

fn shown(calls: &[Kept]) -> Vec<String> {
    calls.iter().map(Kept::headline).collect()
}

fn cut_everywhere(dissection: &'static Dissection, case: &Case, whole: &[Kept]) {
    let longest = case.longest();
    let step = (longest / 256).max(1);
    for size in (1..=longest.min(256)).chain((256..longest).step_by(step)) {
        let cut = Replay::new(case).pieces(size).run(dissection);
        assert_eq!(whole, cut, "cut every {size} bytes");
    }
}

fn lose_every_piece(dissection: &'static Dissection, case: &Case, whole: &[Kept]) {
    for size in LOSS_SIZES.into_iter().chain([usize::MAX]) {
        let pieces = case.pieces(size);
        let step = pieces.div_ceil(LOSSES_MAX).max(1);
        for lost in (0..pieces).step_by(step) {
            let rest = Replay::new(case).pieces(size).lose(lost).run(dissection);
            nothing_made_up(whole, &rest, &format!("piece {lost} of {size} bytes lost"));
        }
    }
}

fn join_everywhere(dissection: &'static Dissection, case: &Case, whole: &[Kept]) {
    for first in 1..case.turns.len() {
        let rest = Replay::new(case).join_at(first).run(dissection);
        nothing_made_up(whole, &rest, &format!("joined at turn {first}"));
    }
}

fn lose_turns(dissection: &'static Dissection, case: &Case, whole: &[Kept]) {
    for lost in 0..case.turns.len() {
        let rest = Replay::new(case).lose(lost).run(dissection);
        for call in rest.iter().filter(|call| call.request.is_some() && call.response.is_some()) {
            assert!(
                whole.iter().any(|w| same_records(w, call)),
                "datagram {lost} lost: a pair that never was: {}",
                call.headline()
            );
        }
    }
}

fn same_records(a: &Kept, b: &Kept) -> bool {
    let record = |half: &Option<replay::Half>| half.as_ref().map(|half| half.record.clone());
    record(&a.request) == record(&b.request) && record(&a.response) == record(&b.response)
}

/// Every whole message, and every pair, is one of the whole conversation.
fn nothing_made_up(whole: &[Kept], rest: &[Kept], how: &str) {
    for call in rest {
        if let (Some(request), Some(response)) = (&call.request, &call.response) {
            // What is said of a message after its end (that nobody wants its answer) may be lost.
            let same = |known: &Option<replay::Half>, half: &replay::Half| {
                known.as_ref().is_some_and(|known| {
                    known.same_place(half) || known.says_all_of(half, call.protocol)
                })
            };
            let known =
                whole.iter().any(|w| same(&w.request, request) && same(&w.response, response));
            assert!(known, "{how}: a pair that never was: {}", call.headline());
        }
        for message in [&call.request, &call.response].into_iter().flatten() {
            let known = whole.iter().flat_map(|w| [&w.request, &w.response]).flatten().any(|m| {
                m.from == message.from
                    && (m.record == message.record
                        || message.missing.is_some() && m.same_place(message)
                        || m.says_all_of(message, call.protocol))
            });
            assert!(
                known,
                "{how}: a message that never was: {} {:?}",
                call.headline(),
                message.record.escape_ascii().to_string()
            );
        }
    }
}
