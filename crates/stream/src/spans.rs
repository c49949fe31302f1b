//! Which numbers of a direction were sent.

/// Holes that are remembered; the oldest are forgotten, and count as sent.
const SPANS_MAX: usize = 32;

/// What was sent, as (begin, end) after its first number, in order, with holes between.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    base: Option<u32>,
    spans: Vec<(u64, u64)>,
}

// === impl Spans ===

impl Spans {
    /// Notes what was sent; says whether all of it was sent before.
    pub(crate) fn add(&mut self, seq: u32, bytes: u64) -> bool {
        let base = *self.base.get_or_insert(seq);
        let ahead = u64::from(seq.wrapping_sub(base));
        // Half the numbers are before, half behind (RFC 9293 §3.4): what is before the first segment
        // seen is late, not again.
        if ahead > u64::from(u32::MAX / 2) && self.reached() < u64::from(u32::MAX / 2) {
            return false;
        }
        let begin = self.unwrapped(ahead);
        let end = begin + bytes;
        if let Some((_, reached)) = self.spans.last_mut()
            && *reached == begin
        {
            *reached = end;
            return false;
        }
        let at = self.spans.partition_point(|(_, its_end)| *its_end < begin);
        let touched = self.spans.iter().skip(at).take_while(|(its_begin, _)| *its_begin <= end);
        let touched: usize = touched.count();
        let Some(overlap) = self.spans.get(at..at + touched).filter(|spans| !spans.is_empty())
        else {
            self.spans.insert(at, (begin, end));
            self.forget();
            return false;
        };
        let before = overlap.iter().any(|(from, to)| *from <= begin && *to >= end);
        let first = overlap.first().map_or(begin, |(from, _)| begin.min(*from));
        let last = overlap.last().map_or(end, |(_, to)| end.max(*to));
        self.spans.splice(at..at + touched, [(first, last)]);
        before
    }

    /// Whether this is the last number that was sent.
    pub(crate) fn is_last(&self, seq: u32) -> bool {
        let Some(base) = self.base else { return false };
        let last = self.reached().checked_sub(1);
        last == Some(self.unwrapped(u64::from(seq.wrapping_sub(base))))
    }

    fn reached(&self) -> u64 {
        self.spans.last().map_or(0, |(_, end)| *end)
    }

    /// Too many holes: the two oldest spans become one.
    fn forget(&mut self) {
        if self.spans.len() > SPANS_MAX
            && let [(first, _), (_, last), ..] = self.spans[..]
        {
            self.spans.splice(..2, [(first, last)]);
        }
    }

    /// The number after the first one, with the rounds that were made since.
    fn unwrapped(&self, ahead: u64) -> u64 {
        let reached = self.reached();
        let round = 1_u64 << 32;
        let near = (reached & !(round - 1)) + ahead;
        if near + round / 2 < reached {
            near + round
        } else if near > reached + round / 2 && near >= round {
            near - round
        } else {
            near
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_whole_before_is_sent_again() {
        let mut sent = Spans::default();
        assert!(!sent.add(100, 10));
        assert!(!sent.add(120, 10));
        assert!(sent.add(100, 10));
        assert!(!sent.add(105, 10), "five of its bytes are new");
        assert!(!sent.add(115, 5));
        assert!(sent.add(100, 30), "the holes were filled");
        assert_eq!(sent.spans.len(), 1);
    }

    #[test]
    fn numbers_go_round() {
        let mut sent = Spans::default();
        assert!(!sent.add(u32::MAX - 4, 10));
        assert!(!sent.add(5, 10));
        assert!(sent.add(0, 5));
        assert!(sent.is_last(14) && !sent.is_last(13));
        assert_eq!(sent.spans.len(), 1);
    }

    #[test]
    fn rounds_are_told_apart() {
        let mut sent = Spans::default();
        let step = 1_u32 << 28;
        for n in 0..40_u32 {
            assert!(!sent.add(n.wrapping_mul(step), step.into()), "{n}");
        }
        assert!(sent.add(39_u32.wrapping_mul(step), 10));
        assert_eq!(sent.spans.len(), 1);
    }

    #[test]
    fn holes_are_bounded() {
        let mut sent = Spans::default();
        for n in 0..10_000_u32 {
            assert!(!sent.add(n * 10, 5));
        }
        assert_eq!(sent.spans.len(), SPANS_MAX);
        assert!(sent.add(99_990, 5));
    }
}
