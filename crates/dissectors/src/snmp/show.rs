//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Status, Tell};

use super::{
    names,
    wire::{Letter, pdu},
};
use crate::{
    ber::{self, Item, Items, tag},
    fields::{fields, flag, integer, some_text, text},
    spell::hex,
};

/// Variables told one by one, at most.
const LIST_MAX: usize = 64;
/// Bytes of a value shown, at most.
const VALUE_MAX: usize = 256;

fields! {
    Version = "snmp.version" Text, "1, 2c or 3";
    Operation = "snmp.operation" Text, "get, getnext, getbulk, set, inform, trap, response, report; encrypted";
    RequestId = "snmp.request_id" Integer, "The number that question and answer share";
    ErrorStatus = "snmp.error_status" Text, "How it ended: noError, noSuchName";
    ErrorIndex = "snmp.error_index" Integer, "Which variable is at fault, from 1";
    NonRepeaters = "snmp.non_repeaters" Integer, "Variables that a bulk question asks for once";
    Repetitions = "snmp.max_repetitions" Integer, "How often a bulk question asks for the others";
    Count = "snmp.variables.count" Integer, "Variables in the message";
    Names = "snmp.oids" Text many, "Identifiers of the first 64 variables; well-known ones by name";
    Values = "snmp.variables" Text many, "The first 64 variables with values: sysName.0=a; not in questions without values";
    User = "snmp.user" Text, "The user of version 3";
    Engine = "snmp.engine_id" Text, "The engine of version 3, in hexadecimal";
    Context = "snmp.context" Text, "The context of version 3";
    Security = "snmp.security_level" Text, "noAuthNoPriv, authNoPriv or authPriv";
    Encrypted = "snmp.encrypted" Bool, "The message can't be read";
    Enterprise = "snmp.trap.enterprise" Text, "Whose trap of version 1 it is";
    Agent = "snmp.trap.agent" Text, "The address of who sends a trap of version 1";
    Trap = "snmp.trap" Text, "What a trap of version 1 says: coldStart, linkDown, enterprise 3; later ones: its identifier";
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let asked = request.and_then(|message| Letter::read(&message.record));
    let answered = response.and_then(|message| Letter::read(&message.record));
    let Some(either) = asked.as_ref().or(answered.as_ref()) else { return Headline::default() };
    let version = version(either.version);
    Headline {
        method: Some(operation(either.pdu).as_bytes().into()),
        endpoint: subject(either).map(|name| name.into_bytes().into()),
        version: Some(version.as_bytes().into()),
        status: answered.as_ref().and_then(status),
    }
}

fn version(version: i64) -> &'static str {
    match version {
        0 => "1",
        1 => "2c",
        _ => "3",
    }
}

/// What a message is about: its first variable, or its trap.
fn subject(letter: &Letter<'_>) -> Option<String> {
    trap(letter).or_else(|| {
        let first = letter.variables().next()?;
        Some(names::named(&ber::oid(first.items().wanted(tag::OID)?)))
    })
}

fn trap(letter: &Letter<'_>) -> Option<String> {
    match letter.pdu? {
        pdu::TRAP_V1 => {
            const GENERIC: [&str; 6] = [
                "coldStart",
                "warmStart",
                "linkDown",
                "linkUp",
                "authenticationFailure",
                "egpNeighborLoss",
            ];
            let mut items = Items(letter.inside).skip(2);
            let generic = items.next()?.number()?;
            let specific = items.next()?.number()?;
            let name = usize::try_from(generic).ok().and_then(|at| GENERIC.get(at));
            Some(name.map_or_else(|| format!("enterprise {specific}"), |name| (*name).to_owned()))
        }
        pdu::TRAP | pdu::INFORM => {
            let mut second = letter.variables().nth(1)?.items();
            let name = ber::oid(second.wanted(tag::OID)?);
            let is_trap = name == "1.3.6.1.6.3.1.1.4.1.0";
            let value = second.wanted(tag::OID).filter(|_| is_trap)?;
            Some(names::named(&ber::oid(value)))
        }
        _ => None,
    }
}

