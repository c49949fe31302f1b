//! A dissector whose type is forgotten.

use model::{Mark, Protocol, Side, Timestamp, Why};

use crate::{Context, Limits, Next};

/// Both halves of one flow in one protocol. Called once per chunk, not once per message.
pub trait Conversation: Send {
    /// The next bytes of `from`, in order. For datagrams: one whole datagram, `cut` bytes of which
    /// were taken by the snap length.
    fn data(
        &mut self,
        from: Side,
        mark: Mark,
        chunk: &[u8],
        cut: u32,
        cx: &mut Context<'_>,
    ) -> Standing;
    /// What the other side said since bytes of `from` were lost may have been answered in them.
    fn doubt(&mut self, from: Side, cx: &mut Context<'_>);
    /// The next `len` bytes of `from` are not in the capture.
    fn gap(&mut self, from: Side, mark: Mark, len: u64, why: Why, cx: &mut Context<'_>);
    /// `from` sends nothing more, because of `why`.
    fn end(&mut self, from: Side, mark: Mark, why: Why, cx: &mut Context<'_>);
    /// The flow is over, because of `why`: everything unfinished leaves.
    fn close(&mut self, mark: Mark, why: Why, cx: &mut Context<'_>);
    /// When [`tick`](Self::tick) has something to do.
    fn deadline(&self, limits: &Limits) -> Option<Timestamp>;
    /// The clock of the capture reached `now`.
    fn tick(&mut self, now: Timestamp, cx: &mut Context<'_>);
    /// After [`Standing::Becomes`]: what `from` had sent that was not read.
    fn leftover(&mut self, from: Side, cx: &mut Context<'_>) -> Leftover;
    /// How long datagrams may be missing before the flow is over, in nanoseconds; `None`: as usual.
    fn idle_ns(&self) -> Option<u64> {
        None
    }
    /// What is spoken.
    fn protocol(&self) -> &'static Protocol;
    /// The flow is not read from its first byte, because of `why`; as far as the capture knows it was
    /// silent since `quiet_since`. Called before any data.
    fn joined_late(&mut self, quiet_since: Timestamp, why: Why);
}

/// Whether the conversation is still this protocol's.
#[derive(Clone, Copy, Debug, Default)]
pub enum Standing {
    /// Goes on.
    #[default]
    Ours,
    /// From here on it is something else; take the leftovers of both sides.
    Becomes(Next),
    /// It never was, or can't be followed any more; take the leftovers of both sides.
    NotOurs,
}

/// Bytes handed from one conversation to the next.
#[derive(Debug, Default)]
pub struct Leftover {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where the first of them was.
    pub mark: Mark,
}
