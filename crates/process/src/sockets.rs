//! The kernel's tables of sockets: what was open before we came.
//!
//! Asked of the kernel in each network namespace (`sock_diag(7)`); where we may not enter one, read
//! from `/proc/<pid>/net` of a process in it.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    net::IpAddr,
    thread,
};

use model::{Endpoint, Transport};
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP},
    inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags},
};
use netlink_sys::{Socket as Netlink, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use procfs::net::{TcpState, UdpState};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A socket in a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Socket {
    /// Its own end; the address may be unspecified.
    pub local: Endpoint,
    /// The other end, if it is connected.
    pub remote: Option<Endpoint>,
    /// TCP or UDP.
    pub transport: Transport,
    /// Its inode number, by which processes hold it.
    pub inode: u64,
    /// Whether it takes connections.
    pub listens: bool,
}

/// Sockets that are read of one namespace.
const SOCKETS_MAX: usize = 1 << 20;
/// Open files that are looked at in one process.
const FILES_MAX: usize = 1 << 20;
/// Bytes of one message of the kernel, at least as many as it ever sends.
const MESSAGE_BYTES: usize = 64 << 10;

/// TCP states (`include/net/tcp_states.h`) in which nobody holds the socket.
const NEW_SYN_RECV: u32 = 1 << 12;
const TIME_WAIT: u32 = 1 << 6;
const LISTENING: u8 = 10;

/// All TCP and UDP sockets in the network namespace of a process.
///
/// # Errors
/// When neither the kernel tells them nor `/proc`.
pub fn of_namespace(pid: u32) -> io::Result<Vec<Socket>> {
    match entered(pid) {
        Ok(sockets) => Ok(sockets),
        Err(_) => listed(pid),
    }
}

/// Asks in a thread of its own, which enters the namespace and ends there.
fn entered(pid: u32) -> io::Result<Vec<Socket>> {
    let namespace = File::open(format!("/proc/{pid}/ns/net"))?;
    let is_own = super::proc::netns(pid) == super::proc::own_netns();
    let ask = move || {
        if !is_own {
            move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&namespace),
                Some(LinkNameSpaceType::Network),
            )?;
        }
        let mut sockets = Vec::new();
        for family in [AF_INET, AF_INET6] {
            for protocol in [IPPROTO_TCP, IPPROTO_UDP] {
                ask_kernel(family, protocol, &mut sockets)?;
            }
        }
        Ok(sockets)
    };
    let asking = thread::Builder::new().name("sockets".into()).spawn(ask)?;
    asking.join().unwrap_or_else(|_| Err(io::Error::other("the socket tables couldn't be read")))
}

fn ask_kernel(family: u8, protocol: u8, to: &mut Vec<Socket>) -> io::Result<()> {
    let mut netlink = Netlink::new(NETLINK_SOCK_DIAG)?;
    netlink.bind_auto()?;
    netlink.connect(&SocketAddr::new(0, 0))?;
    netlink.send(&request(family, protocol), 0)?;
    let mut message = Vec::with_capacity(MESSAGE_BYTES);
    while to.len() < SOCKETS_MAX {
        message.clear();
        let len = netlink.recv(&mut message, 0)?;
        let mut rest = message.get(..len).unwrap_or_default();
        while !rest.is_empty() {
            let answer = NetlinkMessage::<SockDiagMessage>::deserialize(rest)
                .map_err(|error| io::Error::other(error.to_string()))?;
            match answer.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    to.extend(Socket::told(&response, protocol));
                }
                NetlinkPayload::Done(_) => return Ok(()),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => {}
            }
            // Messages stand at multiples of four bytes.
            let len = usize::try_from(answer.header.length).unwrap_or(usize::MAX);
            let step = len.max(16).checked_next_multiple_of(4).unwrap_or(usize::MAX);
            rest = rest.get(step..).unwrap_or_default();
        }
    }
    Ok(())
}

