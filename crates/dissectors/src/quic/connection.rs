//! One connection: whose packets are whose, what its handshake says, and the streams that it carries.

mod secrets;

use dissect::{Pair, Sink};
use model::{Side, Timestamp, Why};

use super::{
    assembly::{Assembly, Next},
    direction::Direction,
    frame::{Close, Frame, Frames},
    handshake::{Handshake, News},
    keys::Keys,
    late::Late,
    record::{self, Facts, HEAD_LEN, amend, note, write_close, write_note, write_versions},
    streams::Streams,
    version::Version,
    wire::{Kind, Long},
};
use crate::tls::{
    record::{MESSAGES_MAX, Opened, What},
    wire::Messages,
};

/// Connection IDs of one side that are remembered. Peers are told of two to eight at a time.
const CIDS_MAX: usize = 64;
/// Shorter ones are no proof of whose a packet is.
const NAME_MIN: usize = 4;
/// Where in a packet with a short header the connection ID is (RFC 9000 §17.3).
const SHORT_CID_AT: usize = 1;
/// Error codes that say that nothing is wrong: that of the transport, and that of HTTP/3.
const NO_ERRORS: [u64; 2] = [0, 0x100];
/// What a connection is charged beside what it keeps: its keys, mostly.
const COST: usize = 4 << 10;

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// Its number in the flow, from 1: the lane of its handshake.
    pub number: u64,
    version: Version,
    /// The connection ID that the keys of Initial packets come from.
    original: Vec<u8>,
    /// Connection IDs by which the other side speaks to each side.
    cids: [Vec<Vec<u8>>; 2],
    /// Those of the server that were not told of yet.
    new_cids: Vec<Vec<u8>>,
    directions: [Direction; 2],
    handshake: Handshake,
    halves: [Half; 2],
    streams: Streams,
    late: Late,
    /// How many secrets there were when they were last looked for.
    secrets_version: u64,
    /// Which streams inside nobody uses yet.
    channel: u64,
    /// The server wanted the client's address proved.
    is_retried: bool,
    /// Nothing more is said.
    is_over: bool,
    /// The server does not speak the client's version.
    is_refused: bool,
    /// A message was finished in this call.
    finished: bool,
}

/// One side of the handshake.
#[derive(Debug, Default)]
struct Half {
    stage: Stage,
    /// The handshake's stream in Initial packets, and in those after them.
    crypto: [Assembly; 2],
}

/// How far a half came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    /// Nothing was said.
    #[default]
    Silent,
    /// It is being said; what was looked at ends here.
    Open(usize),
    /// Parts of it were lost.
    Broken,
    /// It is at its end.
    Done,
}

// === impl Connection ===

impl Connection {
    /// A connection whose first packet, of the client, was opened with these keys.
    pub fn new(number: u64, long: &Long<'_>, [client, server]: [Keys; 2]) -> Self {
        let mut directions = <[Direction; 2]>::default();
        directions[Side::Client as usize].set_initial(long.version, client);
        directions[Side::Server as usize].set_initial(long.version, server);
        Self {
            number,
            version: long.version,
            original: long.dcid.to_vec(),
            cids: [vec![long.scid.to_vec()], Vec::new()],
            new_cids: Vec::new(),
            directions,
            handshake: Handshake::default(),
            halves: Default::default(),
            streams: Streams::default(),
            late: Late::default(),
            secrets_version: 0,
            channel: number << 32,
            is_retried: false,
            is_over: false,
            is_refused: false,
            finished: false,
        }
    }

    /// Whether a packet of `from` to this connection ID is one of this connection.
    pub fn is_for(&self, from: Side, dcid: &[u8]) -> bool {
        from == Side::Client && dcid == self.original
            || self.cids[from.other() as usize].iter().any(|cid| cid == dcid)
    }

    /// Where the packet number of a packet with a short header begins, if it is one of this
    /// connection. `named` asks for a connection ID; without, the other side has chosen none.
    pub fn short_number_at(&self, from: Side, bytes: &[u8], named: bool) -> Option<usize> {
        let rest = bytes.get(1..)?;
        let fits = |cid: &&Vec<u8>| cid.is_empty() != named && rest.starts_with(cid);
        self.cids[from.other() as usize].iter().find(fits).map(|cid| 1 + cid.len())
    }

