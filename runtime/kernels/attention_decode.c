// SPDX-License-Identifier: MIT
/*
 * attention_decode: one query for each sequence over a KV cache; see struct
 * sdo_attention_decode.
 *
 * A workgroup has a list of tasks, each the queries of one tile over a range of
 * keys. The blocks of all its tasks form one sequence, in which loads, scores
 * and the rest are each some blocks ahead of the next, so that the memory never
 * waits for the end of a task. The invariant: block i uses slot i modulo the
 * size of each ring, and counters count blocks or tasks.
 */
#include <seedchip/kernel.h>

#include "attention.h"

SD_USES(XSDM_BF16);
SD_USES(XSDM_FP16);
SD_USES(XSDM_FP32);
SD_USES(XSDD_GATHER);

enum { KEYS, VALUES, SCORES, SUMS, RESULTS, STORED, PAGES, MISC }; /* counters */
enum { DMA_K, DMA_V, DMA_OUT, DMA_LISTS }; /* channels */

#define SCORE_ACC 8u /* the first of two times four; those below are results */

struct task {
	uint32_t item, part, sequence, kv_head, head, heads;
	uint32_t begin, end, lead; /* keys; of the first block so many do not count */
	uint32_t blocks;
};

/* A place in the sequence of blocks. */
struct cursor {
	struct task task;
	uint32_t number; /* of the task, from 0 */
	uint32_t block; /* in the task */
	uint32_t count; /* blocks before, of all tasks */
};

struct decode {
	const struct sdo_attention_decode *args;
	struct sdo_decode_plan_ plan;
	struct softmax softmax;
	uint32_t size, group, tiles, tasks, lanes;
	uint32_t page_row; /* entries of a sequence in the list of pages */
	uint8_t *k, *v, *q, *powers, *out;
	float *scores, *factor, *inverse, *part, *joined, *parts;
	uint32_t *lengths, *pages, *rows;
};

static void lay_out(struct decode *d)
{
	const struct sdo_attention_decode *args = d->args;
	uint32_t keys = d->plan.keys, width = d->plan.width, part = sdo_attention_part_(args);
	uint8_t *at = sd_dynamic();

	d->lanes = least(SOFTMAX_LANES, keys * width);
	d->k = take(&at, d->plan.ring * keys * args->d * d->size);
	d->v = take(&at, d->plan.ring * keys * args->d_v * d->size);
	d->q = take(&at, SDO_DECODE_TASKS * width * args->d * d->size);
	d->scores = take(&at, 2 * keys * width * 4);
	d->powers = take(&at, 2 * keys * width * d->size);
	d->out = take(&at, 2 * width * args->d_v * 4);
	if (args->parts > 1) {
		at = d->out; /* never used at the same time */
		d->part = take(&at, 2 * part);
		d->joined = take(&at, part);
		d->parts = take(&at, SDO_DECODE_MERGE * part);
	}
	d->pages = take(&at, 2 * (d->page_row + 1) * 4);
	d->rows = take(&at, SDO_DECODE_ROWS * keys / 16 * 4);
	d->lengths = take(&at, args->n_sequences * 4);
	d->factor = take(&at, 2 * SOFTMAX_LANES * 4);
	d->inverse = take(&at, 2 * 64 * 4);
	d->softmax = (struct softmax){
		.width = width, .lanes = d->lanes, .scale = args->scale * LOG2E,
		.reference = take(&at, SOFTMAX_LANES * 4),
		.sum = take(&at, SOFTMAX_LANES * 4),
		.top = take(&at, SOFTMAX_LANES * 4),
	};
}

static uint32_t sequence_of(const struct decode *d, uint32_t number)
{
	uint32_t task = sd_wg_x() + number * sd_grid_x();

	return task / d->args->parts / d->tiles / d->args->n_kv_heads;
}

static struct task task_of(const struct decode *d, uint32_t number)
{
	const struct sdo_attention_decode *args = d->args;
	uint32_t i = sd_wg_x() + number * sd_grid_x(), heads = args->n_heads / args->n_kv_heads;
	uint32_t length = args->n_kv, first = 0, base, step;
	struct task t = { .part = i % args->parts, .item = i / args->parts };

