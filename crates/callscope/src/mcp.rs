//! `callscope mcp`: the same questions as to a server, asked by an agent on standard input.

use std::sync::Arc;

use anyhow::Result;
use api::{Asker, Mcp, Settings};

use crate::serve::{House, WhatArgs, maintain};

/// Arguments of `callscope mcp`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  callscope mcp shop.pcapng\n  callscope mcp --store /var/lib/callscope\n  \
                  callscope mcp --server http://127.0.0.1:8899"
)]
pub struct McpArgs {
    /// What is asked, when it is no running server.
    #[command(flatten)]
    pub what: WhatArgs,
    /// Ask a running server.
    #[arg(long, value_name = "URL", conflicts_with_all = ["inputs", "store"])]
    pub server: Option<String>,
    /// The server's token. In the environment rather than on the command line, where others can read
    /// it.
    #[arg(long, value_name = "TOKEN", hide_default_value = true, requires = "server")]
    pub token: Option<String>,
}

/// Serves one agent, until it leaves.
///
/// # Errors
/// When what it should be asked about is not there.
pub fn run(args: &McpArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        if let Some(server) = &args.server {
            let asker = Asker::there(server, args.token.clone()).map_err(anyhow::Error::msg)?;
            return Mcp::new(Arc::new(asker)).stdio().await.map_err(anyhow::Error::msg);
        }
        let house = House::open(&args.what, Settings::default())?;
        house.import(&args.what)?;
        let looking = tokio::spawn(maintain(house.store()));
        let asker = Asker::Here(house.api.open_router());
        let served = Mcp::new(Arc::new(asker)).stdio().await.map_err(anyhow::Error::msg);
        looking.abort();
        tokio::task::block_in_place(|| house.close())?;
        served
    });
    // Nobody waits for a capture that is still read.
    runtime.shutdown_background();
    done
}
