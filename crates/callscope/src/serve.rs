//! `callscope serve`: captures and a store in, a server out; composition only.

mod imports;
mod live;

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use api::{Api, Imports, Limits, Settings, Tokens};
use capture::Input;
use clap::{Command, FromArgMatches};
use filter::Columns;
use model::{Protocol, Timestamp};
use store::Store;
use tempfile::TempDir;

use crate::args::{ShowArgs, TapArgs};

/// How often the store is looked after.
const MAINTAIN_EVERY: Duration = Duration::from_secs(1);
/// Bytes of a token file.
const TOKEN_FILE_BYTES_MAX: u64 = 1 << 20;

/// Arguments of `callscope serve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  callscope serve shop.pcapng\n  callscope serve --store /var/lib/callscope\n  \
                  callscope serve --tap --store /var/lib/callscope\n  \
                  callscope serve --listen 0.0.0.0:8899 --token-file tokens --host calls.example"
)]
pub struct ServeArgs {
    /// What is served.
    #[command(flatten)]
    pub what: WhatArgs,
    /// What is captured.
    #[command(flatten)]
    pub tap: live::LiveArgs,
    /// Where to listen. Anything but a loopback address needs a token, or --insecure.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8899")]
    pub listen: SocketAddr,
    /// Let in only who shows this token (at least 16 characters); its bearer is an admin. In the
    /// environment rather than on the command line, where others can read it. May be given several
    /// times.
    #[arg(long, value_name = "TOKEN", hide_default_value = true)]
    pub token: Vec<String>,
    /// Tokens with roles: a line each, `TOKEN` or `ROLE TOKEN`, where ROLE is
    /// viewer-without-payloads, viewer or admin.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Let everybody in who can reach the address.
    #[arg(long)]
    pub insecure: bool,
    /// A name by which browsers reach this server, beside localhost and addresses. May be given
    /// several times.
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Serve the dashboard's files from this folder instead of those in the program.
    #[arg(long, value_name = "DIR")]
    pub ui_dir: Option<PathBuf>,
    /// Bytes of one upload.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = crate::size::bytes)]
    pub upload_limit: u64,
    /// Send calls as spans to a collector of OpenTelemetry (OTLP over HTTP): http://collector:4318
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// How long a query may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub query_time: u64,
}

/// What is served, and how captures are read: the same for `serve` and `mcp`.
#[derive(Clone, Debug, clap::Args)]
pub struct WhatArgs {
    /// Capture files or folders to import; several are merged by time.
    #[arg(value_name = "FILE|DIR")]
    pub inputs: Vec<OsString>,
    /// Keep calls in this folder. Without, they are kept in a temporary one and gone at the end.
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Bytes of the store; the oldest calls go first.
    #[arg(long, value_name = "SIZE", default_value = "10GiB", value_parser = crate::size::bytes)]
    pub store_size: u64,
    /// How long calls are kept, in hours [default: for ever].
    #[arg(long, value_name = "HOURS")]
    pub store_age: Option<u64>,
    /// Import only calls of these protocols (see `callscope protocols`).
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub protocol: Vec<String>,
    /// Threads that read captures [default: the machine's cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    pub threads: Option<u16>,
    /// Memory for everything unfinished while captures are read.
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = crate::size::bytes)]
    pub memory: u64,
    /// Bytes kept of each body; sizes stay exact. Or: unlimited.
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = crate::size::limit)]
    pub body_limit: u64,
    /// TLS secrets in NSS key log format.
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// Types of gRPC's messages: a set of file descriptors. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub proto_descriptors: Vec<PathBuf>,
    /// Who had which address when: dumps, recorded watches, logs, names files. May be given several
    /// times.
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
    /// Name addresses that nothing else names as the name servers in the capture did.
    #[arg(long)]
    pub dns_names: bool,
    /// Store secrets as they are, and show packets with their payload. Without, credentials, cookies,
    /// passwords and tokens are masked before calls are stored (docs/MASKING.md).
    #[arg(long)]
    pub unmasked: bool,
    /// How secrets are masked.
    #[command(flatten)]
    pub masking: crate::masking::MaskArgs,
}

/// A server without its listener, and what it lives on.
pub struct House {
    /// The server.
    pub api: Arc<Api>,
    store: Arc<Store>,
    /// Removed at the end.
    _folder: Option<TempDir>,
}

/// Serves until it is interrupted.
///
/// # Errors
/// When it may not listen there, or can't; when the store can't be opened.
pub fn run(args: &ServeArgs) -> Result<()> {
    let tokens = tokens(args)?;
    if !args.listen.ip().is_loopback() && tokens.is_empty() && !args.insecure {
        bail!(
            "{} can be reached from elsewhere: give a token (--token-file FILE), or say --insecure",
            args.listen
        );
    }
    let limits = Limits {
        upload_bytes: args.upload_limit,
        uploads_bytes: args.upload_limit.saturating_mul(4),
        query_time: Duration::from_secs(args.query_time),
        ..Limits::default()
    };
    let settings = Settings {
        tokens,
        hosts: args.host.clone(),
        ui: args.ui_dir.clone(),
        limits,
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let house = House::open(&args.what, settings)?;
        let listener = tokio::net::TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("can't listen on {}", args.listen))?;
        eprintln!("callscope: http://{}", listener.local_addr()?);
        if let Some(endpoint) = &args.otlp_endpoint {
            let sending = house.api.send_spans(endpoint).map_err(anyhow::Error::msg)?;
            tokio::spawn(sending);
        }
        house.import(&args.what)?;
        let live = live::Live::begin(&args.tap, &args.what, &house)?;
        let looking = tokio::spawn(maintain(house.store.clone()));
        let router = house.api.router();
        api::serve(listener, router, limits.connections, interrupted()).await?;
        looking.abort();
        if let Some(live) = live {
            tokio::task::spawn_blocking(move || live.end()).await?;
        }
        house.close()
    })?;
    // A capture that is still read, or a query, is not waited for.
    runtime.shutdown_background();
    Ok(())
}

