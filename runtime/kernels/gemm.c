// SPDX-License-Identifier: MIT
/*
 * gemm: D = act(alpha * scale_m * scale_n * (A B) + bias) (struct sdo_gemm).
 *
 * A workgroup computes tiles of D, each up to 16 accumulators, one after
 * another; chunks of k of A and B come through a ring of slots that never runs
 * dry between two tiles: the loader is up to plan.ahead chunks before the engine,
 * whichever tile they belong to. The last chunks of a tile, as many as the ring
 * keeps, are not multiplied into all accumulators in turn but into groups of
 * four: so results leave while others are still being computed.
 *
 * Who waits for whom, all by counters: a load for its slot (USED), the matrix
 * engine for the load (A, B) and for a free stage (OUT), the store to card
 * memory for the stage (DONE). The hart waits only where it computes itself:
 * for results that need more than a conversion, and for their factors (COLUMN).
 *
 * What comes before the first multiplication counts in full, as nothing hides it:
 * each load is given to its channel as soon as what it needs is known.
 *
 * The invariant: k ascends in every accumulator, whatever the chunks are.
 */
#include "gemm.h"

static SD_TCM struct gemm state;
/* m, n and k of a descriptor are its first word. */
union tile_word {
	struct sc_tile d;
	uint32_t word;
};

static SD_TCM union tile_word tile, tile_mins;
static SD_TCM struct sc_dma copy, out;

SD_INLINE uint32_t up64(uint32_t v)
{
	return (v + 63) & ~63u;
}

/* memset() by words takes longer than all else before the first load. */
SD_INLINE void clear(void *at, size_t size)
{
	uint8_t *to = at;
	size_t vl;

	for (; size; size -= vl, to += vl) {
		vl = __riscv_vsetvl_e8m8(size);
		__riscv_vse8_v_u8m8(to, __riscv_vmv_v_x_u8m8(0, vl), vl);
	}
}

static void find_place(const struct gemm *g, struct place *p, uint32_t unit)
{
	const struct sdo_gemm *a = g->args;
	uint32_t i = unit % g->tiles_m, rest = unit / g->tiles_m;

	p->unit = unit;
	if (unit >= g->units)
		return;
	p->batch = rest / g->tiles_n;
	p->m0 = i * a->plan.tile_m;
	p->n0 = rest % g->tiles_n * a->plan.tile_n;
	p->m = least(a->plan.tile_m, a->m - p->m0);
	p->n = least(a->plan.tile_n, a->n - p->n0);
	p->ramp = unit == sd_wg_x() ? g->ramp : 0;
}

/* ---- loads ---- */

/* Rows into the scratchpad, @to_stride bytes from one to the next. */
static void load_rows(uint32_t channel, void *to, uint32_t to_stride, uint64_t from,
		      uint64_t stride, uint32_t row_bytes, uint32_t rows)
{
	copy.size0 = row_bytes;
	copy.size1 = rows;
	copy.src = from;
	copy.dst = (uintptr_t)to;
	copy.src_stride[0] = stride;
	copy.dst_stride[0] = to_stride;
	if (channel == DMA_A)
		sdd_go(DMA_A, &copy);
	else if (channel == DMA_B)
		sdd_go(DMA_B, &copy);
	else
		sdd_go(DMA_COLUMN, &copy);
}

/* Rows along k are as far apart as those of the longest chunk, so that all lie alike. */
SD_INLINE void load_a(const struct gemm *g, uint8_t *slot, uint32_t k0, uint32_t k)
{
	const struct sdo_gemm *a = g->args;
	const struct place *p = &g->load;
	uint64_t from = a->a + p->batch * a->batch_a;
	uint32_t bytes = g->bits_a / 8;

	if (a->flags & SDO_GEMM_A_KM)
		load_rows(DMA_A, slot, p->m * bytes, from + k0 * a->stride_a + p->m0 * bytes,
			  a->stride_a, p->m * bytes, k);
	else
		load_rows(DMA_A, slot, a->plan.chunk * bytes,
			  from + p->m0 * a->stride_a + k0 * bytes, a->stride_a, k * bytes, p->m);
	if (a->scale_a)
		load_rows(DMA_A, slot + g->at_scale_a, groups_of(g, a->plan.chunk) * 4,
			  a->scale_a + p->m0 * a->stride_scale_a + k0 / a->group * 4,
			  a->stride_scale_a, groups_of(g, k) * 4, p->m);
	if (g->mins)
		load_rows(DMA_A, slot + g->at_sums, groups_of(g, a->plan.chunk) * 2,
			  a->sums + p->m0 * a->stride_sums + k0 / a->group * 2, a->stride_sums,
			  groups_of(g, k) * 2, p->m);
}

