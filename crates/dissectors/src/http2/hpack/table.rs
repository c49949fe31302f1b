//! What indexes stand for (RFC 7541 §2.3): 61 fixed fields, then what this side said before, newest
//! first.

use std::collections::VecDeque;

/// Stands for a name or a value that was said before anybody listened.
pub(crate) const UNKNOWN: Option<&[u8]> = None;
/// What an entry costs beyond its bytes (§4.1).
const ENTRY_COST: usize = 32;
/// The size of a table until its encoder says otherwise (RFC 9113 §6.5.2).
const SIZE: usize = 4 << 10;
/// More than this is not kept, whatever the encoder keeps.
const SIZE_MAX: usize = 64 << 10;
/// Room for strings that nobody holds any more.
const SLACK: usize = 512;

/// The fields of index 1 to 61 (appendix A).
static FIXED: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// A field as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Field<'f> {
    /// `None` where it was said before anybody listened.
    pub(crate) name: Option<&'f [u8]>,
    /// The same.
    pub(crate) value: Option<&'f [u8]>,
}

/// What one side said, as far as it is known.
///
/// Indexes count from the newest entry, so that those of entries seen are right whatever came before
/// them. Nor does it matter what the encoder has dropped: an encoder never names an entry that it
/// dropped, and all older ones are dropped before it. Entries are therefore dropped here for memory
/// alone, never for the meaning of an index.
#[derive(Debug)]
pub(super) struct Table {
    /// Oldest first.
    entries: VecDeque<Entry>,
    /// The strings of the entries, oldest first, then that of a field that is being read.
    bytes: Vec<u8>,
    /// Where the oldest entry's strings begin; what is before them is free.
    front: usize,
    /// By the specification's measure.
    size: usize,
    size_max: usize,
    /// Entries were dropped that the encoder may still have.
    dropped: bool,
}

/// Where the strings of an entry are: the name first.
#[derive(Clone, Copy, Debug)]
struct Entry {
    name_len: u32,
    value_len: u32,
    at: u32,
    name_known: bool,
    value_known: bool,
}

// === impl Table ===

impl Default for Table {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: Vec::new(),
            front: 0,
            size: 0,
            size_max: SIZE,
            dropped: false,
        }
    }
}

