//! What has to be remembered of a connection: a few bytes.

use dissect::Sink;
use model::Lore;

use super::{names, schema::Api, wire::Request};

/// Requests remembered, so that a response is known again after bytes were lost.
const ASKED_MAX: usize = 8;
/// How far apart the numbers of requests under way are at most.
const NEAR: u32 = 1 << 12;
/// Above every number that a Kafka message carries.
const TOKENS: u64 = 1 << 32;

/// One connection.
#[derive(Debug, Default)]
pub struct Session {
    /// The last requests that wait for a response, round and round.
    asked: [Option<Asked>; ASKED_MAX],
    next: u8,
    /// Bytes were lost, or the connection was joined late.
    has_lost: bool,
    /// The number of the last request.
    last: Option<i32>,
    tokens: Tokens,
    /// Names of topics by their ids ([`names::Names`]).
    names: Lore,
}

/// A request that waits for its response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asked {
    /// The number that the response repeats.
    pub correlation: i32,
    /// The API's number.
    pub key: i16,
    /// The version of the message.
    pub version: i16,
}

/// Tokens of SASL that go without a header after the first version of `SaslHandshake` (KIP-152).
#[derive(Debug, Default)]
struct Tokens {
    course: Course,
    /// How many the client sent.
    asked: u32,
    /// How many the server sent.
    answered: u32,
}

/// Whether tokens may come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Course {
    /// They may not.
    #[default]
    None,
    /// A handshake was asked for.
    Asked,
    /// It was granted.
    Granted,
}

// === impl Session ===

impl Session {
    /// A request waits for its response.
    pub fn ask(&mut self, request: &Request<'_>) {
        let Request { correlation, key, version, .. } = *request;
        self.answered(correlation);
        if let Some(place) = self.asked.get_mut(usize::from(self.next) % ASKED_MAX) {
            *place = Some(Asked { correlation, key, version });
        }
        self.next = self.next.wrapping_add(1);
        self.last = Some(correlation);
        self.tokens.course = match (key, version) {
            (super::SASL_HANDSHAKE, 0) => Course::Asked,
            _ => Course::None,
        };
    }

    /// The request under that number, if it is one of the last.
    pub fn asked(&self, correlation: i32) -> Option<Asked> {
        self.asked.iter().flatten().find(|asked| asked.correlation == correlation).copied()
    }

    /// It was answered.
    pub fn answered(&mut self, correlation: i32) {
        for place in &mut self.asked {
            if place.is_some_and(|asked| asked.correlation == correlation) {
                *place = None;
            }
        }
    }

    /// What the server said to a handshake.
    pub fn grant(&mut self, granted: bool) {
        if self.tokens.course == Course::Asked {
            self.tokens.course = if granted { Course::Granted } else { Course::None };
        }
    }

    /// Whether the client may send a token.
    pub fn takes_token(&self) -> bool {
        self.tokens.course != Course::None
    }

    /// Whether a response with that number, which nobody is known to have asked for, may be
    /// something else. Where requests were lost, one of them may have been a handshake, and tokens
    /// follow that; but the numbers of responses are near those of the requests that were seen.
    pub fn is_doubtful(&self, correlation: i32) -> bool {
        let near = |last: i32| last.abs_diff(correlation) <= NEAR;
        (self.has_lost || self.takes_token()) && !self.last.is_some_and(near)
    }

    /// The number of the client's next token.
    pub fn token_asked(&mut self) -> u64 {
        self.tokens.asked = self.tokens.asked.wrapping_add(1);
        TOKENS + u64::from(self.tokens.asked)
    }

    /// The number of the server's next token, if one is owed.
    pub fn token_answered(&mut self) -> Option<u64> {
        if self.tokens.course == Course::Asked || self.tokens.asked == self.tokens.answered {
            return None;
        }
        self.tokens.answered = self.tokens.answered.wrapping_add(1);
        Some(TOKENS + u64::from(self.tokens.answered))
    }

    /// A response says what topics are called; what there is no room for is not learned.
    pub fn learn(&mut self, api: &Api, version: i16, body: &[u8], sink: &mut Sink<'_, '_>) {
        if let Some((names, bytes)) = names::learned(&self.names, api, version, body)
            && sink.hold(bytes)
        {
            self.names = names;
        }
    }

    /// The open message is read with what is known of topics.
    pub fn attach(&self, sink: &mut Sink<'_, '_>) {
        if !self.names.is_none() {
            sink.attach(self.names.clone());
        }
    }

    /// It is not known what was said before.
    pub fn join(&mut self) {
        self.has_lost = true;
    }

    /// Bytes were lost: nobody knows how many tokens were among them.
    pub fn lost(&mut self) {
        let used = self.tokens.asked.max(self.tokens.answered);
        self.tokens = Tokens { course: Course::None, asked: used, answered: used };
        self.has_lost = true;
    }
}
