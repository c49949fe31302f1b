//! What our programs tell, from the bytes of the ring buffer: the structs of `ebpf/process.c`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{Endpoint, Transport};

/// One life of one program in a process, as the kernel counts.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Incarnation {
    /// Nanoseconds from boot to its start.
    pub started_ns: u64,
    /// The id of its control group under cgroup v2.
    pub cgroup: u64,
    /// Its number.
    pub pid: u32,
    /// How often its process began another program.
    pub execs: u32,
}

/// What happened to a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    /// A client's connection is established.
    Connected,
    /// A process reads or writes a connection that wasn't its own.
    Taken,
    /// It listens.
    Listens,
    /// A connection or listener is no more.
    Closed,
    /// A process sends or receives datagrams.
    Datagrams,
}

/// An event of a socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SocketEvent {
    /// What happened.
    pub what: What,
    /// The inode number of its network namespace.
    pub netns: u32,
    /// Nanoseconds from boot.
    pub at_ns: u64,
    /// Nanoseconds from boot to when the connection opened; 0 if that was before us.
    pub since_ns: u64,
    /// Tells sockets apart while they live.
    pub socket: u64,
    /// Whose it is.
    pub owner: Incarnation,
    /// Its own end; the address may be unspecified.
    pub local: Endpoint,
    /// The other end, if it is connected.
    pub remote: Option<Endpoint>,
    /// TCP or UDP.
    pub transport: Transport,
}

/// The facts of a process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessEvent {
    /// Which one.
    pub process: Incarnation,
    /// The inode number of its network namespace.
    pub netns: u32,
    /// Its parent.
    pub parent: u32,
    /// Its user.
    pub uid: u32,
    /// Its number in its own pid namespace.
    pub own_pid: u32,
    /// Its first thread's name.
    pub name: String,
    /// Its program's file; absent where it has too many parts.
    pub path: Option<String>,
    /// Its control group under cgroup v2; absent where it has too many parts.
    pub v2: Option<String>,
    /// Its control group in the hierarchy of the memory controller.
    pub v1: Option<String>,
    /// Its arguments, if they were asked for.
    pub command_line: Option<Vec<String>>,
}

/// Either of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// Of a process.
    Process(Box<ProcessEvent>),
    /// Of a socket.
    Socket(SocketEvent),
}

const KIND_PROCESS: u32 = 1;
const PATH_PARTS: usize = 16;
const PATH_PART_BYTES: usize = 80;
const CGROUP_PARTS: usize = 8;
const CGROUP_PART_BYTES: usize = 112;
const ARGUMENTS_BYTES: usize = 512;

// === impl Record ===

impl Record {
    /// Reads one; `None` for what is too short or of no known kind.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut from = Bytes(bytes);
        match from.u32()? {
            KIND_PROCESS => Some(Self::Process(Box::new(ProcessEvent::read(&mut from)?))),
            kind => Some(Self::Socket(SocketEvent::read(kind, &mut from)?)),
        }
    }
}

// === impl SocketEvent ===

impl SocketEvent {
    fn read(kind: u32, from: &mut Bytes<'_>) -> Option<Self> {
        let what = match kind {
            2 => What::Connected,
            3 => What::Taken,
            4 => What::Listens,
            5 => What::Closed,
            6 => What::Datagrams,
            _ => return None,
        };
        let netns = from.u32()?;
        let (at_ns, since_ns, socket) = (from.u64()?, from.u64()?, from.u64()?);
        let owner = from.incarnation()?;
        let (local, remote) = (from.array::<16>()?, from.array::<16>()?);
        let (local_port, remote_port) = (from.u16()?, from.u16()?);
        let (family, protocol) = (from.u16()?, from.u16()?);
        let transport = match protocol {
            6 => Transport::Tcp,
            17 => Transport::Udp,
            _ => return None,
        };
        let local = Endpoint { ip: address(family, local)?, port: local_port };
        let remote = Endpoint { ip: address(family, remote)?, port: remote_port };
        let remote = (remote_port != 0).then_some(remote);
        Some(Self { what, netns, at_ns, since_ns, socket, owner, local, remote, transport })
    }
}

/// An IPv4 address in an IPv6 socket is an IPv4 address.
fn address(family: u16, bytes: [u8; 16]) -> Option<IpAddr> {
    let [a, b, c, d, ..] = bytes;
    match family {
        2 => Some(Ipv4Addr::new(a, b, c, d).into()),
        10 => Some(Ipv6Addr::from(bytes).to_canonical()),
        _ => None,
    }
}

// === impl ProcessEvent ===