impl Table {
    /// The field at `index`, from 1.
    #[inline]
    pub(super) fn get(&self, index: usize) -> Field<'_> {
        if let Some((name, value)) = FIXED.get(index.wrapping_sub(1)) {
            return Field { name: Some(name), value: Some(value) };
        }
        let entry = self.entry(index);
        entry.map_or(Field { name: UNKNOWN, value: UNKNOWN }, |entry| self.field(entry))
    }

    /// The entry at `index`, counted from the newest.
    fn entry(&self, index: usize) -> Option<Entry> {
        let newest = index.checked_sub(FIXED.len() + 1)?;
        self.entries.get(self.entries.len().checked_sub(newest + 1)?).copied()
    }

    /// Whether the index is to be found here and is not: then more has to be kept from now on.
    pub(super) fn missed(&mut self, index: usize) {
        if self.dropped && index > FIXED.len() + self.entries.len() {
            self.size_max = SIZE_MAX;
        }
    }

    fn field(&self, entry: Entry) -> Field<'_> {
        let at = entry.at as usize;
        let middle = at + entry.name_len as usize;
        let end = middle + entry.value_len as usize;
        Field {
            name: self.bytes.get(at..middle).filter(|_| entry.name_known),
            value: self.bytes.get(middle..end).filter(|_| entry.value_known),
        }
    }

    /// Where strings of a field can be put before they are known to be of an entry.
    pub(super) fn scratch(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends the name at `index` to the scratch; whether it is known.
    pub(super) fn name_to_scratch(&mut self, index: usize) -> bool {
        if let Some((name, _)) = FIXED.get(index.wrapping_sub(1)) {
            self.bytes.extend_from_slice(name);
            return true;
        }
        let Some(entry) = self.entry(index) else { return false };
        let (at, len) = (entry.at as usize, entry.name_len as usize);
        if entry.name_known {
            self.bytes.extend_from_within(at..at + len);
        }
        entry.name_known
    }

    /// What was put into the scratch since `at` becomes the newest entry; the name ends at `middle`.
    pub(super) fn insert(&mut self, at: usize, middle: usize, name_known: bool) {
        let end = self.bytes.len();
        let (name_len, value_len) = (short(middle - at), short(end - middle));
        let entry = Entry { name_len, value_len, at: short(at), name_known, value_known: true };
        self.size += entry.size();
        self.entries.push_back(entry);
        self.make_room();
    }

    /// Lets go what was put into the scratch since `at`.
    pub(super) fn forget_scratch(&mut self, at: usize) {
        self.bytes.truncate(at);
        if self.bytes.capacity() > 2 * self.size_max + SLACK {
            self.bytes.shrink_to(self.size_max);
        }
    }

    /// The encoder says how much it keeps from now on (§6.3).
    pub(super) fn resize(&mut self, size: usize) {
        self.size_max = size.min(SIZE_MAX);
        self.make_room();
        self.dropped &= size > 0;
    }

    /// Bytes of memory that it takes.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        self.entries = VecDeque::new();
        self.bytes = Vec::new();
        (self.front, self.size, self.dropped) = (0, 0, true);
    }

    fn make_room(&mut self) {
        while self.size > self.size_max {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.size -= oldest.size();
            self.dropped = true;
        }
        self.front = self.entries.front().map_or(self.bytes.len(), |oldest| oldest.at as usize);
        if self.front > SLACK.max(self.bytes.len() / 2) {
            self.compact();
        }
    }

    /// Gives back the bytes before the oldest entry.
    fn compact(&mut self) {
        self.bytes.drain(..self.front);
        let front = short(self.front);
        for entry in &mut self.entries {
            entry.at -= front;
        }
        self.front = 0;
        self.forget_scratch(self.bytes.len());
    }
}

// === impl Entry ===

impl Entry {
    fn size(self) -> usize {
        self.name_len as usize + self.value_len as usize + ENTRY_COST
    }
}

/// Blocks are limited far below 4 GiB.
fn short(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(table: &mut Table, name: &[u8], value: &[u8]) {
        let at = table.scratch().len();
        table.scratch().extend_from_slice(name);
        let middle = table.scratch().len();
        table.scratch().extend_from_slice(value);
        table.insert(at, middle, true);
    }

    fn known<'f>(name: &'f [u8], value: &'f [u8]) -> Field<'f> {
        Field { name: Some(name), value: Some(value) }
    }

    #[test]
    fn the_newest_comes_first() {
        let mut table = Table::default();
        insert(&mut table, b"a", b"1");
        insert(&mut table, b"b", b"2");
        assert_eq!(table.get(2), known(b":method", b"GET"));
        assert_eq!(table.get(62), known(b"b", b"2"));
        assert_eq!(table.get(63), known(b"a", b"1"));
        assert_eq!(table.get(64), Field { name: UNKNOWN, value: UNKNOWN });
        assert_eq!(table.get(0), Field { name: UNKNOWN, value: UNKNOWN });
    }

    #[test]
    fn memory_stays_small_however_much_is_said() {
        let mut table = Table::default();
        for n in 0..10_000_u32 {
            let value = vec![b'x'; (n % 3_000) as usize];
            insert(&mut table, b"name", &value);
            assert!(table.size <= SIZE && table.bytes.capacity() <= 4 * SIZE);
            if n % 3_000 < 1_000 {
                assert_eq!(table.get(62), known(b"name", &value));
            }
        }
    }

    #[test]
    fn an_entry_larger_than_the_table_empties_it() {
        let mut table = Table::default();
        insert(&mut table, b"a", b"1");
        insert(&mut table, b"b", &[b'x'; SIZE]);
        assert_eq!(table.get(62).name, UNKNOWN);
        insert(&mut table, b"c", b"3");
        assert_eq!(table.get(62), known(b"c", b"3"));
        assert_eq!(table.get(63).name, UNKNOWN);
    }
}
