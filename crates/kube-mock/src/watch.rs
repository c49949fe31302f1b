//! Watches: what is there, and what changes.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, channel};

use crate::{
    Fault, State, Verb,
    serve::{JSON, Wish, partial},
    status,
    store::{Change, Stored},
};

/// A watch that somebody reads.
struct Feed {
    state: Arc<State>,
    wish: Wish,
    out: Sender<Result<Bytes, std::io::Error>>,
    /// Changes up to this version are told.
    told: u64,
    /// Lines still to come before the fault.
    left: usize,
}

/// Nothing more is to be told.
struct Over;

/// Answers with a watch.
pub(crate) fn watch(state: Arc<State>, wish: Wish) -> Response {
    if let Some(refusal) = too_old(&state, &wish)
        && state.lock().habits.gone_by_status
    {
        let answer = Response::builder().status(StatusCode::GONE);
        let answer = answer.header(header::CONTENT_TYPE, JSON);
        return answer.body(Body::from(refusal.to_string())).expect("a head without surprises");
    }
    let (out, lines) = channel(1);
    let left = match &wish.fault {
        Some(
            Fault::Drop(lines)
            | Fault::DropInLine(lines)
            | Fault::Stall(lines)
            | Fault::End(lines)
            | Fault::Error(lines, _)
            | Fault::Insert(lines, _)
            | Fault::Endless(lines, _),
        ) => *lines,
        _ => usize::MAX,
    };
    let feed = Feed { state, wish, out, told: 0, left };
    tokio::spawn(feed.run());
    let body =
        stream::unfold(lines, |mut lines| async { lines.recv().await.map(|line| (line, lines)) });
    let answer = Response::builder().status(StatusCode::OK).header(header::CONTENT_TYPE, JSON);
    answer.body(Body::from_stream(body)).expect("a head without surprises")
}

fn too_old(state: &State, wish: &Wish) -> Option<Value> {
    let since = since(wish).filter(|since| *since > 0)?;
    let inner = state.lock();
    let first = inner.store.table(wish.plural)?.after(since).err()?;
    Some(status::too_old(since, first))
}

fn since(wish: &Wish) -> Option<u64> {
    wish.query.get("resourceVersion").and_then(|version| version.parse().ok())
}

// === impl Feed ===

impl Feed {
    async fn run(mut self) {
        self.state.lock().open += 1;
        let _ = self.tell_all().await;
        self.state.lock().open -= 1;
    }

    async fn tell_all(&mut self) -> Result<(), Over> {
        let mut changes = self.state.changes();
        self.begin().await?;
        let seconds = self.wish.query.get("timeoutSeconds").and_then(|text| text.parse().ok());
        let end = tokio::time::Instant::now() + Duration::from_secs(seconds.unwrap_or(1800));
        let bookmark = self.state.lock().habits.bookmark;
        loop {
            self.tell_changes().await?;
            tokio::select! {
                changed = changes.changed() => changed.map_err(|_| Over)?,
                () = tokio::time::sleep(bookmark) => self.bookmark(false).await?,
                () = tokio::time::sleep_until(end) => return Ok(()),
                () = self.out.closed() => return Ok(()),
            }
        }
    }

    /// What is there, where that was asked for.
    async fn begin(&mut self) -> Result<(), Over> {
        let since = since(&self.wish).unwrap_or(0);
        if self.wish.verb == Verb::Watch && since > 0 {
            self.told = since;
            return Ok(());
        }
        let (objects, version) = {
            let inner = self.state.lock();
            let table = inner.store.table(self.wish.plural);
            let all = table.iter().flat_map(|t| t.objects(self.wish.namespace.as_deref()));
            (all.cloned().collect::<Vec<_>>(), inner.store.version())
        };
        self.told = version;
        for object in objects {
            self.event("ADDED", &object).await?;
        }
        if self.wish.verb == Verb::Stream {
            self.bookmark(true).await?;
        }
        Ok(())
    }

    async fn tell_changes(&mut self) -> Result<(), Over> {
        let (changes, version) = match self.news() {
            Ok(news) => news,
            Err(error) => {
                self.line(&json!({"type": "ERROR", "object": error}).to_string()).await?;
                return Err(Over);
            }
        };
        for change in changes {
            self.change(&change).await?;
            self.told = change.version;
        }
        self.told = version;
        Ok(())
    }