    /// Packets of it that came before the client's first one.
    pub fn take_late(&mut self, late: Late) {
        self.late = late;
    }

    /// The same, of a packet to a connection ID that is not known: those of one side are of one length,
    /// mostly.
    pub fn likely_number_at(&self, from: Side) -> Option<usize> {
        self.cids[from.other() as usize].last().map(|cid| 1 + cid.len())
    }

    /// Whether the client's first packets may still be meant for another server's name: it was not
    /// answered.
    pub fn is_unanswered(&self) -> bool {
        self.halves[Side::Server as usize].stage == Stage::Silent
    }

    /// Whether what the client says in this version is not on this connection: the server does not
    /// speak the one that was tried here, which may not have been seen (RFC 9000 §6.2).
    pub fn is_refused(&self, version: Version) -> bool {
        self.is_refused || self.is_unanswered() && self.version != version
    }

    /// Whether both sides spoke, and neither closed it.
    pub fn is_up(&self) -> bool {
        !self.is_over && !self.is_unanswered()
    }

    /// The server wants the client's address proved.
    pub fn retry(&mut self) {
        self.is_retried |= self.is_unanswered();
    }

    /// Whether the client's first packet to another connection ID may be on this connection, which was
    /// not answered.
    pub fn begins_again(&self, long: &Long<'_>) -> bool {
        self.is_unanswered() && self.version == long.version && self.is_for(Side::Server, long.scid)
    }

    /// The client begins again, to another connection ID, after the server asked for it.
    pub fn begin_again(&mut self, long: &Long<'_>, [client, server]: [Keys; 2]) {
        long.dcid.clone_into(&mut self.original);
        self.version = long.version;
        self.directions[Side::Client as usize].set_initial(long.version, client);
        self.directions[Side::Server as usize].set_initial(long.version, server);
        self.learn_cid(Side::Client, long.scid);
        // It says its hello again, and some clients say another one.
        self.halves[Side::Client as usize].crypto = Default::default();
    }

    /// Whether a message was finished since this was last asked.
    pub fn take_finished(&mut self) -> bool {
        std::mem::take(&mut self.finished)
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        let crypto = self.halves.iter().flat_map(|half| &half.crypto).map(Assembly::held);
        COST + crypto.sum::<usize>() + self.streams.held() + self.late.held()
    }

    /// Keeps as little as possible from here on.
    pub fn shed(&mut self) {
        self.late.give_up();
        self.streams.shed();
    }

    /// `from` sends nothing more. The message that is open on the connection's lane is finished, if
    /// all of it was heard.
    pub fn end(&mut self, from: Side, why: Why, sink: &mut Sink<'_, '_>) {
        sink.turn_to(self.number);
        let now = sink.now();
        while self.take_up(from, now, sink) {}
        self.late.forget(from);
        self.streams.end(from, why, sink);
        let half = &self.halves[from as usize];
        let is_whole = match half.stage {
            Stage::Open(walked) => walked == sink.recorded().len() && self.is_told(from),
            _ => false,
        };
        if is_whole {
            self.finish(from, sink);
        }
    }

    /// Whether the hello of a side was heard.
    fn is_told(&self, side: Side) -> bool {
        match side {
            Side::Client => self.handshake.is_begun(),
            Side::Server => self.handshake.suite.is_some(),
        }
    }

    fn learn_cid(&mut self, side: Side, cid: &[u8]) {
        let cids = &mut self.cids[side as usize];
        if cids.iter().any(|known| known == cid) {
            return;
        }
        if cids.len() >= CIDS_MAX {
            cids.remove(0);
        }
        cids.push(cid.to_vec());
        if side == Side::Server && cid.len() >= NAME_MIN {
            self.new_cids.push(cid.to_vec());
        }
    }

    /// Tells by what the client's packets are known, from whatever address they come (§9). Where nothing can
    /// be read, it is not looked for.
    pub fn tell_cids(&mut self, sink: &mut Sink<'_, '_>) {
        let cids = std::mem::take(&mut self.new_cids);
        if sink.secrets().version() > 0 {
            cids.iter().for_each(|cid| sink.known_by(SHORT_CID_AT, cid));
        }
    }
}

