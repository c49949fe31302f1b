//! `callscope serve`: captures and a store in, a server out; composition only.

mod door;
mod imports;
pub mod live;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use api::{Api, Collector, Imports, Limits, Settings};
use capture::Input;
use clap::{Command, FromArgMatches};
use filter::Columns;
use model::{Protocol, Timestamp};
use store::Store;
use tempfile::TempDir;
use warehouse::{Place, Sending};

use crate::args::{ReadingArgs, ShowArgs, TapArgs};

pub use door::DoorArgs;

/// How often the store is looked after.
const MAINTAIN_EVERY: Duration = Duration::from_secs(1);

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
    /// Who may ask.
    #[command(flatten)]
    pub door: DoorArgs,
    /// Bytes of one upload.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = crate::size::bytes)]
    pub upload_limit: u64,
    /// Where calls are sent as spans.
    #[command(flatten)]
    pub otlp: OtlpArgs,
}

/// Where calls are sent as spans.
#[derive(Clone, Debug, clap::Args)]
pub struct OtlpArgs {
    /// Send calls as spans to a collector of OpenTelemetry: http://collector:4318, https://collector:4317
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// How the collector is spoken to: http/protobuf or grpc.
    #[arg(long, value_name = "PROTOCOL", default_value = "http/protobuf")]
    pub otlp_protocol: api::Speaks,
    /// Send this along with spans: `NAME=VALUE`, as `authorization=Bearer …`. In the environment rather
    /// than on the command line, where others can read it. May be given several times.
    #[arg(long, value_name = "NAME=VALUE", hide_default_value = true)]
    pub otlp_header: Vec<String>,
    /// The collector's certificate is signed by this authority (PEM), not by one that the machine trusts.
    #[arg(long, value_name = "FILE")]
    pub otlp_authority: Option<PathBuf>,
}

/// What is served, and how captures are read: the same for `serve` and `mcp`.
#[derive(Clone, Debug, clap::Args)]
pub struct WhatArgs {
    /// Capture files or folders to import; several are merged by time.
    #[arg(value_name = "FILE|DIR")]
    pub inputs: Vec<OsString>,
    /// Keep calls in this folder. Without, they are kept in a temporary one and gone at the end. Or ask the
    /// engine that others send calls to: `clickhouse://user:password@host:8123/database` (docs/SINKS.md).
    #[arg(long, value_name = "DIR|URL", hide_default_value = true)]
    pub store: Option<PathBuf>,
    /// Send calls to this engine, too: `clickhouse://user:password@host:8123/database`, or files of them to
    /// s3://bucket/prefix, gs://, az:// or file:///folder (docs/SINKS.md). While it is away, they wait in the
    /// store.
    #[arg(long, value_name = "URL", value_parser = crate::sink::place, hide_default_value = true)]
    pub sink: Option<warehouse::Destination>,
    /// Bytes of the store; the oldest calls go first.
    #[arg(long, value_name = "SIZE", default_value = "10GiB", value_parser = crate::size::bytes)]
    pub store_size: u64,
    /// How long calls are kept, in hours [default: for ever].
    #[arg(long, value_name = "HOURS")]
    pub store_age: Option<u64>,
    /// How packets become calls.
    #[command(flatten)]
    pub reading: ReadingArgs,
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
    /// None where an engine is asked.
    store: Option<Arc<Store>>,
    folder: PathBuf,
    sending: Option<Sending>,
    is_kept: bool,
    /// Removed at the end.
    _temporary: TempDir,
}

/// Serves until it is interrupted.
///
/// # Errors
/// When it may not listen there, or can't; when the store can't be opened.
pub fn run(args: &ServeArgs) -> Result<()> {
    let settings = args.door.settings()?;
    let limits = Limits {
        upload_bytes: args.upload_limit,
        uploads_bytes: args.upload_limit.saturating_mul(4),
        ..settings.limits
    };
    let settings = Settings { limits, ..settings };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let house = House::open(&args.what, settings)?;
        let listener = args.door.listen().await?;
        if let Some(collector) = args.otlp.collector()? {
            let sending = house.api.send_spans(&collector).map_err(anyhow::Error::msg)?;
            tokio::spawn(sending);
        }
        house.import(&args.what)?;
        let live = live::Live::begin(&args.tap, &args.what, &house)?;
        let looking = tokio::spawn(maintain(house.store()));
        let router = house.api.router();
        api::serve(listener, router, limits.connections, interrupted()).await?;
        looking.abort();
        if let Some(live) = live {
            tokio::task::spawn_blocking(move || live.end()).await?;
        }
        tokio::task::block_in_place(|| house.close())
    })?;
    // A capture that is still read, or a query, is not waited for.
    runtime.shutdown_background();
    Ok(())
}

