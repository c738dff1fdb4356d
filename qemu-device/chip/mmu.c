// SPDX-License-Identifier: MIT
/*
 * Page walk, access to memory by virtual address, and quiescence.
 *
 * There is no TLB here: the queue engine walks for every page, cores cache
 * translations under the context's stamp. Checks of a walk, in this order:
 *
 *   1. address >= 2^47: BAD_ADDRESS (scratchpads are not translated)
 *   2. context disabled: UNMAPPED
 *   3. per level: VALID clear: UNMAPPED; reserved bits, a bit that the level
 *      does not have, W with X, misaligned or sparse entry with an address, or
 *      a card address beyond CARD_SIZE: BAD_PTE; the host refuses to read a
 *      table in system memory: BUS_ERROR
 *   4. ENGINE page and an ordinary access: ENGINE_ONLY. An access of the queue
 *      engine to its ring needs an ENGINE page, else NO_READ
 *   5. permissions: NO_READ, NO_WRITE, NO_EXECUTE
 *   6. a read of a page with an uncorrectable error: MEMORY_ECC
 *
 * Context 0 is not translated and not checked beyond its windows: bit 46
 * selects system memory, else the address is a card address below CARD_SIZE
 * (else BAD_ADDRESS).
 *
 * Quiescence. A user's count is odd while it may use translations. INVALIDATE
 * changes the stamps first and reads the counts afterwards; a user enters
 * first and reads the stamp afterwards; both with sequential consistency. So
 * every user that INVALIDATE does not wait for sees the new stamp.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

void sc_mmu_enter(struct sc_chip *chip, unsigned int user)
{
	__atomic_add_fetch(&chip->users[user].count, 1, __ATOMIC_SEQ_CST);
}

void sc_mmu_leave(struct sc_chip *chip, unsigned int user)
{
	__atomic_add_fetch(&chip->users[user].count, 1, __ATOMIC_SEQ_CST);
}

uint64_t sc_mmu_stamp(struct sc_chip *chip, unsigned int context)
{
	return __atomic_load_n(&chip->contexts[context].stamp, __ATOMIC_SEQ_CST);
}

uint64_t sc_mmu_code_stamp(struct sc_chip *chip, unsigned int context)
{
	return __atomic_load_n(&chip->contexts[context].code_stamp, __ATOMIC_SEQ_CST);
}

/* Pre-decoded code of @context may be stale. */
void sc_mmu_code_changed(struct sc_chip *chip, unsigned int context)
{
	__atomic_add_fetch(&chip->contexts[context].code_stamp, 1, __ATOMIC_SEQ_CST);
}

/* Translations of @context may be stale. */
void sc_mmu_invalidate(struct sc_chip *chip, unsigned int context)
{
	__atomic_add_fetch(&chip->contexts[context].stamp, 1, __ATOMIC_SEQ_CST);
	sc_mmu_code_changed(chip, context);
}

/* Whether @root, masked to the bits of a ROOT register, names a table that can be walked. */
bool sc_mmu_root_ok(const struct sc_chip *chip, uint64_t root)
{
	return root & SC_PTE_VALID &&
	       (root & SC_PTE_SYSTEM ||
		(root & SC_PTE_ADDR) + SC_PAGE_SIZE <= chip->config.card_size);
}

/* Enable (@root has SC_PTE_VALID) or disable (0) the translation of @context. */
void sc_mmu_bind(struct sc_chip *chip, unsigned int context, uint64_t root)
{
	__atomic_store_n(&chip->contexts[context].root, root, __ATOMIC_SEQ_CST);
	sc_mmu_invalidate(chip, context);
}

/* Note who is inside; @counts has one entry per user. */
void sc_mmu_snapshot(struct sc_chip *chip, uint64_t *counts)
{
	unsigned int i;

	for (i = 0; i <= chip->config.threads; i++) {
		counts[i] = __atomic_load_n(&chip->users[i].count, __ATOMIC_SEQ_CST);
		if (!(counts[i] & 1))
			counts[i] = 0;
	}
}

/* Whether everyone in the snapshot has left. */
bool sc_mmu_quiet(struct sc_chip *chip, uint64_t *counts)
{
	bool quiet = true;
	unsigned int i;

	for (i = 0; i <= chip->config.threads; i++) {
		if (counts[i] == __atomic_load_n(&chip->users[i].count, __ATOMIC_SEQ_CST))
			quiet = quiet && !counts[i];
		else
			counts[i] = 0;
	}
	return quiet;
}

static int fail(struct sc_fault *fault, enum sc_code code, uint64_t va, unsigned int access)
{
	sc_fault_init(fault, code);
	fault->va = va;
	fault->access = access & (SC_ACCESS_READ | SC_ACCESS_WRITE | SC_ACCESS_EXECUTE);
	return -EFAULT;
}

