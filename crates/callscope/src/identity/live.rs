//! `callscope identity record --watch`: a cluster as it changes, as a log.

use std::{
    collections::BTreeSet,
    io::Write,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use cluster::{Access, Told, Watch, WatchOptions};
use model::Timestamp;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::Receiver,
};

use crate::args::{LiveArgs, RecordArgs};

/// How often it is looked for what is wrong.
const LOOK: Duration = Duration::from_secs(1);

/// Writes the log until interrupted.
///
/// # Errors
/// When it isn't known how to reach the cluster, or the log can't be written.
pub fn run(args: &RecordArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(follow(args))
}

async fn follow(args: &RecordArgs) -> Result<()> {
    let mut out = super::record::output(args)?;
    let clock = Arc::new(|| now().unwrap_or_default());
    let started = Watch::start(options(&args.live), clock).await;
    let (watch, mut told) = started.context("can't follow the cluster")?;
    let mut said = Said::default();
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    loop {
        tokio::select! {
            line = told.recv() => match line {
                Some(line) => write(&mut out, line, &mut told)?,
                None => break,
            },
            () = tokio::time::sleep(LOOK) => {}
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
        }
        said.say(&watch);
    }
    out.flush()?;
    said.conclude(&watch);
    Ok(())
}

/// Writes what is there, and lets it be read.
fn write(out: &mut impl Write, first: Told, told: &mut Receiver<Told>) -> Result<()> {
    let mut next = Some(first);
    // So many wait at most.
    for _ in 0..=told.max_capacity() {
        let Some(this) = next else { break };
        if let Some(line) = this.line {
            writeln!(out, "{line}")?;
        }
        next = told.try_recv().ok();
    }
    Ok(out.flush()?)
}

/// How the cluster is followed, as the arguments say.
pub fn options(args: &LiveArgs) -> WatchOptions {
    let access = match args.in_cluster {
        true => Access::InCluster,
        false => {
            Access::Kubeconfig { path: args.kubeconfig.clone(), context: args.context.clone() }
        }
    };
    let mut options = WatchOptions::new(access);
    options.namespaces.clone_from(&args.namespace);
    options.resources.extend(args.owner.iter().cloned());
    options.has_lines = true;
    options.seed = now().unwrap_or_default().0 ^ u64::from(std::process::id());
    options
}

fn now() -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok().map(Timestamp)
}

/// What was said on standard error.
#[derive(Default)]
pub struct Said {
    troubles: BTreeSet<&'static str>,
    is_complete: bool,
}

// === impl Said ===

impl Said {
    /// Each trouble once, when it first occurs.
    pub fn say(&mut self, watch: &Watch) {
        let troubles = watch.troubles();
        for ((what, _), line) in troubles.iter().zip(super::words(&troubles)) {
            if self.troubles.insert(what) {
                eprintln!("callscope: {line}");
            }
        }
        if watch.is_complete() && !self.is_complete {
            self.is_complete = true;
            eprintln!("callscope: following {} kinds of objects", watch.watches());
        }
    }

    /// How often there was which trouble, and what it all cost the API server.
    fn conclude(&self, watch: &Watch) {
        for line in super::words(&watch.troubles()) {
            eprintln!("callscope: {line}");
        }
        let load = watch.load();
        let counts: Vec<_> = load
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        eprintln!("callscope: {}", counts.join(", "));
    }
}
