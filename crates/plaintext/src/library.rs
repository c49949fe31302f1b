//! What a program or library holds that speaks TLS, and where in the file its calls are.

use std::{collections::BTreeSet, fs::File, ops::Range, path::Path};

use memchr::memmem;
use object::{
    Architecture, Endianness, Object, ObjectSection, ObjectSegment, ReadCache,
    elf::{FileHeader64, SHN_UNDEF},
    read::elf::{ElfFile, Sym, SymbolTable},
};

use crate::{go, sites::Program, sites::Sites};

/// Bytes of constants that are searched for a version.
const CONSTANTS_BYTES_MAX: u64 = 64 << 20;
/// Bytes of one function that are looked at.
const FUNCTION_BYTES_MAX: u64 = 4_096;
/// Bytes of names that are searched for the functions'.
const NAMES_BYTES_MAX: u64 = 512 << 20;
/// Symbols of a file that are looked at.
const SYMBOLS_MAX: usize = 4_000_000;

/// A TLS library: shared, or inside of a program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Library {
    /// Which.
    pub kind: Kind,
    /// Its version as it says itself.
    pub version: Option<String>,
    /// Where it can be tapped; or why not.
    pub sites: Result<Vec<Site>, Untapped>,
}

/// Which library.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// OpenSSL 1.0.2 and later, `LibreSSL`.
    OpenSsl,
    /// `BoringSSL`, AWS-LC.
    BoringSsl,
    /// GnuTLS.
    GnuTls,
    /// Go's crypto/tls.
    Go,
    /// rustls.
    Rustls,
    /// Java's own TLS.
    Java,
    /// NSS.
    Nss,
}

/// Why a library can't be tapped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Untapped {
    /// Its functions have no names in the file.
    NoSymbols,
    /// Before Go 1.18 arguments are passed otherwise.
    OldGo,
    /// Its functions have no fixed place or form: what a just-in-time compiler or an inliner makes.
    NoFunctions,
    /// It is known and has no taps.
    NotKnown,
}

/// A place in a file, and what is attached there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Site {
    /// The program.
    pub program: Program,
    /// Offset in the file.
    pub offset: u64,
}

/// An ELF file that is read as needed.
pub(crate) type Elf<'f> = ElfFile<'f, FileHeader64<Endianness>, &'f ReadCache<File>>;

// === impl Library ===

impl Library {
    /// What the file holds; nothing if it speaks no TLS, is no program, or is for another machine.
    #[must_use]
    pub fn of(file: File) -> Option<Self> {
        let cache = ReadCache::new(file);
        let elf = Elf::parse(&cache).ok()?;
        if elf.architecture() != native() {
            return None;
        }
        if let Some(go) = go::Program::of(&elf) {
            return go.library();
        }
        Self::named(&elf).or_else(|| Self::unnamed(&elf))
    }

    /// By the names of functions.
    fn named(elf: &Elf<'_>) -> Option<Self> {
        let mut sites = Sites::default();
        for table in [elf.elf_dynamic_symbol_table(), elf.elf_symbol_table()] {
            const SIGNS: [&[u8]; 2] = [b"SSL_write", b"gnutls_record_send"];
            functions(elf, table, &SIGNS, |name, place| sites.add(name, place));
        }
        let kind = sites.kind()?;
        let found: BTreeSet<_> = sites
            .attached(|place| code_of(elf, place))
            .into_iter()
            .filter_map(|(program, address)| {
                Some(Site { program, offset: file_offset(elf, address)? })
            })
            .collect();
        let version = version(elf, kind);
        let sites =
            if found.is_empty() { Err(Untapped::NoFunctions) } else { Ok(Vec::from_iter(found)) };
        Some(Self { kind, version, sites })
    }

    /// By what it says of itself, when its functions have no names.
    fn unnamed(elf: &Elf<'_>) -> Option<Self> {
        const SIGNS: [(&[u8], Kind, Untapped); 5] = [
            (b"OpenSSL ", Kind::OpenSsl, Untapped::NoSymbols),
            (b"boringssl/", Kind::BoringSsl, Untapped::NoSymbols),
            (b"BoringSSL", Kind::BoringSsl, Untapped::NoSymbols),
            (b"AWS-LC", Kind::BoringSsl, Untapped::NoSymbols),
            (b"rustls/src/", Kind::Rustls, Untapped::NoSymbols),
        ];
        // libcrypto has the words of all of OpenSSL, and no TLS: libssl beside it has.
        let mut is_crypto = false;
        functions(elf, elf.elf_dynamic_symbol_table(), &[b"CRYPTO_free"], |name, _| {
            is_crypto |= name == b"CRYPTO_free";
        });
        if is_crypto {
            return None;
        }
        // A library that merely uses another one names it, too; one that is inside has its data.
        let constants = constants(elf)?;
        let (_, kind, why) = SIGNS.into_iter().find(|(sign, kind, _)| match kind {
            Kind::OpenSsl => {
                find(constants, b"ssl/record/").is_some() && version_in(constants, sign).is_some()
            }
            Kind::BoringSsl => {
                find(constants, b"ssl_lib.cc").is_some() && find(constants, sign).is_some()
            }
            _ => find(constants, sign).is_some(),
        })?;
        Some(Self { kind, version: version(elf, kind), sites: Err(why) })
    }
}

