//! `callscope serve`: captures and a store in, a server out; composition only.

mod imports;
pub mod live;

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use api::{
    Api, Audit, Collector, Encryption, Grant, Imports, Limits, Listener, Login, LoginSettings,
    Role, Settings, Tokens,
};
use capture::Input;
use clap::{Command, FromArgMatches};
use filter::Columns;
use model::{Protocol, Timestamp};
use store::Store;
use tempfile::TempDir;
use warehouse::{Place, Sending};

use crate::args::{ReadingArgs, ShowArgs, TapArgs};

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

/// An identity provider (OpenID Connect).
#[derive(Clone, Debug, clap::Args)]
pub struct LoginArgs {
    /// Let in who logs in by this identity provider (OpenID Connect): `https://login.example/realm`.
    #[arg(long, value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// What this server is called there.
    #[arg(long, value_name = "ID")]
    pub oidc_client: Option<String>,
    /// This server's password there, if it has one. In the environment rather than on the command line, where
    /// others can read it.
    #[arg(long, value_name = "SECRET", hide_default_value = true)]
    pub oidc_secret: Option<String>,
    /// How browsers reach this server: `https://calls.example`. The provider must know its /login/callback.
    #[arg(long, value_name = "URL")]
    pub oidc_base: Option<String>,
    /// Who may do what: `CLAIM=VALUE ROLE`, and `namespaces=A,B` or `namespaces=@CLAIM`, as `groups=shop viewer
    /// namespaces=shop`. The first that fits counts. May be given several times.
    #[arg(long, value_name = "RULE", value_delimiter = ';')]
    pub oidc_grant: Vec<api::Rule>,
    /// What the provider is asked to tell, beside `openid`, separated by spaces.
    #[arg(long, value_name = "SCOPES", default_value = "profile email")]
    pub oidc_scopes: String,
    /// The provider's certificate is signed by this authority (PEM), not by one that the machine trusts.
    #[arg(long, value_name = "FILE")]
    pub oidc_authority: Option<PathBuf>,
    /// How long somebody stays logged in, in hours.
    #[arg(long, value_name = "HOURS", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=168))]
    pub oidc_hours: u64,
}

/// Where a server listens, and who may ask it: the same for `serve` and `hub`.
#[derive(Clone, Debug, clap::Args)]
pub struct DoorArgs {
    /// Where to listen. Anything but a loopback address needs a token, or --insecure.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8899")]
    pub listen: SocketAddr,
    /// Let in only who shows this token (at least 16 characters); its bearer is an admin. In the
    /// environment rather than on the command line, where others can read it. May be given several
    /// times.
    #[arg(long, value_name = "TOKEN", hide_default_value = true)]
    pub token: Vec<String>,
    /// Tokens with roles: a line each, `TOKEN` or `ROLE [namespaces=A,B] [name=NAME] TOKEN`, where ROLE is
    /// viewer-without-payloads, viewer or admin, and `certificate=NAME` may stand for a token.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Encrypt with this certificate (PEM, its own first); read when the server begins.
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Let in who shows a certificate of this authority (PEM), as well as who shows a token.
    #[arg(long, value_name = "FILE")]
    pub tls_client_authority: Option<PathBuf>,
    /// What those may do who show a certificate: viewer-without-payloads, viewer or admin.
    #[arg(long, value_name = "ROLE", default_value = "viewer")]
    pub tls_client_role: Role,
    /// Let those who show a certificate see calls of this namespace only. May be given several times.
    #[arg(long, value_name = "NAMESPACE")]
    pub tls_client_namespace: Vec<String>,
    /// Who logs in by an identity provider.
    #[command(flatten)]
    pub login: LoginArgs,
    /// Write down who looked at what: a line of JSON for each request that reads calls or is refused.
    #[arg(long, value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// Bytes of the audit log, with the older half in FILE.1; the oldest lines go first.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = crate::size::bytes)]
    pub audit_log_size: u64,
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

// === impl LoginArgs ===

impl LoginArgs {
    /// What they say of logins, if they name a provider.
    ///
    /// # Errors
    /// When it makes no sense.
    fn login(&self) -> Result<Option<Login>> {
        let Some(issuer) = &self.oidc_issuer else {
            if self.oidc_client.is_some() || self.oidc_base.is_some() || !self.oidc_grant.is_empty()
            {
                bail!("logins need an identity provider: give --oidc-issuer");
            }
            return Ok(None);
        };
        let login = Login::new(LoginSettings {
            issuer: issuer.clone(),
            client: self.oidc_client.clone().unwrap_or_default(),
            secret: self.oidc_secret.clone(),
            base: self.oidc_base.clone().unwrap_or_default(),
            scopes: self.oidc_scopes.clone(),
            authority: self.oidc_authority.clone(),
            rules: self.oidc_grant.clone(),
            lasts: Duration::from_secs(self.oidc_hours * 3600),
        });
        login.map(Some).map_err(anyhow::Error::msg)
    }
}

// === impl DoorArgs ===

impl DoorArgs {
    /// What they say of a server.
    ///
    /// # Errors
    /// When it could be asked by anybody, or a token is none.
    pub fn settings(&self) -> Result<Settings> {
        let tokens = self.tokens()?;
        let certified = self.tls_client_authority.as_ref().map(|_| self.certified()).transpose()?;
        if certified.is_none() && tokens.has_certificates() {
            bail!("the file of tokens names certificates: give --tls-client-authority");
        }
        if certified.is_none() && !self.tls_client_namespace.is_empty() {
            bail!("--tls-client-namespace is of certificates: give --tls-client-authority");
        }
        let login = self.login.login()?;
        let is_open = tokens.is_empty() && certified.is_none() && login.is_none();
        if !self.listen.ip().is_loopback() && is_open && !self.insecure {
            bail!(
                "{} can be reached from elsewhere: give a token (--token-file FILE), ask for certificates (--tls-client-authority FILE) or for a login (--oidc-issuer URL), or say --insecure",
                self.listen
            );
        }
        let query_time = Duration::from_secs(self.query_time);
        let hosts = self.host.iter().cloned();
        let hosts = hosts.chain(login.iter().map(|login| login.host().to_owned())).collect();
        Ok(Settings {
            tokens,
            login: login.map(Arc::new),
            certified: certified.map(Arc::new),
            audit: self.audit()?,
            hosts,
            ui: self.ui_dir.clone(),
            limits: Limits { query_time, ..Limits::default() },
            ..Settings::default()
        })
    }

