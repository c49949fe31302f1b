//! What servers say of themselves (how their messages are to be read), kept for later conversations with
//! them on any connection.
//!
//! Connections are read by several workers, each at its own place in the input. What a call shows must
//! not depend on how many there are or how fast: what is learned in one round (a batch of packets) is known
//! everywhere from [`ROUNDS_BEHIND`] rounds later on, before which nobody can be ahead of whom it was
//! learned by.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hashbrown::HashMap;
use model::{Budget, Endpoint, Lore};

use crate::SHARDS;

/// So many rounds after it was learned something is known. No worker may be as far ahead of another.
pub const ROUNDS_BEHIND: usize = 20;
/// Servers that something is known of, and how many bytes of it in all: the oldest are forgotten.
const SERVERS_MAX: usize = 256;
const BYTES_MAX: usize = 16 << 20;
/// Servers that a shard learns something of in one round.
const NEWS_MAX: usize = 4;
/// Rounds for which news wait at most: until the slowest worker knows them.
const WAITING_ROUNDS: usize = 2 * ROUNDS_BEHIND + 1;
/// Bytes of a shard's news that wait. Its own alone count: what is left out must not depend on how far others are.
const WAITING_BYTES_MAX: usize = 2 << 20;

/// Whose lore it is: an address is a server's only where its network is the same.
pub(crate) type Server = (Endpoint, u16);

/// What all workers of one input have learned, until each of them knows it.
#[derive(Clone, Debug, Default)]
pub struct Lores(Arc<Mutex<Vec<(usize, News)>>>);

/// Something that was learned.
#[derive(Clone, Debug)]
pub(crate) struct News {
    /// The packet with it.
    order: u64,
    server: Server,
    lore: Lore,
    bytes: usize,
}

/// What a shard learned in this round.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    news: Vec<News>,
    /// Bytes of the rounds before whose news may still wait, and of all of them.
    before: VecDeque<usize>,
    waiting: usize,
}

/// What is known of servers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    by_server: HashMap<Server, (Lore, usize)>,
    oldest: VecDeque<Server>,
    bytes: usize,
    /// This shard's part of them: all shards share them.
    charged: usize,
}

// === impl Lores ===

impl Lores {
    /// Puts down what was learned in a round that is over.
    pub(crate) fn put(&self, round: usize, news: Vec<News>) {
        if !news.is_empty() {
            self.lock().extend(news.into_iter().map(|news| (round, news)));
        }
    }

    /// What is to be known from the beginning of `round` on, in its order.
    pub(crate) fn due(&self, round: usize) -> Vec<News> {
        let Some(of) = round.checked_sub(ROUNDS_BEHIND) else { return Vec::new() };
        let mut all = self.lock();
        // Everybody has begun the round in which they became known.
        all.retain(|(learned, _)| learned + ROUNDS_BEHIND >= of);
        let mut due: Vec<News> = all
            .iter()
            .filter(|(learned, _)| *learned == of)
            .map(|(_, news)| news.clone())
            .collect();
        due.sort_by_key(|news| (news.order, news.server));
        due
    }

    /// A panic elsewhere is that thread's own report; the data behind the lock is whole.
    fn lock(&self) -> MutexGuard<'_, Vec<(usize, News)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Heard ===

impl Heard {
    /// Something was learned of `server`: it replaces what was learned before.
    pub(crate) fn hear(&mut self, order: u64, server: Server, (lore, bytes): (Lore, usize)) {
        let known = self.news.iter().position(|known| known.server == server);
        let others = self.bytes() - known.map_or(0, |at| self.news[at].bytes);
        if self.waiting + others + bytes > WAITING_BYTES_MAX {
            return;
        }
        let news = News { order, server, lore, bytes };
        match known {
            Some(at) => self.news[at] = news,
            None if self.news.len() < NEWS_MAX => self.news.push(news),
            None => {}
        }
    }

    /// A round is over: what was learned in it.
    pub(crate) fn take(&mut self) -> Vec<News> {
        let bytes = self.bytes();
        self.waiting += bytes;
        self.before.push_back(bytes);
        if self.before.len() > WAITING_ROUNDS {
            self.waiting -= self.before.pop_front().unwrap_or(0);
        }
        std::mem::take(&mut self.news)
    }

