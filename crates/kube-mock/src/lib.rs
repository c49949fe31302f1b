//! An API server of Kubernetes for tests: it lists, watches, makes and deletes, and fails as told.
//!
//! It is no cluster: nothing in it acts by itself, unless [`Habits::machines`] says that workloads run. Objects are put in and taken out; who lists and
//! watches gets them in the forms of a real API server, bookmarks, streaming lists, pages and
//! metadata-only forms included, or the [`Fault`] that was put in the way.

mod fault;
mod objects;
mod recording;
mod serve;
mod status;
mod store;
mod watch;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::{sync::watch as signal, task::JoinHandle};

use crate::{fault::Planned, store::Store};
pub use crate::{
    fault::{Fault, Verb},
    recording::{Recording, Step},
};

/// An API server. Ends when dropped.
#[derive(Debug)]
pub struct Mock {
    state: Arc<State>,
    place: SocketAddr,
    task: JoinHandle<()>,
}

/// A request that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// `pods`, `services`, ….
    pub plural: String,
    /// The namespace, where only one was asked for.
    pub namespace: Option<String>,
    /// What was asked for.
    pub verb: Verb,
    /// The forms that were asked for.
    pub accept: String,
    /// When, since the server began.
    pub at: Duration,
}

/// An object that was to be made, changed or deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Written {
    /// `create`, `patch`, `delete`.
    pub verb: String,
    /// `Pod`, ….
    pub kind: String,
    /// Its namespace; empty where it has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Who may ask (`Authorization: Bearer …`); `None` for everybody.
    pub tokens: Option<Vec<String>>,
    /// Whether it has streaming lists.
    pub has_streams: bool,
    /// Whether a resource version that is too old is refused with status 410; else the watch begins
    /// and its first event says so.
    pub gone_by_status: bool,
    /// How often watches get a bookmark.
    pub bookmark: Duration,
    /// About how many changes of a kind are remembered.
    pub log: usize,
    /// Which version it has.
    pub version: String,
    /// What nobody may do: verbs and kinds as they stand in paths (`list`, `pods`), `*` for any.
    pub forbidden: Vec<(String, String)>,
    /// The same of one user: the name, the verb, the kind.
    pub users_forbidden: Vec<(String, String, String)>,
    /// Deployments and DaemonSets that are applied are ready at once, on so many machines; else nothing becomes
    /// of them.
    pub machines: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct State {
    inner: Mutex<Inner>,
    /// The version, for watches to wait on.
    changed: signal::Sender<u64>,
    begun: tokio::time::Instant,
    sent: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) habits: Habits,
    pub(crate) planned: Vec<Planned>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) written: Vec<Written>,
    pub(crate) owners: HashMap<(String, String, String), objects::Owners>,
    pub(crate) open: usize,
}

// === impl Mock ===

impl Mock {
    /// A server without objects, on a free port of this machine.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let place = listener.local_addr().expect("a port of its own");
        let inner = Inner {
            store: Store::default(),
            habits: Habits::default(),
            planned: Vec::new(),
            asked: Vec::new(),
            written: Vec::new(),
            owners: HashMap::new(),
            open: 0,
        };
        let state = Arc::new(State {
            inner: Mutex::new(inner),
            changed: signal::channel(0).0,
            begun: tokio::time::Instant::now(),
            sent: AtomicU64::new(0),
        });
        let task = tokio::spawn(serve::serve(listener, state.clone()));
        Self { state, place, task }
    }

    /// Where it is: `http://127.0.0.1:…`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.place)
    }

    /// A kubeconfig that leads to it, with the token in the file `token` if there is one.
    #[must_use]
    pub fn kubeconfig(&self, token: Option<&str>) -> String {
        let user = token.map_or_else(|| "{}".to_owned(), |path| format!("{{tokenFile: {path}}}"));
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n\
             clusters:\n- {{name: mock, cluster: {{server: \"{}\"}}}}\n\
             - {{name: nowhere, cluster: {{server: \"http://127.0.0.1:1\"}}}}\n\
             users:\n- {{name: we, user: {user}}}\n\
             contexts:\n- {{name: mock, context: {{cluster: mock, user: we}}}}\n\
             - {{name: nowhere, context: {{cluster: nowhere, user: we}}}}\n",
            self.url()
        )
    }

    // --- objects ---

    /// Makes or changes an object, which says what it is (`kind`, `apiVersion`, `metadata`).
    pub fn apply(&self, object: Value) {
        self.change(|inner| inner.store.apply(object, inner.habits.log));
    }

    /// Takes an object away. Whether it was there.
    #[must_use]
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.change(|inner| inner.store.delete(kind, namespace, name))
    }

    /// Does a recorded step, with the resource version that it had.
    pub fn play(&self, step: &Step) {
        self.change(|inner| inner.store.play(step));
    }

    /// All objects, as `kubectl get -o json` shows them.
    #[must_use]
    pub fn truth(&self) -> Value {
        self.state.lock().store.truth()
    }

    /// Forgets what happened: versions up to now are too old to go on from, and so are pages.
    pub fn compact(&self) {
        self.change(|inner| inner.store.compact());
    }

    // --- faults ---

    /// The next request of this kind meets a fault; faults for the same wait in line. `plural` is
    /// empty for any.
    pub fn plan(&self, plural: &str, verb: Option<Verb>, fault: Fault) {
        let planned = Planned { plural: plural.to_owned(), verb, fault };
        self.state.lock().planned.push(planned);
    }

    /// Faults that nobody has met yet.
    #[must_use]
    pub fn planned(&self) -> usize {
        self.state.lock().planned.len()
    }

    /// Changes how it behaves.
    pub fn behave(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.state.lock().habits);
    }

    // --- what was asked ---

    /// Every request so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().asked.clone()
    }

    /// Watches open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.state.lock().open
    }

    /// Bytes of lists and watches handed out, without heads.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let (done, version) = {
            let mut inner = self.state.lock();
            let done = change(&mut inner);
            (done, inner.store.version())
        };
        self.state.changed.send_replace(version);
        done
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl State ===

impl State {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that something changed.
    pub(crate) fn wake(&self, version: u64) {
        self.changed.send_replace(version);
    }

    /// Counts bytes that are handed out.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Wakes when something changes.
    pub(crate) fn changes(&self) -> signal::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn since_begin(&self) -> Duration {
        self.begun.elapsed()
    }
}

// === impl Habits ===

impl Default for Habits {
    fn default() -> Self {
        Self {
            tokens: None,
            has_streams: true,
            gone_by_status: false,
            bookmark: Duration::from_millis(200),
            log: usize::MAX,
            version: "v1.33.1".to_owned(),
            forbidden: Vec::new(),
            users_forbidden: Vec::new(),
            machines: None,
        }
    }
}
