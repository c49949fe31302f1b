//! The rows or documents of an answer as its body: one JSON array, up to a limit.

use model::{BodyText, Tell};

/// Bytes of text after which no further element is begun.
const TEXT_MAX: usize = 256 << 10;
/// What the text is.
const MEDIA_TYPE: &str = "application/json";

/// The array, while it is written.
#[derive(Debug)]
pub(crate) struct Listing {
    text: Vec<u8>,
    /// Elements in it.
    count: usize,
    whole: bool,
}

// === impl Listing ===

impl Listing {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { text: b"[".to_vec(), count: 0, whole: true }
    }

    /// Has `write` append one element, and say whether all of it is there; false if there is no room.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        if self.text.len() > TEXT_MAX {
            self.whole = false;
            return false;
        }
        if self.count > 0 {
            self.text.push(b',');
        }
        self.count += 1;
        self.whole &= write(&mut self.text);
        true
    }

    /// There is more than is in it.
    pub(crate) fn lacks(&mut self) {
        self.whole = false;
    }

    /// Elements in it.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Tells it as what the body says.
    pub(crate) fn tell(mut self, to: &mut dyn Tell) {
        self.text.push(b']');
        tell_json(&self.text, self.whole, to);
    }
}

/// Tells a text of JSON as what the body says.
pub(crate) fn tell_json(text: &[u8], whole: bool, to: &mut dyn Tell) {
    to.body_text(BodyText { media_type: MEDIA_TYPE, text, whole });
}

#[cfg(test)]
mod tests {
    use model::{BodyFacts, Value};

    use super::*;

    #[test]
    fn elements_become_an_array_as_long_as_there_is_room() {
        let mut list = Listing::new();
        assert_eq!(told(list), ("[]".into(), true));
        list = Listing::new();
        for n in [1, 2] {
            list.push(|out| {
                out.extend(format!("{n}").bytes());
                true
            });
        }
        assert_eq!((list.len(), told(list)), (2, ("[1,2]".into(), true)));
        list = Listing::new();
        while list.push(|out| {
            out.extend(vec![b'7'; 1_000]);
            true
        }) {}
        let (text, whole) = told(list);
        assert!(!whole && text.ends_with("7]") && text.len() < TEXT_MAX + 2_000);
    }

    #[test]
    fn what_is_not_in_it_is_said() {
        let mut list = Listing::new();
        list.push(|out| {
            out.extend(b"{}");
            false
        });
        assert_eq!(told(list), ("[{}]".into(), false));
        list = Listing::new();
        list.lacks();
        assert_eq!(told(list), ("[]".into(), false));
    }

    fn told(list: Listing) -> (String, bool) {
        struct Ear(String, bool);
        impl Tell for Ear {
            fn field(&mut self, _: usize, _: Value<'_>) {}
            fn header(&mut self, _: &[u8], _: &[u8]) {}
            fn body(&mut self, _: BodyFacts<'_>) {}
            fn body_text(&mut self, text: BodyText<'_>) {
                (self.0, self.1) = (String::from_utf8_lossy(text.text).into(), text.whole);
            }
        }
        let mut ear = Ear(String::new(), false);
        list.tell(&mut ear);
        (ear.0, ear.1)
    }
}
