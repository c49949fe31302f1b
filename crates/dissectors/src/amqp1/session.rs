//! One session: its channels, its links, and what awaits a disposition on it.
//!
//! What is known of a session is sure as long as bytes of one side only were lost: nothing ends, and no
//! handle and no channel is used again, before the other side has agreed. Where bytes of both were lost,
//! all is forgotten.

use std::collections::VecDeque;

use model::{Side, Why};

use super::link::{Attach, Link};

/// Deliveries of one direction that await their dispositions, at most.
const UNSETTLED_MAX: usize = 16 << 10;
/// Links of one session, at most.
const LINKS_MAX: usize = 1 << 10;

/// One session.
#[derive(Debug, Default)]
pub struct Session {
    /// The channel that each side sends on.
    pub channels: [Option<u16>; 2],
    /// Its begin was seen, so that the other side's channel is known or will be.
    pub is_known: bool,
    /// Who began it, and under which id that awaits the other side's.
    pub beginning: Option<(Side, u64)>,
    /// Who ended it, likewise.
    pub ending: Option<(Side, u64)>,
    links: Vec<Link>,
    unsettled: [VecDeque<Unsettled>; 2],
    lost: [bool; 2],
}

/// A delivery that awaits its disposition.
#[derive(Clone, Copy, Debug)]
struct Unsettled {
    delivery: u32,
    id: u64,
}

/// Exchanges that nobody will answer any more.
pub type Leaving = VecDeque<Gone>;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Gone {
    /// The lane of its messages.
    pub lane: u64,
    /// The id under which it is pending.
    pub id: u64,
    /// Why nobody answers.
    pub why: Why,
}

/// The lane of what belongs to no message.
pub const NOBODY: u64 = u64::MAX;

/// The lane of what `from` sends on a link.
pub fn lane(from: Side, channel: u16, handle: u32) -> u64 {
    (from as u64) << 48 | u64::from(channel) << 32 | u64::from(handle)
}

/// Whether `a` comes before `b`, as RFC 1982 counts.
fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) > u32::MAX / 2
}

// === impl Session ===

impl Session {
    /// One that `from` sends on `channel`.
    pub fn on(from: Side, channel: u16) -> Self {
        let mut session = Self::default();
        session.channels[from as usize] = Some(channel);
        session
    }

    /// Bytes it takes.
    pub fn weight(&self) -> usize {
        let addresses: usize = self.links.iter().map(|link| link.address.len()).sum();
        let unsettled: usize = self.unsettled.iter().map(VecDeque::capacity).sum();
        size_of::<Self>()
            + self.links.capacity() * size_of::<Link>()
            + unsettled * size_of::<Unsettled>()
            + addresses
    }

    /// Changes when it takes more bytes or less; cheaper than to weigh it.
    pub fn room(&self) -> usize {
        let [client, server] = &self.unsettled;
        self.links.capacity() + client.capacity() + server.capacity()
    }

    /// Bytes of `side` were lost. `false` if nothing is sure any more.
    ///
    /// A message of which more frames were to come ends here: they may have been the last ones, and
    /// may have taken it back.
    pub fn lose(&mut self, side: Side, leaving: &mut Leaving) -> bool {
        self.lost[side as usize] = true;
        let Self { links, unsettled, channels, .. } = self;
        let channel = channels[side as usize].unwrap_or(0);
        for link in links.iter_mut().filter(|link| link.sender == side) {
            link.is_doubtful = true;
            let (Some(open), Some(handle)) = (link.break_off(), link.handles[side as usize]) else {
                continue;
            };
            let (lane, id) = (lane(side, channel, handle), open.pair.unwrap_or(0));
            unsettled[side as usize].retain(|one| one.id != id);
            leaving.push_back(Gone { lane, id, why: Why::Gap });
        }
        self.is_known && self.lost != [true; 2]
    }

    /// Whether bytes of `side` were lost since it began.
    pub fn has_lost(&self, side: Side) -> bool {
        self.lost[side as usize]
    }

    /// The link that `side` calls `handle`.
    pub fn link(&mut self, side: Side, handle: u32) -> Option<&mut Link> {
        let at = self.place(side, handle)?;
        self.links.get_mut(at)
    }

    /// The same for a link that messages are sent on; what was not attached is unknown.
    pub fn link_to_send(&mut self, from: Side, handle: u32) -> Option<&mut Link> {
        let at = match self.place(from, handle) {
            Some(at) => at,
            None if self.links.len() >= LINKS_MAX => return None,
            None => {
                self.links.push(Link::unknown(from, handle));
                self.links.len() - 1
            }
        };
        self.links.get_mut(at)
    }

    fn place(&self, side: Side, handle: u32) -> Option<usize> {
        self.links.iter().position(|link| link.handles[side as usize] == Some(handle))
    }

    /// The link whose other end `attach` is.
    pub fn awaited(&mut self, from: Side, attach: Attach<'_>) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.is_awaited(from, attach))
    }

