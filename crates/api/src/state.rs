//! What all routes share.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
};

use filter::Columns;
use model::Protocol;
use store::{Source, Store};
use tokio::sync::Semaphore;

use crate::{
    Fault, Finished, Import, Imports, Intake, Settings, metrics::Metrics, seen::Calls, tail::Hub,
};

/// Reads a capture into the store; blocks until it is read. Comes from the command line, which knows
/// how captures become calls.
pub type Reading = Arc<dyn Fn(&Import, &Intake) -> Finished + Send + Sync>;

/// A server, without its listener.
pub struct Api {
    /// Answers questions, to somebody.
    pub(crate) source: Arc<Calls>,
    pub(crate) columns: Arc<Columns>,
    pub(crate) protocols: &'static [&'static Protocol],
    pub(crate) imports: Imports,
    pub(crate) intake: Arc<Intake>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) hub: Hub,
    pub(crate) settings: Settings,
    pub(crate) queries: Arc<Semaphore>,
    pub(crate) uploads: Arc<crate::upload::Uploads>,
    pub(crate) sent: Arc<crate::otlp::Sent>,
    jobs: mpsc::Sender<Arc<Import>>,
}

// === impl Api ===

impl Api {
    /// A server that asks `source`, and keeps what it takes in in `store`, if it takes anything in;
    /// `reading` reads what is imported, one after the other, on a thread of its own.
    ///
    /// # Errors
    /// When the thread can't be started.
    pub fn new(
        source: Arc<dyn Source>,
        store: Option<Arc<Store>>,
        columns: Arc<Columns>,
        protocols: &'static [&'static Protocol],
        imports: Imports,
        settings: Settings,
        reading: Reading,
    ) -> std::io::Result<Arc<Self>> {
        let metrics = Arc::new(Metrics::new());
        let intake = Arc::new(Intake::new(store, metrics.clone(), settings.mask.clone()));
        let (jobs, waiting) = mpsc::channel::<Arc<Import>>();
        let into = intake.clone();
        thread::Builder::new().name("imports".into()).spawn(move || {
            // Ends when the server is gone, and with it the sender.
            for import in waiting {
                import.begin();
                let finished = reading(&import, &into);
                import.end(finished);
            }
        })?;
        let source = Arc::new(Calls::new(source, columns.clone()));
        Ok(Arc::new(Self {
            hub: Hub::new(source.clone(), columns.clone(), settings.limits.tails),
            queries: Arc::new(Semaphore::new(settings.limits.queries.max(1))),
            uploads: Arc::new(crate::upload::Uploads::new(&settings)),
            sent: Arc::default(),
            source,
            columns,
            protocols,
            imports,
            intake,
            metrics,
            settings,
            jobs,
        }))
    }

    /// Reads these captures, when those before are read.
    ///
    /// # Errors
    /// When too many wait already.
    pub fn import(&self, name: &str, inputs: Vec<PathBuf>) -> Result<Arc<Import>, Fault> {
        let import = self
            .imports
            .add(name, inputs, false)
            .ok_or_else(|| Fault::busy("too many imports wait already"))?;
        self.jobs.send(import.clone()).map_err(|_| Fault::busy("the server is stopping"))?;
        Ok(import)
    }

    /// A live capture, whose calls somebody else puts into the [`intake`](Self::intake).
    ///
    /// # Errors
    /// When too many imports wait already.
    pub fn live(&self, name: &str, inputs: Vec<PathBuf>) -> Result<Arc<Import>, Fault> {
        let import = self
            .imports
            .add(name, inputs, true)
            .ok_or_else(|| Fault::busy("too many imports wait already"))?;
        import.begin();
        Ok(import)
    }

    /// The way into the store.
    #[must_use]
    pub fn intake(&self) -> Arc<Intake> {
        self.intake.clone()
    }

    /// All imports, oldest first.
    #[must_use]
    pub fn imports(&self) -> Vec<Arc<Import>> {
        self.imports.all()
    }
}
