//! Timers of flows: a coarse wheel, one entry a flow.

use model::Timestamp;

/// Nanoseconds of a slot, as a power of two: 16.8 ms.
const SLOT_SHIFT: u32 = 24;
/// Slots: a horizon of 34 s. What is due later is looked at again then.
const SLOTS: u64 = 2_048;

/// Which flows to look at when. Entries are hints: the flow itself knows when it is due.
#[derive(Debug)]
pub(crate) struct Wheel {
    slots: Vec<Vec<u32>>,
    /// The slot that was emptied last.
    turned: u64,
    started: bool,
}

// === impl Wheel ===

impl Wheel {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), turned: 0, started: false }
    }

    /// Whether the clock has moved to another slot.
    pub(crate) fn slot_of(now: Timestamp) -> u64 {
        now.0 >> SLOT_SHIFT
    }

    /// Looks at `flow` again at `due` or a little later.
    pub(crate) fn add(&mut self, flow: u32, due: Timestamp, now: Timestamp) {
        if !self.started {
            self.started = true;
            self.turned = Self::slot_of(now);
            self.slots = (0..SLOTS).map(|_| Vec::new()).collect();
        }
        let slot = (Self::slot_of(due) + 1).clamp(self.turned + 1, self.turned + SLOTS - 1);
        if let Some(entries) = self.slots.get_mut(Self::index(slot)) {
            entries.push(flow);
        }
    }

    /// Moves to `now` and gives out the flows to look at.
    pub(crate) fn turn(&mut self, now: Timestamp, out: &mut Vec<u32>) {
        let to = Self::slot_of(now);
        if !self.started || to <= self.turned {
            return;
        }
        let steps = (to - self.turned).min(SLOTS);
        for step in 1..=steps {
            if let Some(entries) = self.slots.get_mut(Self::index(self.turned + step)) {
                out.append(entries);
            }
        }
        self.turned = to;
    }

    fn index(slot: u64) -> usize {
        usize::try_from(slot % SLOTS).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn nothing_is_given_out_before_it_is_due() {
        let (mut wheel, mut out) = (Wheel::new(), Vec::new());
        wheel.add(7, Timestamp(500 * MS), Timestamp(0));
        wheel.turn(Timestamp(499 * MS), &mut out);
        assert!(out.is_empty());
        wheel.turn(Timestamp(540 * MS), &mut out);
        assert_eq!(out, [7]);
    }

    #[test]
    fn a_jump_of_hours_gives_everything_out_once() {
        let (mut wheel, mut out) = (Wheel::new(), Vec::new());
        for flow in 0..100 {
            wheel.add(flow, Timestamp(u64::from(flow) * 1_000 * MS), Timestamp(0));
        }
        wheel.turn(Timestamp(10_000_000 * MS), &mut out);
        out.sort_unstable();
        assert_eq!(out, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm() {
        let (mut wheel, mut out) = (Wheel::new(), Vec::new());
        wheel.add(1, Timestamp(50 * MS), Timestamp(1_000 * MS));
        wheel.turn(Timestamp(0), &mut out);
        assert!(out.is_empty());
        wheel.turn(Timestamp(1_100 * MS), &mut out);
        assert_eq!(out, [1]);
    }
}