    /// A new link; what `from` called by this handle before is gone.
    pub fn add(
        &mut self,
        from: Side,
        attach: Attach<'_>,
        leaving: &mut Leaving,
    ) -> Option<&mut Link> {
        self.remove(from, attach.handle, Why::Gap, leaving);
        if self.links.len() >= LINKS_MAX {
            return None;
        }
        self.links.push(Link::attached(from, attach));
        self.links.last_mut()
    }

    /// A link is no more.
    pub fn remove(&mut self, side: Side, handle: u32, why: Why, leaving: &mut Leaving) {
        if let Some(at) = self.place(side, handle) {
            let link = self.links.swap_remove(at);
            self.leave(&link, why, leaving);
        }
    }

    fn leave(&self, link: &Link, why: Why, leaving: &mut Leaving) {
        let pending = [link.attaching, link.detaching].into_iter().flatten();
        leaving.extend(pending.map(|(_, id)| Gone { lane: NOBODY, id, why }));
        let sender = link.sender as usize;
        if let (Some(delivery), Some(channel), Some(handle)) =
            (link.delivery, self.channels[sender], link.handles[sender])
        {
            let lane = lane(link.sender, channel, handle);
            leaving.push_back(Gone { lane, id: delivery.pair.unwrap_or(0), why });
        }
    }

    /// The session is no more.
    pub fn over(&mut self, why: Why, leaving: &mut Leaving) {
        let pending = [self.beginning.take(), self.ending.take()].into_iter().flatten();
        leaving.extend(pending.map(|(_, id)| Gone { lane: NOBODY, id, why }));
        self.forget_deliveries(why, leaving);
        for link in std::mem::take(&mut self.links) {
            self.leave(&link, why, leaving);
        }
    }

    /// Nobody will settle what was sent.
    pub fn forget_deliveries(&mut self, why: Why, leaving: &mut Leaving) {
        for queue in &mut self.unsettled {
            leaving.extend(queue.drain(..).map(|one| Gone { lane: NOBODY, id: one.id, why }));
        }
    }

    /// `sender` sends a delivery that `id` is to answer; whether it will be found again.
    pub fn send(&mut self, sender: Side, delivery: u32, id: u64) -> bool {
        let queue = &mut self.unsettled[sender as usize];
        let rises = queue.back().is_none_or(|last| is_before(last.delivery, delivery));
        let takes = self.is_known && self.ending.is_none() && rises && queue.len() < UNSETTLED_MAX;
        if takes {
            queue.push_back(Unsettled { delivery, id });
        }
        takes
    }

    /// A delivery of `sender` is taken back.
    pub fn abort(&mut self, sender: Side, id: u64) {
        self.unsettled[sender as usize].retain(|one| one.id != id);
    }

    /// What `sender` sent from `first` to `last` is settled: the id of the first of them, and whether
    /// there are more.
    pub fn settle(&mut self, sender: Side, first: u32, last: u32) -> Option<(u64, bool)> {
        let queue = &mut self.unsettled[sender as usize];
        let at = queue.partition_point(|one| is_before(one.delivery, first));
        let covered = |one: &Unsettled| !is_before(last, one.delivery);
        let id = queue.get(at).filter(|one| covered(one))?.id;
        queue.remove(at);
        Some((id, queue.get(at).is_some_and(covered)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session { is_known: true, ..Session::on(Side::Client, 0) }
    }

    #[test]
    fn a_range_settles_what_is_in_it() {
        let mut session = session();
        for n in 0..5 {
            assert!(session.send(Side::Client, n, 100 + u64::from(n)));
        }
        assert_eq!(session.settle(Side::Client, 1, 2), Some((101, true)));
        assert_eq!(session.settle(Side::Client, 1, 2), Some((102, false)));
        assert_eq!(session.settle(Side::Client, 1, 2), None);
        assert_eq!(session.settle(Side::Server, 0, 9), None);
        assert_eq!(session.settle(Side::Client, 4, 4), Some((104, false)));
    }

    #[test]
    fn numbers_run_over() {
        let mut session = session();
        for (n, id) in [(u32::MAX - 1, 1), (u32::MAX, 2), (0, 3), (1, 4)] {
            assert!(session.send(Side::Server, n, id));
        }
        assert!(!session.send(Side::Server, 1, 5));
        assert_eq!(session.settle(Side::Server, u32::MAX, 0), Some((2, true)));
        assert_eq!(session.settle(Side::Server, u32::MAX, 0), Some((3, false)));
        assert_eq!(session.settle(Side::Server, u32::MAX, 1), Some((4, false)));
    }

    #[test]
    fn what_both_sides_lost_is_not_known() {
        let (mut one, mut leaving) = (session(), Leaving::new());
        assert!(one.lose(Side::Client, &mut leaving) && one.lose(Side::Client, &mut leaving));
        assert!(!one.lose(Side::Server, &mut leaving));
        assert!(!Session::on(Side::Client, 3).lose(Side::Client, &mut leaving));
    }
}
