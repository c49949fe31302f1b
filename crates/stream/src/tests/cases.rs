//! Written conversations, each with what must be said of it.

use model::{Dir, Timestamp};
use packet::Segment;

use super::kit::{Bench, MS, packet};
use crate::{Connection, HELD_BYTES_MAX, Outcome, RETRANSMISSION_NS, WAIT_NS, WAIT_PACKETS};

const AB: Dir = Dir::Ab;
const BA: Dir = Dir::Ba;

/// After a handshake: `Ab` is at 1000, `Ba` at 5000.
fn open() -> Bench {
    let mut bench = Bench::new(1 << 24);
    bench.take(&packet(AB, "S", 999, None, b""));
    bench.take(&packet(BA, "S", 4999, Some(1000), b""));
    bench.take(&packet(AB, "", 1000, Some(5000), b""));
    assert!(bench.connection().from_start(AB) && bench.connection().from_start(BA));
    assert_eq!(bench.connection().opener(), Some(AB));
    bench
}

fn ab(bench: &mut Bench, seq: u32, ack: u32, payload: &[u8]) {
    bench.take(&packet(AB, "P", seq, Some(ack), payload));
}

fn ba(bench: &mut Bench, seq: u32, ack: u32, payload: &[u8]) {
    bench.take(&packet(BA, "P", seq, Some(ack), payload));
}

#[test]
fn a_million_connections_fit() {
    assert!(size_of::<Connection>() <= 96, "{}", size_of::<Connection>());
}

#[test]
fn in_order_nothing_is_held() {
    let mut b = open();
    ab(&mut b, 1000, 5000, b"question");
    ba(&mut b, 5000, 1008, b"answer");
    assert_eq!((b.said().as_str(), b.budget.peak()), (">question <answer", 0));
    b.take(&packet(BA, "F", 5006, Some(1008), b""));
    ab(&mut b, 1008, 5007, b"more");
    assert!(!b.connection().closed());
    b.take(&packet(AB, "F", 1012, Some(5007), b""));
    assert!(b.connection().closed());
    b.take(&packet(BA, "", 5007, Some(1013), b""));
    b.flush();
    assert_eq!((b.said().as_str(), b.budget.peak()), ("<fin >more >fin", 0));
}

#[test]
fn an_answer_waits_for_its_question() {
    let mut b = open();
    ba(&mut b, 5000, 1008, b"answer");
    ba(&mut b, 5006, 1008, b" more");
    assert_eq!(b.said(), "");
    assert_eq!(b.connection().deadline(), Some(Timestamp(b.now - 10_000 + WAIT_NS)));
    ab(&mut b, 1000, 5000, b"question");
    assert_eq!(b.said(), ">question <answer < more");
    assert_eq!((b.budget.used(), b.counts.early_answers), (0, 1));
}

#[test]
fn a_lost_question_is_a_gap_before_its_answer() {
    let mut b = open();
    ba(&mut b, 5000, 1008, b"answer");
    b.now += WAIT_NS - 1;
    b.expire();
    assert_eq!(b.said(), "");
    b.now += 1;
    b.expire();
    assert_eq!(b.said(), ">gap:8 <answer");
    ab(&mut b, 1000, 5000, b"question");
    ab(&mut b, 1008, 5006, b"next");
    assert_eq!((b.said().as_str(), b.counts.late_bytes), (">next", 8));
}

#[test]
fn sixty_four_packets_are_as_good_as_twenty_milliseconds() {
    let mut b = open();
    b.now += WAIT_NS;
    ba(&mut b, 5000, 1008, b"answer");
    for _ in 1..WAIT_PACKETS {
        ba(&mut b, 5006, 1008, b"");
    }
    assert_eq!(b.said(), "");
    ba(&mut b, 5006, 1008, b"");
    assert_eq!(b.said(), ">gap:8 <answer");
}

