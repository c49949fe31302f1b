/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What TLS libraries read and write: taken where the library returns to the application.
 *
 * Each read and write is met twice: at its entry (which connection, which buffer) and at its return
 * (how many bytes). The socket below is learned from the sends and receives that the same thread or
 * goroutine makes in between. Nothing here changes what the application does.
 */
#include "tls.h"
#include "registers.h"

char under[] SECTION("license") = "GPL";

struct {
	MAP_UINT(type, MAP_RINGBUF);
	MAP_UINT(max_entries, 1 << 25); /* set anew by the loader */
} RECORDS SECTION(".maps");

struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, 1 << 14);
	MAP_TYPE(key, struct caller);
	MAP_TYPE(value, struct call);
} CALLS SECTION(".maps");

struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, 1 << 16);
	MAP_TYPE(key, struct object);
	MAP_TYPE(value, struct connection);
} CONNECTIONS SECTION(".maps");

struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, 1 << 14);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, struct thread);
} THREADS SECTION(".maps");

/* Processes that were seen to speak TLS, and whether they are Go's. */
struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, 1 << 14);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u32);
} SPEAKERS SECTION(".maps");
enum { SPEAKS = 1, SPEAKS_GO = 2 };

struct {
	MAP_UINT(type, MAP_PERCPU_ARRAY);
	MAP_UINT(max_entries, LOSSES);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} LOST SECTION(".maps");

/* The last number given to a connection; one counter a processor. */
struct {
	MAP_UINT(type, MAP_PERCPU_ARRAY);
	MAP_UINT(max_entries, 1);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} NUMBERS SECTION(".maps");

/* Set by the loader: the process that must not be tapped (our own), and when a full ring wakes us. */
const volatile u32 own_tgid = 0;
const volatile u64 wake_bytes = 1 << 20;

enum {
	/* Copied at a time; a write of `CHUNKS` of them is copied whole, what is longer is a gap. */
	CHUNK = 1 << 15,
	CHUNKS = 2048,
	/* Records for what is shorter. */
	SMALL = 384,
	MEDIUM = 4000,
	/* How often a socket must be met beside a connection, never inside of a call, to be its own. */
	AGREED = 2,
	/* And how often another one, until it is believed to be another connection. */
	AGREED_ANEW = 8,
	S_IFMT = 0170000,
	S_IFSOCK = 0140000,
	AF_INET = 2,
	AF_INET6 = 10,
	IPPROTO_TCP = 6,
	GNUTLS_AGAIN = -28,
	GNUTLS_INTERRUPTED = -52,
	GNUTLS_SERVER = 1,
	GNUTLS_CLIENT = 2,
};

INLINE void lose(u32 what, u64 count)
{
	u64 *lost = map_lookup(&LOST, &what);
	if (lost)
		*lost += count;
}

INLINE u64 next_number(void)
{
	u32 zero = 0;
	u64 *last = map_lookup(&NUMBERS, &zero);
	if (!last)
		return 0;
	*last += 1;
	return ((u64)processor_id() << 48) | *last;
}

/* === Records. === */

INLINE void fill(struct head *head, const struct connection *of, u8 kind, u8 dir)
{
	u64 pid_tgid = current_pid_tgid();
	head->at = ktime_ns();
	head->connection = of->number;
	head->offset = 0;
	head->whole = 0;
	head->write_since = 0;
	head->tgid = pid_tgid >> 32;
	head->tid = (u32)pid_tgid;
	head->len = 0;
	head->kind = kind;
	head->dir = dir;
	head->role = of->role;
	head->is_whole = of->is_whole;
	head->address = of->address;
}

/* Where the bytes of one read or write are, and how far they are told. */
struct piece {
	u64 from;
	u64 offset;
	u64 whole;
	u64 at;
	u64 write_since;
	u32 len;
	u32 dir;
};

INLINE void fill_piece(struct head *head, const struct connection *of, const struct piece *piece)
{
	fill(head, of, KIND_DATA, piece->dir);
	head->at = piece->at;
	head->offset = piece->offset;
	head->whole = piece->whole;
	head->write_since = piece->write_since;
	head->len = piece->len;
}

