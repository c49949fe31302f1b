//! Sends calls as spans to a collector of OpenTelemetry (OTLP over HTTP, in protobuf), as they come.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, Uri, header},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use store::{Event, Row};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    Role,
    call::{Whole, value},
    state::Api,
};

/// Calls that are sent together.
const BATCH: usize = 512;
/// How long the first of them waits for others.
const WAIT: Duration = Duration::from_secs(1);
/// How long a collector may take.
const ANSWER: Duration = Duration::from_secs(10);
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
    /// Sends calls from now on to the collector at `endpoint` (`http://collector:4318`), for ever.
    ///
    /// # Errors
    /// When it is not the URL of a collector.
    pub fn send_spans(
        self: &Arc<Self>,
        endpoint: &str,
    ) -> Result<impl Future<Output = ()> + Send + 'static, String> {
        let flaw = || format!("{endpoint}: a collector is named like http://127.0.0.1:4318");
        if !endpoint.starts_with("http://") {
            return Err(flaw());
        }
        let path = if endpoint.ends_with("/v1/traces") { "" } else { "/v1/traces" };
        let uri: Uri =
            format!("{}{path}", endpoint.trim_end_matches('/')).parse().map_err(|_| flaw())?;
        self.sent.about.lock().unwrap_or_else(PoisonError::into_inner).0 = uri.to_string();
        let (tail, sent) = (self.source.tail(None), self.sent.clone());
        Ok(send(tail, uri, sent))
    }
}

async fn send(mut tail: store::Tail, uri: Uri, sent: Arc<Sent>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
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
            let bytes = export::otlp(calls);
            let count = calls.len() as u64;
            let is_sent = deliver(&client, &uri, bytes, &sent).await;
            let told = if is_sent { &sent.spans } else { &sent.lost };
            told.fetch_add(count, Ordering::Relaxed);
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

/// Tries a few times, waiting longer each time (the protocol's §Failures); what the collector refuses
/// is not sent again.
async fn deliver(
    client: &Client<HttpConnector, Body>,
    uri: &Uri,
    bytes: Vec<u8>,
    sent: &Sent,
) -> bool {
    for attempt in 0..TRIES {
        let request = Request::post(uri.clone())
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .body(Body::from(bytes.clone()));
        let Ok(request) = request else { return false };
        match timeout(ANSWER, client.request(request)).await {
            Ok(Ok(response)) => {
                let status = response.status();
                if status.is_success() {
                    sent.at_fault(String::new());
                    return true;
                }
                sent.at_fault(format!("it answered {status}"));
                if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
                    return false;
                }
            }
            Ok(Err(error)) => sent.at_fault(format!("can't be reached: {error}")),
            Err(_) => sent.at_fault(format!("no answer in {} s", ANSWER.as_secs())),
        }
        tokio::time::sleep(Duration::from_millis(500 << attempt)).await;
    }
    false
}
