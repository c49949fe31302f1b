//! From records to plaintext streams: each connection once, under the addresses of its socket, in an
//! order in which no answer comes before its question.
//!
//! Has no clock: time comes in. Where both ends of a connection are tapped, the end that speaks first
//! is followed, and the other one's copy is counted and left out.

use std::collections::{HashMap, VecDeque};

use model::{Endpoint, Timestamp};

use crate::{
    Counts,
    record::{Piece, Record, Role, Socket, Way, What},
};

/// How long a read waits for the end of a write that was begun before it.
const HOLD_NS: u64 = 50_000_000;
/// How long a closed connection is remembered, so that the other end's late copy is known as one.
const LINGER_NS: u64 = 1_000_000_000;
/// Bytes that one connection keeps while its socket isn't known.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// Bytes that all keep.
const ALL_WAITING_BYTES_MAX: usize = 32 << 20;
/// Connections known at a time.
const CONNECTIONS_MAX: usize = 1 << 16;

/// A connection whose plaintext is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flow {
    /// Its number, from 1.
    pub number: u64,
    /// The process at the tapped end.
    pub pid: u32,
    /// The socket, as the tapped end sees it.
    pub socket: Socket,
    /// Who opened it, if that was seen.
    pub role: Role,
    /// It is told from its first byte.
    pub is_whole: bool,
}

/// Takes what is spoken under TLS.
pub trait Outlet {
    /// A connection is met for the first time.
    fn opened(&mut self, flow: &Flow, at: Timestamp);
    /// Bytes that the tapped end read or wrote.
    fn data(&mut self, flow: &Flow, way: Way, at: Timestamp, bytes: &[u8]);
    /// `len` bytes are not there.
    fn gap(&mut self, flow: &Flow, way: Way, at: Timestamp, len: u64);
    /// Nothing more comes.
    fn closed(&mut self, flow: &Flow, at: Timestamp);
}

/// All connections.
#[derive(Debug, Default)]
pub struct Streams {
    connections: HashMap<u64, Connection>,
    flows: HashMap<Ends, State>,
    /// Nanoseconds from the machine's start to 1970, added to each time.
    pub clock_ns: u64,
    numbers: u64,
    waiting_bytes: usize,
    /// What was seen, and what is missing.
    pub counts: Counts,
}

/// What the kernel calls a connection: one end.
#[derive(Debug)]
struct Connection {
    pid: u32,
    socket: Option<Socket>,
    role: Role,
    is_whole: bool,
    part: Part,
    /// Where the next bytes are expected: read, written.
    next: [u64; 2],
    /// Where the write that is being told ends.
    write_end: u64,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    last_ns: u64,
}

/// What a connection is in its flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    /// Nothing was told yet.
    None,
    /// It is told.
    Teller,
    /// It is the other end of one that is told.
    Twin,
}

/// Both ends, the lower first. Loopback addresses mean something in their own namespace alone.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Ends(Endpoint, Endpoint, u32);

#[derive(Debug)]
struct State {
    flow: Flow,
    tellers: u32,
    twins: u32,
    /// When the last teller closed.
    over_ns: Option<u64>,
}

/// Something that can't be told yet.
#[derive(Debug)]
struct Waiting {
    at_ns: u64,
    way: Way,
    bytes: Vec<u8>,
    gap: u64,
    since_ns: u64,
}

/// Something to tell.
#[derive(Clone, Copy)]
struct Telling<'b> {
    at_ns: u64,
    way: Way,
    bytes: &'b [u8],
    gap: u64,
}

// === impl Streams ===

impl Streams {
    /// Takes a record; `now_ns` is the time since the machine's start.
    pub fn record(&mut self, record: &Record<'_>, now_ns: u64, outlet: &mut dyn Outlet) {
        match record.what {
            What::Exec => {}
            What::Exit => self.gone(record.pid, record.at_ns, outlet),
            What::Closed { read, written } => {
                let Some(mut connection) = self.connections.remove(&record.connection) else {
                    return;
                };
                connection.learn(record);
                for (way, end) in [(Way::Read, read), (Way::Written, written)] {
                    let gap = end.saturating_sub(connection.next[way as usize]);
                    self.take(
                        &mut connection,
                        Telling { at_ns: record.at_ns, way, bytes: &[], gap },
                        None,
                        now_ns,
                        outlet,
                    );
                }
                self.close(connection, record.at_ns, outlet);
            }
            What::Bytes { piece, bytes } => self.piece(record, piece, bytes, 0, now_ns, outlet),
            What::Gap { piece, len } => self.piece(record, piece, &[], len, now_ns, outlet),
        }
    }