#[test]
fn the_next_segment_expires_what_nobody_did() {
    let mut b = open();
    ba(&mut b, 5000, 1008, b"answer");
    b.now += WAIT_NS;
    ab(&mut b, 1000, 5000, b"question");
    assert_eq!(b.said(), ">gap:8 <answer");
}

#[test]
fn a_pure_acknowledgment_of_a_lost_tail_is_not_forgotten() {
    let mut b = open();
    ab(&mut b, 1000, 5000, b"question");
    ba(&mut b, 5000, 1008, b"answ");
    ab(&mut b, 1008, 5010, b"");
    assert_eq!(b.said(), ">question <answ");
    b.flush();
    assert_eq!(b.said(), "<gap:6 >flushed <flushed");
}

#[test]
fn one_lost_place_is_a_fin_or_a_byte() {
    let mut b = open();
    ab(&mut b, 1000, 5000, b"question");
    b.take(&packet(BA, "F", 5000, Some(1009), b"answer"));
    b.now += WAIT_NS;
    b.expire();
    assert_eq!(b.said(), ">question <answer <fin");
    let mut byte = open();
    std::mem::swap(&mut byte, &mut b);
    let mut fin = open();
    for c in [&mut fin, &mut b] {
        ab(c, 1000, 5000, b"question");
        ba(c, 5000, 1009, b"answer");
        c.now += WAIT_NS;
        c.expire();
        assert_eq!(c.said(), ">question <answer");
    }
    ab(&mut byte, 1009, 5007, b"more");
    assert_eq!(byte.said(), ">gap:1 >more");
    fin.take(&packet(AB, "F", 1008, Some(5000), b""));
    assert_eq!(fin.said(), ">fin");
    ab(&mut b, 1008, 5006, b"late");
    assert_eq!(b.said(), ">late");
}

#[test]
fn a_retransmission_fills_a_hole_that_the_receiver_has_too() {
    let mut b = open();
    ab(&mut b, 1000, 5000, b"aaaa");
    ab(&mut b, 1008, 5000, b"cccc");
    ba(&mut b, 5000, 1004, b"");
    b.now += 5_000 * MS;
    b.expire();
    assert_eq!(b.said(), ">aaaa");
    ab(&mut b, 1002, 5000, b"aabbbbcc");
    assert_eq!(b.said(), ">bbbb >cccc");
    assert_eq!((b.counts.retransmitted_bytes, b.counts.conflicts, b.counts.gaps), (4, 0, 0));
}

#[test]
fn a_hole_nobody_fills_is_given_up() {
    let mut b = open();
    ab(&mut b, 1004, 5000, b"bbbb");
    b.now += RETRANSMISSION_NS;
    b.expire();
    assert_eq!(b.said(), ">gap:4 >bbbb");
}

#[test]
fn the_first_bytes_win_and_others_are_counted() {
    let mut b = open();
    ab(&mut b, 1000, 5000, b"good");
    ab(&mut b, 1000, 5000, b"good");
    assert_eq!(b.counts.conflicts, 0);
    ab(&mut b, 1000, 5000, b"evil");
    assert_eq!(b.counts.conflicts, 1);
    ab(&mut b, 1006, 5000, b"held");
    ab(&mut b, 1004, 5000, b"--HELDmore");
    assert_eq!((b.said().as_str(), b.counts.conflicts), (">good >-- >held >more", 2));
}

#[test]
fn joined_late_it_starts_with_the_first_payload() {
    let mut b = Bench::new(1 << 20);
    ab(&mut b, 1000, 5000, b"question");
    ba(&mut b, 5000, 1008, b"answer");
    assert_eq!(b.said(), ">question <answer");
    assert!(!b.connection().from_start(AB) && b.connection().opener().is_none());
}

