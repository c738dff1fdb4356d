// SPDX-License-Identifier: MIT
/*
 * Vector instructions of which all is known (struct sc_vknown), and the copies
 * that are saved when they follow one another.
 *
 * A load from the own scratchpad copies nothing: its bytes stand for those of
 * the registers, a loan, until either would change. Arithmetic is held back until
 * its result is wanted. Where that is by a store, the result goes to the
 * scratchpad alone, which then lends it to the registers. Arithmetic on the
 * registers of which the result is held joins it, a chain (sc_vchain_fn), so that
 * values between are never written; there is one chain at most. Flags stay in the
 * host's exceptions. Loans, chain and flags are settled, made real, by whoever
 * would see the difference:
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

#define CHAIN_MIN 512 /* bytes: of a few host vectors each operation is done by itself */
#define CHAIN_MAX 8

#define CANONICAL_NAN_S 0x7fc00000

#define INLINE static inline __attribute__((always_inline))

/*
 * Instructions that have retired and are not executed yet: the first is of any
 * kind; where it is floating-point arithmetic, more of it may follow, on the
 * registers that the first writes.
 */
struct held {
	unsigned int count;
	const struct sc_vknown *k[CHAIN_MAX];
	struct sc_vstep steps[CHAIN_MAX + 1]; /* one more to end the chain */
	struct sc_vresult r; /* all 0: nothing is held */
	const uint8_t *from; /* operand of the first that is the value to go on with */
	uint8_t *to; /* where a store wants the result, or NULL */
};

/* Slot i is for registers from 4 * i on. */
#define SLOTS 8
struct loan {
	const uint8_t *at;
	uint32_t bytes; /* 0: none */
	uint8_t slots; /* of which it covers registers */
};

