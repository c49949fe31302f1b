//! What a message is, as far as pairing has to know.

use std::hash::{DefaultHasher, Hash, Hasher};

use dissect::{Pair, Role};

use crate::over_http::json::Json;

/// Messages of a batch that are looked at.
const MANY_MAX: usize = 4_096;
/// Numbers below are their own id; the rest are those of texts.
const TEXT: u64 = 1 << 63;
/// Marks the id of a batch.
const BATCH: u64 = 1 << 62;

/// One message, or a batch of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) role: Role,
    pub(super) pair: Pair,
}

/// What one value of the specification's objects is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum One {
    /// A request, or a notification where there is no id.
    Asks(Option<u64>),
    /// A response; to nothing that could be read where there is no id.
    Answers(Option<u64>),
}

// === impl Said ===

impl Said {
    /// `None` if it is none.
    pub(super) fn of(json: Json<'_>) -> Option<Self> {
        if !json.is_list() {
            return Some(One::of(json)?.said(0));
        }
        let mut items = json.items().take(MANY_MAX).map(One::of);
        let first = items.next()??;
        // Answers of a batch come in any order (§6): the lowest id stands for all.
        let all = items.try_fold(first, |all, one| all.with(one?))?;
        Some(all.said(BATCH))
    }
}

// === impl One ===

impl One {
    fn of(json: Json<'_>) -> Option<Self> {
        let id = json.get("id").and_then(number);
        match json.get("method") {
            Some(method) => method.is_text().then_some(Self::Asks(id)),
            None => {
                let has = |key: &str| json.members().any(|(name, _)| name == key.as_bytes());
                (has("result") || json.get("error").is_some()).then_some(Self::Answers(id))
            }
        }
    }

    /// Both together; `None` where one asks and the other answers.
    fn with(self, other: Self) -> Option<Self> {
        let lower = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        match (self, other) {
            (Self::Asks(a), Self::Asks(b)) => Some(Self::Asks(lower(a, b))),
            (Self::Answers(a), Self::Answers(b)) => Some(Self::Answers(lower(a, b))),
            _ => None,
        }
    }

    fn said(self, mark: u64) -> Said {
        let (role, id) = match self {
            Self::Asks(id) => (Role::Asks, id),
            Self::Answers(id) => (Role::Answers, id),
        };
        Said { role, pair: id.map_or(Pair::OneWay, |id| Pair::Id(id ^ mark)) }
    }
}

/// The number that stands for an id: texts and numbers are never the same (§4).
fn number(id: Json<'_>) -> Option<u64> {
    if let Some(number) = (!id.is_text()).then(|| id.integer()).flatten()
        && let Ok(number) = u64::try_from(number)
        && number < BATCH
    {
        return Some(number);
    }
    let mut hasher = DefaultHasher::new();
    match id.text() {
        Some(text) => text.hash(&mut hasher),
        None => id.raw().hash(&mut hasher),
    }
    Some((hasher.finish() | TEXT) & !BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<(Role, Option<u64>)> {
        let said = Said::of(Json::of(text.as_bytes()))?;
        let id = if let Pair::Id(id) = said.pair { Some(id) } else { None };
        Some((said.role, id))
    }

    #[test]
    fn who_asks_and_under_which_id() {
        assert_eq!(said(r#"{"method":"a","id":7}"#), Some((Role::Asks, Some(7))));
        assert_eq!(said(r#"{"method":"a"}"#), Some((Role::Asks, None)));
        assert_eq!(said(r#"{"result":null,"id":7}"#), Some((Role::Answers, Some(7))));
        assert_eq!(said(r#"{"error":{"code":1},"id":null}"#), Some((Role::Answers, None)));
        assert_eq!(said(r#"{"id":7}"#), None);
        assert_eq!(said(r#"{"method":7,"id":7}"#), None);
        assert_eq!(said("[]"), None);
    }

    #[test]
    fn a_text_is_another_id_than_a_number() {
        let id = |id: &str| said(&format!(r#"{{"method":"a","id":{id}}}"#)).unwrap().1.unwrap();
        assert_ne!(id("7"), id("\"7\""));
        assert_eq!(id("\"a\\u0062\""), id("\"ab\""));
        assert_ne!(id("-1"), id("1"));
        assert_ne!(id("1.5"), id("1"));
        assert_ne!(id("9223372036854775807"), id("1"));
    }

    #[test]
    fn the_answers_to_a_batch_come_in_any_order() {
        let asked =
            said(r#"[{"method":"a","id":9},{"method":"n"},{"method":"b","id":3}]"#).unwrap();
        let answered = said(r#"[{"result":1,"id":3},{"result":2,"id":9}]"#).unwrap();
        assert_eq!(asked.1, answered.1);
        assert_ne!(asked.1, said(r#"{"result":1,"id":3}"#).unwrap().1);
        assert_eq!(said(r#"[{"method":"a"},{"method":"b"}]"#), Some((Role::Asks, None)));
        assert_eq!(said(r#"[{"method":"a","id":1},{"result":2,"id":9}]"#), None);
    }
}
