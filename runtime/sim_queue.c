// SPDX-License-Identifier: MIT
/*
 * Queues of simulated cards: rings, jobs, faults.
 *
 * As in the driver, a job's slots are written when it is submitted, and the
 * header of its first slot is withheld while it waits for fences: the order of
 * a queue never changes and the index of a job is known at once. A job whose
 * fences have failed is turned into NOPs. A pending job ends: the card retires
 * it, or the watchdog fails its queue.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim.h"

#define KERNEL_LOG2 6
#define WG_LIMIT    (1ull << 32) /* the driver's default */
#define TIMEOUT_MS  10000 /* likewise */
#define WAIT_FACTOR 8 /* as for the driver, others may take their time */

struct sim_job {
	struct list link;
	uint64_t start;
	uint64_t end;
	uint32_t first_hdr;
	bool published;
	bool skipped;
	struct sim_syncs syncs;
};

static uint32_t reg(const struct sim_queue *q, uint32_t offset)
{
	return SC_QUEUE_BASE + q->id * SC_QUEUE_STRIDE + offset;
}

static uint64_t ring_size(const struct sim_queue *q)
{
	uint64_t size = (uint64_t)SC_SLOT_SIZE << q->log2;

	return size < SC_PAGE_SIZE ? SC_PAGE_SIZE : size;
}

static struct sc_packet *slot(const struct sim_queue *q, uint64_t index)
{
	return &q->ring[index & ((1ull << q->log2) - 1)];
}

static void store_header(struct sim_queue *q, uint64_t index, uint32_t hdr)
{
	hdr = (hdr & ~SC_HDR_PHASE) | SC_PHASE(index, q->log2);
	__atomic_store_n(&slot(q, index)->hdr, hdr, __ATOMIC_RELEASE);
}

/* All but the header. The card may look at any time, and takes nothing before the header is new. */
static void store_body(struct sim_queue *q, uint64_t index, const struct sc_packet *packet)
{
	struct sc_packet *to = slot(q, index);

	__atomic_store_n(&to->tag, packet->tag, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < ARRAY_SIZE(to->body); i++)
		__atomic_store_n(&to->body[i], packet->body[i], __ATOMIC_RELAXED);
}

static void put_packet(struct sim_queue *q, struct sim_job *job, uint64_t index,
		       const struct sc_packet *packet)
{
	store_body(q, index, packet);
	if (index == job->start)
		job->first_hdr = packet->hdr;
	else
		store_header(q, index, packet->hdr);
}

void sim_queue_ring(void *priv, uint32_t hw_queue, uint64_t index)
{
	struct sim *sim = priv;
	uint64_t stride = sim_read(sim, SC_REG_DOORBELL_STRIDE, 4);

	sc_chip_doorbell_write(sim->chip, hw_queue * stride + SC_DOORBELL_RING, (uint32_t)index, 4);
}

static void ring_doorbell(struct sim *sim, struct sim_queue *q, uint64_t index)
{
	q->rung = index;
	sim_queue_ring(sim, q->id, index);
}

static int command(struct sim *sim, struct sim_queue *q, uint32_t code)
{
	uint32_t status;

	sim_write(sim, reg(q, SC_Q_COMMAND), code, 4);
	while ((status = sim_read(sim, reg(q, SC_Q_STATUS), 4)) & SC_QUEUE_BUSY)
		usleep(20);
	return status;
}

static void start(struct sim *sim, struct sim_queue *q)
{
	sim_write(sim, reg(q, SC_Q_INDEX), q->write, 8);
	q->rung = q->write;
	q->armed = 0;
	command(sim, q, SC_QUEUE_CMD_START);
}

static uint64_t retired(const struct sim_queue *q)
{
	return __atomic_load_n(&q->state->retired, __ATOMIC_ACQUIRE);
}

/* An interrupt when @index has retired, besides the one that may have been asked for already. */
static void arm(struct sim *sim, struct sim_queue *q, uint64_t index)
{
	if (q->armed <= index && q->armed > retired(q))
		return;
	/* The card forgets an interrupt that it holds back, and for which somebody may wait. */
	if (q->config.irq_ns && q->armed && q->armed <= retired(q))
		sim_kick();
	q->armed = index;
	sim_write(sim, reg(q, SC_Q_ARM), index, 8);
}

