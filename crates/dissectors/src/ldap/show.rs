//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{Headline, Message, Outcome, Side, Status, Tell};

use super::{
    COUNTS, codes, filter,
    wire::{self, Front, op},
};
use crate::{
    ber::{Item, Items, tag},
    fields::{fields, flag, integer, signed, some_text, text},
    framed::u32_at,
};

/// Entries, changes and attributes told one by one, at most.
const LIST_MAX: usize = 64;
/// Bytes of a line about an entry or a change, at most.
const LINE_MAX: usize = 1 << 10;
/// Bytes of one value shown.
const VALUE_MAX: usize = 128;

fields! {
    Id = "ldap.message_id" Integer, "The number that question and answers share";
    Operation = "ldap.operation" Text, "bind, search, modify, add, delete, modifyDN, compare, extended, …";
    Dn = "ldap.dn" Text, "The entry that is asked for, changed, or logged in as";
    Version = "ldap.version" Integer, "The version that a bind asks for";
    Authentication = "ldap.authentication" Text, "How a bind shows who it is: anonymous, simple, or the SASL mechanism";
    Scope = "ldap.search.scope" Text, "base, one, sub or children";
    Deref = "ldap.search.deref" Text, "When aliases are followed: never, searching, finding, always";
    SizeLimit = "ldap.search.size_limit" Integer, "The most entries wanted; absent for no limit";
    TimeLimit = "ldap.search.time_limit" Integer, "The most seconds that a search may take; absent for no limit";
    TypesOnly = "ldap.search.types_only" Bool, "Only names of attributes are wanted";
    Filter = "ldap.search.filter" Text, "The filter as text (RFC 4515)";
    Attributes = "ldap.search.attributes" Text many, "The attributes asked for";
    Changes = "ldap.changes" Text many, "What is changed: add mail=a@example; attributes of a new entry";
    NewRdn = "ldap.new_rdn" Text, "The new first part of the name";
    NewSuperior = "ldap.new_superior" Text, "Where the entry is moved to";
    DeleteOldRdn = "ldap.delete_old_rdn" Bool, "The old first part of the name is given up";
    Compared = "ldap.compared" Text, "The attribute and the value that are compared";
    Abandoned = "ldap.abandoned_id" Integer, "The id of the question that is given up";
    ExtendedName = "ldap.extended.oid" Text, "The extended operation's object identifier";
    Extended = "ldap.extended.name" Text, "The extended operation by name: StartTLS, whoAmI";
    Controls = "ldap.controls" Text many, "Controls by name, or by object identifier";
    Code = "ldap.result.code" Integer, "The result as a number";
    Result = "ldap.result" Text, "The result by name: success, noSuchObject";
    MatchedDn = "ldap.result.matched_dn" Text, "The nearest entry that exists";
    Diagnostic = "ldap.result.message" Text, "What the server says about it";
    Referrals = "ldap.referrals" Text many, "Where to ask instead";
    Entries = "ldap.entries.count" Integer, "Entries that a search gave";
    References = "ldap.references.count" Integer, "References that a search gave";
    Intermediates = "ldap.intermediates.count" Integer, "Intermediate responses";
    Entry = "ldap.entries" Text many, "The first 64 entries: dn attribute=value …";
}

/// A record taken apart.
struct Letter<'m> {
    counts: Option<[u32; 3]>,
    /// The front of the message, and the message; an answer's may be missing.
    message: Option<(Front, &'m [u8])>,
    body: &'m [u8],
}

/// What fits in one line.
pub(super) fn headline<'m>(
    request: Option<&'m Message>,
    response: Option<&'m Message>,
) -> Headline<'m> {
    let asked = request.and_then(Letter::of);
    let answered = response.and_then(Letter::of);
    if asked.is_none() && answered.is_none() {
        let wrapped = Cow::Borrowed(&b"wrapped"[..]);
        return Headline { method: Some(wrapped), ..Headline::default() };
    }
    let asked = asked.and_then(|letter| letter.message);
    let op = asked.map(|(front, _)| front.op).or_else(|| answered.as_ref().and_then(Letter::op));
    Headline {
        method: op.map(|op| Cow::Borrowed(codes::operation(op).as_bytes())),
        endpoint: asked.and_then(|(front, message)| endpoint(&front, message)),
        version: None,
        status: answered.and_then(|letter| status(&letter)),
    }
}

