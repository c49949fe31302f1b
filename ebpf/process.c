// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * Which process has which socket: told once for each connection and each process that takes it over,
 * not for each packet.
 *
 * TCP, by two tracepoints that exist since Linux 4.16:
 *   inet_sock_set_state     a connect and a listen run in their process. An accepted connection is
 *                           opened by the network, while any process is current: its owner is open.
 *   tcp_rcv_space_adjust    runs in the process that has just read from a connection: the owner of
 *                           accepted ones, of those opened before us, and of those handed on.
 * UDP (and TCP whose server speaks first) by sock_send_length and sock_recv_length, since Linux 6.3;
 * before, by cgroup hooks.
 */

#include "bpf.h"
#include "kernel.h"

char under[] SECTION("license") = "GPL";

/* Bytes of a command line that are taken; 0 takes none. Set by the loader. */
const volatile u32 arguments_bytes = 0;

/* === What is told: crates/process/src/hooks/record.rs reads the same === */

enum kind {
	KIND_PROCESS = 1,
	KIND_CONNECTED = 2, /* a client's connection is established */
	KIND_TAKEN = 3,     /* a process reads or writes a connection that wasn't its own */
	KIND_LISTENS = 4,
	KIND_CLOSED = 5,
	KIND_DATAGRAMS = 6, /* a process sends or receives on a UDP socket */
};

/* One life of one program in a process: an exec begins another one. */
struct incarnation {
	u64 started_ns; /* since boot */
	u64 cgroup;     /* in the hierarchy of cgroup v2 */
	u32 pid;
	u32 execs;
};

struct socket_event {
	u32 kind;
	u32 netns;
	u64 at_ns;    /* since boot */
	u64 since_ns; /* since when the connection is open; 0: since before we came */
	u64 socket;   /* tells sockets apart while they live */
	struct incarnation owner;
	u8 local[16]; /* IPv4: the first four bytes */
	u8 remote[16];
	u16 local_port; /* in the machine's order, as are all numbers here */
	u16 remote_port;
	u16 family;
	u16 protocol;
};

enum {
	PATH_PARTS = 16,
	PATH_PART_BYTES = 80,
	CGROUP_PARTS = 8,
	CGROUP_PART_BYTES = 112,
	ARGUMENTS_BYTES = 512,
	/* Steps up from a file to its root, mount points included. */
	CLIMB_MAX = 24,
};

/* Names from the innermost to the outermost. */
struct process_event {
	u32 kind;
	u32 netns;
	u64 at_ns;
	struct incarnation process;
	u32 parent;
	u32 uid;
	u32 own_pid; /* in its own pid namespace */
	u8 path_parts;
	u8 v2_parts;
	u8 v1_parts;
	u8 cut; /* bits: 1 the path, 2 the v2 cgroup, 4 the v1 cgroup has more parts */
	u32 arguments; /* bytes */
	char name[16];
	char path[PATH_PARTS][PATH_PART_BYTES];
	char v2[CGROUP_PARTS][CGROUP_PART_BYTES];
	char v1[CGROUP_PARTS][CGROUP_PART_BYTES]; /* in the hierarchy of the memory controller */
	char command_line[ARGUMENTS_BYTES];
};

/* === State === */

/* A TCP socket we know: since when, and whose. */
struct connection {
	u64 since_ns;
	struct incarnation owner; /* pid 0: nobody yet */
	u32 told;
	u32 unused;
};

struct datagrams {
	u32 pid;
	u16 port;
	u16 unused;
};

struct {
	MAP_UINT(type, MAP_RINGBUF);
	MAP_UINT(max_entries, 4 << 20);
} events SECTION(".maps");

struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, 1 << 17);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, struct connection);
} connections SECTION(".maps");

struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, 1 << 14);
	MAP_TYPE(key, u64);
	MAP_TYPE(value, struct datagrams);
} datagram_sockets SECTION(".maps");

