// SPDX-License-Identifier: MIT
/*
 * Recording: what a workgroup does, as events with costs.
 *
 * Between two events of the engines the hart's instructions are counted by
 * class and become one number of cycles: the arithmetic and the memory pipe of
 * the vector unit overlap with each other and with issue, one instruction a
 * cycle, so the longest of the three counts. Accesses beyond the scratchpad
 * become latency (loads one after the other) and bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "timing_record.h"

#define SPAN_MAX 0x40000000u /* cycles or bytes of one event */

struct sc_recorder {
	const struct sc_machine *machine;
	const uint64_t *insns;
	struct sc_tlist *list;
	bool in_vector, vector_far; /* a vector instruction; it has left the scratchpad */

	/* since the last event */
	uint64_t from; /* value of *insns */
	uint64_t slow; /* cycles that loads take beyond one */
	uint64_t arith; /* beats */
	uint64_t moved; /* beats of vector loads and stores */
	uint64_t latency;
	uint64_t card, host; /* bytes */
};

struct sc_recorder *sc_recorder_create(const struct sc_machine *machine, const uint64_t *insns)
{
	struct sc_recorder *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->machine = machine;
	r->insns = insns;
	return r;
}

void sc_tlist_free(struct sc_tlist *list)
{
	if (!list)
		return;
	free(list->ev);
	free(list->dma);
	free(list->rows);
	free(list);
}

void sc_recorder_destroy(struct sc_recorder *r)
{
	if (!r)
		return;
	sc_tlist_free(r->list);
	free(r);
}

/* Room for @more elements behind @count. */
static bool grow(void **array, size_t count, size_t more, size_t *max, size_t size)
{
	size_t want = *max ? *max : 64;
	void *p;

	if (count + more <= *max)
		return true;
	while (want < count + more)
		want *= 2;
	p = realloc(*array, want * size);
	if (!p)
		return false;
	*array = p;
	*max = want;
	return true;
}

static struct sc_tev *append(struct sc_recorder *r, enum sc_tev_kind kind)
{
	struct sc_tlist *list = r->list;
	struct sc_tev *ev;

	if (!list || !grow((void **)&list->ev, list->num_ev, 1, &list->max_ev, sizeof(*ev))) {
		if (list)
			list->failed = true;
		return NULL;
	}
	ev = &list->ev[list->num_ev++];
	*ev = (struct sc_tev){ .kind = kind };
	return ev;
}

static uint32_t part(uint64_t *value)
{
	uint32_t n = *value < SPAN_MAX ? (uint32_t)*value : SPAN_MAX;

	*value -= n;
	return n;
}

/* The next event, behind whatever the hart has done since the last. */
static struct sc_tev *event(struct sc_recorder *r, enum sc_tev_kind kind)
{
	uint64_t issue = *r->insns - r->from + r->slow;
	uint64_t cycles = issue > r->arith ? issue : r->arith;
	uint64_t tcm = r->moved * (r->machine->vector_bits / 8);
	struct sc_tev *ev;

	if (cycles < r->moved)
		cycles = r->moved;
	if (r->list) {
		r->list->insns += *r->insns - r->from;
		r->list->vector += r->arith;
		r->list->issue += issue;
	}
	r->from = *r->insns;
	r->slow = 0;
	r->arith = 0;
	r->moved = 0;
	while (tcm || r->latency || r->card || r->host || cycles > SPAN_MAX) {
		ev = append(r, SC_TEV_SPAN);
		if (!ev)
			break;
		ev->before = part(&cycles);
		ev->x = part(&tcm);
		ev->y = part(&r->latency);
		ev->z = part(&r->card);
		ev->w = part(&r->host);
	}
	ev = append(r, kind);
	if (ev)
		ev->before = part(&cycles);
	return ev;
}

void sc_record_start(struct sc_recorder *r, uint64_t rank)
{
	sc_tlist_free(r->list);
	r->list = calloc(1, sizeof(*r->list));
	if (r->list)
		r->list->rank = rank;
	r->from = *r->insns;
	r->slow = 0;
	r->arith = 0;
	r->moved = 0;
	r->latency = 0;
	r->card = 0;
	r->host = 0;
	r->in_vector = false;
}

struct sc_tlist *sc_record_take(struct sc_recorder *r)
{
	struct sc_tlist *list;

