// SPDX-License-Identifier: MIT
/*
 * A hart's way to memory: the windows of the scratchpads, cached translations,
 * atomics, and decoded code pages.
 *
 * The interpreter looks into core->read and core->write itself; an entry there
 * says that the whole page may be accessed through a host pointer with nothing
 * more to check. Pages of system memory, sparse pages, guard pages, and, in
 * strict mode, scratchpad pages while an engine operation is in flight never
 * get an entry; those with lent bytes lose it (vector_known.c); with timing no
 * page gets one, so that every access comes here.
 */
#include <string.h>

#include "core_priv.h"

void sc_core_flush_data(struct sc_core *core)
{
	for (unsigned int i = 0; i < SC_TLB_SIZE; i++) {
		core->read[i].page = SC_NO_PAGE;
		core->write[i].page = SC_NO_PAGE;
	}
	core->tcm_cached = 0;
}

void sc_core_flush_code(struct sc_core *core)
{
	for (unsigned int i = 0; i < SC_CODE_PAGES; i++)
		core->code[i].page = SC_NO_PAGE;
}

/*
 * Host address of @va in one of the scratchpad windows, or NULL with *code set.
 * The window above every scratchpad belongs to nobody.
 */
static uint8_t *tcm_address(struct sc_core *core, uint64_t va, enum sc_code *code)
{
	uint64_t window = (va - SC_VA_TCM) / SC_TCM_STRIDE;
	uint64_t offset = (va - SC_VA_TCM) % SC_TCM_STRIDE;
	const struct sc_launch *launch = core->launch;
	uint8_t *tcm = core->tcm;

	if (window > core->cores) {
		*code = SC_CODE_BAD_ADDRESS;
		return NULL;
	}
	if (window) {
		if (!launch->peers) {
			*code = SC_CODE_TCM_REMOTE;
			return NULL;
		}
		if (window > (uint64_t)launch->grid[0] * launch->grid[1] * launch->grid[2]) {
			*code = SC_CODE_BAD_ADDRESS;
			return NULL;
		}
		tcm = launch->peers[window - 1]->tcm;
	}
	if (offset >= core->tcm_size) {
		*code = SC_CODE_TCM_RANGE;
		return NULL;
	}
	if (offset - core->guard < SC_STACK_GUARD) {
		*code = SC_CODE_STACK_GUARD;
		return NULL;
	}
	return tcm + offset;
}

static bool is_tcm(uint64_t va)
{
	return va >> 47 == 1;
}

static void cache(struct sc_core *core, uint64_t va, const uint8_t *page, unsigned int access)
{
	struct sc_tlb_entry entry = {
		.page = SC_PAGE_OF(va),
		.delta = (uintptr_t)page - (uintptr_t)SC_PAGE_OF(va),
	};

	if (core->recorder)
		return;
	if (access & SC_ACCESS_READ)
		core->read[SC_TLB_INDEX(va)] = entry;
	if (access & SC_ACCESS_WRITE)
		core->write[SC_TLB_INDEX(va)] = entry;
}

/* Host address of @va if its page is cached for all of @access, else NULL. */
static uint8_t *cached(const struct sc_core *core, uint64_t va, unsigned int access)
{
	const struct sc_tlb_entry *read = &core->read[SC_TLB_INDEX(va)];
	const struct sc_tlb_entry *write = &core->write[SC_TLB_INDEX(va)];

	if ((access & SC_ACCESS_READ) && read->page != SC_PAGE_OF(va))
		return NULL;
	if ((access & SC_ACCESS_WRITE) && write->page != SC_PAGE_OF(va))
		return NULL;
	return (uint8_t *)(va + (access & SC_ACCESS_READ ? read : write)->delta);
}

/* Strict: whether an engine operation in flight touches these bytes of the own scratchpad. */
static bool tcm_check(struct sc_core *core, uint64_t va, unsigned int size, unsigned int access,
		      uint64_t pc)
{
	uint64_t offset = va - SC_VA_TCM;

	if (!core->strict || offset >= core->tcm_size || !sc_engines_busy(core->engines))
		return true;
	memset(&core->fault, 0, sizeof(core->fault));
	return !sc_engines_check(core->engines, (uint32_t)offset, size, access & SC_ACCESS_WRITE,
				 pc, &core->fault);
}

