// SPDX-License-Identifier: MIT
/*
 * Simulated cards: SEEDCHIP_DEVICE=sim[:OPTION=VALUE,...] runs the chip model
 * inside the process. Every open is a card of its own.
 *
 * This file owns the list of open cards, the memory that stands for the host's,
 * and the service thread, which does what a driver does in interrupts (look at
 * events, let jobs go on whose fences have happened) and in its watchdog.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define SYSTEM_SIZE (64ull << 30) /* addresses, not memory */
#define EVENTS_LOG2 6
#define WATCH_NS    100000000

struct options {
	uint64_t cards, cores, vram, bar, tcm, vlen, strict, threads, timing;
	struct sc_machine machine;
	char config[256], trace[256]; /* files; empty: none */
};

pthread_mutex_t sim_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list sims = { &sims, &sims };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t count;
	bool held; /* the service thread has to find out when there is something to do */
} irq = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
	pthread_t thread;
	unsigned int users; /* open cards; sim_lock */
	uint64_t watch_at; /* when to look after queues, UINT64_MAX: no job is pending; sim_lock */
	bool stop;
} service = { .watch_at = UINT64_MAX };

/* ---- interrupts ---- */

__attribute__((constructor)) static void init_irq(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&irq.changed, &attr);
	pthread_condattr_destroy(&attr);
}

uint64_t sim_irq_count(void)
{
	uint64_t count;

	pthread_mutex_lock(&irq.lock);
	count = irq.count;
	pthread_mutex_unlock(&irq.lock);
	return count;
}

void sim_kick(void)
{
	pthread_mutex_lock(&irq.lock);
	irq.count++;
	pthread_cond_broadcast(&irq.changed);
	pthread_mutex_unlock(&irq.lock);
}

/* @for_held: one that is held back counts, too. The lock is held. */
static bool irq_wait(uint64_t seen, int64_t deadline_ns, bool for_held)
{
	const struct timespec at = { deadline_ns / 1000000000, deadline_ns % 1000000000 };
	int r = 0;

	while (irq.count == seen && !(for_held && irq.held) && !r)
		r = pthread_cond_timedwait(&irq.changed, &irq.lock, &at);
	return irq.count != seen;
}

bool sim_irq_wait(uint64_t seen, int64_t deadline_ns)
{
	bool changed;

	pthread_mutex_lock(&irq.lock);
	changed = irq_wait(seen, deadline_ns, false);
	pthread_mutex_unlock(&irq.lock);
	return changed;
}

/* As the service thread waits. */
static void service_wait(uint64_t seen, int64_t deadline_ns)
{
	pthread_mutex_lock(&irq.lock);
	irq_wait(seen, deadline_ns, true);
	irq.held = false;
	pthread_mutex_unlock(&irq.lock);
}

/* ---- what the chip calls ---- */

/*
 * Small and aligned: words that the two sides synchronise by. Word after word,
 * so that who finds a packet's first word new finds all of the packet new.
 */
static void copy_words(uint64_t *buf, uint64_t *memory, size_t count, bool write)
{
	for (size_t i = 0; i < count; i++)
		if (write)
			__atomic_store_n(&memory[i], buf[i], __ATOMIC_RELEASE);
		else
			buf[i] = __atomic_load_n(&memory[i], __ATOMIC_ACQUIRE);
}

static void copy_memory(void *memory, void *buf, size_t len, bool write)
{
	if (len <= SC_SLOT_SIZE && !(((uintptr_t)memory | len | (uintptr_t)buf) & 7)) {
		copy_words(buf, memory, len / 8, write);
	} else if (len == 4 && !(((uintptr_t)memory | (uintptr_t)buf) & 3)) {
		if (write)
			__atomic_store_n((uint32_t *)memory, *(uint32_t *)buf, __ATOMIC_RELEASE);
		else
			*(uint32_t *)buf = __atomic_load_n((uint32_t *)memory, __ATOMIC_ACQUIRE);
	} else if (write) {
		memcpy(memory, buf, len);
	} else {
		memcpy(buf, memory, len);
	}
}

