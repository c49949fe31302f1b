//! Sends calls as spans to a collector of OpenTelemetry, as they come.

mod collector;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use store::{Event, Row};
use tokio::time::{Instant, timeout_at};

pub use self::collector::{Collector, Speaks};
use self::collector::{Given, Way};
use crate::{
    Role, Who,
    call::{Whole, value},
    state::Api,
};

/// Calls that are sent together.
const BATCH: usize = 512;
/// How long the first of them waits for others.
const WAIT: Duration = Duration::from_secs(1);
/// How often a batch is tried; calls that come meanwhile wait in the tail, which is bounded.
const TRIES: u32 = 4;

/// What became of spans.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) spans: AtomicU64,
    pub(crate) lost: AtomicU64,
    /// Those that were not taken yet.
    waiting: AtomicU64,
    /// Where they go, and why the last batch was not taken at once.
    about: Mutex<(String, String)>,
}

// === impl Sent ===

impl Sent {
    /// As the health tells it, if spans go anywhere.
    pub(crate) fn told(&self) -> Option<Value> {
        let (to, fault) = self.about.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (!to.is_empty()).then(|| {
            json!({ "name": "otlp", "to": to, "sent": count(&self.spans),
                "waiting": count(&self.waiting), "lost": count(&self.lost),
                "fault": (!fault.is_empty()).then_some(fault) })
        })
    }

    fn at_fault(&self, fault: String) {
        self.about.lock().unwrap_or_else(PoisonError::into_inner).1 = fault;
    }
}

// === impl Api ===

impl Api {
    /// Sends calls from now on to `collector`, for ever.
    ///
    /// # Errors
    /// When there can be no way to it; in one line.
    pub fn send_spans(
        self: &Arc<Self>,
        collector: &Collector,
    ) -> Result<impl Future<Output = ()> + Send + 'static, String> {
        let (way, name) = Way::to(collector)?;
        self.sent.about.lock().unwrap_or_else(PoisonError::into_inner).0 = name;
        let (tail, sent) = (self.source.by(&Who::of(Role::Viewer)).tail(None), self.sent.clone());
        Ok(send(tail, way, sent))
    }
}

async fn send(mut tail: store::Tail, way: Way, sent: Arc<Sent>) {
    loop {
        let mut calls = Vec::new();
        match tail.next().await {
            None => return,
            Some(event) => gather(&event, &mut calls, &sent),
        }
        let until = Instant::now() + WAIT;
        while calls.len() < BATCH {
            match timeout_at(until, tail.next()).await {
                Ok(Some(event)) => gather(&event, &mut calls, &sent),
                Ok(None) | Err(_) => break,
            }
        }
        for calls in calls.chunks(BATCH) {
            let count = calls.len() as u64;
            let lost = deliver(&way, &export::spans(calls), &sent).await.unwrap_or(count);
            sent.spans.fetch_add(count.saturating_sub(lost), Ordering::Relaxed);
            sent.lost.fetch_add(lost.min(count), Ordering::Relaxed);
            sent.waiting.fetch_sub(count, Ordering::Relaxed);
        }
    }
}

fn gather(event: &Event, calls: &mut Vec<(Value, String)>, sent: &Sent) {
    match event {
        Event::Missed(count) => drop(sent.lost.fetch_add(*count, Ordering::Relaxed)),
        Event::Calls(rows) => {
            let ended = rows.iter().filter(|row| !row.is_open());
            let before = calls.len();
            calls.extend(ended.map(|row| (value(row, Whole::All, Role::Viewer), name(row))));
            sent.waiting.fetch_add((calls.len() - before) as u64, Ordering::Relaxed);
        }
    }
}

/// The method and the template of the endpoint: few different ones.
fn name(row: &Row) -> String {
    let parts = [row.method(), row.endpoint_template()];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { row.protocol().into_owned() } else { parts.join(" ") }
}

/// Tries a few times, waiting longer each time; what the collector refuses is not sent again. How many
/// of them it did not want; none where it took none.
async fn deliver(way: &Way, spans: &export::Spans, sent: &Sent) -> Option<u64> {
    for attempt in 0..TRIES {
        match way.give(spans).await {
            Given::Taken(rejected, why) => {
                sent.at_fault(why);
                return Some(rejected);
            }
            Given::Refused(why) => {
                sent.at_fault(why);
                return None;
            }
            Given::Later(why) => sent.at_fault(why),
        }
        tokio::time::sleep(Duration::from_millis(500 << attempt)).await;
    }
    None
}