    /// What waited long enough is told.
    pub fn tick(&mut self, now_ns: u64, outlet: &mut dyn Outlet) {
        let late =
            |c: &Connection| c.waiting.front().is_some_and(|w| w.since_ns + HOLD_NS <= now_ns);
        let due: Vec<u64> = self
            .connections
            .iter()
            .filter(|(_, c)| c.socket.is_some() && late(c))
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            let Some(mut connection) = self.connections.remove(&number) else { continue };
            self.release(&mut connection, outlet);
            self.connections.insert(number, connection);
        }
        self.flows.retain(|_, state| !state.is_gone(now_ns));
    }

    /// Ends everything.
    pub fn finish(&mut self, now_ns: u64, outlet: &mut dyn Outlet) {
        let mut numbers: Vec<u64> = self.connections.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            if let Some(connection) = self.connections.remove(&number) {
                self.close(connection, now_ns, outlet);
            }
        }
    }

    fn piece(
        &mut self,
        record: &Record<'_>,
        piece: Piece,
        bytes: &[u8],
        gap: u64,
        now_ns: u64,
        outlet: &mut dyn Outlet,
    ) {
        self.make_room(outlet);
        let mut connection =
            self.connections.remove(&record.connection).unwrap_or_else(|| Connection::new(record));
        let was_unplaced = connection.socket.is_none();
        connection.learn(record);
        if was_unplaced && connection.socket.is_some() {
            self.release(&mut connection, outlet);
        }
        let way = piece.way;
        let lost = piece.offset.saturating_sub(connection.next[way as usize]);
        let before = Telling { at_ns: record.at_ns, way, bytes: &[], gap: lost };
        self.take(&mut connection, before, None, now_ns, outlet);
        let telling = Telling { at_ns: record.at_ns, way, bytes, gap };
        self.take(&mut connection, telling, piece.write_since, now_ns, outlet);
        if way == Way::Written && connection.ends_write(piece) && connection.socket.is_some() {
            self.release(&mut connection, outlet);
        }
        self.connections.insert(record.connection, connection);
    }

    /// Tells it, or keeps it for later.
    fn take(
        &mut self,
        connection: &mut Connection,
        telling: Telling<'_>,
        write_since: Option<u64>,
        now_ns: u64,
        outlet: &mut dyn Outlet,
    ) {
        let len = telling.bytes.len() as u64 + telling.gap;
        if len == 0 {
            return;
        }
        connection.next[telling.way as usize] += len;
        let waits = connection.socket.is_none()
            || telling.way == Way::Read
                && (write_since.is_some() || !connection.waiting.is_empty());
        if !waits {
            return self.tell(connection, telling, outlet);
        }
        let room = connection.waiting_bytes + telling.bytes.len() <= WAITING_BYTES_MAX
            && self.waiting_bytes + telling.bytes.len() <= ALL_WAITING_BYTES_MAX;
        let mut waiting = Waiting::of(&telling, now_ns);
        if !room {
            self.counts.waited_bytes += telling.bytes.len() as u64;
            waiting = Waiting { bytes: Vec::new(), gap: len, ..waiting };
        }
        self.waiting_bytes += waiting.bytes.len();
        connection.wait(waiting);
    }

    /// Tells what waited.
    fn release(&mut self, connection: &mut Connection, outlet: &mut dyn Outlet) {
        self.waiting_bytes -= connection.waiting_bytes;
        connection.waiting_bytes = 0;
        // Each was put there once.
        while let Some(waiting) = connection.waiting.pop_front() {
            self.tell(connection, waiting.telling(), outlet);
        }
    }

    fn tell(&mut self, connection: &mut Connection, telling: Telling<'_>, outlet: &mut dyn Outlet) {
        let Some(socket) = connection.socket else { return };
        if connection.part == Part::None {
            connection.part = self.join(connection, socket, telling.at_ns, outlet);
        }
        let at = Timestamp(telling.at_ns + self.clock_ns);
        let Telling { way, bytes, gap, .. } = telling;
        if connection.part == Part::Twin {
            self.counts.twice_bytes += bytes.len() as u64;
            return;
        }
        let Some(state) = self.flows.get(&Ends::of(&socket)) else { return };
        if gap > 0 {
            self.counts.gap_bytes += gap;
            outlet.gap(&state.flow, way, at, gap);
        }
        if !bytes.is_empty() {
            self.counts.bytes += bytes.len() as u64;
            outlet.data(&state.flow, way, at, bytes);
        }
    }

    /// Which part a connection has, as soon as it has something to tell.
    fn join(
        &mut self,
        connection: &Connection,
        socket: Socket,
        at_ns: u64,
        outlet: &mut dyn Outlet,
    ) -> Part {
        let ends = Ends::of(&socket);
        if let Some(state) = self.flows.get_mut(&ends) {
            if state.flow.socket.local != socket.local {
                state.twins += 1;
                return Part::Twin;
            }
            // A handshake of its own: the one before was given up without a word.
            if !connection.is_whole && state.over_ns.is_none() {
                state.tellers += 1;
                return Part::Teller;
            }
            if state.over_ns.is_none() {
                outlet.closed(&state.flow, Timestamp(at_ns + self.clock_ns));
            }
        }
        self.numbers += 1;
        self.counts.connections += 1;
        let Connection { pid, role, is_whole, .. } = *connection;
        let flow = Flow { number: self.numbers, pid, socket, role, is_whole };
        outlet.opened(&flow, Timestamp(at_ns + self.clock_ns));
        self.flows.insert(ends, State { flow, tellers: 1, twins: 0, over_ns: None });
        Part::Teller
    }

    fn close(&mut self, mut connection: Connection, at_ns: u64, outlet: &mut dyn Outlet) {
        if connection.socket.is_none() {
            let bytes: usize = connection.waiting.iter().map(|w| w.bytes.len()).sum();
            self.counts.unplaced_bytes += bytes as u64;
            self.waiting_bytes -= connection.waiting_bytes;
            return;
        }
        self.release(&mut connection, outlet);
        let ends = connection.socket.as_ref().map(Ends::of);
        let Some(state) = ends.and_then(|ends| self.flows.get_mut(&ends)) else { return };
        match connection.part {
            Part::None => {}
            Part::Twin => state.twins = state.twins.saturating_sub(1),
            Part::Teller => {
                state.tellers = state.tellers.saturating_sub(1);
                if state.tellers == 0 && state.over_ns.is_none() {
                    state.over_ns = Some(at_ns);
                    outlet.closed(&state.flow, Timestamp(at_ns + self.clock_ns));
                }
            }
        }
    }

    /// A process is gone, and with it what it had open.
    fn gone(&mut self, pid: u32, at_ns: u64, outlet: &mut dyn Outlet) {
        let of = self.connections.iter().filter(|(_, connection)| connection.pid == pid);
        let numbers: Vec<u64> = of.map(|(number, _)| *number).collect();
        for number in numbers {
            if let Some(connection) = self.connections.remove(&number) {
                self.close(connection, at_ns, outlet);
            }
        }
    }

    /// When there are too many connections, those that were silent longest leave.
    fn make_room(&mut self, outlet: &mut dyn Outlet) {
        if self.connections.len() < CONNECTIONS_MAX {
            return;
        }
        let mut ages: Vec<_> = self.connections.iter().map(|(n, c)| (c.last_ns, *n)).collect();
        ages.sort_unstable();
        for (last_ns, number) in ages.into_iter().take(CONNECTIONS_MAX / 16) {
            if let Some(connection) = self.connections.remove(&number) {
                self.counts.forgotten += 1;
                self.close(connection, last_ns, outlet);
            }
        }
    }
}

