//! Who is logged in.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ring::digest::{SHA256, digest};

use crate::Grant;

/// Sessions, by the hash of their names: how long a look takes says nothing of a name.
pub(super) struct Sessions {
    all: Mutex<HashMap<[u8; 32], Session>>,
    lasts: Duration,
}

struct Session {
    grant: Arc<Grant>,
    until: Instant,
}

/// Sessions at the same time; those that end first make room.
const SESSIONS_MAX: usize = 10_000;

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(lasts: Duration) -> Self {
        Self { all: Mutex::default(), lasts }
    }

    pub(super) fn add(&self, name: &str, grant: Grant) {
        let now = Instant::now();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SESSIONS_MAX {
            all.retain(|_, session| session.until > now);
        }
        while all.len() >= SESSIONS_MAX {
            let first = all.iter().min_by_key(|(_, session)| session.until).map(|(key, _)| *key);
            let Some(first) = first else { break };
            all.remove(&first);
        }
        let session = Session { grant: Arc::new(grant), until: now + self.lasts };
        all.insert(key(name.as_bytes()), session);
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<Arc<Grant>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let session = all.get(&key(name)).filter(|session| session.until > Instant::now())?;
        Some(session.grant.clone())
    }

    pub(super) fn remove(&self, name: &[u8]) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(name));
    }
}

fn key(name: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, name).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn a_session_ends() {
        let grant = || Grant::new(Role::Viewer, None, "ann").unwrap();
        let sessions = Sessions::new(Duration::from_secs(60));
        sessions.add("a", grant());
        assert_eq!(sessions.get(b"a").unwrap().name, "ann");
        assert!(sessions.get(b"b").is_none());
        sessions.remove(b"a");
        assert!(sessions.get(b"a").is_none());
        let over = Sessions::new(Duration::ZERO);
        over.add("a", grant());
        assert!(over.get(b"a").is_none());
    }

    #[test]
    fn there_are_only_so_many() {
        let sessions = Sessions::new(Duration::from_secs(60));
        for number in 0..SESSIONS_MAX + 1 {
            sessions.add(&number.to_string(), Grant::new(Role::Viewer, None, "x").unwrap());
        }
        assert_eq!(sessions.all.lock().unwrap().len(), SESSIONS_MAX);
        assert!(sessions.get(b"0").is_none() && sessions.get(b"1").is_some());
    }
}
