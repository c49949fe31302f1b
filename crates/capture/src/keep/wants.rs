//! Which packets are wanted, found again by their flow and time however many wants there are.

use std::collections::HashMap;

use model::{Endpoint, FlowKey, Timestamp, Transport};

use super::Entry;

/// Packets that are wanted.
#[derive(Clone, Debug, Default)]
pub struct Want {
    /// Of this flow; of all of them if none.
    pub flow: Option<FlowKey>,
    /// From this moment on.
    pub from: Timestamp,
    /// Up to this moment.
    pub to: Timestamp,
    /// From the beginning of the flow's connection that lasts at `from`, in place of `from`.
    pub whole_connection: bool,
    /// Written beside the first of them.
    pub comment: Option<String>,
}

/// A flow without its address space: entries don't tell it.
pub(super) type Ends = (Endpoint, Endpoint, Transport);

/// All wants, by their flows.
#[derive(Clone, Debug)]
pub(super) struct Wants {
    lanes: HashMap<Option<Ends>, Lane>,
    /// From the first moment that any of them wants to the last.
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

/// The wants of one flow, by their beginning.
#[derive(Clone, Debug, Default)]
struct Lane {
    from: Vec<Timestamp>,
    to: Vec<Timestamp>,
    /// The latest end of each and all before it.
    reach: Vec<Timestamp>,
    comments: Vec<Option<String>>,
    /// The first whose comment was not asked for.
    next: usize,
}

// === impl Want ===

impl Want {
    /// The packets of a call; with its connection's beginning if they can't be read without.
    #[must_use]
    pub fn of(call: &Entry, whole_connection: bool) -> Self {
        let (flow, _) = FlowKey::of(call.client, call.server, call.transport, 0);
        Self {
            flow: Some(flow),
            from: call.from,
            to: call.to,
            whole_connection: whole_connection || call.is_covered,
            comment: Some(format!("call {}: {}", call.id, call.about)),
        }
    }
}

/// Those of a flow.
pub(super) fn ends(key: &FlowKey) -> Ends {
    (key.a, key.b, key.transport)
}

// === impl Wants ===

impl Wants {
    /// All of them in order.
    pub(super) fn new(wants: &[Want]) -> Self {
        let mut sorted: Vec<_> = wants.iter().collect();
        sorted.sort_by_key(|want| want.from);
        let mut lanes: HashMap<_, Lane> = HashMap::new();
        for want in &sorted {
            lanes.entry(want.flow.as_ref().map(ends)).or_default().push(want);
        }
        let from = sorted.first().map_or(Timestamp(0), |want| want.from);
        let to = sorted.iter().map(|want| want.to).max().unwrap_or_default();
        Self { lanes, from, to }
    }

    /// Whether a packet of this flow at this time is wanted.
    pub(super) fn take(&self, key: Option<&FlowKey>, at: Timestamp) -> bool {
        let of = |ends: Option<Ends>| self.lanes.get(&ends).is_some_and(|lane| lane.takes(at));
        of(None) || key.is_some_and(|key| of(Some(ends(key))))
    }

    /// What is to be written beside a packet: the comments of those wants that it is the first of.
    pub(super) fn comment(&mut self, key: Option<&FlowKey>, at: Timestamp) -> Option<String> {
        let mut comments = Vec::new();
        let places = [Some(None), key.map(|key| Some(ends(key)))];
        for place in places.into_iter().flatten() {
            if let Some(lane) = self.lanes.get_mut(&place) {
                lane.comments(at, &mut comments);
            }
        }
        (!comments.is_empty()).then(|| comments.join("\n"))
    }
}

// === impl Lane ===

impl Lane {
    fn push(&mut self, want: &Want) {
        self.from.push(want.from);
        self.to.push(want.to);
        let before = self.reach.last().copied().unwrap_or_default();
        self.reach.push(before.max(want.to));
        self.comments.push(want.comment.clone());
    }

    /// How many have begun.
    fn begun(&self, at: Timestamp) -> usize {
        self.from.partition_point(|from| *from <= at)
    }

    fn takes(&self, at: Timestamp) -> bool {
        let last = self.begun(at).checked_sub(1).and_then(|last| self.reach.get(last));
        last.is_some_and(|reach| at <= *reach)
    }

    fn comments(&mut self, at: Timestamp, to: &mut Vec<String>) {
        let begun = self.begun(at);
        for place in self.next..begun {
            if self.to.get(place).is_some_and(|to| at <= *to) {
                to.extend(self.comments.get_mut(place).and_then(Option::take));
            }
        }
        self.next = self.next.max(begun);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> FlowKey {
        let end = |last: u8, port| Endpoint { ip: [10, 0, 0, last].into(), port };
        FlowKey::of(end(1, port), end(2, 80), Transport::Tcp, 0).0
    }

    fn want(port: u16, from: u64, to: u64, comment: &str) -> Want {
        Want {
            flow: Some(key(port)),
            from: Timestamp(from),
            to: Timestamp(to),
            whole_connection: false,
            comment: Some(comment.to_owned()),
        }
    }

    #[test]
    fn packets_are_taken_by_flow_and_time() {
        let wants = [want(1, 50, 60, "c"), want(1, 10, 40, "a"), want(1, 20, 30, "b")];
        let wants = Wants::new(&wants);
        let taken = |port, at| wants.take(Some(&key(port)), Timestamp(at));
        let at = |port| (0..8).map(|n| taken(port, n * 10)).collect::<Vec<_>>();
        assert_eq!(at(1), [false, true, true, true, true, true, true, false]);
        assert_eq!(at(2), [false; 8]);
        assert!(!taken(1, 45) && !wants.take(None, Timestamp(20)));
        assert_eq!((wants.from, wants.to), (Timestamp(10), Timestamp(60)));
        let all = Wants::new(&[Want { to: Timestamp(5), ..Want::default() }]);
        assert!(all.take(None, Timestamp(5)) && all.take(Some(&key(3)), Timestamp(0)));
        assert!(!all.take(None, Timestamp(6)));
    }

    #[test]
    fn each_comment_stands_beside_the_first_packet() {
        let wants = [want(1, 10, 40, "a"), want(1, 20, 30, "b"), want(2, 10, 40, "other")];
        let mut wants = Wants::new(&wants);
        let mut comment = |at| wants.comment(Some(&key(1)), Timestamp(at));
        assert_eq!(comment(5), None);
        assert_eq!(comment(12).as_deref(), Some("a"));
        assert_eq!(comment(12), None);
        assert_eq!(comment(30).as_deref(), Some("b"));
        assert_eq!(comment(30), None);
    }
}
