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

/// One counter, in words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Line {
    /// Its name for programs.
    pub name: &'static str,
    /// What it counts.
    pub words: &'static str,
    /// How much.
    pub value: u64,
    /// Whether something is missing because of it.
    pub is_loss: bool,
}

// === impl Counts ===

impl Counts {
    /// All counters.
    #[must_use]
    pub fn lines(&self) -> [Line; 12] {
        let kernel = &self.kernel;
        let seen = |name, words, value| Line { name, words, value, is_loss: false };
        let lost = |name, words, value| Line { name, words, value, is_loss: true };
        [
            seen("tls_connections", "TLS connections tapped", self.connections),
            seen("tls_bytes", "bytes of TLS plaintext", self.bytes),
            seen("tls_twice_bytes", "bytes of TLS plaintext seen at both ends", self.twice_bytes),
            lost("tls_gap_bytes", "bytes of TLS plaintext missing", self.gap_bytes),
            lost(
                "tls_unplaced_bytes",
                "bytes of TLS plaintext whose socket never became known",
                self.unplaced_bytes,
            ),
            lost(
                "tls_waited_bytes",
                "bytes of TLS plaintext that waited too long for their socket",
                self.waited_bytes,
            ),
            lost("tls_forgotten", "TLS connections given up: there were too many", self.forgotten),
            lost("tls_ring_bytes", "bytes of TLS plaintext: the ring was full", kernel.ring_bytes),
            lost("tls_fault_bytes", "bytes of TLS plaintext not in memory", kernel.fault_bytes),
            lost(
                "tls_opaque_bytes",
                "bytes of TLS plaintext sent by the kernel itself",
                kernel.opaque_bytes,
            ),
            lost(
                "tls_large_bytes",
                "bytes of TLS plaintext beyond 64 MiB of one write",
                kernel.large_bytes,
            ),
            lost("tls_notices", "news of TLS connections: the ring was full", kernel.notices),
        ]
    }
}
