//! Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): a response
//! that is a stream of events.

pub(super) mod events;
mod fields;
pub(super) mod show;
#[cfg(test)]
mod tests;

use model::Protocol;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "sse",
    about: "Server-sent events: each with its time, name, id and data",
    specification: "https://html.spec.whatwg.org/multipage/server-sent-events.html",
    fields: &fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};