/* sc_mmu_translate() and sc_mmu_copy() have said what is wrong; the rest is the hart's. */
static bool mmu_fault(struct sc_core *core, unsigned int size)
{
	core->fault.engine = SC_ENGINE_HART;
	core->fault.size = size;
	return false;
}

/*
 * Host address of bytes within one page, cached for the next time. *host is
 * NULL for memory that has none (system memory, sparse pages).
 */
static bool locate(struct sc_core *core, uint64_t va, unsigned int size, unsigned int access,
		   uint64_t pc, uint8_t **host)
{
	struct sc_xlat xlat;
	enum sc_code code;

	*host = cached(core, va, access);
	if (*host)
		return true;
	if (is_tcm(va)) {
		sc_vector_settle(core);
		*host = tcm_address(core, va, &code);
		if (!*host) {
			sc_core_access_fault(core, code, va, size, access);
			return false;
		}
		if (!tcm_check(core, va, size, access, pc))
			return false;
		if (!core->strict || !sc_engines_busy(core->engines)) {
			cache(core, va, *host - va % SC_PAGE_SIZE, access);
			core->tcm_cached |= 1ULL << SC_TCM_CACHED_BIT(va);
		}
		if (core->recorder)
			sc_record_access(core->recorder,
					 va - SC_VA_TCM < SC_TCM_STRIDE ? SC_ON_TCM : SC_ON_PEER,
					 access, size);
		return true;
	}
	memset(&core->fault, 0, sizeof(core->fault));
	if (sc_mmu_translate(core->chip, core->context, va, access, &xlat, &core->fault))
		return mmu_fault(core, size);
	if (core->recorder)
		sc_record_access(core->recorder,
				 xlat.host || xlat.pte & SC_PTE_SPARSE ? SC_ON_CARD : SC_ON_HOST,
				 access, size);
	*host = xlat.host ? xlat.host + va % SC_PAGE_SIZE : NULL;
	if (xlat.host)
		cache(core, va, xlat.host, access);
	return true;
}

/*
 * Copy 1 to 8 bytes of memory that other harts may access at the same time: in
 * one piece where both ends are aligned to the size, which is what atomicity of
 * aligned accesses asks for, else byte by byte.
 */
#define RELAXED_COPY(T, to, from)                                                                  \
	__atomic_store_n((T *)(to), __atomic_load_n((const T *)(from), __ATOMIC_RELAXED),          \
			 __ATOMIC_RELAXED)
static void copy_shared(uint8_t *to, const uint8_t *from, unsigned int size)
{
	if (size == 8 && !(((uintptr_t)to | (uintptr_t)from) & 7)) {
		RELAXED_COPY(uint64_t, to, from);
	} else if (size == 4 && !(((uintptr_t)to | (uintptr_t)from) & 3)) {
		RELAXED_COPY(uint32_t, to, from);
	} else if (size == 2 && !(((uintptr_t)to | (uintptr_t)from) & 1)) {
		RELAXED_COPY(uint16_t, to, from);
	} else {
		for (unsigned int i = 0; i < size; i++)
			RELAXED_COPY(uint8_t, to + i, from + i);
	}
}

/* Read or write bytes within one page. */
static bool access_page(struct sc_core *core, uint64_t va, uint8_t *buf, unsigned int size,
			unsigned int access, uint64_t pc)
{
	uint8_t *host;

	if (!locate(core, va, size, access, pc, &host))
		return false;
	if (!host) {
		if (!sc_mmu_copy(core->chip, core->context, va, buf, size, access, &core->fault))
			return true;
		return mmu_fault(core, size);
	}
	if (access == SC_ACCESS_READ)
		copy_shared(buf, host, size);
	else
		copy_shared(host, buf, size);
	return true;
}

