/* SPDX-License-Identifier: MIT */
/*
 * The state of a workgroup of gemm, and what the hart does to its results:
 * factors, bias, activation and conversion, a row at a time.
 */
#ifndef KERNELS_GEMM_H
#define KERNELS_GEMM_H

#include <seedchip/kernel.h>
#include <seedchip/ops_matmul.h>

#include "vec.h"

#define DIM	   SC_ACC_DIM
#define NUM_STAGES 4
#define STAGE_SIZE (4 * DIM * DIM)
#define TOGETHER   4 /* accumulators that finish together */
#define RESULTS	   32
/*
 * Multiplications that are issued between the last one of an accumulator and its
 * store, so that the engine has something to do until it is complete; and then
 * until the hart waits for the stored result, with a full queue behind it.
 */
#define STORE_LAG  2
#define FINISH_LAG 10

enum { DMA_A, DMA_B, DMA_OUT, DMA_COLUMN };
enum { C_A, C_B, C_USED, C_OUT, C_DONE, C_COLUMN };

/* A tile of D: where it is, and its size. */
struct place {
	uint32_t unit;
	uint32_t batch;
	uint32_t m0, n0;
	uint32_t m, n;
	uint32_t ramp; /* chunks that are shorter than plan.chunk, at the start */
};

/* A result that is complete but for what happens outside of the accumulator. */
struct result {
	uint8_t *d;
	uint32_t acc;
	uint32_t m, n;
	uint32_t i, j; /* first row and column in the tile */
	uint32_t parity; /* which column buffers */
	bool last; /* of its tile */
	uint32_t issued; /* multiplications before it was complete, then before it was stored */
};

struct gemm {
	const struct sdo_gemm *args;
	struct sdo_packed packed;
	bool integer; /* accumulators */
	bool by_hart; /* results pass through the vector unit */
	bool direct; /* and from there to memory: few rows, which need no DMA and its latency */
	bool wraps; /* i32 results, i32 bias */
	bool mins;
	uint32_t bits_a, bits_b, bytes_d, scale_bytes;
	uint32_t units, tiles_m, tiles_n;
	uint32_t ramp; /* of the first tile */
	uint32_t slot_size, at_scale_a, at_sums, at_b, at_scale_b, at_mins;
	uint32_t piece; /* bytes of a packed tile */
	uint8_t *slots, *stages;
	float *columns;
	/* the loader */
	struct place load;
	uint8_t *load_at; /* the slot of the next chunk */
	uint32_t load_chunk, load_k0, load_k, loaded, loads_unit;
	/* the engine */
	uint32_t released, issued, used, use_slot, first_acc;
	uint32_t word; /* m, n, k of the selected tile */
	/* results: up to complete in accumulators, up to stored in stages, up to finished sent */
	uint32_t complete, stored, finished;
	uint32_t busy; /* accumulators that hold one */
	uint32_t due; /* multiplication before which the next result moves on */
	uint32_t units_done;
	struct result results[RESULTS];
};

SD_INLINE uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Chunks of the first tile end at plan.first, twice that and so on, for an early start. */
SD_INLINE uint32_t chunk_start(const struct gemm *g, const struct place *p, uint32_t chunk)
{
	const struct sdo_gemm_plan *plan = &g->args->plan;
	uint32_t grown = least(chunk, p->ramp);

	return (grown ? plan->first << grown >> 1 : 0) + (chunk - grown) * plan->chunk;
}

SD_INLINE uint32_t chunk_most(const struct gemm *g, const struct place *p, uint32_t chunk)
{
	const struct sdo_gemm_plan *plan = &g->args->plan;

	return chunk < p->ramp ? plan->first << chunk >> !!chunk : plan->chunk;
}

SD_INLINE uint32_t chunk_size(const struct gemm *g, const struct place *p, uint32_t chunk)
{
	return least(chunk_most(g, p, chunk), g->args->k - chunk_start(g, p, chunk));
}

static uint32_t count_chunks(const struct gemm *g, const struct place *p)
{
	uint32_t k = g->args->k, count = 1, start;

	while (count <= p->ramp && chunk_start(g, p, count) < k)
		count++;
	start = chunk_start(g, p, count);
	return start < k ? count + (k - start + g->args->plan.chunk - 1) / g->args->plan.chunk :
			   count;
}

