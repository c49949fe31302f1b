//! What the hub knows: which nodes are there, which questions wait for answers, and the directory.
//!
//! Everything that is sent to a node goes through one queue of its own, in the order in which it was
//! decided under one lock: a node that is asked has heard before who else listens.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use store::{Member, Missing, Tails};
use tokio::sync::{Notify, mpsc};

use crate::{
    Log, VERSION, VERSION_MIN,
    wire::{self, from_hub},
    words::short,
};

/// Limits of a hub.
#[derive(Clone, Copy, Debug)]
pub struct HubOptions {
    /// How long nodes may take to answer.
    pub answer: Duration,
    /// How often changes of the directory are handed on.
    pub directory_every: Duration,
    /// Bytes of memory for the groups of one answer.
    pub query_bytes_max: usize,
    /// A node that was away so long is forgotten.
    pub forget_after: Duration,
    /// Nodes at most.
    pub nodes_max: usize,
    /// A number that is another one each time a hub begins.
    pub number: u64,
}

/// The nodes of a cluster, as one source of calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: HubOptions,
    state: Mutex<State>,
}

#[derive(Default, Debug)]
pub(crate) struct State {
    nodes: BTreeMap<String, Node>,
    waiting: HashMap<u64, Waiting>,
    questions: u64,
    sessions: u64,
    pub(crate) log: Log,
    pub(crate) counts: Counts,
    /// Nodes that listen otherwise than the others have heard.
    changed: BTreeSet<String>,
}

/// What was counted.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    pub(crate) joined: u64,
    pub(crate) refused: u64,
    pub(crate) left: u64,
    pub(crate) slow: u64,
    pub(crate) unanswered: u64,
    pub(crate) strange: u64,
}

/// A node, while it is there and for some time after.
#[derive(Debug)]
struct Node {
    program: String,
    state: wire::State,
    link: Option<Link>,
    /// Since when it is there, or away.
    since: Instant,
}

/// The way to a node.
#[derive(Debug)]
struct Link {
    session: u64,
    queue: mpsc::Sender<wire::FromHub>,
    /// Pieces of the directory wait for room in the queue.
    news: Arc<Notify>,
}

/// A node that has just joined.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) session: u64,
    pub(crate) queue: mpsc::Sender<wire::FromHub>,
    pub(crate) messages: mpsc::Receiver<wire::FromHub>,
    pub(crate) news: Arc<Notify>,
}

/// Somebody who waits for answers.
#[derive(Debug)]
struct Waiting {
    ear: Ear,
    /// Nodes that were asked.
    asked: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Ear {
    /// Pieces of answers, by node.
    Answers(mpsc::Sender<Heard>),
    /// Calls of the live tail; nodes that join are asked, too.
    Tail(Arc<Live>),
}

/// A live tail of all nodes.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) tails: Arc<Tails>,
    pub(crate) condition: wire::Condition,
    /// Calls handed on or missed so far.
    pub(crate) before: Mutex<u64>,
}

/// What was heard of a node.
#[derive(Debug)]
pub(crate) enum Heard {
    Piece(String, Box<wire::Piece>),
    /// It will say no more.
    Left(String, &'static str),
}

/// A question that was asked; it is withdrawn when this is dropped.
#[derive(Debug)]
pub(crate) struct Asked {
    shared: Arc<Shared>,
    pub(crate) number: u64,
    /// Who was asked.
    pub(crate) nodes: Vec<String>,
    /// Who could not be.
    pub(crate) missing: Vec<Missing>,
}

/// Messages that wait for a node. Who does not take them is cut off, and comes back when it can.
const QUEUE_MAX: usize = 256;
/// Messages of the directory leave so much room for others.
const QUEUE_ROOM: usize = QUEUE_MAX / 2;
/// Bytes of a node's name.
const NAME_BYTES_MAX: usize = 253;
/// Pieces of answers that wait to be looked at.
const PIECES_MAX: usize = 64;

pub(crate) const AWAY: &str = "not connected";
const BROKE: &str = "the connection broke";

// === impl HubOptions ===

impl HubOptions {
    /// As is usual; `number` is another one each time.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self {
            answer: Duration::from_secs(10),
            directory_every: Duration::from_millis(500),
            query_bytes_max: 512 << 20,
            forget_after: Duration::from_secs(3600),
            nodes_max: 10_000,
            number: number.max(1),
        }
    }
}

