//! Amazon S3 and what speaks like it: signed requests of the service `s3`, or answers with both of its
//! request ids.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use model::{Headline, Message, Outcome, Protocol, Status, Tell};

use super::{
    table::fields,
    tell::{body, http_facts, http_headline, maybe, parameter, path, text},
};
use crate::http::View;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "s3",
    about: "object storage: Amazon S3, MinIO, Ceph and others over HTTP",
    specification: "https://docs.aws.amazon.com/AmazonS3/latest/API/",
    fields: &FIELDS,
    headline,
    tell,
};

/// Bytes of an error looked at.
const LOOK: usize = 2 << 10;

fields! {
    System = "rpc.system" Text, "Always aws-api";
    Operation = "rpc.method" Text, "The operation: GetObject, PutObject, ListObjectsV2";
    Bucket = "aws.s3.bucket" Text, "The bucket";
    Key = "aws.s3.key" Text, "The object";
    CopySource = "aws.s3.copy_source" Text, "The object that is copied";
    Upload = "aws.s3.upload_id" Text, "The upload in parts that it belongs to";
    Part = "aws.s3.part_number" Text, "The part's number";
    Prefix = "aws.s3.prefix" Text, "What the listed keys begin with";
    RequestId = "aws.request_id" Text, "The server's id of the request";
    Error = "aws.s3.error.code" Text, "The error: NoSuchKey, AccessDenied";
    Message = "aws.s3.error.message" Text, "What the server says about it";
}

/// In front of a signature.
static SIGNED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(SIGNATURE));
/// The name of a parameter.
static CREDENTIAL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("X-Amz-Credential="));
/// In `x-amz-id-2`, whatever the case of its letters.
static ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("-2"));

const SIGNATURE: &[u8] = b"AWS4-HMAC-SHA256";

/// Whether a call is one. Asked of every call: most are not, which is seen without looking for a field.
pub(super) fn is_call(view: View<'_>, response: Option<&Message>) -> bool {
    is_signed(view) || response.and_then(View::of).is_some_and(is_answer)
}

fn is_signed(view: View<'_>) -> bool {
    let has_service = |value: &[u8]| memchr::memmem::find(value, b"/s3/aws4_request").is_some();
    let holds = |value: Option<Cow<'_, [u8]>>| value.is_some_and(|value| has_service(&value));
    (SIGNED.find(view.head()).is_some()
        && holds(view.field(b"authorization").filter(|value| value.starts_with(SIGNATURE))))
        || (CREDENTIAL.find(view.target()).is_some() && holds(parameter(view, b"X-Amz-Credential")))
}

fn is_answer(view: View<'_>) -> bool {
    ID.find(view.head()).is_some()
        && view.field(b"x-amz-id-2").is_some()
        && view.field(b"x-amz-request-id").is_some()
}

/// Bucket and key: the bucket is in the path, or in front of the host's name.
fn place<'m>(view: View<'m>) -> (Option<Cow<'m, [u8]>>, Cow<'m, [u8]>) {
    let path = path(view);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    if let Some(host) = view.authority() {
        let at =
            memchr::memmem::find(&host, b".s3.").or_else(|| memchr::memmem::find(&host, b".s3-"));
        if let Some(bucket) = at.and_then(|at| host.get(..at)).filter(|name| !name.is_empty()) {
            return (Some(bucket.to_vec().into()), path.into());
        }
    }
    let end = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
    let bucket = path.get(..end).filter(|name| !name.is_empty()).map(Cow::Borrowed);
    (bucket, path.get(end + 1..).unwrap_or_default().into())
}