static void job_finish(struct sim_job *job, int error)
{
	list_del(&job->link);
	sim_fence_signal(job->syncs.signal, error);
	sim_syncs_put(&job->syncs);
	free(job);
}

static void retire(struct sim *sim, struct sim_queue *q)
{
	struct list *l;

	while ((l = q->pending.next) != &q->pending) {
		struct sim_job *job = container_of(l, struct sim_job, link);

		if (job->end > retired(q)) {
			arm(sim, q, job->end);
			return;
		}
		job_finish(job, job->skipped ? -ECANCELED : 0);
	}
}

/* Errno of the job that failed; later ones are cancelled. */
static int errno_of_status(unsigned int status)
{
	return seedchip_status_errno(status);
}

/* Tell the program that a queue has failed; what it does not read in time is counted. */
static void announce(struct sim *sim, uint32_t handle, const struct sc_fault *fault)
{
	if (sim->num_failures == SIM_FAILURES) {
		sim->failures[SIM_FAILURES - 1].lost++;
		return;
	}
	sim->failures[sim->num_failures++] = (struct drm_seedchip_event_fault){
		.base = { DRM_SEEDCHIP_EVENT_FAULT, sizeof(struct drm_seedchip_event_fault) },
		.queue = handle,
		.fault = *fault,
	};
	if (sim->num_failures == 1)
		eventfd_write(sim->failure_fd, 1);
}

int sim_event_read(void *priv, struct drm_seedchip_event_fault *event)
{
	struct sim *sim = priv;
	eventfd_t ignored;
	int r = -EAGAIN;

	pthread_mutex_lock(&sim_lock);
	sim_service();
	if (sim->num_failures) {
		*event = sim->failures[0];
		memmove(sim->failures, sim->failures + 1,
			--sim->num_failures * sizeof(sim->failures[0]));
		if (!sim->num_failures)
			eventfd_read(sim->failure_fd, &ignored);
		r = 0;
	}
	pthread_mutex_unlock(&sim_lock);
	return r;
}

int sim_event_fd(void *priv)
{
	struct sim *sim = priv;

	return sim->failure_fd;
}

static void fail(struct sim *sim, struct sim_queue *q, uint32_t handle)
{
	int error = errno_of_status(q->fault.status);
	struct list *l;

	announce(sim, handle, &q->fault);
	q->failed = true;
	command(sim, q, SC_QUEUE_CMD_RESET);
	retire(sim, q);
	while ((l = q->pending.next) != &q->pending) {
		job_finish(container_of(l, struct sim_job, link), error);
		error = -ECANCELED;
	}
}

void sim_queue_event(struct sim *sim, const struct sc_event *event)
{
	for (uint32_t i = 1; i <= sim->queues.count; i++) {
		struct sim_queue *q = sim_table_get(&sim->queues, i);

		if (!q || q->id != event->fault.queue || event->type != SC_EVENT_FAULT || q->failed)
			continue;
		q->fault = event->fault;
		q->has_fault = true;
		fail(sim, q, i);
	}
}

/* Give jobs to the card as far as what they wait for has happened. */
static void publish(struct sim *sim, struct sim_queue *q)
{
	const struct sc_packet nop = { .hdr = SC_HDR(SC_OP_NOP, 0, 0) };
	uint64_t bell = q->rung;
	struct list *l;

	list_for_each(l, &q->pending) {
		struct sim_job *job = container_of(l, struct sim_job, link);
		int done = job->published ? 1 : sim_syncs_done(&job->syncs);

		if (!done)
			break;
		if (done < 0) {
			job->skipped = true;
			for (uint64_t i = job->start; i < job->end; i++)
				put_packet(q, job, i, &nop);
		}
		if (!job->published)
			store_header(q, job->start, job->first_hdr);
		job->published = true;
		bell = job->end;
	}
	if (bell > q->rung && q->ring)
		ring_doorbell(sim, q, bell);
}

void sim_queue_service(struct sim *sim)
{
	for (uint32_t i = 1; i <= sim->queues.count; i++) {
		struct sim_queue *q = sim_table_get(&sim->queues, i);

		if (!q || q->failed)
			continue;
		retire(sim, q);
		publish(sim, q);
	}
}

