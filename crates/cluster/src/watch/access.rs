//! How to reach an API server, and who we are to it.

use std::{path::PathBuf, time::Duration};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::{sync::Mutex, time::Instant};

/// Where the API server is, and what it may be told about us.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Access {
    /// By the service account of the pod that this runs in.
    InCluster,
    /// By a kubeconfig file.
    Kubeconfig {
        /// The file; `None` for `$KUBECONFIG` or `~/.kube/config`.
        path: Option<PathBuf>,
        /// The context in it; `None` for its current one.
        context: Option<String>,
    },
}

/// The API server can't even be asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct AccessError(String);

/// Makes clients, and makes them again when their credentials are no longer good.
#[derive(Debug)]
pub(crate) struct Door {
    access: Access,
    open: Mutex<Entry>,
    /// When credentials were last read again.
    renewed: Mutex<Option<Instant>>,
    /// Not more often than this.
    gap: Duration,
}

/// A client, and which one it is.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) client: Client,
    pub(crate) number: u64,
}

// === impl Access ===

impl Access {
    async fn config(&self) -> Result<Config, AccessError> {
        let mut config = match self {
            Self::InCluster => {
                Config::incluster().map_err(|error| AccessError::new("not in a cluster", &error))?
            }
            Self::Kubeconfig { path, context } => {
                let file = match path {
                    Some(path) => Kubeconfig::read_from(path),
                    None => Kubeconfig::read(),
                };
                let file = file.map_err(|error| AccessError::new("no kubeconfig", &error))?;
                let options = KubeConfigOptions { context: context.clone(), ..Default::default() };
                Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|error| AccessError::new("the kubeconfig is of no use", &error))?
            }
        };
        // We wait as long as the server asks.
        config.default_retry = false;
        Ok(config)
    }

    pub(crate) async fn client(&self) -> Result<Client, AccessError> {
        let config = self.config().await?;
        Client::try_from(config).map_err(|error| AccessError::new("no client", &error))
    }
}

// === impl AccessError ===

impl AccessError {
    /// `what`, and all that the error says of its causes.
    fn new(what: &str, error: &dyn std::error::Error) -> Self {
        Self(format!("{what}: {}", crate::watch::causes(error)))
    }
}

// === impl Door ===

impl Door {
    /// A door that opens.
    ///
    /// # Errors
    /// When there is no kubeconfig, no service account, no such context.
    pub(crate) async fn open(access: Access, gap: Duration) -> Result<Self, AccessError> {
        let entry = Entry { client: access.client().await?, number: 0 };
        Ok(Self { access, open: Mutex::new(entry), renewed: Mutex::default(), gap })
    }

    /// A client.
    pub(crate) async fn client(&self) -> Entry {
        self.open.lock().await.clone()
    }

    /// The credentials of client `number` are no longer good: they are read again by the first who
    /// says so, and not too often (a plugin may be run for it). Whether they were.
    ///
    /// # Errors
    /// When they can't be read; the old ones stay.
    pub(crate) async fn renew(&self, number: u64) -> Result<bool, AccessError> {
        let mut open = self.open.lock().await;
        if open.number != number {
            return Ok(false);
        }
        let mut renewed = self.renewed.lock().await;
        if renewed.is_some_and(|at| at.elapsed() < self.gap) {
            return Ok(false);
        }
        *renewed = Some(Instant::now());
        let client = self.access.client().await?;
        *open = Entry { client, number: number + 1 };
        Ok(true)
    }
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "client {}", self.number)
    }
}
