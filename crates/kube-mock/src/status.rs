//! What the server says where it says no (Kubernetes' API conventions, "Response Status Kind").

use serde_json::{Value, json};

/// A refusal.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    })
}

/// The refusal that a code stands for.
pub(crate) fn of_code(code: u16) -> Value {
    let (reason, message) = match code {
        400 => ("BadRequest", "the request is invalid"),
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "forbidden: User \"system:anonymous\" cannot do that"),
        404 => ("NotFound", "the server could not find the requested resource"),
        405 => {
            ("MethodNotAllowed", "the server does not allow this method on the requested resource")
        }
        409 => ("AlreadyExists", "already exists, or is another one than meant"),
        415 => ("UnsupportedMediaType", "the body of the request was in an unknown format"),
        410 => ("Expired", "The resourceVersion for the provided watch is too old."),
        422 => ("Invalid", "the request is invalid"),
        429 => ("TooManyRequests", "too many requests, please try again later"),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request"),
        504 => ("Timeout", "the server did not answer in time"),
        _ => ("InternalError", "an error on the server"),
    };
    status(code, reason, message)
}

/// Somebody may not do this.
pub(crate) fn forbidden(verb: &str, plural: &str) -> Value {
    let message = format!(
        "{plural} is forbidden: User \"we\" cannot {verb} resource \"{plural}\" in API group \"\""
    );
    status(403, "Forbidden", &message)
}

/// A version that is forgotten.
pub(crate) fn too_old(asked: u64, first: u64) -> Value {
    status(410, "Expired", &format!("too old resource version: {asked} ({first})"))
}

/// A page of a list that is forgotten.
pub(crate) fn page_too_old() -> Value {
    status(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result.",
    )
}

/// A streaming list, where there are none.
pub(crate) fn no_streams() -> Value {
    status(
        422,
        "Invalid",
        "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is \
         forbidden for watch unless the WatchList feature gate is enabled",
    )
}
