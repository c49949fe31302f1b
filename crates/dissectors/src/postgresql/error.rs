//! Errors and notices: letters and what they stand for.
//!
//! <https://www.postgresql.org/docs/current/protocol-error-fields.html>

use super::wire;

/// The parts of an error or a notice that are asked for most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notice<'m> {
    /// `ERROR`, `FATAL`, `WARNING`, never translated if the server is new enough.
    pub severity: &'m [u8],
    /// The SQLSTATE.
    pub code: &'m [u8],
    /// What is said.
    pub message: &'m [u8],
}

impl<'m> Notice<'m> {
    /// Reads a payload.
    pub fn of(payload: &'m [u8]) -> Self {
        let mut notice = Self::default();
        let mut plain = false;
        for (letter, value) in wire::parts(payload) {
            match letter {
                b'V' => {
                    notice.severity = value;
                    plain = true;
                }
                b'S' if !plain => notice.severity = value,
                b'C' => notice.code = value,
                b'M' => notice.message = value,
                _ => {}
            }
        }
        notice
    }
}
