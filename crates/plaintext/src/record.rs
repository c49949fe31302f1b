//! What the programs in the kernel say, read from the bytes of the ring. The same as in `ebpf/tls.h`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Endpoint;

/// Bytes of a record's head.
const HEAD_BYTES: usize = 104;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;

/// Something happened to a connection or a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record<'r> {
    /// Nanoseconds since boot: when a read returned, when a write was begun.
    pub at_ns: u64,
    /// The connection's number; none is used twice.
    pub connection: u64,
    /// The process.
    pub pid: u32,
    /// The thread that made the call.
    pub thread: u32,
    /// Who opened the connection, if that was seen.
    pub role: Role,
    /// Its handshake was seen: offsets count from the first byte.
    pub is_whole: bool,
    /// The socket below, once it is known.
    pub socket: Option<Socket>,
    /// What happened.
    pub what: What<'r>,
}

/// Who opened a connection: the process that was tapped, or its peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Not seen.
    Unknown,
    /// The process is the client.
    Client,
    /// The process is the server.
    Server,
}

/// Which way bytes went, as the application sees it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Way {
    /// It read them.
    Read,
    /// It wrote them.
    Written,
}

/// The TCP socket that carries a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Socket {
    /// The process's own end.
    pub local: Endpoint,
    /// The peer's.
    pub remote: Endpoint,
    /// Inode of the network namespace.
    pub netns: u32,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What<'r> {
    /// Plaintext.
    Bytes {
        /// Where it is.
        piece: Piece,
        /// The bytes.
        bytes: &'r [u8],
    },
    /// Plaintext that could not be copied.
    Gap {
        /// Where it is.
        piece: Piece,
        /// How many bytes.
        len: u64,
    },
    /// The library gave the connection up.
    Closed {
        /// Bytes that were read in all.
        read: u64,
        /// Bytes that were written in all.
        written: u64,
    },
    /// The process runs another program from here on.
    Exec,
    /// The process is gone.
    Exit,
}

/// A part of what one call read or wrote.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Piece {
    /// Which way.
    pub way: Way,
    /// Offset of its first byte among all that went this way.
    pub offset: u64,
    /// Bytes of the whole call.
    pub whole: u64,
    /// With a read: when the write began that was still going on (ns since boot).
    pub write_since: Option<u64>,
}

// === impl Record ===

impl<'r> Record<'r> {
    /// Reads a record; nothing if it is none.
    #[must_use]
    pub fn read(bytes: &'r [u8]) -> Option<Self> {
        let (head, body) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let head = Head(head);
        Some(Self {
            at_ns: head.u64(0),
            connection: head.u64(8),
            pid: head.u32(40),
            thread: head.u32(44),
            role: match head.byte(54) {
                1 => Role::Client,
                2 => Role::Server,
                _ => Role::Unknown,
            },
            is_whole: head.byte(55) != 0,
            socket: head.socket(),
            what: head.what(body)?,
        })
    }
}

/// The head's bytes, in the machine's order.
struct Head<'r>(&'r [u8; HEAD_BYTES]);

// === impl Head ===

impl<'r> Head<'r> {
    fn what(&self, body: &'r [u8]) -> Option<What<'r>> {
        let len = self.u32(48);
        Some(match self.byte(52) {
            1 => {
                What::Bytes { piece: self.piece()?, bytes: body.get(..usize::try_from(len).ok()?)? }
            }
            2 => What::Gap { piece: self.piece()?, len: len.into() },
            3 => What::Closed { read: self.u64(16), written: self.u64(24) },
            4 => What::Exec,
            5 => What::Exit,
            _ => return None,
        })
    }

    fn piece(&self) -> Option<Piece> {
        let way = match self.byte(53) {
            0 => Way::Read,
            1 => Way::Written,
            _ => return None,
        };
        let write_since = Some(self.u64(32)).filter(|at| *at != 0);
        Some(Piece { way, offset: self.u64(16), whole: self.u64(24), write_since })
    }

    fn socket(&self) -> Option<Socket> {
        let family = self.u32(56);
        let local = Endpoint { ip: self.ip(family, 72)?, port: self.u16(64) };
        let remote = Endpoint { ip: self.ip(family, 88)?, port: self.u16(66) };
        Some(Socket { local, remote, netns: self.u32(60) })
    }

    /// An IPv4 address in the clothes of IPv6 is what it is on the wire: IPv4.
    fn ip(&self, family: u32, at: usize) -> Option<IpAddr> {
        match family {
            AF_INET => Some(Ipv4Addr::from(self.part::<4>(at)).into()),
            AF_INET6 => Some(IpAddr::from(Ipv6Addr::from(self.part::<16>(at))).to_canonical()),
            _ => None,
        }
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.part(at))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.part(at))
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_ne_bytes(self.part(at))
    }

    fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or_default()
    }

    /// `N` bytes at a place that is inside of the head.
    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        let part = self.0.get(at..).and_then(|rest| rest.first_chunk());
        part.copied().unwrap_or([0; N])
    }
}

// === impl Way ===

impl Way {
    /// The other way.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Read => Self::Written,
            Self::Written => Self::Read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head as the kernel writes it, with `kind` and `way`.
    fn head(kind: u8, way: u8, len: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [7_u64, 0x0001_0000_0000_0002, 100, 300, 5] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        for word in [40_u32, 41, len] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        bytes.extend_from_slice(&[kind, way, 2, 1]);
        bytes.extend_from_slice(&AF_INET6.to_ne_bytes());
        bytes.extend_from_slice(&9_u32.to_ne_bytes());
        bytes.extend_from_slice(&443_u16.to_ne_bytes());
        bytes.extend_from_slice(&50_000_u16.to_ne_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets());
        bytes.extend_from_slice(&Ipv6Addr::LOCALHOST.octets());
        assert_eq!(bytes.len(), HEAD_BYTES);
        bytes
    }

    #[test]
    fn a_record_is_read_field_by_field() {
        let mut bytes = head(1, 0, 3);
        bytes.extend_from_slice(b"abc and what was there before");
        let record = Record::read(&bytes).expect("a record");
        assert_eq!((record.at_ns, record.pid, record.thread), (7, 40, 41));
        assert_eq!((record.role, record.is_whole), (Role::Server, true));
        let socket = record.socket.expect("a socket");
        assert_eq!(socket.local.to_string(), "10.0.0.1:443");
        assert_eq!(socket.remote.to_string(), "[::1]:50000");
        let piece = Piece { way: Way::Read, offset: 100, whole: 300, write_since: Some(5) };
        assert_eq!(record.what, What::Bytes { piece, bytes: b"abc" });
    }

    #[test]
    fn a_record_cut_anywhere_is_none() {
        let mut bytes = head(1, 1, 3);
        bytes.extend_from_slice(b"abc");
        for end in 0..bytes.len() {
            assert_eq!(Record::read(&bytes[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn what_is_not_known_is_none() {
        assert_eq!(Record::read(&head(9, 0, 0)), None);
        assert_eq!(Record::read(&head(1, 2, 0)), None);
        assert!(Record::read(&head(5, 2, 0)).is_some());
    }
}
