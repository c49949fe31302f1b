//! The contract between the flow engine and one protocol.
//!
//! A protocol is a folder in `dissectors/` that offers one [`Dissection`] and one type that
//! implements [`Dissector`]. Everything two protocols would both need lives here: buffering,
//! skipping, resynchronising, pairing, limits. A dissector has no socket, no clock, no buffer of its
//! own and never sees a flow.

mod context;
mod conversation;
mod inner;
pub mod kit;
mod pairs;
mod pool;
mod prefixed;
mod reader;
mod secrets;
mod sink;
mod taught;

pub use context::{Context, Counts, Done, Heritage, Limits, Outlet};
pub use conversation::{Conversation, Leftover, Standing};
pub use inner::{Event, Inner, Opens, What};
pub use pairs::{Pair, Role, Turns};
pub use pool::Pool;
pub use prefixed::Prefixed;
pub use reader::{Framing, Reader};
pub use secrets::Secrets;
pub use sink::Sink;
pub use taught::Taught;

use model::{CallId, Message, Protocol, Side, Transport};

/// Reads one application protocol out of one flow.
///
/// Bytes go in, messages come out through the [`Sink`]. What it does not take is kept by the engine
/// and offered again with more behind it. Cutting the same bytes at any other place must not change
/// what comes out.
pub trait Dissector: Send + Sized + 'static {
    /// How its clients take turns: decides how soon a flow that was joined late is paired.
    const TURNS: Turns = Turns::Free;

    /// Reads at most one thing from the front of `input`, sent by `from`; `input` is never empty.
    ///
    /// At most one message is begun and at most one finished in one call.
    fn read(&mut self, from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step;

    /// Bytes of `from` that may have held whole messages are missing, or were skipped because no
    /// message was found in them: told at once, before anything else of either side is read, and again
    /// before each [`resync`](Self::resync), which comes with the next bytes of `from`: a hole is told
    /// when it is given up, and what the other side said after that may have been answered in it.
    /// That a flow was joined late is not told: nothing was lost since.
    ///
    /// The moment to forget what the lost bytes may have answered, so that nothing the other side
    /// says meanwhile is taken for more than it is.
    fn lost(&mut self, _from: Side) {}

    /// Finds the start of the next message of `from` after bytes went missing (or after the flow was
    /// joined late, or after [`Step::Lost`]). `input` begins where a packet's payload began.
    ///
    /// Also the moment to forget whatever the missing bytes may have changed, where
    /// [`lost`](Self::lost) was not. Rather say
    /// [`Found::Nowhere`] than point into the middle of a body.
    fn resync(&mut self, from: Side, input: &[u8]) -> Found;

    /// `from` will send nothing more. What is open is finished by the engine afterwards.
    fn end(&mut self, _from: Side, _sink: &mut Sink<'_, '_>) {}

    /// How long datagrams may be missing before nothing more is expected, in nanoseconds, where that
    /// is longer than usual: there is a connection.
    fn idle_ns(&self) -> Option<u64> {
        None
    }
}

/// What [`Dissector::read`] made of its input.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Took `n` bytes, at least one (or none, where this call finished a message that an earlier one
    /// began); call again with the rest.
    Took(usize),
    /// Nothing yet: not worth calling before there are `n` bytes. Takes nothing, changes nothing.
    Need(usize),
    /// Took `head` bytes (may be 0 if `body` is not); the next `body` bytes are payload of the open
    /// message, which is finished after them. The engine keeps a prefix of them; some may be missing.
    /// [`UNTIL_END`] for a body that ends with the stream.
    Body {
        /// Bytes that are not payload.
        head: usize,
        /// Bytes of payload that follow.
        body: u64,
    },
    /// The same, but the message goes on after these bytes: `read` is called again.
    Part {
        /// Bytes that are not payload.
        head: usize,
        /// Bytes of payload that follow.
        body: u64,
    },
    /// Nothing can be said before the other side has spoken (an answer decides how to read on).
    Wait,
    /// The input is not at the start of a message: skip to where [`Dissector::resync`] says.
    Lost,
    /// Took `n` bytes (may be 0); from here on both sides of this flow speak something else.
    Become {
        /// Bytes taken.
        took: usize,
        /// What they speak then.
        next: Next,
    },
    /// This never was our protocol.
    Leave,
}

