//! Which function of which library gets which program. A table; nothing else knows a function's name.

use crate::library::Kind;

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
}

const RETURNS: Option<&str> = Some("returns");

const fn of(
    kind: Kind,
    name: &'static str,
    entry: &'static str,
    returns: Option<&'static str>,
) -> Function {
    Function { name, kind, entry, returns }
}

/// In `BoringSSL` and `LibreSSL` the same names have the same arguments. `SSL_peek` takes nothing:
/// what is peeked at is read later.
const FUNCTIONS: [Function; 19] = [
    of(Kind::OpenSsl, "SSL_read", "ssl_read", RETURNS),
    of(Kind::OpenSsl, "SSL_write", "ssl_write", RETURNS),
    of(Kind::OpenSsl, "SSL_read_ex", "ssl_read_ex", RETURNS),
    of(Kind::OpenSsl, "SSL_write_ex", "ssl_write_ex", RETURNS),
    of(Kind::OpenSsl, "SSL_sendfile", "opaque_write", RETURNS),
    of(Kind::OpenSsl, "SSL_do_handshake", "handshake", RETURNS),
    of(Kind::OpenSsl, "SSL_set_connect_state", "is_client", None),
    of(Kind::OpenSsl, "SSL_connect", "is_client", None),
    of(Kind::OpenSsl, "SSL_set_accept_state", "is_server", None),
    of(Kind::OpenSsl, "SSL_accept", "is_server", None),
    of(Kind::OpenSsl, "SSL_free", "freed", None),
    of(Kind::GnuTls, "gnutls_record_recv", "gnutls_recv", RETURNS),
    of(Kind::GnuTls, "gnutls_record_recv_seq", "gnutls_recv", RETURNS),
    of(Kind::GnuTls, "gnutls_record_recv_packet", "opaque_read", RETURNS),
    of(Kind::GnuTls, "gnutls_record_send", "gnutls_send", RETURNS),
    of(Kind::GnuTls, "gnutls_record_send2", "gnutls_send", RETURNS),
    of(Kind::GnuTls, "gnutls_handshake", "handshake", RETURNS),
    of(Kind::GnuTls, "gnutls_init", "gnutls_init", Some("gnutls_init_returns")),
    of(Kind::GnuTls, "gnutls_deinit", "freed", None),
];

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
    addresses: [Option<u64>; FUNCTIONS.len()],
    is_boring: bool,
}

// === impl Sites ===

impl Sites {
    /// A function of the file.
    pub(crate) fn add(&mut self, name: &[u8], address: u64) {
        if !name.starts_with(b"SSL_") && !name.starts_with(b"gnutls_") {
            return;
        }
        self.is_boring |= name == BORING;
        let Some(at) = FUNCTIONS.iter().position(|f| f.name.as_bytes() == name) else { return };
        self.addresses[at] = Some(address);
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

    /// What is attached where: program and address.
    pub(crate) fn attached(&self) -> impl Iterator<Item = (Program, u64)> {
        let kind = self.kind();
        let is_of = move |function: &Function| match kind {
            Some(Kind::GnuTls) => function.kind == Kind::GnuTls,
            _ => function.kind == Kind::OpenSsl,
        };
        FUNCTIONS.iter().zip(self.addresses).filter(move |(f, _)| is_of(f)).flat_map(
            |(f, address)| {
                let programs = [Some(f.entry), f.returns].into_iter().flatten();
                programs.filter_map(move |program| Some((Program(program), address?)))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_alone_are_no_library() {
        let mut sites = Sites::default();
        sites.add(b"SSL_read", 1);
        assert_eq!(sites.kind(), None);
        sites.add(b"SSL_write", 2);
        assert_eq!(sites.kind(), Some(Kind::OpenSsl));
        sites.add(BORING, 3);
        assert_eq!(sites.kind(), Some(Kind::BoringSsl));
    }

    #[test]
    fn each_function_has_its_programs() {
        let mut sites = Sites::default();
        for (name, address) in
            [(&b"SSL_read"[..], 1), (b"SSL_write", 2), (b"SSL_free", 3), (b"SSL_peek", 4)]
        {
            sites.add(name, address);
        }
        let attached: Vec<_> = sites.attached().map(|(program, at)| (program.0, at)).collect();
        let expected =
            [("ssl_read", 1), ("returns", 1), ("ssl_write", 2), ("returns", 2), ("freed", 3)];
        assert_eq!(attached, expected);
    }
}
