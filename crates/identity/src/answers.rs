//! Names of addresses as name servers gave them, for as long as they said.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::Arc,
};

use model::Timestamp;

/// What was answered on the wire.
///
/// Answers must be learned and asked for in one order, that of the calls.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    by_ip: HashMap<IpAddr, Vec<Answer>>,
    /// Answers of all addresses.
    len: usize,
    /// The name under which each stream was begun.
    streams: HashMap<u64, Option<Arc<str>>>,
}

/// That a name had an address.
#[derive(Clone, Debug)]
struct Answer {
    client: IpAddr,
    name: Arc<str>,
    from: Timestamp,
    until: Timestamp,
}

/// One answer, as it was seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lesson {
    /// Who was told.
    pub client: IpAddr,
    /// The name that was asked for.
    pub name: Arc<str>,
    /// The address.
    pub ip: IpAddr,
    /// When.
    pub at: Timestamp,
    /// For how many seconds it may be kept.
    pub ttl: u32,
}

/// Answers remembered in all.
const ANSWERS_MAX: usize = 1 << 18;
/// Answers remembered of one address.
const OF_ADDRESS_MAX: usize = 64;
/// Streams whose name is remembered.
const STREAMS_MAX: usize = 1 << 18;
/// An answer may be used for so long at least: who asked needs time to connect.
const LIFETIME_NS_MIN: u64 = 10_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

// === impl Answers ===

impl Answers {
    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_ip.is_empty()
    }

    /// Takes in an answer.
    pub fn learn(&mut self, lesson: &Lesson) {
        if self.len >= ANSWERS_MAX {
            self.sweep(lesson.at);
        }
        let lifetime_ns = (u64::from(lesson.ttl) * SECOND_NS).max(LIFETIME_NS_MIN);
        let (from, until) = (lesson.at, lesson.at.after(lifetime_ns));
        let answers = self.by_ip.entry(lesson.ip).or_default();
        let same = |own: &&mut Answer| own.client == lesson.client && own.name == lesson.name;
        if let Some(own) = answers.iter_mut().filter(|own| own.until >= from).find(same) {
            own.until = own.until.max(until);
            return;
        }
        if self.len >= ANSWERS_MAX {
            return;
        }
        if answers.len() >= OF_ADDRESS_MAX {
            answers.remove(0);
            self.len -= 1;
        }
        let (client, name) = (lesson.client, lesson.name.clone());
        answers.push(Answer { client, name, from, until });
        self.len += 1;
    }

    /// What `client` calls `ip` at a time: what it was told itself, else what others were, if all were
    /// told the same.
    #[must_use]
    pub fn find(&self, client: IpAddr, ip: IpAddr, at: Timestamp) -> Option<&Arc<str>> {
        let answers = self.by_ip.get(&ip)?;
        let holds = |own: &&Answer| own.from <= at && at < own.until;
        let own = answers.iter().rev().filter(holds).find(|own| own.client == client);
        if let Some(own) = own {
            return Some(&own.name);
        }
        let mut others = answers.iter().filter(holds).map(|other| &other.name);
        let first = others.next()?;
        others.all(|name| name == first).then_some(first)
    }

    /// The same for a call on a stream: it keeps the name that it began with, however long it lasts.
    pub fn of_stream(
        &mut self,
        stream: u64,
        client: IpAddr,
        ip: IpAddr,
        at: Timestamp,
    ) -> Option<Arc<str>> {
        if self.is_empty() {
            return None;
        }
        let found = self.find(client, ip, at).cloned();
        if self.streams.len() >= STREAMS_MAX {
            self.streams.clear();
        }
        match self.streams.entry(stream) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => new.insert(found).clone(),
        }
    }

    fn sweep(&mut self, now: Timestamp) {
        self.by_ip.retain(|_, answers| {
            answers.retain(|answer| answer.until > now);
            !answers.is_empty()
        });
        self.len = self.by_ip.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(client: u8, name: &str, ip: u8, at: u64, ttl: u32) -> Lesson {
        let (client, ip) = ([10, 0, 0, client].into(), [192, 0, 2, ip].into());
        Lesson { client, name: name.into(), ip, at: Timestamp(at * SECOND_NS), ttl }
    }

    fn find(answers: &Answers, client: u8, ip: u8, at: u64) -> Option<String> {
        let (client, ip) = ([10, 0, 0, client].into(), [192, 0, 2, ip].into());
        answers.find(client, ip, Timestamp(at * SECOND_NS)).map(ToString::to_string)
    }

    #[test]
    fn a_name_lives_as_long_as_its_record() {
        let mut answers = Answers::default();
        answers.learn(&lesson(1, "a.example", 1, 100, 60));
        answers.learn(&lesson(1, "b.example", 1, 200, 0));
        for (at, name) in [
            (99, None),
            (100, Some("a.example")),
            (159, Some("a.example")),
            (160, None),
            (205, Some("b.example")),
            (211, None),
        ] {
            assert_eq!(find(&answers, 1, 1, at).as_deref(), name, "{at}");
        }
    }

    #[test]
    fn what_others_were_told_counts_only_if_they_agree() {
        let mut answers = Answers::default();
        answers.learn(&lesson(1, "a.example", 1, 100, 60));
        assert_eq!(find(&answers, 9, 1, 101).as_deref(), Some("a.example"));
        answers.learn(&lesson(2, "b.example", 1, 100, 60));
        assert_eq!(find(&answers, 9, 1, 101), None);
        assert_eq!(find(&answers, 2, 1, 101).as_deref(), Some("b.example"));
    }

    #[test]
    fn a_stream_keeps_the_name_it_began_with() {
        let mut answers = Answers::default();
        answers.learn(&lesson(1, "a.example", 1, 100, 60));
        let (client, ip) = ([10, 0, 0, 1].into(), [192, 0, 2, 1].into());
        let mut at = |stream, at| {
            answers.of_stream(stream, client, ip, Timestamp(at * SECOND_NS)).map(|n| n.to_string())
        };
        assert_eq!(at(7, 110).as_deref(), Some("a.example"));
        assert_eq!(at(7, 9000).as_deref(), Some("a.example"));
        assert_eq!(at(8, 9000), None);
        assert_eq!(at(8, 120), None);
    }
}
