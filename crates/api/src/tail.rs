//! The live tail: calls as they come, as server-sent events (HTML Living Standard §9.2).
//!
//! Readers with the same expression share one evaluation and one text. Each has its own place in a
//! queue that is bounded and shared; who is too far behind is told how many calls he missed, and slows
//! nobody.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use filter::{Columns, Condition};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use store::Event;
use tokio::{
    sync::broadcast::{Receiver, Sender, channel, error::RecvError},
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{
    Fault, Role, Who,
    call::{Whole, told},
    calls::typed,
    fault::{Answer, ErrorBody},
    params::{Asked, compile},
    seen::Calls,
    state::Api,
};

/// Pieces that a reader may be behind.
const BEHIND_MAX: usize = 64;
/// Bytes of a piece at most; more calls at once become several pieces.
const PIECE_BYTES_MAX: usize = 64 << 10;
/// Different expressions that are listened to at the same time.
const WAYS_MAX: usize = 256;
/// How often a reader is told of losses, and that we are still there.
const HEALTH_EVERY: Duration = Duration::from_secs(5);

/// Hands pieces of events to readers.
pub(crate) struct Hub {
    source: Arc<Calls>,
    columns: Arc<Columns>,
    ways: Mutex<HashMap<String, Weak<Way>>>,
    readers: Arc<AtomicUsize>,
    readers_max: usize,
    /// Calls that readers missed.
    pub(crate) missed: Arc<AtomicU64>,
}

/// What readers of one expression share.
struct Way {
    send: Sender<Arc<Piece>>,
    task: tokio::task::AbortHandle,
}

/// Some events, as they are sent.
struct Piece {
    /// The number of its first call among all of this way.
    first: u64,
    calls: u64,
    text: Bytes,
}

/// A reader, as its stream sees it.
struct Reader {
    receive: Receiver<Arc<Piece>>,
    next: u64,
    /// A piece that came after others were missed.
    held: Option<Arc<Piece>>,
    ticks: Interval,
    health: String,
    api: Arc<Api>,
    who: Who,
    missed: Arc<AtomicU64>,
    /// Keeps the way open, and counts us.
    _way: Arc<Way>,
    _place: Place,
}

/// A place among the readers.
struct Place(Arc<AtomicUsize>);

/// Which calls.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TailAsked {
    /// An expression of the query language; all calls if absent.
    #[serde(rename = "where")]
    condition: Option<String>,
}

/// Calls from now on. Events: `call` (a summary), `missed` (how many were missed), `health` (losses).
#[utoipa::path(get, path = "/api/v1/tail", tag = "calls", params(TailAsked),
    responses((status = 200, description = "Server-sent events, without an end", content_type = "text/event-stream", body = String),
        (status = "4XX", description = "The question is wrong", body = ErrorBody)))]
