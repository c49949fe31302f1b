//! `callscope pcap`: packets of calls, cut out of what was kept.

mod choice;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
};

use anyhow::{Context, Result, bail};
use capture::keep::{Kept, Want};
use model::Timestamp;

use crate::args::PcapArgs;

/// Cuts packets out.
///
/// # Errors
/// When nothing is kept there, a call is not among it, or the output can't be written.
pub fn run(args: &PcapArgs) -> Result<()> {
    let kept = Kept::open(&args.keep)?;
    let wants = wants(args, &kept)?;
    let mut out = output(args)?;
    let cut = kept.cut(&wants, &mut out)?;
    let secrets = match cut.secrets {
        0 => String::new(),
        n => format!(", {n} TLS secrets"),
    };
    eprintln!("{} packets{secrets}", cut.packets);
    if cut.packets == 0 {
        bail!(
            "none of the packets is kept (any more); kept since {}",
            export::moment(kept.since())
        );
    }
    Ok(())
}

/// Calls, as far as they are in the time; without calls, the time.
fn wants(args: &PcapArgs, kept: &Kept) -> Result<Vec<Want>> {
    let from = args.from.unwrap_or(Timestamp(0));
    let to = args.to.unwrap_or(Timestamp(u64::MAX));
    if let Some(condition) = &args.condition {
        return choice::wants(args, condition);
    }
    if args.calls.is_empty() {
        return Ok(vec![Want { from, to, ..Want::default() }]);
    }
    let mut wants = Vec::new();
    for id in &args.calls {
        let Some(call) = kept.call(id)? else {
            bail!("call {id} is not kept in {} (any more)", args.keep.display());
        };
        let want = Want::of(&call, args.connection);
        let to = if args.connection { to } else { want.to.min(to) };
        wants.push(Want { from: want.from.max(from), to, ..want });
    }
    Ok(wants)
}

fn output(args: &PcapArgs) -> Result<Box<dyn Write>> {
    if args.output.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::new(io::stdout().lock())));
    }
    let path = &args.output;
    let file = File::create(path).with_context(|| format!("can't write to {}", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}
