// SPDX-License-Identifier: MIT
/*
 * Life of a chip: configuration, memory, workers, and the loop that gives
 * workers something to do.
 *
 * A worker ends a device reset if one is due; else it takes a queue that needs
 * its packet engine and a workgroup in turns, so that neither long copies nor
 * long kernels keep the other from going on. With `sync` there are no workers
 * and sc_chip_run() runs the same loop in its caller, so every order of events
 * is a function of the calls made. Invariant: `busy` counts the workers that
 * work with the lock dropped; a device reset ends when it is zero.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define SC_ISA_BASE                                                                                \
	(SC_ISA_RV64IMAFD | SC_ISA_ZBA | SC_ISA_ZBB | SC_ISA_ZBS | SC_ISA_ZFH | SC_ISA_XSDM_INT8 | \
	 SC_ISA_XSDM_BF16 | SC_ISA_XSDM_INT4 | SC_ISA_XSDM_FP16 | SC_ISA_XSDM_FP8 |                \
	 SC_ISA_XSDM_FP32 | SC_ISA_XSDM_GROUP | SC_ISA_XSDD | SC_ISA_XSDD_GATHER | SC_ISA_XSDG)

uint64_t sc_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

uint64_t sc_time(struct sc_chip *chip)
{
	return chip->host.time_ns(chip->opaque);
}

void sc_trace(struct sc_chip *chip, const char *event, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	if (!chip->host.trace)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	chip->host.trace(chip->opaque, event, text);
}

void sc_lock(struct sc_chip *chip)
{
	pthread_mutex_lock(&chip->lock);
}

/* Until all vectors are the host's, the chip is not idle: a save would lose them. */
static void pulse(struct sc_chip *chip, uint64_t irqs)
{
	unsigned int i;

	for (i = 0; irqs; i++, irqs >>= 1) {
		if (!(irqs & 1))
			continue;
		sc_trace(chip, "irq", "vector %u", i);
		chip->host.irq(chip->opaque, i);
	}
	__atomic_sub_fetch(&chip->pulsing, 1, __ATOMIC_RELEASE);
}

/* Drop the lock, then deliver what was collected under it. */
void sc_unlock(struct sc_chip *chip)
{
	struct sc_report reports[SC_MAX_REPORTS];
	unsigned int i, n = chip->num_reports;
	uint64_t irqs = chip->irqs;
	bool kick = chip->kick, set_timer = chip->set_timer;

	if (irqs)
		__atomic_add_fetch(&chip->pulsing, 1, __ATOMIC_RELAXED);
	memcpy(reports, chip->reports, n * sizeof(reports[0]));
	chip->num_reports = 0;
	chip->irqs = 0;
	chip->kick = false;
	chip->set_timer = false;
	pthread_mutex_unlock(&chip->lock);

	for (i = 0; i < n; i++)
		chip->host.strict(chip->opaque, reports[i].rule, reports[i].text);
	if (irqs)
		pulse(chip, irqs);
	if (set_timer)
		chip->host.timer(chip->opaque);
	if (kick && chip->host.kick)
		chip->host.kick(chip->opaque);
}

/* There may be something to do: tell one sleeping worker, or the caller of sc_chip_run(). */
void sc_wake(struct sc_chip *chip)
{
	if (chip->config.sync)
		chip->kick = !chip->in_run;
	else if (chip->idle_workers)
		pthread_cond_signal(&chip->wake);
}

void sc_raise(struct sc_chip *chip, unsigned int vector)
{
	chip->irqs |= 1ULL << vector;
}

/* Vector 0 is pulsed at every cause, also when its bit is still set: none can be lost. */
void sc_raise_cause(struct sc_chip *chip, uint32_t cause)
{
	chip->reg.IRQ_STATUS |= cause;
	if (chip->reg.IRQ_ENABLE & cause)
		sc_raise(chip, 0);
}

/*
 * The only way to system memory. Once a device reset has begun no new access
 * starts; those that have are what sc_chip_reset_busy() waits for.
 */
int sc_dma(struct sc_chip *chip, uint64_t addr, void *buf, size_t len, bool write)
{
	if (__atomic_load_n(&chip->resetting, __ATOMIC_ACQUIRE))
		return -EIO;
	return chip->host.dma(chip->opaque, addr, buf, len, write);
}

/* Whether work is left that only a later moment can do: a WAIT on memory must be polled. */
static bool work_left(struct sc_chip *chip)
{
	if (sc_reset_due(chip))
		return true;
	if (chip->resetting || chip->no_master)
		return false;
	return chip->ready_head || chip->ras.num_events || sc_dispatch_ready(chip) ||
	       sc_queue_poll_due(chip) != UINT64_MAX;
}

