//! What TLS libraries read and write, seen by eBPF.
