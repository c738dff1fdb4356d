// SPDX-License-Identifier: MIT
/*
 * Peer-to-peer: card memory that another card reads and writes through the BAR. Two cards are
 * behind one switch, where peers reach each other; the third one is behind a root port of its
 * own, and the kernel trusts no emulated host bridge with that (it would trust a Zen's).
 *
 * In peer_vf.sh they are functions of one card, the physical one first, and all reach each other;
 * behind an IOMMU, in vf_viommu.sh, they would have to go through that bridge: "peer apart".
 */
/* vm: card=bar=64M,vram=256M timeout=300 alone qemu=-cpu qemu=max,cx16=off,family=6 */
/* vm: qemu=-device qemu=pcie-root-port,id=above,chassis=8,slot=8 */
/* vm: qemu=-device qemu=x3130-upstream,id=switch,bus=above */
/* vm: qemu=-device qemu=xio3130-downstream,id=down0,bus=switch,chassis=9,slot=9 */
/* vm: qemu=-device qemu=xio3130-downstream,id=down1,bus=switch,chassis=10,slot=10 */
/* vm: qemu=-device qemu=seedchip,id=near0,bus=down0,strict=on,bar=64M,vram=256M */
/* vm: qemu=-device qemu=seedchip,id=near1,bus=down1,strict=on,bar=64M,vram=256M */
/* vm-dmesg: seedchip .*: device reset: generation=\d+ wedged=1 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

#include <seedchip.h>

#include "sharing.h"

#define VISIBLE (DRM_SEEDCHIP_BO_CARD | DRM_SEEDCHIP_BO_CPU_VISIBLE)
#define MODULE	"/usr/lib/seedchip/kernels.elf"
#define WORDS	(SHARED_SIZE / 4)
#define GROUPS	8u
#define HAMMERS 2u /* as many cores as every function has */
#define LIMIT	60000000000 /* nanoseconds */

/* In the order of their addresses, as the runtime counts them. */
enum { FAR, MAKER, USER, CARDS };

static struct sharer cards[CARDS];
static bool functions; /* of one card */

