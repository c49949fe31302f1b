//! What is known of one channel: what is asked, what awaits an acknowledgement, who consumes.
//!
//! Answers come in the order of their questions, channel by channel. Where bytes were lost, or the
//! channel's begin was not seen, a question and its answer are believed after some of them
//! alternated; only what can't be outstanding twice is believed at once.

use std::collections::VecDeque;

use dissect::Role;
use model::{Side, Why};

use super::method::{self, Flow, Method};

/// Questions of one side that await their answers, at most.
const ASKED_MAX: usize = 64;
/// Messages of one direction that await their acknowledgements, at most.
const UNSETTLED_MAX: usize = 16 << 10;
/// Consumers remembered.
const CONSUMERS_MAX: usize = 256;
/// Exchanges that must have alternated before answers are believed after a loss.
const ALTERNATIONS: u8 = 4;

/// One channel.
#[derive(Debug, Default)]
pub struct Channel {
    /// The message that each side is sending.
    pub contents: [Content; 2],
    asked: [VecDeque<Asked>; 2],
    trust: Trust,
    /// All that the client said since it opened the channel was seen.
    is_whole: bool,
    is_closing: bool,
    /// The tag of the next message, where the server confirms them.
    next_publish: Option<u64>,
    publishes: VecDeque<Unsettled>,
    deliveries: VecDeque<Unsettled>,
    consumers: Vec<(u64, bool)>,
}

/// What comes next of a message that one side sends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Content {
    /// None is being sent.
    #[default]
    None,
    /// Its header.
    Header,
    /// So many bytes of its body.
    Body(u64),
    /// Bytes were lost that may have ended it.
    Doubtful,
}

/// A question that awaits its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asked {
    /// The id under which it is pending.
    pub id: u64,
    /// The method.
    pub key: u32,
    /// Of a consumer: whether deliveries to it are not acknowledged.
    pub no_ack: bool,
}

/// A message that awaits its acknowledgement.
#[derive(Clone, Copy, Debug)]
struct Unsettled {
    tag: u64,
    id: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trust {
    Sure,
    /// So many exchanges alternated.
    Adrift(u8),
}

/// Exchanges that nobody will answer any more, and why.
pub type Leaving = VecDeque<(u64, Why)>;

// === impl Channel ===

impl Channel {
    /// One of which everything was seen.
    pub fn opened() -> Self {
        Self { trust: Trust::Sure, is_whole: true, ..Self::default() }
    }

    /// Bytes on the heap.
    pub fn weight(&self) -> usize {
        let asked = self.asked.iter().map(VecDeque::capacity).sum::<usize>();
        let unsettled = self.publishes.capacity() + self.deliveries.capacity();
        asked * size_of::<Asked>()
            + unsettled * size_of::<Unsettled>()
            + self.consumers.capacity() * size_of::<(u64, bool)>()
    }

    /// `by` asked something.
    pub fn ask(&mut self, by: Side, asked: Asked, leaving: &mut Leaving) {
        let queue = &mut self.asked[by as usize];
        if self.is_closing && !is_close(asked.key) {
            leaving.push_back((asked.id, Why::Closed));
            return;
        }
        if self.trust != Trust::Sure && !queue.is_empty() {
            self.trust = Trust::Adrift(0);
        }
        if queue.len() >= ASKED_MAX {
            self.distrust(Why::Budget, leaving);
        }
        self.asked[by as usize].push_back(asked);
    }

    /// `by` answered with `answer`: the question, where it is known.
    pub fn answer(&mut self, by: Side, answer: &Method, leaving: &mut Leaving) -> Option<Asked> {
        let wanted = answer.answers()?;
        let once = method::find(wanted).is_some_and(|asks| asks.flow == Flow::AsksOnce);
        let queue = &mut self.asked[by.other() as usize];
        if once {
            let at = queue.iter().rposition(|asked| asked.key == wanted)?;
            leaving.extend(queue.drain(..at).map(|asked| (asked.id, Why::Closed)));
            return queue.pop_front();
        }
        let fits = queue.front().is_some_and(|asked| asked.key == wanted);
        match self.trust {
            Trust::Sure if fits => return queue.pop_front(),
            Trust::Adrift(n) if fits && queue.len() == 1 => {
                let alternated = n.saturating_add(1);
                let sure = alternated >= ALTERNATIONS;
                self.trust = if sure { Trust::Sure } else { Trust::Adrift(alternated) };
                leaving.extend(queue.drain(..).map(|asked| (asked.id, Why::Gap)));
            }
            _ => self.distrust(Why::Gap, leaving),
        }
        None
    }

