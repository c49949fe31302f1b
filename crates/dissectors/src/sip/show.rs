//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Headline, Message, Outcome, Status, Tell};

use super::head::{Head, Start, parameter};
use crate::fields::{fields, integer, some_text, text};

/// Lines told one by one, at most.
const LIST_MAX: usize = 128;

fields! {
    Method = "sip.request.method" Text, "INVITE, REGISTER, OPTIONS, BYE, …";
    Uri = "sip.request.uri" Text, "Who is asked";
    Code = "sip.response.status_code" Integer, "The status code";
    Reason = "sip.response.reason" Text, "What the status line says beside it";
    CallId = "sip.call_id" Text, "The call that it belongs to";
    Sequence = "sip.cseq" Text, "The step of the call: 1 INVITE";
    From = "sip.from" Text, "Who calls: the address in From";
    To = "sip.to" Text, "Who is called: the address in To";
    Branch = "sip.branch" Text, "The transaction";
    Contact = "sip.contact" Text, "Where its sender can be reached";
    Agent = "user_agent.original" Text, "The program that sent it: User-Agent or Server";
    Expires = "sip.expires" Text, "How long it holds, in seconds";
    Media = "sip.sdp.media" Text many, "Media offered or taken: audio 49170 RTP/AVP 0";
    Address = "sip.sdp.address" Text, "Where media go";
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let asked = request.and_then(of);
    let answered = response.and_then(of);
    let mut line = Headline { version: Some(b"2.0"[..].into()), ..Headline::default() };
    // A provisional response may stand in either place.
    for head in [&asked, &answered].into_iter().flatten() {
        match head.start {
            Start::Request { method, uri } => {
                line.method = Some(Cow::Borrowed(method));
                line.endpoint = Some(Cow::Borrowed(uri));
            }
            Start::Response { code, reason } => {
                let outcome = match code {
                    100..200 => Outcome::Unknown,
                    200..400 => Outcome::Ok,
                    _ => Outcome::Error,
                };
                line.status = Some(Status {
                    code: code.to_string().into_bytes().into(),
                    text: reason.into(),
                    outcome,
                });
                if line.method.is_none() {
                    let step = head.value(b"cseq", 0).unwrap_or_default();
                    let method = step.split(|byte| *byte == b' ').next_back();
                    line.method = method.filter(|method| !method.is_empty()).map(Cow::Borrowed);
                    line.endpoint = head.value(b"to", b't').map(address).map(Cow::Borrowed);
                }
            }
        }
    }
    line
}

fn of(message: &Message) -> Option<Head<'_>> {
    Head::read(&message.record).ok().or_else(|| Head::cut(&message.record))
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(head) = of(message) else { return };
    match head.start {
        Start::Request { method, uri } => {
            text(to, At::Method, method);
            text(to, At::Uri, uri);
        }
        Start::Response { code, reason } => {
            integer(to, At::Code, code);
            some_text(to, At::Reason, reason);
        }
    }
    let value = |name: &[u8], short: u8| head.value(name, short).unwrap_or_default();
    some_text(to, At::CallId, value(b"call-id", b'i'));
    some_text(to, At::Sequence, value(b"cseq", 0));
    some_text(to, At::From, address(value(b"from", b'f')));
    some_text(to, At::To, address(value(b"to", b't')));
    some_text(to, At::Branch, parameter(value(b"via", b'v'), b"branch=").unwrap_or_default());
    some_text(to, At::Contact, address(value(b"contact", b'm')));
    let agent = head.value(b"user-agent", 0).or_else(|| head.value(b"server", 0));
    some_text(to, At::Agent, agent.unwrap_or_default());
    some_text(to, At::Expires, value(b"expires", 0));
    for (name, value) in head.lines().take(LIST_MAX) {
        to.header(name, value);
    }
    let media_type = head.value(b"content-type", b'c').and_then(|value| str::from_utf8(value).ok());
    if media_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("application/sdp")) {
        for line in message.body.kept.split(|byte| *byte == b'\n').take(LIST_MAX) {
            let line = line.trim_ascii_end();
            if let Some(media) = line.strip_prefix(b"m=") {
                text(to, At::Media, media);
            }
        }
        let mut lines = message.body.kept.split(|byte| *byte == b'\n').take(LIST_MAX);
        let address = lines.find_map(|line| line.trim_ascii_end().strip_prefix(b"c="));
        some_text(
            to,
            At::Address,
            address.and_then(|it| it.rsplit(|b| *b == b' ').next()).unwrap_or_default(),
        );
    }
    to.body(BodyFacts { media_type, encoding: None });
}

/// The address between angle brackets, or what is before the parameters.
fn address(value: &[u8]) -> &[u8] {
    match value.iter().position(|byte| *byte == b'<') {
        Some(at) => {
            let rest = value.get(at + 1..).unwrap_or_default();
            rest.split(|byte| *byte == b'>').next().unwrap_or_default()
        }
        None => value.split(|byte| *byte == b';').next().unwrap_or_default(),
    }
}
