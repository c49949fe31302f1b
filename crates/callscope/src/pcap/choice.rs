//! Which kept calls are wanted, by a condition: what is kept is read again.

use std::{ffi::OsStr, rc::Rc, sync::Arc};

use anyhow::{Result, bail};
use capture::{
    Batch, Input, Options, Reader,
    keep::{Entry, Want},
};
use dissect::Limits;
use export::{Around, Eyes};
use filter::{Column, Condition, End};
use flow::{Settings, Worker};
use model::{Call, CallSink, Lore, Source, Timestamp};

use crate::{
    args::PcapArgs,
    read::{self, Answer, BYTES_PER_FLOW, Keys, Naming},
};

/// Calls that are cut out at once.
const CALLS_MAX: usize = 1 << 20;
/// Memory for everything unfinished.
const MEMORY: usize = 512 << 20;
/// Bytes of bodies that a condition sees.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Calls among what is kept for which the condition holds.
///
/// # Errors
/// When the condition is wrong, or what is kept can't be read.
pub(super) fn wants(args: &PcapArgs, condition: &str) -> Result<Vec<Want>> {
    let mut choice = Choice::new(args, condition)?;
    let mut keys = Keys::open(args.keylog.as_deref())?;
    let folder = Input::named(OsStr::new(&args.keep));
    let mut reader = Reader::open(&[folder], Options::default())?;
    let (mut worker, mut batch) = (Worker::new(0, 1, &settings()), Batch::new());
    while reader.next(&mut batch)? {
        choice.sources = reader.sources().to_vec();
        for key in keys.news(reader.secrets()) {
            worker.secrets(&key.lines, key.origin);
        }
        batch.packets().for_each(|packet| worker.packet(&packet, &mut choice));
    }
    worker.finish(&mut choice);
    match choice.chosen.len() {
        0 => bail!("the condition holds for none of the calls that are kept"),
        CALLS_MAX => bail!("the condition holds for more than {CALLS_MAX} calls; name a time, too"),
        _ => {}
    }
    let want = |call: &Entry| {
        let comment = Some(call.about.clone());
        Want { comment, ..Want::of(call, args.connection) }
    };
    Ok(choice.chosen.iter().map(want).collect())
}

fn settings() -> Settings {
    Settings {
        list: dissectors::ALL,
        lenses: dissectors::LENSES,
        limits: Limits { body_bytes_max: BODY_BYTES_MAX as u64, ..Limits::default() },
        memory: MEMORY,
        flows_max: MEMORY / BYTES_PER_FLOW,
        connections: false,
    }
}

/// Takes calls, and remembers where those are for which the condition holds.
struct Choice {
    condition: Arc<Condition>,
    eyes: Eyes,
    naming: Option<Naming>,
    nobody: Rc<Answer>,
    sources: Vec<Source>,
    from: Timestamp,
    to: Timestamp,
    chosen: Vec<Entry>,
}

// === impl Choice ===

impl Choice {
    fn new(args: &PcapArgs, condition: &str) -> Result<Self> {
        let wanted = read::wanted(condition)?;
        if wanted.condition.columns().iter().any(is_of_process) {
            bail!(
                "packets don't tell their processes: a condition can ask for them while it listens"
            );
        }
        Ok(Self {
            eyes: Eyes::new(&wanted.columns, BODY_BYTES_MAX, &Lore::default()),
            condition: wanted.condition,
            naming: read::directory(&args.identity)?.map(Naming::new),
            nobody: Rc::default(),
            sources: Vec::new(),
            from: args.from.unwrap_or(Timestamp(0)),
            to: args.to.unwrap_or(Timestamp(u64::MAX)),
            chosen: Vec::new(),
        })
    }
}

impl CallSink for Choice {
    fn call(&mut self, call: &Call<'_>) {
        let is_then = call.end() >= self.from && call.begin() <= self.to;
        if !is_then || self.chosen.len() >= CALLS_MAX {
            return;
        }
        let [src, dst] = [call.client, call.server].map(|end| match &mut self.naming {
            Some(naming) => naming.of(end, call.transport, call.begin(), None),
            None => self.nobody.clone(),
        });
        let (src_party, dst_party) = (Some(&src.party), Some(&dst.party));
        let around = Around { sources: &self.sources, src: src_party, dst: dst_party };
        if self.condition.holds(&self.eyes.see(call, around)) {
            self.chosen.push(read::entry(call, [&src, &dst]));
        }
    }
}

fn is_of_process(column: &Column) -> bool {
    let is_it = |end: &End| matches!(end, End::ProcessPid | End::ProcessName | End::ProcessPath);
    matches!(column, Column::Src(end) | Column::Dst(end) if is_it(end))
}
