// SPDX-License-Identifier: MIT
/*
 * The register file: device, context and queue registers, driven by the
 * tables in seedchip_hw.h, and the doorbell pages.
 *
 * An access is checked in this order, and the first rule broken is reported:
 *
 *   REG_UNKNOWN        no register there, or no such context or queue
 *   REG_WIDTH          not one access of the register's width, nor of one
 *                      aligned half of a 64-bit register
 *   REG_READ_ONLY      write to RO            REG_WRITE_ONLY  read of WO
 *   REG_LOCKED         write in a state in which WHEN does not allow it, or
 *                      during a device reset
 *   REG_RESERVED_BIT   a bit outside VALID is one (it is ignored, the rest counts)
 *
 * A refused read returns zero and a refused write does nothing, with or
 * without strict checks. The low half of a 64-bit register is held until its
 * high half is written; a high half alone keeps the low half as it is.
 *
 * Clearing CONTROL.ENABLE stops every queue as STOP does. Context 0 is enabled
 * like the others, without a ROOT. IRQ_ENABLE pulses vector 0 when it enables a
 * cause that is pending.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

struct reg_desc {
	const char *name;
	uint32_t offset;
	uint8_t width, access, when;
	uint64_t valid, reset;
	size_t store; /* in the struct of registers */
};

#define DESC_(type, name, offset, width, access, when, valid, reset)                               \
	{ #name, offset, width, SC_ACCESS_##access, SC_WHEN_##when, valid, reset,                  \
	  offsetof(struct type, name) },
#define DEVICE_DESC_(name, offset, width, access, when, valid, reset, text) \
	DESC_(sc_device_regs, name, offset, width, access, when, valid, reset)
#define CONTEXT_DESC_(name, offset, width, access, when, valid, reset, text) \
	DESC_(sc_context_regs, name, offset, width, access, when, valid, reset)
#define QUEUE_DESC_(name, offset, width, access, when, valid, reset, text) \
	DESC_(sc_queue_regs, name, offset, width, access, when, valid, reset)

static const struct reg_desc device_descs[] = { SC_REG_TABLE(DEVICE_DESC_) };
static const struct reg_desc context_descs[] = { SC_CONTEXT_TABLE(CONTEXT_DESC_) };
static const struct reg_desc queue_descs[] = { SC_QUEUE_TABLE(QUEUE_DESC_) };

/* The block of registers that an offset falls into. */
struct block {
	const struct reg_desc *descs;
	size_t num;
	uint8_t *store;
	struct sc_latch *latch;
	struct sc_context *ctx;
	struct sc_queue *queue;
	unsigned int id;
	const char *kind;
	uint32_t offset; /* of the access, in the block */
};

static uint64_t *store_of(const struct block *b, const struct reg_desc *d)
{
	return (uint64_t *)(b->store + d->store);
}

static void reset_descs(const struct reg_desc *descs, size_t num, void *store)
{
	size_t i;

	for (i = 0; i < num; i++)
		*(uint64_t *)((uint8_t *)store + descs[i].store) = descs[i].reset & descs[i].valid;
}

/* All that a device reset sets back; discovery, totals, GENERATION and cause stay. */
void sc_regs_reset_device(struct sc_chip *chip)
{
	const struct reg_desc *d;
	size_t i;

	for (i = 0; i < SC_ARRAY_SIZE(device_descs); i++) {
		d = &device_descs[i];
		if (d->access != SC_ACCESS_RO)
			*(uint64_t *)((uint8_t *)&chip->reg + d->store) = d->reset;
	}
	chip->reg.EVENT_HEAD = 0;
	chip->reg.EVENT_LOST = 0;
	chip->latch.offset = ~0u;
}

void sc_regs_reset_context(struct sc_context *ctx)
{
	reset_descs(context_descs, SC_ARRAY_SIZE(context_descs), &ctx->reg);
	ctx->latch.offset = ~0u;
}

void sc_regs_reset_queue(struct sc_queue *q)
{
	reset_descs(queue_descs, SC_ARRAY_SIZE(queue_descs), &q->reg);
	q->latch.offset = ~0u;
}