pub(crate) async fn tail(
    State(api): State<Arc<Api>>,
    who: Who,
    Asked(asked): Asked<TailAsked>,
) -> Answer<Response> {
    let text = asked.condition.unwrap_or_default().trim().to_owned();
    let condition = compile(&api, &who, &text)?;
    let reader = api.hub.read(&api, who, condition)?;
    let events = stream::unfold(reader, async |mut reader| {
        let text = reader.next().await?;
        Some((Ok::<_, std::convert::Infallible>(text), reader))
    });
    let mut response = typed("text/event-stream", Body::from_stream(events.fuse()));
    // Proxies that gather answers would hold events back.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

// === impl Hub ===

impl Hub {
    pub(crate) fn new(source: Arc<Calls>, columns: Arc<Columns>, readers_max: usize) -> Self {
        Self {
            source,
            columns,
            ways: Mutex::default(),
            readers: Arc::default(),
            readers_max,
            missed: Arc::default(),
        }
    }

    /// Readers that are there.
    pub(crate) fn readers(&self) -> usize {
        self.readers.load(Ordering::Relaxed)
    }

    fn read(
        &self,
        api: &Arc<Api>,
        who: Who,
        condition: Option<Arc<Condition>>,
    ) -> Result<Reader, Fault> {
        let place = Place(self.readers.clone());
        if self.readers.fetch_add(1, Ordering::Relaxed) >= self.readers_max {
            return Err(Fault::busy("too many readers of the live tail"));
        }
        let way = self.way(&who, condition.as_ref())?;
        let mut ticks = interval(HEALTH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let receive = way.send.subscribe();
        let (api, missed) = (api.clone(), self.missed.clone());
        let health = String::new();
        Ok(Reader {
            receive,
            next: u64::MAX,
            held: None,
            ticks,
            health,
            api,
            who,
            missed,
            _way: way,
            _place: place,
        })
    }

    fn way(&self, who: &Who, condition: Option<&Arc<Condition>>) -> Result<Arc<Way>, Fault> {
        let seen = self.source.by(who);
        // Readers with the same rights and the same expression share one evaluation.
        let condition = seen.narrow(condition)?;
        let text = condition.as_ref().map_or("", |condition| condition.text()).to_owned();
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = ways.get(&text).and_then(Weak::upgrade) {
            return Ok(way);
        }
        ways.retain(|_, way| way.strong_count() > 0);
        if ways.len() >= WAYS_MAX {
            return Err(Fault::busy("too many different expressions are listened to"));
        }
        let send = channel(BEHIND_MAX).0;
        let tail = seen.tail(condition.as_ref());
        let listening = listen(tail, self.columns.clone(), condition, send.clone());
        let task = tokio::spawn(listening).abort_handle();
        let way = Arc::new(Way { send, task });
        ways.insert(text, Arc::downgrade(&way));
        Ok(way)
    }
}

/// Renders calls for the readers of one expression.
async fn listen(
    mut tail: store::Tail,
    columns: Arc<Columns>,
    condition: Option<Arc<Condition>>,
    send: Sender<Arc<Piece>>,
) {
    let mut number = 0;
    while let Some(event) = tail.next().await {
        match event {
            // Which of them would have been shown is not known.
            Event::Missed(count) => {
                let text = Bytes::from(missed(count));
                drop(send.send(Arc::new(Piece { first: number, calls: 0, text })));
            }
            Event::Calls(rows) => {
                let (mut text, mut calls) = (String::new(), 0);
                for row in rows.iter() {
                    let holds = condition.as_ref().is_none_or(|c| c.holds(&row.record(&columns)));
                    if !holds {
                        continue;
                    }
                    calls += 1;
                    text += "event: call\ndata: ";
                    text += &told(row, Whole::Summary, Role::Viewer);
                    text += "\n\n";
                    if text.len() >= PIECE_BYTES_MAX {
                        give(&send, &mut number, &mut calls, &mut text);
                    }
                }
                give(&send, &mut number, &mut calls, &mut text);
            }
        }
    }
}

/// Hands the calls on; an error says that nobody reads.
fn give(send: &Sender<Arc<Piece>>, number: &mut u64, calls: &mut u64, text: &mut String) {
    if *calls > 0 {
        let piece =
            Piece { first: *number, calls: *calls, text: Bytes::from(std::mem::take(text)) };
        drop(send.send(Arc::new(piece)));
        *number += *calls;
        *calls = 0;
    }
}

fn missed(count: u64) -> String {
    format!("event: missed\ndata: {{\"count\":{count}}}\n\n")
}

// === impl Reader ===

impl Reader {
    /// What is to be sent next; nothing when the store is closed.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.held.take() {
                self.next = piece.first + piece.calls;
                self.who.tell(usize::try_from(piece.calls).unwrap_or(usize::MAX), false);
                return Some(piece.text.clone());
            }
            tokio::select! {
                piece = self.receive.recv() => match piece {
                    Ok(piece) => {
                        let missing = piece.first.saturating_sub(self.next);
                        self.held = Some(piece);
                        if missing > 0 {
                            self.missed.fetch_add(missing, Ordering::Relaxed);
                            return Some(Bytes::from(missed(missing)));
                        }
                    }
                    // The next piece says how many calls these were.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                _ = self.ticks.tick() => return Some(self.tick()),
            }
        }
    }

    /// Losses, when they have changed; else a comment that keeps the connection.
    fn tick(&mut self) -> Bytes {
        let health = crate::health::losses(&self.api).to_string();
        if health == self.health {
            return Bytes::from_static(b": still here\n\n");
        }
        let text = format!("event: health\ndata: {health}\n\n");
        self.health = health;
        Bytes::from(text)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.task.abort();
    }
}