SD_INLINE void load_b(const struct gemm *g, uint8_t *slot, uint32_t k0, uint32_t k)
{
	const struct sdo_gemm *a = g->args;
	const struct place *p = &g->load;
	uint64_t from = a->b + p->batch * a->batch_b;
	uint32_t row = (p->n * g->bits_b + 7) / 8;

	if (a->flags & SDO_GEMM_B_PACKED) {
		uint64_t column = (uint64_t)(a->k + SDO_PACKED_K - 1) / SDO_PACKED_K * g->piece;

		load_rows(DMA_B, slot + g->at_b, g->piece,
			  from + p->n0 / SDO_PACKED_N * column + k0 / SDO_PACKED_K * g->piece,
			  column, g->piece, (p->n + SDO_PACKED_N - 1) / SDO_PACKED_N);
		return;
	}
	if (a->flags & SDO_GEMM_B_NK)
		load_rows(DMA_B, slot + g->at_b, a->plan.chunk * g->bits_b / 8,
			  from + p->n0 * a->stride_b + (uint64_t)k0 * g->bits_b / 8,
			  a->stride_b, (k * g->bits_b + 7) / 8, p->n);
	else
		load_rows(DMA_B, slot + g->at_b, row,
			  from + k0 * a->stride_b + (uint64_t)p->n0 * g->bits_b / 8,
			  a->stride_b, row, k);
	if (a->scale_b)
		load_rows(DMA_B, slot + g->at_scale_b, p->n * g->scale_bytes,
			  a->scale_b + k0 / a->group * a->stride_scale_b + p->n0 * g->scale_bytes,
			  a->stride_scale_b, p->n * g->scale_bytes, groups_of(g, k));
	if (g->mins)
		load_rows(DMA_B, slot + g->at_mins, p->n * 2,
			  a->mins + k0 / a->group * a->stride_mins + p->n0 * 2, a->stride_mins,
			  p->n * 2, groups_of(g, k));
}

static void load_columns(const struct gemm *g, uint32_t parity)
{
	const struct sdo_gemm *a = g->args;
	const struct place *p = &g->load;
	float *to = columns_of(g, parity);

	if (a->bias)
		load_rows(DMA_COLUMN, to, 0, a->bias + p->n0 * 4ull, 0, 4 * p->n, 1);
	if (a->scale_n)
		load_rows(DMA_COLUMN, to + a->plan.tile_n, 0, a->scale_n + p->n0 * 4ull, 0,
			  4 * p->n, 1);
	if (a->scale_m)
		load_rows(DMA_COLUMN, to + 2 * a->plan.tile_n, 0, a->scale_m + p->m0 * 4ull, 0,
			  4 * p->m, 1);
	sd_post(SC_EQ_DMA3, C_COLUMN);
}

SD_INLINE void load_chunk_of_a(struct gemm *g)
{
	g->load_k = least(chunk_most(g, &g->load, g->load_chunk), g->args->k - g->load_k0);
	load_a(g, g->load_at, g->load_k0, g->load_k);
	sd_post(SC_EQ_DMA0, C_A);
}

SD_INLINE void load_chunk_of_b(struct gemm *g)
{
	load_b(g, g->load_at, g->load_k0, g->load_k);
	sd_post(SC_EQ_DMA1, C_B);
	if (!g->load_chunk && g->by_hart)
		load_columns(g, g->loads_unit & 1);
	g->load_at += g->slot_size;
	if (++g->loaded % g->args->plan.slots == 0)
		g->load_at = g->slots;
	g->load_k0 += g->load_k;
	g->load_chunk++;
	if (g->load_k0 == g->args->k) {
		g->load_k0 = 0;
		g->load_chunk = 0;
		g->loads_unit++;
		find_place(g, &g->load, g->load.unit + sd_grid_x());
	}
}

/* Load the next chunk of this workgroup, if there is one and room for it. */
static bool load_next(struct gemm *g)
{
	uint32_t slots = g->args->plan.slots;

	if (g->load.unit >= g->units || g->loaded >= g->released + slots)
		return false;
	if (!g->load_chunk && g->by_hart && g->loads_unit > g->units_done + 1)
		return false;
	if (g->loaded >= slots) {
		sd_hold(SC_EQ_DMA0, C_USED, g->loaded - slots + 1);
		sd_hold(SC_EQ_DMA1, C_USED, g->loaded - slots + 1);
	}
	load_chunk_of_a(g);
	load_chunk_of_b(g);
	return true;
}