/* Processes whose facts were told. */
struct {
	MAP_UINT(type, MAP_LRU_HASH);
	MAP_UINT(max_entries, 1 << 14);
	MAP_TYPE(key, struct incarnation);
	MAP_TYPE(value, u32);
} told SECTION(".maps");

/* Events that found no room: [0] of sockets, [1] of processes. */
struct {
	MAP_UINT(type, MAP_PERCPU_ARRAY);
	MAP_UINT(max_entries, 2);
	MAP_TYPE(key, u32);
	MAP_TYPE(value, u64);
} lost SECTION(".maps");

enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_FIN_WAIT1 = 4, TCP_CLOSE = 7, TCP_LAST_ACK = 9, TCP_LISTEN = 10 };
enum { AF_INET = 2, AF_INET6 = 10 };
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

INLINE void count_lost(u32 which)
{
	u64 *count = map_lookup(&lost, &which);
	if (count)
		*count += 1;
}

/* === The current process === */

INLINE u32 netns_of(struct net *net)
{
	u32 netns = 0;
	if (net)
		READ(netns, net->ns.inum);
	return netns;
}

INLINE u32 current_netns(struct task_struct *task)
{
	struct nsproxy *proxy;
	struct net *net = NULL;
	READ(proxy, task->nsproxy);
	if (proxy)
		READ(net, proxy->net_ns);
	return netns_of(net);
}

/* The parent in the tree of cgroups. */
INLINE struct kernfs_node *above(struct kernfs_node *node)
{
	struct kernfs_node___before_6_15 *old = (void *)node;
	struct kernfs_node *parent;
	if (HAS_FIELD(node->__parent))
		READ(parent, node->__parent);
	else
		READ(parent, old->parent);
	return parent;
}

/* Names from a cgroup up to its root, which has none. */
INLINE u8 tell_cgroup(struct cgroup *cgroup, char (*parts)[CGROUP_PART_BYTES], bool *cut)
{
	struct kernfs_node *node = NULL;
	u8 count = 0;
	if (cgroup)
		READ(node, cgroup->kn);
	for (int i = 0; i < CGROUP_PARTS; i++) {
		struct kernfs_node *parent;
		const char *name;
		if (!node)
			return count;
		parent = above(node);
		if (!parent)
			return count;
		READ(name, node->name);
		if (read_kernel_text(parts[i], CGROUP_PART_BYTES, name) < 0)
			return count;
		count = i + 1;
		node = parent;
	}
	*cut = node && above(node);
	return count;
}

/*
 * Names from the program's file up to the root of its mount namespace. The count is kept in the event,
 * of whose values the verifier knows nothing: it needn't follow each of them by itself.
 */
INLINE void tell_path(struct mm_struct *mm, struct process_event *event)
{
	struct file *file;
	struct path path;
	struct mount *mount;
	READ(file, mm->exe_file);
	if (!file)
		return;
	READ(path.mnt, file->f_path.mnt);
	READ(path.dentry, file->f_path.dentry);
	mount = (void *)path.mnt - OFFSET_OF(struct mount, mnt);
	for (int i = 0; i < CLIMB_MAX; i++) {
		struct dentry *parent, *root;
		const unsigned char *name;
		u32 part = event->path_parts;
		READ(root, mount->mnt.mnt_root);
		READ(parent, path.dentry->d_parent);
		if (path.dentry == root || path.dentry == parent) {
			struct mount *outer;
			READ(outer, mount->mnt_parent);
			if (outer == mount)
				return;
			READ(path.dentry, mount->mnt_mountpoint);
			mount = outer;
			continue;
		}
		if (part >= PATH_PARTS)
			break;
		READ(name, path.dentry->d_name.name);
		if (read_kernel_text(event->path[part], PATH_PART_BYTES, name) < 0)
			break;
		event->path_parts = part + 1;
		path.dentry = parent;
	}
	event->cut |= 1;
}