/* Read one entry of the table @table. -EAGAIN: it is in system memory and @card_only is set. */
static int read_pte(struct sc_chip *chip, uint64_t table, unsigned int i, bool card_only,
		    uint64_t *pte)
{
	uint64_t addr = (table & SC_PTE_ADDR) + i * sizeof(*pte);

	if (!(table & SC_PTE_SYSTEM)) {
		*pte = __atomic_load_n((uint64_t *)(chip->card + addr), __ATOMIC_ACQUIRE);
		return 0;
	}
	if (card_only)
		return -EAGAIN;
	return sc_dma(chip, addr, pte, sizeof(*pte), false);
}

/* Whether @pte is well formed as an entry of @level; @size is what a leaf there maps. */
static bool pte_ok(const struct sc_chip *chip, uint64_t pte, unsigned int level, bool leaf)
{
	uint64_t allowed = leaf ? 0xff : SC_PTE_VALID | SC_PTE_SYSTEM;
	uint64_t size = leaf && level ? SC_HUGE_SIZE : SC_PAGE_SIZE;
	uint64_t addr = pte & SC_PTE_ADDR;

	if (!level)
		allowed &= ~(uint64_t)SC_PTE_HUGE;
	if (pte & SC_PTE_RESERVED || pte & 0xff & ~allowed)
		return false;
	if ((pte & (SC_PTE_WRITE | SC_PTE_EXECUTE)) == (SC_PTE_WRITE | SC_PTE_EXECUTE))
		return false;
	if (pte & SC_PTE_SPARSE)
		return !addr && !(pte & SC_PTE_SYSTEM);
	if (addr & (size - 1))
		return false;
	return pte & SC_PTE_SYSTEM || addr + size <= chip->config.card_size;
}

/* Walk to the leaf. 0; a code in @code with -EFAULT; or -EAGAIN as read_pte(). */
static int walk(struct sc_chip *chip, unsigned int context, uint64_t va, bool card_only,
		struct sc_xlat *xlat, enum sc_code *code)
{
	uint64_t pte = __atomic_load_n(&chip->contexts[context].root, __ATOMIC_SEQ_CST);
	uint64_t offset;
	unsigned int level;
	bool leaf;
	int ret;

	*code = SC_CODE_UNMAPPED;
	for (level = 4; level--;) {
		if (!(pte & SC_PTE_VALID))
			return -EFAULT;
		ret = read_pte(chip, pte, va >> (12 + 9 * level) & 511, card_only, &pte);
		if (ret == -EAGAIN)
			return ret;
		if (ret) {
			*code = SC_CODE_BUS_ERROR;
			return -EFAULT;
		}
		if (!(pte & SC_PTE_VALID))
			return -EFAULT;
		leaf = !level || (level == 1 && pte & SC_PTE_HUGE);
		if (!pte_ok(chip, pte, level, leaf)) {
			*code = SC_CODE_BAD_PTE;
			return -EFAULT;
		}
		if (leaf)
			break;
	}
	offset = level ? va & (SC_HUGE_SIZE - SC_PAGE_SIZE) : 0;
	memset(xlat, 0, sizeof(*xlat));
	xlat->pte = pte & 0xff;
	if (pte & SC_PTE_SYSTEM)
		xlat->system = (pte & SC_PTE_ADDR) + offset;
	else if (!(pte & SC_PTE_SPARSE))
		xlat->host = chip->card + (pte & SC_PTE_ADDR) + offset;
	return 0;
}

/* For strict checks: no host access. 0, -EFAULT, or -EAGAIN when that is not possible. */
int sc_mmu_walk_card(struct sc_chip *chip, unsigned int context, uint64_t va, struct sc_xlat *xlat)
{
	enum sc_code code;

	return walk(chip, context, va, true, xlat, &code);
}

/* A page with an uncorrectable error can be written, not read. */
static int check_memory(struct sc_chip *chip, uint64_t va, unsigned int access,
			struct sc_xlat *xlat, struct sc_fault *fault)
{
	if (!xlat->host || !sc_ras_is_poisoned(chip, xlat->host - chip->card))
		return 0;
	xlat->pte &= ~(SC_PTE_READ | SC_PTE_EXECUTE);
	if (!(access & (SC_ACCESS_READ | SC_ACCESS_EXECUTE)))
		return 0;
	return fail(fault, SC_CODE_MEMORY_ECC, va, access);
}

