//! gRPC over HTTP/2, and gRPC-Web over any HTTP.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md> and `PROTOCOL-WEB.md`. A call is
//! one exchange of HTTP; its messages are in the bodies (`frames`), its status in the trailers, in
//! the head where there are no messages, or (gRPC-Web) in the last frame of the body.

mod base64;
mod descriptors;
mod fields;
mod frames;
mod messages;
mod metadata;
mod protobuf;
mod reflection;
mod show;
mod status;
#[cfg(test)]
mod tests;
mod timeout;
mod typed;

use model::Protocol;

pub use descriptors::{Descriptors, Flaw};
pub(crate) use reflection::{Reflection, is_reflection};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "grpc",
    about: "gRPC and gRPC-Web: unary and streaming calls, status, metadata, messages with their schema (--proto-descriptors, or server reflection seen) or without",
    specification: "https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md",
    fields: &fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// Whether a body of this type holds messages of gRPC.
pub(super) fn is_media_type(media_type: &[u8]) -> bool {
    const NAME: &[u8] = b"application/grpc";
    let Some((name, rest)) = media_type.split_at_checked(NAME.len()) else { return false };
    name.eq_ignore_ascii_case(NAME)
        && matches!(rest.first(), None | Some(b'+' | b';' | b'-' | b' '))
}
