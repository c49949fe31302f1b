//! A way to an engine's servers: its HTTP interface, asked from threads that may wait.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use crate::{
    answer::Answer,
    connector::connector,
    place::{Flaw, Place},
};

/// A client of all servers of a place.
pub(crate) struct Door {
    pub(crate) place: Place,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// The server that answered last.
    last: AtomicUsize,
    /// Drives connections; taken out at the end alone.
    runtime: Option<Runtime>,
}

/// Why an engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The name of the engine is wrong.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// It can't be reached, or the connection broke.
    #[error("{host}: {why}")]
    Unreachable {
        /// Which server.
        host: String,
        /// What happened.
        why: String,
    },
    /// It says no.
    #[error("{host}: {message}")]
    Refused {
        /// Which server.
        host: String,
        /// What it says.
        message: String,
        /// The status of its answer.
        status: u16,
    },
    /// It is too old, or its tables are of a version that is not known here.
    #[error("{0}")]
    Unfit(String),
    /// Its answer is not what was asked for.
    #[error("{host}: an answer that can't be read")]
    Unreadable {
        /// Which server.
        host: String,
    },
    /// Whoever asked said to stop.
    #[error("stopped")]
    Stopped,
    /// Certificates, or what is needed for a client, can't be had.
    #[error("{0}")]
    Client(String),
}

/// How long a server may take to begin its answer, for what is done quickly.
const ANSWER: Duration = Duration::from_secs(60);
/// Bytes of what a server says of a fault.
const FAULT_BYTES_MAX: usize = 4096;

// === impl Refusal ===

impl Refusal {
    /// Whether a server understood what it was to do, and the data is what it does not take: not its tables, rights
    /// or load (RFC 9110 §15.5).
    pub(crate) fn is_of_data(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 413 | 422, .. })
    }
}

// === impl Door ===

impl Door {
    /// A client; nothing is asked yet.
    pub(crate) fn new(place: Place) -> Result<Self, Refusal> {
        let client_fault = |error: &dyn fmt::Display| Refusal::Client(error.to_string());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("warehouse")
            .enable_all()
            .build()
            .map_err(|error| client_fault(&error))?;
        let connector = connector(place.authority.as_deref()).map_err(Refusal::Client)?;
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(2))
            .build(connector);
        Ok(Self { place, client, last: AtomicUsize::new(0), runtime: Some(runtime) })
    }

    /// Runs something on the thread of the connections.
    pub(crate) fn runtime(&self) -> &Runtime {
        // It is there as long as the door is.
        self.runtime.as_ref().unwrap_or_else(|| unreachable!("taken out when dropped alone"))
    }

    /// The number of servers.
    pub(crate) fn servers(&self) -> usize {
        self.place.hosts.len()
    }

    /// Servers in the order in which they are to be tried: first the one that answered last.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, len) = (self.last.load(Ordering::Relaxed), self.servers());
        (0..len).map(move |step| (first + step) % len)
    }

    /// Says this server answers.
    pub(crate) fn answered(&self, server: usize) {
        self.last.store(server, Ordering::Relaxed);
    }

    /// Has a server do something, and waits until it is done; what it says.
    pub(crate) fn tell(&self, server: usize, sql: &str) -> Result<String, Refusal> {
        self.runtime().block_on(self.say(server, "", Bytes::from(sql.to_owned())))
    }

    /// The same, with its data behind the question.
    pub(crate) fn give(
        &self,
        server: usize,
        sql: &str,
        settings: &str,
        data: Bytes,
    ) -> Result<(), Refusal> {
        let query = format!("?query={}{settings}", utf8_percent_encode(sql, NON_ALPHANUMERIC));
        self.runtime().block_on(self.say(server, &query, data)).map(drop)
    }

    /// What any of the servers answers, as it comes.
    pub(crate) fn ask(&self, sql: &str, stop: &store::Stop) -> Result<Answer<'_>, Refusal> {
        let mut refusal = Refusal::Stopped;
        for server in self.in_turn() {
            if stop.is_due() {
                return Err(Refusal::Stopped);
            }
            let body = Bytes::from(sql.to_owned());
            match self.runtime().block_on(self.begin(server, "", body, Some(stop))) {
                Ok(response) => {
                    self.answered(server);
                    let host = self.host(server);
                    return Ok(Answer::new(self.runtime(), response.into_body(), host));
                }
                Err(unreachable @ Refusal::Unreachable { .. }) => refusal = unreachable,
                Err(refusal) => return Err(refusal),
            }
        }
        Err(refusal)
    }

    pub(crate) async fn say(
        &self,
        server: usize,
        query: &str,
        body: Bytes,
    ) -> Result<String, Refusal> {
        let response = self.begin(server, query, body, None).await?;
        let whole = timeout(ANSWER, response.into_body().collect()).await;
        let whole = whole.map_err(|_| self.unreachable(server, "no answer in time"))?;
        let whole = whole.map_err(|error| self.unreachable(server, error))?;
        Ok(String::from_utf8_lossy(&whole.to_bytes()).into_owned())
    }

    /// The head of an answer that says yes.
    async fn begin(
        &self,
        server: usize,
        query: &str,
        body: Bytes,
        stop: Option<&store::Stop>,
    ) -> Result<Response<Incoming>, Refusal> {
        let scheme = if self.place.is_encrypted { "https" } else { "http" };
        let host = self.host(server);
        let mut request = Request::post(format!("{scheme}://{host}/{query}"))
            .header(CONTENT_TYPE, "application/octet-stream");
        if !self.place.user.is_empty() {
            request = request
                .header("X-ClickHouse-User", &self.place.user)
                .header("X-ClickHouse-Key", self.place.password());
        }
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| self.unreachable(server, error))?;
        let asking = self.client.request(request);
        let response = match stop {
            None => timeout(ANSWER, asking).await.map_err(|_| "no answer in time".to_owned()),
            Some(stop) => Ok(until(asking, stop).await.ok_or(Refusal::Stopped)?),
        };
        let response = match response {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.unreachable(server, deepest(&error))),
            Err(why) => return Err(self.unreachable(server, why)),
        };
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), FAULT_BYTES_MAX);
        let said = timeout(ANSWER, body.collect()).await.ok().and_then(Result::ok);
        let said = said.map(|said| said.to_bytes()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let first: String = said.lines().next().unwrap_or_default().chars().take(500).collect();
        let message = if first.is_empty() { status.to_string() } else { first };
        Err(Refusal::Refused { host: host.to_owned(), message, status: status.as_u16() })
    }

    pub(crate) fn host(&self, server: usize) -> &str {
        self.place.hosts.get(server).map_or("", String::as_str)
    }

    fn unreachable(&self, server: usize, why: impl fmt::Display) -> Refusal {
        Refusal::Unreachable { host: self.host(server).to_owned(), why: why.to_string() }
    }
}

/// How often somebody who may have gone is looked for.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// What comes of it, unless it is to be stopped before.
pub(crate) async fn until<T>(work: impl Future<Output = T>, stop: &store::Stop) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = timeout(LOOK, &mut work).await {
            return Some(done);
        }
        if stop.is_due() {
            return None;
        }
    }
}

/// The fault that all others come from: that a connection was refused, not that a client failed.
pub fn deepest(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // May be dropped where nobody may wait.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.place)
    }
}