/* ---- watchdog ---- */

static uint32_t state_of(struct sim *sim, const struct sim_queue *q)
{
	return SC_QUEUE_STATE(sim_read(sim, reg(q, SC_Q_STATUS), 4));
}

static unsigned int count_running(struct sim *sim)
{
	unsigned int count = 0;

	for (uint32_t i = 1; i <= sim->queues.count; i++) {
		const struct sim_queue *q = sim_table_get(&sim->queues, i);

		count += q && state_of(sim, q) == SC_QUEUE_RUNNING;
	}
	return count;
}

static bool is_published(const struct sim_queue *q)
{
	return container_of(q->pending.next, struct sim_job, link)->published;
}

static void hang(struct sim *sim, struct sim_queue *q, uint32_t handle, bool waiting)
{
	q->fault = (struct sc_fault){
		.status = SC_STATUS_TIMEOUT,
		.code = waiting ? SC_CODE_WAIT_TIMEOUT : SC_CODE_JOB_TIMEOUT,
		.queue = q->id,
		.context = SIM_CONTEXT,
		.core = SC_NO_CORE,
		.engine = waiting ? SC_ENGINE_QUEUE : SC_ENGINE_DEVICE,
		.index = retired(q),
		.time = sim_read(sim, SC_REG_TIME, 8),
	};
	q->has_fault = true;
	q->looks = 0;
	fail(sim, q, handle);
}

/*
 * A look at a queue that has a job. While something runs, a queue that has not asked for a time
 * is left alone: the simulator may be slow, and workgroups have their limit. Looks are counted
 * and not time, which goes on while a debugger has stopped the program.
 */
static void look(struct sim *sim, struct sim_queue *q, uint32_t handle, unsigned int running,
		 uint64_t interval_ns)
{
	uint64_t progress = sim_read(sim, reg(q, SC_Q_PROGRESS), 8);
	uint64_t limit = (q->config.timeout_ms ? q->config.timeout_ms : TIMEOUT_MS) * 1000000ull;
	uint32_t state = state_of(sim, q);
	bool waiting = state == SC_QUEUE_WAITING;
	unsigned int self = state == SC_QUEUE_RUNNING;

	if (progress != q->progress || !is_published(q) || (running && !q->config.timeout_ms))
		q->looks = 0;
	q->progress = progress;
	limit *= sim->info.timeout_scale;
	if (waiting || running > self)
		limit *= WAIT_FACTOR;
	if (++q->looks * interval_ns > limit)
		hang(sim, q, handle, waiting);
}

bool sim_queue_watch(struct sim *sim, uint64_t interval_ns)
{
	unsigned int running = count_running(sim);
	bool pending = false;

	for (uint32_t i = 1; i <= sim->queues.count; i++) {
		struct sim_queue *q = sim_table_get(&sim->queues, i);

		if (!q || q->failed)
			continue;
		retire(sim, q);
		if (q->pending.next == &q->pending)
			continue;
		pending = true;
		look(sim, q, i, running, interval_ns);
	}
	return pending;
}

static bool is_user_op(uint32_t op)
{
	switch (op) {
#define OP_USER_ true
#define OP_KERNEL_ false
#define OP_CASE_(name, number, flags, who, text) \
	case number:                             \
		return OP_##who##_;
	SC_OP_TABLE(OP_CASE_)
	}
	return true; /* the card names it */
}

/* Slots that a packet takes with its arguments, and the NOPs that it needs at an index. */
static uint32_t group_at(const struct sim_queue *q, uint64_t index, const struct sc_packet *packet,
			 uint32_t *pad)
{
	uint32_t slots = 1u << q->log2, room = slots - (index & (slots - 1));
	uint32_t n = SC_HDR_OP(packet->hdr) == SC_OP_DISPATCH ? 1 + SC_HDR_NARGS(packet->hdr) : 1;

	*pad = n > room ? room : 0;
	return n;
}

