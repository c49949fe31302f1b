//! `callscope hub`: the calls of all machines of a cluster, as one; composition only.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use api::{Api, Imports};
use cluster::{Told, Watch};
use filter::Columns;
use fleet::{Hub, HubOptions};
use tokio::sync::{mpsc::Receiver, watch};

use crate::{
    args::LiveArgs,
    node::PapersArgs,
    serve::{DoorArgs, interrupted, now, protocols},
};

/// Arguments of `callscope hub`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  callscope hub --in-cluster --certificates /etc/callscope --listen 0.0.0.0:8899 --token-file tokens\n  \
                  callscope hub --make-certificates certificates"
)]
pub struct HubArgs {
    /// Who may ask.
    #[command(flatten)]
    pub door: DoorArgs,
    /// Where nodes come in.
    #[arg(long, value_name = "ADDR:PORT", default_value = "0.0.0.0:8901")]
    pub nodes: SocketAddr,
    /// The certificates.
    #[command(flatten)]
    pub papers: PapersArgs,
    /// Let nodes in that don't prove who they are, and don't prove it to them.
    #[arg(long, conflicts_with = "certificates")]
    pub without_certificates: bool,
    /// The cluster whose names are used.
    #[command(flatten)]
    pub cluster: LiveArgs,
    /// Use no names: there is no cluster.
    #[arg(long)]
    pub no_cluster: bool,
    /// How long nodes may take to answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub answer_time: u64,
    /// Make certificates in this folder (hub/, node/) and end.
    #[arg(long, value_name = "DIR")]
    pub make_certificates: Option<PathBuf>,
}

/// How long certificates live, in days.
const CERTIFICATE_DAYS: u32 = 3650;

/// Serves until it is interrupted.
///
/// # Errors
/// When it may not listen, or can't; when it isn't known how to reach the cluster.
pub fn run(args: &HubArgs) -> Result<()> {
    if let Some(folder) = &args.make_certificates {
        return make_certificates(folder);
    }
    let credentials = args.papers.credentials()?;
    if credentials.is_none() && !args.without_certificates {
        bail!(
            "give certificates (--certificates DIR; --make-certificates DIR makes some), or say --without-certificates"
        );
    }
    let settings = args.door.settings()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let options = HubOptions {
            answer: Duration::from_secs(args.answer_time),
            ..HubOptions::new(now().0)
        };
        let hub = Hub::new(options);
        let limits = settings.limits;
        let columns = Arc::new(Columns::new(&crate::protocols::tables()));
        let imports = Imports::new();
        // There is no store here: what is imported is refused by the way into it.
        let reading: api::Reading = Arc::new(|_, _| api::Finished {
            failure: Some("a hub takes no captures: import them by callscope serve".into()),
            ..api::Finished::default()
        });
        let source = Arc::new(hub.clone());
        let api = Api::new(source, None, columns, protocols(), imports, settings, reading)?;
        let watching = follow_cluster(args, &hub).await?;
        let nodes = tokio::net::TcpListener::bind(args.nodes)
            .await
            .with_context(|| format!("can't listen on {}", args.nodes))?;
        eprintln!("callscope: nodes come in at {}", nodes.local_addr()?);
        let listener = args.door.listen().await?;
        let (end, ended) = watch::channel(());
        let mut over = ended.clone();
        let letting_in = fleet::serve(hub.clone(), nodes, credentials.as_ref(), async move {
            drop(over.changed().await);
        });
        let going = tokio::spawn(hub.keep_going());
        let router = api.router();
        let asked = api::serve(listener, router, limits.connections, interrupted());
        tokio::select! {
            served = asked => served?,
            let_in = letting_in => let_in.map_err(|error| anyhow!("nodes can't come in: {error}"))?,
        }
        drop(end);
        going.abort();
        watching.iter().for_each(tokio::task::JoinHandle::abort);
        Ok::<_, anyhow::Error>(())
    })?;
    runtime.shutdown_background();
    Ok(())
}

/// Learns of the cluster, as long as the task lives.
async fn follow_cluster(args: &HubArgs, hub: &Hub) -> Result<Option<tokio::task::JoinHandle<()>>> {
    if args.no_cluster {
        return Ok(None);
    }
    let options = crate::identity::live::options(&args.cluster);
    let started = Watch::start(options, Arc::new(now)).await;
    let (watch, told) =
        started.context("can't follow the cluster (--no-cluster does without names)")?;
    Ok(Some(tokio::spawn(learn(watch, told, hub.clone()))))
}

async fn learn(watch: Watch, mut told: Receiver<Told>, hub: Hub) {
    let mut said = crate::identity::live::Said::default();
    while let Some(Told { event, line }) = told.recv().await {
        if let Some(line) = line {
            hub.learn(&event, &line);
        }
        said.say(&watch);
    }
}

fn make_certificates(folder: &Path) -> Result<()> {
    let seconds = i64::try_from(now().0 / 1_000_000_000)?;
    let made = fleet::make(seconds, CERTIFICATE_DAYS).map_err(|error| anyhow!("{error}"))?;
    for (name, (certificate, key)) in [("hub", &made.hub), ("node", &made.node)] {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        write(&folder.join("ca.crt"), &made.ca)?;
        write(&folder.join("tls.crt"), certificate)?;
        write(&folder.join("tls.key"), key)?;
    }
    eprintln!("callscope: certificates are in {0}/hub and {0}/node", folder.display());
    Ok(())
}

/// A file that is its owner's alone, and was not there before.
fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| path.display().to_string())?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())
}