/* ---- results ---- */

/* What the first result needs. */
static void prepare_results(struct gemm *g)
{
	const struct sdo_gemm *a = g->args;

	g->bytes_d = sdo_type_bits(a->type_d) / 8;
	g->wraps = g->integer && a->type_d == SDO_I32 && a->alpha == 1 && !a->scale_m &&
		   !a->scale_n && a->act <= SDO_ACT_RELU;
	clear(&out, sizeof(out));
	out.size2 = 1;
	out.dst_stride[0] = a->stride_d;
}

static void send(const struct gemm *g, const struct result *r, uint8_t *stage)
{
	out.size0 = r->n * g->bytes_d;
	out.size1 = r->m;
	out.src = (uintptr_t)stage;
	out.dst = (uintptr_t)r->d;
	out.src_stride[0] = out.size0;
	sdd_go(DMA_OUT, &out);
	sd_post(SC_EQ_DMA2, C_OUT);
}

/* A stage for each result; if they are direct, one for those of a tile, side by side. */
SD_INLINE uint8_t *stage_of(const struct gemm *g, const struct result *r, uint32_t number)
{
	if (g->direct)
		return g->stages + r->parity * (NUM_STAGES / 2 * STAGE_SIZE) + 4 * r->j;
	return g->stages + number % NUM_STAGES * STAGE_SIZE;
}

/*
 * The accumulator is an immediate of the instruction: a call into a table of
 * pairs of instructions, as the compiler's table of addresses would lie in card
 * memory.
 */
#define TABLE(label, funct3, funct7)                                                               \
	__asm__(".pushsection .text." label ", \"ax\"\n"                                          \
		".balign 8\n" label ":\n"                                                        \
		".set i, 0\n"                                                                    \
		".rept 16\n"                                                                     \
		".word i << 7 | 0x00b5000b | " #funct3 " << 12 | " #funct7 " << 25\n"            \
		"jr t0\n"                                                                        \
		".set i, i + 1\n"                                                                \
		".endr\n"                                                                        \
		".popsection")
TABLE("gemm_mma", 1, 0);
TABLE("gemm_mma_z", 1, 1);
TABLE("gemm_st", 3, 0);

SD_INLINE void call_table(const uint8_t *table, uint32_t acc, const void *rs1, uint64_t rs2)
{
	register const void *a0 __asm__("a0") = rs1;
	register uint64_t a1 __asm__("a1") = rs2;

	__asm__ volatile("jalr t0, 0(%0)"
			 : : "r"(table + 8 * acc), "r"(a0), "r"(a1) : "t0", "memory");
}

#pragma GCC visibility push(hidden) /* or else their addresses were loaded from card memory */
extern const uint8_t gemm_mma[], gemm_mma_z[], gemm_st[];
#pragma GCC visibility pop

/* ---- the engine ---- */

/* Sizes for the next operation. */
SD_INLINE void select_word(struct gemm *g, uint32_t word)
{
	g->word = word;
	tile.word = word;
	sdm_cfg(0, &tile.d);
}

SD_INLINE void select_tile(struct gemm *g, uint32_t m, uint32_t n, uint32_t k)
{
	uint32_t word = m | n << 8 | k << 16;

	if (g->word != word || g->args->group)
		select_word(g, word);
}

/* What the hart has to do for the oldest result in a stage. */
static void finish_one(struct gemm *g)
{
	struct result *r = &g->results[g->finished++ % RESULTS];
	uint8_t *stage = stage_of(g, r, g->finished - 1);

	if (g->direct) { /* all of the tile at once, with its last one */
		if (!r->last)
			return;
		stage -= 4 * r->j;
		r->d -= (uint64_t)r->j * g->bytes_d;
		r->n += r->j;
		r->j = 0;
	}
	sd_await(C_DONE, g->finished);
	sd_await(C_COLUMN, g->units_done + 1);
	finish(g, r, stage);
	if (!g->direct)
		send(g, r, stage);
	g->units_done += r->last;
}