static uint64_t layout(struct sim_queue *q, struct sim_job *job, const struct sc_packet *packets,
		       uint32_t count, bool write)
{
	const struct sc_packet nop = { .hdr = SC_HDR(SC_OP_NOP, 0, 0) };
	uint64_t index = q->write;

	for (uint32_t i = 0; i < count;) {
		uint32_t pad, n = group_at(q, index, &packets[i], &pad);

		for (; pad; pad--, index++)
			if (write)
				put_packet(q, job, index, &nop);
		for (; n && i < count; n--, i++, index++)
			if (write)
				put_packet(q, job, index, &packets[i]);
	}
	return index;
}

static int submit(struct sim *sim, struct sim_queue *q, struct drm_seedchip_submit *arg)
{
	const struct sc_packet *packets = (const void *)(uintptr_t)arg->packets.array;
	struct sim_job *job = calloc(1, sizeof(*job));
	int r = 0;

	if (!job)
		return -ENOMEM;
	for (uint32_t i = 0; i < arg->packets.count; i++)
		if (!is_user_op(SC_HDR_OP(packets[i].hdr)))
			r = -EINVAL;
	job->start = q->write;
	job->end = layout(q, job, packets, arg->packets.count, false);
	if (job->end - job->start > 1ull << q->log2)
		r = -E2BIG;
	else if (job->end - retired(q) > 1ull << q->log2)
		r = -EBUSY;
	if (!r)
		r = sim_syncs_read(sim, &arg->syncs, &job->syncs);
	if (r) {
		free(job);
		return r;
	}
	layout(q, job, packets, arg->packets.count, true);
	q->write = job->end;
	arg->index = job->end;
	list_add(&q->pending, &job->link);
	sim_watch();
	sim_syncs_publish(sim, &arg->syncs, &job->syncs);
	return 0;
}

int sim_submit(void *priv, struct drm_seedchip_submit *arg)
{
	struct sim *sim = priv;
	struct sim_queue *q;
	int r;

	pthread_mutex_lock(&sim_lock);
	sim_service();
	q = sim_table_get(&sim->queues, arg->queue);
	if (!q)
		r = -ENOENT;
	else if (q->failed)
		r = -EIO;
	else if (!arg->packets.count || !q->ring)
		r = -EINVAL;
	else
		r = submit(sim, q, arg);
	sim_service();
	pthread_mutex_unlock(&sim_lock);
	if (r || !(arg->flags & DRM_SEEDCHIP_SUBMIT_WAIT))
		return r;
	arg->result = sim_queue_wait(priv, arg->queue, arg->index, arg->timeout_ns);
	if (arg->result == -ETIME)
		arg->result = -EAGAIN;
	return 0;
}

static void queue_free(struct sim *sim, struct sim_queue *q)
{
	if (q->ring)
		sim_free_system(sim, q->ring, ring_size(q));
	if (q->state)
		sim_free_system(sim, q->state, SC_PAGE_SIZE);
	if (q->dump)
		sim_free_system(sim, q->dump, sim->info.dump_size);
	free(q);
}

static struct sim_queue *queue_alloc(struct sim *sim, uint32_t id, uint32_t log2, bool user)
{
	struct sim_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->id = id;
	q->log2 = log2;
	list_init(&q->pending);
	q->ring = user ? NULL : sim_alloc_system(sim, ring_size(q));
	q->state = sim_alloc_system(sim, SC_PAGE_SIZE);
	q->dump = sim_alloc_system(sim, sim->info.dump_size);
	if ((q->ring || user) && q->state && q->dump)
		return q;
	queue_free(sim, q);
	return NULL;
}

static void program(struct sim *sim, struct sim_queue *q, uint32_t context, uint32_t flags)
{
	const struct drm_seedchip_queue_create *c = &q->config;

	sim_write(sim, reg(q, SC_Q_RING_BASE), q->ring_va, 8);
	sim_write(sim, reg(q, SC_Q_CONFIG), q->log2 | 1 << SC_QUEUE_VECTOR_SHIFT | flags, 4);
	sim_write(sim, reg(q, SC_Q_CONTEXT), context, 4);
	sim_write(sim, reg(q, SC_Q_STATE_ADDR), sim_system_address(sim, q->state), 8);
	sim_write(sim, reg(q, SC_Q_RECORD_BASE), c->record_va, 8);
	sim_write(sim, reg(q, SC_Q_LOG_ADDR), c->log_va, 8);
	sim_write(sim, reg(q, SC_Q_DUMP_ADDR), sim_system_address(sim, q->dump), 8);
	sim_write(sim, reg(q, SC_Q_CORE_MASK),
		  c->core_mask ? c->core_mask : sim->info.core_mask, 8);
	sim_write(sim, reg(q, SC_Q_WG_LIMIT), c->wg_limit ? c->wg_limit : WG_LIMIT, 8);
	sim_write(sim, reg(q, SC_Q_PRIORITY), c->priority, 4);
	sim_write(sim, reg(q, SC_Q_COALESCE_COUNT), c->irq_count, 4);
	sim_write(sim, reg(q, SC_Q_COALESCE_NS), c->irq_ns, 4);
	start(sim, q);
}

