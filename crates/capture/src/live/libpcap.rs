//! Capture filters in tcpdump's syntax, compiled by libpcap where the machine has it.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_uint, c_void},
    ops::Range,
    ptr, slice,
};

use libc::sock_filter;
use libloading::Library;

use super::program::Wanted;

/// What pcap(3PCAP) calls packets that begin with Ethernet, and with IP.
const DLT_ETHERNET: c_int = 1;
const DLT_RAW: c_int = 12;
/// Names of the library: Debian's, everybody else's, and that of whoever develops with it.
const NAMES: [&str; 3] = ["libpcap.so.0.8", "libpcap.so.1", "libpcap.so"];
/// Bytes of a packet that a filter lets through: all.
const SNAP_BYTES: c_int = 0x0004_0000;
/// `PCAP_NETMASK_UNKNOWN`
const NETMASK_UNKNOWN: u32 = 0xffff_ffff;
/// Of filters that are wrong, at most so many words are looked at to find where.
const WORDS_MAX: usize = 128;
/// What a filter may go on with that is right up to some word.
const ENDINGS: [&str; 10] = [
    "",
    "1",
    "1.1.1.1",
    "tcp",
    "host 1.1.1.1",
    "port 1",
    "= 1",
    "1-2",
    "] = 1",
    "00:00:00:00:00:01",
];

/// Why a capture filter can't be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// libpcap is not on this machine.
    #[error(
        "capture filters need libpcap, which is not on this machine (Debian, Ubuntu: apt install \
         libpcap0.8; Fedora: dnf install libpcap; Alpine: apk add libpcap)"
    )]
    NoLibrary,
    /// The filter is wrong.
    #[error("the capture filter is wrong: {message}{}", pointer(.text, .at))]
    Wrong {
        /// The filter.
        text: String,
        /// Where in it, in bytes.
        at: Range<usize>,
        /// What libpcap says.
        message: String,
    },
    /// It compiles to more than the kernel takes.
    #[error("the capture filter is too long for the kernel: {0} instructions with all interfaces")]
    TooLong(usize),
}

/// Compiles a filter for all kinds of interfaces.
pub(super) fn compile(text: &str) -> Result<Wanted, FilterError> {
    Compiler::load(&NAMES)?.wanted(text)
}

/// Whether filters can be compiled on this machine.
///
/// # Errors
/// When libpcap is not there, or not as it should be.
pub fn can_filter() -> Result<(), FilterError> {
    compile("tcp port 80").map(drop)
}

/// `struct bpf_program`
#[repr(C)]
struct Code {
    len: c_uint,
    instructions: *mut sock_filter,
}

type OpenDead = unsafe extern "C" fn(c_int, c_int) -> *mut c_void;
type Compile = unsafe extern "C" fn(*mut c_void, *mut Code, *const c_char, c_int, u32) -> c_int;
type FreeCode = unsafe extern "C" fn(*mut Code);
type Error = unsafe extern "C" fn(*mut c_void) -> *mut c_char;
type Close = unsafe extern "C" fn(*mut c_void);

/// libpcap's compiler.
struct Compiler {
    open: OpenDead,
    compile: Compile,
    free: FreeCode,
    error: Error,
    close: Close,
    /// What the functions are in.
    _library: Library,
}

// === impl Compiler ===

impl Compiler {
    fn load(names: &[&str]) -> Result<Self, FilterError> {
        // SAFETY: libpcap's initialisation has no conditions.
        let loaded = names.iter().find_map(|name| unsafe { Library::new(*name) }.ok());
        let library = loaded.ok_or(FilterError::NoLibrary)?;
        Self::of(library).map_err(|_| FilterError::NoLibrary)
    }

    fn of(library: Library) -> Result<Self, libloading::Error> {
        // SAFETY: these are the signatures in pcap(3PCAP) since libpcap 0.8, and its
        // `struct bpf_insn` is the kernel's `sock_filter`. The functions are only called while the
        // library is held.
        unsafe {
            Ok(Self {
                open: *library.get::<OpenDead>(b"pcap_open_dead\0")?,
                compile: *library.get::<Compile>(b"pcap_compile\0")?,
                free: *library.get::<FreeCode>(b"pcap_freecode\0")?,
                error: *library.get::<Error>(b"pcap_geterr\0")?,
                close: *library.get::<Close>(b"pcap_close\0")?,
                _library: library,
            })
        }
    }

    fn wanted(&self, text: &str) -> Result<Wanted, FilterError> {
        let ethernet = self.program(DLT_ETHERNET, text).map_err(|message| FilterError::Wrong {
            text: text.to_owned(),
            at: self.wrong_word(text),
            message,
        })?;
        Ok(Wanted { ethernet, ip: self.program(DLT_RAW, text).ok() })
    }

    /// Compiles for one link type; what libpcap says if it can't.
    fn program(&self, link: c_int, text: &str) -> Result<Vec<sock_filter>, String> {
        self.code(link, text, 1)
    }

