//! A map that shares its parts with its copies: a copy costs nothing, and a change after a copy costs
//! one path.
//!
//! A tree of 64-way branches by the key's hash, with small leaves. Readers keep a copy and see it
//! unchanged for as long as they like; the writer copies only what a reader may still see.

use std::sync::Arc;

/// What a map is keyed by.
pub(crate) trait Key: Copy + Eq {
    /// A hash whose every bit is good.
    fn hash(&self) -> u64;
}

/// A persistent map.
#[derive(Clone, Debug)]
pub(crate) struct Map<K, V> {
    root: Slot<K, V>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Slot<K, V> {
    Empty,
    Leaf(Arc<[(K, V)]>),
    Branch(Arc<[Slot<K, V>; WAYS]>),
}

const BITS: u32 = 6;
const WAYS: usize = 1 << BITS;
/// Entries of a leaf before it becomes a branch.
const LEAF_MAX: usize = 8;
/// Where the hash is used up: a leaf there only grows.
const SHIFT_MAX: u32 = 60;

// === impl Map ===

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { root: Slot::Empty, len: 0 }
    }
}

impl<K: Key, V: Clone> Map<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let mut hash = key.hash();
        let mut slot = &self.root;
        loop {
            match slot {
                Slot::Empty => return None,
                Slot::Leaf(leaf) => return find(leaf, key).map(|at| &leaf[at].1),
                Slot::Branch(ways) => {
                    slot = &ways[way(hash)];
                    hash >>= BITS;
                }
            }
        }
    }

    /// The leaf where the key stands, or would stand; another one after any change to it.
    pub(crate) fn leaf(&self, key: &K) -> Option<&Arc<[(K, V)]>> {
        let mut hash = key.hash();
        let mut slot = &self.root;
        loop {
            match slot {
                Slot::Empty => return None,
                Slot::Leaf(leaf) => return Some(leaf),
                Slot::Branch(ways) => {
                    slot = &ways[way(hash)];
                    hash >>= BITS;
                }
            }
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        // The path is copied only if the key is there.
        self.get(key)?;
        let mut hash = key.hash();
        let mut slot = &mut self.root;
        loop {
            match slot {
                Slot::Empty => return None,
                Slot::Leaf(leaf) => {
                    let at = find(leaf, key)?;
                    return Some(&mut Arc::make_mut(leaf)[at].1);
                }
                Slot::Branch(ways) => {
                    slot = &mut Arc::make_mut(ways)[way(hash)];
                    hash >>= BITS;
                }
            }
        }
    }

    /// The value of `key`, made by `new` if there is none.
    pub(crate) fn entry(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        if self.get(&key).is_none() {
            insert(&mut self.root, 0, key, new());
            self.len += 1;
        }
        match self.get_mut(&key) {
            Some(value) => value,
            None => unreachable!("it was put in a moment ago"),
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if self.get(key).is_none() {
            return;
        }
        let mut hash = key.hash();
        let mut slot = &mut self.root;
        while let Slot::Branch(ways) = slot {
            slot = &mut Arc::make_mut(ways)[way(hash)];
            hash >>= BITS;
        }
        if let Slot::Leaf(leaf) = slot {
            let rest: Vec<_> = leaf.iter().filter(|entry| entry.0 != *key).cloned().collect();
            *slot = if rest.is_empty() { Slot::Empty } else { Slot::Leaf(rest.into()) };
            self.len -= 1;
        }
    }

    /// Every entry, in no order that means anything.
    pub(crate) fn each(&self, see: &mut dyn FnMut(&K, &V)) {
        each(&self.root, see);
    }
}

fn each<K, V>(slot: &Slot<K, V>, see: &mut dyn FnMut(&K, &V)) {
    match slot {
        Slot::Empty => {}
        Slot::Leaf(leaf) => leaf.iter().for_each(|(key, value)| see(key, value)),
        // As deep as the hash is long.
        Slot::Branch(ways) => ways.iter().for_each(|way| each(way, see)),
    }
}

#[inline]
fn way(hash: u64) -> usize {
    (hash & (WAYS as u64 - 1)) as usize
}

#[inline]
fn find<K: Eq, V>(leaf: &[(K, V)], key: &K) -> Option<usize> {
    leaf.iter().position(|entry| entry.0 == *key)
}

/// Puts in what is not there. `shift` bits of the hash were used on the way.
fn insert<K: Key, V: Clone>(slot: &mut Slot<K, V>, shift: u32, key: K, value: V) {
    match slot {
        Slot::Empty => *slot = Slot::Leaf(Arc::new([(key, value)])),
        Slot::Branch(ways) => {
            let way = way(key.hash() >> shift);
            insert(&mut Arc::make_mut(ways)[way], shift + BITS, key, value);
        }
        Slot::Leaf(leaf) if leaf.len() < LEAF_MAX || shift >= SHIFT_MAX => {
            *leaf = leaf.iter().cloned().chain([(key, value)]).collect();
        }
        Slot::Leaf(leaf) => {
            let entries = leaf.iter().cloned().chain([(key, value)]);
            let mut ways = [const { Vec::new() }; WAYS];
            for entry in entries {
                ways[way(entry.0.hash() >> shift)].push(entry);
            }
            let slots = ways.map(|way| match way.is_empty() {
                true => Slot::Empty,
                false => Slot::Leaf(way.into()),
            });
            *slot = Slot::Branch(Arc::new(slots));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Few different hashes, so that leaves collide.
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    struct Poor(u16);

    impl Key for Poor {
        fn hash(&self) -> u64 {
            u64::from(self.0 % 97).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        }
    }

    proptest! {
        #[test]
        fn it_is_a_map_and_copies_keep_what_they_had(
            steps in prop::collection::vec((any::<bool>(), 0..2000_u16, any::<u8>()), 0..600),
        ) {
            let (mut map, mut twin) = (Map::<Poor, u8>::default(), HashMap::new());
            let mut kept = Vec::new();
            for (number, (puts, key, value)) in steps.into_iter().enumerate() {
                if number % 50 == 0 {
                    kept.push((map.clone(), twin.clone()));
                }
                if puts {
                    *map.entry(Poor(key), || 0) = value;
                    twin.insert(Poor(key), value);
                } else {
                    map.remove(&Poor(key));
                    twin.remove(&Poor(key));
                }
            }
            kept.push((map, twin));
            for (map, twin) in kept {
                prop_assert_eq!(map.len(), twin.len());
                for key in (0..2000).map(Poor) {
                    prop_assert_eq!(map.get(&key), twin.get(&key));
                }
                let mut count = 0;
                map.each(&mut |key, value| {
                    count += 1;
                    assert_eq!(twin.get(key), Some(value));
                });
                prop_assert_eq!(count, twin.len());
            }
        }
    }
}
