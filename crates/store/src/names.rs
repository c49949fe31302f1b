//! Values that groups are told by, each with a number.

use hashbrown::HashMap;

use crate::Cell;

/// The different values of a column.
#[derive(Debug, Default)]
pub(crate) struct Names {
    texts: HashMap<Box<str>, u32>,
    others: HashMap<Plain, u32>,
    cells: Vec<Cell>,
    text_bytes: usize,
}

/// A value that is no text.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Plain {
    Missing,
    Bool(bool),
    Int(i64),
    Bits(u64),
    Time(i64),
}

// === impl Names ===

impl Names {
    pub(crate) fn of(&mut self, cell: Cell) -> u32 {
        let plain = match &cell {
            Cell::Text(text) => return self.of_text(Some(text)),
            Cell::Missing => Plain::Missing,
            Cell::Bool(truth) => Plain::Bool(*truth),
            Cell::Int(number) => Plain::Int(*number),
            Cell::Float(number) => Plain::Bits(number.to_bits()),
            Cell::Time(ns) => Plain::Time(*ns),
        };
        let cells = &mut self.cells;
        *self.others.entry(plain).or_insert_with(|| next(cells, cell))
    }

    pub(crate) fn of_text(&mut self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return self.of(Cell::Missing) };
        if let Some(number) = self.texts.get(text) {
            return *number;
        }
        let number = next(&mut self.cells, Cell::Text(text.to_owned()));
        self.text_bytes += 2 * text.len();
        self.texts.insert(text.into(), number);
        number
    }

    pub(crate) fn cell(&self, number: u32) -> Cell {
        let cell = usize::try_from(number).ok().and_then(|at| self.cells.get(at));
        cell.cloned().unwrap_or(Cell::Missing)
    }

    /// Bytes of memory that they take.
    pub(crate) fn bytes(&self) -> usize {
        let each = size_of::<Cell>() + size_of::<(Box<str>, u32)>();
        self.text_bytes + self.cells.len() * each
    }
}

/// Memory is full long before the numbers are.
fn next(cells: &mut Vec<Cell>, cell: Cell) -> u32 {
    cells.push(cell);
    u32::try_from(cells.len() - 1).unwrap_or(u32::MAX)
}
