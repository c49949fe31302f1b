//! The call log: append, seal, scan, retain.
