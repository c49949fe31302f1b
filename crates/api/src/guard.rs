//! The door: who is let in, from where, and with what around every answer.
//!
//! A page of somebody else's may make a browser ask us under its own name (DNS rebinding). So `Host`
//! must be an address, `localhost` or a name we were told, and `Origin`, where there is one, must be
//! the same place.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use tokio::time::timeout;

use crate::{Fault, Grant, Who, audit::Entry, encryption::Encrypted, state::Api};

/// Bytes of a path with its query.
const URI_BYTES_MAX: usize = 32 << 10;
/// Bytes of all headers of a request.
const HEADER_BYTES_MAX: usize = 32 << 10;
/// Bytes of a body that is not wanted, which are read all the same.
const UNWANTED_BYTES_MAX: usize = 64 << 10;
/// How long they are waited for.
const UNWANTED_TIME: Duration = Duration::from_secs(1);
/// The cookie that carries a token where a header can't: links, event sources.
pub(crate) const COOKIE: &str = "callscope-token";

/// What the dashboard may do: run its own scripts, talk to its own server. Styles are set by its
/// editor and its charts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is said with every answer.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Lets a request in with its role, or says why not.
pub(crate) async fn door(
    State(api): State<Arc<Api>>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_api = is_api(request.uri().path());
    let admitted = admit(&api, &request);
    let audit = api.settings.audit.as_ref();
    let entry = audit.map(|audit| Entry::of(audit, &request, admitted.as_ref().ok()));
    let mut response = match admitted {
        Ok(who) => {
            request.extensions_mut().insert(who);
            next.run(request).await
        }
        Err(fault) => {
            drain(request.into_body()).await;
            fault.into_response()
        }
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    match entry {
        Some(entry) => entry.follow(response),
        None => response,
    }
}

fn admit(api: &Api, request: &Request) -> Result<Who, Fault> {
    let (uri, headers) = (request.uri(), request.headers());
    check_sizes(uri, headers)?;
    check_place(api, request.method(), uri, headers)?;
    let settings = &api.settings;
    if settings.tokens.is_empty() && settings.certified.is_none() && settings.login.is_none() {
        return Ok(Who::anybody());
    }
    // Of a token, a session and a certificate, the first: it was shown on purpose.
    let login = settings.login.as_ref();
    let by_session = || login.and_then(|login| login.of_session(headers));
    match by_token(api, headers).or_else(by_session).or_else(|| certified(api, request)) {
        Some(grant) => Ok(Who::new(grant)),
        // The dashboard itself holds no data, and must come up to ask for a token.
        None if is_open(uri.path()) => Ok(Who::nobody()),
        None => Err(Fault {
            hint: Some(match login {
                Some(_) => "log in: /login, or Authorization: Bearer TOKEN".into(),
                None => "Authorization: Bearer TOKEN".into(),
            }),
            ..Fault::new(StatusCode::UNAUTHORIZED, "this needs a token")
        }),
    }
}

/// Hears who is refused to the end, within bounds: an answer that comes before may be lost on clients
/// that are still speaking, though they are told to keep it (RFC 9113 §8.1).
pub(crate) async fn drain(body: Body) {
    drop(timeout(UNWANTED_TIME, to_bytes(body, UNWANTED_BYTES_MAX)).await);
}

/// What the path leads to more than the dashboard's files.
fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || path == "/mcp" || path.starts_with("/mcp/") || path == "/metrics"
}

/// What needs no token.
fn is_open(path: &str) -> bool {
    !is_api(path) || path == "/api/v1/openapi.json"
}

fn check_sizes(uri: &Uri, headers: &HeaderMap) -> Result<(), Fault> {
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    if path > URI_BYTES_MAX {
        let message = format!("a path and its query have at most {URI_BYTES_MAX} bytes");
        return Err(Fault::new(StatusCode::URI_TOO_LONG, message));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEADER_BYTES_MAX {
        let message = format!("headers have at most {HEADER_BYTES_MAX} bytes together");
        return Err(Fault::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message));
    }
    Ok(())
}

/// Whether it was sent to us by name, and by a page of ours if by a page.
fn check_place(api: &Api, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Fault> {
    let named = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    let Some(host) = named.or_else(|| uri.authority().map(|authority| authority.as_str())) else {
        return Err(Fault::bad("a request names its host"));
    };
    if !is_ours(host, &api.settings.hosts) {
        return Err(Fault {
            hint: Some("name it with --host".into()),
            ..Fault::new(StatusCode::MISDIRECTED_REQUEST, "this server is not known by that name")
        });
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let place = origin.to_str().ok().and_then(|origin| {
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
        });
        if place != Some(host) {
            return Err(Fault::forbidden("a page of another origin may not ask this server"));
        }
    }
    // A link from elsewhere may open the dashboard; nothing else of ours is for other sites.
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    let foreign = matches!(site, Some("cross-site" | "same-site"));
    if foreign && (is_api(uri.path()) || method != Method::GET) {
        return Err(Fault::forbidden("a page of another site may not ask this server"));
    }
    Ok(())
}

/// An address can't be pointed elsewhere by a name server; a name must be one of ours.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    let name = without_port(host);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            // `::1` has no port.
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

/// By the certificate that the client has shown.
fn certified(api: &Api, request: &Request) -> Option<Arc<Grant>> {
    let name = request.extensions().get::<Encrypted>()?.certified.clone()?;
    let default = api.settings.certified.as_ref()?;
    let known = api.settings.tokens.of_certificate(&name);
    Some(known.unwrap_or_else(|| Arc::new(Grant { name: name.to_string(), ..(**default).clone() })))
}

/// By `Authorization`, or by cookie.
fn by_token(api: &Api, headers: &HeaderMap) -> Option<Arc<Grant>> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    let shown = bearer.or_else(|| cookie(headers, COOKIE))?;
    api.settings.tokens.of_token(shown)
}

/// RFC 6750 §2.1; the scheme's name in any case (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, of: &str) -> Option<&'h [u8]> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == of).map(|(_, value)| value.trim().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_somebody_else_may_point_here_are_not_ours() {
        for ours in ["127.0.0.1:8899", "[::1]:8899", "localhost", "LOCALHOST:80", "10.1.2.3", "::1"]
        {
            assert!(is_ours(ours, &[]), "{ours}");
        }
        for other in ["evil.example", "evil.example:8899", "127.0.0.1.evil.example", "", ":80"] {
            assert!(!is_ours(other, &[]), "{other}");
        }
        assert!(is_ours("calls.example:443", &["calls.example".into()]));
    }

    #[test]
    fn a_bearer_is_read_whatever_the_case_of_the_scheme() {
        assert_eq!(bearer(b"bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b""), None);
    }
}
