// SPDX-License-Identifier: MIT
/*
 * Strict reports, and the table behind STALE_TRANSLATION.
 *
 * A report is collected under the lock and delivered when it is dropped. Only
 * what the driver alone can break is ever reported.
 *
 * STALE_TRANSLATION. For every 4 KiB page of card memory the table holds the
 * last translation that led to it: context, address and the context's stamp.
 * A record is stale when that stamp is still current (no INVALIDATE since) but
 * the address, walked again, no longer leads to the page. Stale records are
 * reported in two moments: when context 0 writes the page (a freed page is
 * scrubbed, or becomes a page table: the freeing came before the INVALIDATE),
 * and when the context is disabled. Between the change of a PTE and its
 * INVALIDATE nothing is reported. Page tables in system memory are not
 * followed, since the check may not access the host.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

void sc_strict(struct sc_chip *chip, enum sc_strict_rule rule, const char *fmt, ...)
{
	struct sc_report *report;
	va_list ap;

	if (!chip->config.strict || !chip->host.strict || chip->num_reports == SC_MAX_REPORTS)
		return;
	report = &chip->reports[chip->num_reports++];
	report->rule = rule;
	va_start(ap, fmt);
	vsnprintf(report->text, sizeof(report->text), fmt, ap);
	va_end(ap);
}

/* The last translation that led to a page of card memory; stamp 0: none. */
struct sc_cached {
	uint64_t va; /* of the page; the low bits hold the context */
	uint64_t stamp;
};

int sc_stale_create(struct sc_chip *chip)
{
	size_t size = chip->config.card_size / SC_PAGE_SIZE * sizeof(*chip->cached);
	void *table = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	pthread_mutex_init(&chip->stale_mutex, NULL);
	if (table == MAP_FAILED)
		return -ENOMEM;
	chip->cached = table;
	return 0;
}

void sc_stale_destroy(struct sc_chip *chip)
{
	if (!chip->cached)
		return;
	munmap(chip->cached, chip->config.card_size / SC_PAGE_SIZE * sizeof(*chip->cached));
	pthread_mutex_destroy(&chip->stale_mutex);
}

/* Whether the recorded translation may still be cached although its page table has changed. */
static bool is_stale(struct sc_chip *chip, const struct sc_cached *c, uint64_t page)
{
	unsigned int context = c->va & (SC_PAGE_SIZE - 1);
	struct sc_xlat xlat;
	int ret;

	if (!c->stamp || c->stamp != sc_mmu_stamp(chip, context))
		return false;
	ret = sc_mmu_walk_card(chip, context, c->va & ~(SC_PAGE_SIZE - 1ULL), &xlat);
	if (ret == -EAGAIN)
		return false;
	return ret || xlat.host != chip->card + page * SC_PAGE_SIZE;
}

static void report_stale(struct sc_chip *chip, const struct sc_cached *c, uint64_t page,
			 const char *what)
{
	sc_strict(chip, SC_STRICT_STALE_TRANSLATION, "card page 0x%llx, context %u, va 0x%llx: %s",
		  (unsigned long long)page * SC_PAGE_SIZE, (unsigned int)(c->va & 0xfff),
		  (unsigned long long)(c->va & ~0xfffULL), what);
}

/* A translation of @va of a context led to the page of card memory at @host. */
void sc_stale_record(struct sc_chip *chip, unsigned int context, uint64_t va, const uint8_t *host)
{
	struct sc_cached *c = &chip->cached[(uint64_t)(host - chip->card) / SC_PAGE_SIZE];

	pthread_mutex_lock(&chip->stale_mutex);
	c->va = (va & ~(SC_PAGE_SIZE - 1ULL)) | context;
	c->stamp = sc_mmu_stamp(chip, context);
	pthread_mutex_unlock(&chip->stale_mutex);
}

/* Context 0 writes the page at @host. Called without the lock. */
void sc_stale_reuse(struct sc_chip *chip, const uint8_t *host)
{
	uint64_t page = (uint64_t)(host - chip->card) / SC_PAGE_SIZE;
	struct sc_cached *c = &chip->cached[page], old = { 0, 0 };

	pthread_mutex_lock(&chip->stale_mutex);
	if (is_stale(chip, c, page))
		old = *c;
	c->stamp = 0;
	pthread_mutex_unlock(&chip->stale_mutex);
	if (!old.stamp)
		return;
	sc_lock(chip);
	report_stale(chip, &old, page, "page reused");
	sc_unlock(chip);
}

/* @context is about to be disabled. Called with the lock held. */
void sc_stale_disable(struct sc_chip *chip, unsigned int context)
{
	uint64_t page, pages = chip->config.card_size / SC_PAGE_SIZE;
	uint64_t stamp = sc_mmu_stamp(chip, context);
	struct sc_cached *c;

	pthread_mutex_lock(&chip->stale_mutex);
	for (page = 0; page < pages; page++) {
		c = &chip->cached[page];
		if (c->stamp != stamp || (c->va & (SC_PAGE_SIZE - 1)) != context)
			continue;
		if (is_stale(chip, c, page))
			report_stale(chip, c, page, "context disabled");
		c->stamp = 0;
	}
	pthread_mutex_unlock(&chip->stale_mutex);
}
