//! Prepared statements and portals of one connection, as far as they were seen.
//!
//! What is not here was announced before the capture, in lost bytes, or too long ago: it is
//! unknown, never guessed.

use std::collections::{HashMap, VecDeque};

use super::wire;

/// Bytes kept of one statement.
const TEXT_MAX: usize = 4 << 10;
/// Bytes kept of the description of its rows.
const COLUMNS_MAX: usize = 2 << 10;
/// Bytes kept of the types of its parameters.
const TYPES_MAX: usize = 256;
/// Statements, the unnamed one included; a power of two.
const STATEMENTS_MAX: usize = 1 << SLOT_BITS;
/// Bits of a number that are the statement's place.
const SLOT_BITS: u32 = 9;
/// Bytes of all of them.
const BYTES_MAX: usize = 256 << 10;
/// Bytes of the longest name that is kept.
const NAME_MAX: usize = 128;
/// Portals with a name.
const PORTALS_MAX: usize = 32;
/// Statements that wait to be confirmed.
const AWAITED_MAX: usize = 4 << 10;

/// A prepared statement.
#[derive(Debug, Default)]
pub struct Statement {
    /// Its number on this connection, not 0; the lower bits are its place.
    pub serial: u32,
    /// Its text, cut at a limit.
    pub text: Vec<u8>,
    /// Whether there is more of the text.
    pub cut: bool,
    /// The types of its parameters, as sent: 32 bits each.
    pub types: Vec<u8>,
    /// The description of its rows, as sent; empty if it was not seen or is too long.
    pub columns: Vec<u8>,
}

/// Everything prepared on one connection.
#[derive(Debug, Default)]
pub struct Statements {
    /// Places in `slots`.
    named: HashMap<Box<[u8]>, usize>,
    /// The unnamed one, then those with a name.
    slots: Vec<Statement>,
    portals: Vec<(Box<[u8]>, u32)>,
    /// The statement behind the unnamed portal; 0 for none.
    portal: u32,
    /// Statements whose answer is to come: their number, and the `Sync` they come before.
    awaited: VecDeque<(u32, u32)>,
    last: u32,
    bytes: usize,
}

// === impl Statement ===

impl Statement {
    fn set(&mut self, serial: u32, text: &[u8], cut: bool, types: &[u8]) {
        self.serial = serial;
        let kept = text.get(..TEXT_MAX).unwrap_or(text);
        self.cut = cut || kept.len() < text.len();
        self.text.clear();
        self.text.extend_from_slice(kept);
        self.types.clear();
        if types.len() <= TYPES_MAX {
            self.types.extend_from_slice(types);
        }
        self.columns.clear();
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + self.types.capacity() + self.columns.capacity() + 128
    }
}

// === impl Statements ===