INLINE void tell_cgroups(struct task_struct *task, struct process_event *event)
{
	struct cgroup_subsys_state *state;
	struct cgroup *cgroup = NULL;
	struct css_set *set;
	bool cut = false;
	u64 controller = 0;
	READ(set, task->cgroups);
	if (!set)
		return;
	READ(cgroup, set->dfl_cgrp);
	event->v2_parts = tell_cgroup(cgroup, event->v2, &cut);
	event->cut |= cut ? 2 : 0;
	if (HAS_NUMBER(enum cgroup_subsys_id, memory_cgrp_id))
		controller = NUMBER_OF(enum cgroup_subsys_id, memory_cgrp_id);
	else if (HAS_NUMBER(enum cgroup_subsys_id, pids_cgrp_id))
		controller = NUMBER_OF(enum cgroup_subsys_id, pids_cgrp_id);
	else
		return;
	if (read_kernel(&state, sizeof(state), (void *)&set->subsys[0] + controller * sizeof(state)) || !state)
		return;
	READ(cgroup, state->cgroup);
	cut = false;
	event->v1_parts = tell_cgroup(cgroup, event->v1, &cut);
	event->cut |= cut ? 4 : 0;
}

INLINE void tell_arguments(struct mm_struct *mm, struct process_event *event)
{
	unsigned long start, end;
	u32 bytes = arguments_bytes;
	if (bytes == 0)
		return;
	READ(start, mm->arg_start);
	READ(end, mm->arg_end);
	if (end <= start)
		return;
	if (bytes > ARGUMENTS_BYTES)
		bytes = ARGUMENTS_BYTES;
	if (end - start < bytes)
		bytes = end - start;
	/* For the verifier, which forgets bounds of values kept in memory. */
	asm volatile("" : "+r"(bytes));
	if (bytes == 0 || bytes > ARGUMENTS_BYTES)
		return;
	if (read_user(event->command_line, bytes, (void *)start) == 0)
		event->arguments = bytes;
}

/* Tells the facts of the current process, where they weren't told. */
CALLED void tell_process(struct task_struct *task, struct task_struct *leader, struct mm_struct *mm,
			 const struct incarnation *process)
{
	struct process_event *event;
	struct task_struct *parent;
	struct pid *pid;
	const struct cred *cred;
	u32 one = 1, level;
	if (map_lookup(&told, process))
		return;
	event = ring_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_lost(1);
		return;
	}
	event->kind = KIND_PROCESS;
	event->at_ns = ktime_boot_ns();
	event->process = *process;
	event->netns = current_netns(task);
	event->parent = 0;
	event->uid = 0;
	event->own_pid = 0;
	event->path_parts = 0;
	event->v2_parts = 0;
	event->v1_parts = 0;
	event->cut = 0;
	event->arguments = 0;
	READ(parent, leader->real_parent);
	if (parent)
		READ(event->parent, parent->tgid);
	READ(cred, task->cred);
	if (cred)
		READ(event->uid, cred->uid.val);
	READ(pid, leader->thread_pid);
	if (pid) {
		READ(level, pid->level);
		if (level < 32)
			read_kernel(&event->own_pid, sizeof(u32), (void *)&pid->numbers[0] + level * 16);
	}
	READ(event->name, leader->comm);
	tell_path(mm, event);
	tell_cgroups(task, event);
	tell_arguments(mm, event);
	ring_submit(event, 0);
	map_update(&told, process, &one, UPDATE_ANY);
}

/* Who runs now, told; false for threads of the kernel. */
CALLED bool current_process(struct incarnation *process)
{
	struct task_struct *task = current_task();
	struct task_struct *leader;
	struct mm_struct *mm;
	READ(mm, task->mm);
	if (!mm)
		return false;
	READ(leader, task->group_leader);
	process->pid = current_pid_tgid() >> 32;
	process->cgroup = current_cgroup_id();
	READ(process->started_ns, leader->start_boottime);
	READ(process->execs, task->self_exec_id);
	tell_process(task, leader, mm, process);
	return true;
}

/* === TCP === */