// === impl Connection ===

impl Connection {
    fn new(record: &Record<'_>) -> Self {
        Self {
            pid: record.pid,
            socket: None,
            role: Role::Unknown,
            is_whole: false,
            part: Part::None,
            next: [0; 2],
            write_end: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            last_ns: 0,
        }
    }

    fn learn(&mut self, record: &Record<'_>) {
        self.socket = self.socket.or(record.socket);
        self.is_whole |= record.is_whole;
        if self.role == Role::Unknown {
            self.role = record.role;
        }
        self.last_ns = record.at_ns;
    }

    /// Whether the piece is the last of its write.
    fn ends_write(&mut self, piece: Piece) -> bool {
        let written = self.next[Way::Written as usize];
        if piece.offset >= self.write_end {
            self.write_end = piece.offset.saturating_add(piece.whole);
        }
        written >= self.write_end
    }

    fn wait(&mut self, waiting: Waiting) {
        self.waiting_bytes += waiting.bytes.len();
        // Gaps beside each other are one: else there would be no bound on how many wait.
        if let Some(last) = self.waiting.back_mut()
            && last.way == waiting.way
            && last.bytes.is_empty()
            && waiting.bytes.is_empty()
        {
            last.gap = last.gap.saturating_add(waiting.gap);
            return;
        }
        self.waiting.push_back(waiting);
    }
}

// === impl Waiting ===

impl Waiting {
    fn of(telling: &Telling<'_>, since_ns: u64) -> Self {
        let Telling { at_ns, way, bytes, gap } = *telling;
        Self { at_ns, way, bytes: bytes.to_vec(), gap, since_ns }
    }

    fn telling(&self) -> Telling<'_> {
        Telling { at_ns: self.at_ns, way: self.way, bytes: &self.bytes, gap: self.gap }
    }
}

// === impl Ends ===

impl Ends {
    fn of(socket: &Socket) -> Self {
        let Socket { local, remote, netns } = *socket;
        let netns = if local.ip.is_loopback() { netns } else { 0 };
        Self(local.min(remote), local.max(remote), netns)
    }
}

// === impl State ===

impl State {
    fn is_gone(&self, now_ns: u64) -> bool {
        let Some(over_ns) = self.over_ns else { return false };
        self.tellers == 0 && self.twins == 0 && over_ns + LINGER_NS <= now_ns
    }
}

#[cfg(test)]
mod tests;
