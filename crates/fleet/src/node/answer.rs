//! Answers to one question: looked for on a thread that may wait, sent piece by piece as fast as the hub
//! takes them.

use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use filter::Condition;
use model::Timestamp;
use store::{Event, Key, Row, Stop};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use super::{Shared, packets};
use crate::{
    merge::APART_NS,
    roster::Roster,
    wire::{self, ask::What, hub_client::HubClient},
    words::{self, Told},
};

/// Bytes of lines in a piece.
const PIECE_BYTES: usize = 256 << 10;
/// Groups in a piece: one has a few kilobytes at most.
const PIECE_GROUPS: usize = 256;
/// Pieces that wait to be sent.
const PIECES_MAX: usize = 4;
/// How often a tail looks whether somebody still listens.
const LOOK: Duration = Duration::from_millis(500);

/// Answers a question.
pub(super) struct Answering {
    pub(super) shared: Arc<Shared>,
    pub(super) client: HubClient<Channel>,
    pub(super) leaving: Arc<AtomicBool>,
    /// Nobody waits longer; for ever if there is none.
    pub(super) until: Option<Instant>,
}

/// Takes pieces; an error says that nobody wants them.
type Pieces = mpsc::Sender<wire::Piece>;
/// Nobody wants it.
struct Unwanted;

// === impl Answering ===

impl Answering {
    pub(super) async fn answer(mut self, ask: wire::Ask, is_busy: bool) {
        let (pieces, sent) = mpsc::channel(PIECES_MAX);
        let first = wire::Piece {
            number: ask.number,
            node: self.shared.name.clone(),
            ..wire::Piece::default()
        };
        // There is room for one.
        drop(pieces.try_send(first));
        let (shared, stop) = (self.shared.clone(), self.stop());
        let left = self.leaving.clone();
        let making = async move {
            match ask.what {
                _ if is_busy => fail(&pieces, "the node answers too many questions already").await,
                Some(What::Tail(condition)) => tail(&shared, &condition, &pieces, &left).await,
                Some(what) => {
                    let done =
                        tokio::task::spawn_blocking(move || find(&shared, what, stop, &pieces));
                    drop(done.await);
                }
                None => fail(&pieces, "the node does not know this question").await,
            }
        };
        // If the hub is gone, the connection says so.
        let (_, _) = tokio::join!(making, self.client.answer(ReceiverStream::new(sent)));
    }

    fn stop(&self) -> Stop {
        let (left, until) = (self.leaving.clone(), self.until);
        Stop::when(move || {
            left.load(Ordering::Relaxed) || until.is_some_and(|until| Instant::now() > until)
        })
    }
}

async fn fail(pieces: &Pieces, why: &str) {
    let end = wire::End { failed: why.to_owned(), ..wire::End::default() };
    drop(pieces.send(wire::Piece { end: Some(end), ..wire::Piece::default() }).await);
}

/// Looks for what is asked, and sends it. Blocks.
fn find(shared: &Shared, what: What, stop: Stop, pieces: &Pieces) {
    let end = match look(shared, what, stop, pieces) {
        Ok(Ok(end)) => end,
        Ok(Err(Unwanted)) => return,
        Err(failed) => wire::End { failed, ..wire::End::default() },
    };
    drop(pieces.blocking_send(wire::Piece { end: Some(end), ..wire::Piece::default() }));
}

fn look(
    shared: &Shared,
    what: What,
    stop: Stop,
    pieces: &Pieces,
) -> Result<Result<wire::End, Unwanted>, String> {
    let roster = shared.roster.borrow().clone();
    let (me, columns, oldest) = (shared.name.as_str(), &*shared.columns, shared.oldest());
    let told = Told { me, roster: &roster, columns, oldest, stop };
    let store = &shared.store;
    match what {
        What::Scan(asked) => {
            let page = store.scan(&told.scan(asked)?).map_err(|error| error.to_string())?;
            let end = words::end(&page.searched, page.next.as_ref());
            Ok(send(&page.rows, pieces).map(|()| end))
        }
        What::Aggregate(asked) => {
            let question = told.aggregate(asked)?;
            let partial = store.partial(&question).map_err(|error| error.to_string())?;
            let (first_ns, last_ns) = partial.span_ns.unzip();
            let end = wire::End { first_ns, last_ns, ..words::end(&partial.searched, None) };
            let mut groups = partial.groups.into_iter().map(words::group).peekable();
            while groups.peek().is_some() {
                let piece = wire::Piece {
                    groups: groups.by_ref().take(PIECE_GROUPS).collect(),
                    ..wire::Piece::default()
                };
                if pieces.blocking_send(piece).is_err() {
                    return Ok(Err(Unwanted));
                }
            }
            Ok(Ok(end))
        }
        What::Get(key) => {
            let found = get(shared, &words::key_of(key)).map_err(|error| error.to_string())?;
            let end = wire::End { is_complete: true, ..wire::End::default() };
            Ok(send(found.as_slice(), pieces).map(|()| end))
        }
        What::Find(id) => {
            let found = store.find(&id).map_err(|error| error.to_string())?;
            let end = wire::End { is_complete: true, ..wire::End::default() };
            Ok(send(found.as_slice(), pieces).map(|()| end))
        }
        What::Packets(asked) => packets::look(shared, &told, asked, pieces).map(Ok),
        What::Tail(_) => Err("no such question".into()),
    }
}

