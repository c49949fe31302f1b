//! The tap: packets of all namespaces that are listened in, and of all inlets, in one order of time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::{Source, Timestamp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{
    Inlet, Space, Stop, TapError,
    choice::Choice,
    inlet::{self, Outlet},
    libpcap, own,
    post::{Post, Rules, Target},
    program::{OwnEnd, Wanted},
    ring::RETIRE_MS,
};
use crate::{Batch, Intake, IntakeCount, ReadError, batch::Record};

/// How long we wait for packets before we say what time it is.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// No packet comes out of a ring later than this after it was captured, but for a starved machine.
const HOLD_NS: u64 = (RETIRE_MS as u64 + 60) * 1_000_000;
/// How often drop counters and our own connections are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the user is told of losses while they happen.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Bytes of a batch: few enough to stay in the cache between the ring and whoever reads them.
const BATCH_BYTES: usize = 256 << 10;

/// What to listen to.
#[derive(Clone, Debug)]
pub struct TapOptions {
    /// Names and patterns of interfaces; `any`, or none, for all of them, those to come included.
    pub interfaces: Vec<String>,
    /// Namespaces to listen in; our own if there are none.
    pub spaces: Vec<Space>,
    /// A filter in tcpdump's syntax.
    pub filter: Option<String>,
    /// Room in the kernel for packets that wait to be read, in each namespace.
    pub ring_bytes: usize,
    /// Whether interfaces that were named receive what is for other machines, too.
    pub promiscuous: bool,
    /// Whether callscope's own connections are left out.
    pub without_own: bool,
}

/// Listens until it is stopped.
pub struct Tap {
    posts: Vec<Post>,
    outlets: Vec<Outlet>,
    wanted: Option<Wanted>,
    own: Vec<OwnEnd>,
    without_own: bool,
    sources: Vec<Source>,
    frames: u64,
    stop: Stop,
    /// Until when what was captured before the stop may still come out of the rings.
    last_call: Option<Instant>,
    looked: Instant,
    told: Instant,
    drops_told: u64,
    tell: Box<dyn FnMut(&str) + Send>,
}

// === impl TapOptions ===

impl Default for TapOptions {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            spaces: Vec::new(),
            filter: None,
            ring_bytes: 64 << 20,
            promiscuous: false,
            without_own: true,
        }
    }
}

// === impl Tap ===

impl Tap {
    /// Begins to listen. `tell` is given lines for the user while it goes on.
    ///
    /// # Errors
    /// When a right is missing, a namespace is not there, or the filter is wrong.
    pub fn open(
        options: &TapOptions,
        stop: Stop,
        mut tell: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self, TapError> {
        let wanted = options.filter.as_deref().map(libpcap::compile).transpose()?;
        let own = if options.without_own { own::ends() } else { Vec::new() };
        let rules = Rules { wanted: wanted.as_ref(), own: &own };
        let mut posts = Vec::new();
        for space in distinct(&options.spaces)? {
            let scope = u16::try_from(posts.len()).unwrap_or(u16::MAX);
            let choice = Choice::of(&options.interfaces);
            let (ring_bytes, promiscuous) = (options.ring_bytes, options.promiscuous);
            posts.push(Post::open(space, scope, choice, rules, ring_bytes, promiscuous)?);
        }
        posts.iter().flat_map(Post::missing).for_each(|line| tell(&line));
        let now = Instant::now();
        Ok(Self {
            posts,
            outlets: Vec::new(),
            wanted,
            own,
            without_own: options.without_own,
            sources: Vec::new(),
            frames: 0,
            stop,
            last_call: None,
            looked: now,
            told: now,
            drops_told: 0,
            tell: Box::new(tell),
        })
    }

    /// A further source of packets, which somebody else makes. Each is read in the order of time with
    /// all others, for which these wait `lag`: how late a packet may be put in.
    ///
    /// # Errors
    /// When the system has no file descriptor left.
    pub fn inlet(&mut self, source: Source, lag: Duration) -> Result<Inlet, TapError> {
        let number = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        let lag_ns = u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX);
        let (inlet, outlet) = inlet::inlet(number, lag_ns)?;
        self.sources.push(source);
        self.outlets.push(outlet);
        Ok(inlet)
    }

