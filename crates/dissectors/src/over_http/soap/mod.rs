//! SOAP 1.1 and 1.2 over HTTP (<https://www.w3.org/TR/soap12-part2/#soapinhttp>): an envelope in
//! XML, answered by another one or by a fault.

mod fields;
mod show;
#[cfg(test)]
mod tests;
mod xml;

use model::Protocol;

/// What everybody may know of it.
pub static PROTOCOL: Protocol = Protocol {
    name: "soap",
    about: "SOAP 1.1 and 1.2 over HTTP: actions and faults",
    specification: "https://www.w3.org/TR/soap12-part1/",
    fields: &fields::FIELDS,
    headline: show::headline,
    tell: show::tell,
};

/// Whether a body in XML is an envelope.
pub(super) fn is_envelope(body: &[u8]) -> bool {
    const NAMESPACES: [&[u8]; 2] =
        [b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"];
    let front = body.get(..1024).unwrap_or(body);
    let root = xml::Tags::of(front).next();
    root.is_some_and(|root| root.name == b"Envelope")
        && NAMESPACES.iter().any(|name| memchr::memmem::find(front, name).is_some())
}