/* Memory of the program: it stays while the lock is held. */
static int wrapped_dma(struct sim *sim, uint64_t addr, void *buf, size_t len, bool write)
{
	struct list *l;
	int r = -EIO;

	pthread_mutex_lock(&sim->wrap_lock);
	list_for_each(l, &sim->wrapped) {
		struct sim_bo *bo = container_of(l, struct sim_bo, link);

		if (addr < bo->addr || len > bo->size || addr - bo->addr > bo->size - len)
			continue;
		copy_memory(bo->host + (addr - bo->addr), buf, len, write);
		r = 0;
		break;
	}
	pthread_mutex_unlock(&sim->wrap_lock);
	return r;
}

static int host_dma(void *opaque, uint64_t addr, void *buf, size_t len, bool write)
{
	struct sim *sim = opaque;

	if (addr >= SYSTEM_SIZE)
		return wrapped_dma(sim, addr, buf, len, write);
	if (len > SYSTEM_SIZE - addr)
		return -EIO;
	copy_memory(sim->system + addr, buf, len, write);
	return 0;
}

static void host_irq(void *opaque, unsigned int vector)
{
	(void)opaque;
	(void)vector;
	sim_kick();
}

/* A card holds an interrupt back. */
static void host_timer(void *opaque)
{
	(void)opaque;
	pthread_mutex_lock(&irq.lock);
	irq.held = true;
	pthread_cond_broadcast(&irq.changed);
	pthread_mutex_unlock(&irq.lock);
}

static uint64_t host_time(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void host_strict(void *opaque, enum sc_strict_rule rule, const char *text)
{
	(void)opaque;
	log_message(SEEDCHIP_LOG_ERROR, "simulator: strict rule %d broken: %s", rule, text);
	abort();
}

static void host_timing(void *opaque, const struct sc_timing *timing)
{
	struct sim *sim = opaque;

	sim_timing_report(sc_chip_config(sim->chip), timing);
}

uint64_t sim_read(struct sim *sim, uint64_t offset, unsigned int size)
{
	return sc_chip_read(sim->chip, offset, size);
}

void sim_write(struct sim *sim, uint64_t offset, uint64_t value, unsigned int size)
{
	sc_chip_write(sim->chip, offset, value, size);
}

/* ---- system memory ---- */

void *sim_alloc_system(struct sim *sim, uint64_t size)
{
	uint64_t at;

	return va_alloc(&sim->system_va, size, SC_PAGE_SIZE, &at) ? NULL : sim->system + at;
}

void sim_free_system(struct sim *sim, void *p, uint64_t size)
{
	madvise(p, (size + SC_PAGE_SIZE - 1) & ~(SC_PAGE_SIZE - 1ull), MADV_DONTNEED);
	va_free(&sim->system_va, sim_system_address(sim, p), size);
}

uint64_t sim_system_address(const struct sim *sim, const void *p)
{
	return (const unsigned char *)p - sim->system;
}

/* ---- service ---- */

static void read_events(struct sim *sim)
{
	uint32_t start = sim->event_tail;

	for (;;) {
		struct sc_event *slot = &sim->events[sim->event_tail & ((1 << EVENTS_LOG2) - 1)];
		struct sc_event event;

		if (__atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE) != sim->event_tail + 1)
			break;
		event = *slot;
		sim->event_tail++;
		sim_queue_event(sim, &event);
	}
	if (sim->event_tail != start) {
		sim_write(sim, SC_REG_IRQ_STATUS, SC_IRQ_EVENT, 4);
		sim_write(sim, SC_REG_EVENT_TAIL, sim->event_tail, 4);
	}
}