fn request(family: u8, protocol: u8) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let socket_id = if family == AF_INET { SocketId::new_v4() } else { SocketId::new_v6() };
    let wanted = StateFlags::from_bits_retain(!(NEW_SYN_RECV | TIME_WAIT));
    let request = InetRequest {
        family,
        protocol,
        extensions: ExtensionFlags::empty(),
        states: wanted,
        socket_id,
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The tables as text.
fn listed(pid: u32) -> io::Result<Vec<Socket>> {
    let other = |error: procfs::ProcError| io::Error::other(error.to_string());
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    let process = procfs::process::Process::new(pid).map_err(other)?;
    let mut sockets = Vec::new();
    // IPv6 may be switched off.
    let tcp = process.tcp().map_err(other)?.into_iter().chain(process.tcp6().unwrap_or_default());
    sockets.extend(tcp.filter(|entry| entry.inode != 0).map(|entry| Socket {
        local: endpoint(entry.local_address),
        remote: connected(endpoint(entry.remote_address)),
        transport: Transport::Tcp,
        inode: entry.inode,
        listens: entry.state == TcpState::Listen,
    }));
    let udp = process.udp().map_err(other)?.into_iter().chain(process.udp6().unwrap_or_default());
    sockets.extend(udp.map(|entry| {
        Socket {
            local: endpoint(entry.local_address),
            remote: connected(endpoint(entry.remote_address))
                .filter(|_| entry.state == UdpState::Established),
            transport: Transport::Udp,
            inode: entry.inode,
            listens: false,
        }
    }));
    sockets.truncate(SOCKETS_MAX);
    Ok(sockets)
}

fn endpoint(address: std::net::SocketAddr) -> Endpoint {
    Endpoint { ip: address.ip().to_canonical(), port: address.port() }
}

fn connected(remote: Endpoint) -> Option<Endpoint> {
    (remote.port != 0).then_some(remote)
}

// === impl Socket ===

impl Socket {
    fn told(response: &InetResponse, protocol: u8) -> Option<Self> {
        let header = &response.header;
        let id = &header.socket_id;
        if header.inode == 0 {
            return None;
        }
        let end = |ip: IpAddr, port| Endpoint { ip: ip.to_canonical(), port };
        Some(Self {
            local: end(id.source_address, id.source_port),
            remote: connected(end(id.destination_address, id.destination_port)),
            transport: if protocol == IPPROTO_TCP { Transport::Tcp } else { Transport::Udp },
            inode: header.inode.into(),
            listens: protocol == IPPROTO_TCP && header.state == LISTENING,
        })
    }
}

/// Which processes hold which of the wanted sockets, in the order of their numbers.
pub fn holders(pids: &[u32], wanted: &HashSet<u64>) -> HashMap<u64, Vec<u32>> {
    let mut holders: HashMap<u64, Vec<u32>> = HashMap::new();
    for pid in pids {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().take(FILES_MAX);
        for file in files.flatten() {
            let Some(inode) = socket_inode(&file) else { continue };
            if wanted.contains(&inode) {
                let known = holders.entry(inode).or_default();
                if known.last() != Some(pid) {
                    known.push(*pid);
                }
            }
        }
    }
    holders
}

/// `socket:[123]`
fn socket_inode(file: &fs::DirEntry) -> Option<u64> {
    let link = fs::read_link(file.path()).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, process};

    use super::*;

    #[test]
    fn a_listener_of_ours_is_found_both_ways() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = endpoint(listener.local_addr().unwrap());
        for sockets in [of_namespace(process::id()).unwrap(), listed(process::id()).unwrap()] {
            let ours: Vec<_> = sockets.iter().filter(|socket| socket.local == local).collect();
            assert_eq!(ours.len(), 1, "{ours:?}");
            assert!(ours[0].listens && ours[0].remote.is_none());
            let holders = holders(&[process::id()], &HashSet::from([ours[0].inode]));
            assert_eq!(holders.get(&ours[0].inode), Some(&vec![process::id()]));
        }
    }
}