// === impl Hub ===

impl Hub {
    /// No node is there yet.
    #[must_use]
    pub fn new(options: HubOptions) -> Self {
        Self(Arc::new(Shared { options, state: Mutex::default() }))
    }

    /// What a watch told of the cluster, to be handed on to the nodes: the event, and its line of the
    /// identity log.
    pub fn learn(&self, event: &identity::Event, line: &str) {
        self.0.state().log.take(event, line);
    }

    /// Hands on what was learnt, now and then, and forgets nodes of long ago; for ever.
    pub async fn keep_going(self) {
        let mut ticks = tokio::time::interval(self.0.options.directory_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.hand_on();
        }
    }

    /// Hands on what was learnt since.
    pub fn hand_on(&self) {
        let mut state = self.0.state();
        state.proclaim();
        let forget_after = self.0.options.forget_after;
        let is_gone = |node: &Node| node.link.is_none() && node.since.elapsed() > forget_after;
        state.nodes.retain(|_, node| !is_gone(node));
        if state.log.is_due() && state.log.cut() {
            state
                .nodes
                .values()
                .filter_map(|node| node.link.as_ref())
                .for_each(|link| link.news.notify_one());
        }
    }

    /// Objects of the directory, its version, and the bytes of all its changes as each node was sent them.
    #[must_use]
    pub fn directory(&self) -> (usize, u64, u64) {
        let state = self.0.state();
        (state.log.objects(), state.log.version(), state.log.bytes())
    }
}

// === impl Shared ===

impl Shared {
    /// A panic elsewhere is that thread's own report; the data behind the lock is whole.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a node in.
    ///
    /// # Errors
    /// In words for the node.
    pub(crate) fn join(&self, hello: &wire::Hello) -> Result<Joined, String> {
        let mut state = self.state();
        let state = &mut *state;
        // One that comes back takes no other's place.
        let others = state.nodes.len() - usize::from(state.nodes.contains_key(&hello.node));
        if let Err(why) = admissible(hello, others, self.options.nodes_max) {
            state.counts.refused += 1;
            return Err(why);
        }
        state.sessions += 1;
        state.counts.joined += 1;
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let news = Arc::new(Notify::new());
        // A node that comes back before its old connection was missed takes its place.
        state.nodes.insert(
            hello.node.clone(),
            Node {
                program: short(&hello.program),
                state: hello.state.clone().unwrap_or_default(),
                link: Some(Link {
                    session: state.sessions,
                    queue: queue.clone(),
                    news: news.clone(),
                }),
                since: Instant::now(),
            },
        );
        state.lost_by(&hello.node, BROKE);
        state.tell(&hello.node, welcome(&self.options, String::new()));
        let whole = wire::Roster { is_whole: true, nodes: state.listeners() };
        state.tell(&hello.node, from_hub::What::Roster(whole));
        state.changed.insert(hello.node.clone());
        state.ask_tails(&hello.node);
        news.notify_one();
        Ok(Joined { session: state.sessions, queue, messages, news })
    }

    /// A node said how it is.
    pub(crate) fn update(&self, name: &str, session: u64, told: wire::State) {
        let mut state = self.state();
        let Some(node) = state.node(name, session) else { return };
        let is_news = node.state.listened != told.listened;
        node.state = told;
        if is_news {
            state.changed.insert(name.to_owned());
        }
    }

    /// A node's connection ended.
    pub(crate) fn leave(&self, name: &str, session: u64) {
        let mut state = self.state();
        let Some(node) = state.node(name, session) else { return };
        node.link = None;
        node.since = Instant::now();
        state.counts.left += 1;
        state.lost_by(name, BROKE);
        state.changed.insert(name.to_owned());
    }