// === impl House ===

impl House {
    /// Opens the store, and makes a server of it.
    ///
    /// # Errors
    /// When the store, or what the arguments name, can't be read.
    pub fn open(what: &WhatArgs, settings: Settings) -> Result<Self> {
        crate::protocols::check(&what.protocol)?;
        let protocols = protocols();
        let columns = Arc::new(Columns::new(&crate::protocols::tables()));
        let temporary = tempfile::Builder::new().prefix("callscope-").tempdir()?;
        let folder = what.store.as_deref().unwrap_or(temporary.path());
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let options = store::Options {
            bytes_max: what.store_size,
            age_max: what.store_age.map(|hours| Duration::from_secs(hours.saturating_mul(3600))),
            ..store::Options::default()
        };
        let mask =
            if what.unmasked { None } else { Some(what.masking.mask(what.store.as_deref())?) };
        let store = Store::open(folder, columns.clone(), options, now()).map_err(|error| {
            let hint = "; a running server is asked by `callscope mcp --server http://…`";
            let hint = if matches!(error, store::StoreError::InUse { .. }) { hint } else { "" };
            anyhow::anyhow!("{error}{hint}")
        })?;
        let store = Arc::new(store);
        let imports = match &what.store {
            Some(folder) => {
                Imports::of_folder(folder).with_context(|| folder.display().to_string())?
            }
            None => Imports::new(),
        };
        let show = imports::show_args(what);
        let directory = crate::read::directory(&show.identity)?;
        let reading = imports::reading(show, directory);
        let settings = Settings { uploads: temporary.path().join("uploads"), mask, ..settings };
        let api = Api::new(store.clone(), columns, protocols, imports, settings, reading)?;
        Ok(Self { api, store, _folder: Some(temporary) })
    }

    /// Begins to read what the arguments name.
    ///
    /// # Errors
    /// When it is not there.
    pub fn import(&self, what: &WhatArgs) -> Result<()> {
        if what.inputs.is_empty() {
            return Ok(());
        }
        let mut inputs = Vec::new();
        for word in &what.inputs {
            let Input::Path(path) = Input::named(word) else {
                bail!("standard input can't be served: name a file or a folder");
            };
            fs::metadata(&path).with_context(|| path.display().to_string())?;
            // Packets are looked up again later, from wherever the program is then.
            inputs.push(std::path::absolute(&path)?);
        }
        let names: Vec<_> = inputs.iter().map(|path| file_name(path)).collect();
        self.api
            .import(&names.join(", "), inputs)
            .map_err(|fault| anyhow::anyhow!(fault.message))?;
        Ok(())
    }

    /// Writes down what is still in memory.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn close(self) -> Result<()> {
        self.store.seal()?;
        Ok(())
    }
}

/// Every protocol once.
fn protocols() -> &'static [&'static Protocol] {
    // They are made once, and live as long as the program.
    Box::leak(crate::protocols::all().into_boxed_slice())
}

fn tokens(args: &ServeArgs) -> Result<Tokens> {
    let mut tokens = Tokens::default();
    for token in &args.token {
        tokens.add(token, api::Role::Admin).map_err(|error| anyhow::anyhow!("--token: {error}"))?;
    }
    let Some(path) = &args.token_file else { return Ok(tokens) };
    let place = || format!("can't read the tokens {}", path.display());
    if fs::metadata(path).with_context(place)?.len() > TOKEN_FILE_BYTES_MAX {
        bail!("{} is too long for a list of tokens", path.display());
    }
    let text = fs::read_to_string(path).with_context(place)?;
    tokens.add_lines(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    if tokens.is_empty() {
        bail!("{} holds no token", path.display());
    }
    Ok(tokens)
}

/// Looks after the store, now and then.
pub async fn maintain(store: Arc<Store>) {
    let mut ticks = tokio::time::interval(MAINTAIN_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        ticks.tick().await;
        let store = store.clone();
        let done = tokio::task::spawn_blocking(move || store.maintain(now())).await;
        if let Ok(Err(error)) = done {
            let error = error.to_string();
            // Once for each thing that goes wrong, not once a second.
            if error != told {
                eprintln!("callscope: the store: {error}");
                told = error;
            }
        }
    }
}

impl House {
    /// Its store, for who looks after it.
    pub fn store(&self) -> Arc<Store> {
        self.store.clone()
    }
}

/// Until somebody wants an end.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        drop(tokio::signal::ctrl_c().await);
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into())
}

/// Now, by the machine's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// What `callscope read` does if nothing is said.
fn show_defaults() -> ShowArgs {
    let command = <ShowArgs as clap::Args>::augment_args(Command::new("read"));
    match ShowArgs::from_arg_matches(&command.get_matches_from(["read"])) {
        Ok(args) => args,
        Err(error) => error.exit(),
    }
}

/// What `callscope tap` does if nothing is said.
fn tap_defaults() -> TapArgs {
    let command = <TapArgs as clap::Args>::augment_args(Command::new("tap"));
    match TapArgs::from_arg_matches(&command.get_matches_from(["tap"])) {
        Ok(args) => args,
        Err(error) => error.exit(),
    }
}