    /// The channel is about to close: only the close itself is answered.
    pub fn closing(&mut self, leaving: &mut Leaving) {
        self.is_closing = true;
        for queue in &mut self.asked {
            let gone = queue.iter().filter(|asked| !is_close(asked.key));
            leaving.extend(gone.map(|asked| (asked.id, Why::Closed)));
            queue.retain(|asked| is_close(asked.key));
        }
        self.next_publish = None;
        self.consumers.clear();
        self.forget_publishes(Why::Closed, leaving);
        self.forget_deliveries(Why::Closed, leaving);
    }

    /// The channel is closed.
    pub fn closed(&mut self, leaving: &mut Leaving) {
        self.closing(leaving);
        for queue in &mut self.asked {
            leaving.extend(queue.drain(..).map(|asked| (asked.id, Why::Closed)));
        }
    }

    /// Bytes of `side` were lost, outside of bodies.
    pub fn lost(&mut self, side: Side, leaving: &mut Leaving) {
        let content = &mut self.contents[side as usize];
        if *content != Content::None {
            *content = Content::Doubtful;
        }
        self.distrust(Why::Gap, leaving);
        if side == Side::Server {
            // What several confirms covered may have been settled by one that was lost.
            self.forget_publishes(Why::Gap, leaving);
        } else {
            self.is_whole = false;
            self.next_publish = None;
            self.consumers.clear();
            self.forget_deliveries(Why::Gap, leaving);
        }
    }

    /// From now on the server confirms what is published; known only if it did not do so before.
    pub fn confirm(&mut self) {
        if self.is_whole && self.next_publish.is_none() {
            self.next_publish = Some(1);
        }
    }

    /// A message is published; whether it will be confirmed under `id`.
    pub fn publish(&mut self, id: u64) -> bool {
        let Some(tag) = self.next_publish else { return false };
        self.next_publish = tag.checked_add(1);
        if self.publishes.len() >= UNSETTLED_MAX {
            return false;
        }
        self.publishes.push_back(Unsettled { tag, id });
        true
    }

    /// A message is delivered; whether it will be acknowledged under `id`.
    pub fn deliver(&mut self, consumer: u64, tag: u64, id: u64) -> bool {
        let known = self.consumers.iter().find(|(known, _)| *known == consumer);
        let rises = self.deliveries.back().is_none_or(|last| last.tag < tag);
        let acked = known.is_some_and(|(_, no_ack)| !no_ack);
        if !acked || !rises || self.is_closing || self.deliveries.len() >= UNSETTLED_MAX {
            return false;
        }
        self.deliveries.push_back(Unsettled { tag, id });
        true
    }

    /// Somebody consumes.
    pub fn consume(&mut self, consumer: u64, no_ack: bool) {
        self.consumers.retain(|(known, _)| *known != consumer);
        if self.consumers.len() < CONSUMERS_MAX {
            self.consumers.push((consumer, no_ack));
        }
    }

    /// `by` settles the message with `tag`, or all up to it (0: all): the id of the first of them, and
    /// whether there are more.
    pub fn settle(&mut self, by: Side, tag: u64, multiple: bool) -> Option<(u64, bool)> {
        let queue = match by {
            Side::Client => &mut self.deliveries,
            Side::Server => &mut self.publishes,
        };
        if !multiple {
            let at = queue.binary_search_by_key(&tag, |unsettled| unsettled.tag).ok()?;
            return queue.remove(at).map(|unsettled| (unsettled.id, false));
        }
        let covered = |unsettled: &Unsettled| tag == 0 || unsettled.tag <= tag;
        let first = *queue.front().filter(|first| covered(first))?;
        queue.pop_front();
        Some((first.id, queue.front().is_some_and(covered)))
    }

    /// What was delivered will be delivered again, under other tags.
    pub fn forget_deliveries(&mut self, why: Why, leaving: &mut Leaving) {
        leaving.extend(self.deliveries.drain(..).map(|unsettled| (unsettled.id, why)));
    }

    fn forget_publishes(&mut self, why: Why, leaving: &mut Leaving) {
        leaving.extend(self.publishes.drain(..).map(|unsettled| (unsettled.id, why)));
    }

    /// Nobody knows any more which question the next answer is to.
    fn distrust(&mut self, why: Why, leaving: &mut Leaving) {
        self.trust = Trust::Adrift(0);
        for queue in &mut self.asked {
            leaving.extend(queue.drain(..).map(|asked| (asked.id, why)));
        }
    }
}

// === impl Trust ===

impl Default for Trust {
    fn default() -> Self {
        Self::Adrift(0)
    }
}

fn is_close(key: u32) -> bool {
    matches!(key, method::CHANNEL_CLOSE | method::CONNECTION_CLOSE)
}

/// The role of a side that asks, where it is not the usual one.
pub fn asks(side: Side) -> Option<Role> {
    (side == Side::Server).then_some(Role::Asks)
}

/// The role of a side that answers, where it is not the usual one.
pub fn answers(side: Side) -> Option<Role> {
    (side == Side::Client).then_some(Role::Answers)
}
