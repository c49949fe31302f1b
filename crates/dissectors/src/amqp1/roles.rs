//! Who asks and who answers: either side may do both.

use dissect::{Pair, Role, Sink};
use model::Side;

/// Who said it first, and under which id that awaits the other side's.
pub type Pending = Option<(Side, u64)>;

/// What both sides say: the first one asks, the other one answers.
pub fn both(pending: &mut Pending, last_id: &mut u64, from: Side, sink: &mut Sink<'_, '_>) {
    *last_id += 1;
    match *pending {
        Some((by, id)) if by != from => {
            *pending = None;
            begin(answers(from), Pair::Id(id), sink);
        }
        Some(_) => begin(asks(from), Pair::OneWay, sink),
        None => {
            *pending = Some((from, *last_id));
            begin(asks(from), Pair::Id(*last_id), sink);
        }
    }
}

/// The role of a side that asks, where it is not the usual one.
pub fn asks(side: Side) -> Option<Role> {
    (side == Side::Server).then_some(Role::Asks)
}

/// The role of a side that answers, where it is not the usual one.
pub fn answers(side: Side) -> Option<Role> {
    (side == Side::Client).then_some(Role::Answers)
}

/// Begins a message in a role.
pub fn begin(role: Option<Role>, pair: Pair, sink: &mut Sink<'_, '_>) {
    match role {
        Some(role) => sink.begin_as(role, pair),
        None => sink.begin(pair),
    }
}
