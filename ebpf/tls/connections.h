/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Connections, and the sockets that carry them.
 */
#pragma once

#include "records.h"

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
