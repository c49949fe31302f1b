//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Status, Tell};

use super::{
    avps::{self, Form},
    codes,
    wire::{Avp, Avps, DEPTH_MAX, Head},
};
use crate::{
    fields::{fields, flag, integer, signed, some_text, text},
    framed::{u16_at, u32_at, u64_at},
    spell::{self, hex},
};

/// AVPs told one by one, at most.
const LIST_MAX: usize = 256;
/// Bytes of a value shown, at most.
const VALUE_MAX: usize = 256;
/// Seconds between 1900 and 1970.
const TO_1970: u32 = 2_208_988_800;

fields! {
    Command = "diameter.command" Text, "The command: Credit-Control, Device-Watchdog";
    CommandCode = "diameter.command.code" Integer, "The same as a number";
    Application = "diameter.application" Text, "The application: base, Gx, S6a, credit-control";
    HopByHop = "diameter.hop_by_hop_id" Integer, "The number that question and answer share";
    EndToEnd = "diameter.end_to_end_id" Integer, "The number that they share from end to end";
    Proxiable = "diameter.proxiable" Bool, "It may be passed on";
    Error = "diameter.error" Bool, "The answer is an error of the protocol";
    Repeated = "diameter.retransmitted" Bool, "It may have been sent before, on another connection";
    Session = "diameter.session_id" Text, "The session";
    OriginHost = "diameter.origin_host" Text, "Who sent it";
    OriginRealm = "diameter.origin_realm" Text, "Whose it is";
    DestinationHost = "diameter.destination_host" Text, "Who is to have it";
    DestinationRealm = "diameter.destination_realm" Text, "Where it is to go";
    User = "diameter.user_name" Text, "The user: User-Name";
    Subscription = "diameter.subscription_id" Text many, "Who pays: Subscription-Id-Data";
    RequestType = "diameter.cc_request_type" Text, "initial, update, termination or event";
    RequestNumber = "diameter.cc_request_number" Integer, "The step of a credit-control session";
    Result = "diameter.result" Text, "The result by name";
    ResultCode = "diameter.result.code" Integer, "The result as a number";
    Message = "diameter.error_message" Text, "What the peer says about it";
    Avps = "diameter.avps" Text many, "The first 256 AVPs: NAME=VALUE, those in a group as GROUP.NAME=VALUE; secrets are ***";
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let Some(either) = request.or(response) else { return Headline::default() };
    let Ok(head) = Head::read(&either.record) else { return Headline::default() };
    let asked = request.map(|message| &message.record[..]);
    let endpoint = asked.and_then(|record| {
        [(293, 0), (283, 0), (264, 0)].into_iter().find_map(|(code, _)| value(record, code))
    });
    Headline {
        method: Some(command(head.command)),
        endpoint: endpoint.map(Cow::Borrowed),
        version: None,
        status: response.and_then(|message| status(&message.record)),
    }
}

fn command(code: u32) -> Cow<'static, [u8]> {
    match codes::command(code) {
        Some(name) => name.as_bytes().into(),
        None => format!("command {code}").into_bytes().into(),
    }
}

/// The value of everybody's first AVP of this code.
fn value(record: &[u8], code: u32) -> Option<&[u8]> {
    Avps::of(record).find(|avp| avp.vendor == 0 && avp.code == code).map(|avp| avp.value)
}

/// The result's number and name.
fn result(record: &[u8]) -> Option<(u32, Cow<'static, [u8]>)> {
    let name = |code: u32, known: Option<&'static str>| match known {
        Some(name) => name.as_bytes().into(),
        None => code.to_string().into_bytes().into(),
    };
    if let Some(code) = value(record, 268).and_then(|value| u32_at(value, 0)) {
        return Some((code, name(code, codes::result(code))));
    }
    let group = Avps::of(record).find(|avp| avp.vendor == 0 && avp.code == 297)?;
    let inner = Avps::inside(record, &group).find(|avp| avp.vendor == 0 && avp.code == 298)?;
    let code = u32_at(inner.value, 0)?;
    Some((code, name(code, codes::experimental(code))))
}