static void spend(uint64_t *budget, uint64_t cost)
{
	*budget -= cost < *budget ? cost : *budget;
}

/* A step of a queue; false: none needs one. */
static bool step_queue(struct sc_chip *chip, unsigned int user, uint64_t *budget)
{
	struct sc_queue *q = sc_queue_pick(chip);
	uint64_t copied;

	if (!q)
		return false;
	copied = q->counters.copy_bytes;
	sc_queue_step(chip, q, user);
	spend(budget, SC_STEP_COST + (q->counters.copy_bytes - copied) / 64);
	sc_queue_user_left(chip, q);
	return true;
}

static bool run_core(struct sc_chip *chip, unsigned int user, uint64_t *budget)
{
	if (!sc_dispatch_run(chip, user, budget))
		return false;
	sc_queue_user_left(chip, NULL);
	return true;
}

/* One piece of work; false: there is none. Called and returns with the lock held. */
static bool work_once(struct sc_chip *chip, unsigned int user, uint64_t *budget)
{
	bool done;

	if (sc_reset_due(chip)) {
		sc_reset_finish(chip);
		return true;
	}
	if (sc_ras_event(chip))
		return true;
	if (chip->resetting || chip->no_master)
		return false;
	chip->busy++;
	chip->stepped_last = !chip->stepped_last;
	if (chip->stepped_last)
		done = step_queue(chip, user, budget) || run_core(chip, user, budget);
	else
		done = run_core(chip, user, budget) || step_queue(chip, user, budget);
	chip->busy--;
	return done;
}

/*
 * A worker leaves a CPU where another one works if there is one without, and
 * work for both. The host's scheduler would see to it in the end, but in a
 * virtual machine, where an idle CPU does not look idle to it, only after many
 * ms. Where a process may not choose its CPUs nothing happens.
 */