#[test]
fn what_comes_before_its_turn_does_not_say_where_a_direction_begins() {
    let mut b = Bench::new(1 << 20);
    b.take(&packet(AB, "S", 999, None, b""));
    ba(&mut b, 5010, 1008, b"second");
    ab(&mut b, 1000, 5000, b"question");
    ba(&mut b, 5000, 1008, b"first one;");
    assert_eq!(b.said(), ">question <first one; <second");
    assert_eq!((b.counts.gaps, b.counts.retransmitted_segments), (0, 0));
}

#[test]
fn joined_late_a_lost_first_segment_is_a_gap() {
    let mut b = Bench::new(1 << 20);
    ab(&mut b, 1000, 5000, b"question");
    ab(&mut b, 1008, 5006, b"");
    ba(&mut b, 5006, 1008, b" more");
    b.now += WAIT_NS;
    b.expire();
    assert_eq!(b.said(), ">question <gap:6 < more");
    let mut b = Bench::new(1 << 20);
    ba(&mut b, 5000, 1000, b"");
    ab(&mut b, 1000, 5000, b"question");
    ab(&mut b, 1008, 5006, b"next");
    assert_eq!(b.said(), ">question");
    b.now += WAIT_NS;
    b.expire();
    assert_eq!(b.said(), "<gap:6 >next");
}

#[test]
fn of_a_direction_never_seen_nothing_is_expected() {
    let mut b = Bench::new(1 << 20);
    ba(&mut b, 5000, 1008, b"answer");
    ba(&mut b, 5006, 2000, b"another");
    b.flush();
    assert_eq!(b.said(), "<answer <another >flushed <flushed");
    assert_eq!(b.budget.peak(), 0);
}

#[test]
fn a_direction_that_is_seen_at_last_has_lost_what_was_acknowledged_before() {
    let mut b = Bench::new(1 << 20);
    ba(&mut b, 5000, 1008, b"answer");
    ba(&mut b, 5006, 2000, b"another");
    ab(&mut b, 2000, 5013, b"question");
    b.flush();
    assert_eq!(b.said(), "<answer <another >gap:992 >question >flushed <flushed");
    assert_eq!(b.budget.peak(), 0);
}

#[test]
fn what_is_said_between_two_losses_leaves_between_them() {
    let mut b = Bench::new(1 << 20);
    ab(&mut b, 1000, 5000, b"question");
    ba(&mut b, 5000, 1008, b"one");
    // Ten bytes are lost; the next question came when five of them had been received.
    ab(&mut b, 1008, 5008, b"next");
    ba(&mut b, 5013, 1012, b"late");
    b.now += WAIT_NS;
    b.expire();
    assert_eq!(b.said(), ">question <one <gap:5 >next");
    b.flush();
    assert_eq!(b.said(), "<gap:5 <late >flushed <flushed");
    assert!(b.notes.1.is_empty());
}

#[test]
fn a_loss_may_answer_what_was_said_before_it_was_received() {
    let mut b = Bench::new(1 << 20);
    ab(&mut b, 1000, 5000, b"question");
    ba(&mut b, 5000, 1008, b"one");
    // The acknowledgment of what is lost overtakes what was asked before.
    ab(&mut b, 1012, 5007, b"");
    b.now += WAIT_NS;
    b.expire();
    assert_eq!(b.said(), ">question <one <gap:4");
    ab(&mut b, 1008, 5003, b"next");
    assert_eq!((b.said().as_str(), &b.notes.1[..]), (">next", &[BA][..]));
    ba(&mut b, 5007, 1012, b"two");
    ab(&mut b, 1012, 5010, b"last");
    assert_eq!((b.said().as_str(), b.notes.1.len()), ("<two >last", 1));
}

#[test]
fn a_syn_ack_alone_proves_both_starts() {
    let mut b = Bench::new(1 << 20);
    b.take(&packet(BA, "S", 4999, Some(1000), b""));
    assert!(b.connection().from_start(AB) && b.connection().from_start(BA));
    assert_eq!(b.connection().opener(), Some(AB));
    ab(&mut b, 1000, 5000, b"question");
    assert_eq!(b.said(), ">question");
}

