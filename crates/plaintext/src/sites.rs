//! Which function of which library gets which program. A table; nothing else knows a function's name.

use std::ops::Range;

use crate::{library::Kind, places};

/// A program of `ebpf/tls.c`, by its name there.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Program(pub &'static str);

/// A function, and what is attached to it.
struct Function {
    name: &'static str,
    kind: Kind,
    /// At its entry.
    entry: &'static str,
    /// At its return.
    returns: Option<&'static str>,
    /// How many of the function's arguments the entry's program reads, counted from the first.
    arguments: usize,
}

const RETURNS: Option<&str> = Some("returns");

const fn of(
    kind: Kind,
    name: &'static str,
    entry: &'static str,
    returns: Option<&'static str>,
) -> Function {
    Function { name, kind, entry, returns, arguments: 2 }
}

/// One whose program reads `arguments` of the function's arguments.
const fn with(arguments: usize, function: Function) -> Function {
    Function { arguments, ..function }
}

/// In `BoringSSL` and `LibreSSL` the same names have the same arguments. `SSL_peek` takes nothing:
/// what is peeked at is read later.
const FUNCTIONS: [Function; 19] = [
    of(Kind::OpenSsl, "SSL_read", "ssl_read", RETURNS),
    of(Kind::OpenSsl, "SSL_write", "ssl_write", RETURNS),
    with(4, of(Kind::OpenSsl, "SSL_read_ex", "ssl_read_ex", RETURNS)),
    with(4, of(Kind::OpenSsl, "SSL_write_ex", "ssl_write_ex", RETURNS)),
    of(Kind::OpenSsl, "SSL_sendfile", "opaque_write", RETURNS),
    with(1, of(Kind::OpenSsl, "SSL_do_handshake", "handshake", RETURNS)),
    with(1, of(Kind::OpenSsl, "SSL_set_connect_state", "is_client", None)),
    with(1, of(Kind::OpenSsl, "SSL_connect", "is_client", None)),
    with(1, of(Kind::OpenSsl, "SSL_set_accept_state", "is_server", None)),
    with(1, of(Kind::OpenSsl, "SSL_accept", "is_server", None)),
    with(1, of(Kind::OpenSsl, "SSL_free", "freed", None)),
    of(Kind::GnuTls, "gnutls_record_recv", "gnutls_recv", RETURNS),
    of(Kind::GnuTls, "gnutls_record_recv_seq", "gnutls_recv", RETURNS),
    of(Kind::GnuTls, "gnutls_record_recv_packet", "opaque_read", RETURNS),
    of(Kind::GnuTls, "gnutls_record_send", "gnutls_send", RETURNS),
    of(Kind::GnuTls, "gnutls_record_send2", "gnutls_send", RETURNS),
    with(1, of(Kind::GnuTls, "gnutls_handshake", "handshake", RETURNS)),
    of(Kind::GnuTls, "gnutls_init", "gnutls_init", Some("gnutls_init_returns")),
    with(1, of(Kind::GnuTls, "gnutls_deinit", "freed", None)),
];

/// What reads and writes in `OpenSSL` in two ways, of which both are one inside: where the first calls the
/// function that the second begins with, that one function is met instead of both. It takes the arguments
/// of the second.
const TWINS: [(&str, &str); 2] = [("SSL_read", "SSL_read_ex"), ("SSL_write", "SSL_write_ex")];

/// Bytes of a function that are looked at if its length is not known.
const INSIDE_BYTES: u64 = 64;

/// Go's functions: entry, and whether its returns are met.
pub(crate) const GO_FUNCTIONS: [(&str, &str, bool); 5] = [
    ("crypto/tls.(*Conn).Read", "go_read", true),
    ("crypto/tls.(*Conn).Write", "go_write", true),
    ("crypto/tls.(*Conn).clientHandshake", "go_is_client", false),
    ("crypto/tls.(*Conn).serverHandshake", "go_is_server", false),
    ("crypto/tls.(*Conn).Close", "go_freed", false),
];
/// The program for each return of a Go function.
pub(crate) const GO_RETURNS: Program = Program("go_returns");

/// Only `BoringSSL` and those that come from it have it.
const BORING: &[u8] = b"SSL_CTX_set_grease_enabled";

/// Functions found in a file.
#[derive(Default)]
pub(crate) struct Sites {
    addresses: [Option<Range<u64>>; FUNCTIONS.len()],
    is_boring: bool,
}

// === impl Sites ===

impl Sites {
    /// A function of the file.
    pub(crate) fn add(&mut self, name: &[u8], place: Range<u64>) {
        if !name.starts_with(b"SSL_") && !name.starts_with(b"gnutls_") {
            return;
        }
        self.is_boring |= name == BORING;
        let Some(at) = FUNCTIONS.iter().position(|f| f.name.as_bytes() == name) else { return };
        self.addresses[at] = Some(place);
    }

    /// The library, if what it reads and writes with is there.
    pub(crate) fn kind(&self) -> Option<Kind> {
        let has = |name| {
            let at = FUNCTIONS.iter().position(|f| f.name == name);
            at.is_some_and(|at| self.addresses[at].is_some())
        };
        if has("SSL_read") && has("SSL_write") {
            return Some(if self.is_boring { Kind::BoringSsl } else { Kind::OpenSsl });
        }
        (has("gnutls_record_recv") && has("gnutls_record_send")).then_some(Kind::GnuTls)
    }