/* The oldest complete accumulator goes into a stage. */
static void store_one(struct gemm *g)
{
	struct result *r = &g->results[g->stored % RESULTS];
	uint8_t *stage = stage_of(g, r, g->stored);
	uint32_t stride = r->n * (g->by_hart ? 4 : g->bytes_d);

	/* the hart has not read the stage yet; or it has not been sent */
	while (g->stored - g->finished >= (g->direct ? NUM_STAGES / 2 : NUM_STAGES))
		finish_one(g);
	if (g->direct)
		stride = 4 * g->args->plan.tile_n;
	else if (g->stored >= NUM_STAGES)
		sd_hold(SC_EQ_MATRIX, C_OUT, g->stored - NUM_STAGES + 1);
	select_tile(g, r->m, r->n, g->word >> 16);
	call_table(gemm_st, r->acc, stage, stride);
	sd_post(SC_EQ_MATRIX, C_DONE);
	r->issued = g->issued;
	g->busy &= ~(1u << r->acc);
	g->stored++;
	if (g->by_hart)
		return;
	sd_hold(SC_EQ_DMA2, C_DONE, g->stored);
	send(g, r, stage);
	g->finished++;
}

static void set_due(struct gemm *g)
{
	g->due = g->issued + 0x7fffffff;
	if (g->stored != g->complete)
		g->due = g->results[g->stored % RESULTS].issued + STORE_LAG;
	if (g->finished != g->stored) {
		uint32_t due = g->results[g->finished % RESULTS].issued + FINISH_LAG;

		if (g->stored == g->complete || (int32_t)(due - g->due) < 0)
			g->due = due;
	}
}

/* Results move on when enough has been given to the engine to hide them. */
static __attribute__((noinline)) void move_results(struct gemm *g)
{
	if (g->stored != g->complete &&
	    g->issued - g->results[g->stored % RESULTS].issued >= STORE_LAG)
		store_one(g);
	if (g->finished != g->stored &&
	    g->issued - g->results[g->finished % RESULTS].issued >= FINISH_LAG)
		finish_one(g);
	set_due(g);
}

/* An operand of a chunk: its first subtile, and bytes from one to the next. */
struct operand {
	const uint8_t *at;
	uint32_t step;
};

/* A chunk as the engine sees it: A, scales and sums step by rows, the others by columns. */
struct chunk {
	struct operand a, scale_a, sums, b, scale_b, mins;
	uint32_t k, groups, slot;
	bool first;
};

/* Where the groups' operands are. */
static void lay_groups(struct gemm *g, const struct place *p, struct chunk *c, uint8_t *slot)
{
	bool packed = g->args->flags & SDO_GEMM_B_PACKED;
	uint32_t row = packed ? SDO_PACKED_N : p->n, groups = groups_of(g, g->args->plan.chunk);

	tile.d.stride_scale_a = groups * 4;
	tile.d.stride_scale_b = row * g->scale_bytes;
	tile_mins.d.stride_a = groups * 2;
	tile_mins.d.stride_b = row * 2;
	c->scale_a = (struct operand){ slot + g->at_scale_a, DIM * tile.d.stride_scale_a };
	c->sums = (struct operand){ slot + g->at_sums, DIM * tile_mins.d.stride_a };
	c->scale_b = (struct operand){ slot + g->at_scale_b, DIM * g->scale_bytes };
	c->mins = (struct operand){ slot + g->at_mins, DIM * 2 };
	if (packed) {
		c->scale_b.at = c->b.at + sdo_packed_values(&g->packed);
		c->mins.at = c->scale_b.at + sdo_packed_scales(&g->packed);
		c->scale_b.step = g->piece;
		c->mins.step = g->piece;
	}
}

/* The first chunk of a tile. The descriptor's strides are those of rows in the slot. */
static void lay_chunk(struct gemm *g, const struct place *p, uint32_t slot_number, struct chunk *c)
{
	const struct sdo_gemm *a = g->args;
	uint8_t *slot = g->slots + slot_number * g->slot_size;
	uint32_t flags = a->flags;

	c->slot = slot_number;
	g->word = ~0u;
	c->a.at = slot;
	c->b.at = slot + g->at_b;
	if (flags & SDO_GEMM_A_KM) {
		tile.d.stride_a = p->m * g->bits_a / 8;
		c->a.step = DIM * g->bits_a / 8;
	} else {
		tile.d.stride_a = a->plan.chunk * g->bits_a / 8;
		c->a.step = DIM * tile.d.stride_a;
	}
	if (flags & SDO_GEMM_B_PACKED) {
		tile.d.stride_b = SDO_PACKED_N * g->bits_b / 8;
		c->b.step = g->piece;
	} else if (flags & SDO_GEMM_B_NK) {
		tile.d.stride_b = a->plan.chunk * g->bits_b / 8;
		c->b.step = DIM * tile.d.stride_b;
	} else {
		tile.d.stride_b = (p->n * g->bits_b + 7) / 8;
		c->b.step = DIM * g->bits_b / 8;
	}
	if (a->group)
		lay_groups(g, p, c, slot);
}