// === impl OtlpArgs ===

impl OtlpArgs {
    /// The collector that they name, if they name one.
    ///
    /// # Errors
    /// When a header is none.
    fn collector(&self) -> Result<Option<Collector>> {
        let Some(endpoint) = &self.otlp_endpoint else { return Ok(None) };
        let pair = |text: &String| {
            let (name, value) = text.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        let headers: Option<Vec<_>> = self.otlp_header.iter().map(pair).collect();
        let Some(headers) = headers else { bail!("--otlp-header: NAME=VALUE") };
        Ok(Some(Collector {
            endpoint: endpoint.clone(),
            speaks: self.otlp_protocol,
            headers,
            authority: self.otlp_authority.clone(),
        }))
    }
}

// === impl House ===

impl House {
    /// Opens the store, and makes a server of it.
    ///
    /// # Errors
    /// When the store, or what the arguments name, can't be read.
    pub fn open(what: &WhatArgs, settings: Settings) -> Result<Self> {
        what.reading.check()?;
        let protocols = protocols();
        let columns = Arc::new(Columns::new(&crate::protocols::tables()));
        let engine = what.store.as_deref().map(crate::sink::engine).transpose()?.flatten();
        if let Some(place) = engine {
            return Self::of_engine(what, settings, place, columns);
        }
        let temporary = tempfile::Builder::new().prefix("callscope-").tempdir()?;
        let folder = what.store.as_deref().unwrap_or(temporary.path()).to_owned();
        let folder = folder.as_path();
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
        let directory = crate::read::directory(&show.reading.identity)?;
        let reading = imports::reading(show, directory);
        let begin = |place| crate::sink::begin(&store, place);
        let sending = what.sink.as_ref().map(begin).transpose()?;
        let sinks = sending.iter().map(Sending::sent).collect();
        let uploads = temporary.path().join("uploads");
        let settings = Settings { uploads, mask, sinks, ..settings };
        let api = Api::new(
            store.clone(),
            Some(store.clone()),
            columns,
            protocols,
            imports,
            settings,
            reading,
        )?;
        let (is_kept, folder) = (what.store.is_some(), folder.to_owned());
        Ok(Self { api, store: Some(store), folder, sending, is_kept, _temporary: temporary })
    }

    /// A server of what an engine holds: it takes nothing in.
    fn of_engine(
        what: &WhatArgs,
        settings: Settings,
        place: Place,
        columns: Arc<Columns>,
    ) -> Result<Self> {
        if !what.inputs.is_empty() || what.sink.is_some() {
            bail!("what --store names is only asked: send calls there by `callscope read --sink`");
        }
        // Asked from a thread that may wait.
        let open = || crate::sink::open(place, columns.clone());
        let source = Arc::new(tokio::task::block_in_place(open)?);
        let temporary = tempfile::Builder::new().prefix("callscope-").tempdir()?;
        let uploads = temporary.path().join("uploads");
        let settings = Settings { uploads, ..settings };
        let reading = imports::reading(imports::show_args(what), None);
        let api = Api::new(source, None, columns, protocols(), Imports::new(), settings, reading)?;
        let folder = temporary.path().to_owned();
        Ok(Self { api, store: None, folder, sending: None, is_kept: true, _temporary: temporary })
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

    /// Sends what waits, and writes down what is still in memory. Blocks.
    ///
    /// # Errors
    /// When the disk does not take it, or calls that are not kept were not sent.
    pub fn close(self) -> Result<()> {
        let sent = self.sending.map(|sending| crate::sink::end(sending, self.is_kept));
        self.store.map(|store| store.seal()).transpose()?;
        sent.transpose()?;
        Ok(())
    }
}

/// Every protocol once.
pub fn protocols() -> &'static [&'static Protocol] {
    // They are made once, and live as long as the program.
    Box::leak(crate::protocols::all().into_boxed_slice())
}

/// Looks after the store, now and then, if there is one.
pub async fn maintain(store: Option<Arc<Store>>) {
    let Some(store) = store else { return };
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
    pub fn store(&self) -> Option<Arc<Store>> {
        self.store.clone()
    }

    /// The store's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Until somebody wants an end.
pub async fn interrupted() {
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
pub fn now() -> Timestamp {
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
