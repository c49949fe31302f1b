//! How a call ended.

use std::borrow::Cow;

use model::{Outcome, Status};

use super::{
    composite::{
        ACCEPTED, ATTACH, CLOSE, DECLARED, DETACH, DISPOSITION, END, Fields, MODIFIED, REJECTED,
        RELEASED, SASL_OUTCOME, SASL_RESPONSE, TRANSACTIONAL_STATE, TRANSFER,
    },
    record::{ABORTED, Record},
    types::Value,
};

/// The status of a call. A detach, an end or a close says itself why; all else is judged by its answer.
pub fn judge<'m>(asked: Option<Record<'m>>, answered: Option<Record<'m>>) -> Option<Status<'m>> {
    let said = |record: &Option<Record<'m>>| record.as_ref().and_then(Record::fields);
    let (asks, answers) = (said(&asked), said(&answered));
    let errors = [asks, answers].into_iter().flatten().filter_map(closing_error);
    if let Some(error) = errors.reduce(|first, _| first) {
        return Some(failed(error));
    }
    if asked.is_some_and(|record| record.is(ABORTED)) {
        return Some(status("aborted", b"", Outcome::Error));
    }
    match answers {
        Some(fields) => judge_answer(fields),
        None => asks.filter(|fields| fields.composite.code == DISPOSITION).and_then(judge_answer),
    }
}

fn judge_answer<'m>(fields: Fields<'m>) -> Option<Status<'m>> {
    match fields.composite.code {
        DISPOSITION => Some(match fields.get("state").and_then(Fields::within) {
            Some(state) => judge_state(state),
            None if fields.is_set("settled") => status("settled", b"", Outcome::Unknown),
            None => return None,
        }),
        SASL_OUTCOME => Some(judge_login(fields.get("code")?.unsigned()?)),
        ATTACH if is_refused(fields) => Some(status("refused", b"", Outcome::Error)),
        SASL_RESPONSE | TRANSFER => None,
        _ => Some(status("OK", b"", Outcome::Ok)),
    }
}

/// Part 3 §3.4.
fn judge_state<'m>(state: Fields<'m>) -> Status<'m> {
    let name = state.composite.name;
    match state.composite.code {
        TRANSACTIONAL_STATE => match state.get("outcome").and_then(Fields::within) {
            Some(outcome) if outcome.composite.code != TRANSACTIONAL_STATE => judge_state(outcome),
            _ => status(name, b"", Outcome::Unknown),
        },
        ACCEPTED | DECLARED => status(name, b"", Outcome::Ok),
        REJECTED => {
            let text = state.get("error").and_then(Fields::within).map(said).unwrap_or_default();
            Status { text: text.into(), ..status(name, b"", Outcome::Error) }
        }
        RELEASED | MODIFIED => status(name, b"", Outcome::Error),
        _ => status(name, b"", Outcome::Unknown),
    }
}

/// Part 5 §5.3.3.6.
fn judge_login(code: u64) -> Status<'static> {
    let (name, outcome) = match code {
        0 => ("ok", Outcome::Ok),
        1 => ("auth", Outcome::Error),
        2 => ("sys", Outcome::Error),
        3 => ("sys-perm", Outcome::Error),
        4 => ("sys-temp", Outcome::Error),
        _ => ("unknown", Outcome::Unknown),
    };
    status(name, b"", outcome)
}

/// §2.6.3: a link that is refused is attached without the terminus that was asked for, and detached.
fn is_refused(attach: Fields<'_>) -> bool {
    let [_, _, role, _, _, source, target] = attach.first();
    let terminus = if role == Value::Bool(true) { target } else { source };
    terminus == Value::Null
}

/// The error by which something is closed.
fn closing_error(fields: Fields<'_>) -> Option<Fields<'_>> {
    let closes = matches!(fields.composite.code, DETACH | END | CLOSE);
    fields.get("error").filter(|_| closes).and_then(Fields::within)
}

fn failed(error: Fields<'_>) -> Status<'_> {
    let condition = error.octets("condition").unwrap_or(b"error");
    let text = error.octets("description").unwrap_or_default();
    Status { code: condition.into(), text: text.into(), outcome: Outcome::Error }
}

/// The condition and what is said beside it.
fn said(error: Fields<'_>) -> Vec<u8> {
    let fields = ["condition", "description"].map(|name| error.octets(name).unwrap_or_default());
    let filled: Vec<&[u8]> = fields.into_iter().filter(|text| !text.is_empty()).collect();
    filled.join(&b": "[..])
}

fn status<'m>(code: &'static str, text: &'m [u8], outcome: Outcome) -> Status<'m> {
    Status { code: Cow::Borrowed(code.as_bytes()), text: text.into(), outcome }
}
