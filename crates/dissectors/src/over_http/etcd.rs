//! etcd's API above gRPC: operation and key.

use std::borrow::Cow;

use model::{Headline, Message, Protocol, Tell};

use super::{
    grpc,
    table::fields,
    tell::{http_facts, integer, maybe, path, text},
    varints::first_message,
};
use crate::{http::View, protobuf::Fields};

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "etcd",
    about: "etcd above gRPC: operation and key",
    specification: "https://etcd.io/docs/latest/dev-guide/api_reference_v3/",
    fields: &FIELDS,
    headline,
    tell,
};

/// In front of the services' names.
const SERVICES: [&[u8]; 3] = [b"/etcdserverpb.", b"/v3lockpb.", b"/v3electionpb."];

fields! {
    System = "db.system.name" Text, "Always etcd";
    Service = "rpc.service" Text, "The service: etcdserverpb.KV";
    Operation = "db.operation.name" Text, "The operation: Range, Put, Txn, Watch, LeaseGrant";
    Key = "etcd.key" Text, "The key, or the first of a range";
    RangeEnd = "etcd.range_end" Text, "Where the range ends; absent for one key";
    Lease = "etcd.lease_id" Integer, "The lease";
    ValueSize = "etcd.value_size" Integer, "Bytes of the value that is put";
    Count = "etcd.count" Integer, "Keys in the range, as the server says";
    Revision = "etcd.revision" Integer, "The store's revision, as the server says";
}

/// Whether a call of gRPC is one.
pub(super) fn is_call(view: View<'_>) -> bool {
    SERVICES.iter().any(|service| view.target().starts_with(service))
}

/// Service and operation of a path.
fn parts(path: &[u8]) -> (&[u8], &[u8]) {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let slash = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default())
}

/// The part of a request that has a key in field 1: of a watch, what is created; of a transaction, what
/// is compared first.
fn keyed<'b>(operation: &[u8], message: &'b [u8]) -> Option<&'b [u8]> {
    match operation {
        b"Range" | b"Put" | b"DeleteRange" | b"Lock" | b"Campaign" | b"Leader" => Some(message),
        b"Watch" => Fields::of_cut(message).bytes(1),
        _ => None,
    }
}

fn key<'b>(operation: &[u8], message: &'b [u8]) -> Option<&'b [u8]> {
    if operation == b"Txn" {
        return Fields::of_cut(Fields::of_cut(message).bytes(1)?).bytes(3);
    }
    Fields::of_cut(keyed(operation, message)?).bytes(1)
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let mut line = (grpc::PROTOCOL.headline)(request, response);
    let Some(message) = request else { return line };
    let Some(view) = View::of(message) else { return line };
    let (service, operation) = parts(path(view));
    line.method = Some(operation.into());
    let asked = first_message(message);
    let key = asked.as_deref().and_then(|asked| key(operation, asked)).map(<[u8]>::to_vec);
    line.endpoint = Some(key.map_or(Cow::Borrowed(service), Cow::Owned));
    line
}

fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    text(to, At::System, "etcd");
    let Some(said) = first_message(message) else { return };
    if !view.is_request() {
        // Every answer begins with a head (ResponseHeader), whose field 3 is the revision.
        if let Some(revision) =
            Fields::of_cut(&said).bytes(1).and_then(|head| Fields::of_cut(head).number(3))
        {
            integer(to, At::Revision, revision.cast_signed());
        }
        let operation = to.other().and_then(View::of).map(|asked| parts(path(asked)).1.to_vec());
        if operation.as_deref() == Some(b"Range") {
            integer(to, At::Count, Fields::of_cut(&said).number(4).unwrap_or(0).cast_signed());
        }
        return;
    }
    let (service, operation) = parts(path(view));
    text(to, At::Service, service);
    text(to, At::Operation, operation);
    maybe(to, At::Key, key(operation, &said));
    let keyed = keyed(operation, &said).unwrap_or_default();
    if matches!(operation, b"Range" | b"DeleteRange" | b"Watch") {
        maybe(to, At::RangeEnd, Fields::of_cut(keyed).bytes(2));
    }
    if operation == b"Put" {
        integer(
            to,
            At::ValueSize,
            super::tell::signed(Fields::of_cut(&said).bytes(2).unwrap_or_default().len() as u64),
        );
        if let Some(lease) = Fields::of_cut(&said).number(3) {
            integer(to, At::Lease, lease.cast_signed());
        }
    }
}
