//! Calls to text: what each worker renders by itself, and what is only known where all comes together.

use std::{
    borrow::Cow,
    io::{self, IoSlice, Write},
    rc::Rc,
    sync::Arc,
};

use anyhow::Result;
use export::{Abouts, Around, Ends, Eyes, Json, Ndjson, Options, Places, Style, Table};
use filter::{Columns, Condition};
use identity::{Answers, Lesson};
use mask::Mask;
use model::{Call, CallSink, Endpoint, Lore, Source};

use super::{
    merge::{Hole, Part},
    naming::{self, Answer, Directories, Joined, Naming, Witness},
};
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
    /// What payloads are read with.
    pub lore: Lore,
    /// Who had which address when.
    pub directories: Option<Directories>,
    /// Whether answers of name servers give names.
    pub dns_names: bool,
    /// Who has seen whose sockets the ends of calls were.
    pub witness: Option<Arc<dyn Witness>>,
    /// Whether packets are kept, and calls are to be found among them again.
    pub keeps: bool,
    /// Whether calls say what their connection is called by all who see it.
    pub with_births: bool,
    /// Which calls are shown.
    pub wanted: Option<Wanted>,
    /// Takes secrets out of lines.
    pub mask: Option<Arc<Mask>>,
}

/// Which calls are shown: a condition, and the names that it was compiled with.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The names.
    pub columns: Arc<Columns>,
    /// The condition.
    pub condition: Arc<Condition>,
}

/// Renders one worker's calls into a part.
pub struct Renderer {
    /// What was rendered since it was last taken.
    pub part: Part,
    /// Calls that were shown.
    pub shown: u64,
    form: Form,
    sources: Vec<Source>,
    only: Vec<String>,
    naming: Option<Naming>,
    witness: Option<Arc<dyn Witness>>,
    joined: Joined,
    dns_names: bool,
    keeps: bool,
    /// What name servers said, where calls are rendered in their order.
    answers: Answers,
    lessons: Vec<Lesson>,
    nobody: Rc<Answer>,
    /// Whether calls come in their order, so that names are known before they are needed.
    in_order: bool,
    condition: Option<Arc<Condition>>,
    eyes: Option<Eyes>,
}

enum Form {
    Nothing,
    Lines(Box<Ndjson>),
    Table(Box<Table>),
    Details(Box<Table>),
}

// === impl Shape ===

impl Shape {
    /// Whether calls must be rendered in their order: a table grows its columns as it goes, and a
    /// condition may ask for names that earlier calls teach.
    pub fn in_order(&self) -> bool {
        self.format == Format::Table || (self.dns_names && self.wanted.is_some())
    }
}

// === impl Renderer ===