/// Tells everything known of one message.
pub(super) fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(letter) = Letter::of(message) else { return };
    if let Some((front, bytes)) = letter.message {
        integer(to, At::Id, front.id);
        text(to, At::Operation, codes::operation(front.op));
        tell_operation(&front, bytes, to);
        for oid in wire::controls(&front, bytes).take(LIST_MAX) {
            text(to, At::Controls, codes::object(oid).map_or(oid, str::as_bytes));
        }
    }
    if let Some([entries, references, others]) = letter.counts {
        let is_search = letter.op().is_some_and(|op| codes::operation(op) == "search");
        for (at, count) in
            [(At::Entries, entries), (At::References, references), (At::Intermediates, others)]
        {
            if count > 0 || is_search && matches!(at, At::Entries) {
                integer(to, at, count);
            }
        }
        tell_entries(letter.body, to);
    }
}

// === impl Letter ===

impl<'m> Letter<'m> {
    fn of(message: &'m Message) -> Option<Self> {
        if message.from == Side::Client {
            let front = Front::read(&message.record).ok()?;
            let message = Some((front, &message.record[..]));
            return Some(Self { counts: None, message, body: &[] });
        }
        let (head, rest) = message.record.split_at_checked(COUNTS)?;
        let count = |at| u32_at(head, at).unwrap_or(0);
        let answer = Front::read(rest).ok().map(|front| (front, rest));
        let counts = Some([count(0), count(4), count(8)]);
        Some(Self { counts, message: answer, body: &message.body.kept })
    }

    /// The operation that it belongs to.
    fn op(&self) -> Option<u8> {
        match self.message {
            Some((front, _)) => Some(front.op),
            None => Front::read(self.body).ok().map(|front| front.op),
        }
    }
}

fn endpoint<'m>(front: &Front, message: &'m [u8]) -> Option<Cow<'m, [u8]>> {
    let inside = front.inside(message);
    match front.op {
        op::UNBIND_REQUEST | op::ABANDON_REQUEST => None,
        op::DELETE_REQUEST => Some(inside.into()),
        op::BIND_REQUEST => Items(inside).nth(1).map(|name| name.value.into()),
        op::EXTENDED_REQUEST => {
            let oid = wire::extended_name(front, message)?;
            Some(codes::object(oid).map_or(oid, str::as_bytes).into())
        }
        _ => Items(inside).wanted(tag::OCTETS).map(Cow::Borrowed),
    }
    .filter(|name: &Cow<'_, [u8]>| !name.is_empty())
}

fn status<'m>(letter: &Letter<'m>) -> Option<Status<'m>> {
    let (front, message) = letter.message?;
    let mut items = Items(front.inside(message));
    let code = items.next().filter(|item| item.tag == tag::ENUMERATED)?.number()?;
    let diagnostic = items.nth(1).map_or(&[][..], |item| item.value);
    Some(Status {
        code: code_text(code),
        text: until_nul(diagnostic).into(),
        outcome: if codes::is_fine(code) { Outcome::Ok } else { Outcome::Error },
    })
}

fn code_text(code: i64) -> Cow<'static, [u8]> {
    match codes::result(code) {
        Some(name) => name.as_bytes().into(),
        None => code.to_string().into_bytes().into(),
    }
}

