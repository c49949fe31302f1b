//! A packet socket with a ring of blocks that it and we share (TPACKET_V3): packets are read where the
//! kernel has put them, many for one system call.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use libc::sock_filter;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::{
    frame::{Cursor, Frame},
    sys::{self, Map, Statistics},
};

/// How long the kernel waits before it hands over a block that is not full.
pub(super) const RETIRE_MS: u32 = 40;
/// Blocks are at most so long, and the ring has at least two.
const BLOCK_BYTES_MAX: usize = 1 << 20;
/// A packet has to fit into a block, with 64 KiB where cards or the kernel put several together.
const BLOCK_BYTES_MIN: usize = 128 << 10;
/// Only a formality for rings of this version.
const FRAME_BYTES: usize = 2_048;

/// A socket and its ring.
pub(super) struct Ring {
    fd: OwnedFd,
    map: Map,
    /// The block that is read.
    index: usize,
    /// Where in it; `None` before it is ours.
    cursor: Option<Cursor>,
}

// === impl Ring ===

impl Ring {
    /// Opens a socket in the namespace of this thread that receives what `program` accepts, with
    /// about `bytes` of room.
    pub(super) fn open(bytes: usize, program: &[sock_filter]) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Of no protocol: nothing comes in before all is set up.
        let fd = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        sys::set_number(fd.as_fd(), libc::PACKET_VERSION, version)?;
        sys::attach(fd.as_fd(), program)?;
        let (block_bytes, blocks) = geometry(bytes);
        sys::set_ring(fd.as_fd(), &request(block_bytes, blocks))?;
        let map = Map::new(&fd, block_bytes, blocks)?;
        sys::bind_all(fd.as_fd())?;
        Ok(Self { fd, map, index: 0, cursor: None })
    }

    /// The next packet, if the kernel has handed it over.
    pub(super) fn peek(&mut self) -> Option<Frame<'_>> {
        // Each turn gives a block back: no more than all of them.
        for _ in 0..self.map.blocks() {
            let block = self.map.block(self.index)?;
            let cursor = *self.cursor.get_or_insert_with(|| Cursor::of(block));
            if cursor.frame(block).is_some() {
                break;
            }
            self.map.give_back(self.index);
            self.index = (self.index + 1) % self.map.blocks();
            self.cursor = None;
        }
        self.cursor?.frame(self.map.block(self.index)?)
    }

    /// Done with the packet that [`Ring::peek`] gave.
    pub(super) fn advance(&mut self) {
        if let (Some(cursor), Some(block)) = (&mut self.cursor, self.map.block(self.index)) {
            cursor.advance(block);
        }
    }

    /// Lets only those packets in that `program` accepts, from now on.
    pub(super) fn filter(&self, program: &[sock_filter]) -> io::Result<()> {
        sys::attach(self.fd.as_fd(), program)
    }

    /// Has an interface receive what is for others, too.
    pub(super) fn promiscuous(&self, interface: u32) -> io::Result<()> {
        sys::set_promiscuous(self.fd.as_fd(), interface.cast_signed())
    }

    /// What the kernel counted since the last time.
    pub(super) fn statistics(&self) -> Statistics {
        sys::statistics(self.fd.as_fd()).unwrap_or_default()
    }

    /// To wait for.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Bytes of a block, and how many blocks.
fn geometry(bytes: usize) -> (usize, usize) {
    let block = (bytes / 16).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES_MAX);
    let block = if block.is_power_of_two() { block } else { block.next_power_of_two() / 2 };
    (block, (bytes / block).max(2))
}

fn request(block_bytes: usize, blocks: usize) -> libc::tpacket_req3 {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    libc::tpacket_req3 {
        tp_block_size: number(block_bytes),
        tp_block_nr: number(blocks),
        tp_frame_size: number(FRAME_BYTES),
        tp_frame_nr: number(block_bytes / FRAME_BYTES * blocks),
        tp_retire_blk_tov: RETIRE_MS,
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_about_as_long_as_asked_for() {
        assert_eq!(geometry(64 << 20), (1 << 20, 64));
        assert_eq!(geometry(4 << 20), (256 << 10, 16));
        assert_eq!(geometry(1), (128 << 10, 2));
        assert_eq!(geometry(3 << 20), (128 << 10, 24));
    }
}
