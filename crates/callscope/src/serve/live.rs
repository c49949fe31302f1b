//! `callscope serve --tap`: what passes is served as it happens.

use std::thread::{Builder, JoinHandle};

use anyhow::{Context, Result, anyhow};
use capture::live::Stop;

use super::{House, WhatArgs, imports, tap_defaults};
use crate::{
    args::{SpaceArgs, TapArgs},
    read::OPEN_AFTER,
    tap,
};

/// What is captured.
#[derive(Clone, Debug, clap::Args)]
pub struct LiveArgs {
    /// Listen to interfaces, and serve the calls that pass (see `callscope tap`).
    #[arg(long)]
    pub tap: bool,
    /// Listen to these interfaces only: names, or patterns with * and ?. May be given several times.
    #[arg(long, value_name = "NAME", requires = "tap")]
    pub interface: Vec<String>,
    /// Capture only packets that this filter in tcpdump's syntax accepts.
    #[arg(long, value_name = "FILTER", requires = "tap")]
    pub filter: Option<String>,
    /// Show what is said under TLS as well, as `callscope tap --tls` does.
    #[arg(long, requires = "tap")]
    pub tls: bool,
    /// Which network namespaces are listened in.
    #[command(flatten)]
    pub spaces: SpaceArgs,
}

/// A capture under way.
pub struct Live {
    stop: Stop,
    taking: JoinHandle<()>,
}

// === impl Live ===

impl Live {
    /// Begins to listen, if the arguments say so.
    ///
    /// # Errors
    /// When nothing can be captured.
    pub fn begin(args: &LiveArgs, what: &WhatArgs, house: &House) -> Result<Option<Self>> {
        if !args.tap {
            return Ok(None);
        }
        let show = imports::show_args(what);
        let args = TapArgs {
            interfaces: args.interface.clone(),
            filter: args.filter.clone(),
            tls: args.tls,
            spaces: args.spaces.clone(),
            ..tap_defaults()
        };
        let directory = crate::read::directory(&show.identity)?;
        let stop = Stop::new().context("can't listen for signals")?;
        let tell = |line: &str| eprintln!("callscope: {line}");
        let (input, source) = tap::input(&args, stop.clone(), tell)?;
        let interfaces =
            if args.interfaces.is_empty() { "any".into() } else { args.interfaces.join(", ") };
        let name = format!("live: {interfaces}");
        let import = house.api.live(&name, Vec::new()).map_err(|fault| anyhow!(fault.message))?;
        let intake = house.api.intake();
        let taking = Builder::new().name("tap".into()).spawn(move || {
            let after = Some(OPEN_AFTER);
            let done = imports::take_in(&show, input, directory, after, &import, &intake);
            // Processes are looked for as long as calls come.
            drop(source);
            let finished = done.unwrap_or_else(|error| api::Finished {
                failure: Some(format!("{error:#}")),
                ..api::Finished::default()
            });
            if let Some(failure) = &finished.failure {
                eprintln!("callscope: the capture ended: {failure}");
            }
            import.end(finished);
        })?;
        eprintln!("callscope: listening on {interfaces}");
        Ok(Some(Self { stop, taking }))
    }

    /// Ends it, and waits until the calls that were under way are taken in.
    pub fn end(self) {
        self.stop.ring();
        if self.taking.join().is_err() {
            eprintln!("callscope: the capture ended by a fault of callscope");
        }
    }
}