	event(r, SC_TEV_END);
	list = r->list;
	r->list = NULL;
	if (list && list->failed) {
		sc_tlist_free(list);
		return NULL;
	}
	return list;
}

/* --- engines --- */

static uint32_t divide_up(uint64_t a, uint64_t b)
{
	return (uint32_t)((a + b - 1) / b);
}

static uint64_t max3(uint64_t a, uint64_t b, uint64_t c)
{
	a = a > b ? a : b;
	return a > c ? a : c;
}

static const uint8_t format_bits[] = {
#define FORMAT_BITS(name, number, bits, text)                                                      \
	[number] = bits,
	SC_FMT_TABLE(FORMAT_BITS)
};

static unsigned int width_of(const struct sc_tile *t)
{
	if (t->fmt_a == SC_FMT_F32)
		return 2;
	return t->fmt_a == SC_FMT_F16 || t->fmt_a == SC_FMT_BF16 ? 1 : 0;
}

/* Folds of an array of rows x columns; each is filled, streamed through and emptied. */
static uint64_t folded(const struct sc_machine *m, const struct sc_tile *t)
{
	bool ws = m->dataflow == SC_DATAFLOW_WS;
	uint64_t rows = ws ? t->k : t->m, stream = ws ? t->m : t->k;
	uint64_t folds = (uint64_t)divide_up(rows, m->array_rows) *
			 divide_up(t->n, m->array_columns);

	return folds * (2 * m->array_rows + m->array_columns + stream - 2);
}

static uint64_t multiply_cycles(const struct sc_machine *m, const struct sc_tile *t,
				unsigned int width)
{
	const uint32_t rate[] = { m->mac_i8, m->mac_f16, m->mac_f32 };
	uint64_t rows = (t->m + 7) & ~7u, columns = (t->n + 7) & ~7u;

	if (m->dataflow == SC_DATAFLOW_TILE)
		return divide_up(rows * columns * t->k, rate[width]);
	return divide_up(folded(m, t) * rate[0], rate[width]);
}

static void mma(const struct sc_machine *m, const struct sc_tile *t, struct sc_tev *ev)
{
	unsigned int width = width_of(t);
	uint64_t a = ((uint64_t)t->m * t->k * format_bits[t->fmt_a] + 7) / 8;
	uint64_t b = ((uint64_t)t->n * t->k * format_bits[t->fmt_b] + 7) / 8;
	uint64_t occupancy = max3(multiply_cycles(m, t, width), divide_up(a, m->mma_operand),
				  divide_up(b, m->mma_operand));
	bool pairs = t->fmt_a == SC_FMT_E4M3 || t->fmt_a == SC_FMT_E5M2;
	uint64_t steps = t->fmt_a == SC_FMT_I8 ? 0 : pairs ? (t->k + 1) / 2 : t->k;
	uint64_t scales = t->group ? divide_up(t->k, t->group) : 0;

	occupancy = max3(occupancy, divide_up(t->m * t->n * scales, m->mma_scale), 1);
	ev->width = (uint8_t)width;
	ev->x = (uint32_t)occupancy;
	ev->y = m->mma_latency;
	if (steps * m->mma_step > occupancy)
		ev->y += (uint32_t)(steps * m->mma_step - occupancy);
	if (t->flags & SC_TILE_FLAGS)
		ev->y += m->mma_transpose;
	ev->z = (uint32_t)(a + b);
	ev->w = (uint32_t)t->m * t->n * t->k;
}

static void move(const struct sc_machine *m, const struct sc_engine_op *op, struct sc_tev *ev)
{
	const struct sc_tile *t = &op->tile;
	uint32_t words = t->m * t->n;

	ev->x = divide_up(4ull * words, m->move_bytes);
	ev->x += !ev->x;
	if (op->insn == SC_INSN_SDM_LD)
		ev->z = 4 * (op->stride ? words : t->n);
	else if (op->insn == SC_INSN_SDM_ST)
		ev->z = words * format_bits[t->fmt_store] / 8;
	else
		ev->z = 4 * (op->insn == SC_INSN_SDM_MUL_R ? t->m : t->n);
}

/* Whether @va is the host's memory. What cannot be translated faults when it is reached. */
static bool is_system(const struct sc_engine_env *env, uint64_t va)
{
	struct sc_fault ignored;
	struct sc_xlat xlat;

	return !sc_mmu_translate(env->chip, env->context, va, 0, &xlat, &ignored) && !xlat.host &&
	       !(xlat.pte & SC_PTE_SPARSE);
}