fn status(letter: &Letter<'_>) -> Option<Status<'static>> {
    let text = Cow::Borrowed(&b""[..]);
    if letter.pdu == Some(pdu::REPORT) {
        let code = subject(letter).map_or(b"report"[..].into(), |name| name.into_bytes().into());
        return Some(Status { code, text, outcome: Outcome::Error });
    }
    if letter.pdu.is_none() {
        return Some(Status { code: b"encrypted"[..].into(), text, outcome: Outcome::Unknown });
    }
    let (_, status, ..) = letter.parts()?;
    let outcome = if status == 0 { Outcome::Ok } else { Outcome::Error };
    Some(Status { code: error_name(status), text, outcome })
}

fn error_name(status: i64) -> Cow<'static, [u8]> {
    match names::error(status) {
        Some(name) => name.as_bytes().into(),
        None => status.to_string().into_bytes().into(),
    }
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(letter) = Letter::read(&message.record) else { return };
    text(to, At::Version, version(letter.version));
    text(to, At::Operation, operation(letter.pdu));
    if letter.version == 3 {
        some_text(to, At::User, letter.user);
        some_text(to, At::Engine, hex(letter.engine.get(..VALUE_MAX).unwrap_or(letter.engine)));
        some_text(to, At::Context, letter.context);
        let level = match letter.flags & 3 {
            0 => "noAuthNoPriv",
            1 => "authNoPriv",
            _ => "authPriv",
        };
        text(to, At::Security, level);
    }
    if letter.pdu.is_none() {
        return flag(to, At::Encrypted, true);
    }
    if letter.pdu == Some(pdu::TRAP_V1) {
        let mut items = Items(letter.inside);
        some_text(to, At::Enterprise, items.wanted(tag::OID).map(ber::oid).unwrap_or_default());
        if let Some([a, b, c, d]) = items.wanted(0x40) {
            text(to, At::Agent, format!("{a}.{b}.{c}.{d}"));
        }
    } else if let Some((id, status, index, _)) = letter.parts() {
        integer(to, At::RequestId, id);
        if letter.pdu == Some(pdu::GET_BULK) {
            integer(to, At::NonRepeaters, status);
            integer(to, At::Repetitions, index);
        } else if matches!(letter.pdu, Some(pdu::RESPONSE | pdu::REPORT)) {
            text(to, At::ErrorStatus, error_name(status));
            if index != 0 {
                integer(to, At::ErrorIndex, index);
            }
        }
    }
    if let Some(trap) = trap(&letter) {
        text(to, At::Trap, trap);
    }
    tell_variables(&letter, to);
}

fn tell_variables(letter: &Letter<'_>, to: &mut dyn Tell) {
    let count = letter.variables().count();
    integer(to, At::Count, i64::try_from(count).unwrap_or(i64::MAX));
    let variables = || {
        letter.variables().take(LIST_MAX).filter_map(|variable| {
            let mut parts = variable.items();
            Some((names::named(&ber::oid(parts.wanted(tag::OID)?)), parts.next()))
        })
    };
    for (name, _) in variables() {
        text(to, At::Names, name);
    }
    let has_values = !matches!(letter.pdu, Some(pdu::GET | pdu::GET_NEXT | pdu::GET_BULK));
    for (name, value) in variables().filter(|_| has_values) {
        if let Some(value) = value {
            text(to, At::Values, format!("{name}={}", shown(value)));
        }
    }
}

/// A value as text.
fn shown(item: Item<'_>) -> String {
    match (item.tag, item.value) {
        // Counters and the like have no sign, whoever forgets the 0 in front.
        (0x41..=0x43 | 0x46 | 0x47, value) if (1..=8).contains(&value.len()) => {
            let number = value.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            number.to_string()
        }
        (tag::INTEGER, _) => {
            item.number().map_or_else(|| "?".to_owned(), |number| number.to_string())
        }
        (0x40, [a, b, c, d]) => format!("{a}.{b}.{c}.{d}"),
        (tag::OID, value) => names::named(&ber::oid(value)),
        (tag::NULL, _) => "null".to_owned(),
        (0x80, _) => "noSuchObject".to_owned(),
        (0x81, _) => "noSuchInstance".to_owned(),
        (0x82, _) => "endOfMibView".to_owned(),
        (_, value) => {
            let shown = value.get(..VALUE_MAX).unwrap_or(value);
            match str::from_utf8(shown) {
                Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => {
                    text.to_owned()
                }
                _ => hex(shown),
            }
        }
    }
}

fn operation(pdu: Option<u8>) -> &'static str {
    match pdu {
        Some(pdu::GET) => "get",
        Some(pdu::GET_NEXT) => "getnext",
        Some(pdu::RESPONSE) => "response",
        Some(pdu::SET) => "set",
        Some(pdu::TRAP_V1 | pdu::TRAP) => "trap",
        Some(pdu::GET_BULK) => "getbulk",
        Some(pdu::INFORM) => "inform",
        Some(_) => "report",
        None => "encrypted",
    }
}
