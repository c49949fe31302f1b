//! The confusion matrix of detection: what callscope takes each stream for, by its bytes alone.
//!
//!     matrix [--program FILE] [--captures DIR] [--output FILE]
//!
//! Every recording is read three times: as it is, with every port rewritten to 40000 + n, and with
//! the first 20 packets of every connection cut off besides. What comes out is compared with what is
//! known of the streams (`truth.rs`); without its start a stream counts as long as two messages begin in
//! what is left. A folder of captures that is not there is skipped and said so.

mod matrix;
mod names;
mod report;
mod rewrite;
mod truth;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use self::{
    matrix::{Matrix, Mode},
    names::named,
    rewrite::Rewritten,
    truth::{Corrections, Speaks, Truth},
};

/// Messages that a stream must have left when its start is cut off, so that it counts: from a
/// farewell alone nobody could say what it was.
const LATE_MESSAGES_MIN: usize = 2;

/// What may go wrong is told to whoever runs it.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is asked of this run.
struct Task {
    program: PathBuf,
    captures: Option<PathBuf>,
    output: Option<PathBuf>,
}

/// One recording, and where its truth is.
struct Recording {
    path: PathBuf,
    /// How it is called in the report.
    name: String,
    truth: Source,
}

/// Where it is known from what a recording holds.
enum Source {
    /// A list of calls made by another tool.
    Expected(PathBuf),
    /// We made it: these are the protocols that it may hold.
    Ours,
}

fn main() -> ExitCode {
    match Task::of_arguments().and_then(|task| run(&task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("matrix: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corrections = Corrections::read(&root.join("corrections.tsv"))?;
    let mut matrix = Matrix::default();
    for recording in recordings(task, root)? {
        if let Err(why) = look(task, &recording, &corrections, &mut matrix) {
            eprintln!("{}: {why}", recording.name);
            matrix.failed.push(format!("{}: {why}", recording.name));
        }
    }
    let text = report::markdown(&matrix);
    match &task.output {
        Some(path) => fs::write(path, text)?,
        None => print!("{text}"),
    }
    Ok(())
}

fn look(
    task: &Task,
    recording: &Recording,
    corrections: &Corrections,
    matrix: &mut Matrix,
) -> Result<()> {
    let rewritten = Rewritten::of(&recording.path)?;
    let as_is = named(&task.program, &recording.path)?;
    let moved = named(&task.program, rewritten.moved.path())?;
    let late = named(&task.program, rewritten.late.path())?;
    let told = match &recording.truth {
        Source::Expected(path) => Truth::expected(path)?,
        Source::Ours => Truth::of_own(&recording.name),
    };
    matrix.recordings += 1;
    for (stream, facts) in &rewritten.streams {
        let real = as_is.get(stream);
        let correction = corrections.of(&recording.name, *stream);
        let by_port = correction.as_ref().is_some_and(|correction| correction.by_port);
        let truth = correction.map_or_else(
            || told.of(*stream, real.map(|real| &real.names)),
            |correction| correction.speaks,
        );
        let moved_stream = rewritten.moved_stream(*stream);
        let late_messages = real.map_or(0, |real| {
            real.begins.iter().filter(|frame| facts.frames_late.contains(frame)).count()
        });
        let begins_late = late_messages >= LATE_MESSAGES_MIN;
        let place = || format!("{} {}", recording.name, stream.text());
        matrix.add(Mode::AsIs, facts.from_start, &truth, real, &place);
        let moved_named = moved.get(&moved_stream);
        // Where nobody could know, not to say anything is right.
        let nobody_knows = by_port && moved_named.is_none();
        let moved_truth = if nobody_knows { &Speaks::Other } else { &truth };
        matrix.add(Mode::Moved, facts.from_start, moved_truth, moved_named, &place);
        let late_named = late.get(&moved_stream);
        // Of what is too little to say anything, a name alone counts where it is wrong.
        let says = late_named.is_some_and(|late| !late.begins.is_empty() || !truth.allows(late));
        if begins_late || says {
            matrix.add(Mode::Late, true, &truth, late_named, &place);
        }
    }
    Ok(())
}

fn recordings(task: &Task, root: &Path) -> Result<Vec<Recording>> {
    let mut all = Vec::new();
    for path in entries(&root.join("../../fixtures"))? {
        let name = file_name(&path);
        if name.ends_with(".zst") {
            all.push(Recording { path, name: format!("fixtures/{name}"), truth: Source::Ours });
        }
    }
    let Some(captures) = task.captures.as_ref().filter(|folder| folder.is_dir()) else {
        eprintln!("no folder of captures (--captures DIR): only our own recordings are looked at");
        return Ok(all);
    };
    for folder in entries(captures)?.into_iter().filter(|path| path.is_dir()) {
        for path in entries(&folder)? {
            let name = format!("{}/{}", file_name(&folder), file_name(&path));
            let expected = captures.join("EXPECTED").join(format!("{name}.json"));
            if expected.is_file() {
                all.push(Recording { path, name, truth: Source::Expected(expected) });
            }
        }
    }
    Ok(all)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

// === impl Task ===

impl Task {
    fn of_arguments() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut task =
            Self { program: root.join("target/release/callscope"), captures: None, output: None };
        let mut words = std::env::args_os().skip(1);
        while let Some(word) = words.next() {
            let value = words.next().map(PathBuf::from).ok_or("an option wants a value")?;
            match word.to_str() {
                Some("--program") => task.program = value,
                Some("--captures") => task.captures = Some(value),
                Some("--output") => task.output = Some(value),
                _ => return Err("matrix [--program FILE] [--captures DIR] [--output FILE]".into()),
            }
        }
        Ok(task)
    }
}
