//! The body of an answer, as it comes in: counted, bounded, and not waited for without end.

use std::{sync::Arc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use kube::client::Body;

use super::{
    counts::{Counts, Open, some},
    fail::{Failure, causes},
};

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Body,
    counts: Arc<Counts>,
    /// Longer without a byte is a stall.
    quiet: Duration,
    /// Counts as open for as long as it is.
    _open: Option<Open>,
    /// Came, and is not yet a whole line.
    held: BytesMut,
    /// Of it, so much has no end of a line.
    searched: usize,
}

/// A line of an answer.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Line {
    /// Without its end.
    Whole(Bytes),
    /// Larger than is held: passed over.
    TooLong,
}

/// Bytes of a refusal that are read.
const REFUSAL_BYTES_MAX: usize = 64 << 10;

// === impl Answer ===

impl Answer {
    pub(crate) fn new(
        body: Body,
        counts: Arc<Counts>,
        quiet: Duration,
        open: Option<Open>,
    ) -> Self {
        Self { body, counts, quiet, _open: open, held: BytesMut::new(), searched: 0 }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn bytes(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = tokio::time::timeout(self.quiet, self.body.frame());
            let frame = frame.await.map_err(|_| Failure::Stalled(self.quiet))?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| Failure::Broken(causes(&error)))?;
            if let Ok(bytes) = frame.into_data() {
                some(&self.counts.bytes, bytes.len());
                return Ok(Some(bytes));
            }
        }
    }

    /// The next line; `None` at the end. Lines beyond `bytes_max` are passed over, up to
    /// `skipped_max` bytes.
    pub(crate) async fn line(
        &mut self,
        bytes_max: usize,
        skipped_max: u64,
    ) -> Result<Option<Line>, Failure> {
        let mut skipped = 0_u64;
        loop {
            let unsearched = self.held.get(self.searched..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', unsearched) {
                let line = self.held.split_to(self.searched + end).freeze();
                self.held.advance(1);
                self.searched = 0;
                let is_whole = skipped == 0 && line.len() <= bytes_max;
                return Ok(Some(if is_whole { Line::Whole(line) } else { Line::TooLong }));
            }
            self.searched = self.held.len();
            if skipped > 0 || self.held.len() > bytes_max {
                skipped += u64::try_from(self.held.len()).unwrap_or(u64::MAX);
                self.held.clear();
                self.searched = 0;
            }
            if skipped > skipped_max {
                return Err(Failure::Garbage(format!("a line of more than {skipped_max} bytes")));
            }
            match self.bytes().await? {
                Some(bytes) => self.held.extend_from_slice(&bytes),
                None if self.held.is_empty() && skipped == 0 => return Ok(None),
                None => return Err(Failure::Broken("in the middle of a line".to_owned())),
            }
        }
    }

    /// What a refusal says, as far as it is read.
    pub(crate) async fn refusal(mut self) -> Vec<u8> {
        let mut text = Vec::new();
        while let Ok(Some(bytes)) = self.bytes().await {
            text.extend_from_slice(&bytes);
            if text.len() > REFUSAL_BYTES_MAX {
                break;
            }
        }
        text.truncate(REFUSAL_BYTES_MAX);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        let body = Body::from(text.as_bytes().to_vec());
        Answer::new(body, Arc::default(), Duration::from_secs(5), None)
    }

    #[tokio::test]
    async fn long_lines_are_passed_over_and_the_next_is_read() {
        let mut answer = answer(&format!("one\n{}\ntwo\n\n", "x".repeat(100)));
        for expected in [Some("one"), None, Some("two"), Some("")] {
            let line = answer.line(10, 1000).await.unwrap().unwrap();
            let expected = expected.map_or(Line::TooLong, |text| Line::Whole(text.into()));
            assert_eq!(line, expected);
        }
        assert_eq!(answer.line(10, 1000).await, Ok(None));
        assert_eq!(answer.counts.load().bytes, 110);
    }

    #[tokio::test]
    async fn a_line_broken_off_is_no_line() {
        assert!(matches!(answer("half").line(10, 100).await, Err(Failure::Broken(_))));
        let long = "x".repeat(200);
        assert!(matches!(answer(&long).line(10, 1000).await, Err(Failure::Broken(_))));
        assert!(matches!(answer(&long).line(10, 100).await, Err(Failure::Garbage(_))));
    }
}
