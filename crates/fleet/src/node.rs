//! A node's side: calls the hub, answers what it asks, and hears of the directory; comes back whenever
//! the connection breaks.

mod answer;
mod packets;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use filter::Columns;
use model::Timestamp;
use store::{Captured, Row, Store};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

use self::answer::Answering;
use crate::{
    Credentials, Listened, MESSAGE_BYTES_MAX, Update, VERSION, VERSION_MIN,
    directory::Copy,
    roster::Roster,
    serve::{ALIVE_EVERY, ALIVE_MAX},
    wire::{self, from_hub, from_node, hub_client::HubClient},
    words,
};

/// How a node reaches its hub.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The node's name in the cluster.
    pub name: String,
    /// `https://callscope-hub:8901`; `http://` without certificates.
    pub hub: String,
    /// Certificates; none for `http://`.
    pub credentials: Option<Credentials>,
    /// The first wait after the connection broke.
    pub wait_first: Duration,
    /// No wait is longer.
    pub wait_max: Duration,
    /// Decides about waits, within their bounds.
    pub seed: u64,
}

/// What a node has to tell its user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// It is connected; which program the hub has.
    Joined(String),
    /// It is not, and why.
    Parted(String),
}

/// A node: what it has, for its hub.
pub struct Node {
    options: NodeOptions,
    shared: Arc<Shared>,
    copy: Copy,
    random: u64,
}

/// Holds on to the packets of calls.
pub trait Keeps: Send + Sync {
    /// Shows those of these calls as long as `show` wants them and `goes_on`, asked now and then, says yes.
    ///
    /// # Errors
    /// When they can't be read, in words for people.
    fn show(
        &self,
        calls: &[Row],
        goes_on: &mut dyn FnMut() -> bool,
        show: &mut dyn FnMut(Captured) -> bool,
    ) -> Result<(), String>;

    /// From when on packets are kept, for people.
    fn since(&self) -> Option<Timestamp>;

    /// Whether their payloads are cut off, because secrets are masked.
    fn is_masked(&self) -> bool;
}

/// Counts of who makes the calls.
type Counting = Box<dyn Fn() -> Vec<store::Count> + Send + Sync>;

/// What answers are made of.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) store: Arc<Store>,
    pub(crate) columns: Arc<Columns>,
    pub(crate) listened: Arc<Listened>,
    pub(crate) roster: watch::Sender<Roster>,
    counting: Counting,
    pub(crate) keeping: Option<Box<dyn Keeps>>,
    /// When the first call began that the hub was told is kept, in nanoseconds; 0 for all.
    oldest_ns: AtomicU64,
}

/// A question that is being answered: says that nobody waits any more.
type Leaving = Arc<AtomicBool>;

/// Questions that are answered at once.
const QUESTIONS_MAX: usize = 64;
/// How often the node says how it is.
const STATE_EVERY: Duration = Duration::from_secs(2);
/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that lasted so long works: the next failure is a first one.
const STEADY: Duration = Duration::from_secs(10);

// === impl NodeOptions ===

impl NodeOptions {
    /// As is usual.
    #[must_use]
    pub fn new(name: String, hub: String, credentials: Option<Credentials>, seed: u64) -> Self {
        let (wait_first, wait_max) = (Duration::from_millis(250), Duration::from_secs(15));
        Self { name, hub, credentials, wait_first, wait_max, seed }
    }
}

// === impl Node ===

impl Node {
    /// A node that answers from this store.
    #[must_use]
    pub fn new(options: NodeOptions, store: Arc<Store>, listened: Arc<Listened>) -> Self {
        let columns = store.columns().clone();
        let roster = watch::Sender::new(Roster::default());
        let name = options.name.clone();
        let counting: Counting = Box::new(Vec::new);
        let shared = Arc::new(Shared {
            name,
            store,
            columns,
            listened,
            roster,
            counting,
            keeping: None,
            oldest_ns: AtomicU64::new(0),
        });
        Self { random: options.seed | 1, options, shared, copy: Copy::default() }
    }

