//! The program that the kernel runs for each packet to decide whether we see it (classic BPF).
//!
//! ```text
//! loopback packet on its way out?  ── yes ─► drop: it comes in again
//! one of our interfaces?           ── no ──► drop
//! callscope's own connection?      ── yes ─► drop
//! the user's filter, compiled for Ethernet or for bare IP, by the interface's kind
//! ```

use std::net::IpAddr;

use libc::sock_filter;

/// Instructions that the kernel takes at most (`BPF_MAXINSNS`).
const INSTRUCTIONS_MAX: usize = 4_096;
/// Bytes of a packet that we want: all.
const EVERYTHING: u32 = 0x0004_0000;
/// A packet that this machine sends (`PACKET_OUTGOING`).
const OUTGOING: u32 = 4;
const HARDWARE_ETHERNET: u32 = 1;
/// Where loads are relative to the network layer's header.
const NET: u32 = libc::SKF_NET_OFF.cast_unsigned();

/// Instruction codes, by what they do.
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF_AT_X: u16 = 0x48;
const X_IS_HEADER_BYTES: u16 = 0xb1;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// The user's filter, compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// For packets that begin with an Ethernet header.
    pub(super) ethernet: Vec<sock_filter>,
    /// For packets that begin with an IP header; none if it only makes sense for Ethernet.
    pub(super) ip: Option<Vec<sock_filter>>,
}

/// One end of a connection of our own: everything from or to it is left out.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct OwnEnd {
    /// IP protocol number.
    pub(super) protocol: u8,
    /// `None` stands for every address of this machine.
    pub(super) ip: Option<IpAddr>,
    pub(super) port: u16,
}

/// Puts the program together; `interfaces` are numbers, `None` stands for all.
pub(super) fn assemble(
    interfaces: Option<&[u32]>,
    own: &[OwnEnd],
    wanted: Option<&Wanted>,
) -> Option<Vec<sock_filter>> {
    let mut program = not_twice();
    if let Some(interfaces) = interfaces {
        only_of(interfaces, &mut program);
    }
    for end in own {
        match end.ip {
            Some(IpAddr::V4(_)) => leave_out_v4(end, &mut program),
            Some(IpAddr::V6(_)) => leave_out_v6(end, &mut program),
            None => {
                leave_out_v4(end, &mut program);
                leave_out_v6(end, &mut program);
            }
        }
    }
    match wanted {
        Some(wanted) => by_kind(wanted, &mut program),
        None => program.push(op(RETURN, EVERYTHING)),
    }
    (program.len() <= INSTRUCTIONS_MAX).then_some(program)
}

/// On `lo`, each packet is seen on its way out and on its way in.
fn not_twice() -> Vec<sock_filter> {
    vec![
        op(LOAD_WORD, aside(libc::SKF_AD_PKTTYPE)),
        jump(JUMP_IF_EQUAL, OUTGOING, 0, 3),
        op(LOAD_WORD, aside(libc::SKF_AD_HATYPE)),
        jump(JUMP_IF_EQUAL, u32::from(libc::ARPHRD_LOOPBACK), 0, 1),
        op(RETURN, 0),
    ]
}

fn only_of(interfaces: &[u32], program: &mut Vec<sock_filter>) {
    program.push(op(LOAD_WORD, aside(libc::SKF_AD_IFINDEX)));
    for (at, interface) in interfaces.iter().enumerate() {
        // Over the other comparisons and the return; a long jump, as there may be many of them.
        let left = (interfaces.len() - at - 1) * 2 + 1;
        program.push(jump(JUMP_IF_EQUAL, *interface, 0, 1));
        program.push(op(JUMP, left as u32));
    }
    program.push(op(RETURN, 0));
}

/// Drops what comes from or goes to the end; goes on behind otherwise.
fn leave_out_v4(end: &OwnEnd, program: &mut Vec<sock_filter>) {
    let ip = match end.ip {
        Some(IpAddr::V4(ip)) => Some(ip.to_bits()),
        _ => None,
    };
    let address = |at: u32| ip.map(|ip| (NET + at, vec![ip]));
    let head = [
        Part::Load(op(LOAD_BYTE, NET)),
        Part::Load(op(AND, 0xf0)),
        Part::Must(0x40),
        Part::Load(op(LOAD_BYTE, NET + 9)),
        Part::Must(u32::from(end.protocol)),
        Part::Load(op(LOAD_HALF, NET + 6)),
        Part::MustNot(0x1fff),
        Part::Load(op(X_IS_HEADER_BYTES, NET)),
    ];
    for (port, ip) in [(0, address(12)), (2, address(16))] {
        let port = [Part::Load(op(LOAD_HALF_AT_X, NET + port)), Part::Must(u32::from(end.port))];
        drop_if(&[&head[..], &port, &words(ip)].concat(), program);
    }
}

