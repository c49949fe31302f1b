//! What can be said on the command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

/// Turns network traffic into complete, matched API calls.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What callscope can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read capture files and show their calls.
    Read(ReadArgs),
    /// List the protocols, with the fields that each of them fills in.
    Protocols(ProtocolsArgs),
}

/// Arguments of `callscope read`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 done (also when the reader of a pipe has seen enough), 1 something could not be \
                        read or written, 2 wrong usage.\n\nExamples:\n  callscope read shop.pcapng\n  \
                        callscope read --protocol http,dns *.pcap.gz\n  tcpdump -i any -U -w - | callscope read -"
)]
pub struct ReadArgs {
    /// Capture files (pcap or pcapng, also gzip or zstd), folders of them, or - for standard input.
    /// Several are merged by time.
    #[arg(value_name = "FILE|DIR|-")]
    pub inputs: Vec<OsString>,
    /// How to show calls [default: table on a terminal, ndjson elsewhere].
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Write calls to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show each call whole: headers, fields, bodies, timing.
    #[arg(long)]
    pub details: bool,
    /// Show only calls of these protocols (see `callscope protocols`).
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub protocol: Vec<String>,
    /// Threads that read; the calls and their order are the same for any number [default: the
    /// machine's cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    pub threads: Option<u16>,
    /// Memory for everything unfinished: heads, bodies, segments out of order.
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = crate::size::bytes)]
    pub memory: u64,
    /// Bytes kept of each body; sizes stay exact. Or: unlimited.
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = crate::size::limit)]
    pub body_limit: u64,
    /// TLS secrets in NSS key log format. TLS is not decrypted yet: the file is named in a warning
    /// and not used.
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// Colours: on a terminal, always or never (`NO_COLOR` is honoured).
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// No summary and no progress bar on standard error; warnings stay.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Arguments of `callscope protocols`.
#[derive(Debug, clap::Args)]
pub struct ProtocolsArgs {
    /// Only these.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// How calls are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// One JSON object a line.
    Ndjson,
    /// One JSON array.
    Json,
    /// Nothing but the summary.
    None,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
