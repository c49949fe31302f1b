//! `callscope install` and `callscope uninstall`: hub and nodes in a cluster without Helm; composition only.

mod manifest;
mod papers;
mod ready;
mod remove;
mod yaml;

use std::{
    io::Write as _,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use cluster::{Access, Objects, Refusal, Shelf};
use serde_json::Value;

use self::manifest::{Values, is_ours, name};
pub use self::{
    manifest::ADMITS,
    ready::{Progress, troubles},
};

/// Arguments of `callscope install`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A second run changes what is to be changed, and keeps certificates and tokens.\n\nExamples:\n  \
                  callscope install --image registry.example/callscope:0.1.0\n  \
                  callscope install --image … -n observe --watch-namespace shop --keep-packets 1GiB\n  \
                  callscope install --image … --dry-run > callscope.yaml"
)]
pub struct InstallArgs {
    /// Which cluster, and where in it.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// How it is wanted.
    #[command(flatten)]
    pub values: Values,
    /// Print what would be applied as YAML, with new certificates and tokens, and ask no cluster.
    #[arg(long)]
    pub dry_run: bool,
    /// Don't wait until hub and nodes are ready.
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait for that, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub wait: u64,
}

/// Arguments of `callscope uninstall`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Deletes what `callscope install` made for this namespace, which it knows by its labels, and nothing \
                  else.\n\nExamples:\n  callscope uninstall --dry-run\n  callscope uninstall -n observe --with-namespace"
)]
pub struct UninstallArgs {
    /// Which cluster, and where in it.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The namespace, too, and with it all that others have put there, if `callscope install` made it.
    #[arg(long)]
    pub with_namespace: bool,
}

/// A cluster, and a namespace in it.
#[derive(Clone, Debug, clap::Args)]
pub struct PlaceArgs {
    /// The cluster of this kubeconfig [default: $KUBECONFIG or ~/.kube/config].
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The cluster of this context of the kubeconfig [default: its current one].
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// The namespace of hub and nodes.
    #[arg(long, short = 'n', value_name = "NAME", default_value = "callscope", value_parser = manifest::namespace_name)]
    pub namespace: String,
}

/// What is there of what is to be made.
struct Found {
    namespace: Option<Value>,
    /// Objects of others that bear our names.
    strange: Vec<String>,
}

/// Installs.
///
/// # Errors
/// When the API server says no, something of somebody else is in the way, or hub and nodes don't get ready.
pub fn run(args: &InstallArgs) -> Result<()> {
    let objects = manifest::objects(&args.place.namespace, &args.values)?;
    if args.dry_run {
        return print(&args.place.namespace, &objects);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(install(args, &objects))
}

/// Uninstalls.
///
/// # Errors
/// When the API server says no.
pub fn remove(args: &UninstallArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let cluster = args.place.open().await?;
        remove::all(&cluster, args).await
    })
}

