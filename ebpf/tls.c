/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What TLS libraries read and write: taken where the library returns to the application.
 *
 * Each read and write is met twice: at its entry (which connection, which buffer) and at its return
 * (how many bytes). The socket below is learned from the sends and receives that the same thread or
 * goroutine makes in between. Nothing here changes what the application does.
 */
#include "registers.h"
#include "tls/calls.h"
#include "tls/sockets.h"

char under[] SECTION("license") = "GPL";

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
	struct calls calls = { .open = { .out = ARGUMENT_1(regs), .object = ARGUMENT_2(regs) } };
	map_update(&CALLS, &key, &calls, UPDATE_ANY);
	return 0;
}

SECTION("uretprobe/gnutls_init_returns")
int gnutls_init_returns(struct registers *regs)
{
	struct caller key = { .who = THREAD | MAKING, .tgid = current_pid_tgid() >> 32 };
	struct calls *calls = map_lookup(&CALLS, &key);
	if (!calls)
		return 0;
	u64 flags = calls->open.object, session = 0, out = calls->open.out;
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

/* Before: the system calls themselves. */
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
