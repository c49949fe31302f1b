//! Where in a function a probe is cheap.
//!
//! The kernel runs the instruction under a probe by itself if it knows how ("emulates" it:
//! arch/x86/kernel/uprobes.c, `branch_setup_xol_ops` and `push_setup_xol_ops`); all others it runs aside,
//! in a single step, which costs a second trap. A virtual machine leaves to its host at each such step:
//! twenty times the price of the probe itself. So a probe stands a few instructions behind the entry, if
//! what it reads is still where it was.

use iced_x86::{
    Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, OpAccess,
    Register,
};

/// Instructions that are looked at from a function's entry on.
const INSTRUCTIONS_MAX: usize = 24;

/// Registers that hold a C function's arguments (System V ABI for x86-64, §3.2.3).
pub(crate) const C: [Register; 4] = [Register::RDI, Register::RSI, Register::RDX, Register::RCX];
/// Those that hold a Go method's receiver, the first of its arguments, and the goroutine.
pub(crate) const GO: [Register; 3] = [Register::RAX, Register::RBX, Register::R14];

/// Bytes from the entry of the function `code` to a cheap place, where `arguments` are what they were at the
/// entry. With `returns` the place also does for a return probe, which finds the return address where the
/// stack ends.
///
/// Nothing if there is none: then the entry itself is the place.
pub(crate) fn cheap(code: &[u8], arguments: &[Register], returns: bool) -> Option<u64> {
    let mut walk = Walk::of(code, arguments);
    while let Some(instruction) = walk.next() {
        if returns && walk.has_moved_stack {
            return None;
        }
        if is_emulated(&instruction) {
            let at = instruction.ip();
            return (!is_target(code, at)).then_some(at);
        }
    }
    None
}

/// The function that the function `code` calls first, always, and with its own arguments; as bytes from the
/// entry of the one to the entry of the other.
pub(crate) fn callee(code: &[u8], arguments: &[Register]) -> Option<i64> {
    let mut walk = Walk::of(code, arguments);
    while let Some(instruction) = walk.next() {
        match instruction.code() {
            Code::Call_rel32_64 => return Some(instruction.near_branch64().cast_signed()),
            _ if instruction.flow_control() == FlowControl::Next => {}
            _ => return None,
        }
    }
    None
}

/// Whether the function `code` calls the one that is `callee` bytes from its entry.
pub(crate) fn calls(code: &[u8], callee: i64) -> bool {
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    decoder
        .iter()
        .any(|i| i.code() == Code::Call_rel32_64 && i.near_branch64().cast_signed() == callee)
}

/// From the entry on, up to where an argument is gone or the way parts. Addresses count from the entry.
struct Walk<'c> {
    decoder: Decoder<'c>,
    info: InstructionInfoFactory,
    arguments: &'c [Register],
    /// An instruction before moved the end of the stack.
    has_moved_stack: bool,
    last: Option<Instruction>,
    count: usize,
}

// === impl Walk ===

impl<'c> Walk<'c> {
    fn of(code: &'c [u8], arguments: &'c [Register]) -> Self {
        Self {
            decoder: Decoder::new(64, code, DecoderOptions::NONE),
            info: InstructionInfoFactory::new(),
            arguments,
            has_moved_stack: false,
            last: None,
            count: 0,
        }
    }

    fn next(&mut self) -> Option<Instruction> {
        if let Some(last) = self.last.take() {
            self.pass(&last)?;
        }
        self.count += 1;
        if self.count > INSTRUCTIONS_MAX || !self.decoder.can_decode() {
            return None;
        }
        let instruction = self.decoder.decode();
        self.last = Some(instruction);
        (!instruction.is_invalid()).then_some(instruction)
    }