static void dma(struct sc_recorder *r, const struct sc_engine_env *env,
		const struct sc_engine_op *op, struct sc_tev *ev)
{
	const struct sc_dma *d = &op->dma;
	struct sc_tlist *list = r->list;
	bool fill = d->kind == SC_DMA_FILL, write = !op->dst || op->dst < env->tcm ||
						    op->dst >= env->tcm + env->tcm_size;
	const uint8_t *other = write ? op->dst : op->src;
	struct sc_tdma *t;

	if (!grow((void **)&list->dma, list->num_dma, 1, &list->max_dma, sizeof(*t))) {
		list->failed = true;
		return;
	}
	ev->x = (uint32_t)list->num_dma;
	t = &list->dma[list->num_dma++];
	*t = (struct sc_tdma){
		.va = write ? d->dst : d->src,
		.size = { d->size0, d->size1, d->size2 },
		.write = write,
		.local = !write && (fill || op->src),
	};
	memcpy(t->stride, write ? d->dst_stride : d->src_stride, sizeof(t->stride));
	if (!d->size0)
		t->size[1] = 0;
	t->peer = !t->local && other;
	if (!write && op->src && (op->src < env->tcm || op->src >= env->tcm + env->tcm_size)) {
		t->local = false;
		t->peer = true;
	}
	t->system = d->size0 && !t->local && !t->peer && is_system(env, t->va);
}

uint32_t sc_record_op(struct sc_recorder *r, const struct sc_engine_env *env,
		      const struct sc_engine_op *op)
{
	static const uint8_t kinds[SC_INSN_COUNT] = {
		[SC_INSN_SDM_MMA] = SC_TEV_MMA,	   [SC_INSN_SDM_MMA_Z] = SC_TEV_MMA,
		[SC_INSN_SDM_LD] = SC_TEV_MOVE,	   [SC_INSN_SDM_ST] = SC_TEV_MOVE,
		[SC_INSN_SDM_MUL_R] = SC_TEV_MOVE, [SC_INSN_SDM_MUL_C] = SC_TEV_MOVE,
		[SC_INSN_SDD_GO] = SC_TEV_DMA,	   [SC_INSN_SD_HOLD] = SC_TEV_HOLD,
		[SC_INSN_SD_POST] = SC_TEV_POST,
	};
	struct sc_tev *ev = event(r, kinds[op->insn]);

	if (!ev)
		return 0;
	ev->queue = (uint8_t)op->queue;
	switch (ev->kind) {
	case SC_TEV_MMA:
		ev->index = (uint8_t)op->imm;
		mma(r->machine, &op->tile, ev);
		break;
	case SC_TEV_MOVE:
		ev->index = (uint8_t)op->imm;
		move(r->machine, op, ev);
		break;
	case SC_TEV_DMA:
		dma(r, env, op, ev);
		break;
	default:
		ev->index = (uint8_t)op->counter;
		ev->x = ev->kind == SC_TEV_HOLD ? (uint32_t)op->value : 0;
	}
	return ev->x;
}

void sc_record_rows(struct sc_recorder *r, const struct sc_engine_op *op, const uint8_t *index)
{
	struct sc_tlist *list = r->list;
	size_t n = op->dma.size1;
	struct sc_tdma *t;

	if (!list || list->failed)
		return;
	if (!grow((void **)&list->rows, list->num_rows, n, &list->max_rows, sizeof(uint32_t))) {
		list->failed = true;
		return;
	}
	t = &list->dma[op->event];
	t->indexed = true;
	t->row = (uint32_t)list->num_rows;
	memcpy(list->rows + list->num_rows, index, 4 * n);
	list->num_rows += n;
}

void sc_record_await(struct sc_recorder *r, unsigned int counter, int32_t value)
{
	struct sc_tev *ev = event(r, SC_TEV_AWAIT);

	if (!ev)
		return;
	ev->index = (uint8_t)counter;
	ev->x = (uint32_t)value;
}

void sc_record_barrier(struct sc_recorder *r, bool meet)
{
	event(r, meet ? SC_TEV_MEET : SC_TEV_ARRIVE);
}

/* --- the hart --- */

