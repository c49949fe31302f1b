//! What is told of a message, when somebody asks.

use std::borrow::Cow;

use model::{BodyFacts, Field, Headline, Kind, Message, Tell};

use super::{
    composite,
    composite::{
        AMQP_SEQUENCE, AMQP_VALUE, APPLICATION_PROPERTIES, DECLARE, DELIVERY_ANNOTATIONS,
        DISCHARGE, FOOTER, Fields, MESSAGE_ANNOTATIONS, PROPERTIES, TRANSACTIONAL_STATE,
    },
    json,
    record::{ABORTED, COORDINATED, HIDDEN, KNOWN, Record, TEXT},
    section::sections,
    status,
    types::{Value, value},
};
use crate::amqp::{At, FIELDS};

/// The version that is read.
const VERSION: &[u8] = b"1.0";
/// Composites inside each other that are told as fields.
const DEPTH_MAX: usize = 4;
/// The node of a coordinator, which has no address.
const COORDINATOR: &[u8] = b"coordinator";

/// What fits in one line.
pub fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    let (asked, answered) = (request.and_then(Record::of), response.and_then(Record::of));
    let shown = asked.or(answered.filter(|_| request.is_none()));
    Headline {
        method: shown.and_then(|record| name(&record)).map(Cow::Borrowed),
        endpoint: asked.and_then(|record| endpoint(&record)).or_else(|| endpoint(&answered?)),
        version: Some(Cow::Borrowed(VERSION)),
        status: status::judge(asked, answered),
    }
}

/// Tells everything known of one message.
pub fn tell(message: &Message, to: &mut dyn Tell) {
    let Some(record) = Record::of(message) else { return };
    put(At::System, Value::Text(b"amqp"), to);
    put(At::Channel, Value::Unsigned(record.channel.into()), to);
    if let Some(name) = name(&record) {
        put(At::Operation, Value::Text(name), to);
    }
    if record.is(KNOWN) {
        put(At::LinkKnown, Value::Bool(true), to);
    }
    if record.is(ABORTED) {
        put(At::Aborted, Value::Bool(true), to);
    }
    if let Some(destination) = destination(&record) {
        put(At::Destination, Value::Text(&destination), to);
    }
    let mut rest = record.performative;
    let Ok(performative) = value(&mut rest) else { return };
    tell_composite(performative, DEPTH_MAX, to);
    put(At::Performative, Value::Text(&json::text(performative)), to);
    tell_sections(&record, message, to);
}

// === the headline ===

/// A transfer to a coordinator goes by what it carries, which is sent to nobody else.
fn name<'m>(record: &Record<'m>) -> Option<&'m [u8]> {
    let name = record.fields()?.composite.name;
    let carried = sections(record.sections).find_map(|(_, value)| inside(value));
    let carried = carried.filter(|inside| matches!(inside.composite.code, DECLARE | DISCHARGE));
    Some(carried.map_or(name, |inside| inside.composite.name).as_bytes())
}

/// The composite that is an `amqp-value`.
fn inside(section: Value<'_>) -> Option<Fields<'_>> {
    let Value::Described { value, .. } = section else { return None };
    Fields::of(value)
}

/// The node, the host, the mechanism.
fn endpoint<'m>(record: &Record<'m>) -> Option<Cow<'m, [u8]>> {
    destination(record).or_else(|| {
        let fields = record.fields()?;
        let said = ["hostname", "mechanism", "container-id"];
        said.into_iter().find_map(|name| fields.octets(name)).map(Cow::Borrowed)
    })
}

/// The address of the link, or, where it has none, the one that the message itself is sent to.
fn destination<'m>(record: &Record<'m>) -> Option<Cow<'m, [u8]>> {
    if !record.address.is_empty() {
        return Some(Cow::Borrowed(record.address));
    }
    if record.is(COORDINATED) {
        return Some(Cow::Borrowed(COORDINATOR));
    }
    if !record.is(KNOWN) {
        return None;
    }
    let properties = sections(record.sections).find(|(section, _)| section.code == PROPERTIES);
    let to = Fields::within(properties?.1)?.octets("to")?;
    Some(Cow::Borrowed(to))
}