CALLED void tell_socket(struct sock *sk, u32 kind, u16 protocol, const struct incarnation *owner, u64 since_ns)
{
	struct socket_event *event = ring_reserve(&events, sizeof(*event), 0);
	struct net *net;
	u16 port;
	if (!event) {
		count_lost(0);
		return;
	}
	event->kind = kind;
	event->at_ns = ktime_boot_ns();
	event->since_ns = since_ns;
	event->socket = (u64)sk;
	event->owner = *owner;
	event->protocol = protocol;
	READ(net, sk->__sk_common.skc_net.net);
	event->netns = netns_of(net);
	READ(event->local_port, sk->__sk_common.skc_num);
	if (event->local_port == 0) {
		/* A socket that closes has given its port back; here it still stands. */
		READ(port, ((struct inet_sock *)sk)->inet_sport);
		event->local_port = __builtin_bswap16(port);
	}
	READ(port, sk->__sk_common.skc_dport);
	event->remote_port = __builtin_bswap16(port);
	READ(event->family, sk->__sk_common.skc_family);
	__builtin_memset(event->local, 0, 16);
	__builtin_memset(event->remote, 0, 16);
	if (event->family == AF_INET) {
		READ(*(u32 *)event->local, sk->__sk_common.skc_rcv_saddr);
		READ(*(u32 *)event->remote, sk->__sk_common.skc_daddr);
	} else {
		READ(event->local, sk->__sk_common.skc_v6_rcv_saddr);
		READ(event->remote, sk->__sk_common.skc_v6_daddr);
	}
	ring_submit(event, 0);
}

/* The current process is the owner, from now on. */
CALLED void take(struct sock *sk, struct connection *known, u64 key)
{
	struct connection taken = {};
	if (!current_process(&taken.owner))
		return;
	taken.since_ns = known ? known->since_ns : 0;
	taken.told = 1;
	map_update(&connections, &key, &taken, UPDATE_ANY);
	tell_socket(sk, KIND_TAKEN, PROTOCOL_TCP, &taken.owner, taken.since_ns);
}

INLINE void on_connect(u64 key)
{
	struct connection opened = { .since_ns = ktime_boot_ns() };
	/* Its port isn't chosen yet: it is told when it is established. */
	if (current_process(&opened.owner))
		map_update(&connections, &key, &opened, UPDATE_ANY);
}

INLINE void on_listen(struct sock *sk, u64 key)
{
	struct connection opened = { .since_ns = ktime_boot_ns(), .told = 1 };
	if (!current_process(&opened.owner))
		return;
	map_update(&connections, &key, &opened, UPDATE_ANY);
	tell_socket(sk, KIND_LISTENS, PROTOCOL_TCP, &opened.owner, opened.since_ns);
}

INLINE void on_established(struct sock *sk, u64 key, int old)
{
	struct connection accepted = { .since_ns = ktime_boot_ns() };
	struct connection *known;
	if (old == TCP_SYN_RECV) {
		map_update(&connections, &key, &accepted, UPDATE_ANY);
		return;
	}
	known = map_lookup(&connections, &key);
	if (!known || known->told)
		return;
	known->told = 1;
	accepted = *known;
	tell_socket(sk, KIND_CONNECTED, PROTOCOL_TCP, &accepted.owner, accepted.since_ns);
}

INLINE void on_close(struct sock *sk, u64 key)
{
	struct connection *known = map_lookup(&connections, &key);
	struct connection closed;
	if (!known)
		return;
	closed = *known;
	map_delete(&connections, &key);
	if (closed.told)
		tell_socket(sk, KIND_CLOSED, PROTOCOL_TCP, &closed.owner, closed.since_ns);
}

SECTION("raw_tracepoint/inet_sock_set_state")
int tcp_state(struct raw_tracepoint *context)
{
	struct sock *sk = (void *)context->args[0];
	int old = context->args[1], new = context->args[2];
	u64 key = (u64)sk;
	struct connection *known;
	u16 protocol;
	READ(protocol, sk->sk_protocol);
	if (protocol != PROTOCOL_TCP)
		return 0;
	switch (new) {
	case TCP_SYN_SENT:
		on_connect(key);
		break;
	case TCP_LISTEN:
		on_listen(sk, key);
		break;
	case TCP_ESTABLISHED:
		on_established(sk, key, old);
		break;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		/* Closed by its process, which has neither read nor written. */
		known = map_lookup(&connections, &key);
		if (known && known->owner.pid == 0)
			take(sk, known, key);
		break;
	case TCP_CLOSE:
		on_close(sk, key);
		break;
	}
	return 0;
}

