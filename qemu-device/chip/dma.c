// SPDX-License-Identifier: MIT
/*
 * The DMA channels of a core: descriptors and data movement.
 *
 * sc_dma_issue() decides everything that can be known at issue: kind, sides,
 * and that every scratchpad byte lies inside its scratchpad. What is left to
 * fail at application is a translation, or a row number at its limit.
 * A gather counts as reading, and a scatter as writing, every row below the
 * limit as far as ordering is concerned.
 */
#include <string.h>

#include "engine_priv.h"
#include "timing_record.h"

#define FILL_CHUNK  4096 /* bytes per write of a fill beyond the scratchpad */
#define MAX_WINDOWS 64 /* other cores' scratchpads, as many as a card can have cores */

/* One side of a transfer as the descriptor gives it. */
struct side {
	uint64_t va;
	uint64_t rows;
	uint64_t stride[2];
	unsigned int field; /* offset of the address in the descriptor, for faults */
	bool write;
	bool own;
	uint64_t offset; /* into the scratchpad, when it is one */
	uint8_t *tcm; /* NULL: memory */
};

struct request {
	const struct sc_engine_env *env;
	struct sc_engine_op *op;
	uint64_t va; /* of the descriptor */
	struct sc_fault *fault;
};

static int refuse(const struct request *rq, enum sc_code code, uint64_t va, uint64_t value,
		  bool write, uint64_t size)
{
	sc_engine_fault(rq->fault, code, sc_engine_of(rq->op->queue), rq->op->pc, va, value);
	if (code != SC_CODE_BAD_DMA) {
		rq->fault->access = write ? SC_ACCESS_WRITE : SC_ACCESS_READ;
		rq->fault->size = size > UINT32_MAX ? UINT32_MAX : size;
	}
	return SC_ENGINE_FAULT;
}

static int bad_field(const struct request *rq, unsigned int field)
{
	return refuse(rq, SC_CODE_BAD_DMA, rq->va, field, false, 0);
}

#define FIELD(name) offsetof(struct sc_dma, name)

/* Which memory an address names. */
static int resolve(const struct request *rq, struct side *side)
{
	const struct sc_engine_env *env = rq->env;
	const struct sc_launch *launch = env->launch;
	uint64_t window = (side->va - SC_VA_TCM) / SC_TCM_STRIDE;

	side->tcm = NULL;
	side->own = false;
	if (side->va < SC_VA_TCM)
		return 0;
	side->offset = (side->va - SC_VA_TCM) % SC_TCM_STRIDE;
	if (!window) {
		side->tcm = env->tcm;
	} else {
		bool peers = launch && launch->peers;
		uint64_t ranks = MAX_WINDOWS;

		if (peers)
			ranks = (uint64_t)launch->grid[0] * launch->grid[1] * launch->grid[2];
		if (window > ranks || !peers)
			return refuse(rq, window > ranks ? SC_CODE_BAD_ADDRESS : SC_CODE_TCM_REMOTE,
				      side->va, 0, side->write, rq->op->dma.size0);
		side->tcm = sc_core_tcm(launch->peers[window - 1]);
	}
	side->own = side->tcm == env->tcm;
	return 0;
}

/* The bytes of a side lie in its scratchpad; those of the own one take part in race detection. */
static int bound(const struct request *rq, const struct side *side, uint64_t size2)
{
	const struct sc_dma *d = &rq->op->dma;

	if (!side->tcm)
		return 0;
	if (!sc_engine_span(rq->env->tcm_size, side->offset, d->size0, side->rows, side->stride[0],
			    size2, side->stride[1]))
		return refuse(rq, SC_CODE_DMA_RANGE, side->va, side->field, side->write, d->size0);
	if (side->own && rq->env->strict)
		sc_engine_touch(rq->op, side->write, side->offset, d->size0, side->rows,
				side->stride[0], size2, side->stride[1]);
	return 0;
}

