//! How a capture gets into the store: read as `callscope read` does, its lines taken in as they come.

use std::{
    io::{self, Write},
    net::IpAddr,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::Result;
use api::{Count, Facts, Finished, Import, Intake, Reading, Unread};
use capture::{Options, Reader};
use flow::Report;
use identity::{Directory, Found, Query};
use model::Endpoint;

use super::{WhatArgs, show_defaults};
use crate::{
    args::ShowArgs,
    read::{self, Directories, Input, Progress},
};

/// Pieces of lines that wait to be taken in.
const PIECES_MAX: usize = 16;
/// Bytes of lines that are handed on at once, if more come quickly.
const PIECE_BYTES: usize = 256 << 10;

/// What `callscope read` would have been told.
pub fn show_args(what: &WhatArgs) -> ShowArgs {
    ShowArgs { reading: what.reading.clone(), quiet: true, ..show_defaults() }
}

/// Reads captures into a store.
pub fn reading(args: ShowArgs, directory: Option<Directory>) -> Reading {
    Arc::new(move |import: &Import, intake: &Intake| {
        read_one(&args, directory.clone(), import, intake).unwrap_or_else(|error| Finished {
            failure: Some(format!("{error:#}")),
            ..Finished::default()
        })
    })
}

fn read_one(
    args: &ShowArgs,
    directory: Option<Directory>,
    import: &Import,
    intake: &Intake,
) -> Result<Finished> {
    let inputs: Vec<_> = import.inputs.iter().cloned().map(capture::Input::Path).collect();
    let reader = Reader::open(&inputs, Options::default())?;
    let total = reader.progress().bytes_total;
    import.bytes_total.store(total.unwrap_or(0), Ordering::Relaxed);
    let read = import.bytes_read.clone();
    let progress = Progress::watched(move |bytes| read.store(bytes, Ordering::Relaxed));
    let directories = directory.map(Directories::One);
    take_in(args, Input::of(Box::new(reader), progress), directories, None, import, intake)
}

/// Reads an input to its end, and takes its calls in as they come.
///
/// # Errors
/// When what the arguments name can't be read, or the store takes no more calls.
pub fn take_in(
    args: &ShowArgs,
    input: Input,
    directories: Option<Directories>,
    open_after: Option<Duration>,
    import: &Import,
    intake: &Intake,
) -> Result<Finished> {
    let (send, receive) = sync_channel::<Vec<u8>>(PIECES_MAX);
    let names = directories.clone();
    let (finished, taken) = thread::scope(|scope| {
        let taking = scope
            .spawn(move || receive.into_iter().try_for_each(|lines| intake.take(import, &lines)));
        let out = Box::new(Lines { send, lines: Vec::new() });
        let finished = read::lines(args, input, directories, open_after, out);
        (finished, taking.join())
    });
    // Why nothing more was taken says more than that nobody listened.
    if let Ok(Err(error)) = taken {
        return Err(error.into());
    }
    let finished = finished?;
    Ok(Finished {
        warnings: finished.warnings,
        failure: finished.failure.map(|error| format!("{error:#}")),
        ..told(&finished.report, names.as_ref())
    })
}

/// What a report says, as the API tells it; who servers were, the directory knows.
pub fn told(report: &Report, names: Option<&Directories>) -> Finished {
    let counts = report.counts.iter().map(|(name, words, count, loss)| Count {
        name: name.clone(),
        words: words.clone(),
        count: *count,
        loss: *loss,
    });
    let protocols = report.protocols.iter();
    let names = names.map(Directories::now);
    Finished {
        facts: Facts {
            packets: report.packets,
            wire_bytes: report.wire_bytes,
            flows: report.flows,
            unknown_flows: report.unknown_flows,
        },
        counts: counts.collect(),
        protocols: protocols.map(|(name, flows, calls)| ((*name).into(), *flows, *calls)).collect(),
        unread: report.unread.iter().map(|one| unread(one, names.as_ref())).collect(),
        ..Finished::default()
    }
}

fn unread(one: &flow::Unread, names: Option<&Directory>) -> Unread {
    let query = one.server.map(|server| {
        let (ip, port) = (server.ip, server.port);
        Query { scope: 0, ip, port, transport: one.transport, at: one.last, process: None }
    });
    let found = names.zip(query).map(|(names, query)| names.find(&query));
    let peer = found.as_ref().map(Found::peer);
    let workload = peer.as_ref().and_then(|peer| {
        let workload = peer.workload.as_ref().map(|workload| workload.name);
        workload.or(peer.name)
    });
    let server = one.server.map(|Endpoint { ip, port }| match ip {
        IpAddr::V4(ip) => format!("{ip}:{port}"),
        IpAddr::V6(ip) => format!("[{ip}]:{port}"),
    });
    Unread {
        server,
        namespace: peer.as_ref().and_then(|peer| peer.namespace).map(str::to_owned),
        workload: workload.map(str::to_owned),
        why: one.reason.name(),
        flows: one.flows,
        bytes: one.bytes,
    }
}

/// Hands whole lines on; waits when too many wait.
struct Lines {
    send: SyncSender<Vec<u8>>,
    lines: Vec<u8>,
}

impl Lines {
    /// Hands on all up to the last line feed.
    fn hand_on(&mut self) -> io::Result<()> {
        let Some(end) = self.lines.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let rest = self.lines.split_off(end + 1);
        let lines = std::mem::replace(&mut self.lines, rest);
        self.send.send(lines).map_err(|_| io::Error::other("the store takes no more calls"))
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(bytes);
        if self.lines.len() >= PIECE_BYTES {
            self.hand_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()
    }
}
