// SPDX-License-Identifier: MIT
/*
 * Vector loads and stores. The invariant: when an element faults, vstart is its
 * index, elements before it are done, and none after it has changed; so the
 * instruction can be executed again from there.
 */
#include "vector_path.h"

/* One memory instruction, taken apart. */
struct access {
	bool store;
	bool indexed;
	bool first; /* fault-only-first */
	unsigned int fields;
	int eew; /* log2 of bytes, of the data */
	int emul;
	int index_eew;
	uint64_t base;
	uint64_t stride; /* of elements; not of indexed ones */
	uint32_t evl;
};

static int width_of(unsigned int f3)
{
	return f3 ? (int)f3 - 4 : 0;
}

/* Whole registers: any vtype. */
static bool open_whole(const struct sc_vec *x, struct access *a)
{
	unsigned int nr = a->fields;

	if ((nr & (nr - 1)) || x->masked || x->vd % nr || (a->store && a->eew))
		return false;
	a->fields = 1;
	a->evl = nr * x->vlenb >> a->eew;
	return true;
}

static bool open_unit(const struct sc_vec *x, struct access *a)
{
	switch (x->vs2) {
	case 0x00:
		break;
	case 0x0b: /* mask */
		if (x->masked || a->eew || a->fields > 1)
			return false;
		a->emul = 0;
		a->evl = (x->vl + 7) / 8;
		return true;
	case 0x10:
		a->first = true;
		if (!a->store)
			break;
		/* fall through */
	default:
		return false;
	}
	a->stride = (uint64_t)a->fields << a->eew;
	return true;
}

static bool open_access(const struct sc_vec *x, struct access *a)
{
	unsigned int mop = x->word >> 26 & 3, regs;

	a->fields = (x->word >> 29) + 1;
	a->eew = width_of(x->f3);
	a->emul = a->eew - x->sew + x->lmul;
	a->base = x->core->x[x->vs1];
	a->stride = 1ULL << a->eew;
	a->evl = x->vl;
	if (x->word >> 28 & 1)
		return false;
	if (!mop && x->vs2 == 0x08)
		return open_whole(x, a);
	if (x->core->vtype & SC_VTYPE_VILL)
		return false;
	if (!mop && !open_unit(x, a))
		return false;
	if (mop == 2) {
		a->stride = x->core->x[x->vs2];
	} else if (mop) {
		a->indexed = true;
		a->index_eew = a->eew;
		if (!sc_vgroup(x->vs2, a->emul))
			return false;
		a->eew = x->sew;
		a->emul = x->lmul;
	}
	if (!sc_vgroup(x->vd, a->emul))
		return false;
	regs = a->fields * sc_vregs(a->emul);
	if (regs > 8 || x->vd + regs > 32)
		return false;
	if (a->store)
		return true;
	if (a->indexed && a->fields == 1 &&
	    !sc_vsource(x, x->sew, x->lmul, x->vs2, a->index_eew, a->index_eew - x->sew + x->lmul))
		return false;
	if (a->indexed && a->fields > 1 &&
	    x->vs2 < x->vd + regs &&
	    x->vd < x->vs2 + sc_vregs(a->index_eew - x->sew + x->lmul))
		return false;
	return !x->masked || x->vd;
}

static uint64_t address(const struct sc_vec *x, const struct access *a, uint32_t i)
{
	if (a->indexed)
		return a->base + sc_vget(sc_vreg(x, x->vs2), i, a->index_eew);
	return a->base + i * a->stride;
}

/* All fields of element i. */
static bool element(const struct sc_vec *x, const struct access *a, uint32_t i)
{
	unsigned int size = 1u << a->eew;
	uint64_t va = address(x, a, i), value, pc = x->core->pc;

	for (unsigned int f = 0; f < a->fields; f++, va += size) {
		uint8_t *reg = sc_vreg(x, x->vd + f * sc_vregs(a->emul));

		if (a->store) {
			if (!sc_core_store(x->core, va, size, pc, sc_vget(reg, i, a->eew)))
				return false;
		} else {
			if (!sc_core_load(x->core, va, size, pc, &value))
				return false;
			sc_vput(reg, i, a->eew, value);
		}
	}
	return true;
}

/* Move elements from i on that lie one after the other in one page; how many. */
static uint32_t span(const struct sc_vec *x, const struct access *a, uint32_t i)
{
	uint64_t va = a->base + ((uint64_t)i << a->eew);
	uint32_t room = (uint32_t)(SC_PAGE_SIZE - va % SC_PAGE_SIZE) >> a->eew;
	uint32_t count = a->evl - i < room ? a->evl - i : room;
	uint8_t *reg = sc_vreg(x, x->vd) + ((size_t)i << a->eew);

	return sc_core_span(x->core, va, count << a->eew, a->store, reg) ? count : 0;
}

/* All elements at once, where they lie in the own scratchpad. */
static bool span_tcm(const struct sc_vec *x, const struct access *a)
{
	size_t bytes = (size_t)a->evl << a->eew;
	uint8_t *reg = sc_vreg(x, x->vd), *tcm = sc_core_tcm_bytes(x->core, a->base, bytes);

	if (!tcm)
		return false;
	x->core->vpath->copy(a->store ? tcm : reg, a->store ? reg : tcm, bytes);
	return true;
}

enum sc_vres sc_vector_mem(struct sc_vec *x, bool store)
{
	struct access a = { .store = store };
	bool packed;

	if (!open_access(x, &a))
		return SC_V_ILLEGAL;
	packed = !x->masked && !a.indexed && a.fields == 1 && a.stride == 1ULL << a.eew;
	if (packed && !x->vstart && span_tcm(x, &a)) {
		if (!(x->word >> 26) && !x->vs2) /* vle, vse: as many elements as vl says */
			sc_vknow(x, store ? SC_VKNOWN_STORE : SC_VKNOWN_LOAD, a.eew, x->vs1,
				 0, NULL);
		return SC_V_DONE;
	}
	for (uint32_t i = x->vstart; i < a.evl; i++) {
		uint32_t moved = packed ? span(x, &a, i) : 0;

		if (moved) {
			i += moved - 1;
			continue;
		}
		if (!sc_vactive(x, i) || element(x, &a, i))
			continue;
		if (a.first && i) {
			x->core->vl = i;
			return SC_V_DONE;
		}
		x->core->vstart = i;
		return SC_V_FAULT;
	}
	return SC_V_DONE;
}
