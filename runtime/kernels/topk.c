// SPDX-License-Identifier: MIT
/*
 * topk: the k largest elements of each row (struct sdo_topk).
 *
 * An element becomes a candidate unless it is at most the k-th largest of the
 * candidates so far, which one comparison of a whole vector tells. Candidates
 * are pairs of an index and an unsigned key that orders as the values do, in
 * ascending order of index. When there are too many, a binary search for the
 * k-th largest key thins them out. A row that several workgroups share ends in
 * the scratchpad of the first of them, with the candidates of all, part by part.
 *
 * The invariant: a candidate that was dropped has k better ones in the list.
 */
#include <seedchip/ops_data.h>

#include "scan.h"

#define KEY_NAN UINT32_MAX /* the key of every NaN; key 0 is no float's */
#define EXTRACT 64         /* so few are taken out one by one, if a vector holds all candidates */
#define SLOTS   16         /* rows of results on their way */

enum channel { DMA_OUT = SCAN_IN + 1 };
enum counter { C_OUT = SCAN_IN + 1 };

struct list {
	uint32_t count;
	uint32_t key[SDO_TOPK_LIST];
	uint32_t index[SDO_TOPK_LIST];
};

/*
 * The candidates of a row. Once there have been k, elements at most @limit are
 * none; @full: there are k NaNs, hence there will be no more.
 */
struct search {
	struct list *list;
	uint32_t k;
	uint32_t room;
	bool limited;
	bool full;
	float limit;
};

static vuint32m4_t keys_of(vfloat32m4_t v, size_t vl)
{
	vbool8_t nan = __riscv_vmfne_vv_f32m4_b8(v, v, vl);
	vbool8_t zero = __riscv_vmfeq_vf_f32m4_b8(v, 0, vl);
	vuint32m4_t bits, flip;
	vint32m4_t sign;

	v = __riscv_vfmerge_vfm_f32m4(v, 0, zero, vl);
	bits = __riscv_vreinterpret_v_f32m4_u32m4(v);
	sign = __riscv_vsra_vx_i32m4(__riscv_vreinterpret_v_f32m4_i32m4(v), 31, vl);
	flip = __riscv_vor_vx_u32m4(__riscv_vreinterpret_v_i32m4_u32m4(sign), 1u << 31, vl);
	bits = __riscv_vxor_vv_u32m4(bits, flip, vl);
	return __riscv_vmerge_vxm_u32m4(bits, KEY_NAN, nan, vl);
}

static float value_of(uint32_t key)
{
	uint32_t bits = key >> 31 ? key ^ 1u << 31 : ~key;
	float f;

	memcpy(&f, &bits, 4);
	return f;
}

/* As many as a vector holds. */
SD_INLINE vuint32m8_t first_keys(const struct list *l)
{
	return __riscv_vle32_v_u32m8(l->key, __riscv_vsetvl_e32m8(l->count));
}

/* How many keys are at least @key; @v: the first keys. */
SD_INLINE uint32_t count_from(const struct list *l, vuint32m8_t v, uint32_t key)
{
	uint32_t i = __riscv_vsetvl_e32m8(l->count);
	uint32_t count = __riscv_vcpop_m_b4(__riscv_vmsgeu_vx_u32m8_b4(v, key, i), i);

	for (uint32_t vl; i < l->count; i += vl) {
		vl = __riscv_vsetvl_e32m8(l->count - i);
		v = __riscv_vle32_v_u32m8(l->key + i, vl);
		count += __riscv_vcpop_m_b4(__riscv_vmsgeu_vx_u32m8_b4(v, key, vl), vl);
	}
	return count;
}

/* The least key of those. */
static uint32_t least_from(const struct list *l, uint32_t key)
{
	vuint32m1_t least = __riscv_vmv_s_x_u32m1(UINT32_MAX, 1);

	for (uint32_t i = 0, vl; i < l->count; i += vl) {
		vuint32m8_t v;
		vbool4_t from;

		vl = __riscv_vsetvl_e32m8(l->count - i);
		v = __riscv_vle32_v_u32m8(l->key + i, vl);
		from = __riscv_vmsgeu_vx_u32m8_b4(v, key, vl);
		least = __riscv_vredminu_vs_u32m8_u32m1_m(from, v, least, vl);
	}
	return __riscv_vmv_x_s_u32m1_u32(least);
}

