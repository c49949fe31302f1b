//! `callscope node`: one machine of a cluster: listens, keeps its calls, and answers the hub.

mod learn;
mod packets;
mod pressure;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use api::Settings;
use capture::keep::Keeper;
use fleet::{Credentials, Listened, Node, NodeOptions, Said};
use flow::Share;
use identity::Directory;
use tokio::sync::watch;

use self::{learn::Learner, packets::Ring};
use crate::{
    args::SpaceArgs,
    read::{Directories, Target},
    serve::{
        House, WhatArgs, interrupted,
        live::{Beside, Live, LiveArgs},
        maintain, now,
    },
};

/// Arguments of `callscope node`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  callscope node --hub https://callscope-hub:8901 --name node-7 --certificates /etc/callscope --store /var/lib/callscope"
)]
pub struct NodeArgs {
    /// What is kept, and how it is read.
    #[command(flatten)]
    pub what: WhatArgs,
    /// The hub: https://callscope-hub:8901; with http:// neither side proves who it is.
    #[arg(long, value_name = "URL")]
    pub hub: String,
    /// The machine's name in Kubernetes.
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The certificates.
    #[command(flatten)]
    pub papers: PapersArgs,
    /// Listen to these interfaces only: names, or patterns with * and ?. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub interface: Vec<String>,
    /// Capture only packets that this filter in tcpdump's syntax accepts.
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Show what is said under TLS as well, as `callscope tap --tls` does.
    #[arg(long)]
    pub tls: bool,
    /// Keep only calls for which this holds (see docs/QUERY.md).
    #[arg(long = "where", value_name = "EXPR")]
    pub condition: Option<String>,
    /// Whose connections are read at all.
    #[command(flatten)]
    pub target: Target,
    /// Room in the kernel for packets that wait to be read, in each network namespace.
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = crate::size::bytes)]
    pub ring: u64,
    /// Which network namespaces are listened in.
    #[command(flatten)]
    pub spaces: SpaceArgs,
    /// Keep all captured packets in this folder, the oldest leaving for the newest; see
    /// `callscope pcap`.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Take no more than so many cores, as 0.5: of new connections only a share is read when it is more,
    /// and calls say so.
    #[arg(long, value_name = "CORES", value_parser = pressure::cores)]
    pub cpu_limit: Option<f64>,
    /// Bytes of packets that are kept.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = crate::size::bytes)]
    pub keep_size: u64,
}

/// How hub and nodes know each other.
#[derive(Clone, Debug, clap::Args)]
pub struct PapersArgs {
    /// A folder with the certificates that `callscope hub --make-certificates` writes, as a Secret of
    /// Kubernetes has them: ca.crt, tls.crt, tls.key.
    #[arg(long, value_name = "DIR")]
    pub certificates: Option<PathBuf>,
}

// === impl PapersArgs ===

impl PapersArgs {
    /// What they name.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn credentials(&self) -> Result<Option<Credentials>> {
        let Some(folder) = &self.certificates else { return Ok(None) };
        let [ca, certificate, key] = ["ca.crt", "tls.crt", "tls.key"].map(|name| folder.join(name));
        let credentials = Credentials::read(&ca, &certificate, &key);
        Ok(Some(credentials.context("can't use the certificates")?))
    }
}

/// Listens and answers until it is interrupted.
///
/// # Errors
/// When nothing can be captured, or the store can't be opened.
pub fn run(args: &NodeArgs) -> Result<()> {
    if !args.what.inputs.is_empty() {
        bail!("a node reads no files");
    }
    let credentials = args.papers.credentials()?;
    match (args.hub.split_once("://"), &credentials) {
        (Some(("https", _)), None) => bail!("https:// needs --certificates"),
        (Some(("https", _)), Some(_)) | (Some(("http", _)), None) => {}
        (Some(("http", _)), Some(_)) => bail!("http:// uses no certificates: say https://"),
        _ => bail!("{}: a hub is named like https://callscope-hub:8901", args.hub),
    }
    let threads = 2;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(serve(args, credentials))?;
    // An answer that is still looked for is not waited for.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(args: &NodeArgs, credentials: Option<Credentials>) -> Result<()> {
    let house = House::open(&args.what, Settings::default())?;
    let Some(store) = house.store() else {
        bail!("a node keeps its calls in a folder: --store DIR")
    };
    let listened = Listened::begin(house.folder(), store.facts().newest, now())
        .with_context(|| house.folder().display().to_string())?;
    let listened = Arc::new(listened);
    let (send, latest) = watch::channel(Directory::default());
    let kept = args.keep.as_deref().map(|folder| Keeper::open(folder, args.keep_size));
    let (keeper, closing) = kept.transpose()?.unzip();
    let directories = Some(Directories::Latest(latest));
    let share = Share::default();
    let (target, counted) = (args.target.clone(), share.clone());
    let beside = Beside { directories, keeper, is_one_of_many: true, share: counted, target };
    let live = Live::listen(&args.tap(), &args.what, &house, beside)?;
    let looking = tokio::spawn(maintain(Some(store.clone())));
    let noting = tokio::spawn(note(listened.clone()));
    let limiting = args.cpu_limit.map(|cores| tokio::spawn(pressure::limit(cores, share.clone())));
    let options = NodeOptions::new(args.name.clone(), args.hub.clone(), credentials, now().0);
    let node = Node::new(options, store, listened).counting(move || pressure::counts(&share));
    let node = match &args.keep {
        Some(folder) => {
            let (folder, is_masked) = (folder.clone(), !args.what.unmasked);
            node.keeping(Ring { folder, is_masked })
        }
        None => node,
    };
    let mut learner = Learner::new(send);
    let running = node.run(move |update| learner.learn(&update), say());
    tokio::select! {
        ended = running => {
            let Err(error) = ended;
            bail!("can't use the hub's address or the certificates: {error}");
        }
        () = interrupted() => {}
    }
    tokio::task::spawn_blocking(move || live.end()).await?;
    closing.map_or(Ok(()), capture::keep::Closing::wait)?;
    noting.abort();
    limiting.iter().for_each(tokio::task::JoinHandle::abort);
    looking.abort();
    tokio::task::block_in_place(|| house.close())
}

/// Says when the hub is there and when it is not: each reason once.
fn say() -> impl FnMut(Said) + Send {
    let mut last = None;
    move |said| {
        if last.as_ref() == Some(&said) {
            return;
        }
        match &said {
            Said::Joined(program) => eprintln!("callscope: joined the hub (callscope {program})"),
            Said::Parted(why) => eprintln!("callscope: not with the hub: {why}; it is tried again"),
        }
        last = Some(said);
    }
}

/// Writes down once a second that it listens.
async fn note(listened: Arc<Listened>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut told = false;
    loop {
        ticks.tick().await;
        let listened = listened.clone();
        let noted = tokio::task::spawn_blocking(move || listened.note(now())).await;
        if let Ok(Err(error)) = noted
            && !std::mem::replace(&mut told, true)
        {
            eprintln!("callscope: can't write down since when it listens: {error}");
        }
    }
}

// === impl NodeArgs ===

impl NodeArgs {
    fn tap(&self) -> LiveArgs {
        LiveArgs {
            tap: true,
            interface: self.interface.clone(),
            filter: self.filter.clone(),
            tls: self.tls,
            ring: self.ring,
            condition: self.target.condition(self.condition.as_deref()),
            spaces: self.spaces.clone(),
        }
    }
}
