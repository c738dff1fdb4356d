// SPDX-License-Identifier: MIT
/*
 * Saving and loading an idle chip.
 *
 * The image is a sequence of little-endian 64-bit words: a header that
 * describes the configuration, then device, contexts and queues. Register
 * tables are written member by member in table order, so the header also
 * carries the hash of the tables: an image of other tables does not load.
 * Nothing in an image is trusted: it is read into copies, every number that is
 * later used as an index, size or state is checked, registers are masked to
 * their defined bits, and only then the chip takes the copies over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define SAVE_MAGIC   0x3153455641534353ULL
#define SAVE_VERSION 2

struct stream {
	uint8_t *buf; /* NULL: only count */
	size_t size, pos;
	bool save, bad;
};

static void word(struct stream *s, uint64_t *value)
{
	if (s->buf && s->pos + 8 > s->size)
		s->bad = true;
	if (s->buf && !s->bad) {
		if (s->save)
			memcpy(s->buf + s->pos, value, 8);
		else
			memcpy(value, s->buf + s->pos, 8);
	}
	s->pos += 8;
}

static void words(struct stream *s, void *p, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes / 8; i++)
		word(s, (uint64_t *)p + i);
}

/* A narrower member, at most @limit. */
#define NARROW(s, member, limit)                                                                   \
	do {                                                                                       \
		uint64_t value_ = (member);                                                        \
		word(s, &value_);                                                                  \
		if (value_ > (limit))                                                              \
			(s)->bad = true;                                                           \
		else                                                                               \
			(member) = value_;                                                         \
	} while (0)

/* A word that must be what this chip has. */
static void expect(struct stream *s, uint64_t value)
{
	uint64_t found = value;

	word(s, &found);
	if (found != value)
		s->bad = true;
}

static void header(struct stream *s, const struct sc_chip *chip)
{
	const struct sc_config *c = &chip->config;

	expect(s, SAVE_MAGIC);
	expect(s, SAVE_VERSION);
	expect(s, SC_SPEC_HASH);
	expect(s, c->cores);
	expect(s, c->tcm_size);
	expect(s, c->card_size);
	expect(s, c->queues);
	expect(s, c->contexts);
	expect(s, c->vectors);
	expect(s, c->vlen);
}

static void latch(struct stream *s, struct sc_latch *l)
{
	NARROW(s, l->offset, UINT32_MAX);
	NARROW(s, l->low, UINT32_MAX);
}

static void context(struct stream *s, const struct sc_chip *chip, unsigned int id,
		    struct sc_context *ctx)
{
	bool on;

	words(s, &ctx->reg, sizeof(ctx->reg));
	latch(s, &ctx->latch);
	word(s, &ctx->vtime);
	word(s, &ctx->root);
	sc_regs_mask_context(&ctx->reg);
	if (!ctx->reg.WEIGHT || ctx->reg.WEIGHT > 1024)
		s->bad = true;
	/* the walker trusts its root: it is what enabling the context would have taken */
	on = ctx->reg.CONTROL & SC_CONTEXT_ENABLE;
	if (ctx->root != (on ? ctx->reg.ROOT : 0) ||
	    (on && id && !sc_mmu_root_ok(chip, ctx->root)))
		s->bad = true;
}

static void binding(struct stream *s, struct sc_chip *chip, struct sc_binding *b)
{
	word(s, &b->ring);
	word(s, &b->state_addr);
	word(s, &b->record);
	word(s, &b->log);
	word(s, &b->dump);
	word(s, &b->core_mask);
	word(s, &b->wg_limit);
	NARROW(s, b->log2, SC_RING_LOG2_MAX);
	NARROW(s, b->vector, chip->config.vectors - 1);
	NARROW(s, b->context, chip->config.contexts - 1);
	NARROW(s, b->kernel, 1);
	b->core_mask &= ~0ULL >> (64 - chip->config.cores);
}

static void list(struct stream *s, struct sc_list *l)
{
	NARROW(s, l->active, 1);
	word(s, &l->addr);
	word(s, &l->base);
	word(s, &l->start_ns);
	NARROW(s, l->count, SC_MAX_LIST);
	NARROW(s, l->pos, SC_MAX_LIST);
	words(s, &l->packet, sizeof(l->packet));
	if (l->pos > l->count)
		s->bad = true;
}

/*
 * A WAITING queue is saved as running: it finds its WAIT again. So is what
 * `current` holds: packets are fetched again.
 */
static void queue(struct stream *s, struct sc_chip *chip, struct sc_queue *q)
{
	uint64_t state = q->state == SC_QUEUE_WAITING ? SC_QUEUE_RUNNING : q->state;
	bool faulted;

	words(s, &q->reg, sizeof(q->reg));
	sc_regs_mask_queue(&q->reg);
	latch(s, &q->latch);
	word(s, &state);
	if (state > SC_QUEUE_FAULTED || state == SC_QUEUE_WAITING)
		s->bad = true;
	else if (!s->save)
		q->state = state;
	NARROW(s, q->missed, 1);
	NARROW(s, q->fault_status, 0xff);
	word(s, &q->reset_retired);
	NARROW(s, q->bad_doorbell, 1);
	NARROW(s, q->doorbell, UINT32_MAX);
	NARROW(s, q->doorbell_bad, UINT32_MAX);
	NARROW(s, q->failed, 1);
	faulted = q->state == SC_QUEUE_FAULTED;
	if (q->failed != faulted)
		s->bad = true;
	word(s, &q->fetch);
	word(s, &q->skip);
	binding(s, chip, &q->bind);
	list(s, &q->list);
	words(s, &q->counters, sizeof(q->counters));
	q->publishing = q->reg.RETIRED;
}

