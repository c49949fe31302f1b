/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * The library is called, and returns.
 */
#pragma once

#include "connections.h"

INLINE int enter(u64 who, u64 object, u64 buffer, u64 out, u8 dir, u8 form, u32 speaks)
{
	u64 pid_tgid = current_pid_tgid();
	u32 tgid = pid_tgid >> 32, tid = (u32)pid_tgid;
	if (tgid == own_tgid || !object)
		return 0;
	struct caller key = { .who = who, .tgid = tgid };
	struct calls *calls = map_lookup(&CALLS, &key);
	if (!calls) {
		struct calls none = {};
		map_update(&CALLS, &key, &none, UPDATE_ANY);
		calls = map_lookup(&CALLS, &key);
		if (!calls)
			return 0;
	}
	u64 now = ktime_ns();
	if (calls->open.object && calls->open.object != object)
		calls->outer = calls->open;
	else
		calls->outer.object = 0;
	calls->open.object = object;
	calls->open.buffer = buffer;
	calls->open.out = out;
	calls->open.began = now;
	calls->open.dir = dir;
	calls->open.form = form;
	struct connection *of = connection_of(object, tgid, speaks);
	if (!of)
		return 0;
	if (dir == DIR_NEITHER && !of->offset[0] && !of->offset[1])
		of->is_whole = 1;
	if (dir == DIR_WRITE)
		of->write_since = now;
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
		if ((s32)returned <= 0 || read_user(&count, sizeof(count), (const void *)call->out))
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
	struct calls *calls = map_lookup(&CALLS, &key);
	if (!calls || !calls->open.object)
		return 0;
	struct call call = calls->open;
	calls->open = calls->outer;
	calls->outer.object = 0;
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