static int translate_context0(struct sc_chip *chip, uint64_t va, unsigned int access,
			      struct sc_xlat *xlat, struct sc_fault *fault)
{
	memset(xlat, 0, sizeof(*xlat));
	xlat->pte = SC_PTE_VALID | SC_PTE_READ | SC_PTE_WRITE | SC_PTE_EXECUTE;
	if (va & SC_CONTEXT0_SYSTEM) {
		xlat->pte |= SC_PTE_SYSTEM;
		xlat->system = (va ^ SC_CONTEXT0_SYSTEM) & ~(SC_PAGE_SIZE - 1ULL);
		return 0;
	}
	if (va >= chip->config.card_size)
		return fail(fault, SC_CODE_BAD_ADDRESS, va, access);
	xlat->host = chip->card + (va & ~(SC_PAGE_SIZE - 1ULL));
	if (chip->cached && access & SC_ACCESS_WRITE)
		sc_stale_reuse(chip, xlat->host);
	return check_memory(chip, va, access, xlat, fault);
}

int sc_mmu_translate(struct sc_chip *chip, unsigned int context, uint64_t va, unsigned int access,
		     struct sc_xlat *xlat, struct sc_fault *fault)
{
	enum sc_code code;

	if (va >> 47)
		return fail(fault, SC_CODE_BAD_ADDRESS, va, access);
	if (!context)
		return translate_context0(chip, va, access, xlat, fault);
	if (walk(chip, context, va, false, xlat, &code))
		return fail(fault, code, va, access);
	if (xlat->pte & SC_PTE_ENGINE && !(access & SC_ACCESS_ENGINE))
		return fail(fault, SC_CODE_ENGINE_ONLY, va, access);
	if (!(xlat->pte & SC_PTE_ENGINE) && access & SC_ACCESS_ENGINE)
		return fail(fault, SC_CODE_NO_READ, va, access);
	if (access & SC_ACCESS_READ && !(xlat->pte & SC_PTE_READ))
		return fail(fault, SC_CODE_NO_READ, va, access);
	if (access & SC_ACCESS_WRITE && !(xlat->pte & SC_PTE_WRITE))
		return fail(fault, SC_CODE_NO_WRITE, va, access);
	if (access & SC_ACCESS_EXECUTE && !(xlat->pte & SC_PTE_EXECUTE))
		return fail(fault, SC_CODE_NO_EXECUTE, va, access);
	if (chip->cached && xlat->host)
		sc_stale_record(chip, context, va, xlat->host);
	return check_memory(chip, va, access, xlat, fault);
}

/* An aligned access of 8 bytes or less is one load or store. */
static void copy_host(void *mem, void *buf, size_t len, bool write)
{
	uintptr_t addr = (uintptr_t)mem;

	if (addr & (len - 1) || (uintptr_t)buf & (len - 1)) {
		memcpy(write ? mem : buf, write ? buf : mem, len);
		return;
	}
	switch (len) {
	case 8:
		if (write)
			__atomic_store_n((uint64_t *)mem, *(uint64_t *)buf, __ATOMIC_RELEASE);
		else
			*(uint64_t *)buf = __atomic_load_n((uint64_t *)mem, __ATOMIC_ACQUIRE);
		break;
	case 4:
		if (write)
			__atomic_store_n((uint32_t *)mem, *(uint32_t *)buf, __ATOMIC_RELEASE);
		else
			*(uint32_t *)buf = __atomic_load_n((uint32_t *)mem, __ATOMIC_ACQUIRE);
		break;
	case 2:
		if (write)
			__atomic_store_n((uint16_t *)mem, *(uint16_t *)buf, __ATOMIC_RELEASE);
		else
			*(uint16_t *)buf = __atomic_load_n((uint16_t *)mem, __ATOMIC_ACQUIRE);
		break;
	default:
		memcpy(write ? mem : buf, write ? buf : mem, len);
	}
}

int sc_mmu_copy(struct sc_chip *chip, unsigned int context, uint64_t va, void *buf, size_t len,
		unsigned int access, struct sc_fault *fault)
{
	bool write = access & SC_ACCESS_WRITE;
	struct sc_xlat xlat;
	size_t offset, n;

	while (len) {
		offset = va & (SC_PAGE_SIZE - 1);
		n = len < SC_PAGE_SIZE - offset ? len : SC_PAGE_SIZE - offset;
		if (sc_mmu_translate(chip, context, va, access, &xlat, fault)) {
			fault->size = n;
			return -EFAULT;
		}
		if (xlat.host) {
			copy_host(xlat.host + offset, buf, n, write);
		} else if (xlat.pte & SC_PTE_SYSTEM) {
			if (sc_dma(chip, xlat.system + offset, buf, n, write)) {
				fail(fault, SC_CODE_BUS_ERROR, va, access);
				fault->size = n;
				return -EFAULT;
			}
		} else if (!write) {
			memset(buf, 0, n);
		}
		va += n;
		buf = (uint8_t *)buf + n;
		len -= n;
	}
	return 0;
}
