//! `callscope tap`: packets from interfaces in, calls out, as they happen.

mod clear;
mod processes;
mod remote;

use std::{
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use capture::{
    Intake,
    keep::{Closing, Keeper},
    live::{Space, Stop, Tap, TapOptions},
};

use self::{clear::Clear, processes::Processes};
use crate::{
    args::{SpaceArgs, TapArgs},
    read::{self, Input, Limit, OPEN_AFTER, Progress, Witness},
};

/// Numbers of packets begin with the microseconds since then: calls of one run have other ids than
/// those of any run before.
const EPOCH: Duration = Duration::from_secs(1_577_836_800); // 2020-01-01

/// Listens until it is interrupted, or has seen enough.
///
/// # Errors
/// When nothing can be captured, or the output can't be written.
pub fn run(args: &TapArgs) -> Result<()> {
    if let Some(hub) = &args.hub {
        return remote::run(hub, args);
    }
    let stop = Stop::new().context("can't listen for signals")?;
    let quiet = args.show.quiet;
    let tell = move |line: &str| {
        if !quiet {
            eprintln!("callscope: {line}");
        }
    };
    let (input, _source) = input(args, stop.clone(), tell)?;
    let kept = args.keep.as_deref().map(|folder| Keeper::open(folder, args.keep_size));
    let (keeper, closing) = kept.transpose()?.unzip();
    stop_in_time(stop.clone(), args.duration)?;
    if !quiet {
        let interfaces =
            if args.interfaces.is_empty() { "any" } else { &args.interfaces.join(" ") };
        eprintln!("callscope: listening on {interfaces}; Ctrl-C ends it");
    }
    let input = Input { keeper, limit: args.count.map(|left| Limit { left, stop }), ..input };
    // The keeper comes to its end with the input.
    let shown = read::show(input, &args.show, Some(OPEN_AFTER));
    closing.map_or(Ok(()), Closing::wait)?;
    shown
}

/// What comes in, as the arguments say, and who looks for processes meanwhile.
///
/// # Errors
/// When nothing can be captured.
pub(crate) fn input(
    args: &TapArgs,
    stop: Stop,
    tell: impl FnMut(&str) + Send + 'static,
) -> Result<(Input, Option<process::Source>)> {
    let mut tap = Tap::open(&options(args)?, stop, tell)?;
    // Inlets are put in while nothing is read from the tap.
    let clear = clear(args, &mut tap)?;
    let (source, processes) = processes(args, &tap)?.unzip();
    let intake: Box<dyn Intake> = match clear {
        Some(clear) => Box::new(clear.beside(tap)),
        None => Box::new(tap),
    };
    let input = Input {
        before: numbers_before(),
        witness: processes.map(|processes| processes as Arc<dyn Witness>),
        ..Input::of(intake, Progress::default())
    };
    Ok((input, source))
}

/// Who knows whose sockets are at the ends of calls, as long as the source lives.
fn processes(args: &TapArgs, tap: &Tap) -> Result<Option<(process::Source, Arc<Processes>)>> {
    if args.no_processes {
        return Ok(None);
    }
    let options =
        process::Options { command_lines: args.command_lines, ..process::Options::default() };
    let source = process::Source::start(options).context("can't look for processes")?;
    if !args.show.quiet {
        source.notes().iter().for_each(|note| eprintln!("callscope: {note}"));
    }
    let processes = Processes::new(&source, tap.namespaces());
    Ok(Some((source, Arc::new(processes))))
}

/// What is said under TLS, if it is asked for: in the network namespaces that were named, or in all.
fn clear(args: &TapArgs, tap: &mut Tap) -> Result<Option<Clear>> {
    if !args.tls {
        return Ok(None);
    }
    let named = spaces(&args.spaces)?;
    let inodes = tap.namespaces().into_iter().map(|(_, inode)| inode).collect();
    Clear::start(tap, (!named.is_empty()).then_some(inodes)).map(Some)
}

fn options(args: &TapArgs) -> Result<TapOptions> {
    Ok(TapOptions {
        interfaces: args.interfaces.clone(),
        spaces: spaces(&args.spaces)?,
        filter: args.filter.clone(),
        ring_bytes: usize::try_from(args.ring).unwrap_or(usize::MAX),
        promiscuous: args.promiscuous,
        without_own: !args.own_traffic,
    })
}

fn spaces(args: &SpaceArgs) -> Result<Vec<Space>> {
    let mut spaces = Vec::new();
    for name in &args.netns {
        spaces.push(Space::named(name)?);
    }
    for pid in &args.pid {
        spaces.push(Space::of_pid(*pid)?);
    }
    for id in &args.container {
        spaces.push(Space::of_container(id)?);
    }
    for pod in &args.pod {
        spaces.push(Space::of_pod(pod)?);
    }
    Ok(spaces)
}

fn numbers_before() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH + EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or_default()
}

/// Rings the bell at the first Ctrl-C or SIGTERM, or when the time is over; at the second signal the
/// program ends at once.
pub(crate) fn stop_in_time(stop: Stop, duration: Option<Duration>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        use tokio::signal::unix::{SignalKind, signal};
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let wait = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = sleep(duration) => {}
        }
        stop.ring();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(wait))?;
    Ok(())
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
