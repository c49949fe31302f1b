//! What is told of a message, when somebody asks.

use model::{Headline, Message, Outcome, Status, Tell};

use super::wire::{Head, What};
use crate::fields::{fields, integer};

fields! {
    Identifier = "icmp.identifier" Integer, "The number that the asker goes by";
    Sequence = "icmp.sequence" Integer, "The question's number";
    Code = "icmp.code" Integer, "The code beside the type, where it is not 0";
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let either = request.or(response).and_then(|message| Head::read(&message.record));
    let Some(head) = either else { return Headline::default() };
    let method = match head.what {
        What::Echo => &b"echo"[..],
        What::Timestamp => b"timestamp",
        What::Mask => b"mask",
    };
    let answered = || Status { code: b"OK"[..].into(), text: b""[..].into(), outcome: Outcome::Ok };
    Headline {
        method: Some(method.into()),
        endpoint: None,
        version: None,
        status: response.map(|_| answered()),
    }
}

/// Everything.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(head) = Head::read(&message.record) else { return };
    integer(to, At::Identifier, head.identifier);
    integer(to, At::Sequence, head.sequence);
    if head.code != 0 {
        integer(to, At::Code, head.code);
    }
}
