// SPDX-License-Identifier: MIT
/* Memory from elsewhere: of this process, and shared as dma-bufs. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

#define PAGE 4096u
#define SIZE (8 * PAGE)

static unsigned char *new_pages(void)
{
	void *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 0x11, SIZE);
	return p;
}

static void copy(struct card *c, struct seedchip_buffer *dst, struct seedchip_buffer *src)
{
	OK(seedchip_copy(c->queue, seedchip_buffer_address(dst), seedchip_buffer_address(src),
			 SIZE));
	OK(seedchip_event_wait(seedchip_queue_mark(c->queue), LIMIT));
}

static void test_wrap(void)
{
	struct card c = open_card(0);
	unsigned char *a = new_pages(), *b = new_pages();
	struct seedchip_buffer *from, *to;
	void *p;

	OK(seedchip_buffer_wrap(c.dev, a, SIZE, SEEDCHIP_READ_ONLY, &from));
	OK(seedchip_buffer_wrap(c.dev, b, SIZE, 0, &to));
	CHECK_EQ(seedchip_buffer_size(to), SIZE);
	OK(seedchip_buffer_map(to, &p));
	CHECK(p == b);
	a[0] = 1;
	a[SIZE - 1] = 2;
	copy(&c, to, from);
	CHECK_EQ(b[0], 1);
	CHECK_EQ(b[1], 0x11);
	CHECK_EQ(b[SIZE - 1], 2);
	/* What is read-only is not written. */
	OK(seedchip_fill(c.queue, seedchip_buffer_address(from), 0, 8));
	CHECK_EQ(seedchip_event_wait(seedchip_queue_mark(c.queue), LIMIT), -EIO);
	OK(seedchip_queue_recover(c.queue));
	CHECK_EQ(a[0], 1);
	seedchip_buffer_destroy(from);
	seedchip_buffer_destroy(to);
	/* Still the process's own. */
	CHECK_EQ(b[SIZE - 1], 2);
	munmap(a, SIZE);
	munmap(b, SIZE);
	close_card(&c);
}

static void test_bad_wrap(void)
{
	struct card c = open_card(0);
	unsigned char *a = new_pages();
	struct seedchip_buffer *buffer;

	FAILS(seedchip_buffer_wrap(c.dev, a + 8, PAGE, 0, &buffer), -EINVAL, "page size, 4096");
	FAILS(seedchip_buffer_wrap(c.dev, a, PAGE + 8, 0, &buffer), -EINVAL, "page size");
	FAILS(seedchip_buffer_wrap(c.dev, a, 0, 0, &buffer), -EINVAL, "page size");
	FAILS(seedchip_buffer_wrap(c.dev, a, PAGE, SEEDCHIP_CPU, &buffer), -EINVAL, "flags 0x4");
	munmap(a + SIZE - PAGE, PAGE);
	FAILS(seedchip_buffer_wrap(c.dev, a, SIZE, 0, &buffer), -EFAULT, "ordinary memory");
	munmap(a, SIZE - PAGE);
	close_card(&c);
}

#ifdef SIM

static void test_dmabuf(void)
{
	struct card c = open_card(0);
	struct seedchip_buffer *buffer, *other;
	int fd;

	OK(seedchip_buffer_create(c.dev, SIZE, SEEDCHIP_SYSTEM, &buffer));
	FAILS(seedchip_buffer_export_dmabuf(buffer, &fd), -EOPNOTSUPP, "simulator");
	FAILS(seedchip_buffer_import_dmabuf(c.dev, 0, 0, &other), -EOPNOTSUPP, "simulator");
	seedchip_buffer_destroy(buffer);
	close_card(&c);
}

#else

/* Through a second device of the process, and back into the first. */
static void share(uint32_t flags)
{
	struct card a = open_card(0), b = open_card(0);
	struct seedchip_buffer *made, *taken, *again;
	unsigned char *p, *q;
	int fd;

	OK(seedchip_buffer_create(a.dev, SIZE, flags, &made));
	OK(seedchip_buffer_map(made, (void **)&p));
	OK(seedchip_buffer_export_dmabuf(made, &fd));
	OK(seedchip_buffer_import_dmabuf(b.dev, fd, 0, &taken));
	OK(seedchip_buffer_import_dmabuf(a.dev, fd, 0, &again));
	close(fd);
	CHECK_EQ(seedchip_buffer_size(taken), SIZE);
	CHECK(seedchip_buffer_address(again) != seedchip_buffer_address(made));
	OK(seedchip_fill(b.queue, seedchip_buffer_address(taken), 0x0707070707070707, SIZE));
	OK(seedchip_event_wait(seedchip_queue_mark(b.queue), LIMIT));
	CHECK_EQ(p[0], 7);
	CHECK_EQ(p[SIZE - 1], 7);
	/* One handle of the kernel's, two buffers of ours: each goes by itself. */
	seedchip_buffer_destroy(made);
	OK(seedchip_fill(a.queue, seedchip_buffer_address(again), 0x0909090909090909, SIZE));
	OK(seedchip_event_wait(seedchip_queue_mark(a.queue), LIMIT));
	OK(seedchip_buffer_map(again, (void **)&p));
	OK(seedchip_buffer_map(taken, (void **)&q));
	CHECK_EQ(p[SIZE - 1], 9);
	CHECK_EQ(q[SIZE - 1], 9);
	seedchip_buffer_destroy(again);
	close_card(&a);
	CHECK_EQ(q[0], 9);
	seedchip_buffer_destroy(taken);
	close_card(&b);
}

static void test_dmabuf(void)
{
	struct card c = open_card(0);
	unsigned char *a = new_pages();
	struct seedchip_buffer *buffer;
	int fd;

	share(SEEDCHIP_SYSTEM);
	share(SEEDCHIP_CARD | SEEDCHIP_CPU);
	OK(seedchip_buffer_wrap(c.dev, a, SIZE, 0, &buffer));
	FAILS(seedchip_buffer_export_dmabuf(buffer, &fd), -EOPNOTSUPP, "memory of a process");
	seedchip_buffer_destroy(buffer);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	FAILS(seedchip_buffer_import_dmabuf(c.dev, fd, 0, &buffer), -EINVAL, "dma-buf");
	close(fd);
	FAILS(seedchip_buffer_import_dmabuf(c.dev, 0, 0x10, &buffer), -EINVAL, "flags 0x10");
	munmap(a, SIZE);
	close_card(&c);
}

#endif

int main(void)
{
	static const struct tap_test tests[] = {
		{ "memory of the process", test_wrap },
		{ "memory that cannot be wrapped", test_bad_wrap },
		{ "dma-bufs", test_dmabuf },
	};

	return TAP_RUN(tests);
}
