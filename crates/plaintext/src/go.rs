//! Go programs: where crypto/tls reads and writes, with symbols or without.
//!
//! A return probe would change the return address on the stack, and Go moves stacks: so each RET of a
//! function gets a probe of its own.

use std::ops::Range;

use iced_x86::{Code, Decoder, DecoderOptions};
use object::{Architecture, Object, ObjectSection, ObjectSymbol};

use crate::{
    library::{self, Elf, Kind, Library, Site, Untapped},
    pclntab::{Table, Unread},
    places,
    sites::{GO_FUNCTIONS, GO_RETURNS, Program as Tap},
};

/// Bytes of one function that are looked through for returns.
const FUNCTION_BYTES_MAX: u64 = 256 << 10;
/// Returns of one function.
const RETURNS_MAX: usize = 64;

/// A program made by Go.
pub(crate) struct Program<'f, 'e> {
    elf: &'e Elf<'f>,
    table: Result<Table<'f>, Unread>,
}

// === impl Program ===

impl<'f, 'e> Program<'f, 'e> {
    /// The Go program in the file, if it is one.
    pub(crate) fn of(elf: &'e Elf<'f>) -> Option<Self> {
        let section = [".gopclntab", ".data.rel.ro.gopclntab"]
            .into_iter()
            .find_map(|name| elf.section_by_name(name))?;
        Some(Self { elf, table: Table::read(section.data().ok()?) })
    }

    /// Its TLS; nothing if it has none.
    pub(crate) fn library(&self) -> Option<Library> {
        let version = self.version();
        let library = |sites| Library { kind: Kind::Go, version, sites };
        let table = match &self.table {
            Ok(table) => table,
            Err(Unread::Old) => return Some(library(Err(Untapped::OldGo))),
            Err(Unread::Unknown) => return None,
        };
        let found = functions(table);
        // Without both, the linker has left TLS out: nobody calls it.
        let (Some(read), Some(_)) = (&found[0], &found[1]) else { return None };
        let Some(text) = self.text(table, read.start) else {
            return Some(library(Err(Untapped::NoFunctions)));
        };
        let sites: Option<Vec<_>> = self.sites(&found, text);
        Some(library(sites.ok_or(Untapped::NoFunctions)))
    }

    fn sites(&self, found: &[Option<Range<u64>>], text: u64) -> Option<Vec<Site>> {
        let mut sites = Vec::new();
        for ((_, entry, returns), place) in GO_FUNCTIONS.into_iter().zip(found) {
            let Some(place) = place else { continue };
            let (begin, end) = (text.checked_add(place.start)?, text.checked_add(place.end)?);
            let offset = library::file_offset(self.elf, begin)?;
            let end = end.min(begin.checked_add(FUNCTION_BYTES_MAX)?);
            let code = library::code(self.elf, begin..end)?;
            sites.push(Site { program: Tap(entry), offset: offset + cheap(code) });
            if !returns {
                continue;
            }
            let returns = returns_of(code);
            if returns.is_empty() {
                return None;
            }
            sites.extend(
                returns.into_iter().map(|at| Site { program: GO_RETURNS, offset: offset + at }),
            );
        }
        Some(sites)
    }

    /// Where the code begins: where a function that is `first` behind it begins as Go's functions do. A
    /// probe at a wrong place would break the program.
    fn text(&self, table: &Table<'_>, first: u64) -> Option<u64> {
        let symbol = || self.elf.symbols().find(|s| s.name_bytes() == Ok(b"runtime.text"));
        let section = || self.elf.section_by_name(".text");
        let tries: [&dyn Fn() -> Option<u64>; 4] = [
            &|| Some(table.text).filter(|text| *text != 0),
            &|| section().map(|section| section.address()),
            &|| symbol().map(|symbol| symbol.address()),
            &|| self.text_of_module(table),
        ];
        tries.into_iter().filter_map(|of| of()).find(|text| {
            let begin = text.saturating_add(first);
            library::code(self.elf, begin..begin.saturating_add(32)).is_some_and(begins_as_go)
        })
    }

