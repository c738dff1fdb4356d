// SPDX-License-Identifier: MIT
/*
 * COPY and FILL: rows of bytes moved by the queue engine, SC_CHUNK bytes at a
 * time. At most SC_COPY_STEP bytes are moved before the worker looks at other
 * work; a queue moves one packet at a time. A fault leaves the bytes before it
 * written.
 *
 * Card memory that is filled with zero in large pieces is given back to the
 * host, where untouched memory reads as zero: scrubbing a card that is hardly
 * used costs neither time nor memory.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

#define ROW_COST 256 /* bytes that a row of few bytes counts for */
#define DROP_MIN 0x10000 /* below that, writing is cheaper than giving back */

/* Begin the COPY or FILL of @work, which validation has found sound. */
void sc_copy_start(struct sc_queue *q, struct sc_work *work)
{
	const struct sc_pkt_copy *c = &work->packet.copy;
	const struct sc_pkt_fill *f = &work->packet.fill;

	q->copy = (struct sc_copy){ .work = work };
	q->copy.fill = SC_HDR_OP(c->hdr) == SC_OP_FILL;
	if (q->copy.fill) {
		q->copy.pattern = f->pattern;
		q->copy.dst = f->dst;
		q->copy.size = f->size;
		q->copy.rows = f->rows;
		q->copy.dst_stride = f->dst_stride;
	} else {
		q->copy.src = c->src;
		q->copy.dst = c->dst;
		q->copy.size = c->size;
		q->copy.rows = c->rows;
		q->copy.src_stride = c->src_stride;
		q->copy.dst_stride = c->dst_stride;
	}
	if (!q->copy.size)
		q->copy.rows = 0;
}

static void pattern_fill(uint8_t *buf, size_t len, uint64_t pattern)
{
	size_t i;

	for (i = 0; i + sizeof(pattern) <= len; i += sizeof(pattern))
		memcpy(buf + i, &pattern, sizeof(pattern));
	memcpy(buf + i, &pattern, len - i);
}

/* Bytes from @va on that are whole pages and lie in card memory in one piece, at @host. */
static size_t card_run(struct sc_chip *chip, unsigned int context, uint64_t va, size_t n,
		       uint8_t **host)
{
	struct sc_fault fault;
	struct sc_xlat xlat;
	size_t run;

	if (va % SC_PAGE_SIZE)
		return 0;
	for (run = 0; run + SC_PAGE_SIZE <= n; run += SC_PAGE_SIZE) {
		if (sc_mmu_translate(chip, context, va + run, SC_ACCESS_WRITE, &xlat, &fault))
			break;
		if (!run)
			*host = xlat.host;
		if (!xlat.host || xlat.host != *host + run)
			break;
	}
	return run;
}

/* Zero @n bytes; @zeros has SC_CHUNK of them. */
static int zero(struct sc_chip *chip, unsigned int context, uint64_t va, size_t n, uint8_t *zeros,
		struct sc_fault *fault)
{
	uint8_t *host = NULL;
	size_t run;

	while (n) {
		run = n < DROP_MIN ? 0 : card_run(chip, context, va, n, &host);
		if (run < DROP_MIN || madvise(host, run, MADV_DONTNEED)) {
			run = n < SC_CHUNK ? n : SC_CHUNK;
			if (sc_mmu_copy(chip, context, va, zeros, run, SC_ACCESS_WRITE, fault))
				return -EFAULT;
		}
		va += run;
		n -= run;
	}
	return 0;
}

/* Move one piece. Without the lock. */
static int move(struct sc_chip *chip, const struct sc_copy *c, unsigned int context, size_t n,
		unsigned int user, struct sc_fault *fault)
{
	uint8_t *buf = chip->users[user].chunk;
	uint64_t dst = c->dst + c->row * c->dst_stride + c->offset;
	uint64_t src = c->src + c->row * c->src_stride + c->offset;
	int ret = 0;

	sc_mmu_enter(chip, user);
	if (c->fill)
		pattern_fill(buf, n < SC_CHUNK ? n : SC_CHUNK, c->pattern);
	else
		ret = sc_mmu_copy(chip, context, src, buf, n, SC_ACCESS_READ, fault);
	if (c->fill && !c->pattern)
		ret = zero(chip, context, dst, n, buf, fault);
	else if (!ret)
		ret = sc_mmu_copy(chip, context, dst, buf, n, SC_ACCESS_WRITE, fault);
	sc_mmu_leave(chip, user);
	return ret;
}

/* How much of the row to move next. */
static size_t piece(const struct sc_copy *c)
{
	uint64_t left = c->size - c->offset;
	uint64_t most = c->fill && !c->pattern ? SC_COPY_STEP : SC_CHUNK;

	return left < most ? left : most;
}

/* Go on with the copy of @q. Called and returns with the lock held. */
void sc_copy_step(struct sc_chip *chip, struct sc_queue *q, unsigned int user)
{
	struct sc_copy *c = &q->copy;
	struct sc_work *work = c->work;
	struct sc_fault fault;
	uint64_t moved = 0, spent = 0;
	size_t n;
	int ret = 0;

	sc_unlock(chip);
	while (!ret && c->row < c->rows && spent < SC_COPY_STEP &&
	       !__atomic_load_n(&work->stop, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&chip->resetting, __ATOMIC_ACQUIRE)) {
		n = piece(c);
		ret = move(chip, c, q->bind.context, n, user, &fault);
		if (ret)
			break;
		moved += n;
		spent += n + ROW_COST;
		c->offset += n;
		if (c->offset == c->size) {
			c->offset = 0;
			c->row++;
		}
	}
	sc_lock(chip);
	if (chip->resetting)
		return;
	q->counters.copy_bytes += moved;
	q->reg.PROGRESS += moved ? 1 : 0;
	chip->reg.TOTAL_COPY_BYTES += moved;
	if (ret)
		sc_work_fail(chip, work, &fault);
	if (ret || work->stop || c->row == c->rows) {
		c->work = NULL;
		work->complete = true;
	}
}