static int check_fields(const struct request *rq)
{
	const struct sc_dma *d = &rq->op->dma;
	bool gather = d->kind == SC_DMA_GATHER || d->kind == SC_DMA_SCATTER;
	uint64_t total;

	if (d->kind > SC_DMA_FILL || (gather && !(rq->env->isa & SC_ISA_XSDD_GATHER)))
		return bad_field(rq, FIELD(kind));
	if (d->rsv0[0] || d->rsv0[1] || d->rsv0[2])
		return bad_field(rq, FIELD(rsv0));
	if (d->rsv1)
		return bad_field(rq, FIELD(rsv1));
	if (gather && d->size2 > 1)
		return bad_field(rq, FIELD(size2));
	/* One operation moves less than 4 GiB: it must end in reasonable time. */
	if (__builtin_mul_overflow((uint64_t)d->size0 * d->size1, d->size2, &total) ||
	    total > UINT32_MAX)
		return bad_field(rq, FIELD(size0));
	return 0;
}

static int check_index(const struct request *rq)
{
	const struct sc_dma *d = &rq->op->dma;

	if (!sc_engine_span(rq->env->tcm_size, d->index, 4, d->size1, 4, 1, 0))
		return refuse(rq, SC_CODE_DMA_RANGE, SC_VA_TCM + d->index, FIELD(index), false, 4);
	if (rq->env->strict)
		sc_engine_touch(rq->op, false, d->index, 4, d->size1, 4, 1, 0);
	return 0;
}

static void side_region(struct sc_region *r, const struct request *rq, const struct side *side)
{
	const struct sc_dma *d = &rq->op->dma;

	sc_region_init(r, side->offset, d->size0, side->rows, side->stride[0], d->size2,
		       side->stride[1]);
}

/* Bytes that would be written before they are read, or after: which, no engine promises. */
static bool overlap(const struct request *rq, const struct side *src, const struct side *dst)
{
	const struct sc_dma *d = &rq->op->dma;
	struct sc_region to, from;
	uint32_t at;

	if (!dst->tcm || d->kind == SC_DMA_FILL)
		return false;
	side_region(&to, rq, dst);
	if (src->tcm == dst->tcm) {
		side_region(&from, rq, src);
		if (sc_region_overlap(&to, &from, &at))
			return true;
	}
	if (d->kind == SC_DMA_COPY || !dst->own)
		return false;
	sc_region_init(&from, d->index, 4, d->size1, 4, 1, 0);
	return sc_region_overlap(&to, &from, &at);
}

static int check_sides(const struct request *rq)
{
	struct sc_engine_op *op = rq->op;
	const struct sc_dma *d = &op->dma;
	bool gather = d->kind == SC_DMA_GATHER, scatter = d->kind == SC_DMA_SCATTER;
	struct side src = {
		.va = d->src,
		.rows = gather ? d->limit : d->size1,
		.stride = { d->src_stride[0], d->src_stride[1] },
		.field = FIELD(src),
	};
	struct side dst = {
		.va = d->dst,
		.rows = scatter ? d->limit : d->size1,
		.stride = { d->dst_stride[0], d->dst_stride[1] },
		.field = FIELD(dst),
		.write = true,
	};

	op->src = NULL;
	op->dst = NULL;
	if (d->kind != SC_DMA_FILL && resolve(rq, &src))
		return SC_ENGINE_FAULT;
	if (resolve(rq, &dst))
		return SC_ENGINE_FAULT;
	if (gather ? !dst.own : scatter ? !src.own : d->kind == SC_DMA_COPY && !src.own && !dst.own)
		return bad_field(rq, gather ? FIELD(dst) : FIELD(src));
	if ((gather || scatter) && check_index(rq))
		return SC_ENGINE_FAULT;
	if (d->kind != SC_DMA_FILL && bound(rq, &src, d->size2))
		return SC_ENGINE_FAULT;
	if (bound(rq, &dst, d->size2))
		return SC_ENGINE_FAULT;
	if (overlap(rq, &src, &dst))
		return bad_field(rq, FIELD(dst));
	if (d->kind != SC_DMA_FILL && src.tcm)
		op->src = src.tcm + src.offset;
	if (dst.tcm)
		op->dst = dst.tcm + dst.offset;
	return 0;
}

