//! Flows of datagrams that go on between other addresses: their datagrams say whose they are (the connection
//! IDs of QUIC, RFC 9000 §9).
//!
//! What comes from a new address falls on any shard, by its hash. So every worker that has such flows
//! looks at all datagrams; whoever has the flow takes it.

use hashbrown::HashMap;
use model::{CallSink, Dir, FlowKey};
use packet::Datagram;

use super::{Arrival, Shard};
use crate::lores::Server;

/// Names, and other addresses, that are remembered.
const NAMES_MAX: usize = 4_096;
const MOVED_MAX: usize = 1_024;
/// So many that find no room are passed over before it is looked again for what is over: looking costs a look
/// at all of them, and whoever sends decides how often there is no room.
const PASSED_OVER: usize = 1_024;
/// Lengths that the names of one server have.
const SHAPES_MAX: usize = 4;

/// What datagrams of a flow are known by: these bytes at this place.
pub(crate) type Name = (usize, Box<[u8]>);

/// A flow: its place in the table, and its number, since places are used again.
type Place = (u32, u64);

/// What datagrams of this shard's flows are known by.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    servers: HashMap<Server, Names>,
    count: usize,
    /// Flows by other addresses, and whether their directions have other names there.
    moved: HashMap<FlowKey, (Place, bool)>,
    /// How many more are passed over.
    patience: usize,
}

/// What one server's flows are known by.
#[derive(Debug, Default)]
struct Names {
    /// Where in a datagram names are, and how long.
    shapes: Vec<(usize, usize)>,
    flows: HashMap<Box<[u8]>, Place>,
}

// === impl Moves ===

impl Moves {
    fn learn(&mut self, server: Server, (at, name): Name, place: Place) {
        let names = self.servers.entry(server).or_default();
        let shape = (at, name.len());
        if !names.shapes.contains(&shape) {
            if names.shapes.len() >= SHAPES_MAX {
                return;
            }
            names.shapes.push(shape);
        }
        self.count += usize::from(names.flows.insert(name, place).is_none());
    }

    fn named(&self, datagram: &Datagram<'_>) -> Option<Place> {
        let server = (datagram.key.dst(datagram.dir), datagram.key.scope);
        let names = self.servers.get(&server)?;
        names.shapes.iter().find_map(|(at, len)| {
            let name = datagram.payload.get(*at..)?.get(..*len)?;
            names.flows.get(name).copied()
        })
    }

    /// Whether it is time to look for what is over.
    fn may_tidy(&mut self) -> bool {
        let (patience, is_time) = match self.patience.checked_sub(1) {
            Some(less) => (less, false),
            None => (PASSED_OVER, true),
        };
        self.patience = patience;
        is_time
    }

    /// Forgets what is over.
    fn tidy(&mut self, is_there: impl Fn(Place) -> bool) {
        self.servers.retain(|_, names| {
            names.flows.retain(|_, place| is_there(*place));
            !names.flows.is_empty()
        });
        self.count = self.servers.values().map(|names| names.flows.len()).sum();
        self.moved.retain(|_, (place, _)| is_there(*place));
    }
}

// === impl Shard ===

impl Shard {
    /// Whether flows of this shard may go on between other addresses.
    pub(crate) fn may_move(&self) -> bool {
        self.moves.count > 0
    }

    /// Takes a datagram that is of a flow of this shard, between other addresses than its own.
    pub(crate) fn moved(
        &mut self,
        datagram: &Datagram<'_>,
        arrival: &Arrival,
        sink: &mut dyn CallSink,
    ) {
        if let Some((at, dir)) = self.moved_of(datagram) {
            let print = super::aliases::fingerprint(datagram.payload);
            self.arrives((at, dir), datagram, print, arrival, sink);
        }
    }

    /// What the flow at `at` is known by from now on.
    pub(super) fn learn_names(&mut self, at: u32) {
        let names = std::mem::take(&mut self.commons.names);
        let Some(stream) = self.table.flow(at).map(|flow| flow.talk.stream) else { return };
        for (server, name) in names {
            if self.moves.count >= NAMES_MAX {
                self.tidy_moves();
            }
            if self.moves.count < NAMES_MAX {
                self.moves.learn(server, name, (at, stream));
            }
        }
    }

    fn moved_of(&mut self, datagram: &Datagram<'_>) -> Option<(u32, Dir)> {
        let turned = |flips| if flips { datagram.dir.flip() } else { datagram.dir };
        if let Some((place, flips)) = self.moves.moved.get(&datagram.key) {
            return self.is_there(*place).then_some((place.0, turned(*flips)));
        }
        let place = self.moves.named(datagram).filter(|place| self.is_there(*place))?;
        let talk = &self.table.flow(place.0)?.talk;
        if talk.key == datagram.key {
            return None;
        }
        let flips = talk.client != datagram.dir;
        if self.moves.moved.len() >= MOVED_MAX {
            self.tidy_moves();
        }
        if self.moves.moved.len() < MOVED_MAX {
            self.moves.moved.insert(datagram.key, (place, flips));
        }
        Some((place.0, turned(flips)))
    }

    fn is_there(&self, (at, stream): Place) -> bool {
        self.table.flow(at).is_some_and(|flow| flow.talk.stream == stream && !flow.over())
    }

    fn tidy_moves(&mut self) {
        if !self.moves.may_tidy() {
            return;
        }
        let table = &self.table;
        self.moves.tidy(|(at, stream)| {
            table.flow(at).is_some_and(|flow| flow.talk.stream == stream && !flow.over())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_is_not_looked_through_for_each_datagram() {
        let mut moves = Moves::default();
        let looks = (0..10 * PASSED_OVER).filter(|_| moves.may_tidy()).count();
        assert_eq!(looks, 10);
    }
}
