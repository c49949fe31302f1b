//! The four content codings that are undone, behind one seam: some input in, some output out.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, zstd_sys::ZSTD_ErrorCode};

use crate::Failure;

/// A content coding by its registered name (RFC 9110 §8.4.1, RFC 7932, RFC 8878).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Undoes one coding. Made once, begun anew for each body.
pub(crate) enum Coder {
    Gzip(Gzip),
    Deflate(Deflate),
    Brotli(Brotli),
    Zstd(Zstd),
}

/// What one step did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) read: usize,
    pub(crate) wrote: usize,
    pub(crate) then: Then,
}

/// How it goes on after a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// It wants input or room, whichever ran out.
    More,
    /// The stream is over; input that is left is not part of it.
    Done,
    /// It stops here, though it could go on: too much work for too little output.
    TooMuch,
    /// It can't go on.
    Failed(Failure),
}

/// Gzip members one after the other (RFC 1952 §2.2).
pub(crate) struct Gzip {
    inflate: Decompress,
    members: u32,
    between: bool,
}

/// zlib (RFC 1950) as the standard says, or raw deflate (RFC 1951) as some servers send.
pub(crate) struct Deflate {
    inflate: Decompress,
    begun: bool,
    over: bool,
}

/// Brotli without the large-window extension: its window is 16 MiB at most.
pub(crate) struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    over: bool,
}

/// zstd frames one after the other.
pub(crate) struct Zstd {
    context: DCtx<'static>,
    between: bool,
}

/// Each member costs an allocation, whatever it holds. Logs in BGZF reach 64 KiB a member.
const MEMBERS_MAX: u32 = 10_000;

/// RFC 9659 §3: 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

// === impl Coding ===

impl Coding {
    pub(crate) fn of(name: &str) -> Option<Self> {
        const NAMES: [(&str, Coding); 5] = [
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
            ("zstd", Coding::Zstd),
        ];
        NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, coding)| *coding)
    }
}

// === impl Coder ===

impl Coder {
    pub(crate) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Gzip::new()),
            Coding::Deflate => Self::Deflate(Deflate::new()),
            Coding::Brotli => Self::Brotli(Brotli::new()),
            Coding::Zstd => Self::Zstd(Zstd::new()),
        }
    }

    pub(crate) fn coding(&self) -> Coding {
        match self {
            Self::Gzip(_) => Coding::Gzip,
            Self::Deflate(_) => Coding::Deflate,
            Self::Brotli(_) => Coding::Brotli,
            Self::Zstd(_) => Coding::Zstd,
        }
    }

    /// Forgets the body before.
    pub(crate) fn begin(&mut self) {
        match self {
            Self::Gzip(gzip) => gzip.begin(),
            Self::Deflate(deflate) => deflate.begin(),
            Self::Brotli(brotli) => *brotli = Brotli::new(),
            Self::Zstd(zstd) => zstd.begin(),
        }
    }

    /// Decodes from the front of `input` into `output`.
    pub(crate) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        match self {
            Self::Gzip(gzip) => gzip.step(input, output),
            Self::Deflate(deflate) => deflate.step(input, output),
            Self::Brotli(brotli) => brotli.step(input, output),
            Self::Zstd(zstd) => zstd.step(input, output),
        }
    }

    /// Whether the input may end here.
    pub(crate) fn may_end(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.between,
            Self::Deflate(deflate) => deflate.over,
            Self::Brotli(brotli) => brotli.over,
            Self::Zstd(zstd) => zstd.between,
        }
    }
}

impl Step {
    fn nothing(then: Then) -> Self {
        Self { read: 0, wrote: 0, then }
    }
}

// === impl Gzip ===

impl Gzip {
    fn new() -> Self {
        Self { inflate: Decompress::new_gzip(15), members: 0, between: false }
    }