static void choose_cpu(struct sc_chip *chip, struct sc_user *self)
{
	const struct sc_user *users = chip->users + 1, *u;
	cpu_set_t allowed, free;
	bool shared = false;

	self->cpu = sched_getcpu();
	if (!sc_dispatch_long(chip))
		return;
	for (u = users; u < users + chip->config.threads; u++)
		shared |= u != self && u->cpu == self->cpu;
	if (!shared || sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	free = allowed;
	for (u = users; u < users + chip->config.threads; u++)
		if (u->cpu >= 0 && u->cpu < CPU_SETSIZE)
			CPU_CLR(u->cpu, &free);
	if (!CPU_COUNT(&free))
		return;
	self->cpu = -1; /* on its way: nobody else is to give way to it */
	sc_unlock(chip);
	if (!sched_setaffinity(0, sizeof(free), &free))
		sched_setaffinity(0, sizeof(allowed), &allowed);
	sc_lock(chip);
	self->cpu = sched_getcpu();
}

static void sleep_until(struct sc_chip *chip, struct sc_user *self)
{
	uint64_t due = sc_queue_poll_due(chip);
	struct timespec ts;

	chip->idle_workers++;
	self->cpu = -1;
	/* What the lock collected must be delivered before this worker sleeps on it. */
	if (chip->irqs || chip->num_reports) {
		sc_unlock(chip);
		sc_lock(chip);
	} else if (due == UINT64_MAX) {
		pthread_cond_wait(&chip->wake, &chip->lock);
	} else {
		ts.tv_sec = due / 1000000000ULL;
		ts.tv_nsec = due % 1000000000ULL;
		pthread_cond_timedwait(&chip->wake, &chip->lock, &ts);
	}
	chip->idle_workers--;
}

static void *worker(void *arg)
{
	struct sc_user *user = arg;
	struct sc_chip *chip = user->chip;
	uint64_t budget;

	sc_lock(chip);
	for (;;) {
		choose_cpu(chip, user); /* may drop the lock */
		if (chip->exit)
			break;
		budget = UINT64_MAX;
		if (!work_once(chip, user->id, &budget))
			sleep_until(chip, user);
	}
	sc_unlock(chip);
	return NULL;
}

bool sc_chip_run(struct sc_chip *chip, uint64_t budget)
{
	bool left;

	if (!chip->config.sync)
		return false;
	sc_lock(chip);
	chip->signal_seq++; /* every WAIT on memory is polled once per call */
	chip->in_run = true;
	while (budget && work_once(chip, 0, &budget))
		;
	chip->in_run = false;
	left = work_left(chip);
	sc_unlock(chip);
	return left;
}

static unsigned int or_default(unsigned int value, unsigned int fallback)
{
	return value ? value : fallback;
}

/* CPUs that this process may use. */
static unsigned int usable_cpus(void)
{
	cpu_set_t allowed;
	long online;

	if (!sched_getaffinity(0, sizeof(allowed), &allowed))
		return (unsigned int)CPU_COUNT(&allowed);
	online = sysconf(_SC_NPROCESSORS_ONLN); /* more than a set holds */
	return online > 0 ? (unsigned int)online : 1;
}

static int config_init(struct sc_config *c, const struct sc_config *from)
{
	*c = *from;
	if (!c->machine.clock_mhz)
		sc_machine_default(&c->machine);
	c->cores = or_default(c->cores, 8);
	c->card_cores = or_default(c->card_cores, c->cores);
	c->tcm_size = or_default(c->tcm_size, 1u << 20);
	c->card_size = c->card_size ? c->card_size : 1ULL << 30;
	c->card_visible_size = c->card_visible_size ? c->card_visible_size : c->card_size;
	c->queues = or_default(c->queues, 256);
	c->slots = or_default(c->slots, 16);
	c->contexts = or_default(c->contexts, 64);
	c->vectors = or_default(c->vectors, 16);
	c->timeout_scale = or_default(c->timeout_scale, 1);
	c->threads = c->sync ? 0 : or_default(c->threads, usable_cpus());

	if (c->cores > c->card_cores || c->card_cores > SC_MAX_CORES ||
	    c->queues > SC_MAX_QUEUES || c->contexts > SC_MAX_CONTEXTS ||
	    c->vectors > SC_MAX_VECTORS)
		return -EINVAL;
	c->machine.tcm_kib = c->tcm_size / 1024;
	if (c->tcm_size < 65536 || c->tcm_size > SC_TCM_STRIDE || c->tcm_size & (c->tcm_size - 1))
		return -EINVAL;
	if (c->vlen && (c->vlen < 128 || c->vlen > 16384 || c->vlen & (c->vlen - 1)))
		return -EINVAL;
	if (c->card_size % SC_HUGE_SIZE || c->card_size > SC_PTE_ADDR ||
	    c->card_visible_size > c->card_size || c->card_visible_size % SC_PAGE_SIZE)
		return -EINVAL;
	if (c->threads > c->cores)
		c->threads = c->cores;
	if (c->slots > c->queues)
		c->slots = c->queues;
	return 0;
}

static int alloc_parts(struct sc_chip *chip)
{
	struct sc_config *c = &chip->config;
	void *card = mmap(NULL, c->card_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned int i;

	if (card == MAP_FAILED)
		return -ENOMEM;
	chip->card = card;
	chip->contexts = calloc(c->contexts, sizeof(*chip->contexts));
	chip->queues = calloc(c->queues, sizeof(*chip->queues));
	chip->slots = calloc(c->slots, sizeof(*chip->slots));
	chip->users = aligned_alloc(64, (c->threads + 1) * sizeof(*chip->users));
	if (!chip->contexts || !chip->queues || !chip->slots || !chip->users)
		return -ENOMEM;
	memset(chip->users, 0, (c->threads + 1) * sizeof(*chip->users));
	for (i = 0; i <= c->threads; i++) {
		chip->users[i].chip = chip;
		chip->users[i].id = i;
		chip->users[i].cpu = -1;
		chip->users[i].chunk = malloc(SC_CHUNK);
		if (!chip->users[i].chunk)
			return -ENOMEM;
	}
	if ((c->strict && sc_stale_create(chip)) || sc_timing_create(chip))
		return -ENOMEM;
	for (i = 0; i < c->cores; i++) {
		chip->units[i].id = i;
		chip->units[i].quantum = c->sync || c->timing ? SC_QUANTUM : SC_QUANTUM / 16;
		chip->units[i].core = sc_core_create(chip, i);
		if (!chip->units[i].core)
			return -errno;
		chip->free_cores |= 1ULL << i;
	}
	return 0;
}

static void free_parts(struct sc_chip *chip)
{
	unsigned int i, j;

	for (i = 0; i < chip->config.cores; i++)
		if (chip->units[i].core)
			sc_core_destroy(chip->units[i].core);
	for (i = 0; chip->users && i <= chip->config.threads; i++)
		free(chip->users[i].chunk);
	for (i = 0; chip->slots && i < chip->config.slots; i++)
		for (j = 0; j < SC_WINDOW; j++)
			sc_work_clear(&chip->slots[i].window[j]);
	sc_stale_destroy(chip);
	sc_timing_destroy(chip);
	free(chip->users);
	free(chip->slots);
	free(chip->queues);
	free(chip->contexts);
	if (chip->card)
		munmap(chip->card, chip->config.card_size);
	pthread_cond_destroy(&chip->wake);
	pthread_mutex_destroy(&chip->lock);
	pthread_mutex_destroy(&chip->event_mutex);
	free(chip);
}

static void stop_workers(struct sc_chip *chip, unsigned int started)
{
	unsigned int i;

	sc_chip_reset_begin(chip, SC_RESET_CAUSE_SOFT); /* long workgroups must stop, too */
	sc_lock(chip);
	chip->exit = true;
	pthread_cond_broadcast(&chip->wake);
	sc_unlock(chip);
	for (i = 1; i <= started; i++)
		pthread_join(chip->users[i].thread, NULL);
}

static void init_state(struct sc_chip *chip)
{
	unsigned int i;

	chip->ready_tail = &chip->ready_head;
	chip->dispatches_tail = &chip->dispatches;
	chip->run_tail = &chip->run_head;
	chip->isa = SC_ISA_BASE;
	if (chip->config.vlen)
		chip->isa |= SC_ISA_V | SC_ISA_ZVFH | SC_ISA_ZFBFMIN | SC_ISA_ZVFBFMIN |
			     SC_ISA_ZVFBFWMA | SC_ISA_XSDV_EXP2;
	sc_regs_discovery(chip);
	sc_regs_reset_device(chip);
	sc_ras_init(chip);
	for (i = 0; i < chip->config.contexts; i++) {
		sc_regs_reset_context(&chip->contexts[i]);
		chip->contexts[i].instance = ++chip->instances;
		chip->contexts[i].stamp = 1;
		chip->contexts[i].code_stamp = 1;
	}
	for (i = 0; i < chip->config.queues; i++) {
		chip->queues[i].id = i;
		sc_queue_clear(&chip->queues[i]);
	}
}

int sc_chip_create(const struct sc_config *config, const struct sc_host *host, void *opaque,
		   struct sc_chip **out)
{
	struct sc_chip *chip = calloc(1, sizeof(*chip));
	pthread_condattr_t attr;
	unsigned int i;
	int ret;

	if (!chip)
		return -ENOMEM;
	ret = config_init(&chip->config, config);
	if (ret) {
		free(chip);
		return ret;
	}
	chip->host = *host;
	chip->opaque = opaque;
	pthread_mutex_init(&chip->lock, NULL);
	pthread_mutex_init(&chip->event_mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&chip->wake, &attr);
	pthread_condattr_destroy(&attr);

	ret = alloc_parts(chip);
	if (ret) {
		free_parts(chip);
		return ret;
	}
	init_state(chip);
	for (i = 1; i <= chip->config.threads; i++) {
		if (pthread_create(&chip->users[i].thread, NULL, worker, &chip->users[i])) {
			stop_workers(chip, i - 1);
			free_parts(chip);
			return -ENOMEM;
		}
	}
	*out = chip;
	return 0;
}

void sc_chip_destroy(struct sc_chip *chip)
{
	stop_workers(chip, chip->config.threads);
	sc_lock(chip);
	sc_ras_store(chip);
	sc_unlock(chip);
	free_parts(chip);
}

const struct sc_config *sc_chip_config(const struct sc_chip *chip)
{
	return &chip->config;
}

void *sc_chip_card_memory(struct sc_chip *chip)
{
	return chip->card;
}

void sc_chip_set_master(struct sc_chip *chip, bool on)
{
	sc_lock(chip);
	chip->no_master = !on;
	if (on)
		sc_wake(chip);
	sc_unlock(chip);
}

void sc_chip_quiesce(struct sc_chip *chip, bool on)
{
	unsigned int i;

	sc_lock(chip);
	chip->quiesced = on;
	for (i = 0; !on && i < chip->config.queues; i++)
		if (chip->queues[i].state == SC_QUEUE_RUNNING ||
		    chip->queues[i].state == SC_QUEUE_IDLE)
			sc_queue_ready(chip, &chip->queues[i]);
	sc_unlock(chip);
}

/*
 * While quiesced a queue that has packets left is idle when none of them has
 * started; else it must have none left. A WAITING queue is at rest either way.
 */
static bool queue_idle(const struct sc_chip *chip, const struct sc_queue *q)
{
	if (q->held || q->command || (q->ready && !chip->quiesced))
		return false;
	if (q->slot && q->slot->count)
		return false;
	return q->state != SC_QUEUE_RUNNING || (chip->quiesced && !q->ready);
}

bool sc_chip_idle(struct sc_chip *chip)
{
	bool idle;
	unsigned int i;

	sc_lock(chip);
	idle = !chip->busy && !chip->resetting && !chip->ras.num_events &&
	       !__atomic_load_n(&chip->pulsing, __ATOMIC_ACQUIRE);
	for (i = 0; idle && i < chip->config.queues; i++)
		idle = queue_idle(chip, &chip->queues[i]);
	sc_unlock(chip);
	return idle;
}
