//! What must hold whatever the capture did to a conversation.

use model::{Dir, Why};
use packet::TcpFlags;
use proptest::prelude::*;

use super::{
    kit::{Bench, Event, config},
    peers::{Act, Fate, Talk, act, byte, index},
};
use crate::End;

/// How a conversation was captured.
#[derive(Clone, Debug)]
struct Capture {
    acts: Vec<Act>,
    isn: [u32; 2],
    fates: Vec<Fate>,
    /// Packets before it began.
    skip: usize,
    memory: usize,
    /// Whether somebody calls `expire` in time.
    expires: bool,
}

/// What came of it.
struct Run {
    talk: Talk,
    captured: Vec<(usize, Fate)>,
    bench: Bench,
}

fn isn() -> impl Strategy<Value = [u32; 2]> {
    let number = || prop_oneof![Just(0_u32), any::<u32>(), (u32::MAX - 3000)..=u32::MAX];
    [number(), number()]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(act(), 1..50)
}

/// A capture that only reorders and repeats, after the handshake.
fn complete() -> impl Strategy<Value = Capture> {
    let fate = (prop::bool::weighted(0.1), prop_oneof![5 => Just(0), 2 => 0..20_u8])
        .prop_map(|(is_twice, late)| Fate { is_lost: false, is_twice, late, snap: usize::MAX });
    (acts(), isn(), prop::collection::vec(fate, 60)).prop_map(|(acts, isn, mut fates)| {
        fates.iter_mut().take(3).for_each(|fate| fate.late = 0);
        Capture { acts, isn, fates, skip: 0, memory: 1 << 24, expires: true }
    })
}

/// One that does everything else, too.
fn damaged() -> impl Strategy<Value = Capture> {
    let snap = prop_oneof![9 => Just(usize::MAX), 1 => 0..200_usize];
    let late = prop_oneof![5 => Just(0), 2 => 0..20_u8];
    let (lost, twice) = (prop::bool::weighted(0.12), prop::bool::weighted(0.1));
    let fate = (lost, twice, late, snap).prop_map(|(is_lost, is_twice, late, snap)| Fate {
        is_lost,
        is_twice,
        late,
        snap,
    });
    let memory = prop_oneof![4 => Just(1_usize << 24), 1 => 0..3000_usize];
    let skip = prop_oneof![Just(0), 0..20_usize];
    (acts(), isn(), prop::collection::vec(fate, 60), skip, memory, any::<bool>()).prop_map(
        |(acts, isn, fates, skip, memory, expires)| Capture {
            acts,
            isn,
            fates,
            skip,
            memory,
            expires,
        },
    )
}

fn run(capture: &Capture) -> Run {
    let talk = Talk::of(&capture.acts, capture.isn);
    let mut captured = talk.captured(&capture.fates);
    captured.drain(..capture.skip.min(captured.len()));
    let mut bench = Bench::new(capture.memory);
    let mut room = Vec::new();
    for (n, fate) in &captured {
        bench.now += 90_000;
        if capture.expires {
            bench.expire();
        }
        bench.take(&talk.segment(*n, *fate, &mut room));
    }
    bench.flush();
    Run { talk, captured, bench }
}

// === impl Run ===

impl Run {
    /// Where `dir` was taken up, as an offset.
    fn start(&self, dir: Dir) -> u32 {
        let Some(connection) = &self.bench.connection else { return 0 };
        let start = connection.half(dir).start.0;
        start.wrapping_sub(self.talk.isn[index(dir)].wrapping_add(1))
    }

    /// Every byte is where it was in the stream, and there are no more than were sent.
    fn check_places(&self) -> Result<(), TestCaseError> {
        let mut at = [self.start(Dir::Ab), self.start(Dir::Ba)];
        for event in &self.bench.notes.0 {
            match event {
                Event::Data(dir, _, bytes) => {
                    let place = &mut at[index(*dir)];
                    let sent: Vec<u8> =
                        (*place..).map(|at| byte(*dir, at)).take(bytes.len()).collect();
                    prop_assert_eq!(bytes, &sent, "{:?} at {}", dir, *place);
                    *place += bytes.len() as u32;
                    prop_assert!(*place <= self.talk.total(*dir));
                }
                Event::Gap(dir, _, len, _) => at[index(*dir)] += *len as u32,
                Event::End(dir, _, End::Fin) => {
                    let over = at[index(*dir)].wrapping_sub(self.talk.total(*dir));
                    prop_assert!(over <= 1, "{over}");
                }
                Event::End(..) => {}
            }
        }
        for dir in [Dir::Ab, Dir::Ba] {
            // One more where the FIN was lost together with bytes before it.
            let is_seen = self.captured.iter().any(|(n, _)| self.talk.packets[*n].dir == dir);
            prop_assert!(!is_seen || at[index(dir)] <= self.talk.total(dir) + 1);
        }
        Ok(())
    }

