//! AMQP 1.0 (OASIS, parts 1 to 5), as RabbitMQ, Artemis, Qpid, Service Bus and Event Hubs speak it.
//!
//! <https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-complete-v1.0-os.pdf>. Its calls are calls of
//! `amqp`, with version 1.0. A message that is transferred is answered by the disposition that settles it,
//! whoever sends it; one disposition may answer many. `open`, `begin`, `attach`, `detach`, `end` and
//! `close` are said by both sides: the first one asks, the other one answers. Links are known by their
//! handles, one for each side, and sessions by their channels; where the frames that named them were
//! lost, they are said to be unknown.
//!
//! What is said for authentication is never written down.

mod chain;
mod composite;
mod decimal;
mod frame;
mod json;
mod link;
#[cfg(test)]
mod oracle;
mod payload;
mod probe;
pub(crate) mod record;
mod roles;
mod section;
mod session;
mod settle;
pub(crate) mod show;
mod status;
mod talk;
#[cfg(test)]
mod tests;
mod transfer;
mod types;

use dissect::{Dissection, Framing, Reader};
use model::Transport;

use self::talk::Talk;
use crate::amqp;

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "amqp1",
    protocol: &amqp::PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["AMQPWSB10"],
    ports: &[5672],
    probe: probe::probe,
    open: |_| Reader::open(&amqp::PROTOCOL, Talk::default(), Framing::Stream),
};