/* Bytes from @va to the end of its page, at most @size. */
static unsigned int first_part(uint64_t va, unsigned int size)
{
	unsigned int room = SC_PAGE_SIZE - va % SC_PAGE_SIZE;

	return size < room ? size : room;
}

bool sc_core_load(struct sc_core *core, uint64_t va, unsigned int size, uint64_t pc,
		  uint64_t *value)
{
	unsigned int first = first_part(va, size);
	uint8_t *buf = (uint8_t *)value;

	*value = 0;
	if (!access_page(core, va, buf, first, SC_ACCESS_READ, pc))
		return false;
	if (first < size &&
	    !access_page(core, va + first, buf + first, size - first, SC_ACCESS_READ, pc))
		return false;
	return true;
}

bool sc_core_store(struct sc_core *core, uint64_t va, unsigned int size, uint64_t pc,
		   uint64_t value)
{
	unsigned int first = first_part(va, size);
	uint8_t *buf = (uint8_t *)&value, *host;

	/* both pages are writable before either is written: the fault is precise */
	if (first < size && !locate(core, va + first, size - first, SC_ACCESS_WRITE, pc, &host))
		return false;
	if (!access_page(core, va, buf, first, SC_ACCESS_WRITE, pc))
		return false;
	return first == size ||
	       access_page(core, va + first, buf + first, size - first, SC_ACCESS_WRITE, pc);
}

bool sc_core_span(struct sc_core *core, uint64_t va, unsigned int size, bool store, void *buf)
{
	uint8_t *host;

	if (!size || (core->strict && sc_engines_busy(core->engines)))
		return false;
	if (!locate(core, va, size, store ? SC_ACCESS_WRITE : SC_ACCESS_READ, 0, &host) || !host)
		return false;
	if (store)
		memcpy(host, buf, size);
	else
		memcpy(buf, host, size);
	return true;
}

#define AMO_LR	 0x02
#define AMO_SC	 0x03
#define AMO_SWAP 0x01
#define AMO_ADD	 0x00
#define AMO_XOR	 0x04
#define AMO_OR	 0x08
#define AMO_AND	 0x0c
#define AMO_MIN	 0x10
#define AMO_MAX	 0x14
#define AMO_MINU 0x18
#define AMO_MAXU 0x1c

/* The new value of a read-modify-write without an operation of the host's own. */
static uint64_t min_max(unsigned int op, uint64_t a, uint64_t b)
{
	switch (op) {
	case AMO_MIN:
		return (int64_t)a < (int64_t)b ? a : b;
	case AMO_MAX:
		return (int64_t)a > (int64_t)b ? a : b;
	case AMO_MINU:
		return a < b ? a : b;
	default:
		return a > b ? a : b;
	}
}

/*
 * Read-modify-write of a T; min and max see both operands extended to 64 bits
 * as signed, which keeps unsigned order too. Gives the old value.
 */
#define DEFINE_AMO(T, S)                                                                           \
	static uint64_t amo_##T(T *p, unsigned int op, uint64_t operand)                           \
	{                                                                                          \
		T v = (T)operand, old, new;                                                        \
												   \
		switch (op) {                                                                      \
		case AMO_SWAP:                                                                     \
			return (uint64_t)(S)__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);           \
		case AMO_ADD:                                                                      \
			return (uint64_t)(S)__atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);            \
		case AMO_XOR:                                                                      \
			return (uint64_t)(S)__atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);            \
		case AMO_OR:                                                                       \
			return (uint64_t)(S)__atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);             \
		case AMO_AND:                                                                      \
			return (uint64_t)(S)__atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);            \
		}                                                                                  \
		old = __atomic_load_n(p, __ATOMIC_RELAXED);                                        \
		do {                                                                               \
			new = (T)min_max(op, (uint64_t)(S)old, (uint64_t)(S)v);                    \
		} while (!__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST,       \
						      __ATOMIC_RELAXED));                          \
		return (uint64_t)(S)old;                                                           \
	}
DEFINE_AMO(uint32_t, int32_t)
DEFINE_AMO(uint64_t, int64_t)

