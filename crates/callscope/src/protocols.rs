//! `callscope protocols`: what the tables say.

use std::io::Write;

use anyhow::{Result, bail};
use model::{Kind, Transport};

use crate::args::ProtocolsArgs;

/// Prints every protocol with its fields.
///
/// # Errors
/// When there is no protocol of a name, or standard output can't be written.
pub fn run(args: &ProtocolsArgs) -> Result<()> {
    check(&args.names)?;
    let mut out = String::new();
    for dissection in dissectors::ALL {
        let protocol = dissection.protocol;
        if !args.names.is_empty() && !args.names.iter().any(|name| name == protocol.name) {
            continue;
        }
        let transports: Vec<_> = dissection
            .transports
            .iter()
            .map(|t| if *t == Transport::Tcp { "tcp" } else { "udp" })
            .collect();
        let ports: Vec<_> = dissection.ports.iter().map(u16::to_string).collect();
        out += &format!("{}  {}\n", protocol.name, protocol.about);
        out += &format!(
            "  over {}, any port (usually {})\n",
            transports.join(" and "),
            ports.join(", ")
        );
        out += &format!("  {}\n", protocol.specification);
        let width = protocol.fields.iter().map(|field| field.name.len()).max().unwrap_or(0);
        for field in protocol.fields {
            let kind = match field.kind {
                Kind::Text => "text",
                Kind::Integer => "integer",
                Kind::Bool => "bool",
            };
            let many = if field.many { " list" } else { "" };
            out += &format!(
                "    {:width$}  {:12}  {}\n",
                field.name,
                format!("{kind}{many}"),
                field.about
            );
        }
        out.push('\n');
    }
    std::io::stdout().write_all(out.trim_end_matches('\n').as_bytes())?;
    std::io::stdout().write_all(b"\n")?;
    Ok(())
}

/// Whether all `names` are protocols.
///
/// # Errors
/// Names the one that is not, and those there are.
pub fn check(names: &[String]) -> Result<()> {
    let known: Vec<_> = dissectors::ALL.iter().map(|dissection| dissection.protocol.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => bail!("no protocol is called {name}; there are: {}", known.join(", ")),
    }
}