impl Statements {
    /// `Parse`: `name` stands for this from now on, if the server agrees. `cut` if its text is.
    pub fn parse(&mut self, name: &[u8], text: &[u8], cut: bool, types: &[u8], group: u32) -> u32 {
        if self.awaited.len() >= AWAITED_MAX {
            self.forget();
        }
        let slot = self.slot_for(name);
        self.last = self.last.wrapping_add(1) & (u32::MAX >> SLOT_BITS);
        self.last = self.last.max(1);
        let serial = self.last << SLOT_BITS | u32::try_from(slot).unwrap_or(0);
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, Statement::default);
        }
        let Some(statement) = self.slots.get_mut(slot) else { return 0 };
        self.bytes = self.bytes.saturating_sub(statement.bytes());
        statement.set(serial, text, cut, types);
        self.bytes += statement.bytes();
        self.awaited.push_back((serial, group));
        serial
    }

    /// A place for a statement with this name; the oldest goes where there is no room.
    fn slot_for(&mut self, name: &[u8]) -> usize {
        if name.is_empty() {
            return 0;
        }
        if let Some(slot) = self.named.get(name) {
            return *slot;
        }
        let used = self.slots.len().max(1);
        let free = self.slots.iter().skip(1).position(|statement| statement.serial == 0);
        let slot = match free {
            Some(at) if self.bytes < BYTES_MAX => at + 1,
            None if used < STATEMENTS_MAX && self.bytes < BYTES_MAX => used,
            _ => self.oldest(),
        };
        self.named.retain(|_, place| *place != slot);
        self.named.insert(name.into(), slot);
        slot
    }

    fn oldest(&self) -> usize {
        let named = self.slots.iter().enumerate().skip(1);
        let oldest = named.filter(|(_, s)| s.serial > 0).min_by_key(|(_, s)| s.serial >> SLOT_BITS);
        oldest.map_or(1, |(slot, _)| slot)
    }

    /// `Bind`: the statement behind the name, whose portal this is from now on.
    pub fn bind(&mut self, portal: &[u8], name: &[u8]) -> Option<&Statement> {
        let serial = self.named_so(name).map_or(0, |statement| statement.serial);
        if portal.is_empty() {
            self.portal = serial;
        } else {
            self.portals.retain(|(known, _)| **known != *portal);
            if self.portals.len() < PORTALS_MAX && portal.len() <= NAME_MAX {
                self.portals.push((portal.into(), serial));
            }
        }
        self.named_so(name)
    }

    /// The statement with this name.
    #[inline]
    pub fn named_so(&self, name: &[u8]) -> Option<&Statement> {
        let slot = if name.is_empty() { 0 } else { *self.named.get(name)? };
        self.slots.get(slot).filter(|statement| statement.serial > 0)
    }

    /// The statement behind a portal.
    pub fn behind(&self, portal: &[u8]) -> Option<&Statement> {
        let serial = match portal {
            [] => self.portal,
            name => self.portals.iter().find(|(known, _)| **known == *name)?.1,
        };
        self.numbered(serial)
    }

    /// The statement with this number.
    #[inline]
    pub fn numbered(&self, serial: u32) -> Option<&Statement> {
        let statement = self.slots.get(slot_of(serial))?;
        (serial > 0 && statement.serial == serial).then_some(statement)
    }

    /// What the server said of the rows of a statement.
    pub fn describe(&mut self, serial: u32, columns: &[u8]) {
        let Some(statement) = self.numbered_mut(serial) else { return };
        let before = statement.bytes();
        statement.columns.clear();
        if columns.len() <= COLUMNS_MAX {
            statement.columns.extend_from_slice(columns);
        }
        let after = statement.bytes();
        self.bytes = (self.bytes + after).saturating_sub(before);
    }

    /// What the server said of the parameters of a statement.
    pub fn describe_parameters(&mut self, serial: u32, payload: &[u8]) {
        let types = payload.get(2..).unwrap_or_default();
        if let Some(statement) = self.numbered_mut(serial)
            && types.len() <= TYPES_MAX
        {
            statement.types.clear();
            statement.types.extend_from_slice(types);
        }
    }

    /// `Close` of a statement, or `DEALLOCATE`.
    pub fn close(&mut self, name: &[u8]) {
        let slot = if name.is_empty() { Some(0) } else { self.named.remove(name) };
        if let Some(statement) = slot.and_then(|slot| self.slots.get_mut(slot)) {
            statement.serial = 0;
        }
    }

    /// `Close` of a portal.
    pub fn close_portal(&mut self, name: &[u8]) {
        if name.is_empty() {
            self.portal = 0;
        } else {
            self.portals.retain(|(known, _)| **known != *name);
        }
    }

    /// `ParseComplete`: the oldest statement that waits for it is there.
    pub fn confirm(&mut self) {
        self.awaited.pop_front();
    }

    /// The answer to the `Sync` with this number came: what was not confirmed before it failed or
    /// was skipped.
    pub fn synced(&mut self, group: u32) {
        while let Some((serial, of)) = self.awaited.front().copied() {
            if of.wrapping_sub(group).cast_signed() > 0 {
                return;
            }
            self.awaited.pop_front();
            self.drop_numbered(serial);
        }
    }

    /// The transaction is over, and its portals with it.
    pub fn transaction_over(&mut self) {
        self.portals.clear();
        self.portal = 0;
    }

    /// Bytes of the server were lost: which statements it agreed to is not known.
    pub fn lost_answers(&mut self) {
        while let Some((serial, _)) = self.awaited.pop_front() {
            self.drop_numbered(serial);
        }
    }

    /// `DISCARD ALL`, `DEALLOCATE ALL`, or bytes that may have said so were lost.
    pub fn forget(&mut self) {
        let last = self.last;
        *self = Self { last, ..Self::default() };
    }

    fn numbered_mut(&mut self, serial: u32) -> Option<&mut Statement> {
        let statement = self.slots.get_mut(slot_of(serial))?;
        (serial > 0 && statement.serial == serial).then_some(statement)
    }

    fn drop_numbered(&mut self, serial: u32) {
        if let Some(statement) = self.numbered_mut(serial) {
            statement.serial = 0;
            self.named.retain(|_, slot| *slot != slot_of(serial));
        }
    }
}

fn slot_of(serial: u32) -> usize {
    serial as usize & (STATEMENTS_MAX - 1)
}

/// The texts of a `Parse`: name, statement, and the types behind them.
pub fn parsed(payload: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (name, rest) = wire::text(payload);
    let (text, rest) = wire::text(rest);
    (name, text, rest.get(2..).unwrap_or_default())
}