struct sc_vlazy {
	struct loan loans[SLOTS];
	struct held held;
	/* apart from one another: GCC would change both at once, for which the host waits */
	uint32_t lent; /* slots with a loan */
	uint32_t slot_bytes;
	uint32_t covered; /* slots of which a loan covers registers */
	bool raised; /* the host's exceptions have flags that fcsr has not */
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

static inline bool memory_overlaps(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	return (uintptr_t)a - (uintptr_t)b + na - 1 < na + nb - 1;
}

/* Slots of @bytes of a register group: one of up to four registers lies in a single slot. */
static uint8_t slots_of(const struct sc_vlazy *z, unsigned int slot, uint32_t bytes)
{
	return (uint8_t)((bytes > z->slot_bytes ? 3 : 1) << slot);
}

static void forget(struct sc_vlazy *z, unsigned int slot)
{
	z->covered &= ~(uint32_t)z->loans[slot].slots;
	z->lent &= ~(1u << slot);
	z->held.r.over &= (uint8_t)z->lent;
	z->loans[slot].bytes = 0;
}

static inline void lend(struct sc_core *core, const struct sc_vplace *d, const uint8_t *tcm,
			uint32_t bytes)
{
	struct sc_vlazy *z = core->lazy;

	z->loans[d->slot] = (struct loan){ tcm, bytes, d->slots };
	z->lent |= d->bit;
	z->covered |= d->slots;
	core->unsettled = true;
}

static __attribute__((noinline)) void return_loan(struct sc_core *core, unsigned int slot)
{
	const struct loan *loan = &core->lazy->loans[slot];

	core->vpath->copy(core->v + (size_t)slot * core->lazy->slot_bytes, loan->at, loan->bytes);
	forget(core->lazy, slot);
}

/* Loans of these bytes of the register file; nothing is held. */
static __attribute__((noinline)) void return_registers(struct sc_core *core, uint32_t at,
						       uint32_t bytes)
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

/* Always true, as what calls it. */
static __attribute__((noinline)) bool hide_pages(struct sc_core *core, uint64_t va, uint32_t bytes,
						 bool reads)
{
	uint64_t last = va + bytes - 1;

	for (va = SC_PAGE_OF(va); va <= last; va += SC_PAGE_SIZE) {
		unsigned int i = SC_TLB_INDEX(va);

		if (core->write[i].page == va)
			core->write[i].page = SC_NO_PAGE;
		if (reads && core->read[i].page == va)
			core->read[i].page = SC_NO_PAGE;
	}
	return true;
}

/* Keep scalar accesses to what a load or store accesses away from the translation cache. */
static inline bool hide(struct sc_core *core, const struct sc_vknown *k, bool reads)
{
	uint64_t va = core->x[k->scalar], cached = core->tcm_cached;
	unsigned int bit = SC_TCM_CACHED_BIT(va);

	cached = cached >> bit | cached << (-bit & 63);
	return sc_likely(!(cached & k->pages)) || hide_pages(core, va, k->bytes, reads);
}

/*
 * Where the bytes of a register group are, with its slots added to *homes if that is
 * in the registers; NULL if loans have to be returned before.
 */
INLINE const uint8_t *find(const struct sc_core *core, const struct sc_vplace *p, uint32_t bytes,
			   uint8_t *homes)
{
	const struct sc_vlazy *z = core->lazy;
	const struct loan *loan = &z->loans[p->slot];

	if (!(z->covered & p->slots)) {
		*homes |= p->slots;
		return core->v + p->at;
	}
	return loan->bytes == bytes && p->starts ? loan->at : NULL;
}

/* The same with nothing held: they are returned. */
INLINE const uint8_t *operand(struct sc_core *core, const struct sc_vplace *p, uint32_t bytes,
			      uint8_t *homes)
{
	const uint8_t *at = find(core, p, bytes, homes);

	if (at)
		return at;
	return_registers(core, p->at, bytes);
	*homes |= p->slots;
	return core->v + p->at;
}

/* How many elements of @d a single instruction does until one that its loop does not do. */
static inline size_t single(const struct sc_core *core, const struct held *h, uint8_t *d)
{
	const struct sc_vknown *k = h->k[0];
	const struct sc_vstep *s = h->steps;

	switch (k->kind) {
	case SC_VKNOWN_MOVE:
		core->vpath->copy(d, h->from, h->r.bytes);
		return h->r.n;
	case SC_VKNOWN_EXP2:
		core->vpath->exp2(d, h->from, h->r.n);
		return h->r.n;
	}
	return ((sc_vfp_fn *)k->fn)(d, h->from, s->a ? s->a : h->from,
				    s->b ? s->b : (const void *)&s->scalar, h->r.n);
}

/* Flags from the host's exceptions. Where NV is raised a NaN came about, and not by a loop. */
static inline void take_flags(struct sc_core *core)
{
	if (core->lazy->raised)
		core->fcsr |= sc_vhost_flags() & ~SC_FP_NV;
	core->lazy->raised = false;
}

/*
 * single() of everything that is held, with flags. Where they include NX already
 * they are taken when someone asks: until then nobody else touches the host's
 * exceptions but the hart's own arithmetic, which raises what it has to.
 */
static inline size_t loop(struct sc_core *core, struct held *h, uint8_t *d)
{
	const struct sc_vknown *k = h->k[0];
	size_t done;

	if (h->count == 1 && (k->kind != SC_VKNOWN_FP || !SC_VFP_IS_ROUNDED(k->op)))
		return single(core, h, d);
	if (!core->lazy->raised)
		sc_vhost_clear(!(core->fcsr & SC_FP_NX));
	if (h->count == 1) {
		done = single(core, h, d);
	} else {
		h->steps[h->count].fn = NULL;
		done = core->vpath->chain[k->width - 2](d, h->from, h->steps, h->r.n);
	}
	core->lazy->raised = true;
	core->unsettled = true;
	if (!(core->fcsr & SC_FP_NX) || !core->lazy_allowed)
		take_flags(core);
	return done;
}

/* The elements from @done on, in the registers, and from there to @d. */
static void rest(struct sc_core *core, const struct held *h, uint8_t *d, size_t done)
{
	size_t part = done << h->k[0]->width, left = h->r.bytes - part;
	uint8_t *home = core->v + h->k[0]->d.at;
	const uint8_t *value = h->from;

	for (unsigned int i = 0; i < h->count; i++, value = home) {
		const struct sc_vknown *k = h->k[i];
		const struct sc_vstep *s = &h->steps[i];
		struct sc_vec x = sc_vec_open(core, k->word);
		const uint8_t *b = s->b ? s->b : value;

		if (k->kind == SC_VKNOWN_EXP2) {
			core->vpath->exp2(home + part, value + part, h->r.n - done);
			continue;
		}
		if (SC_VFP_IS_FMA(k->op) && value != home)
			memcpy(home + part, value + part, left);
		x.sew = k->width;
		x.vl = h->r.n;
		x.vstart = (uint32_t)done;
		sc_vector_fp_run(&x, s->a ? s->a : value,
				 k->scalar ? (const uint8_t *)&s->scalar : b, k->scalar);
	}
	if (d != home)
		memcpy(d + part, home + part, left);
}

/* Nothing is held any more. */
static inline void drop(struct held *h)
{
	h->count = 0;
	h->r = (struct sc_vresult){ 0 };
}

/* @done of the elements are; the next one is not for loops. */
static __attribute__((noinline)) void go_on(struct sc_core *core, uint8_t *d, size_t done)
{
	take_flags(core);
	rest(core, &core->lazy->held, d, done);
}

/* Do what is held, if anything is; it is to be dropped or replaced then. */
static inline void execute(struct sc_core *core)
{
	struct held *h = &core->lazy->held;
	const struct sc_vknown *k = h->k[0];
	uint8_t *d = h->to;
	size_t done;

	if (!h->count)
		return;
	if (!d)
		d = core->v + k->d.at;
	FOR_SLOTS(i, h->r.over)
		return_loan(core, i);
	done = loop(core, h, d);
	if (sc_unlikely(done < h->r.n))
		go_on(core, d, done);
	if (h->to && !h->r.dead)
		lend(core, &k->d, d, h->r.bytes);
}

static __attribute__((noinline)) void run_held(struct sc_core *core)
{
	execute(core);
	drop(&core->lazy->held);
}

/* Execute what is held, if any is. */
static inline void run(struct sc_core *core)
{
	if (core->lazy->held.count)
		run_held(core);
}

void sc_vector_settle_all(struct sc_core *core)
{
	struct sc_vlazy *z = core->lazy;

	run(core);
	take_flags(core);
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
	take_flags(x->core);
	return_registers(x->core, x->vd * x->vlenb, bytes);
	if (x->f3 <= SC_OPMVV && x->f6 != 0x10) /* else it is a number, or part of the operation */
		return_registers(x->core, x->vs1 * x->vlenb, bytes);
	return_registers(x->core, x->vs2 * x->vlenb, bytes);
	if (x->masked)
		return_registers(x->core, 0, x->vlenb);
}

static inline uint64_t scalar_of(const struct sc_core *core, const struct sc_vknown *k)
{
	uint64_t f = core->f[k->scalar - 1];

	return k->width == 2 && f < 0xffffffff00000000 ? CANONICAL_NAN_S : f;
}

/* Whether it would read what is held and only moves, and overwrite where to. */
static inline bool takes_over(const struct sc_vlazy *z, const struct sc_vknown *k)
{
	const struct held *h = &z->held;

	return sc_unlikely(h->r.group == k->result.group) && h->k[0]->kind == SC_VKNOWN_MOVE &&
	       !(h->r.homes & z->covered);
}

static __attribute__((noinline)) bool hold(struct sc_core *core, const struct sc_vknown *k);
static __attribute__((noinline)) bool hold_slowly(struct sc_core *core, const struct sc_vknown *k);

/* Execute what is held, and hold this. Always true, as what calls it. */
static __attribute__((noinline)) bool hold_next(struct sc_core *core, const struct sc_vknown *k)
{
	execute(core);
	drop(&core->lazy->held);
	return hold(core, k);
}

static __attribute__((noinline)) bool run_now(struct sc_core *core)
{
	run_held(core);
	return true;
}

INLINE const uint8_t *get(struct sc_core *core, bool slowly, const struct sc_vplace *p,
			  uint32_t bytes, uint8_t *homes)
{
	return slowly ? operand(core, p, bytes, homes) : find(core, p, bytes, homes);
}

/*
 * Arithmetic, and moves that do not lend on: hold this, and execute before what is
 * held. @slowly: return the loans that are in the way, and do not leave that to others.
 */
INLINE bool hold_this(struct sc_core *core, const struct sc_vknown *k, bool slowly)
{
	struct sc_vlazy *z = core->lazy;
	struct held *h = &z->held;
	struct sc_vstep *s = &h->steps[0];
	const uint8_t *a, *b, *c; /* c: in the registers d */
	uint8_t homes = 0;

	if (takes_over(z, k)) {
		c = h->from;
		homes = h->r.homes;
	} else {
		if (h->count)
			return hold_next(core, k);
		c = get(core, slowly, &k->d, k->bytes, &homes);
	}
	a = k->other_a ? get(core, slowly, &k->a, k->bytes, &homes) : c;
	b = k->other_b ? get(core, slowly, &k->b, k->bytes, &homes) : c;
	if (sc_unlikely(!a || !b || !c))
		return hold_slowly(core, k);
	if (k->scalar_b)
		s->scalar = scalar_of(core, k);
	s->fn = k->first;
	s->a = k->third ? a : NULL;
	s->b = k->vector_b ? b : NULL;
	h->from = k->third ? c : a;
	if (z->loans[k->d.slot].bytes && k->d.starts)
		forget(z, k->d.slot);
	h->count = 1;
	h->k[0] = k;
	h->to = NULL;
	h->r = k->result;
	h->r.homes = homes;
	if (k->kind != SC_VKNOWN_FP && !(core->fcsr & SC_FP_NX))
		h->r.value = 0;
	core->unsettled = true;
	return sc_likely(core->lazy_allowed) || run_now(core);
}

static bool hold(struct sc_core *core, const struct sc_vknown *k)
{
	return hold_this(core, k, false);
}

static bool hold_slowly(struct sc_core *core, const struct sc_vknown *k)
{
	return hold_this(core, k, true);
}

/* Arithmetic on the value of what is held joins it. */
static bool arithmetic(struct sc_core *core, const struct sc_vknown *k)
{
	struct held *h = &core->lazy->held;
	struct sc_vstep *s = &h->steps[h->count];
	uint8_t homes = h->r.homes;

	if (sc_unlikely(core->fcsr >> 5 > k->strictest))
		return false;
	/* flags of 2^x in a chain are not known apart from the others' */
	if (!k->later || k->result.value != h->r.value ||
	    (k->kind == SC_VKNOWN_EXP2 && !(core->fcsr & SC_FP_NX)))
		return hold(core, k);
	s->a = NULL;
	s->b = NULL;
	if (k->other_a) {
		s->a = find(core, &k->a, k->bytes, &homes);
		if (!s->a)
			return hold(core, k);
	}
	if (k->scalar_b) {
		s->scalar = scalar_of(core, k);
	} else if (k->other_b) {
		s->b = find(core, &k->b, k->bytes, &homes);
		if (!s->b)
			return hold(core, k);
	}
	s->fn = k->later;
	h->r.homes = homes;
	h->k[h->count++] = k;
	if (h->count == CHAIN_MAX)
		h->r.value = 0;
	return true;
}

/* Whether a group gets other bytes in all registers that what is held writes. */
static inline bool overwrites(const struct held *h, const struct sc_vplace *d, uint32_t bytes)
{
	return h->r.at == d->at && h->r.bytes <= bytes;
}

static inline void kill(struct held *h)
{
	h->r.dead = true;
	h->r.group = 0;
	h->r.value = 0;
}

/* All these registers get other bytes; what was held before is executed or does not write them. */
static void discard(struct sc_core *core, const struct sc_vplace *d, uint32_t bytes)
{
	struct sc_vlazy *z = core->lazy;
	struct held *h = &z->held;
	const struct loan *loan = &z->loans[d->slot];

	if (h->r.slots & d->slots) {
		if (overwrites(h, d, bytes))
			kill(h);
		else
			run(core);
	}
	if (!(z->covered & d->slots))
		return;
	if (d->starts && loan->bytes && loan->bytes <= bytes &&
	    !(z->covered & d->slots & ~loan->slots)) {
		forget(z, d->slot);
	} else {
		run(core);
		return_registers(core, d->at, bytes);
	}
}

/* A load that is not simply a loan in place of another. */
static __attribute__((noinline)) bool load_slowly(struct sc_core *core, const struct sc_vknown *k)
{
	uint64_t va = core->x[k->scalar];
	const uint8_t *tcm = sc_core_tcm_bytes(core, va, k->bytes);

	if (!tcm)
		return false;
	if (!k->lends || !core->lazy_allowed) {
		run(core);
		return_registers(core, k->d.at, k->bytes);
		core->vpath->copy(core->v + k->d.at, tcm, k->bytes);
		return true;
	}
	discard(core, &k->d, k->bytes);
	lend(core, &k->d, tcm, k->bytes);
	return hide(core, k, false);
}

static bool load(struct sc_core *core, const struct sc_vknown *k)
{
	struct sc_vlazy *z = core->lazy;
	struct held *h = &z->held;
	const uint8_t *tcm = sc_core_tcm_range(core, core->x[k->scalar], k->bytes);

	if (sc_unlikely(!tcm || !core->lazy_allowed ||
			(z->loans[k->d.slot].bytes != k->bytes && z->covered & k->d.slots)))
		return load_slowly(core, k);
	if (h->r.slots & k->d.slots) {
		if (!overwrites(h, &k->d, k->bytes))
			return load_slowly(core, k);
		kill(h);
	}
	h->r.over &= (uint8_t)~k->d.bit;
	/* what is held may yet store there: no loan is read before */
	lend(core, &k->d, tcm, k->bytes);
	return hide(core, k, false);
}

/* Whether an operand of what is held lies partly where the result is to go. */
static inline bool crosses(const struct held *h, const uint8_t *operand, const uint8_t *tcm)
{
	return memory_overlaps(operand, h->r.bytes, tcm, h->r.bytes) && operand != tcm;
}

/* Whether the result of what is held may be written to @tcm while its operands are read. */
static inline bool may_store(const struct sc_core *core, const struct held *h, const uint8_t *tcm,
			     uint8_t over)
{
	const struct sc_vlazy *z = core->lazy;

	if (crosses(h, h->from, tcm))
		return false;
	/* NULL is far from the scratchpad */
	for (unsigned int i = 0; i < h->count; i++)
		if (crosses(h, h->steps[i].a, tcm) || crosses(h, h->steps[i].b, tcm))
			return false;
	/* the loans that are to be returned first must not change its operands */
	FOR_SLOTS(i, over)
		if (z->loans[i].slots & h->r.homes)
			return false;
	return true;
}

/* A store of anything but the result of what is held. */
static __attribute__((noinline)) bool store_copy(struct sc_core *core, const struct sc_vknown *k)
{
	uint8_t *tcm = sc_core_tcm_bytes(core, core->x[k->scalar], k->bytes), homes = 0;
	const uint8_t *from;

	if (!tcm)
		return false;
	run(core);
	from = operand(core, &k->d, k->bytes, &homes);
	if (from == tcm)
		return true;
	FOR_SLOTS(i, loans_of(core->lazy, tcm, k->bytes))
		return_loan(core, i);
	core->vpath->copy(tcm, operand(core, &k->d, k->bytes, &homes), k->bytes);
	return true;
}

static bool store(struct sc_core *core, const struct sc_vknown *k)
{
	struct held *h = &core->lazy->held;
	uint8_t *tcm = sc_core_tcm_range(core, core->x[k->scalar], k->bytes), over;

	if (!tcm || h->r.group != k->result.group || !k->d.starts)
		return store_copy(core, k);
	over = loans_of(core->lazy, tcm, k->bytes);
	if (!may_store(core, h, tcm, over))
		return store_copy(core, k);
	h->to = tcm;
	h->r.over = over;
	h->r.group = 0;
	h->r.value = 0;
	return hide(core, k, true);
}

static bool integer(struct sc_core *core, const struct sc_vknown *k)
{
	const uint8_t *a, *b;
	uint8_t homes = 0;

	run(core);
	return_registers(core, k->d.at, k->bytes); /* it may be an operand too */
	a = operand(core, &k->a, k->bytes, &homes);
	b = operand(core, &k->b, k->bytes, &homes);
	((sc_vfn *)k->fn)(core->v + k->d.at, a, b, NULL, k->result.n);
	return true;
}

/* Move registers: a loan is lent on, else the move is held back. */
static bool move(struct sc_core *core, const struct sc_vknown *k)
{
	const struct loan *loan = &core->lazy->loans[k->a.slot];
	struct held *h = &core->lazy->held;

	if (k->d.at == k->a.at)
		return true;
	if (h->r.group && h->k[0]->kind == SC_VKNOWN_MOVE && h->k[0]->d.at == k->d.at &&
	    h->r.bytes <= k->bytes)
		drop(h); /* it would be overwritten */
	run(core);
	if (loan->bytes != k->bytes || !k->a.starts || !k->d.starts)
		return hold(core, k);
	discard(core, &k->d, k->bytes);
	lend(core, &k->d, loan->at, k->bytes);
	return true;
}

/* Slide down, where it reads no element from VLMAX on. */
static bool slide(struct sc_core *core, const struct sc_vknown *k)
{
	uint64_t offset = k->op ? k->scalar : core->x[k->scalar];
	struct sc_vplace from = k->a;
	uint8_t homes = 0;
	const uint8_t *a;
	uint32_t bytes;

	if (offset > core->vlmax[core->vtype] - k->result.n)
		return false;
	bytes = k->bytes + (uint32_t)(offset << k->width);
	from.slots = slots_of(core->lazy, from.slot, bytes);
	run(core);
	return_registers(core, k->d.at, k->bytes);
	a = operand(core, &from, bytes, &homes) + bytes - k->bytes;
	memmove(core->v + k->d.at, a, k->bytes);
	return true;
}

/* Where the first element of a register is, which is in no loan then. */
static inline uint8_t *first_element(struct sc_core *core, const struct sc_vplace *p)
{
	if (core->lazy->covered & p->slots)
		return_registers(core, p->at, sizeof(uint64_t));
	return core->v + p->at;
}

/* Sums only where they raise nothing new: their flags are not looked at. */
static bool reduce(struct sc_core *core, const struct sc_vknown *k)
{
	uint8_t *d, homes = 0;
	const uint8_t *a;
	uint64_t acc;

	run(core);
	take_flags(core);
	if (core->fcsr >> 5 > k->strictest || (k->op == SC_VFP_add && !(core->fcsr & SC_FP_NX)))
		return false;
	d = first_element(core, &k->d);
	acc = sc_vget(first_element(core, &k->b), 0, k->width);
	a = operand(core, &k->a, k->bytes, &homes);
	if (!((sc_vreduce_fn *)k->fn)(a, k->result.n, &acc))
		return false;
	sc_vput(d, 0, k->width, acc);
	return true;
}

static bool read_first(struct sc_core *core, const struct sc_vknown *k)
{
	uint64_t box = k->width == 2 ? 0xffffffff00000000 : 0;

	if (core->fcsr >> 5 > k->strictest)
		return false;
	run(core);
	core->f[k->scalar - 1] = sc_vget(first_element(core, &k->a), 0, k->width) | box;
	return true;
}

void sc_vknow(const struct sc_vec *x, enum sc_vknown_kind kind, int width, unsigned int scalar,
	      unsigned int op, void (*fn)(void))
{
#define PLACE(reg) { .at = (reg) * x->vlenb, .slot = (reg) / 4, .starts = !((reg) % 4), \
		     .bit = 1 << (reg) / 4 }
	struct sc_vknown *k = x->core->vknown[SC_VKNOWN_INDEX(x->word)].known;

