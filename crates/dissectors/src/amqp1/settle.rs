//! Dispositions (part 2 §2.7.6): what becomes of deliveries.

use model::Side;

use super::{
    composite::{ACCEPTED, DECLARED, Fields, MODIFIED, REJECTED, RELEASED, TRANSACTIONAL_STATE},
    types::Value,
};

/// What a disposition says.
#[derive(Clone, Copy, Debug)]
pub struct Disposition {
    /// Who sent the deliveries.
    pub sender: Side,
    /// The first of them.
    pub first: u32,
    /// The last of them.
    pub last: u32,
    /// Whether their receiver says by it what became of them.
    pub is_answer: bool,
    /// Whether their sender forgets them.
    pub is_forgotten: bool,
}

// === impl Disposition ===

impl Disposition {
    /// The fields of a disposition that `from` sends.
    pub fn of(from: Side, fields: Fields<'_>) -> Option<Self> {
        let [role, first, last, settled, state] = fields.first();
        let by_receiver = role == Value::Bool(true);
        let is_settled = settled == Value::Bool(true);
        let first = first.uint()?;
        Some(Self {
            sender: if by_receiver { from.other() } else { from },
            first,
            last: last.uint().unwrap_or(first),
            is_answer: by_receiver && (is_settled || is_final(state)),
            is_forgotten: !by_receiver && is_settled,
        })
    }
}

/// Whether a state says what became of a delivery.
fn is_final(state: Value<'_>) -> bool {
    let Some(state) = Fields::within(state) else { return false };
    match state.composite.code {
        ACCEPTED | REJECTED | RELEASED | MODIFIED | DECLARED => true,
        TRANSACTIONAL_STATE => state.get("outcome").is_some_and(is_final),
        _ => false,
    }
}