    fn bytes(&self) -> usize {
        self.news.iter().map(|news| news.bytes).sum()
    }
}

// === impl Known ===

impl Known {
    /// What is known of `server`.
    pub(crate) fn of(&self, server: Server) -> Lore {
        if self.by_server.is_empty() {
            return Lore::default();
        }
        self.by_server.get(&server).map(|(lore, _)| lore.clone()).unwrap_or_default()
    }

    /// Takes something in, and forgets the oldest where that is too much.
    pub(crate) fn learn(&mut self, news: News, budget: &mut Budget) {
        self.keep(news);
        while !self.charge(budget) {
            let Some(oldest) = self.oldest.front().copied() else { return };
            self.forget(oldest);
        }
    }

    /// Whether the budget has room for this shard's part.
    fn charge(&mut self, budget: &mut Budget) -> bool {
        let part = self.bytes.div_ceil(SHARDS);
        if part > self.charged && !budget.charge(part - self.charged) {
            return false;
        }
        budget.release(self.charged.saturating_sub(part));
        self.charged = part;
        true
    }

    fn keep(&mut self, news: News) {
        self.forget(news.server);
        self.bytes += news.bytes;
        self.by_server.insert(news.server, (news.lore, news.bytes));
        self.oldest.push_back(news.server);
        while self.bytes > BYTES_MAX || self.by_server.len() > SERVERS_MAX {
            let Some(oldest) = self.oldest.front().copied() else { return };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, server: Server) {
        if let Some((_, bytes)) = self.by_server.remove(&server) {
            self.bytes -= bytes;
            self.oldest.retain(|known| *known != server);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn server(n: u16) -> Server {
        (Endpoint { ip: Ipv4Addr::LOCALHOST.into(), port: n }, 0)
    }

    fn news(order: u64, of: u16, lore: u64, bytes: usize) -> News {
        News { order, server: server(of), lore: Lore::new(lore), bytes }
    }

    #[test]
    fn what_is_learned_is_known_a_fixed_number_of_rounds_later() {
        let lores = Lores::default();
        lores.put(3, vec![news(9, 1, 2, 10)]);
        lores.put(3, vec![news(5, 1, 1, 10), news(6, 2, 7, 10)]);
        assert!(lores.due(3).is_empty() && lores.due(2 + ROUNDS_BEHIND).is_empty());
        for _worker in 0..2 {
            let (mut known, mut budget) = (Known::default(), Budget::new(1 << 20));
            lores
                .due(3 + ROUNDS_BEHIND)
                .into_iter()
                .for_each(|news| known.learn(news, &mut budget));
            assert_eq!(known.of(server(1)).get::<u64>(), Some(&2), "the later one");
            assert_eq!(known.of(server(2)).get::<u64>(), Some(&7));
            assert!(known.of(server(3)).is_none());
            assert_eq!((known.bytes, budget.used()), (20, 2));
        }
        lores.due(4 + 2 * ROUNDS_BEHIND);
        assert!(lores.lock().is_empty(), "everybody knows it");
    }

    #[test]
    fn what_is_known_is_bounded() {
        let (mut known, mut budget) = (Known::default(), Budget::new(1 << 20));
        for n in 0..1_000 {
            known.learn(news(0, n, 0, 100 << 10), &mut budget);
        }
        assert!(known.bytes <= BYTES_MAX && known.by_server.len() <= SERVERS_MAX);
        assert_eq!(known.oldest.len(), known.by_server.len());
        assert!(known.of(server(0)).is_none() && !known.of(server(999)).is_none());
        let (mut small, mut none) = (Known::default(), Budget::new(10));
        small.learn(news(0, 1, 0, 1_000), &mut none);
        assert!(small.of(server(1)).is_none() && none.used() == 0);
        let mut heard = Heard::default();
        for n in 0..100 {
            heard.hear(0, server(n), (Lore::new(1_u8), 1));
        }
        assert_eq!(heard.take().len(), NEWS_MAX);
    }

    #[test]
    fn news_that_wait_are_bounded_and_make_room_when_their_time_is_over() {
        let mut heard = Heard::default();
        let mut hear = |bytes| {
            heard.hear(0, server(1), (Lore::new(1_u8), bytes));
            heard.take().len()
        };
        assert_eq!((hear(WAITING_BYTES_MAX + 1), hear(WAITING_BYTES_MAX - 1)), (0, 1));
        let waits = (0..WAITING_ROUNDS).map(|_| hear(2)).sum::<usize>();
        assert_eq!((waits, hear(2)), (0, 1));
    }
}