/// The same for IPv6 without extension headers.
fn leave_out_v6(end: &OwnEnd, program: &mut Vec<sock_filter>) {
    let ip = match end.ip {
        Some(IpAddr::V6(ip)) => Some(ip.octets()),
        _ => None,
    };
    let address = |at: u32| {
        let ip = ip?;
        let words = ip.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
        Some((NET + at, words))
    };
    let head = [
        Part::Load(op(LOAD_BYTE, NET)),
        Part::Load(op(AND, 0xf0)),
        Part::Must(0x60),
        Part::Load(op(LOAD_BYTE, NET + 6)),
        Part::Must(u32::from(end.protocol)),
    ];
    for (port, ip) in [(40, address(8)), (42, address(24))] {
        let port = [Part::Load(op(LOAD_HALF, NET + port)), Part::Must(u32::from(end.port))];
        drop_if(&[&head[..], &port, &words(ip)].concat(), program);
    }
}

/// A step of a chain of conditions.
#[derive(Clone, Copy)]
enum Part {
    Load(sock_filter),
    /// What was loaded must be this.
    Must(u32),
    /// None of these bits may be in it.
    MustNot(u32),
}

/// Conditions on an address: where it is, and its words.
fn words(address: Option<(u32, Vec<u32>)>) -> Vec<Part> {
    let Some((at, words)) = address else { return Vec::new() };
    let parts = words.into_iter().zip(0..);
    parts.flat_map(|(word, n)| [Part::Load(op(LOAD_WORD, at + 4 * n)), Part::Must(word)]).collect()
}

/// Drops the packet if all of `parts` hold.
fn drop_if(parts: &[Part], program: &mut Vec<sock_filter>) {
    for (at, part) in parts.iter().enumerate() {
        // Over the other parts and the return; there are never more than twenty.
        let over = (parts.len() - at) as u8;
        program.push(match part {
            Part::Load(load) => *load,
            Part::Must(value) => jump(JUMP_IF_EQUAL, *value, 0, over),
            Part::MustNot(bits) => jump(JUMP_IF_ANY_BIT, *bits, over, 0),
        });
    }
    program.push(op(RETURN, 0));
}

/// The user's filter, as it was compiled for the kind of the interface.
fn by_kind(wanted: &Wanted, program: &mut Vec<sock_filter>) {
    let ethernet = wanted.ethernet.len() as u32;
    program.extend([
        op(LOAD_WORD, aside(libc::SKF_AD_HATYPE)),
        jump(JUMP_IF_EQUAL, HARDWARE_ETHERNET, 2, 0),
        jump(JUMP_IF_EQUAL, u32::from(libc::ARPHRD_LOOPBACK), 1, 0),
        op(JUMP, ethernet),
    ]);
    program.extend(&wanted.ethernet);
    match &wanted.ip {
        Some(ip) => program.extend(ip.iter().copied().map(at_network)),
        None => program.push(op(RETURN, 0)),
    }
}

/// What was compiled for packets that begin with IP, for packets that have something in front of it.
fn at_network(mut instruction: sock_filter) -> sock_filter {
    let (class, mode) = (instruction.code & 0x07, instruction.code & 0xe0);
    let loads_packet = match class {
        0 => mode == 0x20 || mode == 0x40,
        1 => mode == 0xa0,
        _ => false,
    };
    // What is not in the packet (its interface, …) is at the very end of the numbers.
    if loads_packet && instruction.k < NET {
        instruction.k = instruction.k.wrapping_add(NET);
    }
    instruction
}

/// Where what the kernel knows beside the packet is loaded from.
fn aside(what: libc::c_int) -> u32 {
    (libc::SKF_AD_OFF + what).cast_unsigned()
}

fn op(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}
