//! `callscope serve --tap`: what passes is served as it happens.

use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use anyhow::{Context, Result, anyhow, bail};
use capture::{keep::Keeper, live::Stop};
use flow::Share;

use super::{House, WhatArgs, imports, tap_defaults};
use crate::{
    args::{ShowArgs, SpaceArgs, TapArgs},
    read::{Directories, Input, OPEN_AFTER, Target, Watcher},
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
    /// Keep only calls for which this holds (see docs/QUERY.md).
    #[arg(long = "where", value_name = "EXPR", requires = "tap")]
    pub condition: Option<String>,
    /// Room in the kernel for packets that wait to be read, in each network namespace.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = crate::size::bytes)]
    pub ring: u64,
    /// Which network namespaces are listened in.
    #[command(flatten)]
    pub spaces: SpaceArgs,
}

/// What a capture is read with, and who keeps its packets.
pub struct Beside {
    /// Names of addresses.
    pub directories: Option<Directories>,
    /// Who keeps packets.
    pub keeper: Option<Keeper>,
    /// Whether others see the same connections.
    pub is_one_of_many: bool,
    /// Which share of new flows is read.
    pub share: Share,
    /// Whose connections are read.
    pub target: Target,
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
        if house.store().is_none() {
            bail!(
                "what --store names is only asked: keep what passes in a folder, and send it by --sink"
            );
        }
        let directory = crate::read::directory(&what.reading.identity)?;
        let directories = directory.map(Directories::One);
        let (share, target) = (Share::default(), Target::default());
        let beside = Beside { directories, keeper: None, is_one_of_many: false, share, target };
        Self::listen(args, what, house, beside).map(Some)
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// When nothing can be captured.
    pub fn listen(args: &LiveArgs, what: &WhatArgs, house: &House, beside: Beside) -> Result<Self> {
        let show = ShowArgs { condition: args.condition.clone(), ..imports::show_args(what) };
        let args = TapArgs {
            interfaces: args.interface.clone(),
            filter: args.filter.clone(),
            tls: args.tls,
            ring: args.ring,
            spaces: args.spaces.clone(),
            ..tap_defaults()
        };
        let Beside { directories, keeper, is_one_of_many, share, target } = beside;
        let stop = Stop::new().context("can't listen for signals")?;
        let tell = |line: &str| eprintln!("callscope: {line}");
        let (input, source) = tap::input(&args, stop.clone(), tell)?;
        let input = Input { keeper, is_one_of_many, share, target, ..input };
        let interfaces =
            if args.interfaces.is_empty() { "any".into() } else { args.interfaces.join(", ") };
        let name = format!("live: {interfaces}");
        let import = house.api.live(&name, Vec::new()).map_err(|fault| anyhow!(fault.message))?;
        let intake = house.api.intake();
        let (watched, names) = (import.clone(), directories.clone());
        let watcher: Watcher =
            Arc::new(move |report| watched.so_far(imports::told(report, names.as_ref())));
        let input = Input { watcher: Some(watcher), ..input };
        let taking = Builder::new().name("tap".into()).spawn(move || {
            let after = Some(OPEN_AFTER);
            let done = imports::take_in(&show, input, directories, after, &import, &intake);
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
        Ok(Self { stop, taking })
    }

    /// Ends it, and waits until the calls that were under way are taken in.
    pub fn end(self) {
        self.stop.ring();
        if self.taking.join().is_err() {
            eprintln!("callscope: the capture ended by a fault of callscope");
        }
    }
}