    /// The network namespaces that are listened in: the name that their sources have, and the inode
    /// number by which the kernel tells them apart.
    #[must_use]
    pub fn namespaces(&self) -> Vec<(String, u32)> {
        let of = |post: &Post| Some((post.space().name.clone(), post.space().inode()?));
        self.posts.iter().filter_map(of).collect()
    }

    /// Moves packets into the batch; whether that was all there is.
    fn fill(&mut self, batch: &mut Batch) -> bool {
        self.outlets.iter_mut().for_each(Outlet::refill);
        let (sources, frames) = (&mut self.sources, &mut self.frames);
        let mut target = Target { batch, bytes_max: BATCH_BYTES, sources, frames };
        if let ([post], []) = (&mut self.posts[..], &self.outlets[..]) {
            while post.move_one(&mut target) {}
            return post.next_at().is_none();
        }
        let all = self.last_call.is_some_and(|until| Instant::now() >= until);
        weave(&mut self.posts, &mut self.outlets, if all { u64::MAX } else { clock() }, &mut target)
    }

    /// Waits for packets, news of interfaces, or the bell; not longer than a tick.
    fn wait(&mut self) -> Result<(), ReadError> {
        let mut fds = Vec::with_capacity(self.posts.len() * 2 + self.outlets.len() + 1);
        for post in &self.posts {
            fds.push(PollFd::from_borrowed_fd(post.links.fd(), PollFlags::IN));
            fds.push(PollFd::from_borrowed_fd(post.ring.fd(), PollFlags::IN));
        }
        fds.extend(self.outlets.iter().map(|o| PollFd::from_borrowed_fd(o.fd(), PollFlags::IN)));
        if self.last_call.is_none() {
            fds.push(PollFd::from_borrowed_fd(self.stop.fd(), PollFlags::IN));
        }
        let outcome = poll(&mut fds, Some(&TICK));
        let news: Vec<bool> = fds.chunks(2).map(|pair| !pair[0].revents().is_empty()).collect();
        drop(fds);
        match outcome {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let rules = Rules { wanted: self.wanted.as_ref(), own: &self.own };
        for (post, _) in self.posts.iter_mut().zip(news).filter(|(_, news)| *news) {
            post.follow(rules).unwrap_or_else(|error| (self.tell)(&error.to_string()));
        }
        Ok(())
    }

    /// What is to be done now and then.
    fn look_around(&mut self) {
        if self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        self.posts.iter_mut().for_each(Post::count);
        let drops: u64 = self.posts.iter().map(|post| post.drops).sum();
        if drops > self.drops_told && self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            let line = format!(
                "{} packets lost in the kernel since the last word: too much for this callscope \
                 (a larger --ring rides out bursts, a --filter leaves work out)",
                drops - self.drops_told
            );
            (self.tell)(&line);
            self.drops_told = drops;
        }
        if self.without_own {
            self.leave_out_own();
        }
    }

    fn leave_out_own(&mut self) {
        let own = own::ends();
        if own == self.own {
            return;
        }
        self.own = own;
        let rules = Rules { wanted: self.wanted.as_ref(), own: &self.own };
        for post in &self.posts {
            post.apply(rules).unwrap_or_else(|error| (self.tell)(&error.to_string()));
        }
    }

    /// Whether everything from before the stop is out.
    fn is_over(&mut self) -> bool {
        if !self.stop.is_rung() {
            return false;
        }
        let hold = Duration::from_nanos(HOLD_NS);
        let until = *self.last_call.get_or_insert_with(|| Instant::now() + hold);
        Instant::now() >= until
    }
}