	/* nothing is held that refers to them */
	if (k->word != x->word || (uint32_t)k->setting != x->core->vtype)
		k[1] = k[0];
	*k = (struct sc_vknown){
		.word = x->word,
		.setting = SC_VSETTING(UINT32_MAX, x->core->vtype),
		.kind = (uint8_t)kind,
		.width = (uint8_t)width,
		.scalar = (uint8_t)scalar,
		.op = (uint8_t)op,
		.d = PLACE(x->vd),
		.a = PLACE(x->vs2),
		.b = PLACE(x->vs1),
		.fn = fn,
	};
}

/* An instruction as the first step of a chain, whose value is then its d or a. */
static enum sc_vmode first_mode(const struct sc_vknown *k)
{
	bool fma = SC_VFP_IS_FMA(k->op);

	if (k->scalar)
		return fma ? SC_VMODE_D_VF : SC_VMODE_A_VF;
	if (k->a.at == k->b.at)
		return fma ? SC_VMODE_D_AA : SC_VMODE_A_AA;
	return fma ? SC_VMODE_D_VV : SC_VMODE_A_VV;
}

/* As a later one, whose value is in the registers d; COUNT: not in one place. */
static enum sc_vmode later_mode(const struct sc_vknown *k)
{
	bool a = k->a.at == k->d.at, b = !k->scalar && k->b.at == k->d.at;