// === impl Connection: packets ===

impl Connection {
    /// A packet with a long header; whether it could be opened, or waits to be.
    pub fn long(
        &mut self,
        from: Side,
        long: &Long<'_>,
        now: Timestamp,
        sink: &mut Sink<'_, '_>,
    ) -> bool {
        sink.turn_to(self.number);
        if long.kind == Kind::Initial && !self.has_version(from, long.version) {
            // The server may answer in another version (RFC 9368 §2.3).
            return self.changes_version(from, long, now, sink);
        }
        self.packet(from, (long.kind, long.bytes, long.number_at), now, sink) && {
            self.learn_cid(from, long.scid);
            true
        }
    }

    /// A packet with a short header.
    pub fn short(
        &mut self,
        from: Side,
        (bytes, number_at): (&[u8], usize),
        now: Timestamp,
        sink: &mut Sink<'_, '_>,
    ) {
        sink.turn_to(self.number);
        self.packet(from, (Kind::Short, bytes, number_at), now, sink);
        if from == Side::Client
            && self.handshake.suite.is_some()
            && !self.handshake.opened.is_open()
        {
            self.conclude(sink);
        }
    }

    /// Opens what waited for its keys, if they came, and ends what is over. Stops where a message is
    /// finished.
    pub fn wake(&mut self, from: Side, now: Timestamp, sink: &mut Sink<'_, '_>) {
        if self.secrets_version != sink.secrets().version() {
            self.find_keys(sink);
        }
        if self.is_over && matches!(self.halves[from as usize].stage, Stage::Open(_)) {
            sink.turn_to(self.number);
            self.finish(from, sink);
            return;
        }
        if self.late.is_empty(from) && !self.streams.waits() {
            return;
        }
        sink.turn_to(self.number);
        while !self.finished && self.take_up(from, now, sink) {}
        self.streams.look_after(from, now, sink);
    }

    /// Opens a packet that waited, if there are keys for it by now; whether there was one.
    fn take_up(&mut self, from: Side, now: Timestamp, sink: &mut Sink<'_, '_>) -> bool {
        let is_turn = !self.waits_for_client(from);
        let directions = &self.directions;
        let has = |kind| directions[from as usize].has(kind) && (kind != Kind::Short || is_turn);
        let Some(packet) = self.late.take(from, has) else { return false };
        self.packet(from, (packet.kind, &packet.bytes, packet.number_at), now, sink);
        true
    }

    /// Whether what the client said waits, and with it what it was answered.
    fn waits_for_client(&self, from: Side) -> bool {
        from == Side::Server && !self.late.is_empty(Side::Client)
    }

    fn has_version(&self, from: Side, version: Version) -> bool {
        self.directions[from as usize].initial_version().is_none_or(|known| known == version)
    }

    fn changes_version(
        &mut self,
        from: Side,
        long: &Long<'_>,
        now: Timestamp,
        sink: &mut Sink<'_, '_>,
    ) -> bool {
        let Some([client, server]) = Keys::initial(long.version, &self.original) else {
            return false;
        };
        let keys = if from == Side::Client { &client } else { &server };
        if keys.open(long.bytes, long.number_at, None, &mut Vec::new()).is_none() {
            return false;
        }
        self.version = long.version;
        self.directions[Side::Client as usize].set_initial(long.version, client);
        self.directions[Side::Server as usize].set_initial(long.version, server);
        self.packet(from, (long.kind, long.bytes, long.number_at), now, sink)
    }

