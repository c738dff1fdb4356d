// SPDX-License-Identifier: MIT
/*
 * Vector instructions of which all is known (struct sc_vknown), and the copies
 * that are saved when they follow one another.
 *
 * A load from the own scratchpad copies nothing: its bytes stand for those of
 * the registers, a loan, until either would change. Arithmetic is held back until
 * its result is wanted. Where that is by a store, the result goes to the
 * scratchpad alone, which then lends it to the registers. One instruction at most
 * is held. Both are settled, made real, by whoever would see the difference:
 *
 * - a scalar access: core->write has no entry for a page of which bytes are lent
 *   or will be read by the held instruction, and core->read none for one that
 *   it will store to, so the access comes to core_mem.c, which settles first;
 * - vector instructions that are not known, CSR instructions, operations of the
 *   engines, and the end of sc_core_run().
 *
 * Nothing is lent or held where others see the scratchpad or when it is
 * accessed: in cooperative dispatches, in strict mode, with timing.
 *
 * The invariants: loans cover different registers; what the held instruction
 * reads and where it stores does not change until it is executed, and no loan is
 * returned before it.
 */
#include <stdlib.h>

#include "vector_path.h"

#define LEND_MIN 256 /* bytes: less is as soon copied */

/* An instruction that has retired and is not executed yet. */
struct held {
	const struct sc_vknown *k; /* NULL: none is held */
	uint32_t n;
	uint32_t bytes;
	const uint8_t *c; /* operands: see sc_vfp_fn */
	const uint8_t *a;
	const uint8_t *b; /* NULL: the scalar */
	uint64_t scalar;
	uint8_t *to; /* where a store wants it, or NULL */
	bool dead; /* the registers have got other bytes since */
	uint8_t slots; /* of its registers */
	uint8_t homes; /* slots of which it reads the registers */
	uint8_t over; /* loans of bytes that it will store to */
};

/* Slot i is for registers from 4 * i on. */
#define SLOTS 8
struct loan {
	const uint8_t *at;
	uint32_t bytes; /* 0: none */
};

struct sc_vlazy {
	struct sc_vknown known[SC_VKNOWN]; /* by their word */
	struct loan loans[SLOTS];
	struct held held;
	uint32_t slot_bytes;
	uint8_t lent; /* slots with a loan */
	uint8_t covered; /* slots of which a loan covers registers */
};

#define FOR_SLOTS(i, mask)                                                                         \
	for (unsigned int left_ = (mask), i;                                                       \
	     left_ && (i = (unsigned int)__builtin_ctz(left_), true); left_ &= left_ - 1)

struct sc_vlazy *sc_vector_lazy(uint32_t vlen)
{
	struct sc_vlazy *z = calloc(1, sizeof(*z));

	if (z)
		z->slot_bytes = vlen / 2;
	return z;
}

static bool overlap(uintptr_t a, size_t na, uintptr_t b, size_t nb)
{
	return a < b + nb && b < a + na;
}

static bool memory_overlaps(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	return overlap((uintptr_t)a, na, (uintptr_t)b, nb);
}

/* Slots of @bytes of a register group: one of up to four registers lies in a single slot. */
static uint8_t slots_of(const struct sc_vlazy *z, unsigned int slot, uint32_t bytes)
{
	return (uint8_t)((bytes > z->slot_bytes ? 3 : 1) << slot);
}

static void forget(struct sc_vlazy *z, unsigned int slot)
{
	z->covered &= (uint8_t)~slots_of(z, slot, z->loans[slot].bytes);
	z->lent &= (uint8_t)~(1u << slot);
	z->held.over &= z->lent;
	z->loans[slot].bytes = 0;
}

static void lend(struct sc_core *core, unsigned int slot, const uint8_t *tcm, uint32_t bytes)
{
	struct sc_vlazy *z = core->lazy;

	z->loans[slot] = (struct loan){ tcm, bytes };
	z->lent |= (uint8_t)(1u << slot);
	z->covered |= slots_of(z, slot, bytes);
	core->unsettled = true;
}

static void return_loan(struct sc_core *core, unsigned int slot)
{
	const struct loan *loan = &core->lazy->loans[slot];

	core->vpath->copy(core->v + (size_t)slot * core->lazy->slot_bytes, loan->at, loan->bytes);
	forget(core->lazy, slot);
}

/* Loans of these bytes of the register file; nothing is held. */
static void return_registers(struct sc_core *core, uint32_t at, uint32_t bytes)
{
	struct sc_vlazy *z = core->lazy;

	FOR_SLOTS(i, z->lent)
		if (overlap(at, bytes, (uintptr_t)i * z->slot_bytes, z->loans[i].bytes))
			return_loan(core, i);
}