/// The operation (the names are those of the API reference).
fn operation(view: View<'_>) -> Cow<'static, str> {
    let (bucket, key) = place(view);
    let has = |name: &str| parameter_exists(view, name.as_bytes());
    let method = view.method();
    let verb = match method {
        b"GET" | b"HEAD" => "Get",
        b"PUT" | b"POST" => "Put",
        _ => "Delete",
    };
    let what = if key.is_empty() { "Bucket" } else { "Object" };
    const ASPECTS: [(&str, &str); 17] = [
        ("acl", "Acl"),
        ("tagging", "Tagging"),
        ("policy", "Policy"),
        ("lifecycle", "Lifecycle"),
        ("cors", "Cors"),
        ("encryption", "Encryption"),
        ("location", "Location"),
        ("versioning", "Versioning"),
        ("notification", "Notification"),
        ("replication", "Replication"),
        ("logging", "Logging"),
        ("website", "Website"),
        ("object-lock", "LockConfiguration"),
        ("retention", "Retention"),
        ("legal-hold", "LegalHold"),
        ("attributes", "Attributes"),
        ("publicAccessBlock", "PublicAccessBlock"),
    ];
    if let Some((_, aspect)) = ASPECTS.iter().find(|(name, _)| has(name)) {
        return format!("{verb}{what}{aspect}").into();
    }
    match (method, bucket.is_some(), key.is_empty()) {
        (b"GET", false, _) => "ListBuckets",
        (b"GET", _, true) if has("uploads") => "ListMultipartUploads",
        (b"GET", _, true) if has("versions") => "ListObjectVersions",
        (b"GET", _, true) if has("list-type") => "ListObjectsV2",
        (b"GET", _, true) => "ListObjects",
        (b"HEAD", _, true) => "HeadBucket",
        (b"PUT", _, true) => "CreateBucket",
        (b"DELETE", _, true) => "DeleteBucket",
        (b"POST", _, true) if has("delete") => "DeleteObjects",
        (b"POST", _, true) => "PostObject",
        (b"GET", _, false) if has("uploadId") => "ListParts",
        (b"GET", _, false) => "GetObject",
        (b"HEAD", _, false) => "HeadObject",
        (b"PUT", _, false) if has("partNumber") && copies(view) => "UploadPartCopy",
        (b"PUT", _, false) if has("partNumber") => "UploadPart",
        (b"PUT", _, false) if copies(view) => "CopyObject",
        (b"PUT", _, false) => "PutObject",
        (b"POST", _, false) if has("uploads") => "CreateMultipartUpload",
        (b"POST", _, false) if has("uploadId") => "CompleteMultipartUpload",
        (b"POST", _, false) if has("select") => "SelectObjectContent",
        (b"POST", _, false) if has("restore") => "RestoreObject",
        (b"DELETE", _, false) if has("uploadId") => "AbortMultipartUpload",
        (b"DELETE", _, false) => "DeleteObject",
        _ => "unknown",
    }
    .into()
}

fn copies(view: View<'_>) -> bool {
    view.field(b"x-amz-copy-source").is_some()
}

/// Whether a query has a parameter of this name, with or without a value.
fn parameter_exists(view: View<'_>, name: &[u8]) -> bool {
    let target = view.target();
    let Some(at) = target.iter().position(|byte| *byte == b'?') else { return false };
    let query = target.get(at + 1..).unwrap_or_default();
    query
        .split(|byte| *byte == b'&')
        .any(|pair| pair.split(|byte| *byte == b'=').next().is_some_and(|found| found == name))
}

/// What stands in the first element of this name.
fn element<'b>(xml: &'b [u8], open: &[u8]) -> Option<&'b [u8]> {
    let xml = xml.get(..LOOK).unwrap_or(xml);
    let at = memchr::memmem::find(xml, open)? + open.len();
    xml.get(at..)?.split(|byte| *byte == b'<').next()
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let mut line = http_headline(request, response);
    if let Some(view) = request.and_then(View::of) {
        line.method = Some(operation(view).into_owned().into_bytes().into());
        let (bucket, key) = place(view);
        line.endpoint = bucket.map(|bucket| {
            let slash: &[u8] = if key.is_empty() { b"" } else { b"/" };
            [&bucket, slash, &key].concat().into()
        });
    }
    if let Some(message) =
        response.filter(|message| View::of(message).is_some_and(|view| view.status() >= 300))
    {
        let body = body(message);
        if let Some(code) = element(&body, b"<Code>") {
            let said = element(&body, b"<Message>").unwrap_or_default();
            let (code, text) = (code.to_vec().into(), said.to_vec().into());
            line.status = Some(Status { code, text, outcome: Outcome::Error });
        }
    }
    line
}

fn tell(message: &Message, to: &mut dyn Tell) {
    http_facts(message, to);
    let Some(view) = View::of(message) else { return };
    text(to, At::System, "aws-api");
    if view.is_request() {
        text(to, At::Operation, operation(view).as_bytes());
        let (bucket, key) = place(view);
        maybe(to, At::Bucket, bucket);
        maybe(to, At::Key, Some(key).filter(|key| !key.is_empty()));
        maybe(to, At::CopySource, view.field(b"x-amz-copy-source"));
        maybe(to, At::Upload, parameter(view, b"uploadId"));
        maybe(to, At::Part, parameter(view, b"partNumber"));
        maybe(to, At::Prefix, parameter(view, b"prefix"));
        return;
    }
    maybe(to, At::RequestId, view.field(b"x-amz-request-id"));
    if view.status() >= 300 {
        let body = body(message);
        maybe(to, At::Error, element(&body, b"<Code>"));
        maybe(to, At::Message, element(&body, b"<Message>"));
    }
}
