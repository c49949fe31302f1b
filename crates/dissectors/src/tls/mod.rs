//! TLS 1.0 to 1.3, and SSL 3.0 as far as its handshake: who talks to whom under which name, how the
//! connection is protected, why it fails, and with the secrets of a key log what is said inside.
//!
//! RFC 8446, RFC 5246, RFC 4346, RFC 2246, RFC 6101. A handshake is one call: the client's hello and
//! what follows it up to the client's last handshake record is the request, the server's half the
//! response. In TLS 1.3 without secrets the response ends with the server's hello, since nobody can
//! tell what the records after it hold. Payload is passed over, or decrypted and handed on as a byte
//! stream of its own.

mod certificate;
pub(crate) mod fingerprint;
pub(crate) mod hello;
pub(crate) mod keys;
pub(crate) mod names;
mod probe;
pub(crate) mod record;
mod resync;
mod session;
pub(crate) mod show;
mod talk;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use dissect::{Dissection, Dissector, Found, Framing, Reader, Sink, Step, Turns};
use model::{Protocol, Side, Transport};

use self::talk::Tls;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "tls",
    about: "TLS and SSL: handshakes, certificates and alerts, and with a key log what is inside",
    specification: "https://www.rfc-editor.org/rfc/rfc8446",
    fields: show::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    folder: "tls",
    names: &["tls", "TLS/1.0", "TLS/1.2"],
    ports: &[
        443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2376, 4433, 5061, 5671, 6443, 8443,
        8883, 9093,
    ],
    probe: probe::probe,
    open: |opening| Reader::open(&PROTOCOL, Tls::around(opening.inside), Framing::Stream),
};

// === impl Dissector ===

impl Dissector for Tls {
    /// One handshake.
    const TURNS: Turns = Turns::Usual;

    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        self.next(from, input, sink)
    }

    fn resync(&mut self, from: Side, input: &[u8]) -> Found {
        let found = resync::find(input);
        let at = if let Found::At(at) = found { input.get(at..) } else { None };
        self.lost(from, at.is_some_and(resync::begins_handshake));
        found
    }

    fn end(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        self.over(from, sink);
    }
}
