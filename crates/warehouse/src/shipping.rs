//! Sends sealed files as they are: a file of the store is an object. Its name has its content in it, so that one
//! that is sent again is the same object.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, path::Path};
use store::{Outbox, Sealed, Store};
use tokio::runtime::{Builder, Runtime};

use crate::{
    bucket::{Bucket, told},
    door::Refusal,
    place::fnv,
    sending::{GATHER, Pace},
};

/// What the thread has.
pub(crate) struct Shipper {
    store: Arc<Store>,
    to: Arc<dyn ObjectStore>,
    prefix: String,
    every: Duration,
    outbox: Outbox,
    pace: Pace,
    /// Drives connections, while something is sent.
    runtime: Runtime,
    /// Since when calls wait that are in no file.
    since: Option<Instant>,
    is_sealed: bool,
}

// === impl Shipper ===

impl Shipper {
    pub(crate) fn new(
        store: Arc<Store>,
        bucket: &Bucket,
        outbox: Outbox,
        pace: Pace,
    ) -> Result<Self, Refusal> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Refusal::Client(error.to_string()))?;
        Ok(Self {
            store,
            to: bucket.open()?,
            prefix: bucket.prefix.clone(),
            every: bucket.every,
            outbox,
            pace,
            runtime,
            since: None,
            is_sealed: false,
        })
    }

    pub(crate) fn run(&mut self) {
        loop {
            let Some(file) = self.outbox.next_file() else {
                self.pace.sent.count(&self.outbox);
                if self.outbox.waiting() == 0 || self.is_sealed {
                    // What can't be sealed stays in the store's log.
                    if self.pace.is_ending() {
                        return;
                    }
                    self.since = None;
                }
                self.seal_if_due();
                continue;
            };
            self.since = None;
            match self.send(&file) {
                Ok(()) => {
                    self.outbox.sent();
                    self.pace.succeed(file.calls, &self.outbox);
                }
                Err(why) => self.pace.fail(&why, &self.outbox),
            }
        }
    }

    /// Has calls that wait for long put into a file; else waits for others.
    fn seal_if_due(&mut self) {
        let is_ending = self.pace.is_ending();
        let waits = self.outbox.waiting() > 0;
        if waits && self.since.is_none() {
            self.since = Some(Instant::now());
        }
        let is_due = self.since.is_some_and(|since| since.elapsed() >= self.every);
        if !is_due && !is_ending {
            self.pace.wait(GATHER.min(self.every));
            return;
        }
        self.since = None;
        self.is_sealed = is_ending;
        if let Err(error) = self.store.seal() {
            self.pace.fail(&error.to_string(), &self.outbox);
        }
    }

    fn send(&self, file: &Sealed) -> Result<(), String> {
        let path = Path::parse(self.name(file)).map_err(|error| error.to_string())?;
        let payload = PutPayload::from(file.bytes.clone());
        let put = self.runtime.block_on(self.to.put(&path, payload));
        put.map(drop).map_err(|error| told(&error))
    }

    /// `prefix/2026/01/29/calls-…-9f3a01c2b4d5e6f7.parquet`: in the folder of the day that its first call began on.
    /// Files of two stores may have the same numbers, and never the same content.
    fn name(&self, file: &Sealed) -> String {
        let moment = store::moment(file.from_ns);
        let day = moment.get(..10).unwrap_or_default().replace('-', "/");
        let stem = file.name.trim_end_matches(".parquet");
        let name = format!("{day}/{stem}-{:016x}.parquet", fnv(&file.bytes));
        if self.prefix.is_empty() { name } else { format!("{}/{name}", self.prefix) }
    }
}