	i = t.item;
	t.head = i % d->tiles * d->group;
	t.heads = least(d->group, heads - t.head);
	i /= d->tiles;
	t.kv_head = i % args->n_kv_heads;
	t.head += t.kv_head * heads;
	t.sequence = sequence_of(d, number);
	if (args->lengths)
		length = least(length, d->lengths[t.sequence]);
	if (args->window && length > args->window)
		first = length - args->window;
	base = args->pages ? first & -SDO_ATTENTION_PAGE : first;
	step = (length - base + args->parts - 1) / args->parts;
	step = (step + SDO_ATTENTION_PAGE - 1) & -SDO_ATTENTION_PAGE;
	t.begin = least(base + t.part * step, length);
	t.end = least(t.begin + step, length);
	t.lead = t.part ? 0 : first - base;
	t.blocks = (t.end - t.begin + d->plan.keys - 1) / d->plan.keys;
	t.blocks += !t.blocks;
	return t;
}

/* Whether there is a block at all, after the last one. */
static bool next_block(const struct decode *d, struct cursor *c)
{
	c->count++;
	if (++c->block < c->task.blocks)
		return true;
	c->block = 0;
	if (++c->number >= d->tasks)
		return false;
	c->task = task_of(d, c->number);
	return true;
}

static uint32_t keys_of(const struct decode *d, const struct cursor *c)
{
	uint32_t at = c->task.begin + c->block * d->plan.keys;

	return least(d->plan.keys, c->task.end - at);
}

/* ---- loads ---- */

/* The list of pages of a task's sequence goes into its slot. */
static void load_pages(const struct decode *d, uint32_t number)
{
	const uint32_t *list = (const uint32_t *)d->args->pages;

	sd_dma_1d(DMA_LISTS, d->pages + number % 2 * (d->page_row + 1),
		  list + (uint64_t)sequence_of(d, number) * d->page_row, d->page_row * 4);
	sd_post(SC_EQ_DMA0 + DMA_LISTS, PAGES);
}

/* Rows of the caches, which are pages of a KV head, for the keys of a block. */
static uint32_t *page_rows(const struct decode *d, const struct cursor *c, uint32_t pages)
{
	uint32_t first = c->task.begin / SDO_ATTENTION_PAGE;
	uint32_t *rows = d->rows + c->count % SDO_DECODE_ROWS * (d->plan.keys / 16);
	const uint32_t *list = d->pages + c->number % 2 * (d->page_row + 1);
	size_t vl;

	first += c->block * (d->plan.keys / SDO_ATTENTION_PAGE);
	for (uint32_t i = 0; i < pages; i += (uint32_t)vl) {
		vl = __riscv_vsetvl_e32m4(pages - i);

		vuint32m4_t page = __riscv_vle32_v_u32m4(list + first + i, vl);

		page = __riscv_vmul_vx_u32m4(page, d->args->n_kv_heads, vl);
		page = __riscv_vadd_vx_u32m4(page, c->task.kv_head, vl);
		__riscv_vse32_v_u32m4(rows + i, page, vl);
	}
	return rows;
}

static void gather(uint32_t channel, uint8_t *dst, uint64_t src, uint32_t bytes, uint32_t count,
		   const uint32_t *rows, uint32_t limit)
{
	struct sc_dma dma = {
		.kind = SC_DMA_GATHER, .size0 = bytes, .size1 = count, .size2 = 1,
		.src = src, .dst = (uintptr_t)dst, .src_stride = { bytes }, .dst_stride = { bytes },
		.index = sd_tcm_offset(rows), .limit = limit,
	};

	sdd_go(channel, &dma);
}

