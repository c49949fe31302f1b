//! Questions to the store: on a thread that may wait, only so many at once, only so long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use axum::http::StatusCode;
use store::{Row, Scan, Select, Stop, StoreError};

use crate::{Fault, Who, state::Api};

/// Says that nobody waits any more, when the one who waited is gone.
struct Gone(Arc<AtomicBool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

// === impl Api ===

impl Api {
    /// Asks the store. The question is stopped when its time is up, or when whoever asked is gone.
    pub(crate) async fn query<T: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Api, Stop) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let time = self.settings.limits.query_time;
        let place = tokio::time::timeout(time, self.queries.clone().acquire_owned())
            .await
            .map_err(|_| Fault::busy("too many queries are running; try again later"))?
            .map_err(Fault::ours)?;
        let gone = Arc::new(AtomicBool::new(false));
        let (until, left) = (Instant::now() + time, gone.clone());
        let stop = Stop::when(move || left.load(Ordering::Relaxed) || Instant::now() > until);
        let _gone = Gone(gone);
        let api = self.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let answer = ask(&api, stop);
            drop(place);
            answer
        });
        answer.await.map_err(|error| Fault::ours(format!("the query failed: {error}")))?
    }

    /// One call, by the id that the API gave it, if he may see it.
    pub(crate) async fn call(
        self: &Arc<Self>,
        who: &Who,
        id: String,
        select: Select,
    ) -> Result<Row, Fault> {
        let who = who.clone();
        self.query(move |api, stop| find(api, &who, &id, select, stop)?.ok_or_else(|| no_call(&id)))
            .await
    }
}

fn find(api: &Api, who: &Who, id: &str, select: Select, stop: Stop) -> Result<Option<Row>, Fault> {
    let source = api.source.by(who);
    let Some(key) = store::Key::parse(id) else { return source.find(id) };
    if select == Select::Whole {
        return source.get(&key);
    }
    // Calls that began at that very moment are few.
    let from = u64::try_from(key.time_ns).ok().map(model::Timestamp);
    let to = from.map(|from| from.after(1));
    let scan = Scan { from, to, limit: 1000, select, stop, ..Scan::default() };
    Ok(source.scan(&scan)?.rows.into_iter().find(|row| row.key() == key))
}

fn no_call(id: &str) -> Fault {
    let short: String = id.chars().take(80).collect();
    Fault::missing(format!("there is no call {short:?}; it may have been removed for its age"))
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self {
                hint: Some("narrow it by from, to or where".into()),
                ..Self::busy("the query took too long")
            },
            StoreError::TooLarge(_) => Self {
                hint: Some("group by fewer fields, or narrow it by from, to or where".into()),
                ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            },
            error => Self::ours(error),
        }
    }
}
