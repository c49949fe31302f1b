//! Fields that the applications sent along (`PROTOCOL-HTTP2.md`, "Custom-Metadata").

use model::Tell;

use super::{base64, fields::At};
use crate::{
    http::View,
    over_http::tell::{maybe, text},
    spell::push_hex,
};

/// Names that are HTTP's own.
const RESERVED: [&[u8]; 10] = [
    b"te",
    b"content-type",
    b"content-length",
    b"user-agent",
    b"host",
    b"connection",
    b"transfer-encoding",
    b"trailer",
    b"date",
    b"server",
];
/// Names whose values are for the server alone.
const SECRET: [&[u8]; 4] = [b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"];

/// Tells the metadata of a head and of its trailers.
pub(super) fn tell(view: View<'_>, to: &mut dyn Tell) {
    for (name, value) in view.fields().chain(view.trailers()) {
        tell_one(name, &value, to);
    }
}

/// Tells one field, unless it is the protocol's.
pub(super) fn tell_one(name: &[u8], value: &[u8], to: &mut dyn Tell) {
    if !is_custom(name) {
        return;
    }
    let name = name.to_ascii_lowercase();
    let mut line = [&name[..], b"="].concat();
    match name.strip_suffix(b"-bin") {
        _ if SECRET.contains(&&name[..]) => line.extend_from_slice(b"***"),
        None => line.extend_from_slice(value),
        Some(_) => push_binary(value, &mut line),
    }
    text(to, At::Metadata, line);
}

fn is_custom(name: &[u8]) -> bool {
    let begins = name.get(..5).is_some_and(|front| front.eq_ignore_ascii_case(b"grpc-"));
    let protocols = begins || name.starts_with(b":") || name == b"?";
    !protocols && !RESERVED.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Values of one name may be joined by commas. What is no text is in hexadecimal.
fn push_binary(value: &[u8], line: &mut Vec<u8>) {
    for (at, one) in value.split(|b| *b == b',').enumerate() {
        if at > 0 {
            line.extend_from_slice(b", ");
        }
        let bytes = base64::decode(one.trim_ascii()).bytes;
        match str::from_utf8(&bytes) {
            Ok(text) if !text.chars().any(char::is_control) => line.extend_from_slice(&bytes),
            _ => {
                line.extend_from_slice(b"0x");
                push_hex(&bytes, line);
            }
        }
    }
}

/// Tells `grpc-status-details-bin`, a `google.rpc.Status`.
pub(super) fn tell_details(view: View<'_>, to: &mut dyn Tell) {
    let name = b"grpc-status-details-bin";
    // Without trailers the head has what they would say.
    let mut fields = if view.has_trailers() { view.trailers() } else { view.fields() };
    let details = fields.find(|(found, _)| found.eq_ignore_ascii_case(name));
    let shown = details.map(|(_, value)| {
        let mut out = Vec::new();
        super::protobuf::push(&base64::decode(&value).bytes, 4 << 10, &mut out);
        out
    });
    maybe(to, At::Details, shown);
}
