//! The fields of HTTP, under the names of OpenTelemetry's semantic conventions where one exists.

use model::{Field, Kind};

/// Declares the table and, in one breath, the indexes into it.
macro_rules! fields {
    ($($name:ident = $text:literal $kind:ident $($many:ident)?, $about:literal;)*) => {
        /// An index into [`FIELDS`].
        #[derive(Clone, Copy, Debug)]
        pub(super) enum At { $($name),* }

        /// All fields, by index.
        pub(crate) const FIELDS: &[Field] = &[$(Field {
            name: $text,
            kind: Kind::$kind,
            many: fields!(@ $($many)?),
            about: $about,
        }),*];

        #[cfg(test)]
        const NAMED: &[(At, &str)] = &[$((At::$name, $text)),*];
    };
    (@) => { false };
    (@ many) => { true };
}

fields! {
    Method = "http.request.method" Text, "Method of the request, as sent";
    Path = "url.path" Text, "Path that was asked for, without the query";
    Query = "url.query" Text, "What follows the ? of the target, as sent";
    Parameter = "url.query.parameter" Text many, "Parameters of the query, decoded, as name=value";
    Full = "url.full" Text, "URL that was asked for, put together from target and Host";
    Scheme = "url.scheme" Text, "Scheme of the URL, where the target names it";
    Address = "server.address" Text, "Host that was asked, without the port";
    Port = "server.port" Integer, "Port that was asked, where it is named";
    Version = "network.protocol.version" Text, "Version of HTTP as spoken by this side";
    UserAgent = "user_agent.original" Text, "Program that asked, as it names itself";
    Client = "client.address" Text, "First address in X-Forwarded-For: who asked the first proxy";
    Cookie = "http.request.cookie" Text many, "Cookies that were sent along, as name=value";
    RequestSize = "http.request.body.size" Integer, "Bytes of the request's body on the wire, without framing";
    Form = "http.request.form" Text many, "Fields of a form in the request's body, decoded, as name=value";
    Part = "http.request.multipart" Text many, "Parts of a multipart request: name, file name, type, size";
    Status = "http.response.status_code" Integer, "Status code of the response";
    Interim = "http.response.interim" Integer many, "Interim answers before the response: 100, 103";
    SetCookie = "http.response.set_cookie" Text many, "Cookies that were set, as name=value";
    ResponseSize = "http.response.body.size" Integer, "Bytes of the response's body on the wire, without framing";
    Trailers = "http.trailers" Bool, "Fields followed the body; they are the last of the headers";
    Partial = "http.headers.partial" Bool, "Some headers are shown as ?: they stand for what was said before the capture began, or in a gap";
    Stream = "http.stream.id" Integer, "Number of the stream in its connection (HTTP/2, HTTP/3)";
    CutOff = "http.stream.reset" Text, "Why the stream was ended early: the error of RST_STREAM, or of GOAWAY";
    Pushed = "http.request.pushed" Bool, "The server promised the answer before anybody asked (PUSH_PROMISE)";
    Protocol = "http.request.protocol" Text, "What an extended CONNECT wants to speak: websocket";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indexes_agree() {
        assert_eq!(NAMED.len(), FIELDS.len());
        for (at, name) in NAMED {
            assert_eq!(FIELDS[*at as usize].name, *name);
        }
    }
}