    /// What is attached where: program and address. `code` gives the code of a function.
    pub(crate) fn attached<'c>(
        &self,
        code: impl Fn(&Range<u64>) -> Option<&'c [u8]>,
    ) -> Vec<(Program, u64)> {
        let kind = self.kind();
        let is_of = |function: &Function| match kind {
            Some(Kind::GnuTls) => function.kind == Kind::GnuTls,
            _ => function.kind == Kind::OpenSsl,
        };
        let mut found: Vec<(&Function, Range<u64>)> = FUNCTIONS
            .iter()
            .zip(&self.addresses)
            .filter(|(function, _)| is_of(function))
            .filter_map(|(function, place)| Some((function, place.clone()?)))
            .collect();
        for (one, other) in TWINS {
            meet_inside(&mut found, one, other, &code);
        }
        let programs = |(function, place): (&Function, Range<u64>)| {
            let needed = places::C.get(..function.arguments).unwrap_or(&places::C);
            let cheap = code(&place)
                .and_then(|code| places::cheap(code, needed, function.returns.is_some()));
            let at = place.start + cheap.unwrap_or(0);
            [Some(function.entry), function.returns]
                .into_iter()
                .flatten()
                .map(move |program| (Program(program), at))
        };
        found.into_iter().flat_map(programs).collect()
    }
}

/// Leaves out `one`, and puts `other` where both come together, if a probe is cheap there, and not at `one`.
fn meet_inside<'c>(
    found: &mut Vec<(&Function, Range<u64>)>,
    one: &str,
    other: &str,
    code: &impl Fn(&Range<u64>) -> Option<&'c [u8]>,
) {
    let place = |name| found.iter().find(|(f, _)| f.name == name).map(|(_, place)| place.clone());
    let (Some(first), Some(second)) = (place(one), place(other)) else { return };
    let inside = || {
        let (first_code, second_code) = (code(&first)?, code(&second)?);
        if places::cheap(first_code, &places::C[..2], true).is_some() {
            return None;
        }
        let both = second.start.checked_add_signed(places::callee(second_code, &places::C)?)?;
        let both = both..both.checked_add(INSIDE_BYTES)?;
        let from_first = both.start.wrapping_sub(first.start).cast_signed();
        let does = places::calls(first_code, from_first)
            && places::cheap(code(&both)?, &places::C, true).is_some();
        does.then_some(both)
    };
    let Some(both) = inside() else { return };
    found.retain(|(function, _)| function.name != one);
    for (function, place) in found {
        if function.name == other {
            *place = both.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_alone_are_no_library() {
        let mut sites = Sites::default();
        sites.add(b"SSL_read", 1..9);
        assert_eq!(sites.kind(), None);
        sites.add(b"SSL_write", 2..9);
        assert_eq!(sites.kind(), Some(Kind::OpenSsl));
        sites.add(BORING, 3..9);
        assert_eq!(sites.kind(), Some(Kind::BoringSsl));
    }

    #[test]
    fn each_function_has_its_programs() {
        let mut sites = Sites::default();
        for (name, address) in
            [(&b"SSL_read"[..], 1), (b"SSL_write", 2), (b"SSL_free", 3), (b"SSL_peek", 4)]
        {
            sites.add(name, address..9);
        }
        let attached: Vec<_> =
            sites.attached(|_| None).iter().map(|(program, at)| (program.0, *at)).collect();
        let expected =
            [("ssl_read", 1), ("returns", 1), ("ssl_write", 2), ("returns", 2), ("freed", 3)];
        assert_eq!(attached, expected);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn what_two_begin_with_is_met_once() {
        // At 16: push rbx. At 32, SSL_read: sub rsp, 8; call 16. At 48, SSL_read_ex: the same.
        let mut text = [0x90_u8; 64];
        text[16] = 0x53;
        text[32..41].copy_from_slice(&[0x48, 0x83, 0xec, 0x08, 0xe8, 0xe7, 0xff, 0xff, 0xff]);
        text[48..57].copy_from_slice(&[0x48, 0x83, 0xec, 0x08, 0xe8, 0xd7, 0xff, 0xff, 0xff]);
        let code = |place: &Range<u64>| {
            let (start, end) = (usize::try_from(place.start), usize::try_from(place.end));
            text.get(start.ok()?..end.ok()?.min(64))
        };
        let mut sites = Sites::default();
        for (name, place) in
            [(&b"SSL_read"[..], 32..41), (b"SSL_read_ex", 48..57), (b"SSL_write", 16..20)]
        {
            sites.add(name, place);
        }
        let attached = sites.attached(code).into_iter().map(|(program, at)| (program.0, at));
        let expected = [("ssl_write", 16), ("returns", 16), ("ssl_read_ex", 16), ("returns", 16)];
        assert_eq!(Vec::from_iter(attached), expected);
        // Where the first does not come there, both are met themselves.
        text[37] = 0;
        let code = |place: &Range<u64>| {
            let (start, end) = (usize::try_from(place.start), usize::try_from(place.end));
            text.get(start.ok()?..end.ok()?.min(64))
        };
        assert_eq!(sites.attached(code).len(), 6);
    }
}