/* What the configuration decides; once per chip. */
void sc_regs_discovery(struct sc_chip *chip)
{
	const struct sc_config *c = &chip->config;
	struct sc_device_regs *r = &chip->reg;

	reset_descs(device_descs, SC_ARRAY_SIZE(device_descs), r);
	r->SPEC_HASH = SC_SPEC_HASH;
	r->FEATURES = SC_FEATURE_COOPERATIVE | SC_FEATURE_RECORDS | SC_FEATURE_ATOMICS |
		      (c->function ? SC_FEATURE_VIRTUAL : SC_FEATURE_TELEMETRY) |
		      (c->strict ? SC_FEATURE_STRICT : 0) | (c->test ? SC_FEATURE_TEST : 0);
	r->NUM_CORES = c->cores;
	r->NUM_QUEUES = c->queues;
	r->NUM_SLOTS = c->slots;
	r->NUM_CONTEXTS = c->contexts;
	r->CARD_SIZE = c->card_size;
	r->CARD_VISIBLE_SIZE = c->card_visible_size;
	r->TCM_SIZE = c->tcm_size;
	r->RING_LOG2_MAX = SC_RING_LOG2_MAX;
	r->NUM_VECTORS = c->vectors;
	r->TIMEOUT_SCALE = c->timeout_scale;
	r->ISA = chip->isa;
	r->VLEN = c->vlen;
	r->CLOCK_KHZ = c->machine.clock_mhz * 1000;
	r->DUMP_SIZE = sc_core_dump_size(c->vlen);
}

static void mask_descs(const struct reg_desc *descs, size_t num, void *store)
{
	size_t i;

	for (i = 0; i < num; i++)
		*(uint64_t *)((uint8_t *)store + descs[i].store) &=
			descs[i].width == 4 ? (uint32_t)descs[i].valid : descs[i].valid;
}

void sc_regs_mask_context(struct sc_context_regs *reg)
{
	mask_descs(context_descs, SC_ARRAY_SIZE(context_descs), reg);
}

void sc_regs_mask_queue(struct sc_queue_regs *reg)
{
	mask_descs(queue_descs, SC_ARRAY_SIZE(queue_descs), reg);
}

/* Take over a saved image; discovery registers stay what this chip is. */
void sc_regs_load_device(struct sc_chip *chip, struct sc_device_regs *image)
{
	const struct reg_desc *d;
	size_t i;

	mask_descs(device_descs, SC_ARRAY_SIZE(device_descs), image);
	for (i = 0; i < SC_ARRAY_SIZE(device_descs); i++) {
		d = &device_descs[i];
		if (d->access != SC_ACCESS_RO || d->offset >= SC_REG_CONTROL)
			*(uint64_t *)((uint8_t *)&chip->reg + d->store) =
				*(uint64_t *)((uint8_t *)image + d->store);
	}
}

static bool find_block(struct sc_chip *chip, uint64_t offset, struct block *b)
{
	memset(b, 0, sizeof(*b));
	if (offset < SC_CONTEXT_BASE) {
		*b = (struct block){ device_descs, SC_ARRAY_SIZE(device_descs),
				     (uint8_t *)&chip->reg, &chip->latch, NULL, NULL, 0,
				     "device", offset };
		return true;
	}
	if (offset < SC_QUEUE_BASE) {
		b->id = (offset - SC_CONTEXT_BASE) / SC_CONTEXT_STRIDE;
		if (b->id >= chip->config.contexts)
			return false;
		b->ctx = &chip->contexts[b->id];
		b->descs = context_descs;
		b->num = SC_ARRAY_SIZE(context_descs);
		b->store = (uint8_t *)&b->ctx->reg;
		b->latch = &b->ctx->latch;
		b->kind = "context";
		b->offset = offset % SC_CONTEXT_STRIDE;
		return true;
	}
	b->id = (offset - SC_QUEUE_BASE) / SC_QUEUE_STRIDE;
	if (b->id >= chip->config.queues)
		return false;
	b->queue = &chip->queues[b->id];
	b->descs = queue_descs;
	b->num = SC_ARRAY_SIZE(queue_descs);
	b->store = (uint8_t *)&b->queue->reg;
	b->latch = &b->queue->latch;
	b->kind = "queue";
	b->offset = offset % SC_QUEUE_STRIDE;
	return true;
}

