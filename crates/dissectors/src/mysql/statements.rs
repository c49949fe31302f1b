//! The statements that a connection prepared, as long as they can be remembered.

use std::collections::VecDeque;

use super::wire::Cursor;

/// Statements remembered for one connection; the oldest is forgotten first.
const STATEMENTS_MAX: usize = 256;
/// Bytes remembered of all of them.
const BYTES_MAX: usize = 64 << 10;
/// Bytes remembered of one text.
pub const TEXT_MAX: usize = 4 << 10;
/// Parameters whose types are remembered.
const TYPED_MAX: usize = 256;
/// What MariaDB calls the statement that was prepared last.
const LAST: u32 = u32::MAX;

/// What was prepared on a connection.
#[derive(Debug, Default)]
pub struct Statements {
    /// By rising number.
    entries: VecDeque<Statement>,
    bytes: usize,
}

/// One of them.
#[derive(Debug)]
pub struct Statement {
    id: u32,
    /// How many parameters it has.
    pub params: u16,
    /// Its text, or the front of it.
    pub text: Box<[u8]>,
    /// The types that parameters were last sent with, two bytes each.
    pub types: Box<[u8]>,
}

// === impl Statements ===

impl Statements {
    /// The server gave `text` the number `id`.
    pub fn insert(&mut self, id: u32, params: u16, text: &[u8]) {
        self.remove(id);
        let text: Box<[u8]> = text.get(..TEXT_MAX).unwrap_or(text).into();
        self.bytes += text.len();
        let at = self.entries.partition_point(|entry| entry.id < id);
        self.entries.insert(at, Statement { id, params, text, types: Box::default() });
        while self.entries.len() > STATEMENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= oldest.size();
        }
    }

    /// The statement with this number.
    pub fn get(&self, id: u32) -> Option<&Statement> {
        self.entries.get(self.position(id)?)
    }

    /// It was closed.
    pub fn remove(&mut self, id: u32) {
        if let Ok(at) = self.entries.binary_search_by_key(&id, |entry| entry.id)
            && let Some(gone) = self.entries.remove(at)
        {
            self.bytes -= gone.size();
        }
    }

    /// Bytes that they take.
    pub fn size(&self) -> usize {
        self.bytes + self.entries.len() * size_of::<Statement>()
    }

    /// Remembers the types in an `EXECUTE`; `values` is what follows its fixed part.
    pub fn learn_types(&mut self, id: u32, values: &[u8]) {
        let Some(entry) = self.position(id).and_then(|at| self.entries.get_mut(at)) else { return };
        let params = usize::from(entry.params);
        let mut cursor = Cursor(values);
        let found = cursor.take(params.div_ceil(8)).and_then(|_| cursor.byte());
        if found != Some(1) || params > TYPED_MAX {
            return;
        }
        let Some(types) = cursor.take(2 * params) else { return };
        if *entry.types != *types {
            self.bytes = self.bytes + types.len() - entry.types.len();
            entry.types = types.into();
        }
    }

    fn position(&self, id: u32) -> Option<usize> {
        if id == LAST {
            return self.entries.len().checked_sub(1);
        }
        self.entries.binary_search_by_key(&id, |entry| entry.id).ok()
    }
}

// === impl Statement ===

impl Statement {
    fn size(&self) -> usize {
        self.text.len() + self.types.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut statements = Statements::default();
        for id in 1..=300 {
            statements.insert(id, 0, b"SELECT 1");
        }
        assert!(statements.get(1).is_none());
        assert!(statements.get(300).is_some());
        assert_eq!(statements.entries.len(), STATEMENTS_MAX);
    }

    #[test]
    fn long_texts_do_not_pile_up() {
        let mut statements = Statements::default();
        for id in 1..=100 {
            statements.insert(id, 0, &[b'x'; 10_000]);
        }
        assert!(statements.bytes <= BYTES_MAX);
        for id in 1..=100 {
            statements.remove(id);
        }
        assert_eq!(statements.bytes, 0);
    }

    #[test]
    fn types_are_those_that_were_sent_last() {
        let mut statements = Statements::default();
        statements.insert(1, 2, b"SELECT ?, ?");
        statements.learn_types(1, b"\0\x01\x03\x00\xfe\x80rest");
        assert_eq!(*statements.get(1).unwrap().types, *b"\x03\x00\xfe\x80");
        statements.learn_types(1, b"\0\0rest");
        statements.learn_types(1, b"\0\x01\x03");
        assert_eq!(*statements.get(1).unwrap().types, *b"\x03\x00\xfe\x80");
    }

    #[test]
    fn the_last_one_has_a_number_of_its_own() {
        let mut statements = Statements::default();
        assert!(statements.get(u32::MAX).is_none());
        statements.insert(4, 0, b"a");
        statements.insert(5, 0, b"b");
        assert_eq!(*statements.get(u32::MAX).unwrap().text, *b"b");
    }
}