impl Intake for Tap {
    fn next(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        batch.clear(BATCH_BYTES);
        self.look_around();
        let mut over = self.is_over();
        let mut now = clock();
        let mut all = self.fill(batch);
        if batch.is_empty() && !over {
            self.wait()?;
            over = self.is_over();
            now = clock();
            all = self.fill(batch);
        }
        if over && batch.is_empty() {
            return Ok(false);
        }
        if all {
            let hold = self.outlets.iter().map(|outlet| outlet.lag_ns).fold(HOLD_NS, u64::max);
            batch.set_now(Timestamp(now.saturating_sub(hold)));
        }
        Ok(true)
    }

    fn sources(&self) -> &[Source] {
        &self.sources
    }

    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    fn counts(&mut self) -> Vec<IntakeCount> {
        self.posts.iter_mut().for_each(Post::count);
        let count = |name, words, value| IntakeCount { name, words, value, is_loss: true };
        let drops = self.posts.iter().map(|post| post.drops).sum();
        let lost = self.outlets.iter().map(Outlet::lost).sum();
        vec![
            count("kernel_drops", "packets lost in the kernel: the ring was full", drops),
            count("inlet_drops", "events lost: no room for them", lost),
        ]
    }
}

/// Moves the earliest packet of all again and again, as far as nobody can come up with an earlier one;
/// whether that was all there is.
fn weave(posts: &mut [Post], outlets: &mut [Outlet], now: u64, target: &mut Target<'_>) -> bool {
    loop {
        let mut earliest = None;
        let mut sure_ns = u64::MAX;
        for (at, post) in posts.iter_mut().enumerate() {
            match post.next_at() {
                Some(next) => earliest = earlier(earliest, (next.0, at)),
                None => sure_ns = sure_ns.min(now.saturating_sub(HOLD_NS)),
            }
        }
        for (at, outlet) in outlets.iter().enumerate() {
            match outlet.peek() {
                Some(made) => earliest = earlier(earliest, (made.at.0, posts.len() + at)),
                None => sure_ns = sure_ns.min(now.saturating_sub(outlet.lag_ns)),
            }
        }
        let Some((at, lane)) = earliest else { return true };
        if at > sure_ns && now != u64::MAX {
            return true;
        }
        let moved = match posts.get_mut(lane) {
            Some(post) => post.move_one(target),
            None => move_made(&mut outlets[lane - posts.len()], target),
        };
        if !moved {
            return false;
        }
    }
}

fn earlier(a: Option<(u64, usize)>, b: (u64, usize)) -> Option<(u64, usize)> {
    Some(a.map_or(b, |a| a.min(b)))
}

fn move_made(outlet: &mut Outlet, target: &mut Target<'_>) -> bool {
    let Some(made) = outlet.peek() else { return false };
    let record = Record {
        at: made.at,
        frame: *target.frames + 1,
        offset: 0,
        len: 0,
        wire_len: u32::try_from(made.bytes.len()).unwrap_or(u32::MAX),
        source: outlet.source,
        link: made.link,
        scope: made.scope,
    };
    if !target.batch.push(record, &[&made.bytes], target.bytes_max) {
        return false;
    }
    outlet.advance();
    *target.frames += 1;
    true
}

/// The namespaces asked for, each once; our own if there are none.
fn distinct(spaces: &[Space]) -> Result<Vec<Space>, TapError> {
    if spaces.is_empty() {
        return Ok(vec![Space::own()]);
    }
    let mut met = Vec::new();
    let mut distinct = Vec::new();
    for space in spaces {
        let identity = space.identity()?;
        if !met.contains(&identity) {
            met.push(identity);
            distinct.push(space.clone());
        }
    }
    Ok(distinct)
}

fn failed(source: std::io::Error) -> ReadError {
    ReadError::Io { file: "interfaces".to_owned(), offset: 0, source }
}

/// Nanoseconds by the machine's clock, by which packets are stamped, too.
fn clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