/* Loans of bytes of the scratchpad. */
static uint8_t loans_of(const struct sc_vlazy *z, const uint8_t *tcm, uint32_t bytes)
{
	uint8_t mask = 0;

	FOR_SLOTS(i, z->lent)
		if (memory_overlaps(tcm, bytes, z->loans[i].at, z->loans[i].bytes))
			mask |= (uint8_t)(1u << i);
	return mask;
}

/* Keep scalar accesses away from the translation cache. */
static inline void hide(struct sc_core *core, const uint8_t *tcm, uint32_t bytes, bool reads)
{
	uint64_t va = SC_VA_TCM + (uint64_t)(tcm - core->tcm), end = va + bytes;

	for (va = SC_PAGE_OF(va); va < end; va += SC_PAGE_SIZE) {
		unsigned int i = SC_TLB_INDEX(va);

		if (core->write[i].page == va)
			core->write[i].page = SC_NO_PAGE;
		if (reads && core->read[i].page == va)
			core->read[i].page = SC_NO_PAGE;
	}
}

/* Where the bytes of a register group are; in *homes its slots if in the registers. */
static inline const uint8_t *operand(struct sc_core *core, const struct sc_vplace *p,
				     uint32_t bytes, uint8_t *homes)
{
	struct sc_vlazy *z = core->lazy;

	if (z->covered & p->slots) {
		const struct loan *loan = &z->loans[p->slot];

		if (loan->bytes == bytes && p->starts)
			return loan->at;
		return_registers(core, p->at, bytes);
	}
	*homes |= p->slots;
	return core->v + p->at;
}

/* How many elements of @d are done until one that the loop does not do. */
static inline uint32_t loop(struct sc_core *core, const struct held *h, uint8_t *d)
{
	const void *b = h->b ? h->b : (const void *)&h->scalar;
	sc_vfp_fn *fn = (sc_vfp_fn *)h->k->fn;
	size_t done;

	switch (h->k->kind) {
	case SC_VKNOWN_MOVE:
		core->vpath->copy(d, h->a, h->bytes);
		return h->n;
	case SC_VKNOWN_EXP2:
		core->vpath->exp2(d, h->a, h->n);
		return h->n;
	}
	if (!h->k->rounds)
		return (uint32_t)fn(d, h->c, h->a, b, h->n);
	sc_vhost_clear(!(core->fcsr & SC_FP_NX));
	done = fn(d, h->c, h->a, b, h->n);
	core->fcsr |= sc_vhost_flags();
	return (uint32_t)done;
}

/* The elements from @done on, in the registers; those before are in @d. */
static void rest(struct sc_core *core, const struct held *h, const uint8_t *d, uint32_t done)
{
	struct sc_vec x = sc_vec_open(core, (uint32_t)h->k->key);
	uint8_t *home = core->v + h->k->d.at;
	size_t part = (size_t)done << h->k->width;

	if (d != home)
		memcpy(home, d, part);
	if (h->c != home)
		memcpy(home + part, h->c + part, h->bytes - part);
	x.sew = h->k->width;
	x.vl = h->n;
	x.vstart = done;
	sc_vector_fp_run(&x, h->a, h->b ? h->b : (const uint8_t *)&h->scalar, !h->b);
}

static void run_held(struct sc_core *core)
{
	struct held *h = &core->lazy->held;
	const struct sc_vknown *k = h->k;
	uint8_t *home = core->v + k->d.at, *d = h->to ? h->to : home;
	uint32_t done;

	FOR_SLOTS(i, h->over)
		return_loan(core, i);
	done = loop(core, h, d);
	if (done < h->n) {
		rest(core, h, d, done);
		if (h->to)
			memcpy(h->to, home, h->bytes);
	} else if (h->to && !h->dead) {
		lend(core, k->d.slot, h->to, h->bytes);
	}
	h->k = NULL;
}

/* Execute what is held, if any is. */
static inline void run(struct sc_core *core)
{
	if (core->lazy->held.k)
		run_held(core);
}

void sc_vector_settle_all(struct sc_core *core)
{
	struct sc_vlazy *z = core->lazy;

	run(core);
	FOR_SLOTS(i, z->lent)
		return_loan(core, i);
	core->unsettled = false;
}

