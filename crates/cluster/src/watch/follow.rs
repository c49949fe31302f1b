//! One kind of objects, followed through everything that may happen to a watch.
//!
//! ```text
//!            ┌────────────── too old (410), in doubt ──────────────┐
//!            ▼                                                     │
//!   no list ─┬─ streaming list ──────────────────────────► changes ┴─ ended, broken ─► wait, go on
//!            └─ not there ─► list, page by page ─► watch ──► changes                   from there
//! ```

use std::{sync::Arc, time::Duration};

use http::{Request, StatusCode, header};
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{
    sync::mpsc::{Sender, error::TrySendError},
    time::Instant,
};

use super::{
    Shared, Told,
    access::Entry,
    answer::{Answer, Line},
    backoff::Backoff,
    counts::{Open, one},
    fail::{Failure, causes},
    listing::{self, ENDLESS, Head, HeadMetadata, Listing},
    resource::{Ask, Place},
    versions::Versions,
};
use crate::{Cutter, Part};

/// Follows one kind.
pub(crate) struct Follower {
    shared: Arc<Shared>,
    place: Place,
    out: Sender<Told>,
    backoff: Backoff,
    /// All before this version was told; `None` before the first list.
    since: Option<String>,
    /// Why there has to be a list.
    why: Why,
    /// The list that is coming in.
    listing: Option<Listing>,
    /// Whether streaming lists are worth a try.
    has_streams: bool,
    /// How often a streaming list broke off.
    streams_broken: u32,
    /// Objects a page; 0 for all.
    page: u32,
    versions: Versions,
    /// Failures in a row that the API server is to blame for.
    refusals: u32,
    /// Which client the last request was sent with.
    entry: u64,
}

/// Why there has to be a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    First,
    Gone,
    Broken,
    Doubt,
}

/// An event of a watch.
#[derive(Deserialize)]
struct Heard<'h> {
    r#type: &'h str,
    #[serde(borrow)]
    object: &'h RawValue,
}

/// What an API server says where it says no (Kubernetes' API conventions, "Response Status Kind").
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    reason: String,
    code: u16,
}

/// After so many refusals in a row the resource version itself is in doubt.
const REFUSALS_MAX: u32 = 5;
/// After so many streaming lists that broke off, lists are asked for by the page.
const STREAMS_BROKEN_MAX: u32 = 3;
/// Bytes of a message that are kept.
const MESSAGE_CHARS_MAX: usize = 200;

// === impl Follower ===

impl Follower {
    pub(crate) fn new(shared: Arc<Shared>, place: Place, number: u64, out: Sender<Told>) -> Self {
        let (timing, bounds) = (shared.options.timing, shared.options.bounds);
        let seed = shared.options.seed ^ (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            place,
            out,
            backoff: Backoff::new(timing.wait_first, timing.wait_max, seed),
            since: None,
            why: Why::First,
            listing: None,
            has_streams: true,
            streams_broken: 0,
            page: bounds.page,
            versions: Versions::new(bounds.objects),
            refusals: 0,
            entry: 0,
            shared,
        }
    }