    /// Opens a packet and reads what is in it; whether that could be done, or waits to be.
    fn packet(
        &mut self,
        from: Side,
        (kind, bytes, number_at): (Kind, &[u8], usize),
        now: Timestamp,
        sink: &mut Sink<'_, '_>,
    ) -> bool {
        let is_turn = kind != Kind::Short || !self.waits_for_client(from);
        let direction = &mut self.directions[from as usize];
        if !direction.has(kind) || !is_turn {
            let may_come = sink.secrets().version() > 0 && !self.is_over;
            let waits = may_come && self.late.put(from, kind, bytes, number_at);
            if !waits && kind == Kind::Short {
                sink.sealed(bytes.len() as u64);
            }
            return waits;
        }
        let mut payload = Vec::new();
        if !direction.open(kind, bytes, number_at, &mut payload) {
            if direction.is_hopeless() {
                self.despair(sink);
            }
            return false;
        }
        if kind == Kind::Initial {
            self.begin(from, sink);
        }
        for frame in Frames::of(&payload) {
            self.frame(from, kind, &frame, now, sink);
        }
        true
    }

    fn frame(
        &mut self,
        from: Side,
        kind: Kind,
        frame: &Frame<'_>,
        now: Timestamp,
        sink: &mut Sink<'_, '_>,
    ) {
        match *frame {
            Frame::Other => {}
            Frame::Crypto { offset, bytes } => self.crypto(from, kind, (offset, bytes), now, sink),
            Frame::NewCid(cid) => self.learn_cid(from, cid),
            Frame::Close(close) => self.close(from, &close, sink),
            _ if !matches!(kind, Kind::Early | Kind::Short) => {}
            Frame::Stream { id, offset, is_last, bytes } => {
                self.begin_streams(sink);
                self.streams.piece(from, id, (offset, bytes, is_last), now, sink);
            }
            Frame::Datagram(bytes) => sink.passed_by(bytes.len() as u64),
            Frame::Reset { id, code } => self.streams.reset(from, id, code, sink),
            Frame::Stop { id, code } => self.streams.stop(id, code, sink),
        }
    }

    fn begin_streams(&mut self, sink: &mut Sink<'_, '_>) {
        if !self.streams.is_begun() {
            self.streams.begin(self.channel, self.handshake.cover(), sink);
        }
    }

    /// A side closes the connection.
    fn close(&mut self, from: Side, close: &Close<'_>, sink: &mut Sink<'_, '_>) {
        let is_error = !NO_ERRORS.contains(&close.code) || close.code == 0x100 && !close.is_app;
        let why = if is_error { Why::Reset } else { Why::Closed };
        if !std::mem::replace(&mut self.is_over, true) {
            self.tell_close(from, close, is_error, sink);
        }
        self.streams.end(from, why, sink);
    }

    fn tell_close(
        &mut self,
        from: Side,
        close: &Close<'_>,
        is_error: bool,
        sink: &mut Sink<'_, '_>,
    ) {
        if sink.is_open() {
            write_close(close, sink);
            if !self.finished {
                self.finish(from, sink);
            }
        } else if is_error && !self.finished {
            sink.begin(Pair::OneWay);
            sink.record(&Facts::new(What::Alert, self.version.number).bytes());
            write_note(note::NAME, self.handshake.server_name().as_bytes(), sink);
            write_close(close, sink);
            sink.finish();
            self.finished = true;
        }
    }
}

// === impl Connection: the handshake ===

impl Connection {
    /// The server does not speak the client's version.
    pub fn negotiate(&mut self, versions: &[u8], sink: &mut Sink<'_, '_>) {
        sink.turn_to(self.number);
        if !self.is_unanswered() {
            return;
        }
        self.begin(Side::Server, sink);
        write_versions(versions, sink);
        (self.is_over, self.is_refused) = (true, true);
        self.finish(Side::Server, sink);
    }

    /// Begins to write down what `from` says of the handshake, unless it did already.
    fn begin(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        if self.halves[from as usize].stage != Stage::Silent {
            return;
        }
        sink.begin(Pair::Id(self.number));
        let what = if from == Side::Client { What::Client } else { What::Server };
        let facts = Facts {
            is_retried: self.is_retried && from == Side::Server,
            ..Facts::new(what, self.version.number)
        };
        sink.record(&facts.bytes());
        if from == Side::Client {
            write_note(note::DESTINATION, &self.original, sink);
        }
        let own = self.cids[from as usize].first().map_or(&[][..], Vec::as_slice);
        write_note(note::SOURCE, own, sink);
        self.halves[from as usize].stage = Stage::Open(sink.recorded().len());
    }