/* Only the slot is another. */
SD_INLINE void move_chunk(const struct gemm *g, uint32_t slot_number, struct chunk *c)
{
	ptrdiff_t by = ((ptrdiff_t)slot_number - c->slot) * g->slot_size;

	c->slot = slot_number;
	c->a.at += by;
	c->b.at += by;
	if (!g->args->group)
		return;
	c->scale_a.at += by;
	c->sums.at += by;
	c->scale_b.at += by;
	c->mins.at += by;
}

/* @c holds the chunk before, if this is not the first of a tile. */
SD_INLINE void begin_chunk(struct gemm *g, const struct place *p, uint32_t number,
			   uint32_t slot_number, struct chunk *c)
{
	c->k = chunk_size(g, p, number);
	c->first = !number;
	if (g->mins)
		c->groups = groups_of(g, c->k);
	if (number)
		move_chunk(g, slot_number, c);
	else
		lay_chunk(g, p, slot_number, c);
}

static void multiply_mins(struct gemm *g, const struct chunk *c, uint32_t acc, uint32_t word,
			  uint32_t i, uint32_t j)
{
	tile_mins.word = (word & 0xffff) | c->groups << 16;
	sdm_cfg(0, &tile_mins.d);
	g->word = ~0u;
	call_table(gemm_mma, acc, c->sums.at + i * c->sums.step,
		   (uintptr_t)c->mins.at + j * c->mins.step);
}

/* Subtiles of the size @word, side by side: nothing to select, and no accumulator with a result. */
SD_INLINE void multiply_run(struct gemm *g, const uint8_t *table, uint32_t acc, uint32_t count,
			    uint32_t word, const uint8_t *a, const uint8_t *b, uint32_t b_step)
{
	int32_t spare = g->due - g->issued;

	if (g->word != word)
		select_word(g, word);
	for (; count; count--, acc++, b += b_step) {
		call_table(table, acc % SC_NUM_ACCS, a, (uintptr_t)b);
		if (--spare > 0)
			continue;
		g->issued = g->due - spare;
		move_results(g);
		spare = g->due - g->issued;
		if (g->word != word)
			select_word(g, word);
	}
	g->issued = g->due - spare;
}

/* Subtiles of a row with groups, and no minima: the scales of each are elsewhere. */
static void multiply_grouped(struct gemm *g, const struct chunk *c, const uint8_t *table,
			     uint32_t acc, uint32_t count, uint32_t whole, uint32_t last,
			     const uint8_t *a, uint32_t j)
{
	const uint8_t *b = c->b.at + j * c->b.step;
	uint32_t scale = tile.d.scale_b, scale_step = 0;
	int32_t spare = g->due - g->issued;

	if (g->scale_bytes) {
		scale_step = c->scale_b.step;
		scale = sd_tcm_offset(c->scale_b.at + j * scale_step);
	}
	for (; count; count--, acc++) {
		tile.word = count == 1 ? last : whole;
		tile.d.scale_b = scale;
		sdm_cfg(0, &tile.d);
		call_table(table, acc % SC_NUM_ACCS, a, (uintptr_t)b);
		b += c->b.step;
		scale += scale_step;
		if (--spare <= 0) {
			g->issued = g->due - spare;
			move_results(g);
			spare = g->due - g->issued;
		}
	}
	g->issued = g->due - spare;
	g->word = ~0u;
}

/* The same where accumulators may still hold results, or there are minima. */
static __attribute__((noinline)) void multiply_careful(struct gemm *g, const struct chunk *c,
						       const uint8_t *table, uint32_t acc,
						       uint32_t count, uint32_t whole,
						       uint32_t last, uint32_t i, uint32_t j)
{
	for (; count; count--, acc++, j++) {
		uint32_t word = count == 1 ? last : whole;

		acc %= SC_NUM_ACCS;
		while (c->first && (g->busy >> acc & 1)) {
			store_one(g);
			set_due(g);
		}
		if (g->scale_bytes)
			tile.d.scale_b = sd_tcm_offset(c->scale_b.at + j * c->scale_b.step);
		tile.word = word;
		sdm_cfg(0, &tile.d);
		g->word = word;
		call_table(table, acc, c->a.at + i * c->a.step,
			   (uintptr_t)c->b.at + j * c->b.step);
		if (g->mins)
			multiply_mins(g, c, acc, word, i, j);
		if ((int32_t)(++g->issued - g->due) >= 0)
			move_results(g);
	}
}

