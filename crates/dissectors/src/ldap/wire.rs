//! A message: its id, its operation, and how long it is (RFC 4511 §4.1.1).

use model::Side;

use crate::{
    ber::{self, Item, Items, tag},
    framed::{Halt, Read},
};

/// Tags of the operations.
pub(super) mod op {
    pub(crate) const BIND_REQUEST: u8 = 0x60;
    pub(crate) const BIND_RESPONSE: u8 = 0x61;
    pub(crate) const UNBIND_REQUEST: u8 = 0x42;
    pub(crate) const SEARCH_REQUEST: u8 = 0x63;
    pub(crate) const SEARCH_ENTRY: u8 = 0x64;
    pub(crate) const SEARCH_DONE: u8 = 0x65;
    pub(crate) const SEARCH_REFERENCE: u8 = 0x73;
    pub(crate) const MODIFY_REQUEST: u8 = 0x66;
    pub(crate) const MODIFY_RESPONSE: u8 = 0x67;
    pub(crate) const ADD_REQUEST: u8 = 0x68;
    pub(crate) const ADD_RESPONSE: u8 = 0x69;
    pub(crate) const DELETE_REQUEST: u8 = 0x4a;
    pub(crate) const DELETE_RESPONSE: u8 = 0x6b;
    pub(crate) const RENAME_REQUEST: u8 = 0x6c;
    pub(crate) const RENAME_RESPONSE: u8 = 0x6d;
    pub(crate) const COMPARE_REQUEST: u8 = 0x6e;
    pub(crate) const COMPARE_RESPONSE: u8 = 0x6f;
    pub(crate) const ABANDON_REQUEST: u8 = 0x50;
    pub(crate) const EXTENDED_REQUEST: u8 = 0x77;
    pub(crate) const EXTENDED_RESPONSE: u8 = 0x78;
    pub(crate) const INTERMEDIATE: u8 = 0x79;
}

/// The tag of controls.
pub(super) const CONTROLS: u8 = 0xa0;
/// The largest message that anybody would send.
const SIZE_MAX: u64 = 256 << 20;

/// What stands in front of every message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Front {
    pub(super) id: u32,
    pub(super) op: u8,
    /// Where what is in the operation begins.
    pub(super) inside_at: usize,
    /// Bytes of what is in the operation.
    pub(super) inside_len: u32,
    /// Bytes of the message.
    pub(super) size: u64,
}

// === impl Front ===

impl Front {
    /// Reads what is in front of a message, and whether the lengths fit each other.
    pub(super) fn read(input: &[u8]) -> Read<Self> {
        let outer = ber::Front::read(input)?;
        if outer.tag != tag::SEQUENCE || outer.len < 5 || outer.size() > SIZE_MAX {
            return Err(Halt::Bad);
        }
        let after = |at: usize| move |halt: Halt| halt_after(halt, at);
        let rest = input.get(outer.head..).unwrap_or_default();
        let id = ber::Front::read(rest).map_err(after(outer.head))?;
        if id.tag != tag::INTEGER || !(1..=4).contains(&id.len) {
            return Err(Halt::Bad);
        }
        let id_end = id.head + usize::try_from(id.len).unwrap_or(0);
        let bytes = rest.get(id.head..id_end).ok_or(Halt::Short(outer.head + id_end))?;
        let number = ber::number(bytes).and_then(|id| u32::try_from(id).ok()).ok_or(Halt::Bad)?;
        let op_at = outer.head + id_end;
        let op = ber::Front::read(input.get(op_at..).unwrap_or_default()).map_err(after(op_at))?;
        let is_known = side(op.tag).is_some();
        let inside = id_end as u64 + op.size();
        if !is_known || inside > outer.len.into() {
            return Err(Halt::Bad);
        }
        // What is left are controls, or nothing.
        if u64::from(outer.len) - inside == 1 {
            return Err(Halt::Bad);
        }
        Ok(Self {
            id: number,
            op: op.tag,
            inside_at: op_at + op.head,
            inside_len: op.len,
            size: outer.size(),
        })
    }

    /// Who sends this.
    pub(super) fn from(&self) -> Side {
        side(self.op).unwrap_or(Side::Client)
    }