	if (SC_VFP_IS_FMA(k->op) ? a || b : !a && !b)
		return SC_VMODE_COUNT;
	return b && !a ? SC_VMODE_B_VV : first_mode(k);
}

static void adapt_arithmetic(const struct sc_core *core, struct sc_vknown *k)
{
	const struct sc_vector_path *path = core->vpath;
	enum sc_vmode later;
	bool fp = k->kind == SC_VKNOWN_FP;

	k->other_a = k->a.at != k->d.at;
	k->scalar_b = fp && k->scalar;
	k->vector_b = fp && !k->scalar;
	k->other_b = k->vector_b && k->b.at != k->d.at;
	k->third = fp && SC_VFP_IS_FMA(k->op);
	k->first = NULL;
	k->later = NULL;
	k->strictest = k->kind == SC_VKNOWN_EXP2 ? SC_RM_DYN :
		       k->kind == SC_VKNOWN_READ || !SC_VFP_IS_ROUNDED(k->op) ? SC_RMM : SC_RNE;
	if (k->kind == SC_VKNOWN_EXP2) {
		k->first = path->exp2_step;
		k->later = k->a.at == k->d.at ? path->exp2_step : NULL;
	} else if (fp) {
		later = later_mode(k);
		k->first = path->step[k->op][first_mode(k)][k->width - 2];
		k->later = later == SC_VMODE_COUNT ? NULL : path->step[k->op][later][k->width - 2];
	}
	k->result = (struct sc_vresult){
		.group = (uint64_t)k->bytes << 32 | k->d.at | 1,
		.n = k->result.n,
		.bytes = k->bytes,
		.at = k->d.at,
		.slots = k->d.slots,
	};
	if (k->first && k->bytes >= CHAIN_MIN)
		k->result.value = k->result.group | (uint64_t)k->width << 24;
	else
		k->later = NULL;
}