/// A body that ends when its sender ends.
pub const UNTIL_END: u64 = u64::MAX;

/// What a flow speaks after [`Step::Become`].
#[derive(Clone, Copy, Debug)]
pub enum Next {
    /// This.
    Speak(&'static Dissection),
    /// What is known under this name ([`Dissection::names`]); detected if nobody is.
    Named(&'static str),
    /// The same, and inside of it what was spoken so far: both agreed to encrypt it.
    Within(&'static str),
    /// The same as `Named`, under the name that was left by [`Sink::bequeath`].
    Bequeathed,
    /// Whatever its bytes turn out to be.
    Detect,
}

/// Where the next message starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// At this offset.
    At(usize),
    /// Perhaps at this offset: show it again with more behind.
    Maybe(usize),
    /// Not in these bytes.
    Nowhere,
}

/// What a protocol says about itself to the engine.
pub struct Dissection {
    /// Its folder among the dissectors. Several may fill one table: the versions of HTTP.
    pub folder: &'static str,
    /// What everybody else may know of it.
    pub protocol: &'static Protocol,
    /// The transports it is spoken over.
    pub transports: &'static [Transport],
    /// Names under which others hand a flow over: HTTP upgrade tokens, application protocols of TLS
    /// (RFC 7301), services that a flow changes to, payload protocol identifiers of SCTP (`ppid-46`).
    pub names: &'static [&'static str],
    /// Ports to try it on first. A hint, never a proof.
    pub ports: &'static [u16],
    /// Looks at the first bytes of one side.
    pub probe: fn(&Hello<'_>) -> Verdict,
    /// Starts to read a flow.
    pub open: fn(&Opening<'_>) -> Box<dyn Conversation>,
}

/// How a conversation comes to be.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// TCP or UDP.
    pub transport: Transport,
    /// What the conversation before it on the same flow left to it ([`Sink::bequeath`]).
    pub heritage: &'a [u8],
    /// The call by which it was agreed to speak this, where there was one.
    pub by: Option<CallId>,
    /// What is to be spoken inside of it, where that was agreed on ([`Next::Within`]).
    pub inside: Option<&'static Dissection>,
}

/// A protocol that is spoken in the messages of another one (gRPC in HTTP): it tells their calls its
/// own way.
pub struct Lens {
    /// Whose calls are looked at.
    pub over: &'static Protocol,
    /// What it may see.
    pub protocols: &'static [&'static Protocol],
    /// The protocol of a call, if it is more than what it is carried by. At least one half is there.
    /// Called for every call: it looks at a few bytes.
    pub sees: fn(Option<&Message>, Option<&Message>) -> Option<&'static Protocol>,
}

/// The first bytes of one side of a flow, or of a later packet where the flow was joined late.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'b> {
    /// The bytes; for UDP one whole datagram.
    pub bytes: &'b [u8],
    /// Who sent them, where that is certain (a SYN was seen).
    pub from: Option<Side>,
    /// TCP or UDP.
    pub transport: Transport,
    /// Whether the receiver's port is one of the protocol's usual ports.
    pub to_usual_port: bool,
    /// Whether the sender's port is one of the protocol's usual ports.
    pub from_usual_port: bool,
    /// Whether more bytes may follow (`Maybe` is worth saying). Never for UDP.
    pub more: bool,
}

/// What a probe thinks of the first bytes of one side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is ours, and that side sent it.
    Is(Side),
    /// It is ours, and either side may have sent it: the protocol has to find out.
    Either,
    /// Could be; show me more.
    Maybe,
    /// It is not.
    No,
}

// === impl Hello ===

impl Hello<'_> {
    /// Whether either port is one of the protocol's usual ones.
    #[must_use]
    pub fn usual_port(&self) -> bool {
        self.to_usual_port || self.from_usual_port
    }
}

// === impl Debug ===

impl std::fmt::Debug for Dissection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.protocol.name)
    }
}

impl std::fmt::Debug for Lens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "over {:?}", self.over)
    }
}
