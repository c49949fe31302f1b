//! `callscope pcap`: packets of calls, cut out of what was kept.

use anyhow::{Result, bail};

use crate::args::PcapArgs;

/// Cuts packets out.
///
/// # Errors
/// When nothing is kept there, or the output can't be written.
pub fn run(_: &PcapArgs) -> Result<()> {
    bail!("not there yet")
}