    /// What happened since, and up to which version; what is wrong where that is forgotten.
    fn news(&self) -> Result<(Vec<Change>, u64), Value> {
        let inner = self.state.lock();
        let changes = match inner.store.table(self.wish.plural) {
            None => Vec::new(),
            Some(table) => {
                let after = table.after(self.told);
                after.map_err(|first| status::too_old(self.told, first))?.to_vec()
            }
        };
        Ok((changes, inner.store.version()))
    }

    async fn change(&mut self, change: &Change) -> Result<(), Over> {
        let namespace = self.wish.namespace.as_deref();
        if namespace.is_some_and(|own| change.object.namespace != own) {
            return Ok(());
        }
        self.event(change.what, &change.object).await?;
        match self.wish.fault {
            Some(Fault::Twice) => self.event(change.what, &change.object).await?,
            Some(Fault::Late) => {
                let before: Vec<Change> = {
                    let inner = self.state.lock();
                    let table = inner.store.table(self.wish.plural);
                    let all = table.iter().flat_map(|t| t.before(&change.object, change.version));
                    all.cloned().collect()
                };
                for change in before {
                    self.event(change.what, &change.object).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn event(&mut self, what: &str, object: &Stored) -> Result<(), Over> {
        let line = match self.wish.is_metadata {
            true => format!("{{\"type\":\"{what}\",\"object\":{}}}", partial(&object.value())),
            false => format!("{{\"type\":\"{what}\",\"object\":{}}}", object.json),
        };
        self.line(&line).await
    }

    /// Says how far the watch has come; and whether all there was has been told.
    async fn bookmark(&mut self, ends_initial: bool) -> Result<(), Over> {
        if self.wish.query.get("allowWatchBookmarks").is_none_or(|allowed| allowed != "true") {
            return Ok(());
        }
        let mut metadata = json!({"resourceVersion": self.told.to_string()});
        if ends_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (kind, version) = if self.wish.is_metadata {
            ("PartialObjectMetadata", "meta.k8s.io/v1")
        } else {
            (self.wish.kind, self.wish.version)
        };
        let object = json!({"kind": kind, "apiVersion": version, "metadata": metadata});
        self.line(&json!({"type": "BOOKMARK", "object": object}).to_string()).await
    }

    async fn line(&mut self, line: &str) -> Result<(), Over> {
        if self.left == 0 {
            self.fail(line).await?;
        }
        self.left = self.left.saturating_sub(1);
        self.send(format!("{line}\n").into_bytes()).await
    }

    /// It is time for the fault.
    async fn fail(&mut self, line: &str) -> Result<(), Over> {
        self.left = usize::MAX;
        match self.wish.fault.clone() {
            Some(Fault::Drop(_)) => self.break_off().await,
            Some(Fault::DropInLine(_)) => {
                let half = line.as_bytes().split_at(line.len() / 2).0;
                self.send(half.to_vec()).await?;
                // What is sent before a break may be lost with it.
                tokio::time::sleep(Duration::from_millis(5)).await;
                self.break_off().await
            }
            Some(Fault::Stall(_)) => {
                self.out.closed().await;
                Err(Over)
            }
            Some(Fault::End(_)) => Err(Over),
            Some(Fault::Error(_, code)) => {
                let error = json!({"type": "ERROR", "object": status::of_code(code)});
                self.send(format!("{error}\n").into_bytes()).await?;
                Err(Over)
            }
            Some(Fault::Insert(_, bytes)) => self.send(bytes).await,
            Some(Fault::Endless(_, bytes)) => loop {
                self.send(bytes.clone()).await?;
            },
            _ => Ok(()),
        }
    }

    async fn break_off(&mut self) -> Result<(), Over> {
        let _ = self.out.send(Err(std::io::Error::other("broken on purpose"))).await;
        Err(Over)
    }

    async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Over> {
        self.state.sent(bytes.len());
        self.out.send(Ok(bytes.into())).await.map_err(|_| Over)
    }
}