/// Active Directory ends its texts like C does.
fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn tell_operation(front: &Front, message: &[u8], to: &mut dyn Tell) {
    let inside = front.inside(message);
    let mut items = Items(inside);
    match front.op {
        op::BIND_REQUEST => tell_bind(items, to),
        op::SEARCH_REQUEST => tell_search(items, to),
        op::DELETE_REQUEST => some_text(to, At::Dn, inside),
        op::MODIFY_REQUEST => {
            some_text(to, At::Dn, items.wanted(tag::OCTETS).unwrap_or_default());
            let changes = items.wanted(tag::SEQUENCE).unwrap_or_default();
            for change in Items(changes).take(LIST_MAX) {
                let mut parts = change.items();
                let verb = match parts.next().and_then(|verb| verb.number()) {
                    Some(0) => "add ",
                    Some(1) => "delete ",
                    Some(2) => "replace ",
                    Some(3) => "increment ",
                    _ => "",
                };
                if let Some(attribute) = parts.next() {
                    let mut line = verb.as_bytes().to_vec();
                    write_attribute(attribute, &mut line);
                    text(to, At::Changes, &line);
                }
            }
        }
        op::ADD_REQUEST => {
            some_text(to, At::Dn, items.wanted(tag::OCTETS).unwrap_or_default());
            let attributes = items.wanted(tag::SEQUENCE).unwrap_or_default();
            for attribute in Items(attributes).take(LIST_MAX) {
                let mut line = Vec::new();
                write_attribute(attribute, &mut line);
                text(to, At::Changes, &line);
            }
        }
        op::RENAME_REQUEST => {
            some_text(to, At::Dn, items.wanted(tag::OCTETS).unwrap_or_default());
            some_text(to, At::NewRdn, items.wanted(tag::OCTETS).unwrap_or_default());
            if let Some(delete) = items.wanted(tag::BOOLEAN) {
                flag(to, At::DeleteOldRdn, delete != [0]);
            }
            some_text(to, At::NewSuperior, items.wanted(0x80).unwrap_or_default());
        }
        op::COMPARE_REQUEST => {
            some_text(to, At::Dn, items.wanted(tag::OCTETS).unwrap_or_default());
            let mut pair = Items(items.wanted(tag::SEQUENCE).unwrap_or_default());
            let mut line = pair.next().map_or(Vec::new(), |name| name.value.to_vec());
            line.push(b'=');
            pair.next().inspect(|value| write_value(value.value, &mut line));
            text(to, At::Compared, &line);
        }
        op::ABANDON_REQUEST => {
            if let Some(id) = crate::ber::number(inside) {
                integer(to, At::Abandoned, id);
            }
        }
        op::EXTENDED_REQUEST => tell_extended(items.wanted(0x80), to),
        op::UNBIND_REQUEST => {}
        _ => tell_result(items, to),
    }
}

fn tell_bind(mut items: Items<'_>, to: &mut dyn Tell) {
    if let Some(version) = items.next().and_then(|item| item.number()) {
        integer(to, At::Version, version);
    }
    let name = items.wanted(tag::OCTETS).unwrap_or_default();
    some_text(to, At::Dn, name);
    // The choice is cut off behind its tag, or behind its mechanism.
    match items.0.first() {
        Some(0xa3) => {
            let mechanism = items.next().and_then(|choice| choice.items().next());
            some_text(to, At::Authentication, mechanism.map_or(&b"SASL"[..], |item| item.value));
        }
        Some(0x80) if name.is_empty() => text(to, At::Authentication, "anonymous"),
        Some(0x80) => text(to, At::Authentication, "simple"),
        Some(0x89..=0x8b) => text(to, At::Authentication, "NTLM"),
        _ => {}
    }
}

fn tell_search(mut items: Items<'_>, to: &mut dyn Tell) {
    some_text(to, At::Dn, items.wanted(tag::OCTETS).unwrap_or_default());
    let mut number = || items.next().and_then(|item| item.number());
    let (scope, deref, size, time) = (number(), number(), number(), number());
    let name = |names: &[&'static str], at: Option<i64>| {
        usize::try_from(at?).ok().and_then(|at| names.get(at).copied())
    };
    some_text(to, At::Scope, name(&["base", "one", "sub", "children"], scope).unwrap_or(""));
    let when = name(&["never", "searching", "finding", "always"], deref);
    some_text(to, At::Deref, when.unwrap_or(""));
    for (at, limit) in [(At::SizeLimit, size), (At::TimeLimit, time)] {
        if let Some(limit @ 1..) = limit {
            integer(to, at, limit);
        }
    }
    if let Some(types_only) = items.wanted(tag::BOOLEAN) {
        flag(to, At::TypesOnly, types_only != [0]);
    }
    if let Some(sought) = items.next() {
        let mut written = Vec::new();
        filter::write(sought, 0, &mut written);
        text(to, At::Filter, &written);
    }
    for attribute in Items(items.wanted(tag::SEQUENCE).unwrap_or_default()).take(LIST_MAX) {
        text(to, At::Attributes, attribute.value);
    }
}

