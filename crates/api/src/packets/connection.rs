//! What the packets of a connection say of its health.

use std::collections::BTreeMap;

use model::Timestamp;
use packet::{Content, Segment};
use serde::Serialize;

use super::Found;

/// Holes in the numbers of a side that are remembered.
const SPANS_MAX: usize = 4096;

/// A connection as its packets tell it.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Connection {
    /// `opening`, `open`, `closing`, `closed`, `reset`; `datagrams` where there is no connection.
    pub state: &'static str,
    /// From the SYN to its acknowledgment by the server; absent where the beginning was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ns: Option<u64>,
    /// Segments whose bytes were sent before.
    pub retransmissions: u64,
    /// From the client to the server.
    pub request: Way,
    /// From the server to the client.
    pub response: Way,
}

/// One direction.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Way {
    /// Packets captured.
    pub packets: u64,
    /// Bytes of payload on the wire.
    pub bytes: u64,
    /// Segments whose bytes were sent before.
    pub retransmissions: u64,
    /// Segments that said that there is no room.
    pub zero_windows: u64,
}

/// Puts a [`Connection`] together, packet by packet.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    connection: Connection,
    first: Option<Timestamp>,
    last: Timestamp,
    syn: Option<Timestamp>,
    fins: [bool; 2],
    reset: bool,
    answered: bool,
    sent: [Spans; 2],
}

/// Which numbers of a side were sent, as (begin, end) after its first.
#[derive(Debug, Default)]
struct Spans {
    base: Option<u32>,
    spans: BTreeMap<u64, u64>,
}

// === impl Watch ===

impl Watch {
    pub(crate) fn packet(&mut self, found: &Found<'_>) {
        let at = found.packet.at;
        self.first.get_or_insert(at);
        self.last = self.last.max(at);
        let way = self.way(found.from_client);
        way.packets += 1;
        match &found.content {
            Content::Tcp(segment) => self.segment(segment, found.from_client, at),
            Content::Udp(datagram) => {
                way.bytes += datagram.payload.len() as u64 + u64::from(datagram.cut);
                self.connection.state = "datagrams";
            }
            Content::Nothing => {}
        }
    }

    /// The connection, and when its first and last packets were captured; nothing without packets.
    pub(crate) fn end(mut self) -> Option<(Connection, Timestamp, Timestamp)> {
        let first = self.first?;
        self.connection.retransmissions =
            self.connection.request.retransmissions + self.connection.response.retransmissions;
        if self.connection.state.is_empty() {
            self.connection.state = self.state();
        }
        Some((self.connection, first, self.last))
    }

    fn state(&self) -> &'static str {
        match self.fins {
            _ if self.reset => "reset",
            [true, true] => "closed",
            [true, _] | [_, true] => "closing",
            _ if self.syn.is_some() && !self.answered => "opening",
            _ => "open",
        }
    }

    fn segment(&mut self, segment: &Segment<'_>, from_client: bool, at: Timestamp) {
        let side = usize::from(!from_client);
        let bytes = segment.payload.len() as u64 + u64::from(segment.cut);
        let syn = segment.flags.syn();
        if syn && from_client {
            self.syn.get_or_insert(at);
        }
        if !from_client && (syn || bytes > 0) {
            self.answered = true;
        }
        if let (true, false, Some(syn), None) = (syn, from_client, self.syn, self.connection.rtt_ns)
        {
            self.connection.rtt_ns = Some(at.since(syn));
        }
        self.reset |= segment.flags.rst();
        self.fins[side] |= segment.flags.fin();
        let again = bytes > 0 && self.sent[side].add(segment.seq, bytes);
        let way = self.way(from_client);
        way.bytes += bytes;
        way.retransmissions += u64::from(again);
        way.zero_windows += u64::from(segment.window == 0 && !segment.flags.rst() && !syn);
    }

    fn way(&mut self, from_client: bool) -> &mut Way {
        if from_client { &mut self.connection.request } else { &mut self.connection.response }
    }
}

// === impl Spans ===

impl Spans {
    /// Notes what was sent; says whether all of it was sent before.
    fn add(&mut self, seq: u32, bytes: u64) -> bool {
        let base = *self.base.get_or_insert(seq);
        // Half the numbers are before, half behind (RFC 9293 §3.4): what is before the first segment
        // seen is late, not again. Beyond 4 GiB the numbers come again; the spans of then are gone.
        let ahead = u64::from(seq.wrapping_sub(base));
        if ahead > u64::from(u32::MAX / 2) && self.spans.len() < 2 {
            return false;
        }
        let begin = self.unwrapped(ahead);
        let end = begin + bytes;
        let before = self.spans.range(..=begin).next_back().map(|(from, to)| (*from, *to));
        if before.is_some_and(|(_, to)| to >= end) {
            return true;
        }
        let (mut from, mut to) = (begin, end);
        if let Some((earlier, its_end)) = before.filter(|(_, its_end)| *its_end >= begin) {
            (from, to) = (earlier, to.max(its_end));
        }
        let swallowed: Vec<u64> = self.spans.range(from..=to).map(|(begin, _)| *begin).collect();
        for begin in swallowed {
            to = to.max(self.spans.remove(&begin).unwrap_or(to));
        }
        self.spans.insert(from, to);
        if self.spans.len() > SPANS_MAX {
            self.spans.pop_first();
        }
        false
    }

    /// The number after the first one, with the rounds that were made since.
    fn unwrapped(&self, ahead: u64) -> u64 {
        let reached = self.spans.last_key_value().map_or(0, |(_, end)| *end);
        let round = 1_u64 << 32;
        let near = (reached & !(round - 1)) + ahead;
        if near + round / 2 < reached { near + round } else { near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sent_whole_before_is_sent_again() {
        let mut sent = Spans::default();
        assert!(!sent.add(100, 10));
        assert!(!sent.add(120, 10));
        assert!(sent.add(100, 10));
        assert!(!sent.add(105, 10), "five of its bytes are new");
        assert!(!sent.add(115, 5));
        assert!(sent.add(100, 30), "the holes were filled");
        assert_eq!(sent.spans.len(), 1);
    }

    #[test]
    fn numbers_go_round() {
        let mut sent = Spans::default();
        assert!(!sent.add(u32::MAX - 4, 10));
        assert!(!sent.add(5, 10));
        assert!(sent.add(0, 5));
        assert_eq!(sent.spans.len(), 1);
    }
}
