//! Calls for people: a line each, or one whole.

use model::{Call, Headline, Lore, Outcome, Pairing, Source, Timestamp};

use self::{
    layout::{Align, COLUMNS, Column, Layout},
    line::{Line, Paint},
};
use crate::{Options, body::Bodies, stamp::Stamps};

mod details;
mod human;
mod layout;
mod line;
mod text;

/// What is said of the ends of a call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Abouts<'a> {
    /// Of the client.
    pub client: Option<&'a str>,
    /// Of the server.
    pub server: Option<&'a str>,
}

/// How a terminal is to be written to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Style {
    /// Whether it knows ANSI colours.
    pub colour: bool,
    /// Its columns, which no line of the table exceeds; `None` when it is none: nothing is shortened.
    pub width: Option<u16>,
    /// Whether it can show more than ASCII.
    pub unicode: bool,
}

/// Renders calls as the lines of a table. Times are UTC.
///
/// Nothing that was on the wire reaches the terminal unless it is printable: control characters,
/// escapes and marks that change the direction of writing are shown by their numbers.
pub struct Table {
    style: Style,
    layout: Layout,
    stamps: Stamps,
    bodies: Bodies,
    /// The columns that the last header named.
    header: Option<Layout>,
    /// The date that was last printed.
    date: Option<[u8; DATE_LEN]>,
    cells: [String; COLUMNS],
    note: String,
    lore: Lore,
}

const DATE_LEN: usize = "2026-01-29".len();

// === impl Table ===

impl Table {
    /// A table without lines so far.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self {
            style,
            layout: Layout::new(),
            stamps: Stamps::new(),
            bodies: Bodies::new(Options::default().body_bytes_max),
            header: None,
            date: None,
            cells: Default::default(),
            note: String::new(),
            lore: Lore::default(),
        }
    }

    /// What payloads are read with from now on.
    pub fn learn(&mut self, lore: &Lore) {
        self.lore = lore.clone();
    }

    /// Appends the line of `call`, after a header if there was none and the date if it is another.
    pub fn render(&mut self, call: &Call<'_>, out: &mut Vec<u8>) {
        self.render_between(call, Abouts::default(), out);
    }

    /// The same, with names in place of the addresses of its ends.
    pub fn render_between(&mut self, call: &Call<'_>, names: Abouts<'_>, out: &mut Vec<u8>) {
        let headline = (call.protocol.headline)(call.request, call.response);
        self.fill(call, &headline, names);
        self.layout.grow(&self.cells);
        let layout = self.layout.fitted(self.style.width.map(usize::from));
        if self.header.is_none_or(|header| !header.shows_the_same(&layout)) {
            self.push_header(&layout, out);
        }
        self.push_date(call.begin(), out);
        self.push_row(&layout, Paints::of(call, &headline), out);
    }

    /// Appends all that is known of `call`, over several lines and with a blank one at the end.
    pub fn details(&mut self, call: &Call<'_>, sources: &[Source], out: &mut Vec<u8>) {
        self.details_between(call, sources, Abouts::default(), out);
    }

    /// The same, with what is known of its ends.
    pub fn details_between(
        &mut self,
        call: &Call<'_>,
        sources: &[Source],
        abouts: Abouts<'_>,
        out: &mut Vec<u8>,
    ) {
        let Self { style, stamps, bodies, lore, .. } = self;
        details::push((*style, lore), stamps, bodies, call, sources, abouts, out);
    }

    // --- cells ---

    fn fill(&mut self, call: &Call<'_>, headline: &Headline<'_>, names: Abouts<'_>) {
        self.cells.iter_mut().for_each(String::clear);
        let (style, cells) = (self.style, &mut self.cells);
        let moment = self.stamps.text(call.begin());
        cells[Column::Time as usize].push_str(str::from_utf8(&moment[11..23]).unwrap_or_default());
        let client = (Column::Client, call.client, names.client);
        let server = (Column::Server, call.server, names.server);
        for (column, end, name) in [client, server] {
            let cell = &mut cells[column as usize];
            match call.transport.has_ports() {
                true => text::push_end(cell, end, name, style),
                false => text::push_host(cell, end.ip, name, style),
            }
        }
        cells[Column::Protocol as usize].push_str(call.protocol.name);
        for (column, text) in
            [(Column::Method, &headline.method), (Column::Endpoint, &headline.endpoint)]
        {
            match text {
                Some(text) => text::push_clean(&mut cells[column as usize], text, style.unicode),
                None => cells[column as usize].push_str(style.dash()),
            }
        }
        let status = &mut cells[Column::Status as usize];
        human::push_status(status, headline.status.as_ref(), style);
        match call.duration_ns() {
            Some(ns) => human::push_duration(&mut cells[Column::Latency as usize], ns, style),
            None => cells[Column::Latency as usize].push_str(style.dash()),
        }
        for (column, half) in [(Column::Request, call.request), (Column::Response, call.response)] {
            match half {
                Some(half) => human::push_size(&mut cells[column as usize], half.wire_bytes),
                None => cells[column as usize].push_str(style.dash()),
            }
        }
        self.note.clear();
        human::push_note(&mut self.note, call, style);
    }

    // --- lines ---

    fn push_header(&mut self, layout: &Layout, out: &mut Vec<u8>) {
        let mut line = Line::new(self.style, out);
        for (column, width) in layout.shown() {
            line.gap(column.gap());
            line.cell(column.title(), width, column.align(), Paint::Dim);
        }
        line.end();
        self.header = Some(*layout);
    }

    fn push_date(&mut self, at: Timestamp, out: &mut Vec<u8>) {
        let date = self.stamps.text(at).first_chunk().copied();
        if self.date == date {
            return;
        }
        self.date = date;
        let text = date.map(|date| String::from_utf8_lossy(&date).into_owned()).unwrap_or_default();
        let mut line = Line::new(self.style, out);
        line.text(&format!("{text} UTC"), Paint::Dim);
        line.end();
    }

    fn push_row(&self, layout: &Layout, paints: Paints, out: &mut Vec<u8>) {
        let mut line = Line::new(self.style, out);
        let spans = &SPANNED_BY_NOTE[..if paints.has_no_end { SPANNED_BY_NOTE.len() } else { 0 }];
        for (column, width) in layout.shown() {
            let has_note = !self.note.is_empty();
            if has_note && spans.contains(&column) {
                continue;
            }
            match column {
                Column::Server if layout.shows(Column::Client) => line.arrow(),
                _ => line.gap(column.gap()),
            }
            if has_note && column == Column::Endpoint {
                let more = spans.iter().map(|&spanned| layout.room(spanned)).sum();
                self.push_endpoint_and_note(&mut line, width, more);
                continue;
            }
            let text = self.cells[column as usize].as_str();
            line.cell(text, width, column.align(), paints.of_column(column));
        }
        line.end();
    }

    /// The note stands at the right of the endpoint's cell, which is the one with room, and in
    /// `more` columns behind it.
    fn push_endpoint_and_note(&self, line: &mut Line<'_>, width: usize, more: usize) {
        let endpoint = match self.cells[Column::Endpoint as usize].as_str() {
            nothing if nothing == self.style.dash() => "",
            endpoint => endpoint,
        };
        let kept = text::width_of(endpoint).min(ENDPOINT_BESIDE_NOTE_WIDTH).min(width);
        let gap = if kept > 0 { NOTE_GAP } else { "" };
        let room = (width + more).saturating_sub(kept + gap.len());
        let wanted = text::width_of(&self.note);
        let note_width = if self.style.width.is_some() { wanted.min(room) } else { wanted };
        if note_width < NOTE_WIDTH_MIN {
            return line.cell(endpoint, width + more, Align::Left, Paint::Plain);
        }
        let endpoint_width = (width + more).saturating_sub(note_width + gap.len()).min(width);
        line.cell(endpoint, endpoint_width, Align::Left, Paint::Plain);
        line.gap(gap);
        let note_width = (width + more).saturating_sub(endpoint_width + gap.len()).max(note_width);
        line.cell(&self.note, note_width, Align::Left, Paint::Yellow);
    }
}

