/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What a program of ours needs of the kernel's interface: types, sections, maps, helper functions.
 * The numbers are those of linux/bpf.h, which never change.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define CALLED static __attribute__((noinline))
/* Accesses to a struct's members are written down, and the loader puts in the running kernel's
 * offsets ("compile once, run everywhere"). */
#define RELOCATED __attribute__((preserve_access_index))

/* === Maps: a struct in the section .maps whose members say what it is === */

#define MAP_UINT(name, value) int (*name)[value]
#define MAP_TYPE(name, value) __typeof__(value) *name

enum {
	MAP_HASH = 1,
	MAP_ARRAY = 2,
	MAP_PERCPU_ARRAY = 6,
	MAP_LRU_HASH = 9,
	MAP_PERCPU_HASH = 5,
	MAP_RINGBUF = 27,
};

enum { UPDATE_ANY = 0, UPDATE_NEW = 1, UPDATE_OLD = 2 };

/* === Helper functions, by number === */

#define HELPER(number) (void *)(number)

static void *(*const map_lookup)(void *map, const void *key) = HELPER(1);
static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = HELPER(2);
static long (*const map_delete)(void *map, const void *key) = HELPER(3);
static u64 (*const ktime_ns)(void) = HELPER(5);
static u64 (*const current_pid_tgid)(void) = HELPER(14);
static void *(*const current_task)(void) = HELPER(35);
static u64 (*const current_cgroup_id)(void) = HELPER(80);
static long (*const read_user)(void *to, u32 bytes, const void *from) = HELPER(112);
static long (*const read_kernel)(void *to, u32 bytes, const void *from) = HELPER(113);
static long (*const read_user_text)(void *to, u32 bytes, const void *from) = HELPER(114);
static long (*const read_kernel_text)(void *to, u32 bytes, const void *from) = HELPER(115);
static u64 (*const ktime_boot_ns)(void) = HELPER(125);
static long (*const ring_output)(void *ring, void *data, u64 bytes, u64 flags) = HELPER(130);
static void *(*const ring_reserve)(void *ring, u64 bytes, u64 flags) = HELPER(131);
static void (*const ring_submit)(void *data, u64 flags) = HELPER(132);
static void (*const ring_discard)(void *data, u64 flags) = HELPER(133);

/* === Reading the kernel's structs === */

/* READ(to, from->member): relocated where the struct is RELOCATED; all zero where memory can't be read,
 * as the helper leaves it. */
#define READ(to, from) read_kernel(&(to), sizeof(to), &(from))

enum { FIELD_OFFSET = 0, FIELD_EXISTS = 2 };

/* Whether the running kernel's struct has the member. */
#define HAS_FIELD(member) __builtin_preserve_field_info(member, FIELD_EXISTS)
/* Bytes from the start of the running kernel's struct to the member. */
#define OFFSET_OF(type, member) __builtin_preserve_field_info(((type *)0)->member, FIELD_OFFSET)
/* The running kernel's number of an enumerator; 0 where it has none. */
#define NUMBER_OF(type, enumerator) __builtin_preserve_enum_value(*(__typeof__(type) *)enumerator, 1)
/* Whether the running kernel has the enumerator. */
#define HAS_NUMBER(type, enumerator) __builtin_preserve_enum_value(*(__typeof__(type) *)enumerator, 0)

/* A raw tracepoint's arguments. */
struct raw_tracepoint {
	u64 args[0];
};