/* Find the register and check existence, width and direction. */
static const struct reg_desc *decode(struct sc_chip *chip, uint64_t offset, unsigned int size,
				     bool write, struct block *b)
{
	const struct reg_desc *d = NULL;
	size_t i;

	if (find_block(chip, offset, b)) {
		for (i = 0; i < b->num && !d; i++)
			if (b->offset >= b->descs[i].offset &&
			    b->offset < b->descs[i].offset + b->descs[i].width)
				d = &b->descs[i];
		if (d && d->store == offsetof(struct sc_device_regs, GUEST_ICOUNT) &&
		    b->descs == device_descs && !chip->config.test)
			d = NULL;
	}
	if (!d) {
		sc_strict(chip, SC_STRICT_REG_UNKNOWN, "%s of offset 0x%llx",
			  write ? "write" : "read", (unsigned long long)offset);
		return NULL;
	}
	if (!(size == d->width && b->offset == d->offset) && !(size == 4 && b->offset % 4 == 0)) {
		sc_strict(chip, SC_STRICT_REG_WIDTH, "%s %u %s: %u bytes at offset 0x%llx", b->kind,
			  b->id, d->name, size, (unsigned long long)offset);
		return NULL;
	}
	if (write && d->access == SC_ACCESS_RO) {
		sc_strict(chip, SC_STRICT_REG_READ_ONLY, "%s %u %s", b->kind, b->id, d->name);
		return NULL;
	}
	if (!write && d->access == SC_ACCESS_WO) {
		sc_strict(chip, SC_STRICT_REG_WRITE_ONLY, "%s %u %s", b->kind, b->id, d->name);
		return NULL;
	}
	return d;
}

static bool locked(struct sc_chip *chip, const struct block *b, const struct reg_desc *d)
{
	if (chip->resetting)
		return true;
	if (d->when == SC_WHEN_ANY)
		return false;
	if (b->queue)
		return b->queue->state != SC_QUEUE_DISABLED &&
		       !(d->when == SC_WHEN_STOPPED && b->queue->state == SC_QUEUE_STOPPED &&
			 !b->queue->command);
	if (b->ctx)
		return b->ctx->reg.CONTROL & SC_CONTEXT_ENABLE;
	return chip->reg.CONTROL & SC_CONTROL_ENABLE;
}

/* Registers whose value is computed when read. */
static void refresh_device(struct sc_chip *chip, uint32_t offset)
{
	struct sc_device_regs *r = &chip->reg;
	uint64_t insns = chip->bias_insns, macs = chip->bias_macs, dma = chip->bias_dma;
	const struct sc_core_stats *s;
	unsigned int i;

	switch (offset) {
	case SC_REG_STATUS:
		r->STATUS = chip->resetting ? SC_DEVICE_RESETTING :
			    chip->failed ? SC_DEVICE_FAILED : SC_DEVICE_READY;
		break;
	case SC_REG_TIME:
		r->TIME = sc_time(chip);
		break;
	case SC_REG_GUEST_ICOUNT:
		r->GUEST_ICOUNT = chip->host.icount ? chip->host.icount(chip->opaque) : 0;
		break;
	case SC_REG_TOTAL_INSNS:
	case SC_REG_TOTAL_MACS:
	case SC_REG_TOTAL_DMA_BYTES:
		for (i = 0; i < chip->config.cores; i++) {
			s = sc_core_stats(chip->units[i].core);
			insns += __atomic_load_n(&s->insns, __ATOMIC_RELAXED);
			macs += __atomic_load_n(&s->macs, __ATOMIC_RELAXED);
			dma += __atomic_load_n(&s->dma_bytes, __ATOMIC_RELAXED);
		}
		r->TOTAL_INSNS = insns;
		r->TOTAL_MACS = macs;
		r->TOTAL_DMA_BYTES = dma;
		break;
	default:
		sc_ras_refresh(chip, offset);
	}
}

