//! The verbs that lines begin with.

/// What a line says to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// `INFO`: who the server is.
    Info,
    /// `CONNECT`: who the client is.
    Connect,
    /// `PUB`: publishes a message.
    Pub,
    /// `HPUB`: the same, with headers.
    Hpub,
    /// `SUB`: subscribes to a subject.
    Sub,
    /// `UNSUB`: takes that back.
    Unsub,
    /// `MSG`: delivers a message.
    Msg,
    /// `HMSG`: the same, with headers.
    Hmsg,
    /// `PING`: asks whether the other side is there.
    Ping,
    /// `PONG`: it is.
    Pong,
    /// `+OK`: done, in verbose mode.
    Ok,
    /// `-ERR`: an error.
    Err,
    /// `RS+`: a route's interest in a subject of an account.
    RouteSub,
    /// `RS-`: takes that back.
    RouteUnsub,
    /// `RMSG`: a message between servers.
    RouteMsg,
    /// `LS+`: a leaf node's interest in a subject.
    LeafSub,
    /// `LS-`: takes that back.
    LeafUnsub,
    /// `LMSG`: a message of a leaf node.
    LeafMsg,
    /// `A+`: interest in an account.
    AccountSub,
    /// `A-`: takes that back.
    AccountUnsub,
}

/// All of them, as they are written; the place in this list is their number in a record.
const ALL: [(Verb, &[u8]); 20] = [
    (Verb::Info, b"INFO"),
    (Verb::Connect, b"CONNECT"),
    (Verb::Pub, b"PUB"),
    (Verb::Hpub, b"HPUB"),
    (Verb::Sub, b"SUB"),
    (Verb::Unsub, b"UNSUB"),
    (Verb::Msg, b"MSG"),
    (Verb::Hmsg, b"HMSG"),
    (Verb::Ping, b"PING"),
    (Verb::Pong, b"PONG"),
    (Verb::Ok, b"+OK"),
    (Verb::Err, b"-ERR"),
    (Verb::RouteSub, b"RS+"),
    (Verb::RouteUnsub, b"RS-"),
    (Verb::RouteMsg, b"RMSG"),
    (Verb::LeafSub, b"LS+"),
    (Verb::LeafUnsub, b"LS-"),
    (Verb::LeafMsg, b"LMSG"),
    (Verb::AccountSub, b"A+"),
    (Verb::AccountUnsub, b"A-"),
];

/// Bytes of the longest.
pub const VERB_MAX: usize = 7;

// === impl Verb ===

impl Verb {
    /// The verb that is `word`; the protocol does not care for case.
    #[inline]
    pub fn of(word: &[u8]) -> Option<Self> {
        ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(verb, _)| *verb)
    }

    /// Whether a verb may begin with `start`.
    pub fn may_be(start: &[u8]) -> bool {
        ALL.iter().any(|(_, name)| {
            name.get(..start.len()).is_some_and(|front| front.eq_ignore_ascii_case(start))
        })
    }

    /// As it is written.
    pub fn name(self) -> &'static [u8] {
        ALL.iter().find(|(verb, _)| *verb == self).map_or(&[], |(_, name)| name)
    }

    /// Its number in a record.
    pub fn number(self) -> u8 {
        let at = ALL.iter().position(|(verb, _)| *verb == self);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
    }

    /// The verb with that number.
    pub fn numbered(number: u8) -> Option<Self> {
        ALL.get(usize::from(number)).map(|(verb, _)| *verb)
    }

    /// What it does, in the words of messaging.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Connect => "connect",
            Self::Pub | Self::Hpub => "publish",
            Self::Sub | Self::RouteSub | Self::LeafSub | Self::AccountSub => "subscribe",
            Self::Unsub | Self::RouteUnsub | Self::LeafUnsub | Self::AccountUnsub => "unsubscribe",
            Self::Msg | Self::Hmsg => "deliver",
            Self::RouteMsg | Self::LeafMsg => "forward",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Ok => "ok",
            Self::Err => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_by_its_name_and_number() {
        for (verb, name) in ALL {
            assert_eq!(Verb::of(name), Some(verb));
            assert_eq!(Verb::of(&name.to_ascii_lowercase()), Some(verb));
            assert_eq!(Verb::numbered(verb.number()), Some(verb));
            assert!(name.len() <= VERB_MAX && Verb::may_be(&name[..1]));
        }
        assert_eq!(Verb::of(b"GET"), None);
        assert!(!Verb::may_be(b"PUBX"));
    }
}