void sc_vector_settle_for(const struct sc_vec *x, bool memory)
{
	/* no group is larger than twice LMUL, moves of whole registers excepted */
	uint32_t bytes = x->lmul < 2 ? (2 << (x->lmul > 0 ? x->lmul : 0)) * x->vlenb : 8 * x->vlenb;

	if (!x->core->unsettled)
		return;
	if (memory || x->f6 == 0x27) {
		sc_vector_settle_all(x->core);
		return;
	}
	run(x->core);
	return_registers(x->core, x->vd * x->vlenb, bytes);
	if (x->f3 <= SC_OPMVV && x->f6 != 0x10) /* else it is a number, or part of the operation */
		return_registers(x->core, x->vs1 * x->vlenb, bytes);
	return_registers(x->core, x->vs2 * x->vlenb, bytes);
	if (x->masked)
		return_registers(x->core, 0, x->vlenb);
}

static inline bool hold(struct sc_core *core, const struct sc_vknown *k)
{
	struct sc_vlazy *z = core->lazy;
	struct held *h = &z->held;
	uint32_t bytes = k->bytes;
	uint8_t homes = 0;

	if (k->kind == SC_VKNOWN_FP && core->fcsr >> 5 > (k->rounds ? SC_RNE : SC_RMM))
		return false;
	if (h->k && h->k->kind == SC_VKNOWN_MOVE && h->k->d.at == k->d.at && h->bytes == bytes &&
	    !h->to && !h->dead && !(h->homes & z->covered)) {
		/* it reads what would be moved, and overwrites where to */
		h->c = h->a;
		homes = h->homes;
	} else {
		run(core);
		h->c = operand(core, &k->d, bytes, &homes);
	}
	h->k = NULL;
	h->a = k->a.at == k->d.at ? h->c : operand(core, &k->a, bytes, &homes);
	h->b = NULL;
	if (k->kind == SC_VKNOWN_FP && k->scalar) {
		h->scalar = core->f[k->scalar - 1];
		if (k->width == 2 && h->scalar < 0xffffffff00000000)
			h->scalar = sc_fp_nan(SC_FP_S);
	} else if (k->kind == SC_VKNOWN_FP) {
		h->b = k->b.at == k->d.at ? h->c : operand(core, &k->b, bytes, &homes);
	}
	if (z->loans[k->d.slot].bytes && k->d.starts)
		forget(z, k->d.slot);
	h->k = k;
	h->n = k->vl;
	h->bytes = bytes;
	h->to = NULL;
	h->dead = false;
	h->slots = k->d.slots;
	h->homes = homes;
	h->over = 0;
	core->unsettled = true;
	if (!core->lazy_allowed)
		run(core);
	return true;
}

/* All these registers get other bytes; what was held before is executed or does not write them. */
static inline void discard(struct sc_core *core, const struct sc_vplace *d, uint32_t bytes)
{
	struct sc_vlazy *z = core->lazy;
	struct held *h = &z->held;
	const struct loan *loan = &z->loans[d->slot];

	if (h->k && h->slots & d->slots) {
		if (h->k->d.at == d->at && h->bytes <= bytes)
			h->dead = true;
		else
			run(core);
	}
	if (!(z->covered & d->slots))
		return;
	if (d->starts && loan->bytes && loan->bytes <= bytes &&
	    !(z->covered & d->slots & ~slots_of(z, d->slot, loan->bytes))) {
		forget(z, d->slot);
	} else {
		run(core);
		return_registers(core, d->at, bytes);
	}
}

static inline void load(struct sc_core *core, const struct sc_vplace *d, const uint8_t *tcm,
			uint32_t bytes)
{
	if (!core->lazy_allowed || bytes < LEND_MIN || !d->starts) {
		run(core);
		return_registers(core, d->at, bytes);
		core->vpath->copy(core->v + d->at, tcm, bytes);
		return;
	}
	discard(core, d, bytes);
	/* what is held may yet store there: no loan is read before */
	hide(core, tcm, bytes, false);
	lend(core, d->slot, tcm, bytes);
}

/* Whether the result of what is held may be written to @tcm while its operands are read. */
static inline bool may_store(const struct sc_core *core, const struct held *h, const uint8_t *tcm,
			     uint8_t over)
{
	const struct sc_vlazy *z = core->lazy;

	if ((h->c != tcm && memory_overlaps(h->c, h->bytes, tcm, h->bytes)) ||
	    (h->a != tcm && memory_overlaps(h->a, h->bytes, tcm, h->bytes)) ||
	    (h->b && h->b != tcm && memory_overlaps(h->b, h->bytes, tcm, h->bytes)))
		return false;
	/* the loans that are to be returned first must not change its operands */
	FOR_SLOTS(i, over)
		if (slots_of(z, i, z->loans[i].bytes) & h->homes)
			return false;
	return true;
}