fn tell_extended(oid: Option<&[u8]>, to: &mut dyn Tell) {
    let Some(oid) = oid else { return };
    text(to, At::ExtendedName, oid);
    if let Some(name) = codes::object(oid) {
        text(to, At::Extended, name);
    }
}

fn tell_result(mut items: Items<'_>, to: &mut dyn Tell) {
    let code = items.next().filter(|item| item.tag == tag::ENUMERATED);
    let Some(code) = code.and_then(|code| code.number()) else { return };
    integer(to, At::Code, code);
    text(to, At::Result, code_text(code));
    some_text(to, At::MatchedDn, items.wanted(tag::OCTETS).unwrap_or_default());
    let diagnostic = items.wanted(tag::OCTETS).unwrap_or_default();
    some_text(to, At::Diagnostic, until_nul(diagnostic));
    for item in items {
        match item.tag {
            0xa3 => item.items().take(LIST_MAX).for_each(|url| text(to, At::Referrals, url.value)),
            0x8a => tell_extended(Some(item.value), to),
            _ => {}
        }
    }
}

/// The entries and references in a body.
fn tell_entries(body: &[u8], to: &mut dyn Tell) {
    let (mut rest, mut referrals) = (body, Vec::new());
    let mut entries = 0;
    while let Ok(front) = Front::read(rest) {
        let inside = front.inside(rest);
        if front.op == op::SEARCH_REFERENCE && referrals.len() < LIST_MAX {
            referrals.extend(Items(inside).take(LIST_MAX).map(|url| url.value));
        }
        if front.op == op::SEARCH_ENTRY && entries < LIST_MAX {
            entries += 1;
            let mut items = Items(inside);
            let mut line = items.next().map_or(Vec::new(), |dn| dn.value.to_vec());
            for attribute in Items(items.wanted(tag::SEQUENCE).unwrap_or_default()) {
                if line.len() > LINE_MAX {
                    line.extend_from_slice(" …".as_bytes());
                    break;
                }
                line.push(b' ');
                write_attribute(attribute, &mut line);
            }
            text(to, At::Entry, &line);
        }
        let size = usize::try_from(front.size).unwrap_or(usize::MAX);
        let Some(next) = rest.get(size..) else { break };
        rest = next;
    }
    referrals.iter().for_each(|url| text(to, At::Referrals, url));
}

/// An attribute with its values: `mail=a@example,b@example`.
fn write_attribute(attribute: Item<'_>, line: &mut Vec<u8>) {
    let mut parts = attribute.items();
    line.extend_from_slice(parts.wanted(tag::OCTETS).unwrap_or_default());
    let values = parts.wanted(tag::SET).unwrap_or_default();
    for (number, value) in Items(values).enumerate() {
        line.push(if number == 0 { b'=' } else { b',' });
        if line.len() > LINE_MAX {
            return line.extend_from_slice("…".as_bytes());
        }
        write_value(value.value, line);
    }
}

fn write_value(value: &[u8], line: &mut Vec<u8>) {
    let is_text = str::from_utf8(value).is_ok() && value.iter().all(|byte| *byte >= b' ');
    if !is_text {
        return line
            .extend_from_slice(format!("({} bytes)", signed(value.len() as u64)).as_bytes());
    }
    let shown = value.get(..VALUE_MAX).unwrap_or(value);
    line.extend_from_slice(shown);
    if shown.len() < value.len() {
        line.extend_from_slice("…".as_bytes());
    }
}
