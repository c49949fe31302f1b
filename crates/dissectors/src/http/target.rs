//! What a request asks for (RFC 9112 §3.2), and the names in it.

/// A request target, taken apart.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Target<'m> {
    pub(super) scheme: Option<&'m [u8]>,
    pub(super) authority: Option<&'m [u8]>,
    pub(super) path: Option<&'m [u8]>,
    pub(super) query: Option<&'m [u8]>,
}

// === impl Target ===

impl<'m> Target<'m> {
    /// Takes apart `text`, the target of a `CONNECT` or of any other request.
    pub(super) fn of(text: &'m [u8], connect: bool) -> Self {
        if connect {
            return Self { authority: Some(text), ..Self::default() };
        }
        if text == b"*" {
            return Self::default();
        }
        let Some((scheme, rest)) = absolute(text) else {
            let (path, query) = cut_query(text);
            return Self { path: Some(path), query, ..Self::default() };
        };
        let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#'));
        let (authority, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let (path, query) = cut_query(rest);
        let path = if path.is_empty() { b"/" } else { path };
        Self { scheme: Some(scheme), authority: Some(authority), path: Some(path), query }
    }
}

/// Host and port of an authority; the brackets of an IPv6 address are not part of its name.
pub(super) fn host_and_port(authority: &[u8]) -> (&[u8], Option<u16>) {
    let host = match authority.iter().rposition(|b| *b == b'@') {
        Some(at) => authority.get(at + 1..).unwrap_or_default(),
        None => authority,
    };
    let colon = host.iter().rposition(|b| *b == b':');
    let port = colon.and_then(|at| str::from_utf8(host.get(at + 1..)?).ok()?.parse().ok());
    let name = match (colon, host) {
        (_, [b'[', rest @ ..]) => rest.split(|b| *b == b']').next().unwrap_or_default(),
        (Some(at), _) => host.get(..at).unwrap_or_default(),
        _ => host,
    };
    (name, port)
}

/// `http` and what follows the `://`.
fn absolute(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|b| !b.is_ascii_alphanumeric() && !b"+-.".contains(b))?;
    let (scheme, rest) = text.split_at(end);
    let rest = rest.strip_prefix(b"://")?;
    (!scheme.is_empty()).then_some((scheme, rest))
}

fn cut_query(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == b'?') {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_taken_apart() {
        let origin = Target::of(b"/a/b?c=d?e", false);
        assert_eq!((origin.path, origin.query), (Some(&b"/a/b"[..]), Some(&b"c=d?e"[..])));
        let absolute = Target::of(b"https://me@shop:8443?q", false);
        assert_eq!(absolute.scheme, Some(&b"https"[..]));
        assert_eq!(absolute.authority, Some(&b"me@shop:8443"[..]));
        assert_eq!((absolute.path, absolute.query), (Some(&b"/"[..]), Some(&b"q"[..])));
        assert_eq!(Target::of(b"shop:443", true).authority, Some(&b"shop:443"[..]));
        assert_eq!(Target::of(b"*", false), Target::default());
    }

    #[test]
    fn a_port_is_a_number_or_none() {
        assert_eq!(host_and_port(b"u:p@shop:80"), (&b"shop"[..], Some(80)));
        assert_eq!(host_and_port(b"[::1]:80"), (&b"::1"[..], Some(80)));
        assert_eq!(host_and_port(b"[::1]"), (&b"::1"[..], None));
        assert_eq!(host_and_port(b"shop:99999"), (&b"shop"[..], None));
        assert_eq!(host_and_port(b""), (&b""[..], None));
    }
}
