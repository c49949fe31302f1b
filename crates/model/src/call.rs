//! The call: a request and its response, or the half of it that was seen.

use std::fmt;

use crate::{Endpoint, Message, Noticed, Protocol, Timestamp, Transport};

/// One finished entry, borrowed from the shard that made it; gone after [`CallSink::call`] returns.
#[derive(Clone, Copy, Debug)]
pub struct Call<'s> {
    /// The protocol it was spoken in.
    pub protocol: &'static Protocol,
    /// What carried it.
    pub transport: Transport,
    /// Who asked. Where a server asks (a broker that delivers), this is the server.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// What they are called by each other, where the connection was seen before and behind a
    /// translation of addresses.
    pub translated: Option<&'s Translated>,
    /// The flow's number: the ordinal of its first packet in the whole input, from 1.
    pub stream: u64,
    /// What everybody who saw the flow begin calls it, wherever they saw it: both initial sequence numbers
    /// of a connection, a print of the first datagram. 0 if its beginning was not seen.
    pub birth: u64,
    /// Of so many thousandths of new flows its flow was one: 1000 where all were read, fewer under
    /// pressure.
    pub per_mille: u16,
    /// Which byte stream inside the flow it was spoken on (inside TLS, inside a tunnel), from 1 in
    /// the order in which they were found; 0 for the flow itself.
    pub inside: u32,
    /// What that byte stream was wrapped in.
    pub cover: Option<&'s Cover>,
    /// The call's number on its byte stream, from 1, in the order in which calls began.
    pub number: u64,
    /// Where in the input it was finished: calls come in this order, then in that of `stream`.
    pub order: u64,
    /// Index of the source (file and interface) that the flow was first seen on.
    pub source: u32,
    /// The request, unless it was not seen.
    pub request: Option<&'s Message>,
    /// The response, unless it was not seen or there is none.
    pub response: Option<&'s Message>,
    /// Whether both halves are there.
    pub pairing: Pairing,
    /// How the two halves found each other; only for [`Pairing::Matched`].
    pub paired_by: Option<PairedBy>,
    /// What is not there, and why.
    pub missing: Option<Missing>,
    /// The last ICMP error about its flow that came while it was under way.
    pub noticed: Option<Noticed>,
    /// Whether it goes on: it is shown while it lasts, and comes again under the same number when it
    /// is at its end.
    pub goes_on: bool,
}

/// Addresses on the other side of a translation (RFC 2663): a service's address that stands for one of
/// its servers, a node's address that stands for a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Translated {
    /// The client, as the server sees it.
    pub client: Endpoint,
    /// The server, as the client addressed it.
    pub server: Endpoint,
}

/// What a call is known by in one run: `5-1`, `5.2-1` for one on a stream inside.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CallId {
    /// The flow's number.
    pub stream: u64,
    /// Which byte stream inside the flow it was spoken on; 0 for the flow itself.
    pub inside: u32,
    /// The call's number on its byte stream.
    pub number: u64,
}

/// What a byte stream was wrapped in, and how it was unwrapped: TLS, QUIC.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cover {
    /// Where the keys or the clear text came from: `keylog`, `ebpf`.
    pub decrypted_by: &'static str,
    /// The name that the client asked for (RFC 6066 §3); empty where there is none.
    pub server_name: String,
    /// `1.3`; empty where it was not seen.
    pub version: String,
    /// The application protocol agreed on (RFC 7301): `h2`; empty where there is none.
    pub alpn: String,
    /// The cipher suite by its IANA name; empty where it was not seen.
    pub cipher: String,
}

/// Which halves of a call there are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pairing {
    /// Request and response.
    Matched,
    /// A request whose response was not seen.
    Unanswered,
    /// A response whose request was not seen, or can't be known.
    Orphan,
    /// A message that nobody answers.
    OneWay,
}

/// What makes us sure that the two halves belong together.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PairedBy {
    /// Every byte of both directions since the flow began: the n-th answer is to the n-th question.
    Order,
    /// Both carry the same number.
    Id,
    /// The flow was joined late or lost bytes, and since then question and answer alternated (or the
    /// flow was quiet) with nothing else outstanding.
    Alternation,
}

/// What a call lacks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Missing {
    /// Why.
    pub why: Why,
    /// Bytes of the request that were lost.
    pub request_bytes: u64,
    /// Bytes of the response that were lost.
    pub response_bytes: u64,
}

/// Why something is missing.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Why {
    /// Packets were lost before us.
    Gap,
    /// It began before the capture did.
    CaptureStart,
    /// The capture ended first.
    CaptureEnd,
    /// Packets were cut by the snap length.
    Snaplen,
    /// A limit on memory was reached.
    Budget,
    /// The connection was reset.
    Reset,
    /// The connection was closed first.
    Closed,
    /// No answer came in the protocol's time.
    Timeout,
    /// An ICMP error said that packets of its flow don't arrive.
    Unreachable,
}

/// Where packets came from: one per file and interface.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Source {
    /// `file`, `stdin`, `interface`.
    pub kind: &'static str,
    /// The file's name as given.
    pub name: String,
    /// The interface's name, where the capture says it.
    pub interface: Option<String>,
}

/// Takes the calls of a shard, one after the other.
pub trait CallSink {
    /// A call has left the shard.
    fn call(&mut self, call: &Call<'_>);
}

// === impl names ===

impl Pairing {
    /// The word in the output contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Unanswered => "unanswered",
            Self::Orphan => "orphan",
            Self::OneWay => "one-way",
        }
    }
}

impl PairedBy {
    /// The word in the output contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Id => "id",
            Self::Alternation => "alternation",
        }
    }
}

impl Why {
    /// The word in the output contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::CaptureStart => "capture-start",
            Self::CaptureEnd => "capture-end",
            Self::Snaplen => "snaplen",
            Self::Budget => "budget",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
        }
    }
}

// === impl CallId ===

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inside {
            0 => write!(f, "{}-{}", self.stream, self.number),
            inside => write!(f, "{}.{inside}-{}", self.stream, self.number),
        }
    }
}

// === impl Call ===

impl Call<'_> {
    /// What it is known by.
    #[must_use]
    pub fn id(&self) -> CallId {
        CallId { stream: self.stream, inside: self.inside, number: self.number }
    }

    /// When the call began: the first byte of its first half.
    #[must_use]
    pub fn begin(&self) -> Timestamp {
        self.request.or(self.response).map_or(Timestamp(0), |m| m.first.at)
    }

    /// When the last byte that was seen of it was captured.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let halves = self.request.into_iter().chain(self.response);
        halves.map(|half| half.last.at).max().unwrap_or_else(|| self.begin())
    }

    /// Nanoseconds from the request's first byte to the response's last; only when both were seen.
    #[must_use]
    pub fn duration_ns(&self) -> Option<u64> {
        Some(self.response?.last.at.since(self.request?.first.at))
    }

    /// The client as the server sees it, where that is somebody else's address: a node's, a gateway's.
    #[must_use]
    pub fn nat(&self) -> Option<Endpoint> {
        self.translated.map(|translated| translated.client).filter(|end| *end != self.client)
    }

    /// What the client asked, where it is not the server itself that has this address: a service.
    #[must_use]
    pub fn service(&self) -> Option<Endpoint> {
        self.translated.map(|translated| translated.server).filter(|end| *end != self.server)
    }
}

impl Translated {
    /// The same for calls that the server makes.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { client: self.server, server: self.client }
    }
}

impl<F: FnMut(&Call<'_>)> CallSink for F {
    fn call(&mut self, call: &Call<'_>) {
        self(call);
    }
}