void sim_service(void)
{
	struct list *l;

	list_for_each(l, &sims) {
		struct sim *sim = container_of(l, struct sim, link);

		read_events(sim);
		sim_queue_service(sim);
		sim_vm_service(sim);
		sim_notice_service(sim);
	}
}

/* Raise the interrupts that have been held back for long enough. Return: when to do so again. */
static int64_t release_irqs(void)
{
	uint64_t at, due = INT64_MAX;
	struct list *l;

	list_for_each(l, &sims) {
		at = sc_chip_timer(container_of(l, struct sim, link)->chip);
		due = at < due ? at : due;
	}
	return due;
}

void sim_watch(void)
{
	if (service.watch_at != UINT64_MAX)
		return;
	service.watch_at = host_time(NULL) + WATCH_NS;
	host_timer(NULL);
}

/* Look after the queues while jobs are pending. Return: when to do so again. */
static uint64_t watch_queues(void)
{
	uint64_t now = host_time(NULL);
	bool pending = false;
	struct list *l;

	if (now < service.watch_at)
		return service.watch_at;
	list_for_each(l, &sims)
		pending |= sim_queue_watch(container_of(l, struct sim, link), WATCH_NS);
	service.watch_at = pending ? now + WATCH_NS : UINT64_MAX;
	return service.watch_at;
}

static void *service_main(void *arg)
{
	uint64_t seen = 0, count, watch;
	int64_t due;
	bool stop;

	(void)arg;
	do {
		count = sim_irq_count();
		pthread_mutex_lock(&sim_lock);
		if (count != seen)
			sim_service();
		seen = count;
		due = release_irqs();
		watch = watch_queues();
		due = watch < (uint64_t)due ? (int64_t)watch : due;
		stop = service.stop;
		pthread_mutex_unlock(&sim_lock);
		if (!stop)
			service_wait(seen, due);
	} while (!stop);
	return NULL;
}

static int service_get(void)
{
	int r = 0;

	pthread_mutex_lock(&sim_lock);
	if (!service.users++) {
		service.stop = false;
		r = -pthread_create(&service.thread, NULL, service_main, NULL);
		if (r)
			service.users--;
	}
	pthread_mutex_unlock(&sim_lock);
	return r;
}

static void service_put(void)
{
	bool last;

	pthread_mutex_lock(&sim_lock);
	last = !--service.users;
	service.stop = last;
	pthread_mutex_unlock(&sim_lock);
	if (!last)
		return;
	sim_kick();
	pthread_join(service.thread, NULL);
}

/* ---- cards ---- */

static int parse_size(const char *text, uint64_t *value)
{
	unsigned int shift = 0;
	char *end;

	if (*text < '0' || *text > '9') /* strtoull() takes blanks and signs */
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 0);
	switch (*end) {
	case 'G':
		shift += 10;
		/* fall through */
	case 'M':
		shift += 10;
		/* fall through */
	case 'K':
		shift += 10;
		end++;
	}
	if (errno || *value > UINT64_MAX >> shift || (*end && *end != ','))
		return -EINVAL;
	*value <<= shift;
	return 0;
}

/* The machine of config=FILE, or the default one. */
static int load_machine(struct options *o)
{
	char text[512];
	int r;

	if (!*o->config) {
		sc_machine_default(&o->machine);
		return 0;
	}
	r = sc_machine_load(o->config, &o->machine, text, sizeof(text));
	return r ? report(r, "SEEDCHIP_DEVICE: config=%s", text) : 0;
}

static int out_of_range(void)
{
	return report(-EINVAL, "SEEDCHIP_DEVICE=%s: cores may be 1 to 64; tcm a power of two "
		      "from 64K to %uM; vlen 0 or a power of two from 128 to 16384; "
		      "vram a multiple of %uM; bar one of %uK up to vram",
		      getenv("SEEDCHIP_DEVICE"), (unsigned int)(SC_TCM_STRIDE >> 20),
		      (unsigned int)(SC_HUGE_SIZE >> 20), SC_PAGE_SIZE >> 10);
}