/* Sizes of the subtiles of a row: of all, or of those up to the last column. */
SD_INLINE uint32_t sizes_of(const struct place *p, const struct chunk *c, uint32_t i)
{
	return least(DIM, p->m - i * DIM) | DIM << 8 | c->k << 16;
}

SD_INLINE uint32_t last_of(const struct place *p, uint32_t whole, uint32_t columns, bool end)
{
	return end ? (whole & ~0xff00u) | (p->n - (columns - 1) * DIM) << 8 : whole;
}

static __attribute__((noinline)) void multiply_rows_plain(struct gemm *g, const struct place *p,
							  const struct chunk *c, uint32_t first,
							  uint32_t last, uint32_t columns)
{
	const uint8_t *table = c->first ? gemm_mma_z : gemm_mma;
	uint32_t i = first / columns, j = first % columns, acc = g->first_acc + first;
	const uint8_t *a = c->a.at + i * c->a.step, *b = c->b.at + j * c->b.step;

	for (uint32_t left = last - first; left; i++, j = 0, a += c->a.step, b = c->b.at) {
		uint32_t count = least(columns - j, left), whole = sizes_of(p, c, i);
		uint32_t end = last_of(p, whole, columns, j + count == columns);
		uint32_t same = end == whole ? count : count - 1;

		if (same)
			multiply_run(g, table, acc, same, whole, a, b, c->b.step);
		if (same != count)
			multiply_run(g, table, acc + same, 1, end, a, b + same * c->b.step, 0);
		acc += count;
		left -= count;
	}
}

static __attribute__((noinline)) void multiply_rows(struct gemm *g, const struct place *p,
						    const struct chunk *c, uint32_t first,
						    uint32_t last, uint32_t columns, bool careful)
{
	const uint8_t *table = c->first ? gemm_mma_z : gemm_mma;
	uint32_t i = first / columns, j = first % columns;

	for (uint32_t s = first; s < last; i++, j = 0) {
		uint32_t count = least(columns - j, last - s), whole = sizes_of(p, c, i);
		uint32_t end = last_of(p, whole, columns, j + count == columns);

		if (g->args->scale_a)
			tile.d.scale_a = sd_tcm_offset(c->scale_a.at + i * c->scale_a.step);
		if (careful)
			multiply_careful(g, c, table, g->first_acc + s, count, whole, end, i, j);
		else
			multiply_grouped(g, c, table, g->first_acc + s, count, whole, end,
					 c->a.at + i * c->a.step, j);
		s += count;
	}
}

/* Subtiles [first, last), row by row, of one chunk. */
SD_INLINE void multiply_some(struct gemm *g, const struct place *p, const struct chunk *c,
			     uint32_t first, uint32_t last, uint32_t columns)
{
	bool careful = g->mins || (c->first && g->busy);

	if (careful || g->args->group)
		multiply_rows(g, p, c, first, last, columns, careful);
	else
		multiply_rows_plain(g, p, c, first, last, columns);
}

/* Loads run ahead of the chunk in use. */
SD_INLINE void load_ahead(struct gemm *g)
{
	while (g->loaded <= g->used + g->args->plan.ahead && load_next(g))
		;
}

/* The engine waits for chunk g->used; its load may have to wait for the hart's results. */
static void await_chunk(struct gemm *g)
{
	while (g->loaded <= g->used && !load_next(g)) {
		if (g->finished != g->stored)
			finish_one(g);
		else
			store_one(g);
	}
	sd_hold(SC_EQ_MATRIX, C_A, g->used + 1);
	sd_hold(SC_EQ_MATRIX, C_B, g->used + 1);
	g->used++;
}

static void release_chunk(struct gemm *g)
{
	sd_post(SC_EQ_MATRIX, C_USED);
	g->released++;
}

SD_INLINE uint32_t next_slot(const struct gemm *g, uint32_t slot)
{
	return slot + 1 == g->args->plan.slots ? 0 : slot + 1;
}