static void load_keys(const struct decode *d, const struct cursor *c, uint8_t *k, uint8_t *v)
{
	const struct sdo_attention_decode *args = d->args;
	const struct sdo_stride *ks = &args->k_stride, *vs = &args->v_stride;
	uint32_t keys = keys_of(d, c), pages = (keys + 15) / SDO_ATTENTION_PAGE;
	uint64_t token = c->task.begin + c->block * d->plan.keys;
	uint32_t *rows, limit = args->num_pages * args->n_kv_heads;

	if (args->pages) {
		rows = page_rows(d, c, pages);
		gather(DMA_K, k, args->k, SDO_ATTENTION_PAGE * args->d * d->size, pages, rows,
		       limit);
		gather(DMA_V, v, args->v, SDO_ATTENTION_PAGE * args->d_v * d->size, pages, rows,
		       limit);
		return;
	}
	copy_rows(DMA_K, k,
		  args->k + token * ks->token + c->task.kv_head * ks->head +
			  c->task.sequence * ks->sequence,
		  ks->token, args->d * d->size, keys);
	copy_rows(DMA_V, v,
		  args->v + token * vs->token + c->task.kv_head * vs->head +
			  c->task.sequence * vs->sequence,
		  vs->token, args->d_v * d->size, keys);
}

static void load(const struct decode *d, const struct cursor *c)
{
	const struct sdo_attention_decode *args = d->args;
	uint32_t slot = c->count % d->plan.ring, keys = d->plan.keys;

	if (c->count >= d->plan.ring) {
		sd_hold(SC_EQ_DMA0 + DMA_K, SCORES, c->count - d->plan.ring + 1);
		sd_hold(SC_EQ_DMA0 + DMA_V, SUMS, c->count - d->plan.ring + 1);
	}
	if (!c->block) {
		if (args->pages) {
			sd_await(PAGES, c->number + 1);
			if (c->number + 1 < d->tasks)
				load_pages(d, c->number + 1);
		}
		copy_rows(DMA_K,
			  d->q + c->number % SDO_DECODE_TASKS * d->plan.width * args->d * d->size,
			  args->q + c->task.head * args->q_stride.head +
				  c->task.sequence * args->q_stride.sequence,
			  args->q_stride.head, args->d * d->size, c->task.heads);
	}
	load_keys(d, c, d->k + slot * keys * args->d * d->size,
		  d->v + slot * keys * args->d_v * d->size);
	sd_post(SC_EQ_DMA0 + DMA_K, KEYS);
	sd_post(SC_EQ_DMA0 + DMA_V, VALUES);
}

/* ---- products ---- */

/* Scores, [key][query]: K times Q transposed. */
static void multiply_keys(const struct decode *d, const struct cursor *c)
{
	const struct sdo_attention_decode *args = d->args;
	uint32_t row = args->d * d->size, width = d->plan.width, keys = keys_of(d, c);
	uint8_t *k = d->k + c->count % d->plan.ring * d->plan.keys * row;
	uint8_t *q = d->q + c->number % SDO_DECODE_TASKS * width * row;
	float *scores = d->scores + c->count % 2 * d->plan.keys * width;
	uint32_t acc = SCORE_ACC + c->count % 2 * 4;
	struct sc_tile t = attention_tile(64, c->task.heads, args->d, args->type, SC_FMT_F32);

	t.flags = SC_TILE_B_NK;
	t.stride_a = row;
	t.stride_b = row;
	sd_hold(SC_EQ_MATRIX, KEYS, c->count + 1);
	for (uint32_t i = 0; i * 64 < keys; i++) {
		t.m = (uint8_t)least(64, keys - i * 64);
		sdm_cfg(0, &t);
		sdm_mma_z(acc + i, k + i * 64 * row, q);
	}
	for (uint32_t i = 0; i * 64 < keys; i++) {
		t.m = (uint8_t)least(64, keys - i * 64);
		sdm_cfg(0, &t);
		sdm_st(acc + i, scores + i * 64 * width, width * 4);
	}
	sd_post(SC_EQ_MATRIX, SCORES);
}

/* Every tile of the result, m = queries, by one operation. */
enum result_op { ADD, SET, SCALE, STORE };

