//! The directory as the hub tells it: lines of the identity log into a book.

use cluster::Item;
use fleet::Update;
use identity::{Book, Directory, Limits, Troubles};
use tokio::sync::watch::Sender;

/// Keeps a book of what the hub tells.
pub struct Learner {
    book: Book,
    /// All there is, as long as pieces of it come.
    new: Option<Book>,
    troubles: Troubles,
    send: Sender<Directory>,
}

// === impl Learner ===

impl Learner {
    /// Nothing is known yet. Directories go to `send`.
    pub fn new(send: Sender<Directory>) -> Self {
        let book = Book::new(Limits::live());
        Self { book, new: None, troubles: Troubles::default(), send }
    }

    /// Takes in what the hub told. What was known before stays until all there is was told anew.
    pub fn learn(&mut self, update: &Update) {
        let mut book = match update.is_whole {
            true => self.new.take().unwrap_or_else(|| Book::new(Limits::live())),
            false => std::mem::replace(&mut self.book, Book::new(Limits::live())),
        };
        let mut lines: &[u8] = &update.lines;
        // An object that is not understood is one name less: no reason to go without the others.
        let read = cluster::read_from(&mut lines, &mut self.troubles, &mut |item| {
            if let Item::Event(event, _) = item {
                book.apply(&event);
            }
        });
        if let Err(error) = read {
            self.troubles
                .note("pieces of the directory that were not understood", || error.to_string());
        }
        if update.goes_on {
            self.new = Some(book);
            return;
        }
        self.book = book;
        self.send.send_replace(self.book.directory());
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use identity::Query;
    use model::{Timestamp, Transport};

    use super::*;

    fn update(is_whole: bool, goes_on: bool, name: &str, ip: &str) -> Update {
        let line = format!(
            "{{\"at\":\"2026-01-29T11:00:00Z\",\"scope\":0,\"type\":\"MODIFIED\",\"object\":{{\"kind\":\"Pod\",\
             \"metadata\":{{\"name\":\"{name}\",\"namespace\":\"shop\",\"uid\":\"{name}\",\"creationTimestamp\":\"2026-01-29T10:00:00Z\"}},\
             \"spec\":{{\"nodeName\":\"a\"}},\"status\":{{\"podIP\":\"{ip}\"}}}}}}\n"
        );
        Update { is_whole, goes_on, lines: line.into_bytes() }
    }

    #[test]
    fn names_are_those_that_were_told_last() {
        let (send, latest) = tokio::sync::watch::channel(Directory::default());
        let mut learner = Learner::new(send);
        let is_known = |ip: &str| {
            let at = identity::moment("2026-01-29T11:00:00Z").unwrap_or(Timestamp(0));
            let ip: IpAddr = ip.parse().unwrap();
            let (scope, port, transport) = (0, 80, Transport::Tcp);
            let query = Query { scope, ip, port, transport, at, process: None };
            !latest.borrow().find(&query).is_nobody()
        };
        learner.learn(&update(true, true, "a", "10.0.0.1"));
        assert!(!is_known("10.0.0.1"), "all is told first");
        learner.learn(&update(true, false, "b", "10.0.0.2"));
        assert!(is_known("10.0.0.1") && is_known("10.0.0.2"));
        learner.learn(&update(false, false, "c", "10.0.0.3"));
        assert!(is_known("10.0.0.1") && is_known("10.0.0.3"));
        learner.learn(&update(true, false, "d", "10.0.0.4"));
        assert!(!is_known("10.0.0.1") && is_known("10.0.0.4"));
    }
}