static void complete(struct gemm *g, const struct place *p, uint32_t acc, uint32_t i, uint32_t j,
		     uint32_t parity)
{
	const struct sdo_gemm *a = g->args;
	struct result *r = &g->results[g->complete++ % RESULTS];

	if (!g->bytes_d)
		prepare_results(g);
	r->acc = acc;
	r->i = i * DIM;
	r->j = j * DIM;
	r->m = least(DIM, p->m - r->i);
	r->n = least(DIM, p->n - r->j);
	r->last = r->i + r->m == p->m && r->j + r->n == p->n;
	r->parity = parity;
	r->issued = g->issued;
	r->d = (uint8_t *)(a->d + p->batch * a->batch_d + (p->m0 + r->i) * a->stride_d +
			   (uint64_t)(p->n0 + r->j) * g->bytes_d);
	g->busy |= 1u << acc;
	set_due(g);
}

/* The last chunk of some subtiles; of the last ones each is complete as soon as it can be. */
static void multiply_last(struct gemm *g, const struct place *p, const struct chunk *c,
			  uint32_t first, uint32_t last, uint32_t columns, bool apart,
			  uint32_t parity)
{
	uint32_t step = apart ? 1 : last - first, i = first / columns, j = first % columns;

	for (uint32_t s = first; s < last; s++) {
		if ((s - first) % step == 0)
			multiply_some(g, p, c, s, s + step, columns);
		complete(g, p, (g->first_acc + s) % SC_NUM_ACCS, i, j, parity);
		if (++j == columns) {
			j = 0;
			i++;
		}
	}
}

static void run_tile(struct gemm *g, const struct place *p, uint32_t parity)
{
	const struct sdo_gemm_plan *plan = &g->args->plan;
	uint32_t columns = (p->n + DIM - 1) / DIM, all = (p->m + DIM - 1) / DIM * columns;
	uint32_t chunks = count_chunks(g, p), kept = least(plan->slots - plan->ahead, chunks);
	uint32_t i = 0, slot = 0;
	struct chunk c;

	for (; i < chunks - kept; i++) {
		await_chunk(g);
		begin_chunk(g, p, i, g->use_slot, &c);
		multiply_some(g, p, &c, 0, all, columns);
		release_chunk(g);
		if (i + 1 < p->ramp) /* short chunks leave the hart no time for more */
			load_next(g);
		else
			load_ahead(g);
		g->use_slot = next_slot(g, g->use_slot);
	}
	for (uint32_t s = 0; s < all; s += TOGETHER) {
		uint32_t end = least(s + TOGETHER, all);

		slot = g->use_slot;
		for (i = chunks - kept; i < chunks; i++) {
			if (!s)
				await_chunk(g);
			begin_chunk(g, p, i, slot, &c);
			if (i + 1 < chunks)
				multiply_some(g, p, &c, s, end, columns);
			else
				multiply_last(g, p, &c, s, end, columns,
					      end == all && g->load.unit >= g->units, parity);
			if (end == all)
				release_chunk(g);
			load_ahead(g);
			slot = next_slot(g, slot);
		}
	}
	g->use_slot = slot;
	g->first_acc = (g->first_acc + all) % SC_NUM_ACCS;
}

/* ---- the kernel ---- */

/* A slot: A, its scales and sums, then B and what belongs to it. */
static void lay_out_a(struct gemm *g)
{
	const struct sdo_gemm *a = g->args;
	const struct sdo_gemm_plan *plan = &a->plan;
	uint32_t at = up64(plan->tile_m * plan->chunk * g->bits_a / 8), groups;

	g->stages = sd_dynamic();
	g->slots = g->stages + NUM_STAGES * STAGE_SIZE + 16 * (plan->tile_m + plan->tile_n);
	g->load_at = g->slots;
	if (a->group) {
		groups = groups_of(g, plan->chunk);
		g->at_scale_a = at;
		if (a->scale_a)
			at += up64(plan->tile_m * groups * 4);
		g->at_sums = at;
		if (g->mins)
			at += up64(plan->tile_m * groups * 2);
	}
	g->at_b = at;
}

static void lay_out_b(struct gemm *g)
{
	const struct sdo_gemm *a = g->args;
	const struct sdo_gemm_plan *plan = &a->plan;
	uint32_t at = g->at_b, groups;

	if (a->flags & SDO_GEMM_B_PACKED) {
		g->packed = (struct sdo_packed){ .group = a->group, .type = a->type_b,
						 .type_scale = a->type_scale,
						 .mins = !!(a->flags & SDO_GEMM_MINS) };
		g->piece = sdo_packed_tile(&g->packed);
		g->slot_size = at + g->piece * ((plan->tile_n + SDO_PACKED_N - 1) / SDO_PACKED_N);
		return;
	}
	at += up64(plan->tile_n * plan->chunk * g->bits_b / 8);
	if (a->group) {
		groups = groups_of(g, plan->chunk);
		g->at_scale_b = at;
		if (g->scale_bytes)
			at += up64(plan->tile_n * groups * g->scale_bytes);
		g->at_mins = at;
		if (g->mins)
			at += up64(plan->tile_n * groups * 2);
	}
	g->slot_size = at;
}

