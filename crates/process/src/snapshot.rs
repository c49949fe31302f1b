//! Who has which socket now, as the kernel's tables and `/proc` show it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use model::{Timestamp, Transport};

use crate::{
    Process,
    clock::Clock,
    homes, proc,
    sockets::{self, Socket},
    table::{FOREVER, Role, Table, Tenure},
};

/// What was seen.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Sockets with their owners; since when is not known.
    pub tenures: Vec<Tenure>,
    /// Namespaces whose sockets couldn't be read.
    pub closed: usize,
    /// Processes whose files we may not see.
    pub hidden: usize,
}

/// Looks at all network namespaces and all processes, and fills the table with what it lacks.
#[must_use]
pub fn fill(table: &Table, clock: Clock, with_arguments: bool, now: Timestamp) -> Snapshot {
    let pids: Vec<u32> = proc::pids().collect();
    let namespaces = homes::namespaces(&pids);
    table.settle(homes::homes(&namespaces));
    let mut snapshot = Snapshot::default();
    let mut found: Vec<(u32, Socket)> = Vec::new();
    for (netns, pid) in &namespaces {
        match sockets::of_namespace(*pid) {
            Ok(sockets) => found.extend(sockets.into_iter().map(|socket| (*netns, socket))),
            Err(_) => snapshot.closed += 1,
        }
    }
    let wanted: HashSet<u64> = found.iter().map(|(_, socket)| socket.inode).collect();
    let holders = sockets::holders(&pids, &wanted);
    snapshot.hidden =
        pids.iter().filter(|pid| std::fs::read_dir(format!("/proc/{pid}/fd")).is_err()).count();
    let listening: HashSet<(u32, u16)> = found
        .iter()
        .filter(|(_, socket)| socket.listens)
        .map(|(netns, socket)| (*netns, socket.local.port))
        .collect();
    let mut known: HashMap<u32, Option<Arc<Process>>> = HashMap::new();
    for (netns, socket) in &found {
        let Some(holders) = holders.get(&socket.inode) else { continue };
        let mut facts = |pid: u32| {
            let of = || proc::process(pid, clock, with_arguments).map(Arc::new);
            known.entry(pid).or_insert_with(of).clone()
        };
        let holders: Vec<_> = holders.iter().filter_map(|pid| facts(*pid)).collect();
        let Some(owner) = owner(socket, holders) else { continue };
        let role = role(socket, listening.contains(&(*netns, socket.local.port)));
        let tenure = Tenure {
            local: socket.local,
            remote: socket.remote,
            transport: socket.transport,
            netns: *netns,
            since: Timestamp(0),
            until: FOREVER,
            socket: 0,
            role,
            owner,
        };
        table.find_open(&tenure, now);
        snapshot.tenures.push(tenure);
    }
    snapshot
}

/// Of several processes that hold a socket: a listener is that of the first one, which left it to its
/// children; a connection is that of the last one, to which it was left.
fn owner(socket: &Socket, holders: Vec<Arc<Process>>) -> Option<Arc<Process>> {
    let age = |process: &Arc<Process>| (process.started, process.pid);
    if socket.remote.is_some() {
        holders.into_iter().max_by_key(age)
    } else {
        holders.into_iter().min_by_key(age)
    }
}

fn role(socket: &Socket, on_a_listener: bool) -> Role {
    match (socket.remote, socket.transport) {
        (None, _) => Role::Bound,
        (Some(_), Transport::Tcp) if on_a_listener => Role::Accepted,
        (Some(_), _) => Role::Connected,
    }
}