static void results(const struct decode *d, const struct cursor *c, enum result_op op,
		    const void *a, uint8_t *b, uint32_t stride, uint32_t type)
{
	const struct sdo_attention_decode *args = d->args;
	struct sc_tile t = attention_tile(c->task.heads, 64, keys_of(d, c), args->type, type);

	t.flags = SC_TILE_A_KM;
	t.stride_a = d->plan.width * d->size;
	t.stride_b = args->d_v * d->size;
	for (uint32_t i = 0; i * 64 < args->d_v; i++) {
		t.n = (uint8_t)least(64, args->d_v - i * 64);
		sdm_cfg(1, &t);
		if (op == ADD)
			sdm_mma(i, a, b + i * 64 * d->size);
		else if (op == SET)
			sdm_mma_z(i, a, b + i * 64 * d->size);
		else if (op == SCALE)
			sdm_mul_r(i, a);
		else
			sdm_st(i, b + i * 64 * sdo_type_bits(type) / 8, stride);
	}
}

/* Queries from @heads on do not exist; what earlier tasks left there must not count. */
static void hide_queries(float *scores, uint32_t heads, uint32_t width, uint32_t count)
{
	size_t vl;

	for (uint32_t i = 0; i < count; i += (uint32_t)vl) {
		vl = vec_len(count - i);

		vuint32m4_t query = __riscv_vadd_vx_u32m4(__riscv_vid_v_u32m4(vl), i, vl);
		vec x = __riscv_vle32_v_f32m4(scores + i, vl);
		vbool8_t none;

		query = __riscv_vand_vx_u32m4(query, width - 1, vl);
		none = __riscv_vmsgeu_vx_u32m4_b8(query, heads, vl);
		x = __riscv_vfmerge_vfm_f32m4(x, -__builtin_inff(), none, vl);
		__riscv_vse32_v_f32m4(scores + i, x, vl);
	}
}

/* Softmax of a block, and its share of the result. */
static void multiply_values(struct decode *d, const struct cursor *c)
{
	uint32_t keys = keys_of(d, c), width = d->plan.width, all = d->plan.keys * width;
	uint32_t rows = (keys * width + d->lanes - 1) / d->lanes, slot = c->count % 2;
	float *scores = d->scores + slot * all, *factor = d->factor + slot * SOFTMAX_LANES;
	uint8_t *powers = d->powers + slot * all * d->size;
	bool first = !c->block;

	rows += !rows;
	sd_await(SCORES, c->count + 1);
	if (c->count >= 2)
		sd_await(SUMS, c->count - 1);
	softmax_fill(scores + keys * width, -__builtin_inff(), rows * d->lanes - keys * width);
	if (c->task.heads < d->group)
		hide_queries(scores, c->task.heads, width, keys * width);
	if (first) {
		softmax_fill(scores, -__builtin_inff(), c->task.lead * width);
		softmax_start(&d->softmax);
	}
	if (softmax_top(&d->softmax, scores, rows) || first) {
		softmax_rescale(&d->softmax, factor);
		if (!first)
			results(d, c, SCALE, factor, NULL, 0, SC_FMT_F32);
	}
	softmax_powers(&d->softmax, scores, powers, rows, d->args->type);
	sd_hold(SC_EQ_MATRIX, VALUES, c->count + 1);
	results(d, c, first ? SET : ADD, powers,
		d->v + c->count % d->plan.ring * d->plan.keys * d->args->d_v * d->size, 0,
		SC_FMT_F32);
	sd_post(SC_EQ_MATRIX, SUMS);
}

/* ---- ends of tasks ---- */

static void store_rows(const struct decode *d, const struct task *t, uint8_t *rows)
{
	const struct sdo_attention_decode *args = d->args;
	const struct sdo_stride *os = &args->out_stride;
	uint64_t out = args->out + t->head * os->head + t->sequence * os->sequence;
	uint32_t bytes = args->d_v * sdo_type_bits(args->type_out) / 8;

	spread_rows(DMA_OUT, out, os->head, rows, bytes, t->heads);
}