/* What the options leave open comes from the machine. */
static int finish_options(struct options *o)
{
	int r = load_machine(o);

	o->cores = o->cores ? o->cores : o->machine.cores;
	o->tcm = o->tcm ? o->tcm : (uint64_t)o->machine.tcm_kib << 10;
	o->vram = o->vram ? o->vram : (uint64_t)o->machine.card_mib << 20;
	o->vlen = o->vlen == UINT64_MAX ? o->machine.vlen : o->vlen;
	if (o->cards > BACKEND_MAX_DEVICES)
		o->cards = BACKEND_MAX_DEVICES;
	if (!r && (o->cores | o->tcm | o->vlen | o->threads) > UINT32_MAX)
		r = out_of_range();
	return r;
}

/* The file of an option @name=FILE at @at; false: it is another option, or too long. */
static bool parse_file(const char *at, const char *name, char *file, size_t size)
{
	size_t skip = strlen(name), len;

	if (strncmp(at, name, skip))
		return false;
	len = strcspn(at + skip, ",");
	if (len >= size)
		return false;
	memcpy(file, at + skip, len);
	file[len] = 0;
	return true;
}

static int parse_options(struct options *o)
{
	const struct {
		const char *name;
		uint64_t *value;
	} known[] = {
		{ "cards=", &o->cards }, { "cores=", &o->cores },   { "vram=", &o->vram },
		{ "bar=", &o->bar },	 { "tcm=", &o->tcm },	    { "strict=", &o->strict },
		{ "threads=", &o->threads }, { "vlen=", &o->vlen }, { "timing=", &o->timing },
	};
	const char *env = getenv("SEEDCHIP_DEVICE"), *at = env + 3;
	unsigned int i;

	*o = (struct options){ .cards = 1, .vlen = UINT64_MAX };
	for (at += *at == ':'; *at; at += strcspn(at, ","), at += *at == ',') {
		if (parse_file(at, "config=", o->config, sizeof(o->config)) ||
		    parse_file(at, "trace=", o->trace, sizeof(o->trace)))
			continue;
		for (i = 0; i < ARRAY_SIZE(known); i++)
			if (!strncmp(at, known[i].name, strlen(known[i].name)))
				break;
		if (i == ARRAY_SIZE(known) ||
		    parse_size(at + strlen(known[i].name), known[i].value))
			return report(-EINVAL, "SEEDCHIP_DEVICE=%s: not understood: %s", env, at);
	}
	if (*o->trace && !o->timing)
		return report(-EINVAL, "SEEDCHIP_DEVICE=%s: trace needs timing=1", env);
	return finish_options(o);
}

static int sim_enumerate(struct backend_device *list)
{
	struct options o;
	int r = parse_options(&o);

	for (unsigned int i = 0; !r && i < o.cards; i++)
		snprintf(list[i].address, sizeof(list[i].address), "sim%u", i);
	return r ? r : (int)o.cards;
}

