//! What was seen, and what is missing, in words that users understand.

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Connections whose plaintext was told.
    pub connections: u64,
    /// Bytes of plaintext that were told.
    pub bytes: u64,
    /// Bytes of plaintext that were told to be missing.
    pub gap_bytes: u64,
    /// Bytes that both ends of a connection showed, and that are told once.
    pub twice_bytes: u64,
    /// Bytes of connections that ended before their socket was known.
    pub unplaced_bytes: u64,
    /// Bytes that could not be kept until the socket was known.
    pub waited_bytes: u64,
    /// Connections that were given up because there were too many.
    pub forgotten: u64,
    /// What the kernel's side lost.
    pub kernel: Lost,
}

/// What could not be copied in the kernel; the same order as `enum loss` in `ebpf/tls.h`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lost {
    /// Bytes for which the ring had no room.
    pub ring_bytes: u64,
    /// Bytes whose memory was not there.
    pub fault_bytes: u64,
    /// Bytes that never were in the process's memory: files that the kernel sends.
    pub opaque_bytes: u64,
    /// Bytes of one write beyond what is copied of it.
    pub large_bytes: u64,
    /// Notices (a connection closed, a gap) for which the ring had no room.
    pub notices: u64,
}

// === impl Counts ===

impl Counts {
    /// Each counter: what it counts, how much, and whether that is a loss.
    #[must_use]
    pub fn lines(&self) -> [(&'static str, u64, bool); 12] {
        [
            ("TLS connections tapped", self.connections, false),
            ("TLS plaintext bytes", self.bytes, false),
            ("TLS plaintext bytes seen at both ends", self.twice_bytes, false),
            ("TLS plaintext bytes missing", self.gap_bytes, true),
            ("TLS plaintext bytes without a known socket", self.unplaced_bytes, true),
            ("TLS plaintext bytes that waited too long for a socket", self.waited_bytes, true),
            ("TLS connections given up", self.forgotten, true),
            ("TLS tap: bytes without room in the ring", self.kernel.ring_bytes, true),
            ("TLS tap: bytes not in memory", self.kernel.fault_bytes, true),
            ("TLS tap: bytes sent by the kernel itself", self.kernel.opaque_bytes, true),
            ("TLS tap: bytes of writes above 64 MiB", self.kernel.large_bytes, true),
            ("TLS tap: notices without room in the ring", self.kernel.notices, true),
        ]
    }
}