fn status(record: &[u8]) -> Option<Status<'_>> {
    let (number, code) = result(record)?;
    let outcome = match number / 1_000 {
        1 => Outcome::Unknown,
        2 => Outcome::Ok,
        _ => Outcome::Error,
    };
    Some(Status { code, text: value(record, 281).unwrap_or_default().into(), outcome })
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let record = &message.record[..];
    let Ok(head) = Head::read(record) else { return };
    text(to, At::Command, command(head.command));
    integer(to, At::CommandCode, head.command);
    let application = codes::application(head.application).map(str::to_owned);
    text(to, At::Application, application.unwrap_or_else(|| head.application.to_string()));
    integer(to, At::HopByHop, head.hop_by_hop);
    integer(to, At::EndToEnd, head.end_to_end);
    flag(to, At::Proxiable, head.flags & 0x40 != 0);
    for (at, bit) in [(At::Error, 0x20), (At::Repeated, 0x10)] {
        if head.flags & bit != 0 {
            flag(to, at, true);
        }
    }
    let plain = |code: u32| value(record, code).unwrap_or_default();
    some_text(to, At::Session, plain(263));
    some_text(to, At::OriginHost, plain(264));
    some_text(to, At::OriginRealm, plain(296));
    some_text(to, At::DestinationHost, plain(293));
    some_text(to, At::DestinationRealm, plain(283));
    some_text(to, At::User, plain(1));
    for group in Avps::of(record).filter(|avp| avp.vendor == 0 && avp.code == 443).take(16) {
        let data = Avps::inside(record, &group).find(|avp| avp.code == 444);
        some_text(to, At::Subscription, data.map_or(&[][..], |avp| avp.value));
    }
    let kind = u32_at(plain(416), 0).and_then(|kind| {
        ["", "initial", "update", "termination", "event"].get(usize::try_from(kind).ok()?).copied()
    });
    some_text(to, At::RequestType, kind.unwrap_or_default());
    if let Some(number) = u32_at(plain(415), 0) {
        integer(to, At::RequestNumber, number);
    }
    if let Some((number, name)) = result(record).filter(|_| !head.is_request()) {
        text(to, At::Result, name);
        integer(to, At::ResultCode, number);
    }
    some_text(to, At::Message, plain(281));
    let mut left = LIST_MAX;
    list(record, Avps::of(record), "", 0, &mut left, to);
}

/// Tells AVPs one by one, those of groups under their groups' names.
fn list(
    record: &[u8],
    all: Avps<'_>,
    before: &str,
    depth: u32,
    left: &mut usize,
    to: &mut dyn Tell,
) {
    for avp in all {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let known = avps::find(avp.vendor, avp.code);
        let name = match (known, avp.vendor) {
            (Some((name, _)), _) => format!("{before}{name}"),
            (None, 0) => format!("{before}{}", avp.code),
            (None, vendor) => format!("{before}{vendor}-{}", avp.code),
        };
        match known {
            Some((_, Form::Group)) if depth < DEPTH_MAX => {
                let inside = format!("{name}.");
                list(record, Avps::inside(record, &avp), &inside, depth + 1, left, to);
            }
            known => {
                let form = known.map_or(Form::Octets, |(_, form)| form);
                text(to, At::Avps, format!("{name}={}", shown(&avp, form)));
            }
        }
    }
}

/// A value as text.
fn shown(avp: &Avp<'_>, form: Form) -> String {
    let value = avp.value;
    match (form, value.len()) {
        (Form::Secret, _) => "***".to_owned(),
        (Form::Text, _) => {
            let shown = value.get(..VALUE_MAX).unwrap_or(value);
            String::from_utf8_lossy(shown).into_owned()
        }
        (Form::Number, 4) => u32_at(value, 0).unwrap_or(0).to_string(),
        (Form::Long, 8) => signed(u64_at(value, 0).unwrap_or(0)).to_string(),
        (Form::Long, 4) => u32_at(value, 0).unwrap_or(0).to_string(),
        (Form::Time, 4) => u32_at(value, 0).unwrap_or(0).wrapping_sub(TO_1970).to_string(),
        (Form::Address4, 4) => address(value),
        (Form::Address, 6..) if matches!(u16_at(value, 0), Some(1 | 2)) => {
            address(value.get(2..).unwrap_or_default())
        }
        _ => hex(value.get(..VALUE_MAX).unwrap_or(value)),
    }
}

fn address(bytes: &[u8]) -> String {
    spell::ip(bytes).map_or_else(|| hex(bytes), |ip| ip.to_string())
}