/* `room` is a constant at each place where this is inlined. */
INLINE void put(const struct connection *of, const struct piece *piece, const u32 room, u64 wake)
{
	u64 len = piece->len;
	struct head *head = ring_reserve(&RECORDS, sizeof(*head) + room, 0);
	if (!head) {
		lose(LOST_RING, len);
		return;
	}
	fill_piece(head, of, piece);
	/* The compiler must not know better than the verifier. */
	__asm__ volatile("" : "+r"(len));
	if (len > room || read_user(head + 1, len, (const void *)piece->from)) {
		/* Its page is not in memory. */
		head->kind = KIND_GAP;
		lose(LOST_FAULT, piece->len);
	}
	ring_submit(head, wake);
}

/* Not static: the verifier looks at it once, and not in every turn of the loop that calls it. */
VERIFIED_ONCE int put_chunk(const struct connection *of, const struct piece *piece, u64 wake)
{
	if (!of || !piece)
		return 0;
	put(of, piece, CHUNK, wake);
	return 0;
}

CALLED int put_rest(const struct connection *of, const struct piece *piece)
{
	if (!of || !piece)
		return 0;
	u64 waiting = ring_query(&RECORDS, RING_BYTES_WAITING);
	u64 wake = waiting > wake_bytes ? RING_FORCE_WAKEUP : RING_NO_WAKEUP;
	if (piece->len <= SMALL)
		put(of, piece, SMALL, wake);
	else if (piece->len <= MEDIUM)
		put(of, piece, MEDIUM, wake);
	else
		put(of, piece, CHUNK, wake);
	return 0;
}

/* Says that the piece is missing: user space then need not wait for the next offset to see it. */
CALLED int put_gap(const struct connection *of, const struct piece *piece)
{
	if (!of || !piece)
		return 0;
	struct head *head = ring_reserve(&RECORDS, sizeof(*head), 0);
	if (!head) {
		lose(LOST_NOTICE, 1);
		return 0;
	}
	fill_piece(head, of, piece);
	head->kind = KIND_GAP;
	ring_submit(head, RING_NO_WAKEUP);
	return 0;
}

CALLED int put_bytes(struct connection *of, const struct call *call, u64 count, u64 write_since)
{
	if (!of || !call)
		return 0;
	u32 dir = call->dir & 1;
	u64 now = ktime_ns();
	struct piece piece = {
		.from = call->buffer,
		.offset = of->offset[dir],
		.whole = count,
		/* A write begins when it is begun, and ends when it returns. */
		.at = dir == DIR_WRITE ? call->began : now,
		.write_since = write_since,
		.dir = dir,
	};
	of->offset[dir] += count;
	for (u32 i = 0; i < CHUNKS && count > CHUNK; i++) {
		piece.len = CHUNK;
		/* A long one wakes user space while it is copied: the ring need not hold all of it. */
		put_chunk(of, &piece, (i & 15) ? RING_NO_WAKEUP : RING_FORCE_WAKEUP);
		piece.at = now;
		piece.from += CHUNK;
		piece.offset += CHUNK;
		count -= CHUNK;
	}
	if (count > CHUNK) {
		lose(LOST_LARGE, count);
		piece.len = count > 0xffffffff ? 0xffffffff : count;
		return put_gap(of, &piece);
	}
	piece.len = count;
	return put_rest(of, &piece);
}

INLINE void put_notice(const struct connection *of, u8 kind, u64 wake)
{
	struct head *head = ring_reserve(&RECORDS, sizeof(*head), 0);
	if (!head) {
		lose(LOST_NOTICE, 1);
		return;
	}
	fill(head, of, kind, DIR_NEITHER);
	head->offset = of->offset[DIR_READ];
	head->whole = of->offset[DIR_WRITE];
	ring_submit(head, wake);
}

/* === Connections. === */