static int by_address(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool find_cards(void)
{
	unsigned int i, count = 0;

	for (i = 0; i < 16 && count < CARDS; i++)
		count += sharer_find(i, cards[count].address, sizeof(cards[count].address));
	qsort(cards, count, sizeof(cards[0]), by_address);
	functions = !strncmp(cards[FAR].address, cards[USER].address, strlen("0000:00:00."));
	return count == CARDS;
}

static bool kernel_has_p2pdma(void)
{
	return !system("grep -q ' pci_p2pdma_distance_many' /proc/kallsyms");
}

static void needs_p2pdma(void)
{
	if (!kernel_has_p2pdma())
		tap_skip("the kernel was built without CONFIG_PCI_P2PDMA");
}

static void must_be_refused(unsigned int from, unsigned int to, uint32_t flags)
{
	uint32_t ours, theirs;
	int shared;

	sharer_open(&cards[from]);
	sharer_open(&cards[to]);
	shared = sharer_give(&cards[from], flags, &ours);
	CHECK_EQ(sharer_take(&cards[to], shared, &theirs), -EOPNOTSUPP);
	close(shared);
	sharer_close(&cards[from]);
	sharer_close(&cards[to]);
}

static void no_way(void)
{
	if (functions)
		tap_skip("there are only functions of one card");
	must_be_refused(FAR, USER, VISIBLE);
	must_be_refused(MAKER, FAR, VISIBLE);
}

static void apart(void)
{
	CHECK(functions);
	must_be_refused(FAR, USER, VISIBLE);
	must_be_refused(USER, FAR, VISIBLE);
	must_be_refused(MAKER, USER, VISIBLE);
}

static void beyond_the_bar(void)
{
	must_be_refused(MAKER, USER, DRM_SEEDCHIP_BO_CARD);
}

static void without_p2pdma(void)
{
	if (kernel_has_p2pdma())
		tap_skip("the kernel has CONFIG_PCI_P2PDMA");
	must_be_refused(MAKER, USER, VISIBLE);
}

/* Card @to has what card @from holds at SHARED_VA, or the test fails. */
static int share_between(unsigned int from, unsigned int to, uint32_t *ours, uint32_t *theirs)
{
	int shared;

	needs_p2pdma();
	sharer_open(&cards[from]);
	sharer_open(&cards[to]);
	shared = sharer_give(&cards[from], VISIBLE, ours);
	CHECK_EQ(sharer_take(&cards[to], shared, theirs), 0);
	return shared;
}

static int share(uint32_t *ours, uint32_t *theirs)
{
	return share_between(MAKER, USER, ours, theirs);
}

static void both_ways_between(unsigned int from, unsigned int to)
{
	uint32_t ours, theirs;

	close(share_between(from, to, &ours, &theirs));
	sharer_poke(&cards[from], 8, 0x1111);
	CHECK_EQ(sharer_peek(&cards[to], 8), 0x1111);
	sharer_poke(&cards[to], SHARED_SIZE - 8, 0x2222);
	CHECK_EQ(sharer_peek(&cards[from], SHARED_SIZE - 8), 0x2222);
	sharer_close(&cards[from]);
	sharer_close(&cards[to]);
}

static void both_ways(void)
{
	both_ways_between(MAKER, USER);
	if (!functions)
		return;
	both_ways_between(FAR, USER);
	both_ways_between(MAKER, FAR);
}

/**
 * struct computer - a card as the runtime sees it
 * @dev: card
 * @queue: its queue
 * @own: SHARED_SIZE bytes of its memory
 * @taken: the same of another card
 * @map: @own, as the CPU sees it
 */
struct computer {
	struct seedchip_device *dev;
	struct seedchip_queue *queue;
	struct seedchip_buffer *own;
	struct seedchip_buffer *taken;
	void *map;
};

static void computer_open(struct computer *c, unsigned int index)
{
	*c = (struct computer){};
	CHECK_EQ(seedchip_device_open(index, &c->dev), 0);
	CHECK_EQ(seedchip_queue_create(c->dev, NULL, &c->queue), 0);
	CHECK_EQ(seedchip_buffer_create(c->dev, SHARED_SIZE, SEEDCHIP_CARD | SEEDCHIP_CPU, &c->own),
		 0);
	CHECK_EQ(seedchip_buffer_map(c->own, &c->map), 0);
}

static void computer_close(struct computer *c)
{
	seedchip_queue_destroy(c->queue);
	seedchip_buffer_destroy(c->own);
	seedchip_buffer_destroy(c->taken);
	seedchip_device_close(c->dev);
}

static void computer_copy(struct computer *c, struct seedchip_buffer *to,
			  struct seedchip_buffer *from)
{
	CHECK_EQ(seedchip_copy(c->queue, seedchip_buffer_address(to), seedchip_buffer_address(from),
			       SHARED_SIZE), 0);
	CHECK_EQ(seedchip_event_wait(seedchip_queue_mark(c->queue), LIMIT), 0);
}

/* Sums of what is in @from, by the kernel "sum". */
static void computer_sum(struct computer *c, struct seedchip_buffer *from, uint64_t *sums)
{
	struct seedchip_dim dim = { .x = GROUPS, .y = 1, .z = 1 };
	struct seedchip_module *module;
	struct seedchip_kernel *kernel;
	struct seedchip_buffer *out;
	struct {
		uint64_t in, out;
		uint32_t count, rounds;
	} args = { seedchip_buffer_address(from), 0, WORDS, 1 };
	void *map;

	CHECK_EQ(seedchip_module_load_file(c->dev, MODULE, &module), 0);
	CHECK_EQ(seedchip_module_kernel(module, "sum", &kernel), 0);
	CHECK_EQ(seedchip_buffer_create(c->dev, 4096, SEEDCHIP_SYSTEM, &out), 0);
	CHECK_EQ(seedchip_buffer_map(out, &map), 0);
	args.out = seedchip_buffer_address(out);
	CHECK_EQ(seedchip_launch(c->queue, kernel, &dim, &args, sizeof(args)), 0);
	CHECK_EQ(seedchip_event_wait(seedchip_queue_mark(c->queue), LIMIT), 0);
	memcpy(sums, map, GROUPS * sizeof(*sums));
	seedchip_buffer_destroy(out);
	seedchip_module_unload(module);
}

static void check_sums(const uint32_t *words, const uint64_t *sums)
{
	for (uint32_t i = 0; i < GROUPS; i++) {
		uint64_t want = 0;

		for (uint32_t k = i; k < WORDS; k += GROUPS)
			want += words[k];
		CHECK_EQ(sums[i], want);
	}
}

static void computes(void)
{
	static uint32_t words[WORDS];
	uint64_t sums[GROUPS];
	struct computer maker, user;
	int shared;

	needs_p2pdma();
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = i * 2654435761u;
	computer_open(&maker, MAKER);
	computer_open(&user, USER);
	memcpy(maker.map, words, sizeof(words));
	CHECK_EQ(seedchip_buffer_export_dmabuf(maker.own, &shared), 0);
	CHECK_EQ(seedchip_buffer_import_dmabuf(user.dev, shared, 0, &user.taken), 0);
	close(shared);
	/* into its own memory, and there */
	computer_copy(&user, user.own, user.taken);
	CHECK(!memcmp(user.map, words, sizeof(words)));
	computer_sum(&user, user.own, sums);
	check_sums(words, sums);
	/* in place */
	computer_sum(&user, user.taken, sums);
	check_sums(words, sums);
	/* and back */
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] ^= 0x5a5a5a5a;
	memcpy(user.map, words, sizeof(words));
	computer_copy(&user, user.taken, user.own);
	CHECK(!memcmp(maker.map, words, sizeof(words)));
	computer_close(&user);
	computer_close(&maker);
}

