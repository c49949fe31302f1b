//! AMQP 0-9-1, as RabbitMQ, LavinMQ and Qpid speak it.
//!
//! <https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>. A method that wants an answer and its
//! `-ok` are one call, in order on their channel; either side may ask. A message is its method, its
//! header and its body, which are three frames or more. A publication is answered where the server
//! confirms it (`confirm.select`), a delivery where the consumer acknowledges it; one acknowledgement
//! may answer many. All other messages are one-way.
//!
//! What is said for authentication is never written down. Version 1.0 is another protocol, which is read
//! in a folder of its own; both fill one table.

mod args;
mod chain;
mod channel;
mod field_table;
mod fields;
mod frame;
mod method;
mod probe;
mod properties;
pub(crate) mod record;
mod show;
mod talk;
#[cfg(test)]
mod tests;

use dissect::{Dissection, Framing, Reader};
use model::{Protocol, Transport};

pub(crate) use self::fields::{At, FIELDS};
use self::talk::Talk;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "amqp",
    about: "AMQP 0-9-1 (RabbitMQ) and 1.0: methods, messages with their properties, and what becomes of them",
    specification: "https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf",
    fields: fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// What the engine knows of it.
pub static DISSECTION: Dissection = Dissection {
    folder: "amqp",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &["amqp"],
    ports: &[5672],
    probe: probe::probe,
    open: |_| Reader::open(&PROTOCOL, Talk::default(), Framing::Stream),
};
