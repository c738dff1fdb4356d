// SPDX-License-Identifier: MIT
/*
 * Packets for the virtual card, written over qtest. Owns the layout of guest memory in queue.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/qtest/queue.h"

static uint64_t queue_base(struct queue *q)
{
	return SC_QUEUE_BASE + q->number * SC_QUEUE_STRIDE;
}

uint64_t queue_reg(struct queue *q, int reg)
{
	return queue_base(q) + reg;
}

void queue_start(struct queue *q, struct machine *m, int number, int vector)
{
	static const uint8_t zero[4096];
	uint64_t base;

	*q = (struct queue){ .m = m, .number = number };
	base = queue_base(q);
	mem_put(m, QUEUE_STATE(number), zero, sizeof(zero));
	mem_put(m, QUEUE_RING(number), zero, sizeof(zero));
	reg_write(m, SC_REG_CONTROL, SC_CONTROL_ENABLE, 4);
	reg_write(m, SC_CONTEXT_BASE + SC_CTX_CONTROL, SC_CONTEXT_ENABLE, 4);
	reg_write(m, base + SC_Q_RING_BASE, SYSTEM(QUEUE_RING(number)), 8);
	reg_write(m, base + SC_Q_CONFIG, QUEUE_LOG2 | vector << SC_QUEUE_VECTOR_SHIFT, 4);
	reg_write(m, base + SC_Q_CONTEXT, 0, 4);
	reg_write(m, base + SC_Q_STATE_ADDR, QUEUE_STATE(number), 8);
	reg_write(m, base + SC_Q_WG_LIMIT, ~0ULL >> 1, 8);
	reg_write(m, base + SC_Q_COMMAND, SC_QUEUE_CMD_START, 4);
	assert_true(reg_wait(m, base + SC_Q_STATUS, ~0u, SC_QUEUE_IDLE));
}

/* Append a packet of 64 bytes; its header's phase is set here. */
static void queue_put(struct queue *q, const void *pkt)
{
	uint64_t slot = QUEUE_RING(q->number) +
			(q->index & ((1 << QUEUE_LOG2) - 1)) * SC_SLOT_SIZE;
	uint32_t hdr;

	memcpy(&hdr, pkt, sizeof(hdr));
	mem_put(q->m, slot + sizeof(hdr), (const char *)pkt + sizeof(hdr),
		SC_SLOT_SIZE - sizeof(hdr));
	mem_write(q->m, slot, hdr | SC_PHASE(q->index, QUEUE_LOG2), 4);
	q->index++;
}

void queue_copy(struct queue *q, uint64_t src, uint64_t dst, uint64_t size)
{
	const struct sc_pkt_copy pkt = {
		.hdr = SC_HDR(SC_OP_COPY, 0, 0), .src = src, .dst = dst, .size = size, .rows = 1,
	};

	queue_put(q, &pkt);
}

void queue_signal(struct queue *q, uint64_t addr, uint64_t value)
{
	const struct sc_pkt_signal pkt = {
		.hdr = SC_HDR(SC_OP_SIGNAL, 0, 0), .addr = addr, .value = value,
	};

	queue_put(q, &pkt);
}

void queue_wait_word(struct queue *q, uint64_t addr, uint64_t value)
{
	const struct sc_pkt_wait pkt = {
		.hdr = SC_HDR(SC_OP_WAIT, 0, 0), .addr = addr, .value = value,
	};

	queue_put(q, &pkt);
}

void queue_spin(struct queue *q, uint64_t code)
{
	const struct sc_pkt_dispatch pkt = {
		.hdr = SC_HDR(SC_OP_DISPATCH, 0, 0), .entry = code,
		.grid_x = 1, .grid_y = 1, .grid_z = 1, .stack_size = 4096,
	};

	mem_write(q->m, q->m->card + code, 0x0000006f, 4); /* j . */
	queue_put(q, &pkt);
}

void queue_ring(struct queue *q)
{
	mem_write(q->m, q->m->doorbells + q->number * 4096 + SC_DOORBELL_RING, q->index, 4);
}

bool queue_done(struct queue *q)
{
	return mem_wait(q->m, QUEUE_STATE(q->number), q->index, 8);
}

uint32_t queue_status(struct queue *q)
{
	return reg_read(q->m, queue_base(q) + SC_Q_STATUS, 4);
}

bool queue_wait_state(struct queue *q, uint32_t state)
{
	return reg_wait(q->m, queue_base(q) + SC_Q_STATUS, 0xf, state);
}