/* A queue number that no queue has; 0 is the kernel's. */
static uint32_t free_id(const struct sim *sim)
{
	for (uint32_t id = 1; id <= sim->info.max_queues; id++) {
		bool used = false;

		for (uint32_t i = 1; i <= sim->queues.count; i++) {
			const struct sim_queue *q = sim_table_get(&sim->queues, i);

			used |= q && q->id == id;
		}
		if (!used)
			return id;
	}
	return 0;
}

static int create(struct sim *sim, struct drm_seedchip_queue_create *arg)
{
	bool user = arg->flags & DRM_SEEDCHIP_QUEUE_USER;
	uint32_t id = free_id(sim);
	struct sim_queue *q;

	if (!id)
		return -EMFILE;
	if (arg->priority > 3 || arg->ring_log2 < SC_RING_LOG2_MIN ||
	    arg->ring_log2 > sim->info.ring_log2_max || arg->core_mask & ~sim->info.core_mask)
		return -EINVAL;
	q = queue_alloc(sim, id, arg->ring_log2, user);
	if (!q)
		return -ENOMEM;
	q->config = *arg;
	q->ring_va = user ? arg->ring_va : SC_VA_KERNEL_START + ((uint64_t)id << 32);
	arg->queue = !user && sim_vm_map_ring(sim, q->ring_va, q->ring, ring_size(q)) ?
			     0 : sim_table_add(&sim->queues, q);
	if (!arg->queue) {
		queue_free(sim, q);
		return -ENOMEM;
	}
	arg->hw_queue = id;
	program(sim, q, SIM_CONTEXT, user ? 0 : SC_QUEUE_KERNEL_RING);
	return 0;
}

int sim_queue_create(void *priv, struct drm_seedchip_queue_create *arg,
		     const volatile struct sc_queue_state **state, volatile uint32_t **doorbell)
{
	struct sim *sim = priv;
	int r;

	pthread_mutex_lock(&sim_lock);
	r = create(sim, arg);
	if (!r)
		*state = ((struct sim_queue *)sim_table_get(&sim->queues, arg->queue))->state;
	*doorbell = NULL;
	pthread_mutex_unlock(&sim_lock);
	return r;
}

static void destroy(struct sim *sim, struct sim_queue *q)
{
	struct list *l;

	command(sim, q, SC_QUEUE_CMD_RESET);
	command(sim, q, SC_QUEUE_CMD_DISABLE);
	while ((l = q->pending.next) != &q->pending)
		job_finish(container_of(l, struct sim_job, link), -ECANCELED);
	if (q->ring)
		sim_vm_unmap_ring(sim, q->ring_va, ring_size(q));
	queue_free(sim, q);
}

void sim_queue_destroy(void *priv, uint32_t queue, const volatile struct sc_queue_state *state,
		       volatile uint32_t *doorbell)
{
	struct sim *sim = priv;
	struct sim_queue *q;

	(void)state;
	(void)doorbell;
	pthread_mutex_lock(&sim_lock);
	q = sim_table_remove(&sim->queues, queue);
	if (q)
		destroy(sim, q);
	sim_notice_service(sim); /* before the handle is another queue's */
	pthread_mutex_unlock(&sim_lock);
}