SECTION("raw_tracepoint/tcp_rcv_space_adjust")
int tcp_read(struct raw_tracepoint *context)
{
	struct sock *sk = (void *)context->args[0];
	u64 key = (u64)sk;
	struct connection *known = map_lookup(&connections, &key);
	if (known && known->owner.pid == current_pid_tgid() >> 32)
		return 0;
	take(sk, known, key);
	return 0;
}

/* === UDP === */

CALLED void on_datagram(struct sock *sk)
{
	u64 key = (u64)sk;
	struct incarnation owner = {};
	struct datagrams now = { .pid = current_pid_tgid() >> 32 };
	struct datagrams *known = map_lookup(&datagram_sockets, &key);
	READ(now.port, sk->__sk_common.skc_num);
	if (known && known->pid == now.pid && known->port == now.port)
		return;
	if (!current_process(&owner))
		return;
	map_update(&datagram_sockets, &key, &now, UPDATE_ANY);
	tell_socket(sk, KIND_DATAGRAMS, PROTOCOL_UDP, &owner, 0);
}

INLINE u16 protocol_of(struct sock *sk)
{
	u16 family = 0, protocol = 0;
	READ(family, sk->__sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	READ(protocol, sk->sk_protocol);
	return protocol;
}

SECTION("raw_tracepoint/sock_send_length")
int socket_sent(struct raw_tracepoint *context)
{
	struct sock *sk = (void *)context->args[0];
	u64 key = (u64)sk;
	struct connection *known;
	if ((int)context->args[1] < 0)
		return 0;
	switch (protocol_of(sk)) {
	case PROTOCOL_UDP:
		on_datagram(sk);
		break;
	case PROTOCOL_TCP:
		/* A server that speaks first. */
		known = map_lookup(&connections, &key);
		if (!known || known->owner.pid == 0)
			take(sk, known, key);
		break;
	}
	return 0;
}

SECTION("raw_tracepoint/sock_recv_length")
int socket_received(struct raw_tracepoint *context)
{
	struct sock *sk = (void *)context->args[0];
	if ((int)context->args[1] >= 0 && protocol_of(sk) == PROTOCOL_UDP)
		on_datagram(sk);
	return 0;
}

/*
 * === UDP on kernels before 6.3: hooks of the root cgroup. What they are given as a socket is the
 * kernel's own. Each allows what it is asked for: 1. ===
 */

/* The same as a plain number, which the verifier lets us read around. */
INLINE struct sock *plain(void *socket)
{
	struct sock *sk = NULL;
	read_kernel(&sk, sizeof(sk), &socket);
	return sk;
}

INLINE int on_addressed(struct bpf_sock_addr *context)
{
	if (context->sk && context->protocol == PROTOCOL_UDP)
		on_datagram(plain(context->sk));
	return 1;
}

SECTION("cgroup/sendmsg4")
int sends_to_4(struct bpf_sock_addr *context)
{
	return on_addressed(context);
}

SECTION("cgroup/sendmsg6")
int sends_to_6(struct bpf_sock_addr *context)
{
	return on_addressed(context);
}

SECTION("cgroup/recvmsg4")
int receives_from_4(struct bpf_sock_addr *context)
{
	return on_addressed(context);
}

SECTION("cgroup/recvmsg6")
int receives_from_6(struct bpf_sock_addr *context)
{
	return on_addressed(context);
}

/* Connected sockets get their port after the hook of connect: told when they close. */
SECTION("cgroup/sock_release")
int closes(struct bpf_sock *context)
{
	if (context->protocol == PROTOCOL_UDP)
		on_datagram(plain(context));
	return 1;
}
