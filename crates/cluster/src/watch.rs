//! A cluster as it changes: lists and watches of the Kubernetes API, as events for the directory.
//!
//! For every kind one task asks for all there are and then for what changes, and begins again where
//! it can't go on without missing something. What it tells goes into a bounded channel: when nobody
//! takes it, nothing more is read from the API server. `docs/KUBERNETES.md` says what is asked, and
//! what for.

mod access;
mod answer;
mod backoff;
mod counts;
mod fail;
mod follow;
mod listing;
mod log;
mod resource;
mod versions;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use identity::{Event, Troubles};
use model::Timestamp;
use tokio::{
    sync::mpsc::{Receiver, channel},
    task::JoinSet,
};

pub(crate) use self::fail::causes;
use self::{access::Door, counts::Counts, follow::Follower, resource::Place};
pub use self::{
    access::{Access, AccessError},
    counts::Load,
    resource::Resource,
};

/// How a cluster is followed.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// How to reach the API server.
    pub access: Access,
    /// Only these namespaces, and nothing that has none (nodes); empty for all.
    pub namespaces: Vec<String>,
    /// What is watched.
    pub resources: Vec<Resource>,
    /// The address space that events are told of.
    pub scope: u16,
    /// Whether each event comes with its line of the identity log.
    pub has_lines: bool,
    /// How long things take.
    pub timing: Timing,
    /// How large things get.
    pub bounds: Bounds,
    /// Decides about waits, within their bounds.
    pub seed: u64,
}

/// How long things take when following a cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// The head of an answer takes no longer.
    pub answer: Duration,
    /// A list's next bytes, or a watch's, take no longer; the API server sends a bookmark a minute.
    pub quiet: Duration,
    /// The API server is asked to end watches after this: whole seconds.
    pub watch: Duration,
    /// The first wait after a failure.
    pub wait_first: Duration,
    /// No wait of ours is longer.
    pub wait_max: Duration,
    /// No wait that the API server asks for is longer.
    pub wait_asked_max: Duration,
    /// What lasted this long works: the next failure is a first one. Credentials are not read again
    /// more often.
    pub steady: Duration,
}

/// How large things get when following a cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Larger objects are passed over, bytes.
    pub object_bytes: usize,
    /// An answer that brings nothing for this many bytes is given up.
    pub skipped_bytes: u64,
    /// Objects of a kind; a longer list is used, but not taken for all there are.
    pub objects: usize,
    /// The same in bytes of memory, about.
    pub list_bytes: usize,
    /// Objects a page of a list.
    pub page: u32,
    /// Events that wait for being taken.
    pub events: usize,
}

/// What a watch told.
#[derive(Clone, Debug)]
pub struct Told {
    /// For the directory.
    pub event: Event,
    /// For the identity log, without the line's end; only where asked for.
    pub line: Option<String>,
}

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A cluster that is being followed. Ends when dropped.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    watches: usize,
}

/// What all tasks share.
pub(crate) struct Shared {
    pub(crate) door: Door,
    pub(crate) options: WatchOptions,
    pub(crate) clock: Clock,
    pub(crate) counts: Arc<Counts>,
    pub(crate) troubles: Mutex<Troubles>,
}

// === impl WatchOptions ===

impl WatchOptions {
    /// All of a cluster.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self {
            access,
            namespaces: Vec::new(),
            resources: Resource::usual().collect(),
            scope: 0,
            has_lines: false,
            timing: Timing::default(),
            bounds: Bounds::default(),
            seed: 0,
        }
    }

    /// Every kind in every namespace that is asked for.
    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for resource in &self.resources {
            let resource = resource.clone();
            if self.namespaces.is_empty() {
                places.push(Place { resource, namespace: None });
            } else if resource.is_namespaced {
                places.extend(self.namespaces.iter().map(|namespace| Place {
                    resource: resource.clone(),
                    namespace: Some(namespace.clone()),
                }));
            }
        }
        places
    }
}

// === impl Timing ===

impl Default for Timing {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(60),
            quiet: Duration::from_secs(150),
            watch: Duration::from_secs(300),
            wait_first: Duration::from_millis(500),
            wait_max: Duration::from_secs(60),
            wait_asked_max: Duration::from_secs(600),
            steady: Duration::from_secs(10),
        }
    }
}

// === impl Bounds ===

impl Default for Bounds {
    fn default() -> Self {
        Self {
            // etcd refuses more than 1.5 MB, the API server more than 3 MB.
            object_bytes: 8 << 20,
            skipped_bytes: 64 << 20,
            objects: 1_000_000,
            list_bytes: 4 << 30,
            page: 500,
            events: 1024,
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Begins to follow a cluster, on the Tokio runtime that this is called on. `clock` dates what
    /// is told.
    ///
    /// # Errors
    /// When it isn't known how to reach the API server. What goes wrong later is counted, and tried
    /// again.
    pub async fn start(
        options: WatchOptions,
        clock: Clock,
    ) -> Result<(Self, Receiver<Told>), AccessError> {
        let (out, told) = channel(options.bounds.events.max(1));
        let shared = Arc::new(Shared {
            door: Door::open(options.access.clone(), options.timing.steady).await?,
            options,
            clock,
            counts: Arc::default(),
            troubles: Mutex::default(),
        });
        let places = shared.options.places();
        let mut watch = Self { shared, tasks: JoinSet::new(), watches: places.len() };
        for (number, place) in (0..).zip(places) {
            let follower = Follower::new(watch.shared.clone(), place, number, out.clone());
            watch.tasks.spawn(follower.run());
        }
        Ok((watch, told))
    }

    /// What it cost so far.
    #[must_use]
    pub fn load(&self) -> Load {
        self.shared.counts.load()
    }

    /// How many kinds are followed, each namespace counted.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.watches
    }

    /// Whether all there was has been told once, and nothing has to be listed again.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        u64::try_from(self.watches).is_ok_and(|watches| watches == self.load().listed)
    }

    /// What was wrong so far.
    #[must_use]
    pub fn troubles(&self) -> Troubles {
        self.shared.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

// === impl Shared ===

impl Shared {
    pub(crate) fn note(&self, what: &'static str, sample: impl FnOnce() -> String) {
        self.with_troubles(|troubles| troubles.note(what, sample));
    }

    pub(crate) fn with_troubles<T>(&self, with: impl FnOnce(&mut Troubles) -> T) -> T {
        with(&mut self.troubles.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}