static void refresh(struct sc_chip *chip, const struct block *b, const struct reg_desc *d)
{
	if (b->queue) {
		b->queue->reg.STATUS = sc_queue_status(b->queue);
		if (d->offset == SC_Q_PROGRESS && b->queue->withheld)
			sc_queue_catch_up(chip, b->queue);
	} else if (b->ctx) {
		b->ctx->reg.STATUS = b->ctx->resetting ? SC_CONTEXT_RESETTING : 0;
		if (b->ctx->reg.CONTROL & SC_CONTEXT_ENABLE)
			b->ctx->reg.STATUS |= SC_CONTEXT_ENABLED;
	} else {
		refresh_device(chip, d->offset);
	}
}

uint64_t sc_chip_read(struct sc_chip *chip, uint64_t offset, unsigned int size)
{
	const struct reg_desc *d;
	uint64_t value = 0;
	struct block b;

	sc_lock(chip);
	d = sc_ras_window(chip, offset, size, &value) ? NULL :
							decode(chip, offset, size, false, &b);
	if (d) {
		refresh(chip, &b, d);
		value = *store_of(&b, d);
		if (size < d->width)
			value = b.offset == d->offset ? (uint32_t)value : value >> 32;
	}
	sc_unlock(chip);
	return value;
}

static void write_device_control(struct sc_chip *chip, uint64_t old)
{
	unsigned int i;

	if (chip->failed)
		chip->reg.CONTROL = 0;
	if (chip->reg.CONTROL & SC_CONTROL_ENABLE || !(old & SC_CONTROL_ENABLE))
		return;
	for (i = 0; i < chip->config.queues; i++)
		sc_queue_disable(chip, &chip->queues[i]);
}

static void write_device(struct sc_chip *chip, const struct reg_desc *d, uint64_t old)
{
	switch (d->offset) {
	case SC_REG_CONTROL:
		write_device_control(chip, old);
		break;
	case SC_REG_FEATURES_ACCEPTED:
		chip->reg.FEATURES_ACCEPTED &= chip->reg.FEATURES;
		break;
	case SC_REG_RESET:
		if ((uint32_t)chip->reg.RESET == SC_RESET_KEY)
			sc_reset_start(chip, SC_RESET_CAUSE_SOFT);
		else
			sc_strict(chip, SC_STRICT_BAD_COMMAND, "device RESET: wrong key");
		chip->reg.RESET = 0;
		break;
	case SC_REG_IRQ_ENABLE:
		if (chip->reg.IRQ_STATUS & chip->reg.IRQ_ENABLE & ~old)
			sc_raise(chip, 0);
		break;
	}
}

static bool context_in_use(const struct sc_chip *chip, unsigned int context)
{
	unsigned int i;

	for (i = 0; i < chip->config.queues; i++)
		if (chip->queues[i].state != SC_QUEUE_DISABLED &&
		    chip->queues[i].bind.context == context)
			return true;
	return false;
}

static void write_context_control(struct sc_chip *chip, struct sc_context *ctx, unsigned int id,
				  uint64_t old)
{
	bool on = ctx->reg.CONTROL & SC_CONTEXT_ENABLE;
	uint64_t root = ctx->reg.ROOT;

	if (on == !!(old & SC_CONTEXT_ENABLE))
		return;
	if (!on && context_in_use(chip, id)) {
		ctx->reg.CONTROL = old;
		sc_strict(chip, SC_STRICT_CONTEXT_BUSY, "context %u disabled", id);
		return;
	}
	if (on && id && !sc_mmu_root_ok(chip, root)) {
		ctx->reg.CONTROL = old;
		sc_strict(chip, SC_STRICT_PAGE_TABLE_RANGE, "context %u: ROOT 0x%llx", id,
			  (unsigned long long)root);
		return;
	}
	if (!on && chip->cached)
		sc_stale_disable(chip, id);
	ctx->instance = ++chip->instances;
	sc_mmu_bind(chip, id, on ? root : 0);
}

