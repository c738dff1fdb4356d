/* SPDX-License-Identifier: MIT */
/*
 * What the files of the engines share: operations as they stand in a queue,
 * the bytes that an operation touches, and the clocks of strict mode.
 *
 * An operation is checked and made self-contained at issue: descriptor copied,
 * addresses resolved, every scratchpad operand inside the scratchpad. Applying
 * it later needs nothing but the operation, and can only fail where memory
 * beyond the scratchpad, or an index list, refuses.
 */
#ifndef SC_ENGINE_PRIV_H
#define SC_ENGINE_PRIV_H

#include "engine.h"

/**
 * struct sc_region - a set of scratchpad bytes: rows of rows of bytes
 * @base: offset of the first byte
 * @len: contiguous bytes; 0: the empty set
 * @count: repetitions, inner first; 1 where there is none
 * @stride: distance of the repetitions, 0 where there is none
 */
struct sc_region {
	uint32_t base;
	uint32_t len;
	uint32_t count[2];
	uint32_t stride[2];
};

struct sc_access {
	struct sc_region region;
	bool write;
};

/** struct sc_clock - per engine queue, the operations known to be complete */
struct sc_clock {
	uint32_t at[SC_EQ_COUNT];
};

#define SC_OP_ACCESSES 4

/**
 * struct sc_engine_op - one operation in an engine queue
 * @insn: SDM_MMA to SD_POST of enum sc_insn
 * @imm: accumulator of a matrix operation
 * @queue: engine queue it is in
 * @pc: instruction that issued it
 * @number: counts issued instructions; a later number at application is late
 * @offset: scratchpad offsets of the operands at rs1 and rs2
 * @stride: rs2 of SDM_LD and SDM_ST
 * @tile: descriptor of a matrix operation
 * @dma: descriptor of SDD_GO
 * @src: its source when that is a scratchpad, else NULL
 * @dst: its destination when that is a scratchpad, else NULL
 * @counter: of SD_HOLD and SD_POST
 * @value: of SD_HOLD
 * @event: timing: what sc_record_op() gave
 * @seq: strict: position in its queue, from 1
 * @issued: strict: what the hart knew to be complete at issue
 * @num_access: strict: how many of @access are in use
 * @access: strict: bytes of the own scratchpad it reads and writes
 */
struct sc_engine_op {
	enum sc_insn insn;
	unsigned int imm;
	unsigned int queue;
	uint64_t pc;
	uint64_t number;
	uint32_t offset[2];
	uint64_t stride;
	union {
		struct sc_tile tile;
		struct sc_dma dma;
	};
	uint8_t *src;
	uint8_t *dst;
	unsigned int counter;
	int32_t value;
	uint32_t event;
	uint32_t seq;
	struct sc_clock issued;
	unsigned int num_access;
	struct sc_access access[SC_OP_ACCESSES];
};

union sc_acc {
	uint32_t i[SC_ACC_DIM][SC_ACC_DIM];
	float f[SC_ACC_DIM][SC_ACC_DIM];
};

struct sc_matrix;
struct sc_race;

/* engine.c */

/** sc_engine_fault() - fill a fault of the status that @code belongs to; SC_ENGINE_FAULT. */
int sc_engine_fault(struct sc_fault *fault, enum sc_code code, enum sc_engine engine, uint64_t pc,
		    uint64_t va, uint64_t value);

/** sc_engine_of() - the enum sc_engine of an engine queue. */
enum sc_engine sc_engine_of(unsigned int queue);

/**
 * sc_engine_span() - whether rows of bytes from @offset lie in the scratchpad
 *
 * No rows or no bytes lie everywhere. Safe for all values.
 */
bool sc_engine_span(uint32_t tcm_size, uint64_t offset, uint64_t len, uint64_t n1, uint64_t s1,
		    uint64_t n2, uint64_t s2);