#[test]
fn data_may_come_with_the_syn() {
    let mut b = Bench::new(1 << 20);
    b.take(&packet(AB, "S", 999, None, b"early"));
    b.take(&packet(BA, "S", 4999, Some(1005), b""));
    ba(&mut b, 5000, 1005, b"answer");
    assert_eq!((b.said().as_str(), b.budget.peak()), (">early <answer", 0));
    let mut b = Bench::new(1 << 20);
    b.take(&packet(BA, "S", 4999, Some(1005), b""));
    b.take(&packet(AB, "S", 999, None, b"early"));
    ba(&mut b, 5000, 1005, b"answer");
    assert_eq!(b.said(), ">early <answer");
}

#[test]
fn a_keep_alive_moves_nothing() {
    let mut b = open();
    ab(&mut b, 1000, 5000, b"question");
    b.take(&packet(AB, "", 1007, Some(5000), b""));
    b.take(&packet(AB, "", 1007, Some(5000), b"\0"));
    ba(&mut b, 5000, 1008, b"answer");
    assert_eq!((b.said().as_str(), b.counts.keep_alives), (">question <answer", 2));
    let mut late = Bench::new(1 << 20);
    late.take(&packet(AB, "", 999, Some(5000), b"\0"));
    late.take(&packet(BA, "", 5000, Some(1000), b""));
    ab(&mut late, 1000, 5000, b"question");
    assert_eq!(late.said(), ">question");
    let mut late = Bench::new(1 << 20);
    late.take(&packet(AB, "", 999, Some(5000), b""));
    ab(&mut late, 1000, 5000, b"question");
    late.flush();
    assert_eq!(late.said(), ">question >flushed <flushed");
}

#[test]
fn what_the_snap_length_took_is_said() {
    let mut b = open();
    let cut = |seq, payload| Segment { cut: 6, ..packet(AB, "", seq, Some(5000), payload) };
    b.take(&cut(1000, b"head"));
    b.take(&cut(1020, b"tail"));
    b.take(&cut(1010, b"mid!"));
    assert_eq!(b.said(), ">head >snaplen:6 >mid! >snaplen:6 >tail >snaplen:6");
    assert_eq!((b.counts.snaplen_bytes, b.counts.gaps), (18, 0));
}

#[test]
fn segments_far_away_are_followed_when_they_agree() {
    let mut b = open();
    ab(&mut b, 1000, 5000, b"here");
    let far = 1000 + (100 << 20);
    ab(&mut b, far, 5000, b"one");
    ab(&mut b, 1004, 5000, b"here");
    ab(&mut b, far, 5000, b"one");
    ab(&mut b, far + 3, 5000, b"two");
    assert_eq!((b.said().as_str(), b.counts.outside_window), (">here >here", 3));
    ab(&mut b, far + 6, 5000, b"three");
    assert_eq!(b.said(), format!(">gap:{} >three", far + 6 - 1008));
    ba(&mut b, 5000, far + (20 << 20), b"");
    ba(&mut b, 5000, far + (20 << 20) + 9, b"ok");
    assert_eq!(b.said(), format!(">gap:{} <ok", (20 << 20) - 2));
}

#[test]
fn a_reset_lets_everything_go() {
    let mut b = open();
    ab(&mut b, 1004, 5000, b"held");
    b.take(&packet(BA, "R", 5000 + (50 << 20), None, b""));
    assert_eq!((b.said().as_str(), b.counts.resets_ignored), ("", 1));
    b.take(&packet(BA, "R", 5000, None, b""));
    assert_eq!(b.said(), ">gap:4 >held >reset <reset");
    assert!(b.connection().closed());
    ab(&mut b, 1008, 5000, b"more");
    assert_eq!((b.said().as_str(), b.counts.after_end, b.budget.used()), ("", 1, 0));
}