INLINE struct connection *connection_at(u64 object, u32 tgid)
{
	struct object key = { .at = object, .tgid = tgid };
	return map_lookup(&CONNECTIONS, &key);
}

CALLED struct connection *connection_of(u64 object, u64 tgid, u64 speaks)
{
	struct object key = { .at = object, .tgid = (u32)tgid };
	struct connection *known = map_lookup(&CONNECTIONS, &key);
	if (known)
		return known;
	struct connection fresh = {};
	fresh.number = next_number();
	map_update(&CONNECTIONS, &key, &fresh, UPDATE_NEW);
	u32 process = (u32)tgid, how = (u32)speaks;
	if (!map_lookup(&SPEAKERS, &process))
		map_update(&SPEAKERS, &process, &how, UPDATE_ANY);
	return map_lookup(&CONNECTIONS, &key);
}

INLINE int same_address(const struct address *a, const struct address *b)
{
	const u64 *x = (const u64 *)a->local, *y = (const u64 *)b->local;
	return a->family == b->family && a->local_port == b->local_port &&
	       a->remote_port == b->remote_port && a->netns == b->netns && x[0] == y[0] &&
	       x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

/* Whether it is a TCP socket with two ends. */
INLINE int read_address(const struct sock *sock, struct address *to)
{
	u16 family = 0, protocol = 0, port = 0;
	struct net *net = 0;
	READ(family, sock->__sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	READ(protocol, sock->sk_protocol);
	if (protocol != IPPROTO_TCP)
		return 0;
	to->family = family;
	READ(to->local_port, sock->__sk_common.skc_num);
	READ(port, sock->__sk_common.skc_dport);
	to->remote_port = __builtin_bswap16(port);
	if (family == AF_INET) {
		u32 ip = 0;
		READ(ip, sock->__sk_common.skc_rcv_saddr);
		__builtin_memcpy(to->local, &ip, 4);
		READ(ip, sock->__sk_common.skc_daddr);
		__builtin_memcpy(to->remote, &ip, 4);
	} else {
		READ(to->local, sock->__sk_common.skc_v6_rcv_saddr);
		READ(to->remote, sock->__sk_common.skc_v6_daddr);
	}
	READ(net, sock->__sk_common.skc_net.net);
	if (net)
		READ(to->netns, net->ns.inum);
	return to->remote_port != 0;
}

/* The connection is on this socket; if it was on another one, it is another connection. */
INLINE void settle(struct connection *of, const struct address *address)
{
	if (of->address.family && !same_address(&of->address, address) &&
	    (of->offset[0] || of->offset[1])) {
		put_notice(of, KIND_CLOSE, RING_NO_WAKEUP);
		of->number = next_number();
		of->offset[0] = of->offset[1] = 0;
		of->role = ROLE_UNKNOWN;
		of->is_whole = 0;
	}
	of->address = *address;
}

/* A socket was used beside the connection, not inside of a call: believed when it happens again. */
INLINE void suppose(struct connection *of, const struct address *address)
{
	if (of->sock)
		return;
	if (!same_address(&of->candidate, address)) {
		of->candidate = *address;
		of->agreed = 0;
	}
	of->agreed += 1;
	u32 enough = of->address.family ? AGREED_ANEW : AGREED;
	if (of->agreed == enough)
		settle(of, address);
}

/* === The library is called, and returns. === */

INLINE int enter(u64 who, u64 object, u64 buffer, u64 out, u8 dir, u8 form, u32 speaks)
{
	u64 pid_tgid = current_pid_tgid();
	u32 tgid = pid_tgid >> 32, tid = (u32)pid_tgid;
	if (tgid == own_tgid || !object)
		return 0;
	struct caller key = { .who = who, .tgid = tgid };
	struct call call = {
		.object = object,
		.buffer = buffer,
		.out = out,
		.began = ktime_ns(),
		.tid = tid,
		.dir = dir,
		.form = form,
	};
	struct call *open = map_lookup(&CALLS, &key);
	if (open && open->object != object) {
		call.outer.object = open->object;
		call.outer.buffer = open->buffer;
		call.outer.out = open->out;
		call.outer.began = open->began;
		call.outer.dir = open->dir;
		call.outer.form = open->form;
	}
	map_update(&CALLS, &key, &call, UPDATE_ANY);
	struct connection *of = connection_of(object, tgid, speaks);
	if (!of)
		return 0;
	if (dir == DIR_NEITHER && !of->offset[0] && !of->offset[1])
		of->is_whole = 1;
	if (dir == DIR_WRITE)
		of->write_since = call.began;
	if (of->sock)
		return 0;
	struct thread *thread = map_lookup(&THREADS, &tid);
	if (!thread)
		return 0;
	if (dir != DIR_WRITE && thread->is_fresh) {
		thread->is_fresh = 0;
		suppose(of, &thread->received);
	}
	return 0;
}

/* How many bytes it was; 0 for none. */
INLINE u64 count_of(const struct call *call, u64 returned)
{
	u64 count = 0;
	switch (call->form) {
	case FORM_INT:
		return (s32)returned > 0 ? (u32)returned : 0;
	case FORM_FLAG:
		if ((s32)returned != 1 || read_user(&count, sizeof(count), (const void *)call->out))
			return 0;
		return count;
	case FORM_LONG:
	case FORM_OPAQUE:
		return (s64)returned > 0 ? returned : 0;
	default:
		return 0;
	}
}

/* GnuTLS keeps what it could not send; the application then asks again, often without the bytes. */
INLINE void mind_retry(struct connection *of, struct call *call, u64 returned)
{
	if (call->form != FORM_LONG || call->dir != DIR_WRITE)
		return;
	s32 code = (s32)returned;
	if (call->buffer && (code == GNUTLS_AGAIN || code == GNUTLS_INTERRUPTED))
		of->retry = call->buffer;
	if (!call->buffer)
		call->buffer = of->retry;
}

INLINE int leave(u64 who, u64 returned)
{
	u64 pid_tgid = current_pid_tgid();
	u32 tgid = pid_tgid >> 32, tid = (u32)pid_tgid;
	struct caller key = { .who = who, .tgid = tgid };
	struct call *open = map_lookup(&CALLS, &key);
	if (!open)
		return 0;
	struct call call = *open;
	if (call.outer.object) {
		open->object = call.outer.object;
		open->buffer = call.outer.buffer;
		open->out = call.outer.out;
		open->began = call.outer.began;
		open->dir = call.outer.dir;
		open->form = call.outer.form;
		open->outer.object = 0;
	} else {
		map_delete(&CALLS, &key);
	}
	struct connection *of = connection_at(call.object, tgid);
	if (!of)
		return 0;
	u64 write_since = of->write_since;
	if (call.dir == DIR_WRITE) {
		of->write_since = 0;
		write_since = 0;
	}
	mind_retry(of, &call, returned);
	if (call.dir != DIR_READ && !of->sock) {
		/* What it made of it leaves by the next send of this thread. */
		struct thread *thread = map_lookup(&THREADS, &tid);
		if (thread) {
			thread->wrote = call.object;
		} else {
			struct thread fresh = { .wrote = call.object };
			map_update(&THREADS, &tid, &fresh, UPDATE_ANY);
		}
	}
	u64 count = count_of(&call, returned);
	if (!count)
		return 0;
	if (call.form == FORM_OPAQUE) {
		struct piece piece = {
			.offset = of->offset[call.dir & 1],
			.whole = count,
			.at = ktime_ns(),
			.len = count > 0xffffffff ? 0xffffffff : count,
			.dir = call.dir,
		};
		of->offset[call.dir & 1] += count;
		lose(LOST_OPAQUE, count);
		return put_gap(of, &piece);
	}
	return put_bytes(of, &call, count, write_since);
}

INLINE int set_role(u64 object, u32 role, u32 speaks)
{
	u32 tgid = current_pid_tgid() >> 32;
	if (tgid == own_tgid || !object)
		return 0;
	struct connection *of = connection_of(object, tgid, speaks);
	if (!of)
		return 0;
	of->role = role;
	if (!of->offset[0] && !of->offset[1])
		of->is_whole = 1;
	return 0;
}

INLINE int give_up(u64 object)
{
	struct object key = { .at = object, .tgid = (u32)(current_pid_tgid() >> 32) };
	struct connection *of = map_lookup(&CONNECTIONS, &key);
	if (!of)
		return 0;
	if (of->offset[0] || of->offset[1])
		put_notice(of, KIND_CLOSE, RING_NO_WAKEUP);
	map_delete(&CONNECTIONS, &key);
	return 0;
}

#define THREAD ((u64)(u32)current_pid_tgid())
/* Beside the number of a thread: it makes a connection. */
#define MAKING (1ull << 63)

/* === OpenSSL, BoringSSL, LibreSSL: (SSL *, buffer, number[, how many]). === */

SECTION("uprobe/ssl_read")
int ssl_read(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), ARGUMENT_2(regs), 0, DIR_READ, FORM_INT, SPEAKS);
}

