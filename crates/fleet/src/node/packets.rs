//! Packets of calls that are held on to here, sent as fast as the hub takes them.

use std::time::Duration;

use model::Timestamp;
use store::{Captured, Row, Scan, Select, Stop};
use tokio::{sync::mpsc, time::Instant};

use super::{Shared, answer};
use crate::{
    wire::{self, packets::Of},
    words::{self, Told},
};

/// Bytes of packets in a piece, but for the last packet.
const PIECE_BYTES: usize = 256 << 10;
/// Bytes of a packet, so that a piece stays below what a message may have.
const PACKET_BYTES_MAX: usize = 1 << 20;
/// Calls whose packets are looked for at once.
const CALLS_MAX: usize = 20_000;
/// Calls that are read from the store at a time.
const PAGE: usize = 1_000;
/// How often it is said that it is still looked for packets.
const BEAT: Duration = Duration::from_millis(250);

const KEEPS_NONE: &str =
    "it keeps no packets: start it with --keep DIR (the chart: node.packets.keep=true)";

/// What was found, on its way.
struct Sending<'p> {
    pieces: &'p mpsc::Sender<wire::Piece>,
    packets: Vec<wire::Captured>,
    bytes: usize,
    sent: u64,
    last: Instant,
    /// Whether nobody wants any more.
    is_over: bool,
}

/// Looks for packets, and sends them; how it ended, or why there are none. Blocks.
pub(super) fn look(
    shared: &Shared,
    told: &Told<'_>,
    asked: wire::Packets,
    pieces: &mpsc::Sender<wire::Piece>,
) -> Result<wire::End, String> {
    let calls = match asked.of {
        Some(Of::Call(key)) => {
            let found = answer::get(shared, &words::key_of(key)).map_err(|e| e.to_string())?;
            vec![found.ok_or("it does not have this call any more")?]
        }
        Some(Of::Calls(scan)) => list(shared, told.scan(scan)?)?,
        None => return Err("it does not know this question".into()),
    };
    let mut end = wire::End { is_complete: true, ..wire::End::default() };
    if calls.is_empty() {
        return Ok(end);
    }
    let keeping = shared.keeping.as_deref().ok_or(KEEPS_NONE)?;
    end.is_masked = keeping.is_masked();
    let mut sending = Sending::new(pieces);
    send(keeping, &calls, &told.stop, &mut sending)?;
    sending.flush();
    if sending.sent == 0 {
        return Err(gone(&calls, keeping.since()));
    }
    Ok(end)
}

/// The calls of a list that this node tells.
fn list(shared: &Shared, scan: Scan) -> Result<Vec<Row>, String> {
    let mut scan = Scan { limit: PAGE, select: Select::Summary, after: None, ..scan };
    let mut calls = Vec::new();
    loop {
        let page = shared.store.scan(&scan).map_err(|error| error.to_string())?;
        calls.extend(page.rows);
        if calls.len() > CALLS_MAX {
            return Err(format!(
                "it has more than {CALLS_MAX} such calls: name less time, or a condition"
            ));
        }
        scan.after = page.next;
        if scan.after.is_none() || scan.stop.is_due() {
            return Ok(calls);
        }
    }
}

fn send(
    keeping: &dyn super::Keeps,
    calls: &[Row],
    stop: &Stop,
    sending: &mut Sending<'_>,
) -> Result<(), String> {
    // Both ask the same one.
    let sending = std::cell::RefCell::new(sending);
    let mut goes_on = || !stop.is_due() && sending.borrow_mut().beat();
    keeping.show(calls, &mut goes_on, &mut |packet| sending.borrow_mut().push(packet))
}

/// Why there is no packet of calls that are there.
fn gone(calls: &[Row], since: Option<Timestamp>) -> String {
    let begun = calls.iter().map(Row::time_ns).max().unwrap_or_default();
    let Some(since) = since else { return "it has kept no packets yet".into() };
    let since = i64::try_from(since.0).unwrap_or(i64::MAX);
    let at = store::moment(since);
    if since > begun {
        return format!(
            "its packets have left for newer ones: those since {at} are kept (--keep-size)"
        );
    }
    format!("no packet of it is among those that are kept since {at}")
}

// === impl Sending ===

impl<'p> Sending<'p> {
    fn new(pieces: &'p mpsc::Sender<wire::Piece>) -> Self {
        let last = Instant::now();
        Self { pieces, packets: Vec::new(), bytes: 0, sent: 0, last, is_over: false }
    }

    /// Takes a packet; whether more are wanted.
    fn push(&mut self, mut packet: Captured) -> bool {
        packet.bytes.truncate(PACKET_BYTES_MAX);
        self.bytes += packet.bytes.len() + packet.comment.len() + packet.interface.len() + 32;
        self.packets.push(wire::Captured {
            at_ns: packet.at.0,
            link: packet.link,
            wire_len: packet.wire_len,
            bytes: packet.bytes,
            interface: packet.interface,
            comment: packet.comment,
        });
        if self.bytes >= PIECE_BYTES {
            self.flush();
        }
        !self.is_over
    }

    /// Says now and then that it is at work.
    fn beat(&mut self) -> bool {
        if self.last.elapsed() >= BEAT {
            self.flush();
        }
        !self.is_over
    }

    fn flush(&mut self) {
        let packets = std::mem::take(&mut self.packets);
        self.sent += packets.len() as u64;
        self.bytes = 0;
        let piece = wire::Piece { packets, ..wire::Piece::default() };
        self.is_over |= self.pieces.blocking_send(piece).is_err();
        self.last = Instant::now();
    }
}
