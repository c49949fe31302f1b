//! Which interfaces a network namespace has, and word of any that appear or vanish (rtnetlink(7)).

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink::SocketAddrNetlink,
    recv, send, socket_with,
};

const MESSAGE_HEADER_BYTES: usize = 16;
/// `struct ifinfomsg`.
const LINK_HEADER_BYTES: usize = 16;
/// The kernel makes its dumps at most so long a piece (32 KiB).
const PIECE_BYTES: usize = 64 << 10;
/// Pieces read of one dump, and of news at once.
const PIECES_MAX: usize = 4_096;
/// Interfaces that have vanished whose names are remembered.
const GONE_MAX: usize = 1_024;

/// The interfaces of one namespace.
pub(super) struct Links {
    /// Told of changes.
    news: OwnedFd,
    /// Asked what there is.
    questions: OwnedFd,
    names: BTreeMap<u32, String>,
    /// Those that were there: packets of theirs may still be in the ring. Numbers are not used again.
    gone: BTreeMap<u32, String>,
}

// === impl Links ===

impl Links {
    /// Of the namespace of this thread.
    pub(super) fn open() -> io::Result<Self> {
        let open = |groups| -> io::Result<OwnedFd> {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            // NETLINK_ROUTE is protocol 0.
            let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            bind(&fd, &SocketAddrNetlink::new(0, groups))?;
            Ok(fd)
        };
        let news = open(libc::RTMGRP_LINK.cast_unsigned())?;
        let mut links =
            Self { news, questions: open(0)?, names: BTreeMap::new(), gone: BTreeMap::new() };
        links.ask()?;
        Ok(links)
    }

    /// Number and name of each, in the order of numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        self.names.iter().map(|(index, name)| (*index, name.as_str()))
    }

    /// The name that the interface with this number has, or had.
    pub(super) fn name(&self, index: u32) -> Option<&str> {
        self.names.get(&index).or_else(|| self.gone.get(&index)).map(String::as_str)
    }

    /// Asks again if there is news; whether anything is different now.
    pub(super) fn follow(&mut self) -> io::Result<bool> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut news = false;
        for _ in 0..PIECES_MAX {
            match recv(&self.news, &mut piece, RecvFlags::empty()) {
                Ok((len, _)) => {
                    // It may be gone again before we ask.
                    self.gone.extend(links(&piece[..len]));
                    news = true;
                }
                // There was more news than room: all the more reason to ask.
                Err(rustix::io::Errno::NOBUFS) => news = true,
                Err(_) => break,
            }
        }
        if !news {
            return Ok(false);
        }
        let before = std::mem::take(&mut self.names);
        self.ask()?;
        let is_news = before != self.names;
        self.gone.extend(before);
        while self.gone.len() > GONE_MAX {
            self.gone.pop_first();
        }
        Ok(is_news)
    }

    /// To wait for.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }

    fn ask(&mut self) -> io::Result<()> {
        send(&self.questions, &question(), SendFlags::empty())?;
        let mut piece = vec![0; PIECE_BYTES];
        for _ in 0..PIECES_MAX {
            // The kernel answers before `send` returns, and the rest as it is read.
            let (len, _) = recv(&self.questions, &mut piece, RecvFlags::empty())?;
            if self.learn(&piece[..len]) {
                break;
            }
        }
        Ok(())
    }

    /// Takes the interfaces of one piece of a dump; whether it was the last.
    fn learn(&mut self, mut piece: &[u8]) -> bool {
        while let Some((kind, body, rest)) = message(piece) {
            piece = rest;
            match i32::from(kind) {
                libc::NLMSG_DONE | libc::NLMSG_ERROR => return true,
                _ if kind == libc::RTM_NEWLINK => self.names.extend(link(body)),
                _ => {}
            }
        }
        false
    }
}

/// "Which links are there?"
fn question() -> [u8; MESSAGE_HEADER_BYTES + LINK_HEADER_BYTES] {
    const BYTES: usize = MESSAGE_HEADER_BYTES + LINK_HEADER_BYTES;
    let mut question = [0; BYTES];
    question[..4].copy_from_slice(&(BYTES as u32).to_ne_bytes());
    question[4..6].copy_from_slice(&libc::RTM_GETLINK.to_ne_bytes());
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    question[6..8].copy_from_slice(&flags.to_ne_bytes());
    question
}

/// Type and body of the first message, and what follows it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let len = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes([*bytes.get(4)?, *bytes.get(5)?]);
    let body = bytes.get(MESSAGE_HEADER_BYTES..len)?;
    Some((kind, body, bytes.get(len.next_multiple_of(4)..).unwrap_or_default()))
}

/// The interfaces that messages are about.
fn links(mut piece: &[u8]) -> Vec<(u32, String)> {
    let mut links = Vec::new();
    while let Some((kind, body, rest)) = message(piece) {
        piece = rest;
        if [libc::RTM_NEWLINK, libc::RTM_DELLINK].contains(&kind) {
            links.extend(link(body));
        }
    }
    links
}

/// Number and name of the interface that a message is about.
fn link(body: &[u8]) -> Option<(u32, String)> {
    let index = u32::from_ne_bytes(*body.get(4..)?.first_chunk()?);
    let mut attributes = body.get(LINK_HEADER_BYTES..)?;
    while let Some(&[l0, l1, k0, k1]) = attributes.first_chunk() {
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = attributes.get(4..len)?;
        if u16::from_ne_bytes([k0, k1]) == libc::IFLA_IFNAME {
            let name = value.split(|byte| *byte == 0).next().unwrap_or_default();
            return Some((index, String::from_utf8_lossy(name).into_owned()));
        }
        attributes = attributes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_has_a_loopback() {
        let links = Links::open().unwrap();
        assert_eq!(links.name(1), Some("lo"));
        assert!(links.iter().any(|(_, name)| name == "lo"));
    }

    #[test]
    fn what_is_no_message_is_none() {
        for len in 0..16 {
            assert!(message(&vec![0xff; len]).is_none());
        }
        assert!(message(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
        assert!(link(&[0; 15]).is_none());
    }
}