/* What is measured in the cores is carried over in the biases. */
static void device(struct stream *s, struct sc_device_regs *reg, struct sc_latch *l,
		   uint64_t totals[3])
{
	words(s, reg, sizeof(*reg));
	latch(s, l);
	words(s, totals, 3 * sizeof(totals[0]));
}

/* What is injected and what the card remembers; events have been delivered. */
static void ras(struct stream *s, struct sc_ras *r)
{
	words(s, &r->nvram, sizeof(r->nvram));
	NARROW(s, r->temp[0], INT32_MAX);
	NARROW(s, r->temp[1], INT32_MAX);
	NARROW(s, r->throttle, SC_THROTTLE_POWER | SC_THROTTLE_EXTERNAL);
	NARROW(s, r->throttled, UINT32_MAX);
	NARROW(s, r->num_poisoned, SC_RETIRED_MAX);
	words(s, r->poisoned, sizeof(r->poisoned));
	if (!s->save && !sc_ras_valid(r))
		s->bad = true;
}

static void core_totals(struct sc_chip *chip, uint64_t totals[3])
{
	const struct sc_core_stats *c;
	unsigned int i;

	memset(totals, 0, 3 * sizeof(totals[0]));
	for (i = 0; i < chip->config.cores; i++) {
		c = sc_core_stats(chip->units[i].core);
		totals[0] += c->insns;
		totals[1] += c->macs;
		totals[2] += c->dma_bytes;
	}
}

long sc_chip_save(struct sc_chip *chip, void *buf, size_t size)
{
	struct stream s = { .buf = buf, .size = size, .save = true };
	uint64_t totals[3];
	unsigned int i;

	if (buf && !sc_chip_idle(chip))
		return -EBUSY;
	sc_lock(chip);
	core_totals(chip, totals);
	totals[0] += chip->bias_insns;
	totals[1] += chip->bias_macs;
	totals[2] += chip->bias_dma;
	header(&s, chip);
	device(&s, &chip->reg, &chip->latch, totals);
	sc_ras_seal(chip);
	ras(&s, &chip->ras);
	for (i = 0; i < chip->config.contexts; i++)
		context(&s, chip, i, &chip->contexts[i]);
	for (i = 0; i < chip->config.queues; i++)
		queue(&s, chip, &chip->queues[i]);
	sc_unlock(chip);
	/* a chip that is in a reset may not be sound yet; how much it needs is the same */
	return buf && s.bad ? -EINVAL : (long)s.pos;
}

static void take_device(struct sc_chip *chip, struct sc_device_regs *reg,
			const uint64_t totals[3])
{
	uint64_t now[3];

	core_totals(chip, now);
	chip->bias_insns = totals[0] - now[0];
	chip->bias_macs = totals[1] - now[1];
	chip->bias_dma = totals[2] - now[2];
	sc_regs_load_device(chip, reg);
}

/* The chip is idle: nothing is in any window, but slots and lists may have members. */
static void forget_queues(struct sc_chip *chip)
{
	unsigned int i;

	chip->ready_head = NULL;
	chip->ready_tail = &chip->ready_head;
	chip->waiting = NULL;
	for (i = 0; i < chip->config.slots; i++)
		chip->slots[i].queue = NULL;
}

static void take_queue(struct sc_chip *chip, struct sc_queue *q, const struct sc_queue *from)
{
	unsigned int id = q->id;

	*q = *from;
	q->id = id;
	q->rung = true;
	sc_queue_arm(chip, q); /* it may have been held back */
	if (q->state == SC_QUEUE_IDLE || q->state == SC_QUEUE_RUNNING)
		sc_queue_ready(chip, q);
}

int sc_chip_load(struct sc_chip *chip, const void *buf, size_t size)
{
	struct sc_context *contexts = calloc(chip->config.contexts, sizeof(*contexts));
	struct sc_queue *queues = calloc(chip->config.queues, sizeof(*queues));
	struct sc_ras *loaded = calloc(1, sizeof(*loaded));
	struct stream s = { .buf = (uint8_t *)buf, .size = size };
	struct sc_latch half = { 0 };
	struct sc_device_regs reg;
	uint64_t totals[3];
	unsigned int i;
	int ret = -EINVAL;

	if (!contexts || !queues || !loaded) {
		ret = -ENOMEM;
		goto out;
	}
	memset(&reg, 0, sizeof(reg));
	memset(totals, 0, sizeof(totals));
	header(&s, chip);
	if (s.bad || !sc_chip_idle(chip))
		goto out;
	device(&s, &reg, &half, totals);
	ras(&s, loaded);
	for (i = 0; i < chip->config.contexts; i++)
		context(&s, chip, i, &contexts[i]);
	for (i = 0; i < chip->config.queues; i++)
		queue(&s, chip, &queues[i]);
	if (s.bad || s.pos != size)
		goto out;
	sc_lock(chip);
	take_device(chip, &reg, totals);
	chip->latch = half;
	chip->ras = *loaded;
	sc_ras_loaded(chip);
	for (i = 0; i < chip->config.contexts; i++) {
		chip->contexts[i].reg = contexts[i].reg;
		chip->contexts[i].latch = contexts[i].latch;
		chip->contexts[i].vtime = contexts[i].vtime;
		if (contexts[i].vtime > chip->vclock)
			chip->vclock = contexts[i].vtime;
		chip->contexts[i].instance = ++chip->instances;
		sc_mmu_bind(chip, i, contexts[i].root);
	}
	forget_queues(chip);
	for (i = 0; i < chip->config.queues; i++)
		take_queue(chip, &chip->queues[i], &queues[i]);
	sc_unlock(chip);
	ret = 0;
out:
	free(contexts);
	free(queues);
	free(loaded);
	return ret;
}
