/* What the TLS taps keep in the kernel and hand to user space, and the few kernel facts they use.
 *
 * The structures of the kernel are cut down to the fields that are read here; where a field really
 * lies is filled in when the program is loaded (CO-RE), from what the running kernel says of itself.
 */
#ifndef CALLSCOPE_TLS_H
#define CALLSCOPE_TLS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))
#define APART_ONCE __attribute__((noinline))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name

/* include/uapi/linux/bpf.h */
enum { BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_LRU_HASH = 9, BPF_MAP_TYPE_RINGBUF = 27 };
enum { BPF_ANY = 0, BPF_NOEXIST = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0 };

static void *(*const map_lookup)(const void *map, const void *key) = (void *)1;
static long (*const map_update)(const void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete)(const void *map, const void *key) = (void *)3;
static u64 (*const ktime_get_ns)(void) = (void *)5;
static u64 (*const get_current_pid_tgid)(void) = (void *)14;
static u64 (*const get_current_task)(void) = (void *)35;
static long (*const probe_read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*const probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static void *(*const ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*const ringbuf_submit)(void *record, u64 flags) = (void *)132;
static u64 (*const ringbuf_query)(void *ring, u64 what) = (void *)134;

/* --- What user space is told. Read by crates/plaintext/src/record.rs, field by field. --- */

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

/* --- What is kept between the two ends of a call. --- */

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

struct call {
	u64 object;
	u64 buffer;
	u64 out;
	u64 began;
	u32 tid;
	u8 dir;
	u8 form;
	u16 pad;
	/* The call this one is made inside of: TLS spoken inside of TLS. */
	struct outer {
		u64 object;
		u64 buffer;
		u64 out;
		u64 began;
		u8 dir;
		u8 form;
		u16 pad[3];
	} outer;
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

/* --- The kernel's, as far as it is read. --- */

#define CORE __attribute__((preserve_access_index))

struct in6_addr { u8 bytes[16]; };
struct ns_common { u32 inum; } CORE;
struct net { struct ns_common ns; } CORE;
typedef struct { struct net *net; } CORE possible_net_t;
struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} CORE;
struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
} CORE;
struct socket { struct sock *sk; } CORE;
struct inode { u16 i_mode; } CORE;
struct file {
	struct inode *f_inode;
	void *private_data;
} CORE;
struct fdtable {
	u32 max_fds;
	struct file **fd;
} CORE;
struct files_struct { struct fdtable *fdt; } CORE;
struct thread_struct { unsigned long fsbase; } CORE;
struct task_struct {
	struct thread_struct thread;
	struct files_struct *files;
} CORE;

#define READ(to, from) probe_read_kernel(&(to), sizeof(to), (const void *)__builtin_preserve_access_index(&(from)))

/* --- Registers at a probe (arch/.../include/uapi/asm/ptrace.h). --- */

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#define ARG1(regs) ((regs)->di)
#define ARG2(regs) ((regs)->si)
#define ARG3(regs) ((regs)->dx)
#define ARG4(regs) ((regs)->cx)
#define RETURNED(regs) ((regs)->ax)
/* Go's register convention (src/cmd/compile/abi-internal.md): RAX, RBX, RCX, …; R14 is the goroutine. */
#define GO_ARG1(regs) ((regs)->ax)
#define GO_ARG2(regs) ((regs)->bx)
#define GO_RETURNED(regs) ((regs)->ax)
#define GO_ROUTINE(regs) ((regs)->r14)
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	unsigned long regs[31], sp, pc, pstate;
};
#define ARG1(r) ((r)->regs[0])
#define ARG2(r) ((r)->regs[1])
#define ARG3(r) ((r)->regs[2])
#define ARG4(r) ((r)->regs[3])
#define RETURNED(r) ((r)->regs[0])
#define GO_ARG1(r) ((r)->regs[0])
#define GO_ARG2(r) ((r)->regs[1])
#define GO_RETURNED(r) ((r)->regs[0])
#define GO_ROUTINE(r) ((r)->regs[28])
#else
#error "which machine?"
#endif

#endif
