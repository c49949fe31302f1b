//! What is told of a message, when somebody asks.

use std::{borrow::Cow, fmt::Write, net::Ipv4Addr};

use model::{Headline, Message, Outcome, Status, Tell};

use super::{
    options::{self, Form},
    wire::{Letter, Opt, kind},
};
use crate::{
    fields::{fields, flag, integer, some_text, text},
    framed::u16_at,
    spell::hex,
};

fields! {
    Kind = "dhcp.message_type" Text, "DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE, INFORM; BOOTP where it has none";
    Id = "dhcp.transaction_id" Integer, "The number that question and answer share";
    Hardware = "dhcp.client_hardware" Text, "The client's hardware address: 02:00:00:00:00:01";
    Client = "dhcp.client_address" Text, "The address that the client has and keeps";
    Your = "dhcp.your_address" Text, "The address that the client is given";
    Server = "dhcp.next_server" Text, "The server to start from";
    Relay = "dhcp.relay_address" Text, "The relay that passed it on";
    Broadcast = "dhcp.broadcast" Bool, "The client wants to be answered by broadcast";
    Seconds = "dhcp.seconds" Integer, "Seconds since the client began to ask, if it says so";
    ServerName = "dhcp.server_name" Text, "The server's name in the head";
    File = "dhcp.boot_file" Text, "The file to start in the head";
    Requested = "dhcp.requested_address" Text, "The address that the client wants";
    Identifier = "dhcp.server_identifier" Text, "The server that is meant, or speaks";
    Host = "dhcp.host_name" Text, "What the client calls itself";
    Vendor = "dhcp.vendor_class" Text, "What the client is";
    Lease = "dhcp.lease_seconds" Integer, "For how many seconds the address is lent";
    Message = "dhcp.message" Text, "Why it was refused";
    Options = "dhcp.options" Text many, "All options: NAME=VALUE";
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let asked = request.and_then(|message| Letter::read(&message.record));
    let answered = response.and_then(|message| Letter::read(&message.record));
    let method = asked.map(|letter| letter.kind).or_else(|| {
        Some(match answered?.kind {
            kind::OFFER => kind::DISCOVER,
            kind::ACK | kind::NAK => kind::REQUEST,
            kind => kind,
        })
    });
    let endpoint = asked.or(answered).map(|letter| hardware(&letter));
    Headline {
        method: method.map(name),
        endpoint: endpoint.filter(|text| !text.is_empty()).map(|text| text.into_bytes().into()),
        version: None,
        status: answered.map(|letter| status(&letter)),
    }
}

fn name(kind: u8) -> Cow<'static, [u8]> {
    match options::kind(kind) {
        Some(name) => name.as_bytes().into(),
        None => format!("TYPE{kind}").into_bytes().into(),
    }
}

fn status<'m>(letter: &Letter<'m>) -> Status<'m> {
    let said = letter.options().find(|option| option.code == 56);
    let outcome = if letter.kind == kind::NAK { Outcome::Error } else { Outcome::Ok };
    let text = said.map_or(&[][..], |option| option.value);
    Status { code: name(letter.kind), text: text.into(), outcome }
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(letter) = Letter::read(&message.record) else { return };
    text(to, At::Kind, name(letter.kind));
    integer(to, At::Id, letter.id);
    some_text(to, At::Hardware, hardware(&letter));
    for (at, from) in [(At::Client, 12), (At::Your, 16), (At::Server, 20), (At::Relay, 24)] {
        if let Some(address) = letter.address(from) {
            text(to, at, address.to_string());
        }
    }
    flag(to, At::Broadcast, u16_at(letter.bytes, 10).is_some_and(|flags| flags & 0x8000 != 0));
    if let Some(seconds @ 1..) = u16_at(letter.bytes, 8) {
        integer(to, At::Seconds, seconds);
    }
    some_text(to, At::ServerName, letter.server_name());
    some_text(to, At::File, letter.file());
    for option in letter.options() {
        let at = match option.code {
            50 => At::Requested,
            54 => At::Identifier,
            12 => At::Host,
            60 => At::Vendor,
            56 => At::Message,
            51 => {
                if let Ok(lease) = shown(&option).parse::<i64>() {
                    integer(to, At::Lease, lease);
                }
                continue;
            }
            _ => continue,
        };
        some_text(to, at, shown(&option));
    }
    for option in letter.options().filter(|option| option.code != 53) {
        let name = options::find(option.code).map(|(name, _)| name.to_owned());
        let name = name.unwrap_or_else(|| format!("option-{}", option.code));
        text(to, At::Options, format!("{name}={}", shown(&option)));
    }
}

fn hardware(letter: &Letter<'_>) -> String {
    let mut text = String::with_capacity(18);
    for byte in letter.hardware() {
        let colon = if text.is_empty() { "" } else { ":" };
        let _ = write!(text, "{colon}{byte:02x}");
    }
    text
}

/// A value as text.
fn shown(option: &Opt<'_>) -> String {
    let value = option.value;
    let form = options::find(option.code).map_or(Form::Octets, |(_, form)| form);
    match (form, value) {
        _ if option.code == 90 => "***".to_owned(),
        _ if option.code == 55 => {
            let names = value.iter().map(|code| match options::find(*code) {
                Some((name, _)) => name.to_owned(),
                None => code.to_string(),
            });
            names.collect::<Vec<_>>().join(",")
        }
        (Form::Text, value) => String::from_utf8_lossy(value).trim_end_matches('\0').to_owned(),
        (Form::Number, value) if matches!(value.len(), 1 | 2 | 4) => {
            let number = value.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
            number.to_string()
        }
        (Form::Addresses, value) if value.len() % 4 == 0 => {
            let (addresses, _) = value.as_chunks::<4>();
            let texts = addresses.iter().map(|bytes| Ipv4Addr::from(*bytes).to_string());
            texts.collect::<Vec<_>>().join(",")
        }
        (Form::Flag, []) => "true".to_owned(),
        (Form::Flag, [set]) => (*set != 0).to_string(),
        _ => hex(value),
    }
}
