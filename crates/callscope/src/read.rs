//! `callscope read`: capture files in, calls out.

mod desk;
mod follow;
mod keys;
mod merge;
mod naming;
mod output;
mod pipeline;
mod progress;
mod storing;
mod summary;
mod target;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};
use capture::{Options, Reader, live::Stop};
use dissect::Limits;
use dissectors::over_http::grpc::Descriptors;
use filter::{Columns, Condition};
use flow::Settings;
use mask::Mask;
use model::{Lore, Timestamp};

pub(crate) use self::{
    desk::Watcher,
    keys::Keys,
    merge::Limit,
    naming::{Answer, Directories, Naming, Testimony, Witness, entry},
    pipeline::{Finished, Input},
    progress::Progress,
    storing::Storing,
    target::Target,
};
use self::{
    follow::Growing,
    output::{Shape, Wanted},
};
use crate::args::{Colour, Format, ReadArgs, ShowArgs};

/// Files below this size are read before a progress bar would be seen.
const PROGRESS_BYTES_MIN: u64 = 32 << 20;
/// Flows per byte of memory: a flow costs about as much as its share of the buffers.
pub(crate) const BYTES_PER_FLOW: usize = 256;
/// When calls that go on are shown, where they are seen as they happen.
pub(crate) const OPEN_AFTER: Duration = Duration::from_secs(10);

/// Reads the inputs and shows their calls.
///
/// # Errors
/// When an input can't be read or the output can't be written.
pub fn run(args: &ReadArgs) -> Result<()> {
    if args.follow {
        return follow(args);
    }
    let reader = Reader::open(&inputs(args)?, Options::default())?;
    let to_terminal = args.show.output.is_none() && io::stdout().is_terminal();
    let wanted = !args.show.quiet && !to_terminal;
    let progress = Progress::new(&reader, wanted, PROGRESS_BYTES_MIN);
    let streaming = args.inputs.is_empty() || args.inputs.iter().any(|input| input == "-");
    let open_after = streaming.then_some(OPEN_AFTER);
    show(Input::of(Box::new(reader), progress), &args.show, open_after)
}

/// Reads a file that grows, until interrupted.
fn follow(args: &ReadArgs) -> Result<()> {
    let [path] = &args.inputs[..] else {
        bail!("--follow reads one file (several growing ones have no common order)");
    };
    let stop = Stop::new().context("can't listen for signals")?;
    crate::tap::stop_in_time(stop.clone(), None)?;
    let name = path.to_string_lossy();
    let growing = Growing::open(Path::new(path), stop);
    let growing = growing.with_context(|| format!("can't read {name}"))?;
    let reader = Reader::from_read(&name, growing, Options::default())?;
    show(Input::of(Box::new(reader), Progress::default()), &args.show, Some(OPEN_AFTER))
}