    /// Goes on until nobody listens.
    pub(crate) async fn run(mut self) {
        loop {
            let begun = Instant::now();
            let end = self.round().await;
            if begun.elapsed() >= self.shared.options.timing.steady {
                self.backoff.reset();
                self.refusals = 0;
            }
            let wait = match end {
                Ok(wait) => wait,
                Err(failure) => match self.survive(failure).await {
                    Some(wait) => wait,
                    None => return,
                },
            };
            if !wait.is_zero() {
                one(&self.shared.counts.waits);
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// One list, or one watch. How long to wait after it.
    async fn round(&mut self) -> Result<Duration, Failure> {
        match self.since.clone() {
            None if self.has_streams => self.watch(None).await,
            None => self.list().await.map(|()| Duration::ZERO),
            Some(since) => self.watch(Some(since)).await,
        }
    }

    /// What to do about a failure: how long to wait; `None` when all is over.
    async fn survive(&mut self, failure: Failure) -> Option<Duration> {
        let timing = self.shared.options.timing;
        let shared = self.shared.clone();
        let note = |what: &'static str| {
            shared.note(what, || format!("{}: {failure}", self.place.name()));
        };
        let mut wait = Duration::ZERO;
        match &failure {
            Failure::Closed => return None,
            Failure::NoStreams => {
                self.has_streams = false;
                self.listing = None;
                return Some(Duration::ZERO);
            }
            Failure::Gone(_) => self.list_again(Why::Gone),
            Failure::Unreached(_) => {
                note("times that the API server was not reached");
                // For a token that is none, or certificates that were exchanged.
                self.renew().await;
            }
            Failure::Broken(_) => one(&shared.counts.broken),
            Failure::Stalled(_) => one(&shared.counts.stalled),
            Failure::Garbage(_) => {
                note("answers that are no API server's");
                self.list_again(Why::Doubt);
            }
            Failure::Refused { code, wait: asked, .. } => {
                one(&shared.counts.refused);
                note("requests that the API server refused");
                self.refused(*code).await;
                if let Some(asked) = asked {
                    one(&shared.counts.waits_asked);
                    wait = (*asked).min(timing.wait_asked_max);
                    // Not all at once.
                    wait += self.backoff.part_of(timing.wait_first);
                }
            }
        }
        if self.spill().await.is_err() {
            return None;
        }
        Some(self.backoff.wait().max(wait))
    }

    /// A refusal may be for the credentials' sake, or the resource version's.
    async fn refused(&mut self, code: u16) {
        self.refusals += 1;
        if code == 401 {
            self.renew().await;
        } else if self.refusals >= REFUSALS_MAX && self.since.is_some() {
            self.refusals = 0;
            self.list_again(Why::Doubt);
        }
    }

    /// Reads again how to reach the API server, unless another kind's task has just done so.
    async fn renew(&self) {
        match self.shared.door.renew(self.entry).await {
            Ok(true) => one(&self.shared.counts.renewed),
            Ok(false) => {}
            Err(error) => {
                let sample = || error.to_string();
                self.shared.note("times that credentials could not be read again", sample);
            }
        }
    }

    fn list_again(&mut self, why: Why) {
        if self.since.take().is_some() {
            self.shared.counts.listed.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        }
        self.why = why;
    }

    /// Tells what is known of a list that broke off.
    async fn spill(&mut self) -> Result<(), Failure> {
        let Some(listing) = self.listing.take() else { return Ok(()) };
        if self.why != Why::Gone {
            self.why = Why::Broken;
        }
        for told in listing.parts(self.shared.options.scope) {
            self.tell(told).await?;
        }
        Ok(())
    }

    // --- requests ---

    /// The answer to a request, if the API server says yes.
    async fn ask(&mut self, ask: Ask<'_>) -> Result<Answer, Failure> {
        let shared = self.shared.clone();
        let request = Request::get(self.place.target(ask))
            .header(header::ACCEPT, self.place.accept(ask))
            .body(Body::empty())
            .map_err(|error| Failure::Unreached(causes(&error)))?;
        let Entry { client, number } = shared.door.client().await;
        self.entry = number;
        one(&shared.counts.requests);
        let timing = shared.options.timing;
        let answer = tokio::time::timeout(timing.answer, client.send(request));
        let answer = answer.await.map_err(|_| Failure::Stalled(timing.answer))?;
        let answer = answer.map_err(|error| Failure::Unreached(causes(&error)))?;
        let (head, body) = answer.into_parts();
        let is_watch = !matches!(ask, Ask::List { .. });
        let is_yes = head.status == StatusCode::OK;
        let open = (is_watch && is_yes).then(|| Open::new(&shared.counts));
        let answer = Answer::new(body, shared.counts.clone(), timing.quiet, open);
        if is_yes {
            return Ok(answer);
        }
        let asked = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = asked.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let status: Status = serde_json::from_slice(&answer.refusal().await).unwrap_or_default();
        Err(status.failure(head.status.as_u16(), wait, ask))
    }

    /// Counts the list that begins.
    fn begin_list(&mut self) {
        let counts = &self.shared.counts;
        one(match self.why {
            Why::First => &counts.lists_first,
            Why::Gone => &counts.lists_gone,
            Why::Broken => &counts.lists_broken,
            Why::Doubt => &counts.lists_doubt,
        });
    }

    // --- lists by the page ---

    async fn list(&mut self) -> Result<(), Failure> {
        self.begin_list();
        let mut from = String::new();
        // Pages may be empty, but not most of them.
        for _ in 0..self.pages_max() {
            let page = self.page(&from).await;
            // A page that is too old: it is better to have all at once than to be too slow again.
            if matches!(page, Err(Failure::Gone(_))) {
                self.page = 0;
            }
            let page = page?;
            let is_cut = self.listing.as_ref().is_none_or(|listing| listing.is_cut);
            match page.r#continue.filter(|next| !next.is_empty() && !is_cut) {
                Some(next) if next == from => {
                    return Err(Failure::Garbage("a page that is followed by itself".to_owned()));
                }
                Some(next) => from = next,
                None => return self.end_list(page.resource_version).await,
            }
        }
        Err(endless())
    }

    fn pages_max(&self) -> usize {
        let bounds = self.shared.options.bounds;
        let page = usize::try_from(bounds.page).unwrap_or(usize::MAX).max(1);
        ENDLESS + ENDLESS * (bounds.objects / page)
    }

    /// Reads one page into the listing.
    async fn page(&mut self, from: &str) -> Result<HeadMetadata, Failure> {
        let mut answer = self.ask(Ask::List { limit: self.page, from }).await?;
        let (shared, place) = (self.shared.clone(), self.place.clone());
        let at = (shared.clock)();
        let listing = self.listing.get_or_insert_with(|| Listing::new(at));
        let bounds = shared.options.bounds;
        let mut cutter = Cutter::new(bounds.object_bytes, bounds.skipped_bytes);
        let mut head = None;
        loop {
            let Some(bytes) = answer.bytes().await? else {
                return Err(Failure::Broken("in the middle of a list".to_owned()));
            };
            let is_over = cutter.push(&bytes, &mut |part| match part {
                Part::Item(json) => listing.push(&shared, &place, &String::from_utf8_lossy(json)),
                Part::Metadata(json) => head = serde_json::from_slice(json).ok(),
                Part::TooLarge => shared.note("objects that are too large", || place.name()),
                Part::Odd => shared.note("elements of lists that are no objects", || place.name()),
            });
            if listing.is_endless(bounds.objects) {
                return Err(endless());
            }
            if is_over.map_err(|_| Failure::Garbage("no list".to_owned()))? {
                break;
            }
        }
        head.ok_or_else(|| Failure::Garbage("a list without metadata".to_owned()))
    }

    /// Tells the list, and goes on from its version.
    async fn end_list(&mut self, version: String) -> Result<(), Failure> {
        let Some(listing) = self.listing.take() else { return Ok(()) };
        if version.is_empty() {
            return Err(Failure::Garbage("a list without a version".to_owned()));
        }
        self.versions.listed(listing.objects.iter().map(|object| &object.meta));
        if listing.is_cut {
            for told in listing.parts(self.shared.options.scope) {
                self.tell(told).await?;
            }
        } else {
            let told = listing.told(&self.shared, &self.place);
            self.tell(told).await?;
        }
        self.since = Some(version);
        self.streams_broken = 0;
        one(&self.shared.counts.listed);
        Ok(())
    }

    // --- watches ---

    /// Follows changes since a version, or from a streaming list on.
    async fn watch(&mut self, since: Option<String>) -> Result<Duration, Failure> {
        let seconds = self.shared.options.timing.watch.as_secs().max(1);
        let ask = match &since {
            Some(since) => Ask::Watch { since, seconds },
            None => Ask::Stream { seconds },
        };
        if since.is_none() {
            self.begin_list();
        }
        let begun = Instant::now();
        let mut answer = self.ask(ask).await?;
        if since.is_none() {
            self.listing = Some(Listing::new((self.shared.clock)()));
        }
        let end = self.changes(&mut answer).await;
        if self.listing.is_some() {
            self.streams_broken += 1;
            self.has_streams = self.streams_broken < STREAMS_BROKEN_MAX;
            end?;
            return Err(Failure::Broken("in the middle of a list".to_owned()));
        }
        one(&self.shared.counts.restarts);
        end?;
        // Watches end: the API server was asked to. But not at once.
        let was_steady = begun.elapsed() >= self.shared.options.timing.steady;
        Ok(if was_steady { Duration::ZERO } else { self.backoff.wait() })
    }

    async fn changes(&mut self, answer: &mut Answer) -> Result<(), Failure> {
        let bounds = self.shared.options.bounds;
        while let Some(line) = answer.line(bounds.object_bytes, bounds.skipped_bytes).await? {
            match line {
                Line::Whole(line) if line.trim_ascii().is_empty() => {}
                Line::Whole(line) => self.heard(&line).await?,
                Line::TooLong => {
                    self.shared.note("objects that are too large", || self.place.name());
                }
            }
        }
        Ok(())
    }

    async fn heard(&mut self, line: &[u8]) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(line);
        let heard: Heard<'_> = serde_json::from_str(&text).map_err(|error| {
            let begin: String = text.chars().take(MESSAGE_CHARS_MAX).collect();
            Failure::Garbage(format!("{error} in {begin}"))
        })?;
        let json = heard.object.get();
        match heard.r#type {
            "ADDED" | "MODIFIED" => self.changed(json, false).await,
            "DELETED" => self.changed(json, true).await,
            "BOOKMARK" => self.bookmark(json).await,
            "ERROR" => {
                let status: Status = serde_json::from_str(json).unwrap_or_default();
                let code = status.code;
                Err(status.failure(code, None, Ask::Watch { since: "", seconds: 0 }))
            }
            other => {
                self.shared.note("events of unknown types", || other.to_owned());
                Ok(())
            }
        }
    }

    async fn changed(&mut self, json: &str, is_deleted: bool) -> Result<(), Failure> {
        if let Some(listing) = &mut self.listing {
            listing.push(&self.shared, &self.place, json);
            let objects = self.shared.options.bounds.objects;
            return if listing.is_endless(objects) { Err(endless()) } else { Ok(()) };
        }
        one(&self.shared.counts.changes);
        let head: Head = serde_json::from_str(json).unwrap_or_default();
        if let Some(read) = listing::read(&self.shared, &self.place, json) {
            if !self.versions.is_news(&read.object.meta, is_deleted) {
                // What came late is no place to go on from.
                one(&self.shared.counts.old_changes);
                return Ok(());
            }
            let told = listing::change(&self.shared, &self.place, read, is_deleted);
            self.tell(told).await?;
        }
        self.go_on_from(head.metadata.resource_version);
        Ok(())
    }

    async fn bookmark(&mut self, json: &str) -> Result<(), Failure> {
        one(&self.shared.counts.bookmarks);
        let head: Head = serde_json::from_str(json).unwrap_or_default();
        let Head { metadata } = head;
        let ends = metadata.annotations.is_some_and(|a| a.initial_events_end == "true");
        match &self.listing {
            Some(_) if ends => self.end_list(metadata.resource_version).await,
            Some(_) => Err(Failure::NoStreams),
            None => {
                self.go_on_from(metadata.resource_version);
                Ok(())
            }
        }
    }

    fn go_on_from(&mut self, version: String) {
        if !version.is_empty() && self.since.is_some() {
            self.since = Some(version);
        }
    }

    async fn tell(&self, told: Told) -> Result<(), Failure> {
        match self.out.try_send(told) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(Failure::Closed),
            Err(TrySendError::Full(told)) => {
                one(&self.shared.counts.held_up);
                self.out.send(told).await.map_err(|_| Failure::Closed)
            }
        }
    }
}

fn endless() -> Failure {
    Failure::Garbage("a list without an end".to_owned())
}

// === impl Status ===

impl Status {
    /// What this means for whoever asked.
    fn failure(self, code: u16, wait: Option<Duration>, ask: Ask<'_>) -> Failure {
        let message: String = self.message.chars().take(MESSAGE_CHARS_MAX).collect();
        match code {
            410 => Failure::Gone(message),
            _ if matches!(self.reason.as_str(), "Expired" | "Gone") => Failure::Gone(message),
            // An API server that has none forbids what they are asked for with.
            400 | 422 if matches!(ask, Ask::Stream { .. }) => Failure::NoStreams,
            _ => Failure::Refused { code, message, wait },
        }
    }
}
