//! Where the bytes go.

use model::{Dir, Mark, Why};

/// Takes what a connection delivers. Monomorphised: there is one per engine.
pub trait Outlet {
    /// The next bytes of `dir`, straight from the segment where it came in order, else from the
    /// held copy. `mark` is the packet that carried them.
    fn data(&mut self, dir: Dir, mark: Mark, bytes: &[u8]);

    /// The next `len` bytes of `dir` are not in the capture, or we could not hold them. `mark` is
    /// the packet that showed it: the one after the hole, or the one that acknowledged it.
    fn gap(&mut self, dir: Dir, mark: Mark, len: u64, why: Why);

    /// What the other direction said since the last gap of `dir` may be answered in that gap: it was said
    /// before what was lost there had been received.
    fn doubt(&mut self, _dir: Dir) {}

    /// `dir` sends nothing more. At most once per direction.
    fn end(&mut self, dir: Dir, mark: Mark, how: End);
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum End {
    /// Its sender said that it has no more.
    Fin,
    /// One of the two reset the connection.
    Reset,
    /// The capture ended, or we let go of the connection.
    Flushed,
}