    /// What of the directory a node needs, as far as there is room.
    pub(crate) fn directory_since(&self, version: u64) -> Vec<wire::Directory> {
        self.state().log.since(version)
    }

    /// Asks all nodes.
    pub(crate) fn ask(self: &Arc<Self>, what: &wire::ask::What, time: Duration, ear: Ear) -> Asked {
        self.ask_of(what, time, ear, |_| true)
    }

    /// Asks these nodes.
    pub(crate) fn ask_of(
        self: &Arc<Self>,
        what: &wire::ask::What,
        time: Duration,
        ear: Ear,
        is_meant: impl Fn(&str) -> bool,
    ) -> Asked {
        let mut state = self.state();
        let state = &mut *state;
        // Who is asked knows who else is.
        state.proclaim();
        state.questions += 1;
        let number = state.questions;
        let ask = ask(number, what.clone(), time);
        let (mut nodes, mut missing) = (Vec::new(), Vec::new());
        let mut slow = Vec::new();
        for (name, node) in state.nodes.iter().filter(|(name, _)| is_meant(name)) {
            let sent = |link: &Link| link.queue.try_send(message(ask.clone())).is_ok();
            match node.link.as_ref().map(sent) {
                Some(true) => nodes.push(name.clone()),
                answer => {
                    slow.extend(answer.map(|_| name.clone()));
                    missing.push(Missing { name: name.clone(), why: AWAY.into() });
                }
            }
        }
        state.waiting.insert(number, Waiting { ear, asked: nodes.clone() });
        slow.iter().for_each(|name| state.cut_off(name));
        Asked { shared: self.clone(), number, nodes, missing }
    }

    /// Who waits for this answer.
    pub(crate) fn ear(&self, number: u64) -> Option<Ear> {
        self.state().waiting.get(&number).map(|waiting| waiting.ear.clone())
    }

    pub(crate) fn members(&self) -> Vec<Member> {
        let state = self.state();
        let members = state.nodes.iter().map(|(name, node)| Member {
            name: name.clone(),
            is_there: node.link.is_some(),
            program: node.program.clone(),
            calls: node.state.calls,
        });
        members.collect()
    }

    /// What all nodes hold, as last heard.
    pub(crate) fn facts(&self) -> store::Facts {
        let state = self.state();
        let mut facts = store::Facts::default();
        state.nodes.values().for_each(|node| crate::words::add(&mut facts, &node.state));
        let counts = state.counts;
        let own = [
            ("hub_nodes_joined", "times that a node came", counts.joined, false),
            ("hub_nodes_refused", "times that a node was not let in", counts.refused, true),
            ("hub_nodes_left", "times that a node's connection ended", counts.left, false),
            (
                "hub_nodes_slow",
                "times that a node did not take what it was sent",
                counts.slow,
                true,
            ),
            ("hub_unanswered", "answers of a node that were missing", counts.unanswered, true),
            ("hub_strange", "pieces of answers that were not understood", counts.strange, true),
        ];
        facts.counts.extend(own.map(|(name, about, value, is_loss)| store::Count {
            name: name.into(),
            about: about.into(),
            value,
            is_loss,
        }));
        facts
    }
}

// === impl State ===

impl State {
    fn node(&mut self, name: &str, session: u64) -> Option<&mut Node> {
        let node = self.nodes.get_mut(name)?;
        node.link.as_ref().is_some_and(|link| link.session == session).then_some(node)
    }

    fn listeners(&self) -> Vec<wire::Listener> {
        self.nodes.iter().map(|(name, node)| node.listener(name)).collect()
    }

    /// Tells all nodes how others listen now: what changed in the meantime together, as all of them may
    /// come at once.
    fn proclaim(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        if changed.is_empty() {
            return;
        }
        let known = changed.iter().filter_map(|name| Some(self.nodes.get(name)?.listener(name)));
        let news = wire::Roster { is_whole: false, nodes: known.collect() };
        let all: Vec<String> = self.nodes.keys().cloned().collect();
        all.iter().for_each(|name| self.tell(name, from_hub::What::Roster(news.clone())));
    }

