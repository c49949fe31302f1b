//! Which topic an id stands for, as far as a connection has said (KIP-516).
//!
//! Newer messages name topics by ids alone. An id is given once and stays that of its topic, so what
//! was learned holds also after bytes were lost.

use model::Lore;

use super::{
    schema::{Api, Field, Kind},
    walk::{Event, Value, Visit, walk},
};

/// Topics remembered of a connection; the oldest go first.
const NAMES_MAX: usize = 128;
/// Bytes of a topic's name at most, as brokers have it.
const NAME_MAX: usize = 249;
/// Metadata, CreateTopics and DescribeTopicPartitions: their responses say both.
const TELLERS: [i16; 3] = [3, 19, 75];

/// Ids and names, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Names(Vec<([u8; 16], Box<[u8]>)>);

/// Takes pairs of id and name out of a message.
struct Learner {
    names: Names,
    name: Option<Box<[u8]>>,
    id: Option<[u8; 16]>,
    any: bool,
}

/// Whether responses of this version tell ids beside names.
pub fn are_told(api: &Api, version: i16) -> bool {
    let has_id = |field: &Field| {
        matches!(field.kind, Kind::List(fields)
            if fields.iter().any(|field| field.name == "topic_id" && field.is_in(version)))
    };
    TELLERS.contains(&api.key) && api.knows(version) && api.response.iter().any(has_id)
}

/// What is known after the response in `body`, as much of it as there is; none if that is no more than
/// before. With it, the bytes that it takes.
pub fn learned(known: &Lore, api: &Api, version: i16, body: &[u8]) -> Option<(Lore, usize)> {
    let names = known.get::<Names>().cloned().unwrap_or_default();
    let mut learner = Learner { names, name: None, id: None, any: false };
    walk(api.response, version, api.is_flexible(version), body, &mut learner);
    let bytes = learner.names.0.iter().map(|(id, name)| size_of_val(id) + name.len()).sum();
    learner.any.then(|| (Lore::new(learner.names), bytes))
}

// === impl Names ===

impl Names {
    /// The name of the topic with that id.
    pub fn get(&self, id: &[u8; 16]) -> Option<&[u8]> {
        self.0.iter().rev().find(|(known, _)| known == id).map(|(_, name)| &**name)
    }

    /// Remembers it; whether it is new.
    fn put(&mut self, id: [u8; 16], name: Box<[u8]>) -> bool {
        if self.get(&id) == Some(&*name) {
            return false;
        }
        self.0.retain(|(known, _)| *known != id);
        if self.0.len() >= NAMES_MAX {
            self.0.remove(0);
        }
        self.0.push((id, name));
        true
    }
}

// === impl Learner ===

impl<'m> Visit<'m> for Learner {
    fn meet(&mut self, field: &'static Field, event: Event<'m>) {
        match event {
            Event::Open => (self.name, self.id) = (None, None),
            Event::Value(Value::Text(name))
                if matches!(field.kind, Kind::Topic) && (1..=NAME_MAX).contains(&name.len()) =>
            {
                self.name = Some(name.into());
            }
            Event::Value(Value::Uuid(id)) if field.name == "topic_id" && id != [0; 16] => {
                self.id = Some(id);
            }
            _ => {}
        }
        if self.name.is_some()
            && let Some(id) = self.id.take()
            && let Some(name) = self.name.take()
        {
            self.any |= self.names.put(id, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::schema;

    #[test]
    fn only_responses_that_say_both_teach() {
        let told = |key, version| are_told(schema::api(key).unwrap(), version);
        assert!(told(3, 10) && told(3, 13) && told(19, 7) && told(75, 0));
        assert!(!told(3, 9) && !told(19, 6) && !told(1, 13) && !told(3, 99));
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let mut names = Names::default();
        let id = |n: u8| [n; 16];
        for n in 0..=255 {
            assert!(names.put(id(n), vec![n].into()));
        }
        assert_eq!(names.0.len(), NAMES_MAX);
        assert_eq!((names.get(&id(0)), names.get(&id(255))), (None, Some(&[255][..])));
        assert!(!names.put(id(255), vec![255].into()));
        assert!(names.put(id(255), vec![1].into()));
        assert_eq!((names.0.len(), names.get(&id(255))), (NAMES_MAX, Some(&[1][..])));
    }
}
