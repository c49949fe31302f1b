//! To be written.

use dissect::{Dissection, Dissector, Found, Framing, Hello, Reader, Sink, Step, Verdict};
use model::{Headline, Message, Protocol, Side, Tell, Transport};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol { name: "redis", about: "", specification: "", fields: &[], headline, tell };

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    ports: &[6379],
    probe,
    open: |_| Reader::open(&PROTOCOL, Stub, Framing::Stream),
};

struct Stub;

impl Dissector for Stub {
    fn read(&mut self, _from: Side, _input: &[u8], _sink: &mut Sink<'_, '_>) -> Step {
        Step::Leave
    }

    fn resync(&mut self, _from: Side, _input: &[u8]) -> Found {
        Found::Nowhere
    }
}

fn probe(_hello: &Hello<'_>) -> Verdict {
    Verdict::No
}

fn headline<'m>(_request: Option<&'m Message>, _response: Option<&'m Message>) -> Headline<'m> {
    Headline::default()
}

fn tell(_message: &Message, _to: &mut dyn Tell) {}