static void finish_whole(const struct decode *d, const struct cursor *c)
{
	uint32_t n = c->number, bytes = d->args->d_v * sdo_type_bits(d->args->type_out) / 8;
	float *inverse = d->inverse + n % 2 * 64;
	uint8_t *out = d->out + n % 2 * d->plan.width * d->args->d_v * 4;

	if (n >= 2) {
		sd_await(RESULTS, n - 1);
		sd_hold(SC_EQ_MATRIX, STORED, n - 1);
	}
	softmax_finish(&d->softmax, inverse);
	results(d, c, SCALE, inverse, NULL, 0, SC_FMT_F32);
	results(d, c, STORE, NULL, out, bytes, d->args->type_out);
	sd_post(SC_EQ_MATRIX, RESULTS);
	sd_hold(SC_EQ_DMA0 + DMA_OUT, RESULTS, n + 1);
	store_rows(d, &c->task, out);
	sd_post(SC_EQ_DMA0 + DMA_OUT, STORED);
}

/* One more part's references, sums and rows, into those of the parts before. */
static void join_part(const struct decode *d, float *all, const float *part, uint32_t heads)
{
	uint32_t d_v = d->args->d_v, group = d->group;
	float a[64], b[64];
	size_t vl;

	for (uint32_t i = 0; i < heads; i += (uint32_t)vl) {
		vl = vec_len(heads - i);

		vec x = __riscv_vle32_v_f32m4(all + i, vl), y = __riscv_vle32_v_f32m4(part + i, vl);
		vec top = __riscv_vfmax_vv_f32m4(x, y, vl);
		vec sum = __riscv_vle32_v_f32m4(all + group + i, vl);
		vec more = __riscv_vle32_v_f32m4(part + group + i, vl);

		x = sd_vexp2_f32m4(__riscv_vfsub_vv_f32m4(x, top, vl), vl);
		y = sd_vexp2_f32m4(__riscv_vfsub_vv_f32m4(y, top, vl), vl);
		__riscv_vse32_v_f32m4(a + i, x, vl);
		__riscv_vse32_v_f32m4(b + i, y, vl);
		__riscv_vse32_v_f32m4(all + i, top, vl);
		sum = __riscv_vfmul_vv_f32m4(sum, x, vl);
		sum = __riscv_vfmacc_vv_f32m4(sum, more, y, vl);
		__riscv_vse32_v_f32m4(all + group + i, sum, vl);
	}
	all += 2 * group;
	part += 2 * group;
	for (uint32_t h = 0; h < heads; h++, all += d_v, part += d_v) {
		for (uint32_t i = 0; i < d_v; i += (uint32_t)vl) {
			vl = vec_len(d_v - i);

			vec x = __riscv_vle32_v_f32m4(all + i, vl);

			x = __riscv_vfmul_vf_f32m4(x, a[h], vl);
			x = __riscv_vfmacc_vf_f32m4(x, b[h], __riscv_vle32_v_f32m4(part + i, vl),
						    vl);
			__riscv_vse32_v_f32m4(all + i, x, vl);
		}
	}
}

/* The last part to arrive joins all, in their order. */
static void join_parts(struct decode *d, const struct task *t, uint64_t parts, uint32_t *done)
{
	const struct sdo_attention_decode *args = d->args;
	uint32_t bytes = sdo_attention_part_(args), words = bytes / 4, d_v = args->d_v;
	uint8_t *out = (uint8_t *)d->parts; /* when they have been joined */
	size_t vl;

	softmax_fill(d->joined, 0, words);
	softmax_fill(d->joined, SOFTMAX_LEAST, d->group);
	for (uint32_t p = 0; p < args->parts; p += SDO_DECODE_MERGE) {
		uint32_t now = least(SDO_DECODE_MERGE, args->parts - p);

		sd_dma_1d(DMA_OUT, d->parts, (const void *)(parts + (uint64_t)p * bytes),
			  now * bytes);
		sd_post(SC_EQ_DMA0 + DMA_OUT, MISC);
		sd_await(MISC, ++*done);
		for (uint32_t i = 0; i < now; i++)
			join_part(d, d->joined, d->parts + i * words, t->heads);
	}
	for (uint32_t h = 0; h < t->heads; h++) {
		float sum = d->joined[d->group + h], factor = sum == 0 ? 0 : 1 / sum;
		const float *row = d->joined + 2 * d->group + h * d_v;

		for (uint32_t i = 0; i < d_v; i += (uint32_t)vl) {
			vl = vec_len(d_v - i);

			vec x = __riscv_vle32_v_f32m4(row + i, vl);

			x = __riscv_vfmul_vf_f32m4(x, factor, vl);
			vec_store(args->type_out, out, h * d_v + i, x, vl);
		}
	}
	store_rows(d, t, out);
	sd_post(SC_EQ_DMA0 + DMA_OUT, MISC);
	sd_await(MISC, ++*done);
}