impl Renderer {
    /// A renderer for one worker.
    pub fn new(shape: &Shape) -> Self {
        let style = Style { colour: shape.colour, width: shape.width, unicode: true };
        let body_bytes_max =
            usize::try_from(shape.body_limit.max(DECODED_BYTES_MIN)).unwrap_or(usize::MAX);
        let mut form = match shape.format {
            Format::None => Form::Nothing,
            Format::Table if shape.details => Form::Details(Box::new(Table::new(style))),
            Format::Table => Form::Table(Box::new(Table::new(style))),
            Format::Ndjson | Format::Json => Form::Lines(Box::new(Ndjson::new(
                &[],
                Options { with_bodies: true, body_bytes_max },
            ))),
        };
        match &mut form {
            Form::Nothing => {}
            Form::Lines(lines) => {
                lines.learn(&shape.lore);
                if shape.with_births {
                    lines.tell_births();
                }
            }
            Form::Table(table) | Form::Details(table) => table.learn(&shape.lore),
        }
        let wanted = shape.wanted.as_ref();
        let eyes = wanted.map(|wanted| Eyes::new(&wanted.columns, body_bytes_max, &shape.lore));
        Self {
            part: Part::default(),
            shown: 0,
            in_order: shape.in_order(),
            condition: wanted.map(|wanted| wanted.condition.clone()),
            eyes,
            form,
            sources: Vec::new(),
            only: shape.only.clone(),
            naming: shape.directories.clone().map(Naming::by),
            witness: shape.witness.clone(),
            joined: Joined::default(),
            dns_names: shape.dns_names,
            keeps: shape.keeps,
            answers: Answers::default(),
            lessons: Vec::new(),
            nobody: Rc::default(),
        }
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

impl Renderer {
    /// Takes note of the names that a call teaches, for calls after it.
    fn learn(&mut self, call: &Call<'_>) {
        naming::lessons(call, &mut self.lessons);
        let key = (call.order, call.stream);
        if self.in_order {
            self.lessons.drain(..).for_each(|lesson| self.answers.learn(&lesson));
        } else {
            self.part.lessons.extend(self.lessons.drain(..).map(|lesson| (key, lesson)));
        }
    }

    /// Writes down where the call is among the packets that are kept.
    fn keep(&mut self, call: &Call<'_>) {
        let [src, dst] = self.ends(call);
        naming::entry(call, [&src, &dst]).push(&mut self.part.kept);
    }

    /// Who the ends of a call were.
    fn ends(&mut self, call: &Call<'_>) -> [Rc<Answer>; 2] {
        let source = usize::try_from(call.source).ok().and_then(|at| self.sources.get(at));
        let seen = self.witness.as_ref().map(|witness| witness.of(call, source));
        let [client, server] = seen.unwrap_or_default();
        [(call.client, client), (call.server, server)].map(|(end, seen)| {
            let pod = seen.as_ref().and_then(|seen| seen.pod);
            let known = match &mut self.naming {
                Some(naming) => naming.of(end, call.transport, call.begin(), pod),
                None => self.nobody.clone(),
            };
            seen.map_or_else(|| known.clone(), |seen| self.joined.of(&known, &seen))
        })
    }

    /// The same, where calls are rendered in their order.
    fn ends_in_order(&mut self, call: &Call<'_>) -> [Rc<Answer>; 2] {
        let mut ends = self.ends(call);
        for ((end, known), side) in [call.client, call.server].into_iter().zip(&mut ends).zip(0..) {
            if self.dns_names && !known.is_known {
                let stream = call.stream * 2 + side;
                let name = self.answers.of_stream(stream, call.client.ip, end.ip, call.begin());
                if let Some(name) = name {
                    *known = Rc::new(known.named(&name));
                }
            }
        }
        ends
    }

    /// Whether the condition holds, if there is one.
    fn is_wanted(&self, call: &Call<'_>, [src, dst]: &[Rc<Answer>; 2]) -> bool {
        let (Some(condition), Some(eyes)) = (&self.condition, &self.eyes) else { return true };
        let [src, dst] = [src, dst].map(|end| Some(&end.party));
        condition.holds(&eyes.see(call, Around { sources: &self.sources, src, dst }))
    }

    /// Leaves room for what name servers call an end that nobody else knows.
    fn leave_holes(&mut self, call: &Call<'_>, ends: &[Rc<Answer>; 2], places: Places) {
        let hole = |end: Endpoint, at: usize, side: u64| Hole {
            key: (call.order, call.stream),
            at,
            stream: call.stream * 2 + side,
            client: call.client.ip,
            ip: end.ip,
            begin: call.begin(),
        };
        if !ends[0].is_known {
            self.part.holes.push(hole(call.client, places.src, 0));
        }
        if !ends[1].is_known {
            self.part.holes.push(hole(call.server, places.dst, 1));
        }
    }
}

impl CallSink for Renderer {
    fn call(&mut self, call: &Call<'_>) {
        if self.dns_names {
            self.learn(call);
        }
        if self.keeps {
            self.keep(call);
        }
        if !self.only.is_empty() && !self.only.iter().any(|name| name == call.protocol.name) {
            return;
        }
        if matches!(self.form, Form::Nothing) && self.condition.is_none() {
            self.shown += 1;
            return;
        }
        let ends = if self.in_order { self.ends_in_order(call) } else { self.ends(call) };
        if !self.is_wanted(call, &ends) {
            return;
        }
        self.shown += 1;
        let [src, dst] = &ends;
        let text = &mut self.part.text;
        let labels = Abouts { client: src.label.as_deref(), server: dst.label.as_deref() };
        let [client, server] =
            [src, dst].map(|end| (!end.about.is_empty()).then_some(end.about.as_str()));
        match &mut self.form {
            Form::Nothing => return,
            Form::Table(table) => table.render_between(call, labels, text),
            Form::Details(table) => {
                table.details_between(call, &self.sources, Abouts { client, server }, text);
            }
            Form::Lines(lines) => {
                let known = Ends { src: &src.json, dst: &dst.json };
                let places = lines.render_between(call, known, text);
                if self.dns_names && !self.in_order {
                    self.leave_holes(call, &ends, places);
                }
            }
        }
        let text = &self.part.text;
        self.part.calls.push(((call.order, call.stream), text.len()));
    }
}

/// What stands around all calls together.
pub struct Ending {
    json: Option<Json>,
    mask: Option<Arc<Mask>>,
    text: Vec<u8>,
}

// === impl Ending ===

impl Ending {
    /// For this shape.
    pub fn new(shape: &Shape) -> Self {
        let json = (shape.format == Format::Json).then(Json::new);
        Self { json, mask: shape.mask.clone(), text: Vec::new() }
    }

    /// Writes some calls, whole lines each.
    ///
    /// # Errors
    /// When the output can't be written.
    pub fn write(&mut self, calls: &mut [IoSlice<'_>], out: &mut dyn Write) -> Result<()> {
        if calls.iter().all(|calls| calls.is_empty()) {
            return Ok(());
        }
        if self.json.is_none() && self.mask.is_none() {
            write_slices(calls, out)?;
            return Ok(out.flush()?);
        }
        self.text.clear();
        for line in calls.iter().flat_map(|calls| calls.split_inclusive(|byte| *byte == b'\n')) {
            let line = match &self.mask {
                Some(mask) => masked(mask, line)?,
                None => Cow::Borrowed(line),
            };
            match &mut self.json {
                Some(json) => json.line(&line, &mut self.text),
                None => self.text.extend_from_slice(&line),
            }
        }
        out.write_all(&self.text)?;
        Ok(out.flush()?)
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

/// A line, with its line feed, without its secrets.
fn masked<'l>(mask: &Mask, line: &'l [u8]) -> Result<Cow<'l, [u8]>> {
    let text = str::from_utf8(line)?;
    Ok(match mask.line(text.trim_end_matches('\n'))? {
        Cow::Borrowed(_) => Cow::Borrowed(line),
        Cow::Owned(masked) => Cow::Owned((masked + "\n").into_bytes()),
    })
}

/// Writes all of them, without copying them together.
fn write_slices(mut slices: &mut [IoSlice<'_>], out: &mut dyn Write) -> io::Result<()> {
    // Empty ones in front would be taken for an output that takes nothing.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match out.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => IoSlice::advance_slices(&mut slices, len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, and is interrupted in between.
    #[derive(Default)]
    struct Slow {
        taken: Vec<u8>,
        turn: usize,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(bytes)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.turn += 1;
            if self.turn.is_multiple_of(3) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let len = all.len().min(self.turn);
            self.taken.extend_from_slice(&all[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn slices_are_written_whole_however_few_bytes_are_taken() {
        let texts = ["", "one\n", "two\nthree\n", "", "four\n"];
        let mut slices = texts.map(|text| IoSlice::new(text.as_bytes()));
        let mut slow = Slow::default();
        write_slices(&mut slices, &mut slow).unwrap();
        assert_eq!(slow.taken, texts.concat().as_bytes());
    }
}