int sc_dma_issue(const struct sc_engine_env *env, struct sc_engine_op *op, uint64_t rs1,
		 struct sc_fault *fault)
{
	struct request rq = { .env = env, .op = op, .va = rs1, .fault = fault };
	uint64_t offset = rs1 - SC_VA_TCM;

	if (!sc_engine_span(env->tcm_size, offset, sizeof(op->dma), 1, 0, 1, 0))
		return refuse(&rq, SC_CODE_DMA_RANGE, rs1, 0, false, sizeof(op->dma));
	memcpy(&op->dma, env->tcm + offset, sizeof(op->dma));
	if (check_fields(&rq))
		return SC_ENGINE_FAULT;
	if (!op->dma.size0 || !op->dma.size1 || !op->dma.size2) {
		op->dma.size0 = 0;
		return 0;
	}
	return check_sides(&rq);
}

/* An operation in progress. */
struct transfer {
	const struct sc_engine_env *env;
	const struct sc_engine_op *op;
	struct sc_fault *fault;
};

static bool stopped(const struct transfer *t)
{
	const struct sc_launch *launch = t->env->launch;

	return launch && launch->stop && __atomic_load_n(launch->stop, __ATOMIC_RELAXED);
}

/* Card memory from @va to the end of its page, by a cached translation; NULL: none can be. */
static uint8_t *page_at(const struct transfer *t, uint64_t va, unsigned int access)
{
	const struct sc_engine_env *env = t->env;
	struct sc_tlb_entry *tlb = access == SC_ACCESS_READ ? env->read : env->write;
	struct sc_tlb_entry *entry;
	struct sc_xlat xlat;

	if (!tlb)
		return NULL;
	entry = &tlb[SC_TLB_INDEX(va)];
	if (entry->page != SC_PAGE_OF(va)) {
		if (sc_mmu_translate(env->chip, env->context, va, access, &xlat, t->fault) ||
		    !xlat.host)
			return NULL; /* sc_mmu_copy() says why, or how */
		entry->page = SC_PAGE_OF(va);
		entry->delta = (uintptr_t)xlat.host - (uintptr_t)entry->page;
	}
	return (uint8_t *)(va + entry->delta);
}

/* Memory beyond the scratchpads. */
static int far(const struct transfer *t, uint64_t va, void *buf, uint64_t len, unsigned int access)
{
	uint8_t *host;

	/* what may be one atomic access is left to sc_mmu_copy() */
	if (len > 8 && va % SC_PAGE_SIZE + len <= SC_PAGE_SIZE) {
		host = page_at(t, va, access);
		if (host) {
			memcpy(access == SC_ACCESS_READ ? buf : host,
			       access == SC_ACCESS_READ ? host : buf, len);
			return 0;
		}
	}
	if (!sc_mmu_copy(t->env->chip, t->env->context, va, buf, len, access, t->fault))
		return 0;
	t->fault->engine = sc_engine_of(t->op->queue);
	t->fault->pc = t->op->pc;
	t->fault->flags = 0;
	t->fault->value = 0;
	t->fault->size = len;
	return SC_ENGINE_FAULT;
}

/* One row; offsets are added to the two sides. At least one of them is a scratchpad. */
static int copy_row(const struct transfer *t, uint64_t src, uint64_t dst, uint64_t len)
{
	const struct sc_engine_op *op = t->op;

	if (op->src && op->dst)
		memmove(op->dst + dst, op->src + src, len);
	else if (op->dst)
		return far(t, op->dma.src + src, op->dst + dst, len, SC_ACCESS_READ);
	else
		return far(t, op->dma.dst + dst, op->src + src, len, SC_ACCESS_WRITE);
	return 0;
}

