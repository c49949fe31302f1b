//! When something was true, as far as the facts say, and which of several holders it was.
//!
//! ```text
//!        since       seen              solid        until
//!   ───────┼──────────┼──────────────────┼────────────┼──────► time
//!          │ possibly │    certainly     │  possibly  │
//! ```

use model::Timestamp;

/// When a holder had what it holds. Facts may come in any order: each of them only narrows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// Not before this moment.
    pub since: Timestamp,
    /// By this moment it had it: the first time that somebody saw it.
    pub seen: Timestamp,
    /// The last moment for which we know that it still had it.
    pub solid: Timestamp,
    /// At this moment it had it no more; the end of time where no end is known.
    pub until: Timestamp,
}

/// Which of several holders it was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Nobody.
    None,
    /// The one at this index.
    One(usize),
    /// The facts do not decide.
    Undecided,
}

/// For how long around the moment asked for an answer stays the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// From this moment.
    pub from: Timestamp,
    /// Until before this one.
    pub until: Timestamp,
}

/// No end is known.
pub const FOREVER: Timestamp = Timestamp(u64::MAX);

// === impl Window ===

impl Window {
    /// Seen at `at`, possible since `since`.
    #[must_use]
    pub fn new(since: Timestamp, at: Timestamp) -> Self {
        let since = since.min(at);
        Self { since, seen: at, solid: since, until: FOREVER }
    }

    /// Takes in what another fact says of the same thing.
    pub fn merge(&mut self, other: &Self) {
        self.since = self.since.min(other.since);
        self.seen = self.seen.min(other.seen);
        self.solid = self.solid.max(other.solid);
        self.until = self.until.min(other.until);
    }

    /// It ended by `at`.
    pub fn end(&mut self, at: Timestamp) {
        self.until = self.until.min(at);
    }

    /// Whether it may have been true at `at`.
    #[must_use]
    pub fn may_hold(&self, at: Timestamp) -> bool {
        self.since <= at && at < self.until
    }

    /// Whether it was certainly true at `at`.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.may_hold(at) && self.seen <= at && at <= self.solid
    }

    /// Whether a holder that was seen later, before `at`, has taken it over.
    fn superseded_by(&self, later: &Self, at: Timestamp) -> bool {
        self.seen < later.seen && later.seen <= at && self.solid <= later.seen
    }
}

// === impl Span ===

impl Span {
    /// All of time.
    pub const ALWAYS: Self = Self { from: Timestamp(0), until: FOREVER };

    /// The answer at `at` may be another one on the other side of `edge`.
    pub(crate) fn edge(&mut self, edge: Timestamp, at: Timestamp) {
        if edge <= at {
            self.from = self.from.max(edge);
        } else {
            self.until = self.until.min(edge);
        }
    }

    fn edges(&mut self, window: &Window, at: Timestamp) {
        self.edge(window.since, at);
        self.edge(window.seen, at);
        // It is certain up to and with this moment.
        self.edge(window.solid.after(1), at);
        self.edge(window.until, at);
    }
}

/// Who of several that hold alone had it at `at`. `span` is narrowed to when that stays so.
pub(crate) fn holder<'w>(
    windows: impl Iterator<Item = (usize, &'w Window)> + Clone,
    at: Timestamp,
    span: &mut Span,
) -> Verdict {
    let mut verdict = Verdict::None;
    let mut certain: Option<(usize, &Window)> = None;
    for (index, window) in windows.clone() {
        span.edges(window, at);
        if !window.may_hold(at) {
            continue;
        }
        if window.holds(at) && certain.is_none_or(|(_, best)| best.seen < window.seen) {
            certain = Some((index, window));
        }
        if windows.clone().any(|(_, later)| window.superseded_by(later, at)) {
            continue;
        }
        verdict = match verdict {
            Verdict::None => Verdict::One(index),
            _ => Verdict::Undecided,
        };
    }
    match certain {
        Some((index, _)) => Verdict::One(index),
        None => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(since: u64, seen: u64, solid: u64, until: u64) -> Window {
        let [since, seen, solid, until] = [since, seen, solid, until].map(Timestamp);
        Window { since, seen, solid, until }
    }

    fn at(windows: &[Window], at: u64) -> Verdict {
        let mut span = Span::ALWAYS;
        holder(windows.iter().enumerate(), Timestamp(at), &mut span)
    }

    #[test]
    fn one_after_the_other() {
        let windows = [window(10, 12, 30, 40), window(50, 52, 60, u64::MAX)];
        for (moment, who) in [(9, None), (10, Some(0)), (39, Some(0)), (45, None), (50, Some(1))] {
            assert_eq!(at(&windows, moment), who.map_or(Verdict::None, Verdict::One), "{moment}");
        }
    }

    #[test]
    fn where_ends_are_blurred_it_is_undecided_and_nothing_else() {
        let windows = [window(0, 5, 30, 45), window(40, 50, 50, u64::MAX)];
        assert_eq!(at(&windows, 39), Verdict::One(0));
        assert_eq!(at(&windows, 42), Verdict::Undecided);
        assert_eq!(at(&windows, 45), Verdict::One(1));
    }

    #[test]
    fn who_was_seen_later_has_taken_over_from_one_without_an_end() {
        let windows = [window(0, 5, 7, u64::MAX), window(40, 50, 50, 60)];
        assert_eq!(at(&windows, 20), Verdict::One(0));
        assert_eq!(at(&windows, 45), Verdict::Undecided);
        assert_eq!(at(&windows, 55), Verdict::One(1));
        assert_eq!(at(&windows, 70), Verdict::None);
    }

    #[test]
    fn what_is_certain_wins() {
        let windows = [window(0, 5, 48, u64::MAX), window(40, 50, 50, u64::MAX)];
        assert_eq!(at(&windows, 45), Verdict::One(0));
    }

    #[test]
    fn the_span_ends_where_the_answer_changes() {
        let windows = [window(0, 5, 30, 45), window(40, 50, 50, u64::MAX)];
        let verdicts: Vec<_> = (0..80).map(|moment| at(&windows, moment)).collect();
        for moment in 0..80 {
            let mut span = Span::ALWAYS;
            let verdict = holder(windows.iter().enumerate(), Timestamp(moment), &mut span);
            for within in span.from.0..span.until.0.min(80) {
                assert_eq!(verdicts[usize::try_from(within).unwrap()], verdict, "{moment}");
            }
        }
    }
}
