/* SPDX-License-Identifier: MIT */
/*
 * The queue protocol between a producer, the driver and the card, for exhaustive search
 * by Spin. The proctypes and inlines have the names of what they stand for in driver/
 * and qemu-device/chip/; a statement is one access that others can come between.
 *
 * One slot is one job. The ring has SLOTS slots and JOBS jobs go through it, so that
 * indices pass the end of the ring and the phase turns. RESETS times the driver resets
 * the queue, SLEEPS times it stops and starts it as over suspend, at any moment. With
 * -DCOALESCE the card holds back whatever interrupts it may, for ever as far as time goes.
 *
 * Claims: every slot is executed at most once, with the packet of its index, and not
 * after its fence has failed; no doorbell of an honest producer is BAD_DOORBELL; a fence
 * signals success only when its job has run to its end; whoever sleeps is woken (else
 * the search ends where the producer is stuck, which is an invalid end state to Spin).
 *
 * -DBROKEN_x breaks one rule; tests/model/queue.sh expects each to be found out.
 */
#define SLOTS 2
#define NONE  99
#define PHASE(index) (1 - (((index) / SLOTS) % 2))

mtype = { IDLE, STOPPED };		/* state of the queue on the card */
mtype = { NOTHING, STOP, RESET };	/* command in progress */
mtype = { PENDING, DONE, FAILED };	/* fences */

/* memory */
bit phase[SLOTS];
byte packet[SLOTS] = NONE;		/* index whose packet lies in the slot */
byte retired_page;			/* sc_queue_state.retired */

/* the card */
mtype state = IDLE;
mtype command = NOTHING;
byte fetch, publishing, RETIRED;
byte ARM = NONE;
byte doorbell;
bool rung, missed, vector, irq_held;
byte executed[JOBS];
bool completed[JOBS];

/* the driver */
bool tl_lock, hw_lock;
bool accepts = true;
byte write, retired, rung_value;
byte armed = NONE;
mtype fence[JOBS] = PENDING;
bool error[JOBS];
bool awaited[JOBS];

inline lock(l)
{
	atomic { !l -> l = true }
}

inline unlock(l)
{
	l = false
}

/* ---- registers: each access is one step of the card, under its lock ---- */

inline fire()
{
	irq_held = false;
	ARM = NONE;
	vector = true
}

inline sc_queue_arm()
{
	irq_held = false;
	if
	:: RETIRED >= ARM -> fire()
	:: else
	fi
}

inline sc_queue_retired()
{
	if
#ifdef COALESCE
	:: RETIRED >= ARM -> irq_held = true
#endif
	:: RETIRED >= ARM -> fire()
	:: else
	fi
}

inline sc_queue_let_irq_go()
{
#ifndef BROKEN_RELEASE
	if
	:: irq_held -> fire()
	:: else
	fi
#else
	skip
#endif
}

inline write_arm(value)
{
	atomic {
		ARM = value;
#ifndef BROKEN_ARM
		sc_queue_arm()
#endif
	}
}

inline sc_queue_doorbell(value)
{
	d_step {
		if
		:: state == STOPPED || command != NOTHING -> missed = true
		:: else ->
			assert(value >= doorbell);
#ifdef BROKEN_DOORBELL
			assert(value - RETIRED <= SLOTS);
#else
			assert(value - publishing <= SLOTS);
#endif
			doorbell = value;
			rung = true
		fi
	}
}

inline start(index)
{
	d_step {
		assert(state == STOPPED && command == NOTHING);
		RETIRED = index;
		publishing = index;
		fetch = index;
		doorbell = index;
#ifdef BROKEN_START
		rung = false;
#else
		rung = true;
#endif
		missed = false;
		retired_page = index;
		state = IDLE;
		sc_queue_arm()
	}
}

/* ---- the card's worker ---- */

inline write_back()
{
	publishing = fetch;
	retired_page = fetch;
	atomic {
		RETIRED = fetch;
		sc_queue_retired()
	}
}

active proctype sc_queue_step()
{
	byte copy;

end:	do
	:: atomic { state == IDLE && command != NOTHING ->
		/* what has started has retired, or is given up: fetch is RETIRED */
		if
		:: command == RESET -> fetch = RETIRED
		:: else
		fi;
		sc_queue_let_irq_go();
		state = STOPPED;
		command = NOTHING
	   }
	:: atomic { state == IDLE && command == NOTHING && rung ->
#ifndef BROKEN_RUNG
		rung = false
#endif
	   }
	   if
	   :: phase[fetch % SLOTS] == PHASE(fetch) ->
		copy = packet[fetch % SLOTS];
		d_step {
			assert(copy == fetch || copy == NONE);
			if
			:: copy != NONE ->
				executed[copy]++;
				assert(executed[copy] == 1);
				assert(fence[copy] == PENDING)
			:: else
			fi
		}
		if
		:: command != RESET ->
			if
			:: copy != NONE -> completed[copy] = true
			:: else
			fi;
			fetch++;
			write_back();
			rung = true
		:: command == RESET		/* aborted */
		fi
	   :: else ->
#ifdef BROKEN_RUNG
		rung = false;
#endif
		atomic { sc_queue_let_irq_go() }
	   fi
	od
}