SECTION("uprobe/ssl_write")
int ssl_write(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), ARGUMENT_2(regs), 0, DIR_WRITE, FORM_INT, SPEAKS);
}

SECTION("uprobe/ssl_read_ex")
int ssl_read_ex(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), ARGUMENT_2(regs), ARGUMENT_4(regs), DIR_READ, FORM_FLAG, SPEAKS);
}

SECTION("uprobe/ssl_write_ex")
int ssl_write_ex(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), ARGUMENT_2(regs), ARGUMENT_4(regs), DIR_WRITE, FORM_FLAG, SPEAKS);
}

/* With kTLS the kernel sends a file: the bytes never are in the process. */
SECTION("uprobe/opaque_write")
int opaque_write(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), 0, 0, DIR_WRITE, FORM_OPAQUE, SPEAKS);
}

SECTION("uprobe/opaque_read")
int opaque_read(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), 0, 0, DIR_READ, FORM_OPAQUE, SPEAKS);
}

SECTION("uprobe/handshake")
int handshake(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), 0, 0, DIR_NEITHER, FORM_NONE, SPEAKS);
}

SECTION("uprobe/is_client")
int is_client(struct registers *regs)
{
	return set_role(ARGUMENT_1(regs), ROLE_CLIENT, SPEAKS);
}