    /// What is in the operation, as far as it is in `message`.
    pub(super) fn inside<'b>(&self, message: &'b [u8]) -> &'b [u8] {
        let rest = message.get(self.inside_at..).unwrap_or_default();
        let len = usize::try_from(self.inside_len).unwrap_or(usize::MAX);
        rest.get(..len).unwrap_or(rest)
    }

    /// What follows the operation: controls.
    pub(super) fn behind<'b>(&self, message: &'b [u8]) -> &'b [u8] {
        let len = usize::try_from(self.inside_len).unwrap_or(usize::MAX);
        let end = self.inside_at.saturating_add(len);
        message.get(end..).unwrap_or_default()
    }

    /// Whether its question may have many answers.
    pub(super) fn has_many(&self) -> bool {
        self.counter().is_some() || self.op == op::SEARCH_DONE
    }

    /// Where answers like this, which are not the last one, are counted.
    pub(super) fn counter(&self) -> Option<usize> {
        match self.op {
            op::SEARCH_ENTRY => Some(0),
            op::SEARCH_REFERENCE => Some(4),
            op::INTERMEDIATE => Some(8),
            _ => None,
        }
    }
}

fn halt_after(halt: Halt, at: usize) -> Halt {
    match halt {
        Halt::Short(need) => Halt::Short(at + need),
        Halt::Bad => Halt::Bad,
    }
}

/// Who sends such an operation.
pub(super) fn side(tag: u8) -> Option<Side> {
    match tag {
        op::BIND_REQUEST
        | op::UNBIND_REQUEST
        | op::SEARCH_REQUEST
        | op::MODIFY_REQUEST
        | op::ADD_REQUEST
        | op::DELETE_REQUEST
        | op::RENAME_REQUEST
        | op::COMPARE_REQUEST
        | op::ABANDON_REQUEST
        | op::EXTENDED_REQUEST => Some(Side::Client),
        op::BIND_RESPONSE
        | op::SEARCH_ENTRY
        | op::SEARCH_DONE
        | op::SEARCH_REFERENCE
        | op::MODIFY_RESPONSE
        | op::ADD_RESPONSE
        | op::DELETE_RESPONSE
        | op::RENAME_RESPONSE
        | op::COMPARE_RESPONSE
        | op::EXTENDED_RESPONSE
        | op::INTERMEDIATE => Some(Side::Server),
        _ => None,
    }
}

/// The size of a message whose operation begins as its kind does.
pub(super) fn size_of_sound(front: &Front, input: &[u8]) -> Read<u64> {
    let end = usize::try_from(front.inside_len).unwrap_or(usize::MAX);
    let inside = front.inside(input);
    let sound = match front.op {
        op::UNBIND_REQUEST => front.inside_len == 0,
        op::ABANDON_REQUEST => (1..=4).contains(&front.inside_len),
        op::DELETE_REQUEST => {
            if inside.len() < end.min(3) {
                return Err(Halt::Short(front.inside_at + end.min(3)));
            }
            inside.is_empty() || inside.contains(&b'=') || inside.len() < end
        }
        wanted => {
            if inside.len() < 2 && end >= 2 {
                return Err(Halt::Short(front.inside_at + 2));
            }
            first_inside(wanted).contains(inside.first().unwrap_or(&0xff))
        }
    };
    if sound { Ok(front.size) } else { Err(Halt::Bad) }
}

/// What an operation may begin with.
fn first_inside(operation: u8) -> &'static [u8] {
    match operation {
        op::BIND_REQUEST => &[tag::INTEGER],
        op::SEARCH_REQUEST
        | op::SEARCH_ENTRY
        | op::SEARCH_REFERENCE
        | op::MODIFY_REQUEST
        | op::ADD_REQUEST
        | op::RENAME_REQUEST
        | op::COMPARE_REQUEST => &[tag::OCTETS],
        op::EXTENDED_REQUEST => &[0x80],
        op::INTERMEDIATE => &[0x80, 0x81],
        _ => &[tag::ENUMERATED],
    }
}

/// The name of an extended operation.
pub(super) fn extended_name<'b>(front: &Front, message: &'b [u8]) -> Option<&'b [u8]> {
    Items(front.inside(message)).wanted(0x80)
}

/// The result of an answer.
pub(super) fn result_code(front: &Front, message: &[u8]) -> Option<i64> {
    Items(front.inside(message)).next().filter(|item| item.tag == tag::ENUMERATED)?.number()
}

/// The controls of a message.
pub(super) fn controls<'b>(front: &Front, message: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    let all = Items(front.behind(message)).wanted(CONTROLS).unwrap_or_default();
    Items(all).filter_map(|control: Item<'b>| control.items().wanted(tag::OCTETS))
}
