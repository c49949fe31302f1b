//! What the packets of a connection say of its health, as the API tells it.

use model::{Dir, Mark, Timestamp};
use packet::Content;
use serde::Serialize;

use super::Found;

/// A connection as its packets tell it.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Connection {
    /// `opening`, `open`, `closing`, `closed`, `reset`, `refused`, `unanswered`; `datagrams` where there
    /// is no connection.
    pub state: &'static str,
    /// From the SYN to its acknowledgment by the server; absent where the beginning was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ns: Option<u64>,
    /// From the SYN to the acknowledgment by the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake_ns: Option<u64>,
    /// Segments whose bytes were sent before, and SYNs sent again.
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
    /// Segments whose bytes were sent before, and SYNs sent again.
    pub retransmissions: u64,
    /// Segments that said that there is no room.
    pub zero_windows: u64,
    /// Resets.
    pub resets: u64,
}

/// Puts a [`Connection`] together, packet by packet. The client's way is [`Dir::Ab`].
#[derive(Debug, Default)]
pub(crate) struct Watch {
    watch: stream::Watch,
    datagrams: bool,
}

// === impl Watch ===

impl Watch {
    pub(crate) fn packet(&mut self, found: &Found<'_>) {
        let mark = Mark { at: found.packet.at, frame: found.packet.frame };
        let dir = if found.from_client { Dir::Ab } else { Dir::Ba };
        match &found.content {
            Content::Tcp(segment) => self.watch.segment(segment, dir, mark),
            Content::Udp(datagram) | Content::Icmp(datagram) => {
                let bytes = datagram.payload.len() as u64 + u64::from(datagram.cut);
                self.watch.packet(bytes, dir, mark);
                self.datagrams = true;
            }
            Content::Sctp(bundle) => self.watch.bundle(bundle, dir, mark),
            Content::Quote(_) | Content::Nothing => {}
        }
    }

    /// The connection, and when its first and last packets were captured; nothing without packets.
    pub(crate) fn end(self) -> Option<(Connection, Timestamp, Timestamp)> {
        let [request, response] = &self.watch.ways;
        let first = [request, response].into_iter().filter_map(|way| way.first).map(|mark| mark.at);
        let first = first.min()?;
        let last = request.last.at.max(response.last.at);
        let connection = Connection {
            state: if self.datagrams { "datagrams" } else { self.watch.state().name() },
            rtt_ns: self.watch.grant_ns(),
            handshake_ns: self.watch.handshake_ns(),
            retransmissions: request.retransmissions + response.retransmissions,
            request: Way::of(request),
            response: Way::of(response),
        };
        Some((connection, first, last))
    }
}

// === impl Way ===

impl Way {
    fn of(way: &stream::Way) -> Self {
        Self {
            packets: way.packets,
            bytes: way.bytes,
            retransmissions: way.retransmissions,
            zero_windows: way.zero_windows,
            resets: way.resets,
        }
    }
}