static void finish_part(struct decode *d, const struct cursor *c, uint32_t *done)
{
	const struct sdo_attention_decode *args = d->args;
	uint32_t n = c->number, bytes = sdo_attention_part_(args);
	uint32_t *counter = (uint32_t *)args->workspace + c->task.item;
	float *part = d->part + n % 2 * (bytes / 4);
	uint64_t parts = args->workspace + sdo_attention_counters_(args) +
			 (uint64_t)c->task.item * args->parts * bytes;

	softmax_fold(d->softmax.sum, d->softmax.width, d->softmax.lanes, false);
	memcpy(part, d->softmax.reference, c->task.heads * 4);
	memcpy(part + d->group, d->softmax.sum, c->task.heads * 4);
	results(d, c, STORE, NULL, (uint8_t *)(part + 2 * d->group), args->d_v * 4, SC_FMT_F32);
	sd_post(SC_EQ_MATRIX, RESULTS);
	sd_hold(SC_EQ_DMA0 + DMA_OUT, RESULTS, n + 1);
	sd_dma_1d(DMA_OUT, (void *)(parts + c->task.part * bytes), part, bytes);
	sd_post(SC_EQ_DMA0 + DMA_OUT, STORED);
	sd_await(STORED, n + 1);
	if (__atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL) + 1 < args->parts)
		return;
	*counter = 0; /* for the next launch */
	join_parts(d, &c->task, parts, done);
}

static void run(struct decode *d)
{
	struct cursor loads = { .task = task_of(d, 0) }, keys = loads, values = loads;
	bool more_loads = true, more_keys, more = true;
	uint32_t done = 1;

	for (uint32_t i = 0; i < d->plan.ring && more_loads; i++) {
		load(d, &loads);
		more_loads = next_block(d, &loads);
	}
	multiply_keys(d, &keys);
	more_keys = next_block(d, &keys);
	while (more) {
		if (more_keys) {
			multiply_keys(d, &keys);
			more_keys = next_block(d, &keys);
		}
		multiply_values(d, &values);
		if (more_loads) {
			load(d, &loads);
			more_loads = next_block(d, &loads);
		}
		if (values.block + 1 == values.task.blocks) {
			if (d->args->parts > 1)
				finish_part(d, &values, &done);
			else
				finish_whole(d, &values);
		}
		more = next_block(d, &values);
	}
}

SD_KERNEL(attention_decode, struct sdo_attention_decode)
{
	struct decode d = {
		.args = args,
		.plan = sdo_decode_plan_(args, sd_dynamic_size()),
		.size = sdo_type_bits(args->type) / 8,
		.group = sdo_attention_group_(args->n_heads, args->n_kv_heads),
		.page_row = (args->n_kv + SDO_ATTENTION_PAGE - 1) / SDO_ATTENTION_PAGE,
	};
	uint32_t all = sdo_attention_items_(args) * args->parts;

	d.tiles = (args->n_heads / args->n_kv_heads + d.group - 1) / d.group;
	d.tasks = (all - sd_wg_x() - 1) / sd_grid_x() + 1;
	lay_out(&d);
	/* so that queries which fill up a tile never count */
	if (d.group < d.plan.width)
		softmax_fill(d.scores, -__builtin_inff(), 2 * d.plan.keys * d.plan.width);
	if (args->lengths)
		sd_dma_1d(DMA_K, d.lengths, (const void *)args->lengths, args->n_sequences * 4);
	sd_post(SC_EQ_DMA0 + DMA_K, MISC);
	if (args->pages)
		load_pages(&d, 0); /* whose sequence does not depend on lengths */
	sd_await(MISC, 1);
	run(&d);
}