impl ProcessEvent {
    fn read(from: &mut Bytes<'_>) -> Option<Self> {
        let netns = from.u32()?;
        let _at_ns = from.u64()?;
        let process = from.incarnation()?;
        let (parent, uid, own_pid) = (from.u32()?, from.u32()?, from.u32()?);
        let [path_parts, v2_parts, v1_parts, cut] = from.array::<4>()?;
        let arguments = usize::try_from(from.u32()?).ok()?;
        let name = text(from.take(16)?);
        let path = from.parts(path_parts, PATH_PARTS, PATH_PART_BYTES)?;
        let v2 = from.parts(v2_parts, CGROUP_PARTS, CGROUP_PART_BYTES)?;
        let v1 = from.parts(v1_parts, CGROUP_PARTS, CGROUP_PART_BYTES)?;
        let command_line = from.take(ARGUMENTS_BYTES)?.get(..arguments)?;
        Some(Self {
            process,
            netns,
            parent,
            uid,
            own_pid,
            name,
            path: (cut & 1 == 0 && path_parts > 0).then_some(path),
            v2: (cut & 2 == 0).then_some(v2),
            v1: (cut & 4 == 0 && v1_parts > 0).then_some(v1),
            command_line: (arguments > 0).then(|| words(command_line)),
        })
    }
}

/// Up to the first zero.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Each ends with a zero; the last one may be cut.
fn words(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).map(text).collect()
}

/// Takes values off the front, in the machine's order.
struct Bytes<'b>(&'b [u8]);

// === impl Bytes ===

impl<'b> Bytes<'b> {
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    fn incarnation(&mut self) -> Option<Incarnation> {
        Some(Incarnation {
            started_ns: self.u64()?,
            cgroup: self.u64()?,
            pid: self.u32()?,
            execs: self.u32()?,
        })
    }

    /// A path of `count` parts, the innermost first, in room for `parts`.
    fn parts(&mut self, count: u8, parts: usize, part_bytes: usize) -> Option<String> {
        let all = self.take(parts.checked_mul(part_bytes)?)?;
        let count = usize::from(count).min(parts);
        let mut path = String::new();
        for part in all.chunks_exact(part_bytes).take(count).rev() {
            path.push('/');
            path.push_str(&text(part));
        }
        if path.is_empty() {
            path.push('/');
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_read() {
        let mut bytes = Vec::new();
        bytes.extend(2_u32.to_ne_bytes());
        bytes.extend(4_026_531_840_u32.to_ne_bytes());
        for number in [50_u64, 40, 30, 20, 10] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend(4242_u32.to_ne_bytes());
        bytes.extend(3_u32.to_ne_bytes());
        bytes.extend([10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [40_000_u16, 80, 2, 6] {
            bytes.extend(number.to_ne_bytes());
        }
        let Some(Record::Socket(event)) = Record::read(&bytes) else { panic!() };
        assert_eq!((event.what, event.netns), (What::Connected, 4_026_531_840));
        assert_eq!((event.at_ns, event.since_ns, event.socket), (50, 40, 30));
        assert_eq!(event.owner, Incarnation { started_ns: 20, cgroup: 10, pid: 4242, execs: 3 });
        assert_eq!(event.local, Endpoint { ip: [10, 0, 0, 1].into(), port: 40_000 });
        assert_eq!(event.remote, Some(Endpoint { ip: [10, 0, 0, 2].into(), port: 80 }));
        for cut in 0..bytes.len() {
            assert_eq!(Record::read(&bytes[..cut]), None);
        }
    }

    #[test]
    fn a_path_is_put_together_from_its_end() {
        let mut bytes = vec![0; 4 * 8];
        bytes[..5].copy_from_slice(b"nginx");
        bytes[8..12].copy_from_slice(b"sbin");
        bytes[16..19].copy_from_slice(b"usr");
        assert_eq!(Bytes(&bytes).parts(3, 4, 8).unwrap(), "/usr/sbin/nginx");
        assert_eq!(Bytes(&bytes).parts(0, 4, 8).unwrap(), "/");
        assert_eq!(Bytes(&bytes).parts(200, 4, 8).unwrap(), "//usr/sbin/nginx");
        assert_eq!(Bytes(&bytes[1..]).parts(3, 4, 8), None);
    }

    #[test]
    fn arguments_are_words() {
        assert_eq!(words(b"curl\0-s\0"), ["curl", "-s"]);
        assert_eq!(words(b"curl\0--he"), ["curl", "--he"]);
    }

    #[test]
    fn mapped_addresses_are_plain_ones() {
        let mapped = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped().octets();
        assert_eq!(address(10, mapped), Some([10, 0, 0, 1].into()));
        assert_eq!(address(1, mapped), None);
    }
}
