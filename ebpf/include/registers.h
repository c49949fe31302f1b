/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * A user program's registers as a uprobe sees them: the one thing that differs between machines.
 * A source that includes this file is built once for each machine.
 */
#pragma once

#include "bpf.h"

#if defined(TARGET_X86_64)

struct registers {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	u64 ax, cx, dx, si, di;
	u64 orig_ax, ip, cs, flags, sp, ss;
};
#define ARGUMENT_1(r) ((r)->di)
#define ARGUMENT_2(r) ((r)->si)
#define ARGUMENT_3(r) ((r)->dx)
#define ARGUMENT_4(r) ((r)->cx)
#define ARGUMENT_5(r) ((r)->r8)
#define ARGUMENT_6(r) ((r)->r9)
#define RETURNED(r) ((r)->ax)
#define STACK(r) ((r)->sp)

#elif defined(TARGET_ARM64)

struct registers {
	u64 regs[31];
	u64 sp, pc, pstate;
};
#define ARGUMENT_1(r) ((r)->regs[0])
#define ARGUMENT_2(r) ((r)->regs[1])
#define ARGUMENT_3(r) ((r)->regs[2])
#define ARGUMENT_4(r) ((r)->regs[3])
#define ARGUMENT_5(r) ((r)->regs[4])
#define ARGUMENT_6(r) ((r)->regs[5])
#define RETURNED(r) ((r)->regs[0])
#define STACK(r) ((r)->sp)

#else
#error "which machine's registers?"
#endif
