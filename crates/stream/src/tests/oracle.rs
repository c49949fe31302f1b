//! One direction against an obviously right twin: a map from offset to byte, where the first wins.

use std::collections::BTreeMap;

use model::{Dir, Why};
use proptest::prelude::*;

use super::kit::{Bench, Event, config, packet};

/// A segment: where, how long, with what content, how much of it cut.
type Piece = (u32, u32, u8, u32);

/// What the oracle knows of a place: a byte, or that it was cut.
type Oracle = BTreeMap<u32, Option<u8>>;

fn oracle(pieces: &[Piece]) -> Oracle {
    let mut map = Oracle::new();
    for &(at, len, content, cut) in pieces {
        for offset in at..at + len {
            map.entry(offset).or_insert(Some(byte(content, offset)));
        }
        for offset in at + len..at + len + cut {
            map.entry(offset).or_insert(None);
        }
    }
    map
}

/// A few contents that differ, so that overlaps contradict.
fn byte(content: u8, offset: u32) -> u8 {
    (offset as u8).wrapping_mul(31) ^ content
}

/// What the connection says of each place.
fn assembled(pieces: &[Piece], isn: u32, memory: usize) -> Oracle {
    let mut bench = Bench::new(memory);
    bench.take(&packet(Dir::Ab, "S", isn.wrapping_sub(1), None, b""));
    for &(at, len, content, cut) in pieces {
        let payload: Vec<u8> = (at..at + len).map(|offset| byte(content, offset)).collect();
        let mut segment = packet(Dir::Ab, "", isn.wrapping_add(at), None, &payload);
        segment.cut = cut;
        bench.take(&segment);
    }
    bench.flush();
    let mut map = Oracle::new();
    let mut at = 0;
    for event in bench.notes.0 {
        match event {
            Event::Data(_, _, bytes) => {
                map.extend((at..).zip(bytes.iter().map(|byte| Some(*byte))));
                at += bytes.len() as u32;
            }
            Event::Gap(_, _, len, Why::Snaplen) => {
                map.extend((at..at + len as u32).map(|offset| (offset, None)));
                at += len as u32;
            }
            Event::Gap(_, _, len, _) => at += len as u32,
            Event::End(..) => {}
        }
    }
    map
}

proptest! {
    #![proptest_config(config(9293))]

    #[test]
    fn first_bytes_win_wherever_they_were_held(
        pieces in prop::collection::vec((0..400_u32, 0..60_u32, 0..3_u8, prop_oneof![9 => Just(0), 1 => 1..20_u32]), 1..40),
        isn in prop_oneof![Just(0), any::<u32>(), Just(u32::MAX - 150)],
    ) {
        prop_assert_eq!(assembled(&pieces, isn, 1 << 20), oracle(&pieces));
    }

    #[test]
    fn with_little_memory_bytes_are_lost_and_never_made_up(
        pieces in prop::collection::vec((0..400_u32, 1..60_u32, Just(0_u8), Just(0_u32)), 1..40),
        memory in 0..1500_usize,
    ) {
        let known = oracle(&pieces);
        for (offset, byte) in assembled(&pieces, 7, memory) {
            prop_assert_eq!(known.get(&offset), Some(&byte));
        }
    }
}