static inline void store(struct sc_core *core, const struct sc_vplace *d, uint8_t *tcm,
			 uint32_t bytes)
{
	struct sc_vlazy *z = core->lazy;
	struct held *h = &z->held;
	uint8_t over = loans_of(z, tcm, bytes), homes = 0;
	const uint8_t *from;

	if (h->k && h->k->d.at == d->at && h->bytes == bytes && !h->dead && !h->to &&
	    d->starts && may_store(core, h, tcm, over)) {
		hide(core, tcm, bytes, true);
		h->to = tcm;
		h->over = over;
		return;
	}
	run(core);
	from = operand(core, d, bytes, &homes);
	if (from == tcm)
		return;
	FOR_SLOTS(i, loans_of(z, tcm, bytes))
		return_loan(core, i);
	core->vpath->copy(tcm, operand(core, d, bytes, &homes), bytes);
}

static void integer(struct sc_core *core, const struct sc_vknown *k)
{
	const uint8_t *a, *b;
	uint8_t homes = 0;

	run(core);
	return_registers(core, k->d.at, k->bytes); /* it may be an operand too */
	a = operand(core, &k->a, k->bytes, &homes);
	b = operand(core, &k->b, k->bytes, &homes);
	((sc_vfn *)k->fn)(core->v + k->d.at, a, b, NULL, k->vl);
}

/* Move registers: a loan is lent on, else the move is held back. */
static bool move(struct sc_core *core, const struct sc_vknown *k)
{
	const struct loan *loan = &core->lazy->loans[k->a.slot];
	struct held *h = &core->lazy->held;

	if (k->d.at == k->a.at)
		return true;
	if (h->k && h->k->kind == SC_VKNOWN_MOVE && h->k->d.at == k->d.at && !h->to &&
	    h->bytes <= k->bytes)
		h->k = NULL; /* it would be overwritten */
	run(core);
	if (loan->bytes != k->bytes || !k->a.starts || !k->d.starts)
		return hold(core, k);
	discard(core, &k->d, k->bytes);
	lend(core, k->d.slot, loan->at, k->bytes);
	return true;
}

void sc_vknow(const struct sc_vec *x, enum sc_vknown_kind kind, int width, unsigned int scalar,
	      bool rounds, void (*fn)(void))
{
#define PLACE(reg) { .at = (reg) * x->vlenb, .slot = (reg) / 4, .starts = !((reg) % 4) }
	x->core->lazy->known[SC_VKNOWN_INDEX(x->word)] = (struct sc_vknown){
		.key = SC_VKNOWN_KEY(x->word, x->core->vtype),
		.kind = (uint8_t)kind,
		.width = (uint8_t)width,
		.scalar = (uint8_t)scalar,
		.rounds = rounds,
		.d = PLACE(x->vd),
		.a = PLACE(x->vs2),
		.b = PLACE(x->vs1),
		.fn = fn,
	};
}

static void adapt(const struct sc_core *core, struct sc_vknown *k)
{
	const struct sc_vlazy *z = core->lazy;

	k->vl = (uint32_t)core->vl;
	k->bytes = k->kind == SC_VKNOWN_MOVE ? k->scalar * (core->vlen / 8) : k->vl << k->width;
	k->d.slots = slots_of(z, k->d.slot, k->bytes);
	k->a.slots = slots_of(z, k->a.slot, k->bytes);
	k->b.slots = slots_of(z, k->b.slot, k->bytes);
}

bool sc_vector_known(struct sc_core *core, uint32_t word)
{
	struct sc_vknown *k = &core->lazy->known[SC_VKNOWN_INDEX(word)];
	uint8_t *tcm;

	if (k->key != SC_VKNOWN_KEY(word, core->vtype) || !core->vl || core->vstart)
		return false;
	if (k->vl != core->vl)
		adapt(core, k);
	switch (k->kind) {
	case SC_VKNOWN_LOAD:
	case SC_VKNOWN_STORE:
		tcm = sc_core_tcm_bytes(core, core->x[k->scalar], k->bytes);
		if (!tcm)
			return false;
		if (k->kind == SC_VKNOWN_LOAD)
			load(core, &k->d, tcm, k->bytes);
		else
			store(core, &k->d, tcm, k->bytes);
		return true;
	case SC_VKNOWN_INT:
		integer(core, k);
		return true;
	case SC_VKNOWN_MOVE:
		return move(core, k);
	default:
		return hold(core, k);
	}
}
