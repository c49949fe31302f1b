//! Where a server listens, and who may ask it: arguments of `serve` and `hub`.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use api::{
    Audit, Encryption, Grant, Limits, Listener, Login, LoginSettings, Role, Settings, Tokens,
};

/// Bytes of a token file.
const TOKEN_FILE_BYTES_MAX: u64 = 1 << 20;

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
