//! Calls to text: what each worker renders by itself, and what is only known where all comes together.

use std::io::Write;

use anyhow::Result;
use export::{Json, Ndjson, Options, Style, Table};
use model::{Call, CallSink, Source};

use super::merge::Part;
use crate::args::Format;

/// Decoded bytes of a body shown at least, however few of its encoded bytes are kept.
const DECODED_BYTES_MIN: u64 = 1 << 20;

/// What the output is to look like.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How calls are shown.
    pub format: Format,
    /// Each call whole.
    pub details: bool,
    /// With colours.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: Option<u16>,
    /// Only these protocols; all if empty.
    pub only: Vec<String>,
    /// Bytes kept of each body.
    pub body_limit: u64,
}

/// Renders one worker's calls into a part.
pub struct Renderer {
    /// What was rendered since it was last taken.
    pub part: Part,
    form: Form,
    sources: Vec<Source>,
    only: Vec<String>,
}

enum Form {
    Nothing,
    Lines(Box<Ndjson>),
    Table(Box<Table>),
    Details(Box<Table>),
}

// === impl Renderer ===

impl Renderer {
    /// A renderer for one worker.
    pub fn new(shape: &Shape) -> Self {
        let style = Style { colour: shape.colour, width: shape.width, unicode: true };
        let body_bytes_max =
            usize::try_from(shape.body_limit.max(DECODED_BYTES_MIN)).unwrap_or(usize::MAX);
        let form = match shape.format {
            Format::None => Form::Nothing,
            Format::Table if shape.details => Form::Details(Box::new(Table::new(style))),
            Format::Table => Form::Table(Box::new(Table::new(style))),
            Format::Ndjson | Format::Json => Form::Lines(Box::new(Ndjson::new(
                &[],
                Options { with_bodies: true, body_bytes_max },
            ))),
        };
        Self { part: Part::default(), form, sources: Vec::new(), only: shape.only.clone() }
    }

    /// Learns the sources met so far.
    pub fn sources(&mut self, sources: &[Source]) {
        if sources.len() == self.sources.len() {
            return;
        }
        self.sources = sources.to_vec();
        if let Form::Lines(lines) = &mut self.form {
            lines.learn_sources(sources);
        }
    }
}

impl CallSink for Renderer {
    fn call(&mut self, call: &Call<'_>) {
        if !self.only.is_empty() && !self.only.iter().any(|name| name == call.protocol.name) {
            return;
        }
        let text = &mut self.part.text;
        match &mut self.form {
            Form::Nothing => return,
            Form::Lines(lines) => lines.render(call, text),
            Form::Table(table) => table.render(call, text),
            Form::Details(table) => table.details(call, &self.sources, text),
        }
        self.part.calls.push(((call.order, call.stream), text.len()));
    }
}

/// What stands around all calls together.
pub struct Ending {
    json: Option<Json>,
    text: Vec<u8>,
}

// === impl Ending ===

impl Ending {
    /// For this shape.
    pub fn new(shape: &Shape) -> Self {
        Self { json: (shape.format == Format::Json).then(Json::new), text: Vec::new() }
    }

    /// Writes some calls.
    ///
    /// # Errors
    /// When the output can't be written.
    pub fn write(&mut self, calls: &[u8], out: &mut dyn Write) -> Result<()> {
        if calls.is_empty() {
            return Ok(());
        }
        let Some(json) = &mut self.json else {
            out.write_all(calls)?;
            return Ok(out.flush()?);
        };
        self.text.clear();
        for line in calls.split_inclusive(|byte| *byte == b'\n') {
            json.line(line, &mut self.text);
        }
        Ok(out.write_all(&self.text)?)
    }

    /// Writes what comes after the last call.
    ///
    /// # Errors
    /// When the output can't be written.
    pub fn finish(&mut self, out: &mut dyn Write) -> Result<()> {
        if let Some(json) = &mut self.json {
            self.text.clear();
            json.end(&mut self.text);
            out.write_all(&self.text)?;
        }
        Ok(out.flush()?)
    }
}
