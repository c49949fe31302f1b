//! One direction of one stream: where in its frames it is.

use super::{
    frame::{HEAD_MAX, Head, head},
    qpack::Prefix,
};
use crate::http::record::Interims;

/// What comes next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Awaits {
    /// The type of a stream that one side alone sends.
    Type,
    /// The head of a frame.
    #[default]
    Frame,
    /// All of a frame that is read at once.
    Whole(Head),
    /// So many bytes of a body.
    Data(u64),
    /// So many bytes that say nothing.
    Skip(u64),
    /// What a field section refers to; what comes meanwhile is kept behind it.
    Insertions(Head, Prefix),
    /// Bytes of QPACK's instructions.
    Instructions,
    /// Bytes in an application's own form.
    Foreign,
    /// Nothing that could be understood: frames were lost, or there are none.
    Nothing,
}

/// One direction of one stream.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) awaits: Awaits,
    /// The lane of its message: its own number, or that of what was promised.
    pub(super) lane: u64,
    /// Its answer is to a promise.
    pub(super) is_push: bool,
    /// Control frames may come.
    pub(super) is_control: bool,
    /// The start of what can't be read yet.
    pub(super) kept: Vec<u8>,
    /// Its last bytes came.
    pub(super) is_over: bool,
    /// Interim answers before the one that is awaited.
    pub(super) interims: Interims,
}

// === impl Flow ===

impl Flow {
    /// A stream whose first bytes come; `one_way` where one side alone sends.
    pub(super) fn new(lane: u64, one_way: bool) -> Self {
        let awaits = if one_way { Awaits::Type } else { Awaits::Frame };
        Self { awaits, lane, ..Self::default() }
    }

    /// Reads the head of a frame, of which the start may be kept already: the head, its length, and
    /// how many bytes of `input` it took. All of `input` is kept where there is no head yet.
    pub(super) fn head(&mut self, input: &[u8]) -> (Option<(Head, usize)>, usize) {
        self.number(input, head)
    }

    /// The same for anything that is read off at most [`HEAD_MAX`] bytes.
    pub(super) fn number<T>(
        &mut self,
        input: &[u8],
        read: impl Fn(&[u8]) -> Option<(T, usize)>,
    ) -> (Option<(T, usize)>, usize) {
        let room = HEAD_MAX.saturating_sub(self.kept.len());
        let front = input.get(..room).unwrap_or(input);
        let before = self.kept.len();
        self.kept.extend_from_slice(front);
        match read(&self.kept) {
            Some((what, len)) => {
                self.kept.clear();
                (Some((what, len)), len.saturating_sub(before))
            }
            None => (None, front.len()),
        }
    }

    /// Whether what was lost can't be told from the start of a message.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.awaits, Awaits::Frame) && self.kept.is_empty()
    }
}
