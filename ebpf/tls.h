/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the TLS taps keep in the kernel and hand to user space.
 */
#pragma once

#include "bpf.h"
#include "kernel.h"
#include "registers.h"

/* Helper functions that only these programs use. */
static u32 (*const processor_id)(void) = HELPER(8);

/* A wake-up is an interrupt to oneself: user space looks at the ring every few milliseconds instead. */
enum { RING_NO_WAKEUP = 1, RING_FORCE_WAKEUP = 2 };

/* Verified by itself, once: not at each place that calls it. */
#define VERIFIED_ONCE __attribute__((noinline))

/* === What user space is told. Read by crates/plaintext/src/record.rs, field by field. === */

enum kind {
	KIND_DATA = 1,   /* `len` bytes of plaintext follow */
	KIND_GAP = 2,    /* `len` bytes of plaintext that can't be copied */
	KIND_CLOSE = 3,  /* the library gave the connection up; `offset` is what was read, `whole` written */
	KIND_EXEC = 4,   /* the process runs another program from here on */
	KIND_EXIT = 5,   /* the process is gone */
};
enum dir { DIR_READ = 0, DIR_WRITE = 1, DIR_NEITHER = 2 };
enum role { ROLE_UNKNOWN = 0, ROLE_CLIENT = 1, ROLE_SERVER = 2 };

struct address {
	u32 family; /* 0: not known */
	u32 netns;
	u16 local_port;
	u16 remote_port;
	u32 pad;
	u8 local[16]; /* IPv4: the first four */
	u8 remote[16];
};

struct head {
	u64 at;          /* ns since boot: when a read returned, when a write was begun */
	u64 connection;  /* a number that is never used twice */
	u64 offset;      /* of the first byte in its direction */
	u64 whole;       /* bytes of the whole read or write */
	u64 write_since; /* with a read: since when a write has been going on; 0: none */
	u32 tgid;
	u32 tid;
	u32 len;
	u8 kind;
	u8 dir;
	u8 role;
	u8 is_whole; /* its handshake was seen: `offset` counts from the first byte */
	struct address address;
};

/* === What is kept between the two ends of a call. === */

enum form {
	FORM_INT,    /* returns how many, as an int */
	FORM_FLAG,   /* returns 1, and writes how many to where `out` points */
	FORM_LONG,   /* returns how many, as a long */
	FORM_OPAQUE, /* returns how many, as a long; the bytes are not in memory of the process */
	FORM_NONE,   /* carries no data: a handshake */
};

struct caller {
	u64 who; /* thread, or goroutine */
	u32 tgid;
	u32 pad;
};

/* A call of the library that has not returned. */
struct call {
	u64 object; /* 0: there is none */
	u64 buffer;
	u64 out;
	u64 began;
	u8 dir;
	u8 form;
	u16 pad[3];
};

/* What a thread or goroutine is in the midst of. Kept from call to call: making and deleting costs. */
struct calls {
	struct call open;
	struct call outer; /* the one it was made inside of: TLS spoken inside of TLS */
};

struct object {
	u64 at; /* the library's own structure for the connection */
	u32 tgid;
	u32 pad;
};

struct connection {
	u64 number;
	u64 offset[2];
	u64 write_since;
	u64 retry; /* the buffer of a write that said "again" */
	u64 sock;
	struct address address;
	struct address candidate;
	u32 ports;  /* of `sock` */
	u32 agreed; /* how often the candidate was seen */
	u32 role;
	u32 is_whole;
};

/* What a thread did last, for libraries that leave reading and writing to the application. */
struct thread {
	struct address received;
	u64 is_fresh; /* nobody has used what was received */
	u64 wrote;    /* object it wrote to, and sends from next */
};

/* Loss counters; crates/plaintext/src/counts.rs has their words. */
enum loss { LOST_RING, LOST_FAULT, LOST_OPAQUE, LOST_LARGE, LOST_NOTICE, LOSSES };

/* === Members of kernel structs that only these programs read === */

struct inode {
	u16 i_mode;
} RELOCATED;

struct socket {
	struct sock *sk;
} RELOCATED;

struct file___of_socket {
	struct inode *f_inode;
	void *private_data;
} RELOCATED;

struct fdtable {
	u32 max_fds;
	struct file **fd;
} RELOCATED;

struct files_struct {
	struct fdtable *fdt;
} RELOCATED;

/* x86 alone. */
struct thread_struct {
	unsigned long fsbase;
} RELOCATED;

struct task_struct___own {
	struct thread_struct thread;
	struct files_struct *files;
} RELOCATED;

/* === Go's register convention (src/cmd/compile/abi-internal.md) === */

#if defined(TARGET_X86_64)
#define GO_ARGUMENT_1(r) ((r)->ax)
#define GO_ARGUMENT_2(r) ((r)->bx)
#define GO_RETURNED(r) ((r)->ax)
#define GO_ROUTINE(r) ((r)->r14)
#else
#define GO_ARGUMENT_1(r) ((r)->regs[0])
#define GO_ARGUMENT_2(r) ((r)->regs[1])
#define GO_RETURNED(r) ((r)->regs[0])
#define GO_ROUTINE(r) ((r)->regs[28])
#endif