static uint64_t load_reserved(struct sc_core *core, uint64_t va, unsigned int size, void *host)
{
	uint64_t value = size == 4 ? (uint64_t)(int32_t)__atomic_load_n((uint32_t *)host,
									 __ATOMIC_SEQ_CST) :
				     __atomic_load_n((uint64_t *)host, __ATOMIC_SEQ_CST);

	core->reserved = true;
	core->reserved_size = (uint8_t)size;
	core->reserved_va = va;
	core->reserved_value = value;
	return value;
}

/* A reservation holds as long as the memory holds the value that LR returned. */
static uint64_t store_conditional(struct sc_core *core, uint64_t va, unsigned int size, void *host,
				  uint64_t value)
{
	uint64_t expected = core->reserved_value;
	uint32_t expected32 = (uint32_t)expected;
	bool held = core->reserved && core->reserved_va == va && core->reserved_size == size;

	core->reserved = false;
	if (!held)
		return 1;
	if (size == 4)
		return !__atomic_compare_exchange_n((uint32_t *)host, &expected32, (uint32_t)value,
						    false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return !__atomic_compare_exchange_n((uint64_t *)host, &expected, value, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

bool sc_core_amo(struct sc_core *core, const struct sc_rec *rec, uint64_t pc)
{
	uint32_t word = (uint32_t)rec->imm;
	unsigned int op = word >> 27, size = 1u << SC_INSN_FUNCT3(word);
	unsigned int access = op == AMO_LR ? SC_ACCESS_READ :
			      op == AMO_SC ? SC_ACCESS_WRITE :
					     SC_ACCESS_READ | SC_ACCESS_WRITE;
	uint64_t va = core->x[rec->rs1], operand = core->x[rec->rs2], result;
	uint8_t *host;

	if (va & (size - 1)) {
		sc_core_access_fault(core, SC_CODE_MISALIGNED_ATOMIC, va, size, access);
		return false;
	}
	if (!locate(core, va, size, access, pc, &host))
		return false;
	if (!host) {
		sc_core_access_fault(core, SC_CODE_ATOMIC_SYSTEM, va, size, access);
		return false;
	}
	if (op == AMO_LR)
		result = load_reserved(core, va, size, host);
	else if (op == AMO_SC)
		result = store_conditional(core, va, size, host, operand);
	else if (size == 4)
		result = amo_uint32_t((uint32_t *)host, op, operand);
	else
		result = amo_uint64_t((uint64_t *)host, op, operand);
	core->x[rec->rd] = result;
	return true;
}

static bool fetch_fault(struct sc_core *core, uint64_t pc)
{
	core->fault.va = pc;
	core->fault.access = SC_ACCESS_EXECUTE;
	return mmu_fault(core, 4);
}

bool sc_core_fetch(struct sc_core *core, uint64_t pc)
{
	struct sc_code_slot *slot = &core->code[SC_CODE_INDEX(pc)];
	uint32_t words[SC_CODE_WORDS];
	uint64_t page = SC_PAGE_OF(pc);
	enum sc_code code = SC_CODE_NO_EXECUTE; /* the scratchpad holds no code */
	struct sc_xlat xlat;

	if (is_tcm(pc)) {
		tcm_address(core, pc, &code);
		sc_core_trap(core, code);
		return fetch_fault(core, pc);
	}
	memset(&core->fault, 0, sizeof(core->fault));
	if (sc_mmu_translate(core->chip, core->context, pc, SC_ACCESS_EXECUTE, &xlat, &core->fault))
		return fetch_fault(core, pc);
	if (xlat.host) {
		const uint32_t *host = (const uint32_t *)xlat.host;

		for (unsigned int i = 0; i < SC_CODE_WORDS; i++)
			words[i] = __atomic_load_n(&host[i], __ATOMIC_RELAXED);
	} else if (sc_mmu_copy(core->chip, core->context, page, words, sizeof(words),
			       SC_ACCESS_EXECUTE, &core->fault)) {
		return fetch_fault(core, pc);
	}
	sc_decode_page(words, slot->recs, core->labels);
	slot->page = page;
	return true;
}
