//! The few calls to the kernel that no safe library makes for us, each with the proof that it is
//! sound. All other modules of `live` are safe.
#![allow(unsafe_code)]

use std::{
    ffi::{c_int, c_void},
    io,
    mem::{size_of, zeroed},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Where in a block descriptor its status is (`struct tpacket_block_desc`).
const STATUS_OFFSET: usize = 8;

/// What the kernel counted since it was last asked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Statistics {
    /// Packets that passed the filter, dropped ones included.
    pub(super) packets: u64,
    /// Packets for which the ring had no room.
    pub(super) drops: u64,
}

/// Sets an option of a packet socket whose value is a plain number.
pub(super) fn set_number(fd: BorrowedFd<'_>, option: c_int, value: c_int) -> io::Result<()> {
    set(fd, libc::SOL_PACKET, option, &value)
}

/// Asks for a ring to receive into.
pub(super) fn set_ring(fd: BorrowedFd<'_>, request: &libc::tpacket_req3) -> io::Result<()> {
    set(fd, libc::SOL_PACKET, libc::PACKET_RX_RING, request)
}

/// Has the interface receive what is for others, too, as long as the socket lives.
pub(super) fn set_promiscuous(fd: BorrowedFd<'_>, interface: c_int) -> io::Result<()> {
    // SAFETY: all zeros is a valid `packet_mreq`: it has only numbers.
    let mut request: libc::packet_mreq = unsafe { zeroed() };
    request.mr_ifindex = interface;
    request.mr_type = libc::PACKET_MR_PROMISC as u16;
    set(fd, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
}

/// Lets only those packets into the socket that the program accepts; replaces the one before.
pub(super) fn attach(fd: BorrowedFd<'_>, program: &[libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // The kernel only reads through the pointer, though it is declared mutable.
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    set(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// Has the socket receive packets of all protocols on all interfaces from now on.
pub(super) fn bind_all(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: all zeros is a valid `sockaddr_ll`: it has only numbers.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    // SAFETY: the pointer is to a `sockaddr_ll` that outlives the call, and the length is its own.
    let done = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    check(done)
}

/// Reads the kernel's counters, which begin at 0 again.
pub(super) fn statistics(fd: BorrowedFd<'_>) -> io::Result<Statistics> {
    // SAFETY: all zeros is a valid `tpacket_stats_v3`: it has only numbers.
    let mut stats: libc::tpacket_stats_v3 = unsafe { zeroed() };
    let mut len = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes, which is the size of what is pointed to, and
    // any bytes are valid numbers.
    let done = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut stats).cast(),
            &raw mut len,
        )
    };
    check(done)?;
    Ok(Statistics { packets: stats.tp_packets.into(), drops: stats.tp_drops.into() })
}

fn set<T>(fd: BorrowedFd<'_>, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    // SAFETY: the kernel reads at most as many bytes as `value` has, during the call. What `value`
    // itself points to (a filter) is borrowed by our callers until then.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            option,
            (&raw const *value).cast::<c_void>(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    check(done)
}

fn check(done: c_int) -> io::Result<()> {
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The memory that a packet socket and we share: blocks that belong either to the kernel or to us.
pub(super) struct Map {
    begin: NonNull<u8>,
    block_bytes: usize,
    blocks: usize,
}

// SAFETY: the memory belongs to this value alone (and to the kernel), wherever it is moved to.
unsafe impl Send for Map {}

// === impl Map ===

impl Map {
    /// Maps the ring of `fd`, which was set up with so many blocks of so many bytes.
    pub(super) fn new(fd: impl AsFd, block_bytes: usize, blocks: usize) -> io::Result<Self> {
        let len = block_bytes.checked_mul(blocks).ok_or(io::ErrorKind::InvalidInput)?;
        let (rights, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the kernel chooses an address at which nothing else is.
        let begin = unsafe { mmap(std::ptr::null_mut(), len, rights, flags, fd, 0) }?;
        let begin = NonNull::new(begin.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { begin, block_bytes, blocks })
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// The block at `index`, if the kernel has left it to us.
    pub(super) fn block(&self, index: usize) -> Option<&[u8]> {
        let status = self.status(index)?.load(Ordering::Acquire);
        if status & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: the block lies in the mapping (`status` has checked the index), which lives as long
        // as `self`. It is ours: the kernel does not write to a block whose status is USER until we
        // set it back (packet_mmap.rst), which takes `&mut self`, so that no such slice is left. The
        // Acquire above orders our reads after the kernel's writes.
        Some(unsafe {
            slice::from_raw_parts(
                self.begin.as_ptr().add(index * self.block_bytes),
                self.block_bytes,
            )
        })
    }

    /// Gives the block at `index` back to the kernel.
    pub(super) fn give_back(&mut self, index: usize) {
        if let Some(status) = self.status(index) {
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
    }

    fn status(&self, index: usize) -> Option<&AtomicU32> {
        if index >= self.blocks {
            return None;
        }
        let offset = index * self.block_bytes + STATUS_OFFSET;
        // SAFETY: it lies in the mapping, is aligned (blocks are whole pages, the offset is 8), and
        // the kernel and we use this word as an atomic one.
        Some(unsafe { AtomicU32::from_ptr(self.begin.as_ptr().add(offset).cast()) })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: it is the mapping made in `new`, and nobody can borrow from it any more. That it
        // could not be undone would be a leak.
        let _ = unsafe { munmap(self.begin.as_ptr().cast(), self.block_bytes * self.blocks) };
    }
}
