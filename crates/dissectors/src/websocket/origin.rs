//! What the opening handshake agreed on (RFC 6455 §4, RFC 7692 §7).

use dissect::Opening;

use crate::http::switch::Switch;

/// Bytes kept of the path and of the sub-protocol's name.
const TEXT_MAX: usize = 256;

/// The handshake, as far as messages need it.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// What the call is known by that was the handshake; empty where that is not known.
    pub(super) handshake: Box<str>,
    /// The path asked for; empty where the handshake was not seen.
    pub(super) path: Box<[u8]>,
    /// The sub-protocol chosen; empty for none.
    pub(super) protocol: Box<[u8]>,
    pub(super) deflate: Deflate,
}

/// Whether messages may be compressed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Deflate {
    /// The handshake was not seen.
    #[default]
    Unknown,
    /// It was not agreed on.
    Never,
    /// It was; whether each side forgets its window after every message.
    Agreed { client_forgets: bool, server_forgets: bool },
}

// === impl Origin ===

impl Origin {
    /// From what HTTP left.
    pub(super) fn of(opening: &Opening<'_>) -> Self {
        let Some(switch) = Switch::of(opening.heritage) else { return Self::default() };
        let path = switch.request().map_or(&[][..], |request| request.target());
        let response = switch.response();
        let field = |name: &[u8]| response.and_then(|response| response.field(name));
        Self {
            handshake: opening.by.map(|call| call.to_string().into()).unwrap_or_default(),
            path: short(path),
            protocol: short(&field(b"sec-websocket-protocol").unwrap_or_default()),
            deflate: Deflate::of(&field(b"sec-websocket-extensions").unwrap_or_default()),
        }
    }
}

// === impl Deflate ===

impl Deflate {
    /// From the value of `Sec-WebSocket-Extensions` in the response.
    fn of(extensions: &[u8]) -> Self {
        let extension = extensions.split(|b| *b == b',').find(|extension| {
            let name = extension.split(|b| *b == b';').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"permessage-deflate")
        });
        let Some(extension) = extension else { return Self::Never };
        let has = |name: &[u8]| {
            extension.split(|b| *b == b';').any(|word| word.trim_ascii().eq_ignore_ascii_case(name))
        };
        Self::Agreed {
            client_forgets: has(b"client_no_context_takeover"),
            server_forgets: has(b"server_no_context_takeover"),
        }
    }
}

fn short(text: &[u8]) -> Box<[u8]> {
    text.get(..TEXT_MAX).unwrap_or(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_agreed_is_read_off_the_response() {
        assert_eq!(Deflate::of(b""), Deflate::Never);
        assert_eq!(Deflate::of(b"x-webkit-deflate-frame"), Deflate::Never);
        assert_eq!(
            Deflate::of(
                b"foo, permessage-deflate; server_no_context_takeover; server_max_window_bits=10"
            ),
            Deflate::Agreed { client_forgets: false, server_forgets: true }
        );
    }
}