/** sc_engine_touch() - strict: note bytes that @op reads or writes; checked with the above. */
void sc_engine_touch(struct sc_engine_op *op, bool write, uint64_t base, uint64_t len, uint64_t n1,
		     uint64_t s1, uint64_t n2, uint64_t s2);

/* matrix.c */
struct sc_matrix *sc_matrix_create(void);
void sc_matrix_destroy(struct sc_matrix *matrix);

/** sc_matrix_clear() - zero the accumulators. */
void sc_matrix_clear(struct sc_matrix *matrix);

/** sc_matrix_tile() - check a descriptor that SDM_CFG read at @va. */
int sc_matrix_tile(const struct sc_engine_env *env, const struct sc_tile *tile, uint64_t va,
		   uint64_t pc, struct sc_fault *fault);

/** sc_matrix_issue() - check the operands of @op, whose insn, imm, pc and tile are set. */
int sc_matrix_issue(const struct sc_engine_env *env, struct sc_engine_op *op, uint64_t rs1,
		    uint64_t rs2, struct sc_fault *fault);

/** sc_matrix_apply() - execute a checked operation. */
void sc_matrix_apply(struct sc_matrix *matrix, const struct sc_engine_env *env,
		     const struct sc_engine_op *op);

/* dma.c */

/** sc_dma_issue() - check the descriptor at rs1 and resolve it into @op, whose pc is set. */
int sc_dma_issue(const struct sc_engine_env *env, struct sc_engine_op *op, uint64_t rs1,
		 struct sc_fault *fault);

/** sc_dma_apply() - execute a checked operation; ends early without a fault when told to stop. */
int sc_dma_apply(const struct sc_engine_env *env, const struct sc_engine_op *op,
		 struct sc_fault *fault);

/* race.c */
struct sc_race *sc_race_create(void);
void sc_race_destroy(struct sc_race *race);

/** sc_race_start() - forget everything: the start of a workgroup. */
void sc_race_start(struct sc_race *race);

/** sc_race_issue() - the hart has put @op into its queue; seq and issued are set here. */
void sc_race_issue(struct sc_race *race, struct sc_engine_op *op);

/** sc_race_post() - the post @op, applied before, raised its counter. */
void sc_race_post(struct sc_race *race, const struct sc_engine_op *op);

/** sc_race_hold() - the queue of the hold @op has seen its counter at its value. */
void sc_race_hold(struct sc_race *race, const struct sc_engine_op *op);

/** sc_race_acquire() - the hart has seen @counter at @value; @heads: pending head per queue. */
void sc_race_acquire(struct sc_race *race, unsigned int counter, int32_t value,
		     const struct sc_engine_op *const heads[SC_EQ_COUNT]);

/** sc_race_apply() - @op takes effect now: a fault if an unordered operation overlaps. */
int sc_race_apply(struct sc_race *race, const struct sc_engine_op *op, struct sc_fault *fault);

/** sc_race_quiet() - no applied operation is unknown to the hart. */
bool sc_race_quiet(const struct sc_race *race);

/** sc_race_maybe() - whether any operation in flight may touch these bytes; cheap. */
bool sc_race_maybe(const struct sc_race *race, uint32_t offset, uint32_t size);

/** sc_race_pending() - the hart's access against an operation that still waits. */
int sc_race_pending(const struct sc_engine_op *op, const struct sc_access *access, uint64_t pc,
		    struct sc_fault *fault);

/** sc_race_applied() - the hart's access against what has been applied since it last waited. */
int sc_race_applied(struct sc_race *race, const struct sc_access *access, uint64_t pc,
		    struct sc_fault *fault);

/** sc_region_init() - bring a set of bytes into its shortest form. */
void sc_region_init(struct sc_region *region, uint64_t base, uint64_t len, uint64_t n1, uint64_t s1,
		    uint64_t n2, uint64_t s2);

/** sc_region_overlap() - whether two sets share a byte; @at is one that they share. */
bool sc_region_overlap(const struct sc_region *a, const struct sc_region *b, uint32_t *at);

#endif /* SC_ENGINE_PRIV_H */