SECTION("uprobe/is_server")
int is_server(struct registers *regs)
{
	return set_role(ARGUMENT_1(regs), ROLE_SERVER, SPEAKS);
}

SECTION("uprobe/freed")
int freed(struct registers *regs)
{
	return give_up(ARGUMENT_1(regs));
}

SECTION("uretprobe/returns")
int returns(struct registers *regs)
{
	return leave(THREAD, RETURNED(regs));
}

/* === GnuTLS: (session, buffer, size). === */

SECTION("uprobe/gnutls_recv")
int gnutls_recv(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), ARGUMENT_2(regs), 0, DIR_READ, FORM_LONG, SPEAKS);
}

SECTION("uprobe/gnutls_send")
int gnutls_send(struct registers *regs)
{
	return enter(THREAD, ARGUMENT_1(regs), ARGUMENT_2(regs), 0, DIR_WRITE, FORM_LONG, SPEAKS);
}

/* gnutls_init(&session, flags): the session is known at its return. */
SECTION("uprobe/gnutls_init")
int gnutls_init(struct registers *regs)
{
	struct caller key = { .who = THREAD | MAKING, .tgid = current_pid_tgid() >> 32 };
	struct call call = { .out = ARGUMENT_1(regs), .object = ARGUMENT_2(regs) };
	map_update(&CALLS, &key, &call, UPDATE_ANY);
	return 0;
}