void sc_vector_adapt(struct sc_core *core, struct sc_vknown *k)
{
	static bool (*const execute[])(struct sc_core *core, const struct sc_vknown *k) = {
		[SC_VKNOWN_LOAD] = load, [SC_VKNOWN_STORE] = store, [SC_VKNOWN_INT] = integer,
		[SC_VKNOWN_FP] = arithmetic, [SC_VKNOWN_EXP2] = arithmetic, [SC_VKNOWN_MOVE] = move,
		[SC_VKNOWN_SLIDE] = slide,
		[SC_VKNOWN_REDUCE] = reduce, [SC_VKNOWN_READ] = read_first,
	};
	const struct sc_vlazy *z = core->lazy;

	k->setting = SC_VSETTING(core->vl, core->vtype);
	k->result.n = (uint32_t)core->vl;
	k->bytes = k->kind == SC_VKNOWN_MOVE ? k->scalar * (core->vlen / 8) :
					       k->result.n << k->width;
	k->d.slots = slots_of(z, k->d.slot, k->bytes);
	k->a.slots = slots_of(z, k->a.slot, k->bytes);
	k->b.slots = slots_of(z, k->b.slot, k->bytes);
	k->lends = k->bytes >= LEND_MIN && k->d.starts;
	k->execute = k->kind == SC_VKNOWN_LOAD && !k->lends ? load_slowly : execute[k->kind];
	k->pages = (uint8_t)((2 << (k->bytes + SC_PAGE_SIZE - 2) / SC_PAGE_SIZE) - 1);
	adapt_arithmetic(core, k);
}
