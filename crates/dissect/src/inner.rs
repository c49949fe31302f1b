//! Byte streams that a conversation finds inside its own: what TLS decrypts, what a tunnel carries.
//! The engine recognises and reads them like any stream.

use model::{Cover, Mark, Side, Transport, Why};

use crate::Heritage;

/// Bytes that may wait for the engine; what is more is lost and said to be.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// What happened on the streams inside, in order, until the engine takes it.
#[derive(Debug, Default)]
pub struct Inner {
    bytes: Vec<u8>,
    events: Vec<Event>,
}

/// One thing that happened on a stream inside.
#[derive(Debug)]
pub struct Event {
    /// Which stream: the conversation's own numbering (an HTTP/2 stream; 0 where there is only one).
    pub channel: u64,
    /// Who did it.
    pub from: Side,
    /// Where.
    pub mark: Mark,
    /// What.
    pub what: What,
}

/// What may happen on a stream inside.
#[derive(Debug)]
pub enum What {
    /// It begins.
    Opens(Box<Opens>),
    /// Bytes; ask [`Inner::bytes`] for them.
    Says {
        /// Where they begin.
        start: usize,
        /// Where they end.
        end: usize,
    },
    /// This many bytes were lost.
    Gap(u64, Why),
    /// Its sender is done.
    Ends(Why),
}

/// How a stream inside begins.
#[derive(Clone, Debug, Default)]
pub struct Opens {
    /// What it is wrapped in; `None` for a tunnel in clear.
    pub cover: Option<Cover>,
    /// It is not read from its first byte.
    pub late: bool,
    /// What was agreed to be spoken on it; `None`: whatever its bytes turn out to be.
    pub speaks: Option<Heritage>,
    /// As what its bytes come, where that is not what carries the flow: a stream inside datagrams.
    pub transport: Option<Transport>,
}

// === impl Inner ===

impl Inner {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// What happened, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The bytes of a [`What::Says`].
    #[must_use]
    pub fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Forgets everything, and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.events.clear();
    }

    pub(crate) fn push(&mut self, channel: u64, from: Side, mark: Mark, what: What) {
        self.events.push(Event { channel, from, mark, what });
    }

    /// Lets `write` append the bytes that come next; those count that stand when it returns.
    pub(crate) fn says(
        &mut self,
        channel: u64,
        from: Side,
        mark: Mark,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        if end <= start {
            return;
        }
        if end > WAITING_BYTES_MAX {
            self.bytes.truncate(start);
            self.push(channel, from, mark, What::Gap((end - start) as u64, Why::Budget));
            return;
        }
        self.push(channel, from, mark, What::Says { start, end });
    }
}
