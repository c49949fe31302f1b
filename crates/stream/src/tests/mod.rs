//! Tests of the whole: written cases, simulated conversations, any segments at all.

mod arbitrary;
mod cases;
mod kit;
mod oracle;
mod peers;
mod simulation;