// === the fields ===

fn tell_composite(of: Value<'_>, depth: usize, to: &mut dyn Tell) {
    let (Some(fields), Some(depth)) = (Fields::within(of), depth.checked_sub(1)) else { return };
    let is_state = (composite::RECEIVED..=composite::MODIFIED).contains(&fields.composite.code);
    if is_state || fields.composite.code == composite::DECLARED {
        put(At::State, Value::Text(fields.composite.name.as_bytes()), to);
    }
    for (named, value) in fields.named() {
        if let Some(at) = named.at {
            put(at, value, to);
        } else if named.is_inside() {
            tell_composite(value, depth, to);
        } else if named.name == "role" {
            let role = if value == Value::Bool(true) { "receiver" } else { "sender" };
            put(At::Role, Value::Text(role.as_bytes()), to);
        } else if named.name == "properties" {
            json::walk(value, &mut |name, text| to.header(name, text));
        }
    }
    if fields.composite.code == TRANSACTIONAL_STATE && fields.get("outcome").is_none() {
        put(At::State, Value::Text(fields.composite.name.as_bytes()), to);
    }
}

fn tell_sections(record: &Record<'_>, message: &Message, to: &mut dyn Tell) {
    let (mut media_type, mut encoding) = (None, None);
    for (section, of) in sections(record.sections) {
        let Value::Described { value: mut inside, .. } = of else { continue };
        let inside = value(&mut inside).unwrap_or(Value::Null);
        match section.code {
            DELIVERY_ANNOTATIONS | MESSAGE_ANNOTATIONS | APPLICATION_PROPERTIES | FOOTER => {
                json::walk(inside, &mut |name, text| to.header(name, text));
            }
            AMQP_VALUE | AMQP_SEQUENCE => {
                put(At::BodyValue, Value::Text(&json::text(inside)), to);
                tell_composite(inside, 2, to);
            }
            _ => {
                tell_composite(of, 2, to);
                let Some(fields) = Fields::within(of) else { continue };
                let text = |name| std::str::from_utf8(fields.octets(name)?).ok();
                media_type = media_type.or_else(|| text("content-type"));
                encoding = encoding.or_else(|| text("content-encoding"));
            }
        }
    }
    if record.is(HIDDEN) {
        put(At::BodyHidden, Value::Bool(true), to);
    }
    if message.body.size > 0 {
        let size = Value::Unsigned(message.body.size);
        put(At::BodySize, size, to);
        let media_type = media_type.or(record.is(TEXT).then_some("text/plain; charset=utf-8"));
        to.body(BodyFacts { media_type, encoding });
    }
}

/// Tells a field, where the value fits its kind.
fn put(at: At, value: Value<'_>, to: &mut dyn Tell) {
    let index = at as usize;
    let kind = FIELDS.get(index).map(|field: &Field| field.kind);
    match (kind, value) {
        (Some(Kind::Bool), Value::Bool(value)) => to.field(index, model::Value::Bool(value)),
        (Some(Kind::Integer), Value::Unsigned(number)) => {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            to.field(index, model::Value::Integer(number));
        }
        (Some(Kind::Integer), Value::Timestamp(ms)) => to.field(index, model::Value::Integer(ms)),
        (Some(Kind::Text), Value::Text(text) | Value::Symbol(text)) => {
            to.field(index, model::Value::Text(text));
        }
        (Some(Kind::Text), Value::Array(items)) => {
            let all: Vec<&[u8]> = items.filter_map(Value::octets).collect();
            to.field(index, model::Value::Text(&all.join(&b' ')));
        }
        (Some(Kind::Text), _) => {
            let text = json::scalar(value).unwrap_or_else(|| json::text(value));
            to.field(index, model::Value::Text(&text));
        }
        _ => {}
    }
}