static void set_power(const char *control)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/control",
		 cards[MAKER].address);
	CHECK_EQ(card_write(path, control), 0);
}

static bool sleeps(void)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "grep -q suspended /sys/bus/pci/devices/%s/power/runtime_status",
		 cards[MAKER].address);
	return !system(command);
}

/* The dma-buf is the only thing that is left of the maker, whose card would go to sleep. */
static void stays_awake(void)
{
	uint32_t ours, theirs;
	int shared = share(&ours, &theirs);

	sharer_poke(&cards[USER], 0, 0x3333);
	set_power("auto");
	sharer_close(&cards[MAKER]);
	/* longer than it stays awake when it is idle */
	sleep(2);
	CHECK(!sleeps());
	CHECK_EQ(sharer_peek(&cards[USER], 0), 0x3333);
	close(shared);
	sharer_close(&cards[USER]);
	for (int i = 0; i < 400 && !sleeps(); i++)
		usleep(50000);
	CHECK(sleeps());
	set_power("on");
}

/* A fault by name, after which the queue can be used again. */
static void must_be_unmapped(struct sharer *card, uint64_t offset)
{
	struct sc_fault fault;

	CHECK_EQ(sharer_try(card, offset), -EFAULT);
	CHECK_EQ(card_fault(card->fd, card->queue, &fault), 0);
	CHECK_EQ(fault.code, SC_CODE_UNMAPPED);
	CHECK_EQ(fault.va, SHARED_VA + offset);
	CHECK_EQ(card_recover(card->fd, card->queue), 0);
}

/* A fence of the card that signals when the word at @va is 1. */
static uint32_t gate(struct sharer *card, uint64_t va)
{
	struct drm_seedchip_sync out = { .handle = card_syncobj(card->fd),
					 .flags = DRM_SEEDCHIP_SYNC_SIGNAL };
	struct sc_packet wait = card_word(SC_OP_WAIT, va, 1);
	struct drm_seedchip_queue_create queue;

	CHECK_EQ(card_queue(card->fd, &queue), 0);
	CHECK_EQ(card_submit(card->fd, queue.queue, &wait, 1, &out, 1, NULL), 0);
	return out.handle;
}

static void bind_later(struct sharer *card, uint32_t handle, uint64_t va, uint32_t fence)
{
	struct drm_seedchip_sync sync = { .handle = fence, .flags = DRM_SEEDCHIP_SYNC_WAIT };
	struct drm_seedchip_bind op = { .flags = SHARED_RW, .handle = handle, .va = va,
					.size = 4096 };
	struct drm_seedchip_vm_bind bind = {
		.ops = { sizeof(op), 1, (uintptr_t)&op },
		.syncs = { sizeof(sync), 1, (uintptr_t)&sync },
	};

	CHECK_EQ(card_ioctl(card->fd, DRM_IOCTL_SEEDCHIP_VM_BIND, &bind), 0);
}

/*
 * What was taken is gone from the page tables and cannot be bound any more; what was bound
 * in its place, or is to be when a fence signals, is there.
 */
