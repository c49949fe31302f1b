/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * A thread sends or receives: which connection is that?
 */
#pragma once

#include "connections.h"

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

/* The connection that the thread or goroutine is inside of the library with; 0 for none. */
INLINE u64 open_object(u32 tgid, u32 tid, u32 speaks)
{
	struct caller key = { .who = speaks == SPEAKS_GO ? goroutine() : tid, .tgid = tgid };
	struct calls *calls = map_lookup(&CALLS, &key);
	return calls ? calls->open.object : 0;
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
	u64 object = open_object(tgid, tid, *speaks);
	if (object) {
		struct connection *of = connection_at(object, tgid);
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