    /// Tells the hub these counts, too.
    #[must_use]
    pub fn counting(
        mut self,
        counts: impl Fn() -> Vec<store::Count> + Send + Sync + 'static,
    ) -> Self {
        // Nobody else has it before the node runs.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.counting = Box::new(counts);
        }
        self
    }

    /// Answers questions for packets, too.
    #[must_use]
    pub fn keeping(mut self, keeps: impl Keeps + 'static) -> Self {
        // Nobody else has it before the node runs.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.keeping = Some(Box::new(keeps));
        }
        self
    }

    /// Keeps to the hub, for ever. Changes of the directory go to `learn`, news to `say`.
    ///
    /// # Errors
    /// When the hub's address or the certificates can't be used.
    pub async fn run(
        mut self,
        mut learn: impl FnMut(Update) + Send,
        mut say: impl FnMut(Said) + Send,
    ) -> Result<std::convert::Infallible, tonic::transport::Error> {
        let endpoint = self.endpoint()?;
        let mut wait = self.options.wait_first;
        loop {
            let begun = Instant::now();
            let why = self.session(&endpoint, &mut learn, &mut say).await;
            say(Said::Parted(why));
            if begun.elapsed() >= STEADY {
                wait = self.options.wait_first;
            }
            tokio::time::sleep(self.between(wait)).await;
            wait = (wait * 2).min(self.options.wait_max);
        }
    }

    fn endpoint(&self) -> Result<Endpoint, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(self.options.hub.clone())?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(ALIVE_EVERY)
            .keep_alive_timeout(ALIVE_MAX)
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        match &self.options.credentials {
            Some(credentials) => endpoint.tls_config(credentials.of_node()),
            None => Ok(endpoint),
        }
    }

    /// Between half of a wait and all of it: nodes that lost their hub don't all come back at once.
    fn between(&mut self, wait: Duration) -> Duration {
        // xorshift64 (Marsaglia 2003).
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let part = u32::try_from(self.random % 1024).unwrap_or(0);
        wait / 2 + wait / 2 * part / 1024
    }

    /// One connection; why it ended.
    async fn session(
        &mut self,
        endpoint: &Endpoint,
        learn: &mut (impl FnMut(Update) + Send),
        say: &mut (impl FnMut(Said) + Send),
    ) -> String {
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return causes(&error),
        };
        let mut client = HubClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let (out, said) = mpsc::channel(16);
        // There is room for one.
        drop(out.try_send(tell(from_node::What::Hello(self.hello()))));
        let heard = match client.join(ReceiverStream::new(said)).await {
            Ok(heard) => heard.into_inner(),
            Err(status) => return words::short(&status.to_string()),
        };
        let mut session =
            Session { node: self, client, out, questions: HashMap::new(), tasks: JoinSet::new() };
        session.listen(heard, learn, say).await
    }

    fn hello(&self) -> wire::Hello {
        wire::Hello {
            node: self.options.name.clone(),
            version: VERSION,
            version_min: VERSION_MIN,
            program: env!("CARGO_PKG_VERSION").into(),
            directory: self.copy.version,
            hub: self.copy.hub,
            state: Some(self.shared.state()),
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What lasts as long as a connection.
struct Session<'n> {
    node: &'n mut Node,
    client: HubClient<Channel>,
    out: mpsc::Sender<wire::FromNode>,
    questions: HashMap<u64, Leaving>,
    tasks: JoinSet<u64>,
}

// === impl Session ===

impl Session<'_> {
    async fn listen(
        &mut self,
        mut heard: Streaming<wire::FromHub>,
        learn: &mut (impl FnMut(Update) + Send),
        say: &mut (impl FnMut(Said) + Send),
    ) -> String {
        let mut ticks = tokio::time::interval(STATE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let why = loop {
            tokio::select! {
                message = heard.message() => match message {
                    Ok(Some(message)) => {
                        if let Err(why) = self.take(message, learn, say) {
                            break why;
                        }
                    }
                    Ok(None) => break "the hub ended the connection".into(),
                    Err(status) => break words::short(&status.to_string()),
                },
                Some(Ok(number)) = self.tasks.join_next() => drop(self.questions.remove(&number)),
                _ = ticks.tick() => {
                    // If the hub does not listen, the connection says so.
                    drop(self.out.try_send(tell(from_node::What::State(self.node.shared.state()))));
                }
            }
        };
        self.questions.values().for_each(|leaving| leaving.store(true, Ordering::Relaxed));
        why
    }

    /// Does what the hub says.
    fn take(
        &mut self,
        message: wire::FromHub,
        learn: &mut impl FnMut(Update),
        say: &mut impl FnMut(Said),
    ) -> Result<(), String> {
        match message.what {
            Some(from_hub::What::Welcome(welcome)) => self.welcome(&welcome, say)?,
            Some(from_hub::What::Roster(changes)) => {
                self.node.shared.roster.send_modify(|roster| roster.change(changes));
            }
            Some(from_hub::What::Directory(piece)) => match self.node.copy.take(&piece) {
                Ok(update) => learn(update),
                Err(error) => {
                    self.node.copy.clear();
                    return Err(format!("the directory is asked for anew: {error}"));
                }
            },
            Some(from_hub::What::Ask(ask)) => self.ask(ask),
            Some(from_hub::What::Leave(number)) => {
                if let Some(leaving) = self.questions.get(&number) {
                    leaving.store(true, Ordering::Relaxed);
                }
            }
            // What a newer hub says besides.
            None => {}
        }
        Ok(())
    }

    fn welcome(
        &mut self,
        welcome: &wire::Welcome,
        say: &mut impl FnMut(Said),
    ) -> Result<(), String> {
        if !welcome.refused.is_empty() {
            return Err(format!("refused: {}", words::short(&welcome.refused)));
        }
        if welcome.version < VERSION_MIN || welcome.version_min > VERSION {
            return Err(format!("the hub speaks version {} of the protocol", welcome.version));
        }
        if self.node.copy.hub != welcome.hub {
            self.node.copy.clear();
            self.node.copy.hub = welcome.hub;
        }
        say(Said::Joined(words::short(&welcome.program)));
        Ok(())
    }

    fn ask(&mut self, ask: wire::Ask) {
        let number = ask.number;
        let leaving = Leaving::default();
        let is_busy = self.tasks.len() >= QUESTIONS_MAX;
        let answering = Answering {
            shared: self.node.shared.clone(),
            client: self.client.clone(),
            leaving: leaving.clone(),
            until: Instant::now().checked_add(Duration::from_millis(ask.time_ms.min(1 << 40))),
        };
        self.questions.insert(number, leaving);
        self.tasks.spawn(async move {
            answering.answer(ask, is_busy).await;
            number
        });
    }
}

// === impl Shared ===

impl Shared {
    /// How it is.
    fn state(&self) -> wire::State {
        let mut facts = self.store.facts();
        facts.counts.extend((self.counting)());
        let gave_up = |count: &store::Count| count.name == "store_files_retired" && count.value > 0;
        // Calls of before the oldest that is kept are told by who has them still.
        let gave_up = facts.counts.iter().any(gave_up);
        let oldest = facts.oldest.filter(|_| gave_up).map(|at| self.about(at, facts.newest));
        words::state(facts, &self.listened.spans(oldest))
    }

    /// The oldest moment that is kept, as the hub was told: it is told anew, to it and all nodes, when an
    /// eighth of what was kept is gone.
    fn about(&self, oldest: Timestamp, newest: Option<Timestamp>) -> Timestamp {
        let told = self.oldest_ns.load(Ordering::Relaxed);
        let kept = newest.unwrap_or(oldest).since(Timestamp(told));
        if oldest.since(Timestamp(told)) <= kept / 8 {
            return Timestamp(told);
        }
        self.oldest_ns.store(oldest.0, Ordering::Relaxed);
        oldest
    }

    pub(crate) fn oldest(&self) -> Timestamp {
        self.store.facts().oldest.unwrap_or_default()
    }
}

fn tell(what: from_node::What) -> wire::FromNode {
    wire::FromNode { what: Some(what) }
}

/// An error and what led to it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    words::short(&text)
}