static void read_info(struct sim *sim)
{
	struct drm_seedchip_info *info = &sim->info;

	*info = (struct drm_seedchip_info){
		.hw_version = sim_read(sim, SC_REG_VERSION, 4),
		.hw_revision = sim_read(sim, SC_REG_REVISION, 4),
		.features = sim_read(sim, SC_REG_FEATURES, 8),
		.isa = sim_read(sim, SC_REG_ISA, 8),
		.core_mask = sim_read(sim, SC_REG_CORE_MASK, 8),
		.card_size = sim_read(sim, SC_REG_CARD_SIZE, 8),
		.card_visible_size = sim_read(sim, SC_REG_CARD_VISIBLE_SIZE, 8),
		.serial = sim_read(sim, SC_REG_SERIAL, 8),
		.num_cores = sim_read(sim, SC_REG_NUM_CORES, 4),
		.vlen = sim_read(sim, SC_REG_VLEN, 4),
		.tcm_size = sim_read(sim, SC_REG_TCM_SIZE, 4),
		.page_size = SC_PAGE_SIZE,
		.huge_size = SC_HUGE_SIZE,
		.max_queues = sim_read(sim, SC_REG_NUM_QUEUES, 4) - 1,
		.ring_log2_max = sim_read(sim, SC_REG_RING_LOG2_MAX, 4),
		.timeout_scale = sim_read(sim, SC_REG_TIMEOUT_SCALE, 4),
		.generation = sim_read(sim, SC_REG_GENERATION, 4),
		.clock_khz = sim_read(sim, SC_REG_CLOCK_KHZ, 4),
		.max_submit = 1u << (sim_read(sim, SC_REG_RING_LOG2_MAX, 4) - 1),
		.dump_size = sim_read(sim, SC_REG_DUMP_SIZE, 4),
		.va_start = SC_VA_USER_START,
		.va_end = SC_VA_USER_END,
	};
	sim->visible_size = info->card_visible_size;
}

static int enable(struct sim *sim)
{
	int r;

	sim->events = sim_alloc_system(sim, sizeof(*sim->events) << EVENTS_LOG2);
	if (!sim->events)
		return -ENOMEM;
	sc_chip_set_master(sim->chip, true);
	sim_write(sim, SC_REG_FEATURES_ACCEPTED, sim->info.features, 8);
	sim_write(sim, SC_REG_EVENT_BASE, sim_system_address(sim, sim->events), 8);
	sim_write(sim, SC_REG_EVENT_LOG2, EVENTS_LOG2, 4);
	sim_write(sim, SC_REG_IRQ_ENABLE, SC_IRQ_EVENT, 4);
	sim_write(sim, SC_REG_CONTROL, SC_CONTROL_ENABLE, 4);
	sim_write(sim, SC_CONTEXT_BASE + SC_CTX_CONTROL, SC_CONTEXT_ENABLE, 4);
	r = sim_vm_init(sim);
	return r ? r : sim_queue_init(sim);
}

static void sim_close(void *priv)
{
	struct sim *sim = priv;

	pthread_mutex_lock(&sim_lock);
	list_del(&sim->link);
	sim_notice_fini(sim);
	if (sim->chip) {
		sim_queue_fini(sim);
		sim_write(sim, SC_REG_CONTROL, 0, 4);
		sc_chip_reset_begin(sim->chip, SC_RESET_CAUSE_SOFT);
		while (sc_chip_reset_busy(sim->chip))
			sim_irq_wait(sim_irq_count(), host_time(NULL) + 100000);
		sim_vm_fini(sim);
	}
	pthread_mutex_unlock(&sim_lock);
	if (sim->chip)
		sc_chip_destroy(sim->chip);
	if (sim->traced && sim_timing_close())
		log_message(SEEDCHIP_LOG_ERROR, "trace: could not be written");
	free(sim->timelines.slots);
	va_fini(&sim->system_va);
	va_fini(&sim->wrap_va);
	pthread_mutex_destroy(&sim->wrap_lock);
	if (sim->system)
		munmap(sim->system, SYSTEM_SIZE);
	if (sim->failure_fd >= 0)
		close(sim->failure_fd);
	free(sim);
	service_put();
}

