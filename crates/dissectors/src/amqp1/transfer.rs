//! Transfers (part 2 §2.7.5): which of them begin a delivery, and which go on with one.

use dissect::Sink;

use super::{
    composite::Fields,
    frame::{Frame, Halt},
    link::{Delivery, Link},
    payload::Part,
    record, section,
    types::Value,
};

/// Bytes of a frame that are waited for to see whether it is a whole message.
const JUDGED_MAX: usize = 64 << 10;

/// What a transfer says.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Its frame.
    pub frame: Frame,
    /// Where its payload begins.
    pub at: usize,
    /// How its sender calls the link.
    pub handle: u32,
    /// The delivery; may be left out where it goes on.
    pub id: Option<u32>,
    has_tag: bool,
    /// Whether a disposition follows.
    pub is_settled: bool,
    /// Whether other transfers of the delivery follow.
    pub more: bool,
    /// Whether the delivery is taken back.
    pub is_aborted: bool,
}

/// What a transfer is to its link.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// It begins this delivery.
    Begins(Delivery),
    /// It goes on with it, or is nobody's.
    GoesOn(Delivery),
    /// The message that is open on its lane has to be ended before.
    Breaks,
}

// === impl Transfer ===

impl Transfer {
    /// The fields of a transfer in `frame`, and where its payload begins.
    pub fn of(frame: Frame, at: usize, fields: Fields<'_>) -> Option<Self> {
        let [handle, id, tag, _, settled, more, _, _, _, aborted] = fields.first();
        let [is_settled, more, is_aborted] =
            [settled, more, aborted].map(|field| field == Value::Bool(true));
        let (handle, id, has_tag) = (handle.uint()?, id.uint(), tag != Value::Null);
        Some(Self { frame, at, handle, id, has_tag, is_settled, more, is_aborted })
    }

    /// Whether nothing more of its delivery follows.
    pub fn is_last(self) -> bool {
        !self.more || self.is_aborted
    }

    /// What it is to `link`.
    ///
    /// What was lost may have ended a delivery and begun another one. Then only what says the number
    /// of the open one goes on with it, and only a message in one piece begins.
    pub fn place(self, link: &Link, is_open: bool, input: &[u8]) -> Result<Place, Halt> {
        let fits = |open: &Delivery| self.id.is_none_or(|id| id == open.id);
        let open = link.delivery.filter(fits);
        let doubts = link.is_doubtful && self.id.is_none();
        if is_open && (open.is_none() || doubts) {
            return Ok(Place::Breaks);
        }
        if let Some(open) = open {
            let part = if link.is_doubtful { Part::Stray } else { open.part };
            return Ok(Place::GoesOn(Delivery { part, ..open }));
        }
        let stray = Delivery { id: self.id.unwrap_or(0), pair: None, part: Part::Stray };
        Ok(if self.begins(link, input)? {
            Place::Begins(Delivery { part: Part::Section, ..stray })
        } else {
            Place::GoesOn(stray)
        })
    }

    fn begins(self, link: &Link, input: &[u8]) -> Result<bool, Halt> {
        if self.id.is_none() || !self.has_tag {
            return Ok(false);
        }
        if !link.is_doubtful {
            return Ok(true);
        }
        let size = self.frame.size;
        if self.more || size > JUDGED_MAX {
            return Ok(false);
        }
        input.get(self.at..size).map(section::is_message).ok_or(Halt::Short(size))
    }
}

/// After a transfer: what comes next on its link.
pub fn leave(link: &mut Link, transfer: Transfer, delivery: Delivery, sink: &mut Sink<'_, '_>) {
    if transfer.is_aborted {
        record::mark(record::ABORTED, sink);
    }
    link.delivery = (!transfer.is_last()).then_some(delivery);
    link.is_doubtful &= !transfer.is_last();
}