SD_INLINE uint32_t groups_of(const struct gemm *g, uint32_t k)
{
	return (k + g->args->group - 1) >> __builtin_ctz(g->args->group);
}

/* Factors and bias of a tile; two sets, so that the next tile's can come. */
static float *columns_of(const struct gemm *g, uint32_t parity)
{
	return g->columns + parity * (2 * g->args->plan.tile_n + g->args->plan.tile_m);
}

/* Out of line, with its constants: most results have none. */
static __attribute__((noinline)) vec activate(uint32_t act, vec x, size_t vl)
{
	return vec_act(act, x, vl);
}

/* x of one row, from what the engine stored: factors, bias, activation, conversion. */
static void finish_row(const struct gemm *g, const struct result *r, void *out,
		       const void *raw, float by_m)
{
	const struct sdo_gemm *a = g->args;
	const float *bias = columns_of(g, r->parity) + r->j, *by_n = bias + a->plan.tile_n;
	const int32_t *integers = raw;
	const float *floats = raw;
	size_t vl;

	for (uint32_t i = 0; i < r->n; i += vl) {
		vec x;

		vl = vec_len(r->n - i);
		if (g->integer)
			x = __riscv_vfcvt_f_x_v_f32m4(__riscv_vle32_v_i32m4(integers + i, vl),
						      vl);
		else
			x = __riscv_vle32_v_f32m4(floats + i, vl);
		if (a->alpha != 1)
			x = __riscv_vfmul_vf_f32m4(x, a->alpha, vl);
		if (a->scale_m)
			x = __riscv_vfmul_vf_f32m4(x, by_m, vl);
		if (a->scale_n)
			x = __riscv_vfmul_vv_f32m4(x, __riscv_vle32_v_f32m4(by_n + i, vl), vl);
		if (a->bias)
			x = __riscv_vfadd_vv_f32m4(x, __riscv_vle32_v_f32m4(bias + i, vl), vl);
		if (a->act)
			x = activate(a->act, x, vl);
		if (a->type_d == SDO_I32) {
			__riscv_vse32_v_i32m4((int32_t *)out + i,
					      __riscv_vfcvt_x_f_v_i32m4(x, vl), vl);
		} else if (a->type_d == SDO_I8) {
			vint16m2_t half = __riscv_vfncvt_x_f_w_i16m2(x, vl);

			__riscv_vse8_v_i8m1((int8_t *)out + i,
					    __riscv_vnclip_wx_i8m1(half, 0, __RISCV_VXRM_RDN, vl),
					    vl);
		} else {
			vec_store(a->type_d, out, i, x, vl);
		}
	}
}

/* The same where all stays in i32. */
static void finish_row_i32(const struct gemm *g, const struct result *r, int32_t *out,
			   const int32_t *row)
{
	const int32_t *bias = (const void *)(columns_of(g, r->parity) + r->j);
	size_t vl;

	for (uint32_t i = 0; i < r->n; i += vl) {
		vint32m4_t x;

		vl = vec_len(r->n - i);
		x = __riscv_vle32_v_i32m4(row + i, vl);
		if (g->args->bias)
			x = __riscv_vadd_vv_i32m4(x, __riscv_vle32_v_i32m4(bias + i, vl), vl);
		if (g->args->act == SDO_ACT_RELU)
			x = __riscv_vmax_vx_i32m4(x, 0, vl);
		__riscv_vse32_v_i32m4(out + i, x, vl);
	}
}

/* In place, if not direct: a row of the result never ends behind the row it is made of. */
static void finish(const struct gemm *g, const struct result *r, uint8_t *stage)
{
	const float *by_m = columns_of(g, r->parity) + 2 * g->args->plan.tile_n;
	uint64_t stride = g->direct ? g->args->stride_d : g->bytes_d * r->n;
	uint32_t pitch = 4 * (g->direct ? g->args->plan.tile_n : r->n);
	uint8_t *to = g->direct ? r->d : stage;

	for (uint32_t i = 0; i < r->m; i++, to += stride, stage += pitch) {
		if (g->wraps)
			finish_row_i32(g, r, (void *)to, (const void *)stage);
		else
			finish_row(g, r, to, stage, g->args->scale_m ? by_m[r->i + i] : 0);
	}
}

#endif /* KERNELS_GEMM_H */
