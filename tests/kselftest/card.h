/* SPDX-License-Identifier: MIT */
/*
 * The driver's interface, called directly: what the VM tests of driver/ use
 * instead of the runtime, so that they can also call it wrongly.
 *
 * Every function returns 0 or a negative errno and does nothing behind the
 * caller's back: no retry, no rounding.
 */
#ifndef CARD_H
#define CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "seedchip_accel.h"
#include "seedchip_kernel_abi.h"

/**
 * card_open() - open card @index of the machine. Return: the file, or a negative errno.
 *
 * FIRST_CARD in the environment: that is what the number 0 names, here and below.
 */
int card_open(unsigned int index);

/** card_ioctl() - one ioctl. */
int card_ioctl(int fd, unsigned long code, void *arg);

int card_info(int fd, struct drm_seedchip_info *info);
int card_bo(int fd, uint64_t size, uint32_t flags, uint32_t *handle);
int card_bo_close(int fd, uint32_t handle);

/** card_map() - map a buffer for reading and writing; NULL and errno on failure. */
void *card_map(int fd, uint32_t handle, size_t size);

/** card_bind() - one synchronous operation of VM_BIND. */
int card_bind(int fd, uint32_t flags, uint32_t handle, uint64_t offset, uint64_t va, uint64_t size);

/** card_queue() - a queue with defaults; @create tells what the kernel returned. */
int card_queue(int fd, struct drm_seedchip_queue_create *create);
int card_queue_destroy(int fd, uint32_t queue);

/** card_state() - map a queue's state page; NULL on failure. */
const volatile struct sc_queue_state *card_state(int fd,
						 const struct drm_seedchip_queue_create *create);

int card_submit(int fd, uint32_t queue, const void *packets, unsigned int count,
		const struct drm_seedchip_sync *syncs, unsigned int sync_count, uint64_t *index);

/** card_run() - submit and wait. Return: 0, or the negative errno of the fence or the call. */
int card_run(int fd, uint32_t queue, const void *packets, unsigned int count);

uint32_t card_syncobj(int fd);

/** card_wait() - wait for a point, 0 for a binary one; -ETIME after @timeout_ms. */
int card_wait(int fd, uint32_t syncobj, uint64_t point, unsigned int timeout_ms);

/** card_fence_status() - of a binary syncobj: 1 signalled, 0 not yet, else the error. */
int card_fence_status(int fd, uint32_t syncobj);

/** card_address() - PCI address of card 0. */
const char *card_address(void);

/** card_write() - write a text to a file of sysfs, debugfs or tracefs. */
int card_write(const char *path, const char *text);

/** card_gone_soon() - wait at most 20 seconds until @path is no more. Return: whether that came. */
bool card_gone_soon(const char *path);

/** card_debugfs() - read a debugfs file of card 0, cut to @size. Return: 0 or a negative errno. */
int card_debugfs(const char *name, char *text, size_t size);

/** card_free_memory() - of card 0, when all that is being scrubbed has been; 0: not known. */
uint64_t card_free_memory(void);

/** card_counter() - of the driver for card 0: a line of debugfs' "counters"; -1: no such line. */
long long card_counter(const char *name);

/**
 * card_set_property() - have QEMU change a card
 * @id: of the device, as "card0"
 * @property: to be set
 * @value: in JSON
 *
 * Return: 0 or -EIO.
 */
int card_set_property(const char *id, const char *property, const char *value);

/** card_inject() - have QEMU set a property "inject-..." of card 0. */
int card_inject(const char *name, unsigned int value);

/** card_sleeps_in() - whether a process sleeps in a function of the kernel, or one named so. */
bool card_sleeps_in(pid_t pid, const char *function);

/** card_rounds() - @usual, or @soak with "make soak". */
unsigned int card_rounds(unsigned int usual, unsigned int soak);

/** card_interrupt() - a signal comes in 0.2 s. Return: the child that sends it, to be reaped. */
pid_t card_interrupt(void);

int card_fault(int fd, uint32_t queue, struct sc_fault *fault);
int card_recover(int fd, uint32_t queue);

/* Packets, complete but for what the test changes. */
struct sc_packet card_nop(void);
struct sc_packet card_copy(uint64_t dst, uint64_t src, uint64_t size);
struct sc_packet card_fill(uint64_t dst, uint64_t pattern, uint64_t size);
struct sc_packet card_word(enum sc_op op, uint64_t addr, uint64_t value);

#endif /* CARD_H */