void sc_record_access(struct sc_recorder *r, enum sc_place place, unsigned int access,
		      unsigned int size)
{
	const struct sc_machine *m = r->machine;
	bool load = access & SC_ACCESS_READ;

	if (place == SC_ON_TCM) {
		if (load && !r->in_vector)
			r->slow += m->tcm_load - 1;
		return;
	}
	/* the elements of a vector load are on their way together */
	if (load && !(r->in_vector && r->vector_far))
		r->latency += place == SC_ON_HOST ? m->link_latency : m->card_load;
	r->vector_far = true;
	if (place == SC_ON_HOST)
		r->host += size;
	else if (place == SC_ON_CARD)
		r->card += size;
}

/* What decides the beats of an instruction of OP-V. */
struct vclass {
	bool wide, divide, permute;
};

#define F3_OPIVV 0
#define F3_OPFVV 1
#define F3_OPMVV 2
#define F3_OPIVI 3
#define F3_OPFVF 5
#define F3_OPMVX 6

static struct vclass classify(uint32_t word)
{
	unsigned int f6 = word >> 26, f3 = SC_INSN_FUNCT3(word), vs1 = SC_INSN_RS1(word);
	bool fp = f3 == F3_OPFVV || f3 == F3_OPFVF, mul = f3 == F3_OPMVV || f3 == F3_OPMVX;
	struct vclass c = { false, false, false };

	if (fp) {
		c.divide = f6 == 0x20 || f6 == 0x21 || (f6 == 0x13 && !vs1 && f3 == F3_OPFVV);
		c.wide = f6 >= 0x30 || (f6 == 0x12 && f3 == F3_OPFVV && vs1 >= 8);
	} else if (mul) {
		c.divide = f6 >= 0x20 && f6 <= 0x23;
		c.wide = f6 >= 0x30;
		c.permute = f6 == 0x17 && f3 == F3_OPMVV;
	} else {
		c.wide = f6 >= 0x2c && f6 != 0x27;
		c.permute = f6 == 0x0c || (f6 == 0x0e && f3 == F3_OPIVV);
	}
	return c;
}

static uint64_t arithmetic_beats(const struct sc_machine *m, uint32_t word, uint64_t vl,
				 unsigned int bits)
{
	struct vclass c = classify(word);
	uint64_t beats = divide_up(vl * bits * (c.wide ? 2 : 1), m->vector_bits);

	if (c.permute)
		return divide_up(vl, m->vector_permute);
	return beats * (c.divide ? m->vector_divide : 1);
}

static uint64_t memory_beats(const struct sc_machine *m, uint32_t word, uint64_t vl,
			     uint64_t vtype, uint32_t vlenb)
{
	unsigned int mop = word >> 26 & 3, fields = (word >> 29) + 1, f3 = SC_INSN_FUNCT3(word);
	unsigned int bits = f3 ? 8u << (f3 - 4) : 8, unit = SC_INSN_RS2(word);

	if (!mop && unit == 0x08) /* whole registers */
		return divide_up(8ull * vlenb * fields, m->vector_bits);
	if (!mop && unit == 0x0b) /* a mask */
		return divide_up(vl, m->vector_bits);
	if (mop & 1) /* indexed: the width is that of the indices */
		bits = 8u << (vtype >> 3 & 3);
	if (!mop && fields == 1)
		return divide_up(vl * bits, m->vector_bits);
	return max3(divide_up(vl * fields, m->vector_permute),
		    divide_up(vl * fields * bits, m->vector_bits), 0);
}

void sc_record_vector(struct sc_recorder *r, uint32_t word, uint64_t vl, uint64_t vtype,
		      uint32_t vlenb)
{
	unsigned int opcode = SC_INSN_OPCODE(word);
	const struct sc_machine *m = r->machine;
	uint64_t beats;

	r->in_vector = true;
	r->vector_far = false;
	if (opcode == SC_OPC_OP_V && SC_INSN_FUNCT3(word) == 7)
		return; /* vsetvl */
	if (opcode == SC_OPC_DMA) {
		beats = (uint64_t)divide_up(vl * 32, m->vector_bits) * m->vector_exp2;
		r->arith += beats ? beats : 1;
	} else if (opcode == SC_OPC_OP_V) {
		beats = arithmetic_beats(m, word, vl, 8u << (vtype >> 3 & 3));
		r->arith += beats ? beats : 1;
	} else {
		beats = memory_beats(m, word, vl, vtype, vlenb);
		r->moved += beats ? beats : 1;
	}
}

void sc_record_vector_end(struct sc_recorder *r)
{
	r->in_vector = false;
}
