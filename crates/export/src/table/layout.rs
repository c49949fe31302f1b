//! Which columns fit, and how wide they are.

use super::text;

/// The columns from left to right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    Time,
    Client,
    Server,
    Protocol,
    Method,
    Endpoint,
    Status,
    Latency,
    Request,
    Response,
}

/// On which side of its column a text stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Widths by column; 0 for one that is not shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Layout {
    widths: [usize; COLUMNS],
}

/// How many columns there are.
pub(crate) const COLUMNS: usize = ALL.len();

const ALL: [Column; 10] = [
    Column::Time,
    Column::Client,
    Column::Server,
    Column::Protocol,
    Column::Method,
    Column::Endpoint,
    Column::Status,
    Column::Latency,
    Column::Request,
    Column::Response,
];

/// What goes first when a terminal is narrow.
const DISPENSABLE: [Column; 9] = [
    Column::Request,
    Column::Response,
    Column::Client,
    Column::Protocol,
    Column::Time,
    Column::Latency,
    Column::Server,
    Column::Method,
    Column::Status,
];

/// An endpoint that has less room says too little.
const ENDPOINT_WIDTH_MIN: usize = 22;

// === impl Column ===

impl Column {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Time => "TIME",
            Self::Client => "CLIENT",
            Self::Server => "SERVER",
            Self::Protocol => "PROTO",
            Self::Method => "METHOD",
            Self::Endpoint => "ENDPOINT",
            Self::Status => "STATUS",
            Self::Latency => "TOOK",
            Self::Request => "REQ",
            Self::Response => "RESP",
        }
    }

    pub(crate) fn align(self) -> Align {
        match self {
            Self::Latency | Self::Request | Self::Response => Align::Right,
            _ => Align::Left,
        }
    }

    /// What stands before it.
    pub(crate) fn gap(self) -> &'static str {
        match self {
            Self::Server => "   ",
            _ => "  ",
        }
    }

    /// Its width at first, and the width up to which longer texts widen it for all that follow.
    fn widths(self) -> (usize, usize) {
        match self {
            Self::Time => (12, 12),
            Self::Client => (17, 28),
            Self::Server => (14, 28),
            Self::Protocol => (5, 12),
            Self::Method => (6, 14),
            Self::Endpoint => (40, 40),
            Self::Status => (6, 16),
            Self::Latency => (7, 11),
            Self::Request | Self::Response => (7, 8),
        }
    }
}

// === impl Layout ===

impl Layout {
    pub(crate) fn new() -> Self {
        Self { widths: ALL.map(|column| column.widths().0) }
    }

    /// Widens the columns that are too narrow for `cells`, up to their limits.
    pub(crate) fn grow(&mut self, cells: &[String; COLUMNS]) {
        for column in ALL {
            let width = text::width_of(&cells[column as usize]).min(column.widths().1);
            let ours = &mut self.widths[column as usize];
            *ours = width.max(*ours);
        }
    }

    /// The same with as many columns as fit into `width`, and the rest of it for the endpoint.
    pub(crate) fn fitted(&self, width: Option<usize>) -> Self {
        let Some(width) = width else { return *self };
        let mut fitted = Self { widths: self.widths };
        fitted.widths[Column::Endpoint as usize] = ENDPOINT_WIDTH_MIN;
        let mut dispensable = DISPENSABLE.iter();
        while fitted.width() > width
            && let Some(&column) = dispensable.next()
        {
            fitted.widths[column as usize] = 0;
        }
        let endpoint = &mut fitted.widths[Column::Endpoint as usize];
        *endpoint = 0;
        let others = fitted.width();
        fitted.widths[Column::Endpoint as usize] = width.saturating_sub(others).max(1);
        fitted
    }

    pub(crate) fn shows(&self, column: Column) -> bool {
        self.widths[column as usize] > 0
    }

    /// What a column that stands behind another takes, with the gap before it.
    pub(crate) fn room(&self, column: Column) -> usize {
        match self.widths[column as usize] {
            0 => 0,
            width => column.gap().len() + width,
        }
    }

    pub(crate) fn shows_the_same(&self, other: &Self) -> bool {
        ALL.iter().all(|&column| self.shows(column) == other.shows(column))
    }

    /// The columns that are shown, with their widths.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (Column, usize)> {
        ALL.into_iter().zip(self.widths).filter(|&(_, width)| width > 0)
    }

    /// Of all of it, gaps included; the endpoint's gap also when its own width is not set yet.
    fn width(&self) -> usize {
        let shown = |&(column, width): &(Column, usize)| width > 0 || column == Column::Endpoint;
        let columns = ALL.into_iter().zip(self.widths).filter(shown);
        let gap = |(at, column): (usize, Column)| if at == 0 { 0 } else { column.gap().len() };
        columns.enumerate().map(|(at, (column, width))| gap((at, column)) + width).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_width_the_columns_fill_it() {
        for width in ENDPOINT_WIDTH_MIN..300 {
            assert_eq!(Layout::new().fitted(Some(width)).width(), width);
        }
    }

    #[test]
    fn a_wide_terminal_shows_all_and_a_narrow_one_the_endpoint() {
        assert_eq!(Layout::new().fitted(Some(140)).shown().count(), COLUMNS);
        let narrow: Vec<_> = Layout::new().fitted(Some(25)).shown().map(|(c, _)| c).collect();
        assert_eq!(narrow, [Column::Endpoint]);
        assert!(Layout::new().fitted(Some(80)).shows(Column::Latency));
    }

    #[test]
    fn a_column_grows_to_its_limit_and_stays() {
        let mut layout = Layout::new();
        let mut cells: [String; COLUMNS] = Default::default();
        cells[Column::Client as usize] = "x".repeat(20);
        cells[Column::Server as usize] = "x".repeat(200);
        layout.grow(&cells);
        layout.grow(&Default::default());
        assert_eq!(layout.widths[Column::Client as usize], 20);
        assert_eq!(layout.widths[Column::Server as usize], 28);
    }
}
