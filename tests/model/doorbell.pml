/* SPDX-License-Identifier: MIT */
/*
 * The doorbell page of a user-mode queue, for exhaustive search by Spin: what the program
 * reaches with it while the card is reset by somebody else, sleeps, or its queue is destroyed
 * and another program gets the queue's number. Names are those of driver/.
 *
 * A store of the program is two steps: the look at its page table, and, if nothing is there,
 * the fault, after which it looks again. Whoever takes the page away may come in between.
 *
 * Claims: no store reaches a card that sleeps, or another's queue; no doorbell is lost, that
 * is, a program that has rung for its packets hears that they have retired, or that the queue
 * has failed (else the search ends where it is stuck). After QUEUE_RECOVER it works as before.
 *
 * -DBROKEN_x breaks one rule; tests/model/doorbell.sh expects each to be found out.
 */
mtype = { NOWHERE, DOORBELL, MEMORY };	/* what the program has mapped */
mtype = { ACTIVE, FAILED, DEAD };	/* queue.status */
mtype = { FIRST, SECOND, NOBODY };	/* whose the hardware queue is */

mtype page = NOWHERE;
mtype status = ACTIVE;
mtype owner = FIRST;
bool hw_lock, wedged, asleep;

/* the card */
bool powered = true, started = true, rung;
byte retired;

/* the ring */
byte written;

inline lock(l)
{
	atomic { !l -> l = true }
}

inline unlock(l)
{
	l = false
}

inline seedchip_queue_disconnect()
{
	page = NOWHERE
}

inline seedchip_queue_start(index)
{
	d_step {
		assert(powered);
		retired = index;
		started = true;
		rung = true;
		status = ACTIVE
	}
}

active proctype sc_queue_step()
{
end:	do
	:: atomic { powered && started && rung && owner == FIRST -> rung = false }
	   atomic {
		if
		:: started && retired < written -> retired++; rung = true
		:: else
		fi
	   }
	od
}

inline seedchip_queue_doorbell_fault()
{
	lock(hw_lock);
#ifdef BROKEN_FAULT
	page = DOORBELL;
#else
	if
	:: wedged || status == DEAD -> page = MEMORY
	:: else -> page = DOORBELL
	fi;
#endif
	unlock(hw_lock)
}

inline ring_doorbell()
{
	bell = false;
	do
	:: bell -> break
	:: !bell ->
		if
		:: atomic { page == DOORBELL ->
			assert(powered);
			assert(owner == FIRST);
			if
			:: started -> rung = true
			:: else			/* START looks at the ring by itself */
			fi;
			bell = true
		   }
		:: atomic { page == MEMORY -> bell = true }
		:: page == NOWHERE -> seedchip_queue_doorbell_fault()
		fi
	od
}

/* The program: packets one by one, QUEUE_WAIT, and QUEUE_RECOVER when the queue has failed. */
active proctype program()
{
	bool bell;
	byte job;

	do
	:: job < JOBS && status == ACTIVE ->
		written = job + 1;
		ring_doorbell();
		(retired > job || status != ACTIVE);
		if
		:: retired > job -> job++
		:: else
		fi
	:: job < JOBS && status == FAILED ->
		lock(hw_lock);
		if
		:: status == FAILED && !wedged ->
			written = job;
#ifndef BROKEN_RECOVER
			seedchip_queue_disconnect();
#endif
			seedchip_queue_start(job)
		:: else
		fi;
		unlock(hw_lock);
		!wedged			/* -ENODEV: it tries again */
	:: job < JOBS && status == DEAD -> break
	:: job >= JOBS -> break
	od;
	/* QUEUE_DESTROY, and another program takes the number; a last store comes too late */
	lock(hw_lock);
	status = DEAD;
	started = false;
#ifndef BROKEN_DESTROY
	seedchip_queue_disconnect();
#endif
	owner = NOBODY;
	unlock(hw_lock);
	if
	:: owner = SECOND
	:: skip
	fi;
	ring_doorbell()
}

/* PCI error or reset of the function: seedchip_reset_offline(), seedchip_reset_online(). */
active proctype seedchip_reset_offline()
{
	byte times;

	do
	:: times < RESETS ->
		lock(hw_lock);
		if
		:: !wedged ->
			started = false;
			if
			:: status == ACTIVE -> status = FAILED
			:: else
			fi;
			wedged = true;
			seedchip_queue_disconnect();
			unlock(hw_lock);
			/* programs run on, and fault */
			lock(hw_lock);
			wedged = asleep
		:: else
		fi;
		unlock(hw_lock);
		times++
	:: times < RESETS -> break		/* or none */
	:: else -> break
	od
}

/* seedchip_reset_sleep() and seedchip_reset_wake(); a program's fault may be under way. */
active proctype seedchip_reset_sleep()
{
	if
	:: SLEEPS ->
		lock(hw_lock);
		if
		:: !wedged ->
			status = DEAD;
			started = false;
			asleep = true;
			wedged = true;
#ifndef BROKEN_SLEEP
			seedchip_queue_disconnect();
#endif
			powered = false;
			unlock(hw_lock);
			lock(hw_lock);
			powered = true;
			asleep = false;
			wedged = false
		:: else
		fi;
		unlock(hw_lock)
	:: skip
	fi
}