static void write_context(struct sc_chip *chip, const struct block *b, const struct reg_desc *d,
			  uint64_t old)
{
	struct sc_context *ctx = b->ctx;

	switch (d->offset) {
	case SC_CTX_CONTROL:
		write_context_control(chip, ctx, b->id, old);
		break;
	case SC_CTX_COMMAND:
		if (ctx->reg.COMMAND == SC_CONTEXT_CMD_RESET && !ctx->resetting)
			sc_reset_context(chip, b->id);
		else
			sc_strict(chip, SC_STRICT_BAD_COMMAND, "context %u: command %u", b->id,
				  (unsigned int)ctx->reg.COMMAND);
		ctx->reg.COMMAND = 0;
		break;
	case SC_CTX_WEIGHT:
		if (!ctx->reg.WEIGHT)
			ctx->reg.WEIGHT = 1;
		if (ctx->reg.WEIGHT > 1024)
			ctx->reg.WEIGHT = 1024;
		break;
	}
}

static void write_queue(struct sc_chip *chip, const struct block *b, const struct reg_desc *d)
{
	struct sc_queue *q = b->queue;
	uint32_t command;

	switch (d->offset) {
	case SC_Q_COMMAND:
		command = q->reg.COMMAND;
		q->reg.COMMAND = 0;
		sc_queue_command(chip, q, command);
		break;
	case SC_Q_ARM:
		sc_queue_arm(chip, q);
		break;
	}
}

/* Combine halves. Returns false while only the low half of a register has come. */
static bool assemble(const struct block *b, const struct reg_desc *d, unsigned int size,
		     uint64_t *value)
{
	struct sc_latch *latch = b->latch;
	uint32_t low;

	if (size == d->width) {
		latch->offset = ~0u;
		return true;
	}
	if (b->offset == d->offset) {
		latch->offset = d->offset;
		latch->low = *value;
		return false;
	}
	low = latch->offset == d->offset ? latch->low : (uint32_t)*store_of(b, d);
	latch->offset = ~0u;
	*value = *value << 32 | low;
	return true;
}

static void write_reg(struct sc_chip *chip, const struct block *b, const struct reg_desc *d,
		      uint64_t value)
{
	uint64_t *store = store_of(b, d), old = *store;
	uint64_t valid = d->width == 4 ? (uint32_t)d->valid : d->valid;

	if (value & ~valid)
		sc_strict(chip, SC_STRICT_REG_RESERVED_BIT, "%s %u %s: 0x%llx", b->kind, b->id,
			  d->name, (unsigned long long)(value & ~valid));
	value &= valid;
	*store = d->access == SC_ACCESS_W1C ? old & ~value : value;
	if (b->queue)
		write_queue(chip, b, d);
	else if (b->ctx)
		write_context(chip, b, d, old);
	else
		write_device(chip, d, old);
}

void sc_chip_write(struct sc_chip *chip, uint64_t offset, uint64_t value, unsigned int size)
{
	const struct reg_desc *d;
	struct block b;

	if (size == 4)
		value = (uint32_t)value;
	sc_lock(chip);
	d = decode(chip, offset, size, true, &b);
	if (d && locked(chip, &b, d))
		sc_strict(chip, SC_STRICT_REG_LOCKED, "%s %u %s%s", b.kind, b.id, d->name,
			  chip->resetting ? " during a device reset" : "");
	else if (d && assemble(&b, d, size, &value))
		write_reg(chip, &b, d, value);
	sc_unlock(chip);
}

uint64_t sc_chip_doorbell_read(struct sc_chip *chip, uint64_t offset, unsigned int size)
{
	unsigned int id = offset / chip->reg.DOORBELL_STRIDE;
	uint64_t value = 0;

	if (offset % chip->reg.DOORBELL_STRIDE != SC_DOORBELL_STATUS || size != 4 ||
	    id >= chip->config.queues)
		return 0;
	sc_lock(chip);
	value = sc_queue_status(&chip->queues[id]);
	sc_unlock(chip);
	return value;
}

void sc_chip_doorbell_write(struct sc_chip *chip, uint64_t offset, uint64_t value,
			    unsigned int size)
{
	unsigned int id = offset / chip->reg.DOORBELL_STRIDE;

	if (offset % chip->reg.DOORBELL_STRIDE != SC_DOORBELL_RING || size != 4 ||
	    id >= chip->config.queues)
		return;
	sc_lock(chip);
	if (!chip->resetting)
		sc_queue_doorbell(chip, &chip->queues[id], value);
	sc_unlock(chip);
}
