/* SPDX-License-Identifier: MIT */
/*
 * A queue of context 0, filled the way the driver does it: packets in guest memory, first word
 * last, then the doorbell.
 */
#ifndef TESTS_QTEST_QUEUE_H
#define TESTS_QTEST_QUEUE_H

#include "tests/qtest/machine.h"

/* Guest memory of the queues, by number; tests use what lies above. */
#define QUEUE_MEMORY 0x200000
#define QUEUE_LOG2   5
#define QUEUE_STATE(n) (QUEUE_MEMORY + (n) * 0x2000)
#define QUEUE_RING(n)  (QUEUE_STATE(n) + 0x1000)
#define MSIX_LANDING 0x100000
#define QUEUE_VECTOR 1

#define SYSTEM(addr) (SC_CONTEXT0_SYSTEM | (addr))

struct queue {
	struct machine *m;
	int number;
	uint64_t index; /* of the next packet */
};

/* Enable the card and start queue @number. */
void queue_start(struct queue *q, struct machine *m, int number, int vector);
void queue_copy(struct queue *q, uint64_t src, uint64_t dst, uint64_t size);
void queue_signal(struct queue *q, uint64_t addr, uint64_t value);
void queue_wait_word(struct queue *q, uint64_t addr, uint64_t value);
/* A dispatch of one workgroup that never ends by itself; its code goes to card memory at @code. */
void queue_spin(struct queue *q, uint64_t code);
void queue_ring(struct queue *q);
/* Whether all packets retire, as the queue state in memory says, within 30 seconds. */
bool queue_done(struct queue *q);
uint32_t queue_status(struct queue *q);
bool queue_wait_state(struct queue *q, uint32_t state);
uint64_t queue_reg(struct queue *q, int reg);

#endif /* TESTS_QTEST_QUEUE_H */