    /// Asks for a node's calls of the live tails under way.
    fn ask_tails(&mut self, name: &str) {
        let mut questions = Vec::new();
        for (number, waiting) in &mut self.waiting {
            if let Ear::Tail(live) = &waiting.ear {
                waiting.asked.push(name.to_owned());
                questions.push((*number, live.condition.clone()));
            }
        }
        for (number, condition) in questions {
            self.tell(name, ask(number, wire::ask::What::Tail(condition), Duration::MAX));
        }
    }

    /// Sends to a node. One that does not take it is cut off.
    fn tell(&mut self, name: &str, what: from_hub::What) {
        let Some(link) = self.nodes.get(name).and_then(|node| node.link.as_ref()) else { return };
        if link.queue.try_send(message(what)).is_err() {
            self.cut_off(name);
        }
    }

    fn cut_off(&mut self, name: &str) {
        self.counts.slow += 1;
        if let Some(node) = self.nodes.get_mut(name) {
            // Its connection ends with its queue; nobody else is told in the midst of telling.
            node.link = None;
            node.since = Instant::now();
        }
        self.changed.insert(name.to_owned());
        self.lost_by(name, BROKE);
    }

    /// Whoever waits for this node's answer waits in vain.
    fn lost_by(&mut self, name: &str, why: &'static str) {
        for waiting in self.waiting.values_mut() {
            let Some(at) = waiting.asked.iter().position(|asked| asked == name) else { continue };
            waiting.asked.swap_remove(at);
            if let Ear::Answers(ear) = &waiting.ear {
                // Who has no room hears it when the time is up.
                drop(ear.try_send(Heard::Left(name.to_owned(), why)));
            }
        }
    }
}

// === impl Node ===

impl Node {
    fn listener(&self, name: &str) -> wire::Listener {
        wire::Listener {
            node: name.to_owned(),
            listened: self.state.listened.clone(),
            is_absent: self.link.is_none(),
        }
    }
}

// === impl Asked ===

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let Some(waiting) = state.waiting.remove(&self.number) else { return };
        for name in waiting.asked {
            state.tell(&name, from_hub::What::Leave(self.number));
        }
    }
}

impl Asked {
    /// A node has answered: it need not be told that nobody waits any more.
    pub(crate) fn answered(&self, name: &str) {
        if let Some(waiting) = self.shared.state().waiting.get_mut(&self.number) {
            waiting.asked.retain(|asked| asked != name);
        }
    }
}

// === impl Joined ===

impl Joined {
    /// Whether pieces of the directory leave room for questions.
    pub(crate) fn has_room(queue: &mpsc::Sender<wire::FromHub>) -> bool {
        queue.capacity() > QUEUE_ROOM
    }
}

/// A queue for answers.
pub(crate) fn answers() -> (mpsc::Sender<Heard>, mpsc::Receiver<Heard>) {
    mpsc::channel(PIECES_MAX)
}

pub(crate) fn message(what: from_hub::What) -> wire::FromHub {
    wire::FromHub { what: Some(what) }
}

pub(crate) fn welcome(options: &HubOptions, refused: String) -> from_hub::What {
    from_hub::What::Welcome(wire::Welcome {
        version: VERSION,
        version_min: VERSION_MIN,
        program: env!("CARGO_PKG_VERSION").into(),
        hub: options.number,
        refused,
    })
}

fn ask(number: u64, what: wire::ask::What, time: Duration) -> from_hub::What {
    let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    from_hub::What::Ask(wire::Ask { number, time_ms, what: Some(what) })
}

fn admissible(hello: &wire::Hello, nodes: usize, nodes_max: usize) -> Result<(), String> {
    if hello.version < VERSION_MIN || hello.version_min > VERSION {
        return Err(format!(
            "the hub speaks versions {VERSION_MIN} to {VERSION} of the protocol, the node {} to {}",
            hello.version_min, hello.version
        ));
    }
    if hello.node.is_empty() || hello.node.len() > NAME_BYTES_MAX {
        return Err("a node needs a name".into());
    }
    if nodes >= nodes_max {
        return Err(format!("there are {nodes} nodes already"));
    }
    Ok(())
}