static uint8_t scale_format(uint32_t type)
{
	return type == SDO_F16 ? SC_SCALE_F16 : type == SDO_F32 ? SC_SCALE_F32 : SC_SCALE_E8M0;
}

/* What the first load of A needs. */
static void prepare_a(struct gemm *g, const struct sdo_gemm *a)
{
	clear(&copy, sizeof(copy));
	copy.size2 = 1;
	clear(g, offsetof(struct gemm, results));
	g->args = a;
	g->bits_a = sdo_type_bits(a->type_a);
	g->mins = a->mins || (a->flags & SDO_GEMM_MINS);
	lay_out_a(g);
	g->tiles_m = (a->m + a->plan.tile_m - 1) / a->plan.tile_m;
	g->tiles_n = (a->n + a->plan.tile_n - 1) / a->plan.tile_n;
	g->units = g->tiles_m * g->tiles_n * a->batch;
	g->ramp = __builtin_ctz(a->plan.chunk / a->plan.first) + 1;
	find_place(g, &g->load, sd_wg_x());
}

/* And that of B. */
static void prepare_b(struct gemm *g)
{
	const struct sdo_gemm *a = g->args;

	g->bits_b = sdo_type_bits(a->type_b);
	if (a->group && (a->scale_b || (a->flags & SDO_GEMM_B_PACKED)))
		g->scale_bytes = sdo_type_bits(a->type_scale) / 8;
	lay_out_b(g);
	g->direct = a->plan.tile_m <= 8;
	g->by_hart = g->direct || a->alpha != 1 || a->scale_m || a->scale_n || a->bias || a->act;
	if (g->by_hart)
		g->columns = (void *)(g->stages + NUM_STAGES * STAGE_SIZE);
}

/* What the engine needs to multiply. */
static void prepare_tiles(struct gemm *g)
{
	const struct sdo_gemm *a = g->args;

	clear(&tile.d, sizeof(tile.d));
	tile.d.fmt_a = a->type_a;
	tile.d.fmt_b = a->type_b;
	tile.d.scale_a = ~0u;
	tile.d.scale_b = ~0u;
	tile.d.store_scale = ~0u;
	tile.d.flags = (a->flags & SDO_GEMM_A_KM ? SC_TILE_A_KM : 0) |
		     (a->flags & SDO_GEMM_B_NK ? SC_TILE_B_NK : 0);
	g->integer = a->type_a == SDO_I8 && !a->group;
	tile.d.fmt_store = g->by_hart ? g->integer ? SC_FMT_I32 : SC_FMT_F32 : a->type_d;
	g->due = ~0u >> 1;
	if (a->type_b == SDO_I4)
		memcpy(tile.d.codebook, a->codebook, sizeof(tile.d.codebook));
	if (!a->group)
		return;
	tile.d.group = a->group;
	tile.d.fmt_scale = scale_format(a->type_scale);
	if (g->mins)
		tile_mins.d = sd_tile(0, 0, 0, SD_FMT(F16), SD_FMT(F16), SC_FMT_F32);
}

SD_KERNEL(gemm, struct sdo_gemm)
{
	struct gemm *g = &state;
	struct place p;

	prepare_a(g, args);
	load_chunk_of_a(g);
	prepare_b(g);
	load_chunk_of_b(g);
	prepare_tiles(g);
	if (g->direct) /* bound by card memory */
		load_ahead(g);
	else if (g->ramp == 1) /* nothing is to delay a long first chunk */
		sd_hold(SC_EQ_DMA0, C_B, 1);
	load_next(g);
	for (uint32_t tiles = 0, unit = sd_wg_x(); unit < g->units; unit += sd_grid_x()) {
		find_place(g, &p, unit);
		run_tile(g, &p, tiles++ & 1);
	}
	while (g->stored != g->complete)
		store_one(g);
	while (g->finished != g->stored)
		finish_one(g);
}

SD_USES(XSDM_BF16);
SD_USES(XSDM_INT4);
SD_USES(XSDM_FP8);
SD_USES(XSDM_FP32);
SD_USES(XSDM_GROUP);
