//! As much of XML as it takes to find an element by its name.

/// Opening tags in order, of a text that may be cut anywhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags<'x> {
    rest: &'x [u8],
}

/// An opening tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Tag<'x> {
    /// Its name without the prefix.
    pub(super) name: &'x [u8],
    /// The text right behind it.
    pub(super) text: &'x [u8],
}

// === impl Tags ===

impl<'x> Tags<'x> {
    pub(super) fn of(text: &'x [u8]) -> Self {
        Self { rest: text }
    }

    fn skip_past(&mut self, end: &[u8]) -> Option<()> {
        let at = memchr::memmem::find(self.rest, end)?;
        self.rest = self.rest.get(at + end.len()..)?;
        Some(())
    }
}

impl<'x> Iterator for Tags<'x> {
    type Item = Tag<'x>;

    fn next(&mut self) -> Option<Tag<'x>> {
        loop {
            self.skip_past(b"<")?;
            match self.rest {
                [b'!', b'-', b'-', ..] => self.skip_past(b"-->")?,
                [b'!', b'[', ..] => self.skip_past(b"]]>")?,
                [b'?' | b'!' | b'/', ..] => self.skip_past(b">")?,
                _ => break,
            }
        }
        let inside = |b: &u8| !b.is_ascii_whitespace() && !b"/>".contains(b);
        let len = self.rest.iter().position(|b| !inside(b))?;
        let name = self.rest.get(..len)?;
        self.skip_past(b">")?;
        let text = self.rest.split(|b| *b == b'<').next().unwrap_or_default().trim_ascii();
        Some(Tag { name: name.rsplit(|b| *b == b':').next().unwrap_or(name), text })
    }
}

#[test]
fn tags_have_names_and_texts() {
    let text =
        b"<?xml a='>'?><!-- <no/> --><s:Envelope a=\"1\"><s:Body>\n<a/><b> hi </b></s:Body><cut";
    let tags: Vec<_> = Tags::of(text).map(|tag| (tag.name, tag.text)).collect();
    let want: [(&[u8], &[u8]); 4] =
        [(b"Envelope", b""), (b"Body", b""), (b"a", b""), (b"b", b"hi")];
    assert_eq!(tags, want);
}