    fn code(&self, link: c_int, text: &str, optimise: c_int) -> Result<Vec<sock_filter>, String> {
        let text = CString::new(text).map_err(|_| "a zero byte in it".to_owned())?;
        // SAFETY: any two numbers will do.
        let handle = unsafe { (self.open)(link, SNAP_BYTES) };
        if handle.is_null() {
            return Err("out of memory".to_owned());
        }
        let mut code = Code { len: 0, instructions: ptr::null_mut() };
        // SAFETY: the handle is open, the text ends with a zero byte, and `code` outlives the call.
        let done = unsafe {
            (self.compile)(handle, &raw mut code, text.as_ptr(), optimise, NETMASK_UNKNOWN)
        };
        let program = if done == 0 { Ok(self.take(&mut code)) } else { Err(self.said(handle)) };
        // SAFETY: it is open, and used no more.
        unsafe { (self.close)(handle) };
        program
    }

    /// Copies a compiled program and frees the original.
    fn take(&self, code: &mut Code) -> Vec<sock_filter> {
        // SAFETY: libpcap has put a program of this length there, which nobody else knows of.
        let program =
            unsafe { slice::from_raw_parts(code.instructions, code.len as usize) }.to_vec();
        // SAFETY: it is what `pcap_compile` has filled in, freed once.
        unsafe { (self.free)(&raw mut *code) };
        program
    }

    fn said(&self, handle: *mut c_void) -> String {
        // SAFETY: the handle is open; the text belongs to it, ends with a zero byte, and is copied
        // before anything else is done with the handle.
        let text = unsafe { CStr::from_ptr((self.error)(handle)) }.to_string_lossy();
        // "can't parse filter expression: syntax error" says the same twice.
        text.trim_start_matches("can't parse filter expression: ").to_owned()
    }

    /// libpcap does not say where the error is. It is at the first word up to which no ending makes
    /// the filter right.
    fn wrong_word(&self, text: &str) -> Range<usize> {
        let words = words(text);
        let is_right = |upto: usize| {
            let begin = &text[..upto];
            let open = begin.matches('(').count().saturating_sub(begin.matches(')').count());
            ENDINGS.iter().any(|ending| {
                let whole = format!("{begin} {ending}{}", " )".repeat(open.min(16)));
                // Not optimised: the optimiser finds fault with what can't be true.
                self.code(DLT_ETHERNET, &whole, 0).is_ok()
            })
        };
        let wrong = words.iter().take(WORDS_MAX).find(|word| !is_right(word.end));
        // Each word by itself may be right, and the end too early.
        wrong.cloned().unwrap_or(text.len()..text.len())
    }
}

/// Words, numbers and signs of a filter.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let (mut end, mut joins) = (0, false);
    for (at, c) in text.char_indices() {
        let is_word = c.is_alphanumeric() || "._-:/".contains(c);
        if !c.is_whitespace() {
            match words.last_mut() {
                Some(last) if is_word && joins && end == at => last.end = at + c.len_utf8(),
                _ => words.push(at..at + c.len_utf8()),
            }
            end = at + c.len_utf8();
        }
        joins = is_word;
    }
    words
}

/// The filter, and a mark below what is wrong in it.
fn pointer(text: &str, at: &Range<usize>) -> String {
    let column = text[..at.start].chars().count();
    let len = text[at.clone()].chars().count().max(1);
    format!("\n  {text}\n  {}{}", " ".repeat(column), "^".repeat(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiler() -> Option<Compiler> {
        let compiler = Compiler::load(&NAMES).ok();
        if compiler.is_none() {
            eprintln!("skipped: no libpcap on this machine");
        }
        compiler
    }

    #[test]
    fn a_machine_without_libpcap_is_told_what_to_install() {
        let error = Compiler::load(&["libpcap-that-is-not-there.so"]).err().unwrap();
        assert!(error.to_string().contains("apt install libpcap0.8"), "{error}");
    }

    #[test]
    fn a_filter_is_compiled_for_both_kinds_of_interfaces() {
        let Some(compiler) = compiler() else { return };
        let wanted = compiler.wanted("tcp port 80 or udp port 53").unwrap();
        assert!(wanted.ethernet.len() > 10 && wanted.ip.unwrap().len() > 10);
        let wanted = compiler.wanted("ether host 00:00:00:00:00:01").unwrap();
        assert!(wanted.ip.is_none());
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let Some(compiler) = compiler() else { return };
        for (text, wrong) in [
            ("tcp prot 80", "prot"),
            ("tcp port 80 and udp prt 53", "prt"),
            ("(tcp port 80 or port 99999) and host 1.1.1.1", "99999"),
            ("host 1.1.1.1 and", ""),
            ("tcp port 80 )", ")"),
            ("host 300.1.1.1", "300.1.1.1"),
        ] {
            let Err(FilterError::Wrong { at, .. }) = compiler.wanted(text) else {
                panic!("{text} is right")
            };
            assert_eq!(&text[at], wrong, "{text}");
        }
    }

    #[test]
    fn the_mark_stands_below_the_word() {
        assert_eq!(pointer("a bc d", &(2..4)), "\n  a bc d\n    ^^");
        assert_eq!(pointer("a", &(1..1)), "\n  a\n   ^");
    }
}
