/* SPDX-License-Identifier: MIT */
/*
 * Entry of an instruction test under an emulator of Linux programs: runs it,
 * writes its results to standard output and leaves. On the card `run` is the
 * entry itself.
 */
	.globl	_start
	.weak	setup
_start:
	la	t0, setup		/* of a program that has one */
	beqz	t0, 1f
	jalr	t0
1:	call	run
	la	s0, results
	la	s1, results_size
	ld	s1, 0(s1)
2:	li	a0, 1
	mv	a1, s0
	mv	a2, s1
	li	a7, 64			/* write */
	ecall
	blez	a0, 3f
	add	s0, s0, a0
	sub	s1, s1, a0
	bnez	s1, 2b
	li	a0, 0
	j	4f
3:	li	a0, 1
4:	li	a7, 93			/* exit */
	ecall