    /// What is true behind the instruction; nothing if the way ends there.
    fn pass(&mut self, instruction: &Instruction) -> Option<()> {
        if instruction.flow_control() != FlowControl::Next {
            return None;
        }
        for used in self.info.info(instruction).used_registers() {
            if matches!(used.access(), OpAccess::Read | OpAccess::CondRead | OpAccess::NoMemAccess)
            {
                continue;
            }
            let register = used.register().full_register();
            if self.arguments.contains(&register) {
                return None;
            }
            self.has_moved_stack |= register == Register::RSP;
        }
        Some(())
    }
}

/// Whether the kernel runs it by itself, in all its versions. Prefixes are allowed to none of them.
fn is_emulated(instruction: &Instruction) -> bool {
    match instruction.code() {
        Code::Call_rel32_64 | Code::Jmp_rel32_64 | Code::Jmp_rel8_64 => {
            matches!(instruction.len(), 2 | 5)
        }
        Code::Push_r64 => {
            // One byte, and REX.B for the upper registers (Linux 4.17 and later).
            let is_upper = instruction.op0_register().number() >= 8;
            instruction.len() == if is_upper { 2 } else { 1 }
        }
        Code::Nopd | Code::Nopq | Code::Nopw => instruction.len() == 1,
        code if code.is_jcc_short() => instruction.len() == 2,
        code if code.is_jcc_near() => instruction.len() == 6,
        _ => false,
    }
}

/// Whether the function jumps to `at` itself: a probe there would not tell its entry.
fn is_target(code: &[u8], at: u64) -> bool {
    if at == 0 {
        return false;
    }
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    decoder.iter().any(|i| {
        let jumps = matches!(
            i.flow_control(),
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
        );
        jumps && i.near_branch_target() == at
    })
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;

    /// `SSL_read` of OpenSSL 3.0 (Debian 12): the stack moves before anything the kernel emulates.
    const SSL_READ: [u8; 35] = [
        0x48, 0x83, 0xec, 0x18, // sub rsp, 24
        0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0, // mov rax, fs:40
        0x48, 0x89, 0x44, 0x24, 0x08, // mov [rsp+8], rax
        0x31, 0xc0, // xor eax, eax
        0x85, 0xd2, // test edx, edx
        0x78, 0x2f, // js +47
        0x48, 0x89, 0xe1, // mov rcx, rsp
        0x48, 0x63, 0xd2, // movsxd rdx, edx
        0xe8, 0x3d, 0xfe, 0xff, 0xff, // call -451: 416 bytes before the entry
    ];
    /// `SSL_read_ex`: calls what `SSL_read` calls.
    const SSL_READ_EX: [u8; 11] =
        [0x48, 0x83, 0xec, 0x08, 0xe8, 0xc7, 0xfd, 0xff, 0xff, 0x31, 0xd2];

    #[test]
    fn a_place_behind_the_entry_is_cheap() {
        assert_eq!(cheap(&SSL_READ, &C[..2], false), Some(22));
        assert_eq!(cheap(&SSL_READ, &C[..2], true), None);
        // push r15 at the entry; behind endbr64.
        assert_eq!(cheap(&[0x41, 0x57, 0xc3], &C, true), Some(0));
        assert_eq!(cheap(&[0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0xc3], &C, true), Some(4));
        // xor esi, esi; jmp: the argument is gone where only the first is not needed.
        let code = [0x31, 0xf6, 0xe9, 0, 1, 0, 0];
        assert_eq!(cheap(&code, &C, true), None);
        assert_eq!(cheap(&code, &C[..1], true), Some(2));
        // A loop back to the place.
        assert_eq!(cheap(&[0x85, 0xff, 0x53, 0x75, 0xfd], &C, true), None);
        assert_eq!(cheap(&[], &C, true), None);
    }

    #[test]
    fn what_is_called_first_is_found() {
        assert_eq!(callee(&SSL_READ_EX, &C), Some(-560));
        assert_eq!(callee(&SSL_READ, &C), None);
        assert!(calls(&SSL_READ, -416));
        assert!(!calls(&SSL_READ, -415));
    }
}