static int make_chip(struct sim *sim, const struct options *o, unsigned int number)
{
	const struct sc_config config = {
		.cores = o->cores, .card_size = o->vram, .card_visible_size = o->bar,
		.tcm_size = o->tcm, .vlen = o->vlen, .strict = o->strict, .threads = o->threads,
		.serial = number, .timing = o->timing, .machine = o->machine,
		.timing_slices = *o->trace,
	};
	static const struct sc_host host = {
		.dma = host_dma, .irq = host_irq, .time_ns = host_time, .strict = host_strict,
		.timing = host_timing, .timer = host_timer,
	};
	void *p = mmap(NULL, SYSTEM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r;

	if (p == MAP_FAILED)
		return -ENOMEM;
	sim->system = p;
	r = va_init(&sim->system_va, SC_PAGE_SIZE, SYSTEM_SIZE, SC_PAGE_SIZE);
	if (!r)
		r = va_init(&sim->wrap_va, SYSTEM_SIZE, 1ull << SC_DMA_BITS, SC_PAGE_SIZE);
	if (!r)
		r = sc_chip_create(&config, &host, sim, &sim->chip);
	if (r == -EINVAL)
		return out_of_range();
	if (r)
		return report(r, "SEEDCHIP_DEVICE=%s: %s", getenv("SEEDCHIP_DEVICE"), strerror(-r));
	sim->card = sc_chip_card_memory(sim->chip);
	read_info(sim);
	if (!*o->trace)
		return 0;
	r = sim_timing_open(o->trace, number, sim->info.num_cores);
	if (r)
		return report(r, "SEEDCHIP_DEVICE: trace=%s: %s", o->trace, strerror(-r));
	sim->traced = true;
	return 0;
}

static int sim_open(const struct backend_device *device, void **priv)
{
	struct sim *sim = calloc(1, sizeof(*sim));
	struct options o;
	int r = parse_options(&o);

	if (r || !sim) {
		free(sim);
		return r ? r : -ENOMEM;
	}
	list_init(&sim->link);
	list_init(&sim->mappings);
	list_init(&sim->wrapped);
	pthread_mutex_init(&sim->wrap_lock, NULL);
	list_init(&sim->binds);
	list_init(&sim->notices);
	r = service_get();
	if (r) {
		free(sim);
		return r;
	}
	sim->failure_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = sim->failure_fd < 0 ? -errno : 0;
	if (!r)
		r = make_chip(sim, &o, strtoul(device->address + 3, NULL, 10));
	if (!r) {
		pthread_mutex_lock(&sim_lock);
		r = enable(sim);
		if (!r)
			list_add(&sims, &sim->link);
		pthread_mutex_unlock(&sim_lock);
	}
	if (r)
		sim_close(sim);
	else
		*priv = sim;
	return r;
}

/* The service thread is the parent's, as are the cards. */
static void sim_forked(void)
{
	pthread_mutex_init(&sim_lock, NULL);
	pthread_mutex_init(&irq.lock, NULL);
	init_irq();
	list_init(&sims);
	service.users = 0;
	service.watch_at = UINT64_MAX;
}

static int sim_query(void *priv, struct drm_seedchip_info *info)
{
	*info = ((struct sim *)priv)->info;
	return 0;
}

const struct backend_ops backend_sim = {
	.enumerate = sim_enumerate,
	.open = sim_open,
	.close = sim_close,
	.forked = sim_forked,
	.query = sim_query,
	.bo_create = sim_bo_create,
	.bo_wrap = sim_bo_wrap,
	.bo_export = sim_bo_export,
	.bo_import = sim_bo_import,
	.bo_destroy = sim_bo_destroy,
	.bo_map = sim_bo_map,
	.bo_unmap = sim_bo_unmap,
	.vm_bind = sim_vm_bind,
	.queue_create = sim_queue_create,
	.queue_destroy = sim_queue_destroy,
	.queue_ring = sim_queue_ring,
	.queue_wait = sim_queue_wait,
	.queue_notify = sim_queue_notify,
	.queue_fence = sim_queue_fence,
	.submit = sim_submit,
	.queue_fault = sim_queue_fault,
	.queue_recover = sim_queue_recover,
	.event_read = sim_event_read,
	.event_fd = sim_event_fd,
	.timeline_create = sim_timeline_create,
	.timeline_destroy = sim_timeline_destroy,
	.timeline_wait = sim_timeline_wait,
	.timeline_notify = sim_timeline_notify,
	.timeline_share = sim_timeline_share,
	.fence_status = sim_fence_status,
};
