//! How often what was not understood, by name, for people.

use std::{borrow::Cow, collections::BTreeMap};

use crate::Unread;

/// Different things counted apart; the rest of them is one count.
const NAMES_MAX: usize = 512;

/// Everything that led to [`Content::Nothing`](crate::Content::Nothing), or to less than all of it.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    by_name: BTreeMap<Unread, u64>,
}

/// One line of the counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Count {
    /// In words: `ARP`, `link type 147 (USER0)`.
    pub name: Cow<'static, str>,
    /// How often.
    pub count: u64,
    /// Whether calls may be missing because of it.
    pub is_loss: bool,
}

// === impl Counts ===

impl Counts {
    /// All lines, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Count> + '_ {
        self.by_name.iter().map(|(unread, &count)| Count {
            name: unread.name(),
            count,
            is_loss: unread.is_loss(),
        })
    }

    /// What could not be read, so that calls may be missing: malformed, truncated, unknown links.
    pub fn losses(&self) -> impl Iterator<Item = Count> + '_ {
        self.iter().filter(|count| count.is_loss)
    }

    /// What was understood well enough to know that it is not for us: ARP, ICMP.
    pub fn others(&self) -> impl Iterator<Item = Count> + '_ {
        self.iter().filter(|count| !count.is_loss)
    }

    /// How often it was `unread`.
    #[must_use]
    pub fn of(&self, unread: Unread) -> u64 {
        self.by_name.get(&unread).copied().unwrap_or(0)
    }

    /// Everything together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_name.values().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Adds the counts of another decoder.
    pub fn merge(&mut self, other: &Self) {
        for (&unread, &count) in &other.by_name {
            self.add(unread, count);
        }
    }

    #[cold]
    pub(crate) fn add(&mut self, unread: Unread, n: u64) {
        if n == 0 {
            return;
        }
        let full = self.by_name.len() >= NAMES_MAX;
        let unread =
            if full && !self.by_name.contains_key(&unread) { unread.gist() } else { unread };
        let count = self.by_name.entry(unread).or_default();
        *count = count.saturating_add(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_do_not_pile_up() {
        let mut counts = Counts::default();
        for n in 0..=u16::MAX {
            counts.add(Unread::EtherType(n), 1);
        }
        assert_eq!(counts.iter().count(), NAMES_MAX + 1);
        assert_eq!(counts.total(), 65_536);
    }

    #[test]
    fn a_loss_is_told_from_what_is_not_for_us() {
        let mut counts = Counts::default();
        counts.add(Unread::Arp, 2);
        counts.add(Unread::LinkType(147), 3);
        let (losses, others): (Vec<_>, Vec<_>) =
            (counts.losses().collect(), counts.others().collect());
        assert_eq!((losses[0].name.as_ref(), losses[0].count), ("link type 147 (USER0)", 3));
        assert_eq!((others[0].name.as_ref(), others[0].count), ("ARP", 2));
    }
}
