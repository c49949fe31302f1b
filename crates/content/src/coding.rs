//! Content codings undone (RFC 9110 §8.4), as far as the kept bytes and the limits allow.

use crate::{
    Reading, Scratch,
    coder::Coding,
    pipe::{End, Source},
    text,
};

/// A body without its content codings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decoded<'a> {
    /// Its first bytes.
    pub bytes: &'a [u8],
    /// How long it is.
    pub size: Size,
    /// Whether `bytes` is less than all of it.
    pub truncated: bool,
    /// What `bytes` is.
    pub form: Form,
}

/// A length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Size {
    /// All was seen.
    Exact(u64),
    /// So much was seen, and then the input, the stream or our patience ended.
    AtLeast(u64),
}

/// What became of the codings.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Form {
    /// There were none.
    Plain,
    /// They were undone.
    Decoded,
    /// They were undone up to where it failed.
    Partly(Failure),
    /// They could not be undone: the bytes are still encoded.
    AsSent(Failure),
}

/// Why codings could not be undone.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Failure {
    /// A coding that we don't know.
    UnknownCoding,
    /// More than four codings.
    TooManyCodings,
    /// The data is not what the coding says.
    Damaged,
    /// The body was whole, but its coded stream has no end.
    EndsEarly,
    /// The stream asks for a larger window than RFC 9659 allows.
    WindowTooLarge,
}

pub(crate) const CODINGS_MAX: usize = 4;

/// What is kept of one body when the caller sets no limit.
const KEPT_BYTES_MAX: usize = 1 << 30;

/// Undoes the content codings that `encodings` lists, the last one first.
///
/// `kept` is the start of the body, `whole` says that it is all of it. At most `limit` decoded
/// bytes are kept (and never more than 1 GiB); the others are counted, up to 64 × `limit` but at least
/// 1 MiB and at most 64 MiB. So a bomb costs no more than a large body does.
#[must_use]
pub fn decode<'a>(
    kept: &'a [u8],
    whole: bool,
    encodings: Option<&str>,
    limit: usize,
    scratch: &'a mut Scratch,
) -> Decoded<'a> {
    let as_sent = |form| Decoded::as_sent(kept, whole, limit, form);
    let (codings, count) = match list(encodings.unwrap_or_default()) {
        Ok(list) => list,
        Err(failure) => return as_sent(Form::AsSent(failure)),
    };
    // An answer to HEAD and a 304 name the coding of a body that they don't have.
    if count == 0 || kept.is_empty() {
        return as_sent(Form::Plain);
    }
    let limit = limit.min(KEPT_BYTES_MAX);
    scratch.set_up(&codings[..count]);
    let (total, end) = scratch.run(Source { left: kept, whole }, limit);
    match end {
        End::Failed(failure) if total == 0 || is_text(kept) => as_sent(Form::AsSent(failure)),
        _ => Decoded::ended(scratch.bytes(), total, limit, end),
    }
}

// === impl Decoded ===

impl<'a> Decoded<'a> {
    fn as_sent(kept: &'a [u8], whole: bool, limit: usize, form: Form) -> Self {
        let (bytes, size) = (&kept[..kept.len().min(limit)], kept.len() as u64);
        Self {
            bytes,
            size: if whole { Size::Exact(size) } else { Size::AtLeast(size) },
            truncated: !whole || bytes.len() < kept.len(),
            form,
        }
    }

    fn ended(buffer: &'a [u8], total: u64, limit: usize, end: End) -> Self {
        let kept = usize::try_from(total).unwrap_or(limit).min(limit);
        Self {
            bytes: &buffer[..kept],
            size: if end == End::Finished { Size::Exact(total) } else { Size::AtLeast(total) },
            truncated: end != End::Finished || kept as u64 != total,
            form: match end {
                End::Failed(failure) => Form::Partly(failure),
                End::Finished | End::Cut | End::TooMuch => Form::Decoded,
            },
        }
    }
}

// === impl Size ===

impl Size {
    /// The bytes that were seen.
    #[must_use]
    pub fn seen(self) -> u64 {
        match self {
            Self::Exact(size) | Self::AtLeast(size) => size,
        }
    }
}

// === impl Form ===

impl Form {
    /// What went wrong, if anything did.
    #[must_use]
    pub fn failure(self) -> Option<Failure> {
        match self {
            Self::Plain | Self::Decoded => None,
            Self::Partly(failure) | Self::AsSent(failure) => Some(failure),
        }
    }
}

// === impl Failure ===

impl Failure {
    /// The word for output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownCoding => "unknown-coding",
            Self::TooManyCodings => "too-many-codings",
            Self::Damaged => "damaged",
            Self::EndsEarly => "ends-early",
            Self::WindowTooLarge => "window-too-large",
        }
    }
}

/// A coded stream is not text: what is was never encoded, whatever a decoder first made of it. Raw
/// deflate and brotli have no mark at their start to tell.
fn is_text(kept: &[u8]) -> bool {
    matches!(text::read(kept, None, true), Reading::Text(_))
}

/// The codings in the order in which they are undone.
fn list(encodings: &str) -> Result<([Coding; CODINGS_MAX], usize), Failure> {
    let mut codings = [Coding::Gzip; CODINGS_MAX];
    let mut count = 0;
    for name in encodings.rsplit(',').map(str::trim) {
        if name.is_empty() || name.eq_ignore_ascii_case("identity") {
            continue;
        }
        let coding = Coding::of(name).ok_or(Failure::UnknownCoding)?;
        *codings.get_mut(count).ok_or(Failure::TooManyCodings)? = coding;
        count += 1;
    }
    Ok((codings, count))
}