fn print(namespace: &str, objects: &[Value]) -> Result<()> {
    let mut text = yaml::document(&manifest::namespace(namespace));
    for secret in papers::all(namespace, now_seconds())? {
        text += &yaml::document(&secret);
    }
    objects.iter().for_each(|object| text += &yaml::document(object));
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

async fn install(args: &InstallArgs, objects: &[Value]) -> Result<()> {
    let namespace = args.place.namespace.as_str();
    let cluster = args.place.open().await?;
    // Nothing is changed before all is known to be in order.
    let found = look(&cluster, namespace, objects).await?;
    if !found.strange.is_empty() {
        bail!(
            "these are there, and `callscope install` did not make them: {}; nothing was changed. \
             Take another namespace (-n), or whatever made them (Helm?)",
            found.strange.join(", ")
        );
    }
    match &found.namespace {
        Some(there) => {
            admits(there, namespace)?;
            for object in objects {
                cluster
                    .apply(object, true)
                    .await
                    .map_err(|why| in_vain(object, &why, "nothing was changed"))?;
            }
        }
        None => {
            let object = manifest::namespace(namespace);
            cluster
                .apply(&object, false)
                .await
                .map_err(|why| in_vain(&object, &why, "nothing was changed"))?;
            eprintln!("made      {}", name(&object));
        }
    }
    papers::keep_or_make(&cluster, namespace, now_seconds()).await?;
    for object in objects {
        apply(&cluster, object).await?;
    }
    remove::left_over(&cluster, namespace, objects).await;
    if !args.no_wait {
        ready::wait(&cluster, namespace, Duration::from_secs(args.wait)).await?;
    }
    eprintln!("{}", how_to_go_on(namespace));
    Ok(())
}

/// What of it is there, and of whom.
async fn look(cluster: &Objects, namespace: &str, objects: &[Value]) -> Result<Found> {
    let mut found = Found { namespace: None, strange: Vec::new() };
    let shelf = Shelf::of("Namespace")?;
    found.namespace =
        cluster.get(shelf, "", namespace).await.context("can't look for the namespace")?;
    for object in objects {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
        let shelf = Shelf::of(object["kind"].as_str().unwrap_or_default())?;
        let there = cluster.get(shelf, text("namespace"), text("name")).await;
        let there = there.with_context(|| {
            format!("can't look whether {} is there; nothing was changed", name(object))
        })?;
        if there.is_some_and(|there| !is_ours(&there, namespace)) {
            found.strange.push(name(object));
        }
    }
    Ok(found)
}

/// Whether a namespace that is there lets nodes in.
fn admits(there: &Value, namespace: &str) -> Result<()> {
    match there["metadata"]["labels"][ADMITS].as_str() {
        None | Some("privileged") => Ok(()),
        Some(level) => bail!(
            "the namespace {namespace} admits {level} pods, and nodes listen to their machine's network, which \
             only privileged allows; nothing was changed. Take another namespace (-n), or: kubectl label \
             --overwrite namespace {namespace} {ADMITS}=privileged"
        ),
    }
}

async fn apply(cluster: &Objects, object: &Value) -> Result<()> {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    let shelf = Shelf::of(object["kind"].as_str().unwrap_or_default())?;
    let half = "what was made until then stays: run it again, or callscope uninstall";
    let before = cluster.get(shelf, text("namespace"), text("name")).await;
    let before = before.map_err(|why| in_vain(object, &why, half))?;
    // Somebody may have made one in the meantime.
    let of = object["metadata"]["labels"][manifest::MADE_FOR].as_str().unwrap_or_default();
    if before.as_ref().is_some_and(|there| !is_ours(there, of)) {
        bail!("{} is somebody else's now; {half}", name(object));
    }
    let after = cluster.apply(object, false).await.map_err(|why| in_vain(object, &why, half))?;
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    let what = match &before {
        None => "made     ",
        Some(before) if version(before) == version(&after) => "unchanged",
        Some(_) => "changed  ",
    };
    eprintln!("{what} {}", name(object));
    Ok(())
}

/// An object that was not taken, and what to do.
fn in_vain(object: &Value, why: &Refusal, so_far: &str) -> anyhow::Error {
    let what = match why.code() {
        Some(403) => "; ask for the right to, or have somebody with it run this",
        Some(409) => "; others have changed these fields since: take their change back first",
        _ => "",
    };
    anyhow::anyhow!("{}: {why}{what}; {so_far}", name(object))
}

fn how_to_go_on(namespace: &str) -> String {
    format!(
        "kubectl -n {namespace} port-forward deploy/callscope-hub 8899   # then http://127.0.0.1:8899\n\
         kubectl -n {namespace} get secret callscope-tokens -o jsonpath='{{.data.admin}}' | base64 -d   # the token it asks for\n\
         callscope doctor --cluster -n {namespace}"
    )
}

fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

// === impl PlaceArgs ===

impl PlaceArgs {
    /// The way to its API server.
    pub fn access(&self) -> Access {
        Access::Kubeconfig { path: self.kubeconfig.clone(), context: self.context.clone() }
    }

    async fn open(&self) -> Result<Objects> {
        Objects::open(&self.access()).await.context("can't ask the cluster")
    }
}