    fn crypto(
        &mut self,
        from: Side,
        kind: Kind,
        (offset, bytes): (u64, &[u8]),
        now: Timestamp,
        sink: &mut Sink<'_, '_>,
    ) {
        let at = match kind {
            Kind::Initial => 0,
            Kind::Handshake => 1,
            // Tickets: nothing changes by them.
            _ => return,
        };
        let half = &mut self.halves[from as usize];
        if !matches!(half.stage, Stage::Open(_)) {
            return;
        }
        let Some(assembly) = half.crypto.get_mut(at) else { return };
        let mut is_broken = false;
        assembly.add(offset, bytes, false, now, &mut |next| match next {
            Next::Bytes(bytes, _) if !is_broken => {
                let room = (HEAD_LEN + MESSAGES_MAX).saturating_sub(sink.recorded().len());
                sink.record(bytes.get(..room).unwrap_or(bytes));
            }
            Next::Bytes(..) => {}
            Next::Lost(len) => {
                is_broken = true;
                sink.lose(len, Why::Gap);
            }
        });
        if is_broken {
            half.stage = Stage::Broken;
        }
        self.walk(from, sink);
    }

    /// Looks at the handshake messages that are whole by now.
    fn walk(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        // Every turn takes a message.
        while let Stage::Open(walked) = self.halves[from as usize].stage {
            let recorded = sink.recorded();
            let mut rest = Messages(recorded.get(walked..).unwrap_or_default());
            let Some(read) = rest.next() else { return };
            let end = recorded.len() - rest.0.len();
            let news = self.handshake.hear(from, read.kind, read.body);
            self.halves[from as usize].stage = Stage::Open(end);
            match news {
                News::Nothing => {}
                News::Asked => self.find_keys(sink),
                News::Chosen => self.chosen(sink),
                News::EarlyRefused => {
                    self.streams.begin_again(sink);
                    self.channel += 1 << 31;
                }
                News::Finished => {
                    amend(sink, |facts| facts.tls.is_done = true);
                    self.finish(from, sink);
                }
            }
        }
    }

    /// The server chose: keys can be made, or nobody can tell when it is done.
    fn chosen(&mut self, sink: &mut Sink<'_, '_>) {
        self.find_keys(sink);
        let opened = self.handshake.opened;
        amend(sink, |facts| facts.tls.opened = opened);
        if !opened.is_open() {
            self.finish(Side::Server, sink);
        }
    }

    /// The client goes on after the handshake, which nobody can read.
    fn conclude(&mut self, sink: &mut Sink<'_, '_>) {
        if !matches!(self.halves[Side::Client as usize].stage, Stage::Open(_)) || self.finished {
            return;
        }
        amend(sink, |facts| facts.tls.is_done = true);
        self.finish(Side::Client, sink);
    }

    /// The secrets that were given don't open anything.
    fn despair(&mut self, sink: &mut Sink<'_, '_>) {
        self.handshake.opened = Opened::BadRecord;
        if sink.is_open() {
            amend(sink, |facts| facts.tls.opened = Opened::BadRecord);
        }
    }

    fn finish(&mut self, from: Side, sink: &mut Sink<'_, '_>) {
        sink.finish();
        self.finished = true;
        let half = &mut self.halves[from as usize];
        *half = Half { stage: Stage::Done, ..Half::default() };
        let is_done = self.halves.iter().all(|half| half.stage == Stage::Done);
        if is_done && sink.secrets().version() == 0 {
            // Nothing that follows can be read.
            self.directions.iter_mut().for_each(Direction::let_go);
        }
    }
}

/// Writes down that a server's half of a handshake was seen whose beginning was not.
pub fn tell_unseen(lane: u64, long: &Long<'_>, sink: &mut Sink<'_, '_>) {
    sink.turn_to(lane);
    sink.begin(Pair::Id(lane));
    let mut facts = Facts::new(What::Server, long.version.number);
    facts.tls.opened = Opened::StartNotSeen;
    sink.record(&facts.bytes());
    record::write_note(note::SOURCE, long.scid, sink);
    sink.finish();
}