#[test]
fn a_refused_connection_ends() {
    let mut b = Bench::new(1 << 20);
    b.take(&packet(AB, "S", 999, None, b""));
    b.take(&packet(BA, "R", 0, Some(1000), b""));
    assert_eq!(b.said(), ">reset <reset");
    assert_eq!(b.offer(&packet(AB, "S", 1234, None, b"")), Outcome::Reused);
}

#[test]
fn another_syn_is_another_connection() {
    let mut b = open();
    b.take(&packet(AB, "S", 999, None, b""));
    b.take(&packet(AB, "S", 1010, None, b""));
    assert_eq!((b.counts.reused, b.counts.odd_syns), (0, 1));
    assert_eq!(b.offer(&packet(AB, "S", 77_000, None, b"")), Outcome::Reused);
    b.now += 2_000 * MS;
    assert_eq!(b.offer(&packet(AB, "S", 1010, None, b"")), Outcome::Reused);
    b.flush();
    assert_eq!(b.offer(&packet(AB, "S", 1010, None, b"")), Outcome::Reused);
}

#[test]
fn both_may_open_at_once() {
    let mut b = Bench::new(1 << 20);
    b.take(&packet(AB, "S", 999, None, b""));
    b.take(&packet(BA, "S", 4999, None, b""));
    b.take(&packet(AB, "S", 999, Some(5000), b""));
    b.take(&packet(BA, "S", 4999, Some(1000), b""));
    ba(&mut b, 5000, 1000, b"hello");
    assert_eq!((b.said().as_str(), b.connection().opener()), ("<hello", Some(AB)));
}

#[test]
fn what_comes_after_the_end_is_counted() {
    let mut b = open();
    b.take(&packet(AB, "F", 1004, Some(5000), b""));
    ab(&mut b, 1004, 5000, b"junk");
    ab(&mut b, 1000, 5000, b"last");
    b.take(&packet(AB, "F", 1004, Some(5000), b""));
    ab(&mut b, 1005, 5000, b"junk");
    ba(&mut b, 5000, 1005, b"answer");
    assert_eq!((b.said().as_str(), b.counts.after_end), (">last >fin <answer", 2));
}

#[test]
fn with_no_memory_it_says_so_and_goes_on() {
    let mut b = open();
    b.budget = model::Budget::new(0);
    ab(&mut b, 1004, 5000, b"bbbb");
    ba(&mut b, 5000, 1020, b"answer");
    assert_eq!(b.said(), ">budget:4 >bbbb >budget:12 <answer");
    assert_eq!(b.counts.budget_bytes, 16);
}

#[test]
fn a_direction_holds_no_more_than_its_limit() {
    let mut b = open();
    let payload = vec![b'x'; 60_000];
    for n in 0..20 {
        ab(&mut b, 2000 + n * 60_000, 5000, &payload);
    }
    assert!(b.budget.peak() < HELD_BYTES_MAX + 10_000);
    assert!(b.said().starts_with(">budget:1000 >xxx"));
    b.flush();
}

#[test]
fn the_numbers_wrap() {
    let mut b = Bench::new(1 << 20);
    b.take(&packet(AB, "S", u32::MAX - 3, None, b""));
    b.take(&packet(BA, "S", u32::MAX, Some(u32::MAX - 2), b""));
    ab(&mut b, 2, 0, b"rest");
    ba(&mut b, 0, 2, b"answer");
    ab(&mut b, u32::MAX - 2, 0, b"first");
    assert_eq!(b.said(), ">first >rest <answer");
}

#[test]
fn two_that_wait_for_each_other_do_not_wait_for_ever() {
    let mut b = open();
    ab(&mut b, 1000, 5006, b"question");
    ba(&mut b, 5000, 1008, b"answer");
    assert_eq!((b.said().as_str(), b.counts.order_unknown), (">question <answer", 1));
    assert_eq!(b.budget.used(), 0);
}