// === impl Kind ===

impl Kind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSsl => "OpenSSL",
            Self::BoringSsl => "BoringSSL",
            Self::GnuTls => "GnuTLS",
            Self::Go => "Go crypto/tls",
            Self::Rustls => "rustls",
            Self::Java => "Java JSSE",
            Self::Nss => "NSS",
        }
    }
}

// === impl Untapped ===

impl Untapped {
    /// Why, in a sentence for users.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::NoSymbols => {
                "it is built in, and the program was stripped of its functions' names"
            }
            Self::OldGo => "it was built with a Go before 1.18",
            Self::NoFunctions => "its reads and writes are no functions of their own in this build",
            Self::NotKnown => {
                "there are no taps for this library; its keys can be logged (docs/TLS.md)"
            }
        }
    }
}

/// Where in the file the code at `address` is.
pub(crate) fn file_offset(elf: &Elf<'_>, address: u64) -> Option<u64> {
    elf.segments().find_map(|segment| {
        let (begin, len) = segment.file_range();
        let inside = address.checked_sub(segment.address()).filter(|inside| *inside < len)?;
        begin.checked_add(inside)
    })
}

/// The code in `addresses`.
pub(crate) fn code<'f>(elf: &Elf<'f>, addresses: Range<u64>) -> Option<&'f [u8]> {
    let len = addresses.end.checked_sub(addresses.start)?;
    elf.segments().find_map(|segment| segment.data_range(addresses.start, len).ok()?)
}

/// The code of a function; nothing for machines whose instructions aren't known here.
fn code_of<'f>(elf: &Elf<'f>, place: &Range<u64>) -> Option<&'f [u8]> {
    let end = place.end.min(place.start.checked_add(FUNCTION_BYTES_MAX)?);
    if native() == Architecture::X86_64 { code(elf, place.start..end) } else { None }
}

/// What this program itself runs on: registers of others aren't known.
pub(crate) fn native() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Aarch64 } else { Architecture::X86_64 }
}

fn constants<'f>(elf: &Elf<'f>) -> Option<&'f [u8]> {
    let section = elf.section_by_name(".rodata").filter(|s| s.size() <= CONSTANTS_BYTES_MAX)?;
    section.data().ok()
}

fn version(elf: &Elf<'_>, kind: Kind) -> Option<String> {
    let constants = constants(elf)?;
    match kind {
        Kind::OpenSsl => {
            version_in(constants, b"OpenSSL ").or_else(|| version_in(constants, b"LibreSSL "))
        }
        // Its version stands by itself, between two zeros.
        Kind::GnuTls => version_in(constants, b"\x003."),
        Kind::Rustls => version_in(constants, b"/rustls-"),
        _ => None,
    }
}

/// The version of OpenSSL that the library at `path` says it is.
pub(crate) fn crypto_version(path: &Path) -> Option<String> {
    let cache = ReadCache::new(File::open(path).ok()?);
    let elf = Elf::parse(&cache).ok()?;
    version(&elf, Kind::OpenSsl)
}

/// `1.1.1w` behind the first `sign` that has a version behind it.
fn version_in(constants: &[u8], sign: &[u8]) -> Option<String> {
    let mut rest = constants;
    // Bounded by the constants: each turn goes on behind the sign before.
    while let Some(at) = find(rest, sign) {
        let mut from = rest.get(at + sign.len()..)?;
        if sign.starts_with(b"\0") {
            from = rest.get(at + 1..)?;
        }
        let end = from.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'.')).unwrap_or(0);
        let text = from.get(..end.min(24)).unwrap_or_default();
        if text.first().is_some_and(u8::is_ascii_digit)
            && text.iter().filter(|b| **b == b'.').count() == 2
        {
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        rest = rest.get(at + sign.len()..)?;
    }
    None
}

fn find(bytes: &[u8], sign: &[u8]) -> Option<usize> {
    memmem::find(bytes, sign)
}

/// Names and places of the functions of a table, if one of `signs` is among the names. These are read as one
/// text: one by one takes long where there are a million.
fn functions<'f>(
    elf: &Elf<'f>,
    table: &SymbolTable<'f, FileHeader64<Endianness>, &'f ReadCache<File>>,
    signs: &[&[u8]],
    mut take: impl FnMut(&[u8], Range<u64>),
) {
    let section = elf.section_by_index(table.string_section());
    let names = section.ok().filter(|s| s.size() <= NAMES_BYTES_MAX).and_then(|s| s.data().ok());
    let names = names.unwrap_or_default();
    if signs.iter().all(|sign| find(names, sign).is_none()) {
        return;
    }
    let endian = elf.endian();
    for symbol in table.iter().take(SYMBOLS_MAX) {
        let (at, size) = (symbol.st_value(endian), symbol.st_size(endian));
        let is_defined = symbol.st_shndx(endian) != SHN_UNDEF && at != 0;
        let name = usize::try_from(symbol.st_name(endian)).ok().and_then(|name| names.get(name..));
        let Some(name) = name.filter(|_| is_defined) else { continue };
        take(name.split(|byte| *byte == 0).next().unwrap_or_default(), at..at.saturating_add(size));
    }
}