    /// From `runtime.moduledata`: its first member points to the table, its `minpc` to the first function.
    fn text_of_module(&self, table: &Table<'_>) -> Option<u64> {
        const MINPC: usize = 160;
        let address = [".gopclntab", ".data.rel.ro.gopclntab"]
            .into_iter()
            .find_map(|name| self.elf.section_by_name(name))?
            .address();
        [".go.module", ".noptrdata", ".data", ".data.rel.ro"].into_iter().find_map(|name| {
            let data = self.elf.section_by_name(name)?.data().ok()?;
            let at = data.chunks_exact(8).position(|word| word == address.to_le_bytes())? * 8;
            let minpc = data.get(at + MINPC..)?.first_chunk().copied().map(u64::from_le_bytes)?;
            minpc.checked_sub(table.first()?)
        })
    }

    /// `go1.27.3`, from what the linker wrote.
    fn version(&self) -> Option<String> {
        let section = self.elf.section_by_name(".go.buildinfo")?;
        let data = section.data().ok()?;
        let at = data.windows(4).position(|window| window == b"go1.")?;
        let text = data
            .get(at..)?
            .iter()
            .take(16)
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'.');
        String::from_utf8(text.copied().collect()).ok()
    }
}

/// Where the functions of the list are.
fn functions(table: &Table<'_>) -> [Option<Range<u64>>; GO_FUNCTIONS.len()] {
    let mut found = [const { None }; GO_FUNCTIONS.len()];
    for (name, place) in table.functions() {
        if !name.starts_with(b"crypto/tls.(*Conn).") {
            continue;
        }
        if let Some(at) = GO_FUNCTIONS.iter().position(|(own, ..)| own.as_bytes() == name) {
            found[at] = Some(place);
        }
    }
    found
}

/// Bytes from a function's entry to where a probe is cheap: mostly the jump to where stacks grow, which comes
/// back to the entry and so is met twice then, with the same arguments.
fn cheap(code: &[u8]) -> u64 {
    let is_known = library::native() == Architecture::X86_64;
    if is_known { places::cheap(code, &places::GO, false).unwrap_or(0) } else { 0 }
}

/// Offsets of the returns of a function.
fn returns_of(code: &[u8]) -> Vec<u64> {
    match library::native() {
        Architecture::X86_64 => {
            let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
            let returns =
                decoder.iter().filter(|i| matches!(i.code(), Code::Retnq | Code::Retnq_imm16));
            returns.map(|instruction| instruction.ip()).take(RETURNS_MAX).collect()
        }
        _ => {
            const RET: [u8; 4] = 0xd65f_03c0_u32.to_le_bytes();
            let returns =
                code.chunks_exact(4).zip((0_u64..).step_by(4)).filter(|(word, _)| *word == RET);
            returns.map(|(_, at)| at).take(RETURNS_MAX).collect()
        }
    }
}

/// Each of these functions begins with a look at how much stack the goroutine has left.
fn begins_as_go(code: &[u8]) -> bool {
    match library::native() {
        // CMP RSP, 16(R14), or LEA -n(RSP), R12 before it.
        Architecture::X86_64 => {
            code.starts_with(&[0x49, 0x3b, 0x66, 0x10])
                || code.starts_with(&[0x4c, 0x8d, 0x64, 0x24])
                || code.starts_with(&[0x4c, 0x8d, 0xa4, 0x24])
        }
        // LDR X16, [X28, #16].
        _ => code.starts_with(&0xf940_0b90_u32.to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn only_whole_instructions_are_returns() {
        // MOV EAX, 0xc3c3c3c3; RET; NOP; RET.
        let code = [0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0xc3, 0x90, 0xc3];
        assert_eq!(returns_of(&code), [5, 7]);
    }
}
