/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What is kept from call to call, and what is said of it to user space.
 */
#pragma once

#include "../tls.h"

struct {
	MAP_UINT(type, MAP_RINGBUF);
	MAP_UINT(max_entries, 1 << 25); /* set anew by the loader */
} RECORDS SECTION(".maps");

struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, 1 << 14);
	MAP_TYPE(key, struct caller);
	MAP_TYPE(value, struct calls);
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

/* Set by the loader: the process that must not be tapped (our own). */
const volatile u32 own_tgid = 0;

enum {
	/* Copied at a time; a write of `CHUNKS` of them is copied whole, what is longer is a gap. */
	CHUNK = 1 << 15,
	CHUNKS = 2048,
	/* Records for what is shorter. */
	SMALL = 384,
	MEDIUM = 4000,
	/* A TLS record's plaintext at most. */
	LARGE = 1 << 14,
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
	if (piece->len <= SMALL)
		put(of, piece, SMALL, RING_NO_WAKEUP);
	else if (piece->len <= MEDIUM)
		put(of, piece, MEDIUM, RING_NO_WAKEUP);
	else if (piece->len <= LARGE)
		put(of, piece, LARGE, RING_NO_WAKEUP);
	else
		put(of, piece, CHUNK, RING_NO_WAKEUP);
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
		put_chunk(of, &piece, (i & 31) == 31 ? RING_FORCE_WAKEUP : RING_NO_WAKEUP);
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