/// Shows the calls of an input as the arguments say.
///
/// # Errors
/// When the input can't be read or the output can't be written.
pub(crate) fn show(mut input: Input, args: &ShowArgs, open_after: Option<Duration>) -> Result<()> {
    args.reading.check()?;
    let directories = directory(&args.reading.identity)?.map(Directories::One);
    let wanted = args.condition.as_deref().map(wanted).transpose()?;
    let storing = Storing::open(args)?;
    let (out, to_terminal) = match &storing {
        Some(storing) => (storing.lines(), false),
        None => output(args)?,
    };
    let shape = Shape {
        lore: lore(args)?,
        directories,
        wanted,
        witness: input.witness.take(),
        keeps: input.keeper.is_some(),
        with_births: input.is_one_of_many,
        ..shape(args, to_terminal)
    };
    let shape = Shape { mask: mask(args, shape.format)?, ..shape };
    let threads = threads(args, &shape);
    let keys = Keys::open(args.reading.keylog.as_deref())?;
    let progress = input.progress.clone();
    let settings = settings(args, open_after);
    let finished = pipeline::run(input, keys, threads, &settings, &shape, out)?;
    progress.clear();
    tell(args, &finished);
    storing.map(|storing| storing.close(args.quiet)).transpose()?;
    match finished.failure {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Reads `input` and writes its calls as lines of JSON to `out`: for whoever keeps them.
///
/// # Errors
/// When what the arguments name can't be read, or `out` fails.
pub(crate) fn lines(
    args: &ShowArgs,
    mut input: Input,
    directories: Option<Directories>,
    open_after: Option<Duration>,
    out: Box<dyn Write + Send>,
) -> Result<Finished> {
    let wanted = args.condition.as_deref().map(wanted).transpose()?;
    let shape = Shape {
        format: Format::Ndjson,
        wanted,
        lore: lore(args)?,
        directories,
        witness: input.witness.take(),
        keeps: input.keeper.is_some(),
        with_births: input.is_one_of_many,
        ..shape(args, false)
    };
    let threads = threads(args, &shape);
    let keys = Keys::open(args.reading.keylog.as_deref())?;
    pipeline::run(input, keys, threads, &settings(args, open_after), &shape, out)
}

fn inputs(args: &ReadArgs) -> Result<Vec<capture::Input>> {
    if !args.inputs.is_empty() {
        return Ok(args.inputs.iter().map(|word| capture::Input::named(word)).collect());
    }
    if io::stdin().is_terminal() {
        bail!(
            "nothing to read: name a capture file, a folder, or - for standard input (see callscope read --help)"
        );
    }
    Ok(vec![capture::Input::named(OsStr::new("-"))])
}

/// What `--identity` says.
pub(crate) fn directory(files: &[PathBuf]) -> Result<Option<identity::Directory>> {
    if files.is_empty() {
        return Ok(None);
    }
    let loaded = crate::identity::load(files)?;
    for warning in &loaded.warnings {
        eprintln!("callscope: {warning}");
    }
    Ok(Some(loaded.directory))
}

fn output(args: &ShowArgs) -> Result<(Box<dyn Write + Send>, bool)> {
    match &args.output {
        None => Ok((Box::new(io::stdout()), io::stdout().is_terminal())),
        Some(path) => {
            let file =
                File::create(path).with_context(|| format!("can't write to {}", path.display()))?;
            Ok((Box::new(file), false))
        }
    }
}

fn shape(args: &ShowArgs, to_terminal: bool) -> Shape {
    let format = args.format.unwrap_or(if to_terminal || args.details {
        Format::Table
    } else {
        Format::Ndjson
    });
    let colour = match args.color {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            to_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    let width =
        to_terminal.then(|| terminal_size::terminal_size().map(|(width, _)| width.0)).flatten();
    Shape {
        format,
        details: args.details,
        colour,
        width,
        only: args.reading.protocol.clone(),
        body_limit: args.reading.body_limit,
        lore: Lore::default(),
        directories: None,
        dns_names: args.reading.dns_names,
        witness: None,
        keeps: false,
        with_births: false,
        wanted: None,
        mask: None,
    }
}

/// What `--mask` says. Calls that are kept are masked if nothing is said.
fn mask(args: &ShowArgs, format: Format) -> Result<Option<Arc<Mask>>> {
    if args.store.is_some() || args.sink.is_some() {
        let mask = || args.masking.mask(args.store.as_deref()).map(Some);
        return if args.unmasked { Ok(None) } else { mask() };
    }
    if !args.mask && !args.masking.is_given() {
        return Ok(None);
    }
    if format == Format::Table {
        bail!("tables can't be masked: say --format ndjson or --format json");
    }
    args.masking.mask(None).map(Some)
}

/// What payloads are read with.
fn lore(args: &ShowArgs) -> Result<Lore> {
    let paths = &args.reading.proto_descriptors;
    if paths.is_empty() {
        return Ok(Lore::default());
    }
    let read = |path: &PathBuf| {
        fs::read(path).with_context(|| format!("can't read the descriptors {}", path.display()))
    };
    let sets = paths.iter().map(read).collect::<Result<Vec<_>>>()?;
    match Descriptors::of_sets(&sets) {
        Ok(descriptors) => Ok(Lore::new(descriptors)),
        Err((at, flaw)) => bail!("{}: {flaw}", paths[at].display()),
    }
}

/// What `--where` says.
pub(crate) fn wanted(text: &str) -> Result<Wanted> {
    let columns = Columns::new(&crate::protocols::tables());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
    match Condition::compile(text, &columns, now) {
        Ok(condition) => Ok(Wanted { columns: Arc::new(columns), condition: Arc::new(condition) }),
        Err(fault) => bail!("--where is not right:\n{}", fault.show(text)),
    }
}

/// One thread renders calls in their order.
fn threads(args: &ShowArgs, shape: &Shape) -> usize {
    if shape.in_order() {
        return 1;
    }
    let cores = available_parallelism().map_or(1, usize::from);
    args.reading.threads.map_or(cores, usize::from).min(flow::SHARDS)
}

fn settings(args: &ShowArgs, open_after: Option<Duration>) -> Settings {
    let memory = usize::try_from(args.reading.memory).unwrap_or(usize::MAX);
    Settings {
        list: dissectors::ALL,
        lenses: dissectors::LENSES,
        limits: Limits {
            body_bytes_max: args.reading.body_limit,
            shown_after_ns: shown_after_ns(args, open_after),
            ..Limits::default()
        },
        memory,
        flows_max: (memory / BYTES_PER_FLOW).max(flow::SHARDS),
        connections: args.reading.conn
            || args.reading.protocol.iter().any(|name| name == flow::CONN.name),
    }
}

/// A stream is watched while it goes on; of a file, the end of each call is seen anyway.
fn shown_after_ns(args: &ShowArgs, default: Option<Duration>) -> Option<u64> {
    let after = args.open_after.or(default)?;
    Some(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
}

fn tell(args: &ShowArgs, finished: &Finished) {
    for warning in &finished.warnings {
        eprintln!("callscope: {warning}");
    }
    if !args.quiet {
        let shown = args.condition.is_some().then_some(finished.shown);
        eprint!("{}", summary::of(&finished.report, shown, finished.elapsed));
    }
}
