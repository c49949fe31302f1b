//! The first message of a call of gRPC.

use std::borrow::Cow;

use model::Message;

use super::tell::decode;
use crate::http::View;

/// Bytes in front of a message of gRPC.
const PREFIX: usize = 5;

/// The first message of one side of a call of gRPC; what is compressed is undone. None where it is not
/// all there.
pub(super) fn first_message(message: &Message) -> Option<Cow<'_, [u8]>> {
    let body = &message.body.kept;
    let ([flags, len @ ..], rest) = body.split_first_chunk::<PREFIX>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let bytes = rest.get(..len).unwrap_or(rest);
    if flags & 1 == 0 {
        return Some(bytes.into());
    }
    let coding = View::of(message)?.field(b"grpc-encoding")?;
    decode(bytes, bytes.len() == len, &coding).map(Cow::Owned)
}
