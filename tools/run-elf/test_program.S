/* SPDX-License-Identifier: MIT */
/*
 * What a program in machine mode sees of seedchip-run-elf: traps of every kind
 * (their cause, place and value go to the signature), CSRs, units that are off
 * until mstatus says otherwise, the console. A trap that was not expected ends
 * it with the number of the step that it was in.
 */
#define STEP(n) li s0, n
#define EXPECT(reg, value) li t0, value; bne reg, t0, fail
/* The next instruction must trap; its cause, and whether mepc and mtval are as given. */
#define TRAPS li s1, 1
#define TRAPPED(cause, where, value)                                                               \
	li t0, cause; bne s2, t0, fail; la t0, where; bne s3, t0, fail; li t0, value; bne s4, t0, fail

	.section .text.init, "ax", @progbits
	.globl	_start
_start:	la	t0, handler
	csrw	mtvec, t0
	csrr	t1, mtvec
	bne	t0, t1, fail

	STEP(2)
	csrr	a0, mhartid
	EXPECT(a0, 0)
	csrr	a0, misa
	srli	a1, a0, 62
	EXPECT(a1, 2)
	csrw	mscratch, a0
	csrrci	a1, mscratch, 1
	bne	a1, a0, fail
	csrr	a0, mstatus
	EXPECT(a0, 0x1800)

	STEP(3)
	TRAPS
bad:	.word	0
	TRAPPED(2, bad, 0)
	TRAPS
call:	ecall
	TRAPPED(11, call, 0)
	TRAPS
brk:	ebreak
	la	t1, brk
	bne	s4, t1, fail
	EXPECT(s2, 3)
	TRAPS
	li	a0, 0x1000
load:	ld	a1, 8(a0)
	TRAPPED(5, load, 0x1008)
	TRAPS
store:	sw	a1, 4(a0)
	TRAPPED(7, store, 0x1004)
	TRAPS
	la	a0, begin_signature + 2
odd:	amoadd.w a1, a1, (a0)
	EXPECT(s2, 6)
	TRAPS
	la	a0, begin_signature + 2
	jr	a0
	EXPECT(s2, 0)
	bne	s4, a0, fail
	TRAPS
ro:	csrw	mhartid, zero
	EXPECT(s2, 2)

	STEP(4)
	TRAPS
off:	fmv.d.x	fa0, zero
	EXPECT(s2, 2)
	TRAPS
	csrr	a0, fcsr
	EXPECT(s2, 2)
	TRAPS
	csrr	a0, vlenb
	EXPECT(s2, 2)
	li	a0, 1 << 13
	csrs	mstatus, a0
	li	a0, 3
	fcvt.d.l fa0, a0
	fmv.x.d	a0, fa0
	EXPECT(a0, 0x4008000000000000)
	csrr	a0, mstatus
	bgez	a0, fail
	li	a1, 0
	csrr	a0, misa
	srli	a0, a0, 21
	andi	a0, a0, 1
	beqz	a0, 1f
	li	a0, 1 << 9
	csrs	mstatus, a0
	csrr	a1, vlenb
1:	la	a0, begin_signature
	sw	a1, 0(a0)

	STEP(5)
	csrwi	minstret, 0
	csrr	a1, minstret
	EXPECT(a1, 0)
	li	a1, 100
	csrw	mcycle, a1
	nop
	csrr	a1, cycle
	EXPECT(a1, 101)

	STEP(6) /* code that changes */
	la	a0, patched
	lw	a1, 4(a0)
	sw	a1, 0(a0)
	fence.i
patched: j	fail
	addi	s5, s5, 1

	STEP(7) /* 'A' on the console, and a call of write() */
	la	a0, tohost
	li	a1, 0x0101000000000041
	la	a2, fromhost
	sd	a1, 0(a0)
1:	ld	a3, 0(a2)
	beqz	a3, 1b
	ld	a3, 0(a0)
	bnez	a3, fail
	sd	zero, 0(a2)
	la	a1, request
	sd	a1, 0(a0)
1:	ld	a3, 0(a2)
	beqz	a3, 1b
	la	a1, request
	ld	a1, 0(a1)
	EXPECT(a1, 3)

	STEP(8)
#ifdef LOOP
	j	.
#endif
#ifdef NOWHERE
	csrw	mtvec, zero
	ecall
#endif
	li	s0, RESULT
fail:	slli	s0, s0, 1
	ori	s0, s0, 1
	la	a0, tohost
	sd	s0, 0(a0)
	j	.

	.balign	4
handler: beqz	s1, fail
	li	s1, 0
	csrr	s2, mcause
	csrr	s3, mepc
	csrr	s4, mtval
	addi	s5, s3, 4
	csrw	mepc, s5
	mret

	.data
	.balign	64
	.globl	tohost, fromhost
tohost:	.dword	0
	.balign	64
fromhost: .dword 0
request: .dword	64, 1, text, 3, 0, 0, 0, 0
text:	.ascii	"BC\n"
	.balign	16
	.globl	begin_signature, end_signature
begin_signature:
	.word	0, 0x11223344, 0x55667788, 0x99aabbcc
	.byte	0xdd
end_signature:
	.byte	0xff
