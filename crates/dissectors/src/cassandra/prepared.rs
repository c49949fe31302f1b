//! Statements that the server knows by an id.

/// Statements remembered for one connection.
const ENTRIES_MAX: usize = 256;
/// Bytes of all of them.
const BYTES_MAX: usize = 256 << 10;
/// Bytes of a statement's text that are kept.
const TEXT_MAX: usize = 4 << 10;
/// Bytes of what describes its values and rows; longer ones are not kept.
const METADATA_MAX: usize = 4 << 10;

/// What is known of the statements of one connection. Ids are made from the statements, so what was
/// learned stays true whatever is lost.
#[derive(Debug, Default)]
pub struct Prepared {
    entries: Vec<Entry>,
    bytes: usize,
}

/// One statement.
#[derive(Debug)]
pub struct Entry {
    id: Box<[u8]>,
    /// Its text, secrets hidden.
    pub text: Box<[u8]>,
    /// What describes its values, then its rows.
    pub metadata: Box<[u8]>,
}

// === impl Prepared ===

impl Prepared {
    /// Remembers a statement.
    pub fn learn(&mut self, id: &[u8], text: &[u8], metadata: &[u8]) {
        let text = text.get(..TEXT_MAX).unwrap_or(text);
        let metadata = if metadata.len() > METADATA_MAX { &[] } else { metadata };
        let size = id.len() + text.len() + metadata.len();
        let known = self.entries.iter().position(|entry| *entry.id == *id);
        let freed = known.and_then(|at| self.entries.get(at)).map_or(0, Entry::size);
        if self.bytes - freed + size > BYTES_MAX {
            return;
        }
        let entry = Entry { id: id.into(), text: text.into(), metadata: metadata.into() };
        match known {
            Some(at) => {
                if let Some(place) = self.entries.get_mut(at) {
                    *place = entry;
                }
            }
            None if self.entries.len() < ENTRIES_MAX => self.entries.push(entry),
            None => return,
        }
        self.bytes = self.bytes - freed + size;
    }

    /// The place of the statement with this id.
    pub fn find(&self, id: &[u8]) -> Option<u16> {
        let at = self.entries.iter().position(|entry| *entry.id == *id)?;
        u16::try_from(at).ok()
    }

    /// The statement at a place.
    pub fn get(&self, at: u16) -> Option<&Entry> {
        self.entries.get(usize::from(at))
    }
}

// === impl Entry ===

impl Entry {
    fn size(&self) -> usize {
        self.id.len() + self.text.len() + self.metadata.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_allowed() {
        let mut prepared = Prepared::default();
        for n in 0..2_000u32 {
            prepared.learn(&n.to_be_bytes(), &[b'x'; 10_000], &[0; 10_000]);
        }
        assert!(prepared.bytes <= BYTES_MAX && prepared.entries.len() <= ENTRIES_MAX);
        assert_eq!(prepared.find(&0u32.to_be_bytes()), Some(0));
        assert_eq!(prepared.find(&1_999u32.to_be_bytes()), None);
        prepared.learn(&0u32.to_be_bytes(), b"SELECT", b"");
        assert_eq!(&*prepared.get(0).unwrap().text, b"SELECT");
    }
}