SECTION("uretprobe/gnutls_init_returns")
int gnutls_init_returns(struct registers *regs)
{
	struct caller key = { .who = THREAD | MAKING, .tgid = current_pid_tgid() >> 32 };
	struct call *open = map_lookup(&CALLS, &key);
	if (!open)
		return 0;
	u64 flags = open->object, session = 0, out = open->out;
	map_delete(&CALLS, &key);
	if ((s32)RETURNED(regs) != 0 || read_user(&session, sizeof(session), (const void *)out))
		return 0;
	return set_role(session, flags & GNUTLS_CLIENT ? ROLE_CLIENT : ROLE_SERVER, SPEAKS);
}

/* === Go: (*Conn).Read and Write(buffer); at each RET, since the stack may have moved in between. === */

INLINE int go_enter(struct registers *regs, u8 dir)
{
	u64 object = GO_ARGUMENT_1(regs);
	enter(GO_ROUTINE(regs), object, GO_ARGUMENT_2(regs), 0, dir, FORM_LONG, SPEAKS_GO);
	struct connection *of = connection_at(object, current_pid_tgid() >> 32);
	if (!of || of->role)
		return 0;
	/* type Conn struct { conn net.Conn; isClient bool; … } */
	u8 client = 2;
	if (!read_user(&client, 1, (const void *)(object + 16)) && client < 2)
		of->role = client ? ROLE_CLIENT : ROLE_SERVER;
	return 0;
}

SECTION("uprobe/go_read")
int go_read(struct registers *regs)
{
	return go_enter(regs, DIR_READ);
}

SECTION("uprobe/go_write")
int go_write(struct registers *regs)
{
	return go_enter(regs, DIR_WRITE);
}

SECTION("uprobe/go_returns")
int go_returns(struct registers *regs)
{
	return leave(GO_ROUTINE(regs), GO_RETURNED(regs));
}

/* (*Conn).clientHandshake and serverHandshake: once a connection. */
SECTION("uprobe/go_is_client")
int go_is_client(struct registers *regs)
{
	return set_role(GO_ARGUMENT_1(regs), ROLE_CLIENT, SPEAKS_GO);
}

SECTION("uprobe/go_is_server")
int go_is_server(struct registers *regs)
{
	return set_role(GO_ARGUMENT_1(regs), ROLE_SERVER, SPEAKS_GO);
}

SECTION("uprobe/go_freed")
int go_freed(struct registers *regs)
{
	return give_up(GO_ARGUMENT_1(regs));
}

/* === The sockets below. === */

/* The goroutine that runs on this thread; 0 where it can't be told. */
INLINE u64 goroutine(void)
{
#if defined(TARGET_X86_64)
	/* Go keeps it at FS:-8 (src/runtime/sys_linux_amd64.s, settls). */
	struct task_struct___own *task = current_task();
	u64 base = 0, routine = 0;
	READ(base, task->thread.fsbase);
	if (!base || read_user(&routine, sizeof(routine), (const void *)(base - 8)))
		return 0;
	return routine;
#else
	return 0;
#endif
}

INLINE struct call *open_call(u32 tgid, u32 tid, u32 speaks)
{
	struct caller key = { .who = tid, .tgid = tgid };
	if (speaks != SPEAKS_GO)
		return map_lookup(&CALLS, &key);
	key.who = goroutine();
	return map_lookup(&CALLS, &key);
}

/* A thread sends or receives on a socket; `count` is what came of it. */
CALLED int on_socket(const struct sock *sock, u64 is_send, s64 count)
{
	u64 pid_tgid = current_pid_tgid();
	u32 tgid = pid_tgid >> 32, tid = (u32)pid_tgid;
	u32 *speaks = map_lookup(&SPEAKERS, &tgid);
	if (!speaks)
		return 0;
	struct address address = {};
	struct call *open = open_call(tgid, tid, *speaks);
	if (open) {
		struct connection *of = connection_at(open->object, tgid);
		if (!of)
			return 0;
		u32 ports = 0;
		u16 port = 0;
		READ(port, sock->__sk_common.skc_dport);
		READ(ports, sock->__sk_common.skc_num);
		ports = (ports & 0xffff) | ((u32)port << 16);
		if (of->sock == (u64)sock && of->ports == ports)
			return 0;
		if (!read_address(sock, &address))
			return 0;
		settle(of, &address);
		of->sock = (u64)sock;
		of->ports = ports;
		return 0;
	}
	if (count <= 0)
		return 0;
	struct thread *thread = map_lookup(&THREADS, &tid);
	if (is_send) {
		if (!thread || !thread->wrote)
			return 0;
		struct connection *of = connection_at(thread->wrote, tgid);
		thread->wrote = 0;
		if (of && !of->sock && read_address(sock, &address))
			suppose(of, &address);
		return 0;
	}
	if (!read_address(sock, &address))
		return 0;
	if (thread) {
		thread->received = address;
		thread->is_fresh = 1;
		return 0;
	}
	struct thread fresh = { .received = address, .is_fresh = 1 };
	map_update(&THREADS, &tid, &fresh, UPDATE_ANY);
	return 0;
}