    fn begin(&mut self) {
        if self.inflate.total_in() > 0 {
            self.inflate.reset(true);
        }
        (self.members, self.between) = (0, false);
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if self.between {
            match input {
                [] => return Step::nothing(Then::More),
                _ if self.members == MEMBERS_MAX => return Step::nothing(Then::TooMuch),
                [0x1F] | [0x1F, 0x8B, ..] => self.next_member(),
                // Zero padding and the like: gzip(1) ignores it too.
                _ => return Step::nothing(Then::Done),
            }
        }
        let mut step = inflate(&mut self.inflate, input, output);
        if step.then == Then::Done {
            (self.between, step.then) = (true, Then::More);
        }
        step
    }

    fn next_member(&mut self) {
        self.inflate.reset(true);
        self.members += 1;
        self.between = false;
    }
}

fn inflate(inflate: &mut Decompress, input: &[u8], output: &mut [u8]) -> Step {
    let (read, wrote) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, output, FlushDecompress::None);
    Step {
        read: (inflate.total_in() - read) as usize,
        wrote: (inflate.total_out() - wrote) as usize,
        then: match status {
            Ok(Status::Ok | Status::BufError) => Then::More,
            Ok(Status::StreamEnd) => Then::Done,
            Err(_) => Then::Failed(Failure::Damaged),
        },
    }
}

// === impl Deflate ===

impl Deflate {
    fn new() -> Self {
        Self { inflate: Decompress::new(true), begun: false, over: false }
    }

    fn begin(&mut self) {
        (self.begun, self.over) = (false, false);
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if !self.begun && !input.is_empty() {
            self.inflate.reset(has_zlib_header(input));
            self.begun = true;
        }
        let step = inflate(&mut self.inflate, input, output);
        self.over = step.then == Then::Done;
        step
    }
}

/// RFC 1950 §2.2: method 8, and the first two bytes are a multiple of 31. A raw stream that looks
/// so would begin with a stored block whose padding is not zero; no encoder writes that.
fn has_zlib_header(input: &[u8]) -> bool {
    match *input {
        [method, flags, ..] => {
            method & 0x8F == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
        }
        [method] => method & 0x8F == 8,
        [] => false,
    }
}

// === impl Brotli ===

impl Brotli {
    fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())), over: false }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (mut input_left, mut read) = (input.len(), 0);
        let (mut output_left, mut wrote, mut total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut input_left,
            &mut read,
            input,
            &mut output_left,
            &mut wrote,
            output,
            &mut total,
            &mut self.state,
        );
        self.over = matches!(result, BrotliResult::ResultSuccess);
        let then = match result {
            BrotliResult::ResultSuccess => Then::Done,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Then::More,
            BrotliResult::ResultFailure => Then::Failed(Failure::Damaged),
        };
        Step { read, wrote, then }
    }
}

// === impl Zstd ===

impl Zstd {
    fn new() -> Self {
        let mut context = DCtx::create();
        // Can't fail: the value is in the range of every build of the library.
        let _ = context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX));
        Self { context, between: false }
    }

    fn begin(&mut self) {
        let _ = self.context.reset(ResetDirective::SessionOnly);
        self.between = false;
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if input.is_empty() && self.between {
            return Step::nothing(Then::More);
        }
        let after_a_frame = self.between;
        let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(output));
        let result = self.context.decompress_stream(&mut to, &mut from);
        let (read, wrote) = (from.pos(), to.pos());
        self.between = result == Ok(0);
        let then = match result {
            Ok(_) => Then::More,
            Err(code) if zstd_safe::is_error_kind(code, WINDOW_TOO_LARGE) => {
                Then::Failed(Failure::WindowTooLarge)
            }
            Err(_) if after_a_frame && wrote == 0 => Then::Done,
            Err(_) => Then::Failed(Failure::Damaged),
        };
        Step { read, wrote, then }
    }
}

const WINDOW_TOO_LARGE: ZSTD_ErrorCode = ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge;
