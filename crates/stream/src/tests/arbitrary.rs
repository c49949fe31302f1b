//! Any segments at all: nothing panics, nothing grows, everything is given back.

use model::{Dir, Timestamp};
use packet::{Segment, TcpFlags};
use proptest::prelude::*;

use super::kit::{Bench, config, segment};
use crate::{Connection, HELD_BYTES_MAX, HELD_SEGMENTS_MAX, Outcome};

const PAYLOAD: [u8; 3000] = [0x61; 3000];

/// Near the places where the numbers wrap, near each other, or anywhere.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        6 => 0..3000_u32,
        3 => (u32::MAX - 2000)..=u32::MAX,
        1 => any::<u32>(),
        1 => (0..8_u32).prop_map(|n| n << 29),
        1 => (0..64_u32).prop_map(|n| (20 << 20) + n),
    ]
}

fn any_segment() -> impl Strategy<Value = (Segment<'static>, u64)> {
    let len = prop_oneof![3 => Just(0_usize), 6 => 0..200_usize, 1 => 0..3000_usize];
    let flags = prop_oneof![8 => Just(TcpFlags::ACK), 2 => any::<u8>(), 1 => Just(0), 1 => Just(TcpFlags::ACK | TcpFlags::FIN)];
    let cut = prop_oneof![20 => Just(0_u32), 2 => 0..2000_u32, 1 => any::<u32>()];
    let pause = prop_oneof![9 => 0..100_000_u64, 1 => 0..40_000_000_000_u64];
    (any::<bool>(), number(), number(), len, flags, cut, pause).prop_map(
        |(ab, seq, ack, len, flags, cut, pause)| {
            let dir = if ab { Dir::Ab } else { Dir::Ba };
            let payload = &PAYLOAD[..len];
            let flags = TcpFlags(flags);
            (Segment { ack, flags, payload, cut, ..segment(dir, seq) }, pause)
        },
    )
}

proptest! {
    #![proptest_config(config(793))]

    #[test]
    fn no_segments_break_it(
        segments in prop::collection::vec(any_segment(), 1..120),
        memory in prop_oneof![Just(1_usize << 24), 0..5000_usize],
    ) {
        let mut bench = Bench::new(memory);
        for (segment, pause) in &segments {
            bench.now += pause;
            if bench.offer(segment) == Outcome::Reused {
                bench.flush();
                bench.connection = None;
                prop_assert_eq!(bench.offer(segment), Outcome::Same);
            }
            let connection = bench.connection.as_ref().unwrap();
            prop_assert!(connection.deadline().is_none_or(|at| at > Timestamp(bench.now)));
            prop_assert_eq!(holds(connection), bench.budget.used() > 0);
            prop_assert!(waits_end(connection), "{connection:?}");
        }
        bench.flush();
        prop_assert_eq!(bench.budget.used(), 0);
    }
}

fn holds(connection: &Connection) -> bool {
    connection.halves.iter().any(|half| half.held.is_some())
}

/// Whatever is held back is held back until a deadline, and within the limits.
fn waits_end(connection: &Connection) -> bool {
    let held = connection.halves.iter().filter_map(|half| half.held.as_deref());
    let within = held.clone().all(|held| held.fits(HELD_SEGMENTS_MAX, HELD_BYTES_MAX));
    let waits = held.clone().any(|held| held.first().is_some());
    within && (!waits || connection.deadline().is_some())
}

#[test]
fn a_flood_of_tiny_segments_from_the_back_stays_within_limits() {
    let mut bench = Bench::new(1 << 24);
    bench.take(&Segment { flags: TcpFlags(TcpFlags::SYN), ..segment(Dir::Ab, 0) });
    for n in (1..200_000_u32).rev() {
        bench.take(&Segment { payload: b"x", ..segment(Dir::Ab, n * 3) });
        assert!(waits_end(bench.connection()));
    }
    assert!(bench.budget.peak() < HELD_SEGMENTS_MAX * 200);
    bench.flush();
}