/* The largest key that at least k candidates reach; fewer than k exceed it. */
static uint32_t kth_key(const struct list *l, uint32_t k)
{
	vuint32m8_t v = first_keys(l);
	uint32_t low = 0, high = UINT32_MAX;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2 + 1, count = count_from(l, v, middle);

		if (count == k)
			return least_from(l, middle);
		if (count > k)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* Keep the k best: those above the k-th key, and the first that are equal to it. */
static void thin_out(struct search *s)
{
	struct list *l = s->list;
	uint32_t key, spare = s->k, kept = 0;

	if (l->count < s->k)
		return;
	key = kth_key(l, s->k);
	if (key != KEY_NAN)
		spare -= count_from(l, first_keys(l), key + 1);
	for (uint32_t i = 0, vl; i < l->count; i += vl) {
		vuint32m4_t v, x, nth;
		vbool8_t keep, equal;

		vl = __riscv_vsetvl_e32m4(l->count - i);
		v = __riscv_vle32_v_u32m4(l->key + i, vl);
		x = __riscv_vle32_v_u32m4(l->index + i, vl);
		equal = __riscv_vmseq_vx_u32m4_b8(v, key, vl);
		nth = __riscv_viota_m_u32m4(equal, vl);
		keep = __riscv_vmand_mm_b8(equal, __riscv_vmsltu_vx_u32m4_b8(nth, spare, vl), vl);
		spare -= min_u32(spare, __riscv_vcpop_m_b8(equal, vl));
		keep = __riscv_vmor_mm_b8(keep, __riscv_vmsgtu_vx_u32m4_b8(v, key, vl), vl);
		v = __riscv_vcompress_vm_u32m4(v, keep, vl);
		x = __riscv_vcompress_vm_u32m4(x, keep, vl);
		vl = __riscv_vcpop_m_b8(keep, vl);
		__riscv_vse32_v_u32m4(l->key + kept, v, vl);
		__riscv_vse32_v_u32m4(l->index + kept, x, vl);
		kept += vl;
		vl = __riscv_vsetvl_e32m4(l->count - i);
	}
	l->count = kept;
	s->limited = true;
	s->full = key == KEY_NAN;
	s->limit = value_of(key);
}

static void add(struct list *l, vfloat32m4_t v, vbool8_t wanted, uint32_t first, size_t vl)
{
	size_t count = __riscv_vcpop_m_b8(wanted, vl);
	vuint16m2_t at = __riscv_vid_v_u16m2(vl);
	vuint32m4_t x;

	if (count < vl) {
		at = __riscv_vcompress_vm_u16m2(at, wanted, vl);
		v = __riscv_vrgatherei16_vv_f32m4(v, at, count);
	}
	x = __riscv_vadd_vx_u32m4(__riscv_vzext_vf2_u32m4(at, count), first, count);
	__riscv_vse32_v_u32m4(l->key + l->count, keys_of(v, count), count);
	__riscv_vse32_v_u32m4(l->index + l->count, x, count);
	l->count += count;
}

/* @n elements from column @col on; @last: the row ends with them. */
static void search(struct search *s, uint8_t type, uint32_t es, const uint8_t *p, uint32_t col,
		   uint32_t n, bool last)
{
	for (uint32_t i = 0, vl; i < n && !s->full; i += vl) {
		vfloat32m4_t v;
		vbool8_t wanted;

		vl = __riscv_vsetvl_e32m4(n - i);
		v = __riscv_vget_v_f32m8_f32m4(load_f32(type, p + i * es, vl), 0);
		wanted = __riscv_vmset_m_b8(vl);
		if (s->limited) {
			wanted = __riscv_vmnot_m_b8(__riscv_vmfle_vf_f32m4_b8(v, s->limit, vl), vl);
			if (__riscv_vfirst_m_b8(wanted, vl) < 0)
				continue;
		}
		add(s->list, v, wanted, col + i, vl);
		if (s->list->count >= s->room && !(last && i + vl == n))
			thin_out(s);
	}
}

/* Take out the k best of as many candidates as a vector holds. */
static void extract(const struct search *s, uint32_t *index)
{
	const struct list *l = s->list;
	size_t vl = __riscv_vsetvl_e32m8(l->count);
	vuint32m8_t v = __riscv_vle32_v_u32m8(l->key, vl);
	const vuint32m1_t none = __riscv_vmv_s_x_u32m1(0, 1);

	for (uint32_t i = 0; i < s->k; i++) {
		vuint32m1_t max = __riscv_vredmaxu_vs_u32m8_u32m1(v, none, vl);
		uint32_t key = __riscv_vmv_x_s_u32m1_u32(max);
		vbool4_t equal = __riscv_vmseq_vx_u32m8_b4(v, key, vl);

		index[i] = l->index[__riscv_vfirst_m_b4(equal, vl)];
		v = __riscv_vmerge_vxm_u32m8(v, 0, __riscv_vmsof_m_b4(equal, vl), vl);
	}
}

/* How many candidates come before number @i. */
static uint32_t rank(const struct list *l, uint32_t i)
{
	uint32_t key = l->key[i], before = 0;

	for (uint32_t j = 0, vl; j < l->count; j += vl) {
		uint32_t equal = i > j ? i - j : 0; /* first of these that may be */
		vuint32m8_t v;

		vl = __riscv_vsetvl_e32m8(l->count - j);
		v = __riscv_vle32_v_u32m8(l->key + j, vl);
		before += __riscv_vcpop_m_b4(__riscv_vmsgtu_vx_u32m8_b4(v, key, vl), vl);
		equal = min_u32(equal, vl);
		before += __riscv_vcpop_m_b4(__riscv_vmseq_vx_u32m8_b4(v, key, equal), equal);
	}
	return before;
}

/* The indices of the k best, in order: few are taken out, of many each finds its place. */
static void sort(struct search *s, uint32_t *index)
{
	struct list *l = s->list;
	size_t most = __riscv_vsetvlmax_e32m8();

	if (s->k > EXTRACT || l->count > most)
		thin_out(s);
	if (s->k <= EXTRACT && l->count <= most) {
		extract(s, index);
		return;
	}
	for (uint32_t i = 0; i < s->k; i++)
		index[rank(l, i)] = l->index[i];
}

/* Write a row's result; @done counts the rows. Some leave while others are found. */
static void put(const struct sdo_topk *a, struct search *s, uint32_t row, uint32_t *done)
{
	static SD_TCM uint32_t indices[SDO_TOPK_MAX], values[SDO_TOPK_MAX];
	uint32_t es = sd_format_bits(a->type) / 8, slots = min_u32(SDO_TOPK_MAX / a->k, SLOTS);
	uint32_t *index = indices + *done % slots * a->k, *value = values + *done % slots * a->k;
	struct sc_dma d = {
		.kind = SC_DMA_GATHER, .size0 = es, .size1 = a->k, .size2 = 1,
		.src = a->src + row * a->src_stride, .dst = (uintptr_t)value, .src_stride = { es },
		.dst_stride = { es }, .index = sd_tcm_offset(index), .limit = a->n,
	};

	if (*done >= slots)
		sd_await(C_OUT, *done - slots + 1);
	sort(s, index);
	sd_dma_1d(DMA_OUT, (void *)(a->dst + (uint64_t)row * a->k * 4), index, a->k * 4);
	if (a->value) {
		sdd_go(DMA_OUT, &d);
		sd_dma_1d(DMA_OUT, (void *)(a->value + (uint64_t)row * a->k * es), value,
			  a->k * es);
	}
	sd_post(DMA_OUT, C_OUT);
	++*done;
}

/* Towards the beginning, if the two overlap. */
static void copy_words(uint32_t *to, const uint32_t *from, uint32_t n)
{
	for (uint32_t i = 0, vl; i < n && to != from; i += vl) {
		vl = __riscv_vsetvl_e32m8(n - i);
		__riscv_vse32_v_u32m8(to + i, __riscv_vle32_v_u32m8(from + i, vl), vl);
	}
}

/* Bring the candidates of all parts of a row into the first part's list. */
static void meet(struct search *s, struct list *all)
{
	static SD_TCM uint32_t counts[SDO_SCAN_PARTS];
	uint32_t part = sd_wg_x(), leader = sd_wg_y() * sd_grid_x();
	struct list *mine = s->list;

	thin_out(s);
	*(uint32_t *)sd_tcm_remote(&counts[part], leader) = mine->count;
	copy_words(sd_tcm_remote(&all->key[part * s->k], leader), mine->key, mine->count);
	copy_words(sd_tcm_remote(&all->index[part * s->k], leader), mine->index, mine->count);
	sd_arrive();
	sd_meet();
	all->count = 0;
	for (uint32_t i = 0; part == 0 && i < sd_grid_x(); i++) {
		copy_words(&all->key[all->count], &all->key[i * s->k], counts[i]);
		copy_words(&all->index[all->count], &all->index[i * s->k], counts[i]);
		all->count += counts[i];
	}
	s->list = all;
}

SD_KERNEL(topk, struct sdo_topk)
{
	static SD_TCM struct list own, all;
	struct scan sc = scan_open(args->src, args->src_stride, args->rows, args->n, args->type);
	const struct search fresh = {
		.list = &own, .k = args->k, .room = max_u32(2 * args->k, SDO_TOPK_ROOM),
	};
	struct search s = fresh;
	uint32_t done = 0;

	own.count = 0;
	for (uint32_t k = 0; k < sc.pieces; k++) {
		struct piece p = scan_next(&sc, k);

		for (uint32_t i = 0; i < p.rows; i++) {
			search(&s, args->type, sc.es, p.data + i * p.n * sc.es, p.col, p.n, p.last);
			if (!p.last || sd_grid_x() > 1)
				continue;
			put(args, &s, p.row + i, &done);
			s = fresh;
			own.count = 0;
		}
	}
	if (sd_grid_x() > 1) {
		meet(&s, &all);
		if (!sd_wg_x())
			put(args, &s, sd_wg_y(), &done);
	}
}