/* Linux 6.3 and later: (struct sock *, int result, int flags). */
SECTION("raw_tp/sock_send_length")
int sock_send(struct raw_tracepoint *told)
{
	return on_socket((const struct sock *)told->args[0], 1, (s32)told->args[1]);
}

SECTION("raw_tp/sock_recv_length")
int sock_receive(struct raw_tracepoint *told)
{
	return on_socket((const struct sock *)told->args[0], 0, (s32)told->args[1]);
}

/* Before: the system calls themselves, and the socket behind their descriptor. */
struct syscall_entry {
	u64 common;
	s64 number;
	u64 argument[6];
};

INLINE const struct sock *socket_of(u64 descriptor)
{
	struct task_struct___own *task = current_task();
	struct files_struct *files = 0;
	struct fdtable *table = 0;
	struct file **slots = 0;
	struct file___of_socket *file = 0;
	struct inode *inode = 0;
	struct socket *socket = 0;
	struct sock *sock = 0;
	u32 slots_max = 0;
	u16 mode = 0;
	READ(files, task->files);
	if (!files)
		return 0;
	READ(table, files->fdt);
	if (!table)
		return 0;
	READ(slots_max, table->max_fds);
	READ(slots, table->fd);
	if (descriptor >= slots_max || read_kernel(&file, sizeof(file), slots + descriptor) || !file)
		return 0;
	READ(inode, file->f_inode);
	if (!inode)
		return 0;
	READ(mode, inode->i_mode);
	if ((mode & S_IFMT) != S_IFSOCK)
		return 0;
	READ(socket, file->private_data);
	if (socket)
		READ(sock, socket->sk);
	return sock;
}

INLINE int on_syscall(struct syscall_entry *entry, int is_send)
{
	u32 tgid = current_pid_tgid() >> 32;
	if (!map_lookup(&SPEAKERS, &tgid))
		return 0;
	const struct sock *sock = socket_of(entry->argument[0]);
	if (!sock)
		return 0;
	/* What will come of it is not known yet. */
	return on_socket(sock, is_send, 1);
}

SECTION("tracepoint/sys_enter_send")
int sys_send(struct syscall_entry *entry)
{
	return on_syscall(entry, 1);
}

SECTION("tracepoint/sys_enter_receive")
int sys_receive(struct syscall_entry *entry)
{
	return on_syscall(entry, 0);
}

/* === Processes come and go. === */

SECTION("raw_tp/sched_process_exec")
int process_exec(void *arguments)
{
	struct connection none = {};
	u32 tgid = current_pid_tgid() >> 32;
	map_delete(&SPEAKERS, &tgid);
	put_notice(&none, KIND_EXEC, RING_FORCE_WAKEUP);
	return 0;
}

SECTION("raw_tp/sched_process_exit")
int process_exit(void *arguments)
{
	u64 pid_tgid = current_pid_tgid();
	u32 tgid = pid_tgid >> 32, tid = (u32)pid_tgid;
	if (tgid != tid || !map_lookup(&SPEAKERS, &tgid))
		return 0;
	struct connection none = {};
	map_delete(&SPEAKERS, &tgid);
	put_notice(&none, KIND_EXIT, RING_NO_WAKEUP);
	return 0;
}