/* ---- the driver ---- */

/* Under tl_lock: signal what has retired, and arm for the next that is awaited. */
inline seedchip_job_retire_locked()
{
	retired = retired_page;
	d_step {
		if
		:: retired > write -> retired = write
		:: else
		fi;
		i = 0;
		do
		:: i < JOBS && i < retired ->
			if
			:: fence[i] == PENDING && i < write && !error[i] ->
				assert(completed[i]);
				fence[i] = DONE
			:: else
			fi;
			i++
		:: else -> break
		od;
		next = NONE;
		if
		:: armed <= retired ->
			armed = NONE;
			i = 0;
			do
			:: i < write ->
				if
				:: fence[i] == PENDING && awaited[i] && next == NONE -> next = i + 1
				:: else
				fi;
				i++
			:: else -> break
			od;
			i = 0
		:: else
		fi
	}
	if
	:: next != NONE -> seedchip_job_arm(next)
	:: else
	fi
}

inline seedchip_job_arm(index)
{
	if
	:: index < armed && accepts -> armed = index; write_arm(index)
	:: else
	fi
}

active proctype seedchip_irq_queues()
{
	byte i, next;

end:	do
	:: atomic { vector -> vector = false }
	   lock(tl_lock);
	   seedchip_job_retire_locked();
	   unlock(tl_lock)
	od
}

/* dma_fence_wait(): enable_signaling, then sleep. */
inline dma_fence_wait(job)
{
	lock(tl_lock);
	if
	:: fence[job] == PENDING ->
		awaited[job] = true;
		seedchip_job_arm(job + 1)
	:: else
	fi;
	unlock(tl_lock);
	fence[job] != PENDING
}

/* One job after another: SUBMIT, and QUEUE_RECOVER when the queue has failed. */
active proctype seedchip_ioctl_submit()
{
	byte job, i, next;

	do
	:: job < JOBS ->
		lock(tl_lock);
		seedchip_job_retire_locked();
		unlock(tl_lock);
		if
		:: !accepts ->				/* -EIO */
			lock(hw_lock);
			if
			:: !accepts ->
				start(write);
				d_step {
					retired = write;
					rung_value = write;
					armed = NONE;
					accepts = true
				}
			:: else
			fi;
			unlock(hw_lock)
		:: accepts && write - retired >= SLOTS ->	/* -EBUSY */
			dma_fence_wait(write - SLOTS)
		:: accepts && write - retired < SLOTS ->
			job = write;
#ifdef BROKEN_PHASE
			phase[job % SLOTS] = PHASE(job);
#endif
			packet[job % SLOTS] = job;
			lock(tl_lock);
			write = job + 1;
			if
			:: accepts ->
				phase[job % SLOTS] = PHASE(job);
				rung_value = write;
				sc_queue_doorbell(write)
			:: else ->			/* seedchip_job_blank() */
#ifndef BROKEN_BLANK
				packet[job % SLOTS] = NONE;
#endif
				phase[job % SLOTS] = PHASE(job);
				error[job] = true;
				fence[job] = FAILED
			fi;
			unlock(tl_lock);
			if
			:: dma_fence_wait(job)
			:: skip
			fi;
			job++
		fi
	:: else -> break
	od;
	/* everything has an end */
	job = 0;
	do
	:: job < JOBS -> dma_fence_wait(job); job++
	:: else -> break
	od
}

/* A failure, at any time: seedchip_reset_queue_locked(). */
active proctype seedchip_reset_queue_locked()
{
	byte i, next, times;

	do
	:: times < RESETS ->
		lock(hw_lock);
		if
		:: accepts ->
			/* seedchip_job_take() */
			lock(tl_lock);
			seedchip_job_retire_locked();
			accepts = false;
			d_step {
				i = 0;
				do
				:: i < write -> error[i] = error[i] || fence[i] == PENDING; i++
				:: else -> break
				od;
				i = 0
			}
			unlock(tl_lock);
			command = RESET;
			command == NOTHING;
			/* seedchip_job_finish() */
			lock(tl_lock);
			d_step {
				i = 0;
				do
				:: i < write ->
					if
					:: fence[i] == PENDING ->
						error[i] = true;
						fence[i] = FAILED
					:: else
					fi;
					i++
				:: else -> break
				od;
				i = 0
			}
			unlock(tl_lock)
		:: else
		fi;
		unlock(hw_lock);
		times++
	:: times < RESETS -> break		/* or none */
	:: else -> break
	od
}

/* Suspend and resume: STOP, and START where it stopped. */
active proctype seedchip_suspend()
{
	byte times;

	do
	:: times < SLEEPS ->
		lock(hw_lock);
		if
		:: accepts ->
			command = STOP;
			command == NOTHING;
			start(fetch)
		:: else
		fi;
		unlock(hw_lock);
		times++
	:: times < SLEEPS -> break
	:: else -> break
	od
}