    /// Listens, and says where.
    ///
    /// # Errors
    /// When it can't.
    pub async fn listen(&self) -> Result<Listener> {
        let encryption = self.encryption()?;
        let socket = tokio::net::TcpListener::bind(self.listen)
            .await
            .with_context(|| format!("can't listen on {}", self.listen))?;
        let scheme = if encryption.is_some() { "https" } else { "http" };
        eprintln!("callscope: {scheme}://{}", socket.local_addr()?);
        Ok(Listener::new(socket, encryption))
    }

    fn audit(&self) -> Result<Option<Arc<Audit>>> {
        let open = |path: &PathBuf| {
            let audit = Audit::open(path, self.audit_log_size);
            audit.with_context(|| format!("can't write the audit log {}", path.display()))
        };
        Ok(self.audit_log.as_ref().map(open).transpose()?.map(Arc::new))
    }

    /// What is granted to those who show a certificate.
    fn certified(&self) -> Result<Grant> {
        let names = self.tls_client_namespace.join(",");
        let scope = if names.is_empty() { None } else { Some(names.parse()) };
        let scope = scope.transpose().map_err(anyhow::Error::msg);
        let scope = scope.context("--tls-client-namespace")?;
        Grant::new(self.tls_client_role, scope, "a certificate").map_err(anyhow::Error::msg)
    }

    fn encryption(&self) -> Result<Option<Encryption>> {
        let authority = self.tls_client_authority.as_deref();
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let read = Encryption::read(certificate, key, authority);
                read.map(Some).map_err(anyhow::Error::msg)
            }
            (None, None) if authority.is_none() => Ok(None),
            (None, None) => bail!(
                "certificates are shown on encrypted connections: give --tls-certificate and --tls-key"
            ),
            _ => bail!("a certificate and its key: give both --tls-certificate and --tls-key"),
        }
    }

    fn tokens(&self) -> Result<Tokens> {
        let mut tokens = Tokens::default();
        for token in &self.token {
            let added = tokens.add(token, api::Role::Admin);
            added.map_err(|error| anyhow::anyhow!("--token: {error}"))?;
        }
        let Some(path) = &self.token_file else { return Ok(tokens) };
        let place = || format!("can't read the tokens {}", path.display());
        if fs::metadata(path).with_context(place)?.len() > TOKEN_FILE_BYTES_MAX {
            bail!("{} is too long for a list of tokens", path.display());
        }
        let text = fs::read_to_string(path).with_context(place)?;
        tokens.add_lines(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        if tokens.is_empty() && !tokens.has_certificates() {
            bail!("{} holds no token", path.display());
        }
        Ok(tokens)
    }
}

// === impl House ===

impl House {
    /// Opens the store, and makes a server of it.
    ///
    /// # Errors
    /// When the store, or what the arguments name, can't be read.
    pub fn open(what: &WhatArgs, settings: Settings) -> Result<Self> {
        crate::protocols::check(&what.reading.protocol)?;
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