static void pattern(uint8_t *buf, uint64_t len, uint64_t value)
{
	uint64_t i;

	for (i = 0; i + 8 <= len; i += 8)
		memcpy(buf + i, &value, 8);
	memcpy(buf + i, &value, len - i);
}

static int fill_row(const struct transfer *t, uint64_t dst, uint64_t len)
{
	const struct sc_engine_op *op = t->op;
	uint8_t chunk[FILL_CHUNK];
	uint64_t done;

	if (op->dst) {
		pattern(op->dst + dst, len, op->dma.src);
		return 0;
	}
	pattern(chunk, len < FILL_CHUNK ? len : FILL_CHUNK, op->dma.src);
	for (done = 0; done < len && !stopped(t); done += FILL_CHUNK) {
		uint64_t part = len - done < FILL_CHUNK ? len - done : FILL_CHUNK;

		if (far(t, op->dma.dst + dst + done, chunk, part, SC_ACCESS_WRITE))
			return SC_ENGINE_FAULT;
	}
	return 0;
}

static int apply_rows(const struct transfer *t)
{
	const struct sc_dma *d = &t->op->dma;
	bool fill = d->kind == SC_DMA_FILL;
	uint64_t len = d->size0, rows = d->size1, i, j;

	/* Rows that follow each other on both sides are one row. A fill restarts its pattern. */
	if (!fill && d->src_stride[0] == len && d->dst_stride[0] == len) {
		len *= rows;
		rows = 1;
	}
	for (j = 0; j < d->size2; j++) {
		for (i = 0; i < rows && !stopped(t); i++) {
			uint64_t src = j * d->src_stride[1] + i * d->src_stride[0];
			uint64_t dst = j * d->dst_stride[1] + i * d->dst_stride[0];

			if (fill ? fill_row(t, dst, len) : copy_row(t, src, dst, len))
				return SC_ENGINE_FAULT;
		}
	}
	return 0;
}

static int apply_indexed(const struct transfer *t)
{
	const struct sc_dma *d = &t->op->dma;
	bool gather = d->kind == SC_DMA_GATHER;
	uint64_t i;

	for (i = 0; i < d->size1 && !stopped(t); i++) {
		uint64_t src = i * d->src_stride[0], dst = i * d->dst_stride[0];
		uint32_t index;

		memcpy(&index, t->env->tcm + d->index + 4 * i, 4);
		if (index >= d->limit) {
			sc_engine_fault(t->fault, SC_CODE_GATHER_RANGE, sc_engine_of(t->op->queue),
					t->op->pc, SC_VA_TCM + d->index + 4 * i, index);
			t->fault->access = SC_ACCESS_READ;
			t->fault->size = 4;
			return SC_ENGINE_FAULT;
		}
		if (gather)
			src = (uint64_t)index * d->src_stride[0];
		else
			dst = (uint64_t)index * d->dst_stride[0];
		if (copy_row(t, src, dst, d->size0))
			return SC_ENGINE_FAULT;
	}
	return 0;
}

int sc_dma_apply(const struct sc_engine_env *env, const struct sc_engine_op *op,
		 struct sc_fault *fault)
{
	const struct transfer t = { .env = env, .op = op, .fault = fault };
	const struct sc_dma *d = &op->dma;
	uint64_t bytes = (uint64_t)d->size0 * d->size1 * d->size2;
	bool indexed = d->kind == SC_DMA_GATHER || d->kind == SC_DMA_SCATTER;

	if (!d->size0)
		return 0;
	if (indexed && env->recorder)
		sc_record_rows(env->recorder, op, env->tcm + d->index);
	if (indexed ? apply_indexed(&t) : apply_rows(&t))
		return SC_ENGINE_FAULT;
	__atomic_store_n(&env->stats->dma_bytes, env->stats->dma_bytes + bytes, __ATOMIC_RELAXED);
	return 0;
}