static void maker_goes(void)
{
	const uint64_t now = 0x2000, later = 0x4000, elsewhere = 2 * SHARED_SIZE;
	struct sharer *user = &cards[USER];
	uint32_t ours, theirs, own, fence;
	int shared = share(&ours, &theirs);
	volatile uint64_t *map;

	CHECK_EQ(card_bo(user->fd, 4096, VISIBLE, &own), 0);
	map = card_map(user->fd, own, 4096);
	CHECK(map);
	map[0] = 0x4444;
	CHECK_EQ(card_bind(user->fd, SHARED_RW, own, 0, SHARED_VA + now, 4096), 0);
	fence = gate(user, SHARED_VA + now + 8);
	bind_later(user, own, SHARED_VA + later, fence);
	bind_later(user, theirs, SHARED_VA + elsewhere, fence);
	CHECK_EQ(sharer_peek(user, later), 0);
	sharer_unbind(&cards[MAKER]);
	must_be_unmapped(user, 0);
	must_be_unmapped(user, later);
	must_be_unmapped(user, SHARED_SIZE - 8);
	CHECK_EQ(sharer_peek(user, now), 0x4444);
	map[1] = 1;
	/* takes effect after those that wait */
	CHECK_EQ(card_bind(user->fd, 0, 0, 0, SHARED_VA + SHARED_SIZE, 4096), 0);
	CHECK_EQ(sharer_peek(user, later), 0x4444);
	must_be_unmapped(user, elsewhere);
	CHECK_EQ(card_bind(user->fd, SHARED_RW, theirs, 0, SHARED_VA, 4096), -ENODEV);
	close(shared);
	sharer_close(user);
	sharer_close(&cards[MAKER]);
	sharer_rebind(&cards[MAKER]);
}

/* Late comers, with a dma-buf of a card that has gone. */
static void too_late(void)
{
	uint32_t ours, theirs;
	int shared;

	needs_p2pdma();
	sharer_open(&cards[MAKER]);
	sharer_open(&cards[USER]);
	shared = sharer_give(&cards[MAKER], VISIBLE, &ours);
	sharer_unbind(&cards[MAKER]);
	CHECK_EQ(sharer_take(&cards[USER], shared, &theirs), -ENODEV);
	close(shared);
	sharer_close(&cards[USER]);
	sharer_close(&cards[MAKER]);
	sharer_rebind(&cards[MAKER]);
}

/* The card that uses the memory goes; its file lets go of it later. */
static void user_goes(void)
{
	uint32_t ours, theirs;
	int shared = share(&ours, &theirs);

	sharer_poke(&cards[USER], 8, 0x6666);
	sharer_unbind(&cards[USER]);
	CHECK_EQ(sharer_peek(&cards[MAKER], 8), 0x6666);
	close(shared);
	sharer_close(&cards[MAKER]);
	sharer_close(&cards[USER]);
	sharer_rebind(&cards[USER]);
}

/* Card @to writes to memory of card @from and does not stop by itself. */
static struct seedchip_event start_hammering(unsigned int from, struct computer *maker,
					     unsigned int to, struct computer *user)
{
	struct seedchip_dim dim = { .x = HAMMERS, .y = 1, .z = 1 };
	volatile uint64_t *words;
	struct seedchip_module *module;
	struct seedchip_kernel *kernel;
	struct {
		uint64_t out, a, b;
	} args = { 0, 0, SHARED_SIZE };
	int shared;

	computer_open(maker, from);
	computer_open(user, to);
	CHECK_EQ(seedchip_buffer_export_dmabuf(maker->own, &shared), 0);
	CHECK_EQ(seedchip_buffer_import_dmabuf(user->dev, shared, 0, &user->taken), 0);
	close(shared);
	args.a = seedchip_buffer_address(user->taken);
	CHECK_EQ(seedchip_module_load_file(user->dev, MODULE, &module), 0);
	CHECK_EQ(seedchip_module_kernel(module, "hammer", &kernel), 0);
	CHECK_EQ(seedchip_launch(user->queue, kernel, &dim, &args, sizeof(args)), 0);
	CHECK_EQ(seedchip_queue_flush(user->queue), 0);
	words = maker->map;
	for (int i = 0; i < 20000 && !words[SHARED_SIZE / 8 - 1]; i++)
		usleep(1000);
	CHECK(words[SHARED_SIZE / 8 - 1]);
	seedchip_module_unload(module);
	return seedchip_queue_mark(user->queue);
}

static void works(unsigned int index)
{
	uint64_t sums[GROUPS];
	struct computer c;

	computer_open(&c, index);
	computer_sum(&c, c.own, sums);
	CHECK_EQ(sums[0], 0);
	computer_close(&c);
}

/* It has met a fault, and the card, which has number @index now, computes as before. */
static void hammering_ends(struct seedchip_event event, struct computer *maker,
			   struct computer *user, unsigned int index)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };

	CHECK_EQ(seedchip_event_wait(event, LIMIT), -EIO);
	CHECK_EQ(seedchip_event_fault(event, &fault), 0);
	CHECK_EQ(fault.status, SC_STATUS_FAULT);
	computer_close(user);
	computer_close(maker);
	works(index);
}

