/* SPDX-License-Identifier: MIT */
/*
 * What a workgroup leaves for the second pass: its events in program order,
 * with all costs that depend on the machine alone already worked out.
 *
 * A core has one struct sc_recorder while timing is on, else NULL, which is all
 * that its parts look at. The list belongs to the workgroup that runs, until
 * sc_record_take() hands it over.
 */
#ifndef SC_TIMING_RECORD_H
#define SC_TIMING_RECORD_H

#include "engine_priv.h"
#include "timing.h"

enum sc_tev_kind {
	SC_TEV_SPAN, /* memory traffic of the hart; and what is too long for `before` */
	SC_TEV_MMA,
	SC_TEV_MOVE,
	SC_TEV_DMA,
	SC_TEV_HOLD,
	SC_TEV_POST,
	SC_TEV_AWAIT,
	SC_TEV_ARRIVE,
	SC_TEV_MEET,
	SC_TEV_END,
};

/**
 * struct sc_tev - one event of a hart
 * @kind: enum sc_tev_kind
 * @queue: engine queue
 * @index: accumulator or counter
 * @width: MMA: index into sc_timing.macs
 * @before: cycles that the hart computed before
 * @x: MMA, MOVE: occupancy; HOLD, AWAIT: value; DMA: index into sc_tlist.dma;
 *     SPAN: scratchpad bytes of the vector unit in @before
 * @y: MMA, MOVE: cycles from there to the result; SPAN: cycles of latency
 * @z: MMA, MOVE: scratchpad bytes; SPAN: bytes from and to card memory
 * @w: MMA: multiplications; SPAN: bytes from and to the host
 */
struct sc_tev {
	uint8_t kind;
	uint8_t queue;
	uint8_t index;
	uint8_t width;
	uint32_t before;
	uint32_t x, y, z, w;
};

/**
 * struct sc_tdma - a DMA operation
 * @va: first byte of the side beyond the own scratchpad
 * @size: bytes, rows, planes
 * @stride: of rows and planes
 * @row: of indexed ones: first of its row numbers in sc_tlist.rows
 * @local: both sides are the own scratchpad
 * @peer: the other side is another core's scratchpad
 * @system: the other side is the host's memory
 * @write: towards the other side
 * @indexed: rows by number
 */
struct sc_tdma {
	uint64_t va;
	uint32_t size[3];
	uint32_t stride[2];
	uint32_t row;
	bool local, peer, system, write, indexed;
};

/**
 * struct sc_tlist - the events of a workgroup
 * @rank: linear index of the workgroup
 * @insns: instructions it retired
 * @vector: beats of vector arithmetic
 * @issue: cycles that issuing its instructions took
 * @failed: memory ran out: the list is not complete
 * @next: for who collects lists
 */
struct sc_tlist {
	struct sc_tev *ev;
	size_t num_ev, max_ev;
	struct sc_tdma *dma;
	size_t num_dma, max_dma;
	uint32_t *rows;
	size_t num_rows, max_rows;
	uint64_t rank;
	uint64_t insns;
	uint64_t vector;
	uint64_t issue;
	bool failed;
	struct sc_tlist *next;
};

struct sc_recorder;

/** sc_recorder_create() - for a core that counts its instructions in @insns; NULL: no memory. */
struct sc_recorder *sc_recorder_create(const struct sc_machine *machine, const uint64_t *insns);
void sc_recorder_destroy(struct sc_recorder *r);

/** sc_record_start() - a workgroup begins. */
void sc_record_start(struct sc_recorder *r, uint64_t rank);

/** sc_record_take() - it has ended: its list, now the caller's; NULL: no memory. */
struct sc_tlist *sc_record_take(struct sc_recorder *r);
void sc_tlist_free(struct sc_tlist *list);

/** sc_record_op() - an operation enters its engine queue. Return: to be kept as op->event. */
uint32_t sc_record_op(struct sc_recorder *r, const struct sc_engine_env *env,
		      const struct sc_engine_op *op);

/** sc_record_rows() - the row numbers that the indexed operation @op finds. */
void sc_record_rows(struct sc_recorder *r, const struct sc_engine_op *op, const uint8_t *index);

/** sc_record_await() - the hart has seen @counter at @value. */
void sc_record_await(struct sc_recorder *r, unsigned int counter, int32_t value);

/** sc_record_barrier() - sd.arrive, or a passed sd.meet. */
void sc_record_barrier(struct sc_recorder *r, bool meet);

enum sc_place {
	SC_ON_TCM, /* the own scratchpad */
	SC_ON_PEER, /* another one */
	SC_ON_CARD,
	SC_ON_HOST,
};

/** sc_record_access() - bytes of a page that the hart accesses; @access: SC_ACCESS_*. */
void sc_record_access(struct sc_recorder *r, enum sc_place place, unsigned int access,
		      unsigned int size);

/**
 * sc_record_vector() - a vector instruction that is about to run
 * @vl: its vector length
 * @vtype: its type
 * @vlenb: bytes of a register
 *
 * Accesses until sc_record_vector_end() are its own and no scalar ones.
 */
void sc_record_vector(struct sc_recorder *r, uint32_t word, uint64_t vl, uint64_t vtype,
		      uint32_t vlenb);
void sc_record_vector_end(struct sc_recorder *r);

#endif /* SC_TIMING_RECORD_H */