/// The call with this key, or as this node saw it: under the same id, at about the same time.
pub(super) fn get(shared: &Shared, key: &Key) -> Result<Option<Row>, store::StoreError> {
    let found = shared.store.get(key)?;
    if found.is_some() {
        return Ok(found);
    }
    let near = |row: &Row| row.time_ns().abs_diff(key.time_ns) <= APART_NS;
    Ok(shared.store.find(&key.id)?.filter(near))
}

fn send(rows: &[Row], pieces: &Pieces) -> Result<(), Unwanted> {
    let mut lines = Vec::new();
    let flush = |lines: &mut Vec<u8>| {
        let lines = std::mem::take(lines);
        if lines.is_empty() {
            return Ok(());
        }
        let piece = wire::Piece { lines, ..wire::Piece::default() };
        pieces.blocking_send(piece).map_err(|_| Unwanted)
    };
    for row in rows {
        push(row, &mut lines);
        if lines.len() >= PIECE_BYTES {
            flush(&mut lines)?;
        }
    }
    flush(&mut lines)
}

fn push(row: &Row, lines: &mut Vec<u8>) {
    lines.extend_from_slice(row.json().as_bytes());
    lines.push(b'\n');
}

/// Sends calls as they come, until nobody listens.
async fn tail(shared: &Shared, asked: &wire::Condition, pieces: &Pieces, left: &AtomicBool) {
    let mut tail = shared.store.tail();
    let mut roster = shared.roster.subscribe();
    let mut condition = match compile(shared, &mut roster, asked) {
        Ok(condition) => condition,
        Err(why) => return fail(pieces, &why).await,
    };
    while !left.load(Ordering::Relaxed) && !pieces.is_closed() {
        let Ok(event) = tokio::time::timeout(LOOK, tail.next()).await else { continue };
        if roster.has_changed().unwrap_or(false)
            && let Ok(now) = compile(shared, &mut roster, asked)
        {
            condition = now;
        }
        let piece = match event {
            None => return,
            Some(Event::Missed(missed)) => wire::Piece { missed, ..wire::Piece::default() },
            Some(Event::Calls(rows)) => {
                let mut lines = Vec::new();
                let holds = |row: &&Row| {
                    condition.as_ref().is_none_or(|is| is.holds(&row.record(&shared.columns)))
                };
                for row in rows.iter().filter(holds) {
                    push(row, &mut lines);
                    if lines.len() >= PIECE_BYTES {
                        let lines = std::mem::take(&mut lines);
                        let piece = wire::Piece { lines, ..wire::Piece::default() };
                        if pieces.send(piece).await.is_err() {
                            return;
                        }
                    }
                }
                wire::Piece { lines, ..wire::Piece::default() }
            }
        };
        if (piece.missed > 0 || !piece.lines.is_empty()) && pieces.send(piece).await.is_err() {
            return;
        }
    }
}

fn compile(
    shared: &Shared,
    roster: &mut tokio::sync::watch::Receiver<Roster>,
    asked: &wire::Condition,
) -> Result<Option<Arc<Condition>>, String> {
    let roster = roster.borrow_and_update().clone();
    let (me, columns) = (shared.name.as_str(), &*shared.columns);
    // Calls from now on: what is older than the store's newest was told before.
    let newest = shared.store.facts().newest.unwrap_or_default();
    let stop = Stop::default();
    let told = Told { me, roster: &roster, columns, oldest: newest.max(Timestamp(1)), stop };
    told.condition(Some(asked), None, None)
}
