//! The command line; composition only.

use std::process::ExitCode;

mod args;
mod config;
mod doctor;
mod hub;
mod identity;
mod install;
mod masking;
mod mcp;
mod node;
mod pcap;
mod protocols;
mod query;
mod read;
mod serve;
mod sink;
mod size;
mod tap;

/// Messages come and go by the million; the system's allocator gives their memory back too eagerly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes: 0 done, 1 something could not be read or written, 2 wrong usage (clap's).
fn main() -> ExitCode {
    let outcome = match config::parse().command {
        args::Command::Read(args) => read::run(&args),
        args::Command::Tap(args) => tap::run(&args),
        args::Command::Pcap(args) => pcap::run(&args),
        args::Command::Query(args) => query::run(&args),
        args::Command::Protocols(args) => protocols::run(&args),
        args::Command::Identity(args) => identity::run(&args),
        args::Command::Serve(args) => serve::run(&args),
        args::Command::Mcp(args) => mcp::run(&args),
        args::Command::Node(args) => node::run(&args),
        args::Command::Hub(args) => hub::run(&args),
        args::Command::Install(args) => install::run(&args),
        args::Command::Uninstall(args) => install::remove(&args),
        args::Command::Config(args) => config::run(&args),
        args::Command::Doctor(args) => doctor::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("callscope: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output has seen enough (`| head`): not an error.
fn closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
