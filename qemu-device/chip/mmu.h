/* SPDX-License-Identifier: MIT */
/*
 * Address translation and memory access of a chip.
 *
 * A translation may be used only between sc_mmu_enter() and sc_mmu_leave() of
 * the same user (a worker thread): an INVALIDATE completes when every user has
 * left once, which is what makes "every access that used the old translation
 * is globally visible" true. A cached translation is valid only while
 * sc_mmu_stamp() of its context is what it was when the cache was filled.
 */
#ifndef SC_MMU_H
#define SC_MMU_H

#include "chip.h"

/**
 * struct sc_xlat - translation of one 4 KiB page
 * @host: the page in card memory, or NULL: system memory or sparse
 * @system: system address of the page, when @host is NULL and not sparse
 * @pte: SC_PTE_* permission and kind bits of the leaf
 */
struct sc_xlat {
	uint8_t *host;
	uint64_t system;
	uint32_t pte;
};

/*
 * One cached translation: host address = va + delta, for the page `page`, which may be accessed
 * with nothing more to check. A core has a direct-mapped table of them for each of read and write.
 */
struct sc_tlb_entry {
	uint64_t page;
	uintptr_t delta;
};

#define SC_TLB_SIZE	 512
#define SC_PAGE_OF(va)	 ((va) & ~(uint64_t)(SC_PAGE_SIZE - 1))
#define SC_TLB_INDEX(va) (((va) / SC_PAGE_SIZE) % SC_TLB_SIZE)
#define SC_NO_PAGE	 1ULL /* never equal to a page address */

/* Access flag beside SC_ACCESS_READ, _WRITE, _EXECUTE: the queue engine reaches ENGINE pages. */
#define SC_ACCESS_ENGINE 0x8

/** sc_mmu_enter() - begin using translations; @user is 0 to threads (0: sc_chip_run's caller). */
void sc_mmu_enter(struct sc_chip *chip, unsigned int user);

/** sc_mmu_leave() - end using translations obtained since sc_mmu_enter(). */
void sc_mmu_leave(struct sc_chip *chip, unsigned int user);

/** sc_mmu_stamp() - changes whenever a cached translation of @context may be stale. */
uint64_t sc_mmu_stamp(struct sc_chip *chip, unsigned int context);

/**
 * sc_mmu_code_stamp() - changes whenever pre-decoded code of @context may be stale
 *
 * Changes with sc_mmu_stamp() and at a DISPATCH flagged CODE_CHANGED.
 */
uint64_t sc_mmu_code_stamp(struct sc_chip *chip, unsigned int context);

/**
 * sc_mmu_translate() - translate the page of @va
 * @access: SC_ACCESS_* wanted; 0 for none
 * @fault: status, code, va and access are set on failure
 *
 * Return: 0 or -EFAULT. Addresses with bit 47 set (scratchpads) are not for
 * this function: -EFAULT with SC_CODE_BAD_ADDRESS.
 */
int sc_mmu_translate(struct sc_chip *chip, unsigned int context, uint64_t va, unsigned int access,
		     struct sc_xlat *xlat, struct sc_fault *fault);

/**
 * sc_mmu_copy() - read or write any number of bytes of a context's memory
 * @access: SC_ACCESS_READ (to @buf), SC_ACCESS_WRITE (from @buf) or SC_ACCESS_EXECUTE (to @buf),
 *	    with SC_ACCESS_ENGINE for the queue engine
 *
 * An aligned access of 8 bytes or less is single-copy atomic. A failed write
 * may have written the bytes before the failing page.
 *
 * Return: 0 or -EFAULT with @fault set.
 */
int sc_mmu_copy(struct sc_chip *chip, unsigned int context, uint64_t va, void *buf, size_t len,
		unsigned int access, struct sc_fault *fault);

#endif /* SC_MMU_H */