    /// What a packet acknowledged was delivered, or given up, before its bytes were.
    fn check_order(&self) -> Result<(), TestCaseError> {
        if self.bench.counts.order_unknown > 0 {
            return Ok(());
        }
        let mut at = [self.start(Dir::Ab), self.start(Dir::Ba)];
        for event in &self.bench.notes.0 {
            match event {
                Event::Data(dir, mark, bytes) => {
                    let place = mark.frame as usize - 1;
                    let sent = &self.talk.packets[self.captured[place].0];
                    let before = &self.captured[..place];
                    let is_seen =
                        before.iter().any(|(n, _)| self.talk.packets[*n].dir == dir.flip());
                    // One less where that one may be a FIN.
                    let acked = sent.acked.saturating_sub(1);
                    prop_assert!(!is_seen || at[index(dir.flip())] >= acked, "{event:?}");
                    at[index(*dir)] += bytes.len() as u32;
                }
                Event::Gap(dir, _, len, _) => at[index(*dir)] += *len as u32,
                Event::End(..) => {}
            }
        }
        Ok(())
    }

    fn gaps(&self) -> Vec<&Event> {
        self.bench.notes.0.iter().filter(|event| matches!(event, Event::Gap(..))).collect()
    }

    fn is_ended(&self, dir: Dir) -> bool {
        let is_end = |event: &&Event| matches!(event, Event::End(of, _, End::Fin) if *of == dir);
        self.bench.notes.0.iter().filter(is_end).count() == 1
    }
}

proptest! {
    #![proptest_config(config(1122))]

    #[test]
    fn a_complete_capture_has_no_gaps(capture in complete()) {
        let run = run(&capture);
        run.check_places()?;
        run.check_order()?;
        prop_assert_eq!(run.gaps(), Vec::<&Event>::new());
        prop_assert_eq!(run.bench.counts.order_unknown, 0);
        prop_assert!(run.is_ended(Dir::Ab) && run.is_ended(Dir::Ba));
        prop_assert_eq!(run.bench.counts.conflicts, 0);
    }

    #[test]
    fn a_damaged_capture_makes_nothing_up(capture in damaged()) {
        let run = run(&capture);
        run.check_places()?;
        run.check_order()?;
        prop_assert_eq!(run.bench.counts.conflicts, 0);
        prop_assert_eq!(run.bench.counts.after_end, 0);
    }

    #[test]
    fn the_same_capture_gives_the_same(capture in damaged()) {
        let (once, again) = (run(&capture), run(&capture));
        prop_assert_eq!(&once.bench.notes.0, &again.bench.notes.0);
        prop_assert_eq!(&once.bench.counts, &again.bench.counts);
        let other = run(&Capture { expires: !capture.expires, ..capture });
        prop_assert_eq!(once.bench.notes.0.len(), other.bench.notes.0.len());
        prop_assert_eq!(&once.bench.counts, &other.bench.counts);
    }

    #[test]
    fn of_one_lost_packet_every_byte_is_a_gap(acts in acts(), isn in isn(), lost in 3..60_usize) {
        let whole = Fate { is_lost: false, is_twice: false, late: 0, snap: usize::MAX };
        let mut fates = vec![whole; 2000];
        fates[lost].is_lost = true;
        let run = run(&Capture { acts, isn, fates, skip: 0, memory: 1 << 24, expires: true });
        run.check_places()?;
        run.check_order()?;
        let bytes = |dir: Dir| run.bench.notes.0.iter().map(|event| match event {
            Event::Data(of, _, bytes) if *of == dir => bytes.len() as u64,
            Event::Gap(of, _, len, Why::Gap) if *of == dir => *len,
            _ => 0,
        }).sum::<u64>();
        for dir in [Dir::Ab, Dir::Ba] {
            let has_fin = run.captured.iter().any(|(n, _)| {
                let sent = &run.talk.packets[*n];
                sent.dir == dir && sent.flags & TcpFlags::FIN != 0
            });
            let total = u64::from(run.talk.total(dir));
            prop_assert!(bytes(dir) == total || !has_fin && bytes(dir) == total + 1);
        }
    }
}
