//! Which process owns a socket, and which container owns the process.
