//! What is told of a packet, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Status, Tell};

use super::{
    attributes::{self, Form},
    codes,
    wire::{Attribute, Attributes, Head},
};
use crate::{
    fields::{fields, integer, some_text, text},
    framed::u32_at,
    spell::{self, hex},
};

/// Attributes told one by one, at most.
const LIST_MAX: usize = 128;

fields! {
    Code = "radius.code" Text, "What the packet is: Access-Request, Accounting-Response";
    CodeNumber = "radius.code.number" Integer, "The same as a number";
    Id = "radius.id" Integer, "The identifier that question and answer share";
    User = "radius.user_name" Text, "Who wants to log in";
    Nas = "radius.nas" Text, "Who asks: NAS-Identifier, or its address";
    Calling = "radius.calling_station_id" Text, "Where the user calls from";
    Called = "radius.called_station_id" Text, "What the user calls";
    Framed = "radius.framed_ip_address" Text, "The user's address";
    Session = "radius.acct_session_id" Text, "The session that is accounted for";
    StatusType = "radius.acct_status_type" Text, "Start, Stop, Interim-Update";
    Terminate = "radius.acct_terminate_cause" Text, "Why a session ended";
    Reply = "radius.reply_message" Text, "What the user is told";
    ErrorCause = "radius.error_cause" Text, "Why a change was refused";
    Eap = "radius.eap" Text, "The EAP message inside: request identity, response peap, success";
    Attributes = "radius.attributes" Text many, "All attributes: NAME=VALUE; secrets are ***";
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let Some(either) = request.or(response) else { return Headline::default() };
    let code = either.record.first().copied().unwrap_or(0);
    let method = match request {
        Some(_) => name(code),
        // What it answers is known.
        None => name(match code {
            2 | 3 | 11 => 1,
            5 => 4,
            41 | 42 => 40,
            44 | 45 => 43,
            code => code,
        }),
    };
    Headline {
        method: Some(method),
        endpoint: value(&either.record, 1).or_else(|| value(&either.record, 44)).map(Cow::Borrowed),
        version: None,
        status: response.and_then(status),
    }
}

fn name(code: u8) -> Cow<'static, [u8]> {
    match codes::name(code) {
        Some(name) => name.as_bytes().into(),
        None => format!("code {code}").into_bytes().into(),
    }
}

/// The value of the first attribute of this number.
fn value(record: &[u8], kind: u8) -> Option<&[u8]> {
    Attributes::of(record)
        .find(|attribute| attribute.vendor == 0 && attribute.kind == kind)
        .map(|attribute| attribute.value)
}

fn status(message: &Message) -> Option<Status<'_>> {
    let code = *message.record.first()?;
    let said = value(&message.record, 18).unwrap_or_default();
    let outcome = match code {
        11 => Outcome::Unknown,
        code if codes::is_no(code) => Outcome::Error,
        _ => Outcome::Ok,
    };
    Some(Status { code: name(code), text: said.into(), outcome })
}

/// Tells everything known of one packet.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let record = &message.record;
    let Some(head) = Head::read(record, u32::MAX) else { return };
    text(to, At::Code, name(head.code));
    integer(to, At::CodeNumber, head.code);
    integer(to, At::Id, head.id);
    let plain = |kind: u8| value(record, kind).unwrap_or_default();
    let shown = |kind: u8| {
        let mut all = Attributes::of(record);
        let found = all.find(|attribute| attribute.vendor == 0 && attribute.kind == kind);
        found.map(|attribute| shown(&attribute)).unwrap_or_default()
    };
    some_text(to, At::User, plain(1));
    let nas = [32, 4, 95].into_iter().map(shown).find(|nas| !nas.is_empty());
    some_text(to, At::Nas, nas.unwrap_or_default());
    some_text(to, At::Calling, plain(31));
    some_text(to, At::Called, plain(30));
    some_text(to, At::Framed, shown(8));
    some_text(to, At::Session, plain(44));
    some_text(to, At::StatusType, shown(40));
    some_text(to, At::Terminate, shown(49));
    some_text(to, At::Reply, plain(18));
    some_text(to, At::ErrorCause, shown(101));
    some_text(to, At::Eap, eap(plain(79)));
    for attribute in Attributes::of(record).take(LIST_MAX) {
        let mut line = match (attribute.vendor, attributes::find(attribute.kind)) {
            (0, Some((name, _))) => name.to_owned(),
            (0, None) => format!("Attribute-{}", attribute.kind),
            (vendor, _) => match attributes::vendors(vendor, attribute.kind) {
                Some((name, _)) => name.to_owned(),
                None => {
                    let by = attributes::vendor(vendor).map(str::to_owned);
                    let by = by.unwrap_or_else(|| format!("Vendor-{vendor}"));
                    format!("{by}-{}", attribute.kind)
                }
            },
        };
        line.push('=');
        line += &self::shown(&attribute);
        text(to, At::Attributes, line);
    }
}

/// A value as text.
fn shown(attribute: &Attribute<'_>) -> String {
    let form = match attribute.vendor {
        0 => attributes::find(attribute.kind),
        vendor => attributes::vendors(vendor, attribute.kind),
    };
    let form = form.map_or(Form::Octets, |(_, form)| form);
    let value = attribute.value;
    if attribute.is_secret() {
        return "***".to_owned();
    }
    match form {
        Form::Secret => "***".to_owned(),
        Form::Number | Form::Named(_) if value.len() == 4 => {
            let number = u32_at(value, 0).unwrap_or(0);
            let named = match form {
                Form::Named(names) => names.iter().find(|(known, _)| *known == number),
                _ => None,
            };
            named.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
        }
        Form::Address | Form::Address6 => {
            spell::ip(value).map_or_else(|| hex(value), |ip| ip.to_string())
        }
        Form::Text => {
            // Tunnel attributes have a tag in front (RFC 2868 §3).
            let value = match value {
                [0..0x20, rest @ ..]
                    if attribute.vendor == 0 && (66..=91).contains(&attribute.kind) =>
                {
                    rest
                }
                value => value,
            };
            String::from_utf8_lossy(value).into_owned()
        }
        _ => hex(value),
    }
}

/// What an EAP message says (RFC 3748 §4).
fn eap(message: &[u8]) -> String {
    let &[code, _, _, _, ref rest @ ..] = message else { return String::new() };
    let code = match code {
        1 => "request",
        2 => "response",
        3 => return "success".to_owned(),
        4 => return "failure".to_owned(),
        _ => return format!("code {code}"),
    };
    let kind = match rest.first() {
        None => return code.to_owned(),
        Some(1) => "identity",
        Some(2) => "notification",
        Some(3) => "nak",
        Some(4) => "md5-challenge",
        Some(6) => "gtc",
        Some(13) => "tls",
        Some(17) => "leap",
        Some(18) => "sim",
        Some(21) => "ttls",
        Some(23) => "aka",
        Some(25) => "peap",
        Some(26) => "mschapv2",
        Some(43) => "fast",
        Some(50) => "aka-prime",
        Some(52) => "pwd",
        Some(55) => "teap",
        Some(other) => return format!("{code} type {other}"),
    };
    format!("{code} {kind}")
}