/// Where a call that did not end has nothing to show.
const SPANNED_BY_NOTE: [Column; 2] = [Column::Status, Column::Latency];

/// What an endpoint keeps of its cell when a note needs room.
const ENDPOINT_BESIDE_NOTE_WIDTH: usize = 10;

/// A note that is cut shorter says nothing.
const NOTE_WIDTH_MIN: usize = 8;

const NOTE_GAP: &str = "  ";

// === impl Style ===

impl Style {
    /// What stands where there is nothing.
    fn dash(self) -> &'static str {
        if self.unicode { "–" } else { "-" }
    }
}

// === colours ===

/// The colours of a row.
#[derive(Clone, Copy)]
struct Paints {
    status: Paint,
    latency: Paint,
    /// Neither status nor latency is there to be painted.
    has_no_end: bool,
}

impl Paints {
    fn of(call: &Call<'_>, headline: &Headline<'_>) -> Self {
        let outcome = headline.status.as_ref().map(|status| status.outcome);
        let status = match (call.pairing, outcome) {
            (Pairing::Unanswered | Pairing::Orphan, _) => Paint::Yellow,
            (_, Some(Outcome::Ok)) => Paint::Green,
            (_, Some(Outcome::Error)) => Paint::Red,
            (_, Some(Outcome::Unknown) | None) => Paint::Dim,
        };
        let latency = if call.duration_ns().is_some() { Paint::Plain } else { Paint::Dim };
        let has_no_end = outcome.is_none() && call.duration_ns().is_none();
        Self { status, latency, has_no_end }
    }

    fn of_column(self, column: Column) -> Paint {
        match column {
            Column::Time | Column::Request | Column::Response => Paint::Dim,
            Column::Protocol => Paint::Cyan,
            Column::Method => Paint::Bold,
            Column::Status => self.status,
            Column::Latency => self.latency,
            Column::Client | Column::Server | Column::Endpoint => Paint::Plain,
        }
    }
}
