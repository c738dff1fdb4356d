/* SPDX-License-Identifier: MIT */
/*
 * The runtime's objects and what its files offer each other.
 *
 * Locks, in this order: seedchip_device.lock (lists, addresses, garbage), then
 * seedchip_queue.lock (failures, dependencies, log). Neither is ever taken by
 * the calls that stage work.
 */
#ifndef SEEDCHIP_INTERNAL_H
#define SEEDCHIP_INTERNAL_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "backend.h"
#include "seedchip.h"
#include "seedchip_kernel_abi.h"
#include "va.h"

#define API __attribute__((visibility("default")))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

#define NAME_SIZE 64

/* ---- lists: a ring of links through their head ---- */

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline void list_add(struct list *head, struct list *l)
{
	l->next = head;
	l->prev = head->prev;
	head->prev->next = l;
	head->prev = l;
}

static inline void list_del(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#define list_for_each(l, head) for ((l) = (head)->next; (l) != (head); (l) = (l)->next)

/* ---- log.c ---- */

/* Record what was wrong for seedchip_error(). Return: @err. */
int report(int err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The process is a child without the devices of its parent: let -ENODEV say so. */
void report_child(void);
void log_message(enum seedchip_log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The child must not find the lock taken, by a thread that it does not have. */
void log_before_fork(void);
void log_after_fork(void);

/**
 * struct log_reader - the host's side of a queue's log
 * @log: in memory that kernels can write: nothing there is trusted
 * @size: bytes of data
 * @tail: what log->tail is
 * @dropped: what log->dropped was
 */
struct log_reader {
	volatile struct sc_log *log;
	uint32_t size;
	uint32_t tail;
	uint32_t dropped;
};

/* Set up an empty log in @size bytes of data behind the header. */
void log_init(struct log_reader *reader, void *memory, uint32_t size);
/* Print and consume the complete records. Return: how many. */
unsigned int log_drain(struct log_reader *reader);
/* Forget incomplete records; no kernel may be running. */
void log_reset(struct log_reader *reader);

/* ---- event.c ---- */

/* CLOCK_MONOTONIC in @timeout_ns; 0: the past, negative: never. */
int64_t deadline_after(int64_t timeout_ns);

/* ---- notify.c ---- */

struct watcher;

bool is_eventfd(int fd);
/* Add 1. Never waits. */
void eventfd_tell(int fd);
/* Nobody looks after the queue any more when this returns. */
void notify_forget_queue(struct seedchip_queue *q);
/* The device is about to be closed. */
void notify_stop(struct seedchip_device *dev);

/* ---- fork.c ---- */

/* An open device is lost to the children that the process makes by fork(). */
void fork_watch(struct seedchip_device *dev);
void fork_forget(struct seedchip_device *dev);

/* ---- device.c ---- */

struct seedchip_device {
	struct list opened; /* of fork.c */
	const struct backend_ops *ops;
	void *priv;
	struct drm_seedchip_info info;
	char address[32];

	_Atomic uint32_t code_version; /* rises with every module load */
	_Atomic bool lost; /* the card is gone: touching its memory would be a SIGBUS */

	pthread_mutex_t lock;
	struct va_space va;
	struct list buffers;
	struct list ranges;
	struct list modules;
	struct list queues;
	struct list graphs;
	struct list garbage;
	_Atomic bool has_garbage;
	struct watcher *watcher; /* NULL: not needed yet */
	struct seedchip_queue *bind; /* the hidden queue of mappings */
};

/* Copy a structure of ours to a caller whose header may be older or newer. */
int copy_sized(void *to, const void *from, size_t size, const char *what);

/* ---- buffer.c ---- */

/**
 * struct memory - a buffer object and the addresses it is mapped at
 * @va: first address
 * @size: bytes
 * @handle: buffer object, 0: none (a range)
 * @map: CPU mapping, NULL: none
 */
struct memory {
	uint64_t va;
	uint64_t size;
	uint32_t handle;
	void *map;
};

struct seedchip_buffer {
	struct list link;
	struct seedchip_device *dev;
	struct memory memory;
	void *host; /* memory of the process that it wraps, or NULL */
	uint32_t flags;
	char name[32];
};

/**
 * memory_create() - allocate and map at addresses of the runtime's choice
 * @bo_flags: DRM_SEEDCHIP_BO_*
 * @bind_flags: DRM_SEEDCHIP_BIND_READ ...; 0: reserve addresses but map nothing
 */
int memory_create(struct seedchip_device *dev, uint64_t size, uint32_t bo_flags,
		  uint32_t bind_flags, struct memory *memory);
int memory_map(struct seedchip_device *dev, struct memory *memory);
/* Give memory back once no queued work can use it. */
void memory_discard(struct seedchip_device *dev, struct memory *memory);
/* Give it back now. */
void memory_destroy(struct seedchip_device *dev, struct memory *memory);
/* Reserve addresses with a guard page behind them; dev->lock is taken. */
int memory_reserve(struct seedchip_device *dev, uint64_t size, uint64_t *va);
/* Release what has become unused. */
void garbage_collect(struct seedchip_device *dev);
/* A queue is going away: nothing waits for it any more. dev->lock is held. */
void garbage_forget_queue(struct seedchip_device *dev, const struct seedchip_queue *queue);

/* ---- range.c ---- */

struct seedchip_range {
	struct list link;
	struct seedchip_device *dev;
	struct memory memory;
};

/* ---- elf.c ---- */

struct elf_segment {
	uint64_t offset; /* from the image's start, page aligned */
	uint64_t size;
	uint32_t bind_flags;
};

struct elf_kernel {
	char name[SC_KERNEL_NAME_MAX];
	uint64_t entry; /* from the image's start */
	uint32_t args_size;
	uint32_t args_align;
	uint32_t stack_size;
	uint32_t flags;
};

struct elf_symbol {
	uint64_t start;
	uint64_t size;
	char *name;
};

/**
 * struct elf_image - a checked module, ready to be placed
 * @data: the segments at their offsets from the lowest page
 * @size: bytes, a multiple of the page size
 * @vaddr: ELF address of @data[0]
 * @tcm_static: bytes of static scratchpad, a multiple of SC_TCM_ALIGN
 * @segments: pages and their permissions
 * @kernels: sorted by name
 * @symbols: functions, sorted by address; may be empty
 * @relocs: offsets in @data of words to which the load address is added
 * @prints: kernels may call sd_printf(), for all that the symbols say
 */
struct elf_image {
	unsigned char *data;
	uint64_t size;
	uint64_t vaddr;
	uint32_t tcm_static;
	uint32_t num_segments;
	uint32_t num_kernels;
	uint32_t num_symbols;
	uint32_t num_relocs;
	struct elf_segment *segments;
	struct elf_kernel *kernels;
	struct elf_symbol *symbols;
	uint64_t *relocs;
	bool prints;
};

/**
 * elf_load() - check a module against a device and lay it out
 * @file: the ELF file
 * @size: its bytes
 * @name: for messages
 * @info: ISA, scratchpad and page size of the device
 * @image: filled in; free with elf_free()
 */
int elf_load(const void *file, size_t size, const char *name,
	     const struct drm_seedchip_info *info, struct elf_image *image);
void elf_free(struct elf_image *image);
/* ISA bits as an extension list; vendor extensions only if asked for. */
void isa_string(uint64_t isa, bool vendor, char *text, size_t size);

/* ---- module.c, launch.c ---- */

/**
 * struct seedchip_kernel - a kernel of a module
 * @launch: what seedchip_launch() does with it
 * @run: what seedchip_run() does
 * @quiet: @launch, if the kernel did not print
 * @key: LAUNCH_KEY() that a launch on a queue must have
 * @form: a launch, but for grid, phase and tag; its header is xored with that of an argument
 *	  slot, so that seedchip_queue.next_hdr adds the phase
 * @module: module
 * @info: see seedchip_kernel_info()
 * @flags: SC_KERNEL_*
 */
struct seedchip_kernel {
	int (*launch)(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
		      const struct seedchip_dim *dim, const void *args, size_t size);
	int (*run)(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
		   const struct seedchip_dim *dim, const void *args, size_t size,
		   int64_t timeout_ns);
	int (*quiet)(struct seedchip_queue *q, const struct seedchip_kernel *kernel,
		     const struct seedchip_dim *dim, const void *args, size_t size);
	uint64_t key;
	struct sc_packet form;
	struct seedchip_module *module;
	struct seedchip_kernel_info info;
	uint32_t flags;
};

/* All of a kernel is there but @launch to @form: set these. */
void kernel_prepare(struct seedchip_kernel *kernel);

struct seedchip_module {
	struct list link;
	struct seedchip_device *dev;
	char name[NAME_SIZE];
	struct elf_image image;
	struct memory memory;
	struct seedchip_kernel *kernels;
};

#endif /* SEEDCHIP_INTERNAL_H */
