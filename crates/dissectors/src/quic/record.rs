//! What is written down of one half of a handshake: facts of QUIC, then what TLS writes down of its
//! own (facts and handshake messages, see [`tls::record`](crate::tls::record)).
//!
//! ```text
//!  0         4       5       6     8
//! ┌─────────┬───────┬───────┬─────┬──────┬──────────────────────────────────
//! │ version │ flags │ closed│  0  │ code │ facts of TLS │ handshake messages …
//! └─────────┴───────┴───────┴─────┴──────┴──────────────────────────────────
//! ```
//!
//! What else has no fixed size is put among the handshake messages, under types that TLS gave
//! to nothing.

use dissect::Sink;
use model::Message;

use super::frame::Close;
use crate::tls::record::{Alert, Facts as TlsFacts, View as TlsView, What};

/// Bytes of QUIC's facts.
const FACTS_LEN: usize = 16;
/// Bytes before the handshake messages.
pub const HEAD_LEN: usize = FACTS_LEN + crate::tls::record::FACTS_LEN;
/// Bytes kept of the words by which a connection was closed.
const REASON_MAX: usize = 1 << 10;
/// Bytes kept of a list of versions.
const VERSIONS_MAX: usize = 256;
/// Error codes of the transport that carry an alert of TLS (RFC 9001 §4.8).
const CRYPTO_ERROR: u64 = 0x0100;

const RETRIED: u8 = 1;

/// Types of what is no handshake message.
pub mod note {
    /// The connection ID that the client made up for the server.
    pub const DESTINATION: u8 = 0xf0;
    /// The sender's own connection ID.
    pub const SOURCE: u8 = 0xf1;
    /// Versions that the server speaks.
    pub const VERSIONS: u8 = 0xf2;
    /// Why the connection was closed, in words.
    pub const REASON: u8 = 0xf3;
    /// The name that the client asked for, where its hello is elsewhere.
    pub const NAME: u8 = 0xf4;
}

/// How a connection was closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Closed {
    /// It was not.
    #[default]
    No,
    /// By the transport, with its error code.
    Transport(u64),
    /// By the application, with its error code.
    App(u64),
    /// The server does not speak the client's version.
    Version,
}

/// The fixed part of a record.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The version of the packets.
    pub version: u32,
    /// The server wanted the client's address proved.
    pub is_retried: bool,
    /// How the connection was closed by this side.
    pub closed: Closed,
    /// What TLS knows.
    pub tls: TlsFacts,
}

/// A record, read again.
#[derive(Clone, Copy, Debug)]
pub struct View<'m> {
    /// The facts.
    pub facts: Facts,
    /// What TLS wrote down.
    pub tls: TlsView<'m>,
}

/// Rewrites the facts of the open message.
pub fn amend(sink: &mut Sink<'_, '_>, change: impl FnOnce(&mut Facts)) {
    let facts = sink.recorded().first_chunk().and_then(Facts::read);
    let Some(mut facts) = facts else { return };
    change(&mut facts);
    sink.amend(0, &facts.bytes());
}

/// Writes down something that has no fixed size.
pub fn write_note(kind: u8, bytes: &[u8], sink: &mut Sink<'_, '_>) {
    let [_, _, high, low] = u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
    sink.record(&[kind, 0, high, low]);
    sink.record(bytes);
}

/// Writes down in the open message that its sender closed the connection.
pub fn write_close(close: &Close<'_>, sink: &mut Sink<'_, '_>) {
    amend(sink, |facts| {
        facts.closed =
            if close.is_app { Closed::App(close.code) } else { Closed::Transport(close.code) };
        facts.tls.alert = alert(close);
    });
    let reason = close.reason.get(..REASON_MAX).unwrap_or(close.reason);
    if !reason.is_empty() {
        write_note(note::REASON, reason, sink);
    }
}

/// Writes down the versions that a server speaks.
pub fn write_versions(versions: &[u8], sink: &mut Sink<'_, '_>) {
    amend(sink, |facts| facts.closed = Closed::Version);
    write_note(note::VERSIONS, versions.get(..VERSIONS_MAX).unwrap_or(versions), sink);
}

/// The alert of TLS that a close is.
fn alert(close: &Close<'_>) -> Option<Alert> {
    let description = close.code.checked_sub(CRYPTO_ERROR).filter(|_| !close.is_app)?;
    Some(Alert { level: 2, description: u8::try_from(description).ok()? })
}

// === impl Facts ===

impl Facts {
    /// Nothing but what began.
    pub fn new(what: What, version: u32) -> Self {
        // TLS 1.3, the only one in QUIC (RFC 9001 §4.2).
        let tls = TlsFacts::new(what, 0x0304);
        Self { version, is_retried: false, closed: Closed::No, tls }
    }

    /// As bytes.
    pub fn bytes(self) -> [u8; HEAD_LEN] {
        let (closed, code) = match self.closed {
            Closed::No => (0, 0),
            Closed::Transport(code) => (1, code),
            Closed::App(code) => (2, code),
            Closed::Version => (3, 0),
        };
        let flags = if self.is_retried { RETRIED } else { 0 };
        let mut bytes = [0; HEAD_LEN];
        let parts = self.version.to_be_bytes().into_iter().chain([flags, closed, 0, 0]);
        let all = parts.chain(code.to_be_bytes()).chain(self.tls.bytes());
        bytes.iter_mut().zip(all).for_each(|(to, byte)| *to = byte);
        bytes
    }

    /// From bytes.
    pub fn read(bytes: &[u8; HEAD_LEN]) -> Option<Self> {
        let [v0, v1, v2, v3, flags, closed, _, _, code @ .., _, _, _, _, _, _, _, _] = *bytes;
        let code = u64::from_be_bytes(code);
        let closed = match closed {
            0 => Closed::No,
            1 => Closed::Transport(code),
            2 => Closed::App(code),
            _ => Closed::Version,
        };
        Some(Self {
            version: u32::from_be_bytes([v0, v1, v2, v3]),
            is_retried: flags & RETRIED != 0,
            closed,
            tls: TlsFacts::read(bytes.last_chunk()?)?,
        })
    }
}

// === impl View ===

impl<'m> View<'m> {
    /// The record of `message`.
    pub fn of(message: &'m Message) -> Option<Self> {
        let facts = Facts::read(message.record.first_chunk()?)?;
        let tls = TlsView::of_record(message.record.get(FACTS_LEN..)?)?;
        Some(Self { facts, tls })
    }

    /// What was written down under this type.
    pub fn note(self, kind: u8) -> Option<&'m [u8]> {
        self.tls.first(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_back_as_they_were_written() {
        let all = [Closed::No, Closed::Transport(0x128), Closed::App(1 << 61), Closed::Version];
        for closed in all {
            let mut facts = Facts::new(What::Server, 0x6b33_43cf);
            (facts.is_retried, facts.closed, facts.tls.is_done) = (true, closed, true);
            let again = Facts::read(&facts.bytes()).unwrap();
            assert_eq!((again.closed, again.is_retried), (closed, true));
            assert_eq!((again.version, again.tls.is_done), (0x6b33_43cf, true));
        }
    }

    #[test]
    fn a_crypto_error_is_an_alert_of_tls() {
        let close = |is_app, code| alert(&Close { is_app, code, reason: b"" });
        assert_eq!(close(false, 0x128), Some(Alert { level: 2, description: 0x28 }));
        assert_eq!((close(true, 0x128), close(false, 10), close(false, 0x200)), (None, None, None));
    }
}
