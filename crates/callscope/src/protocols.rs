//! `callscope protocols`: what the tables say.

use std::io::Write;

use anyhow::{Result, bail};
use dissect::Dissection;
use filter::ProtocolTable;
use model::{Kind, Protocol};

use crate::args::ProtocolsArgs;

/// Prints every protocol with its fields.
///
/// # Errors
/// When there is no protocol of a name, or standard output can't be written.
pub fn run(args: &ProtocolsArgs) -> Result<()> {
    check(&args.names)?;
    let mut out = String::new();
    for protocol in all() {
        if args.names.is_empty() || args.names.iter().any(|name| name == protocol.name) {
            show(protocol, &mut out);
        }
    }
    std::io::stdout().write_all(out.trim_end_matches('\n').as_bytes())?;
    std::io::stdout().write_all(b"\n")?;
    Ok(())
}

/// Every protocol once: several readers may fill the same table.
pub fn all() -> Vec<&'static Protocol> {
    let mut all: Vec<&Protocol> = Vec::new();
    let spoken = dissectors::ALL.iter().map(|dissection| dissection.protocol);
    let seen_through = dissectors::LENSES.iter().flat_map(|lens| lens.protocols).copied();
    for protocol in spoken.chain(seen_through).chain([&flow::CONN]) {
        if !all.contains(&protocol) {
            all.push(protocol);
        }
    }
    all
}

/// What the protocols bring into the query language.
pub fn tables() -> Vec<ProtocolTable> {
    all().into_iter().map(table).collect()
}

fn table(protocol: &'static Protocol) -> ProtocolTable {
    let lens = dissectors::LENSES.iter().find(|lens| lens.protocols.contains(&protocol));
    let also_alone = dissectors::ALL.iter().any(|one| one.protocol == protocol);
    let over = lens.map(|lens| lens.over.name);
    ProtocolTable { over, also_alone, ..ProtocolTable::of(protocol) }
}

fn show(protocol: &'static Protocol, out: &mut String) {
    *out += &format!("{}  {}\n", protocol.name, protocol.about);
    for dissection in dissectors::ALL.iter().filter(|one| one.protocol == protocol) {
        *out += &carried(dissection);
    }
    for lens in dissectors::LENSES.iter().filter(|lens| lens.protocols.contains(&protocol)) {
        *out += &format!("  in messages of {}\n", lens.over.name);
    }
    *out += &format!("  {}\n", protocol.specification);
    let width = protocol.fields.iter().map(|field| field.name.len()).max().unwrap_or(0);
    for field in protocol.fields {
        let kind = match field.kind {
            Kind::Text => "text",
            Kind::Integer => "integer",
            Kind::Bool => "bool",
        };
        let many = if field.many { " list" } else { "" };
        *out += &format!(
            "    {:width$}  {:12}  {}\n",
            field.name,
            format!("{kind}{many}"),
            field.about
        );
    }
    out.push('\n');
}

/// What a protocol is carried by, in one line.
fn carried(dissection: &Dissection) -> String {
    let transports: Vec<_> =
        dissection.transports.iter().map(|transport| transport.name()).collect();
    let ports: Vec<_> = dissection.ports.iter().map(u16::to_string).collect();
    let usually =
        if ports.is_empty() { String::new() } else { format!(" (usually {})", ports.join(", ")) };
    format!("  over {}, any port{usually}\n", transports.join(" and "))
}

/// Whether all `names` are protocols.
///
/// # Errors
/// Names the one that is not, and those there are.
pub fn check(names: &[String]) -> Result<()> {
    let known: Vec<_> = all().iter().map(|protocol| protocol.name).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => bail!("no protocol is called {name}; there are: {}", known.join(", ")),
    }
}
