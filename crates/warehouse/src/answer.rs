//! An answer as it comes: rows of a known shape, and how it ends.

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};
use store::{Cells, Held, Stop};
use tokio::runtime::Runtime;

use crate::{
    binary::{self, MARK, Malformed, Shape},
    door::{Refusal, until},
};

/// What is at the front and how long it is, or nothing if it is not whole.
type Parsed<T> = Result<Option<(T, usize)>, Malformed>;

/// An answer that is being read.
///
/// A server that fails in the middle says so in the midst of its answer, in words. Therefore each row begins
/// with a [`MARK`], which no word begins with, and the answer ends where a row does.
pub(crate) struct Answer<'d> {
    runtime: &'d Runtime,
    body: Incoming,
    host: String,
    /// What came and was not read yet, from `at` on.
    bytes: Vec<u8>,
    at: usize,
    is_over: bool,
}

/// Bytes of one row: a call is at most so long, with room.
const ROW_BYTES_MAX: usize = 64 << 20;
/// Characters of what a server says in the midst of an answer.
const FAULT_CHARS_MAX: usize = 500;

// === impl Answer ===

impl<'d> Answer<'d> {
    pub(crate) fn new(runtime: &'d Runtime, body: Incoming, host: &str) -> Self {
        let host = host.to_owned();
        Self { runtime, body, host, bytes: Vec::new(), at: 0, is_over: false }
    }

    /// Reads rows, until there are so many, or no more; whether there may be more.
    pub(crate) fn rows(
        &mut self,
        shape: &[Shape],
        cells: &mut Cells,
        calls_max: usize,
        stop: &Stop,
    ) -> Result<bool, Refusal> {
        while cells.calls() < calls_max {
            let read = self.read(stop, &mut |bytes| {
                Ok(binary::read(bytes, shape, cells)?.map(|len| ((), len)))
            })?;
            if read.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads one row by itself; nothing if there is none.
    pub(crate) fn row(
        &mut self,
        shape: &[Shape],
        stop: &Stop,
    ) -> Result<Option<Vec<Held<'static>>>, Refusal> {
        self.read(stop, &mut |bytes| binary::read_row(bytes, shape))
    }

    /// Reads one row, behind its mark; nothing if there is none. `read` says what is in it, and how long it is,
    /// or nothing if it is not whole.
    fn read<T>(
        &mut self,
        stop: &Stop,
        read: &mut dyn FnMut(&[u8]) -> Parsed<T>,
    ) -> Result<Option<T>, Refusal> {
        loop {
            match self.bytes.get(self.at).copied() {
                Some(MARK) => {}
                Some(_) => return Err(self.fault(stop)),
                None if self.fill(stop)? => continue,
                None => return Ok(None),
            }
            match read(self.bytes.get(self.at + 1..).unwrap_or_default()) {
                Ok(Some((row, len))) => {
                    self.at += 1 + len;
                    return Ok(Some(row));
                }
                Ok(None) if self.bytes.len() - self.at > ROW_BYTES_MAX => {
                    return Err(self.unreadable());
                }
                Ok(None) if self.fill(stop)? => {}
                Ok(None) | Err(_) => return Err(self.unreadable()),
            }
        }
    }

    /// Waits for more; whether there is some.
    fn fill(&mut self, stop: &Stop) -> Result<bool, Refusal> {
        if self.is_over {
            return Ok(false);
        }
        self.bytes.drain(..self.at);
        self.at = 0;
        let frame = self.runtime.block_on(until(self.body.frame(), stop));
        match frame.ok_or(Refusal::Stopped)? {
            None => self.is_over = true,
            Some(Ok(frame)) => {
                let more = frame.into_data().unwrap_or_else(|_| Bytes::new());
                self.bytes.extend_from_slice(&more);
            }
            Some(Err(error)) => {
                let (host, why) = (self.host.clone(), error.to_string());
                return Err(Refusal::Unreachable { host, why });
            }
        }
        Ok(!self.is_over)
    }

    /// What the server says in the midst of its answer.
    fn fault(&mut self, stop: &Stop) -> Refusal {
        while self.bytes.len() - self.at < FAULT_CHARS_MAX {
            match self.fill(stop) {
                Ok(true) => {}
                Ok(false) => break,
                Err(refusal) => return refusal,
            }
        }
        let said = String::from_utf8_lossy(self.bytes.get(self.at..).unwrap_or_default());
        let begin = said.find("Code:").unwrap_or(0);
        let said = said.get(begin..).unwrap_or_default();
        let message: String =
            said.lines().next().unwrap_or_default().chars().take(FAULT_CHARS_MAX).collect();
        Refusal::Refused { host: self.host.clone(), message, status: 200 }
    }

    fn unreadable(&self) -> Refusal {
        Refusal::Unreadable { host: self.host.clone() }
    }
}