int sim_queue_fault(void *priv, struct drm_seedchip_queue_fault *arg)
{
	struct sim *sim = priv;
	struct sim_queue *q;
	int r = 0;

	pthread_mutex_lock(&sim_lock);
	sim_service();
	q = sim_table_get(&sim->queues, arg->queue);
	if (!q || !q->has_fault) {
		r = q ? -ENODATA : -ENOENT;
	} else {
		uint32_t size = q->fault.flags & SC_FAULT_DUMP ? sim->info.dump_size : 0;

		arg->fault = q->fault;
		if (arg->dump)
			memcpy((void *)(uintptr_t)arg->dump, q->dump,
			       size < arg->dump_size ? size : arg->dump_size);
		arg->dump_size = size;
	}
	pthread_mutex_unlock(&sim_lock);
	return r;
}

int sim_queue_arm(struct sim *sim, uint32_t queue, uint64_t index)
{
	struct sim_queue *q = sim_table_get(&sim->queues, queue);
	int r = !q ? -ENOENT : retired(q) >= index ? 0 : q->failed ? -EIO : -EAGAIN;

	if (r == -EAGAIN)
		arm(sim, q, index);
	return r;
}

int sim_queue_wait(void *priv, uint32_t queue, uint64_t index, int64_t deadline_ns)
{
	struct sim *sim = priv;
	int r;

	for (;;) {
		uint64_t seen = sim_irq_count();

		pthread_mutex_lock(&sim_lock);
		sim_service();
		r = sim_queue_arm(sim, queue, index);
		pthread_mutex_unlock(&sim_lock);
		if (r != -EAGAIN)
			return r;
		if (!sim_irq_wait(seen, deadline_ns))
			return -ETIME;
	}
}

/* A job without packets of its own. */
int sim_queue_fence(void *priv, struct drm_seedchip_queue_fence *arg)
{
	struct sim_job *job = calloc(1, sizeof(*job));
	struct sim *sim = priv;
	struct sim_queue *q;
	int r;

	if (!job)
		return -ENOMEM;
	pthread_mutex_lock(&sim_lock);
	sim_service();
	q = sim_table_get(&sim->queues, arg->queue);
	r = !q ? -ENOENT : q->failed ? -EIO : sim_syncs_read(sim, &arg->syncs, &job->syncs);
	if (r) {
		free(job);
	} else {
		job->start = arg->index;
		job->end = arg->index;
		job->published = true;
		list_add(&q->pending, &job->link);
		sim_watch();
		sim_syncs_publish(sim, &arg->syncs, &job->syncs);
		sim_service();
	}
	pthread_mutex_unlock(&sim_lock);
	return r;
}

int sim_queue_recover(void *priv, uint32_t queue, uint64_t index)
{
	struct sim *sim = priv;
	struct sim_queue *q;

	pthread_mutex_lock(&sim_lock);
	q = sim_table_get(&sim->queues, queue);
	if (q && q->failed) {
		q->failed = false;
		q->has_fault = false;
		if (!q->ring)
			q->write = index;
		start(sim, q);
	}
	pthread_mutex_unlock(&sim_lock);
	return q ? 0 : -ENOENT;
}

void sim_invalidate(struct sim *sim)
{
	struct sim_queue *q = sim->kernel;
	union {
		struct sc_pkt_invalidate invalidate;
		struct sc_packet packet;
	} u = { .invalidate = { .context = SIM_CONTEXT } };

	store_body(q, q->write, &u.packet);
	store_header(q, q->write++, SC_HDR(SC_OP_INVALIDATE, 0, 0));
	ring_doorbell(sim, q, q->write);
	while (retired(q) < q->write)
		usleep(5);
}

int sim_queue_init(struct sim *sim)
{
	sim->kernel = queue_alloc(sim, 0, KERNEL_LOG2, false);
	if (!sim->kernel)
		return -ENOMEM;
	sim->kernel->ring_va = SC_CONTEXT0_SYSTEM | sim_system_address(sim, sim->kernel->ring);
	sim->kernel->config.priority = 3;
	program(sim, sim->kernel, 0, 0);
	return 0;
}

void sim_queue_fini(struct sim *sim)
{
	for (uint32_t i = 1; i <= sim->queues.count; i++)
		if (sim_table_get(&sim->queues, i))
			destroy(sim, sim_table_remove(&sim->queues, i));
	free(sim->queues.slots);
	if (!sim->kernel)
		return;
	command(sim, sim->kernel, SC_QUEUE_CMD_STOP);
	command(sim, sim->kernel, SC_QUEUE_CMD_DISABLE);
	queue_free(sim, sim->kernel);
}