static void maker_goes_at_work(void)
{
	unsigned int rounds = card_rounds(3, 100);
	struct computer maker, user;
	struct seedchip_event event;

	needs_p2pdma();
	for (unsigned int i = 0; i < rounds; i++) {
		event = start_hammering(MAKER, &maker, USER, &user);
		sharer_unbind(&cards[MAKER]);
		hammering_ends(event, &maker, &user, USER - 1);
		sharer_rebind(&cards[MAKER]);
	}
}

static void enable_functions(const char *count)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs", cards[FAR].address);
	CHECK_EQ(card_write(path, count), 0);
}

static void functions_go_at_work(void)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct computer maker, user;
	struct seedchip_event event;

	needs_p2pdma();
	if (!functions)
		tap_skip("these are cards");
	/* what the card uses */
	event = start_hammering(MAKER, &maker, FAR, &user);
	enable_functions("0");
	hammering_ends(event, &maker, &user, FAR);
	enable_functions("2");
	/* with the card, whose memory one of them uses */
	event = start_hammering(FAR, &maker, USER, &user);
	sharer_unbind(&cards[FAR]);
	CHECK_EQ(seedchip_event_wait(event, LIMIT), -EIO);
	CHECK_EQ(seedchip_event_fault(event, &fault), 0);
	CHECK_EQ(fault.status, SC_STATUS_LOST);
	computer_close(&user);
	computer_close(&maker);
	sharer_rebind(&cards[FAR]);
	works(FAR);
	enable_functions("2");
	both_ways();
}

/*
 * The system sleeps, but for the power. Whichever of the two goes to sleep first, what both had is
 * lost, nothing of it goes on when they wake, and they share anew.
 */
static void sleep_at_work(void)
{
	struct seedchip_fault fault = { .size = sizeof(fault) };
	struct computer maker, user;
	struct seedchip_event event;
	volatile uint64_t *words;

	needs_p2pdma();
	if (functions)
		tap_skip("these sleep with their card, which sriov tests");
	event = start_hammering(MAKER, &maker, USER, &user);
	CHECK_EQ(card_write("/sys/power/pm_test", "devices"), 0);
	CHECK_EQ(card_write("/sys/power/state", "mem"), 0);
	CHECK_EQ(card_write("/sys/power/pm_test", "none"), 0);
	CHECK_EQ(seedchip_event_wait(event, LIMIT), -EIO);
	CHECK_EQ(seedchip_event_fault(event, &fault), 0);
	CHECK_EQ(fault.status, SC_STATUS_LOST);
	words = maker.map;
	for (int i = 0; i < 100; i++) {
		words[SHARED_SIZE / 8 - 1] = i;
		usleep(1000);
		CHECK_EQ(words[SHARED_SIZE / 8 - 1], i);
	}
	computer_close(&user);
	computer_close(&maker);
	works(MAKER);
	works(USER);
	both_ways();
}

/* The last test, since the card does not come back. */
static void maker_is_pulled_out(void)
{
	struct computer maker, user;
	struct seedchip_event event;
	char path[128];

	needs_p2pdma();
	if (functions)
		tap_skip("functions are not pulled out one by one");
	event = start_hammering(MAKER, &maker, USER, &user);
	CHECK_EQ(card_set_property("near0", "surprise-remove", "true"), 0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", cards[MAKER].address);
	CHECK(card_gone_soon(path));
	hammering_ends(event, &maker, &user, USER - 1);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ "without P2PDMA a neighbour's memory: EOPNOTSUPP", without_p2pdma },
		{ "memory of a card at another root port: EOPNOTSUPP", no_way },
		{ "memory that the BAR need not show: EOPNOTSUPP", beyond_the_bar },
		{ "a neighbour's memory is read and written", both_ways },
		{ "a neighbour's memory is copied and computed with", computes },
		{ "a card whose memory is used stays awake", stays_awake },
		{ "the maker goes: its memory faults, the rest does not", maker_goes },
		{ "the maker has gone: ENODEV", too_late },
		{ "the user goes", user_goes },
		{ "the maker goes at work", maker_goes_at_work },
		{ "a neighbour's memory is used as before", both_ways },
		{ "virtual functions go at work", functions_go_at_work },
		{ "the system sleeps at work", sleep_at_work },
		{ "the maker is pulled out at work", maker_is_pulled_out },
	};

	static const struct tap_test tests_apart[] = {
		{ "memory of a function behind an untrusted bridge: EOPNOTSUPP", apart },
	};

	if (!find_cards()) {
		printf("Bail out! three cards are needed\n");
		return EXIT_FAILURE;
	}
	if (argc > 1 && !strcmp(argv[1], "apart"))
		return TAP_RUN(tests_apart);
	return TAP_RUN(tests);
}
