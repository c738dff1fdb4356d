// SPDX-License-Identifier: MIT
/*
 * seedchip-coredump: print a device core dump of the driver.
 *
 *	seedchip-coredump /sys/class/devcoredump/devcd1/data [KERNELS.elf]
 *
 * Names come from the tables in uapi/. With a module's ELF file the place of the
 * fault is looked for in it, by the instructions around pc.
 *
 * Invariant: the file is not trusted; nothing is read beyond its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "seedchip_coredump.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct reg {
	const char *name;
	uint32_t offset;
};

#define REG(name, offset, width, access, when, valid, reset, text) { #name, offset },
static const struct reg device_regs[] = { SC_REG_TABLE(REG) };
static const struct reg context_regs[] = { SC_CONTEXT_TABLE(REG) };
static const struct reg queue_regs[] = { SC_QUEUE_TABLE(REG) };

static const struct bit {
	const char *name;
	unsigned int bit;
} ptes[] = {
#define PTE(name, bit, text) { #name, bit },
	SC_PTE_TABLE(PTE)
}, flags[] = {
#define FLAG(name, number, text) { #name, __builtin_ctz(number) },
	SC_FLAG_TABLE(FLAG)
};

struct number {
	unsigned int number;
	const char *name;
	const char *text;
};

#define STATUS(name, number, err, text) { number, #name, text },
#define CODE(name, number, status, text) { number, #name, text },
#define ENGINE(name, number, text) { number, #name, text },
static const struct number statuses[] = { SC_STATUS_TABLE(STATUS) };
static const struct number codes[] = { SC_CODE_TABLE(CODE) };
static const struct number engines[] = { SC_ENGINE_TABLE(ENGINE) };
static const struct number states[] = { SC_QUEUE_STATE_TABLE(ENGINE) };

static const char *const x_names[] = { "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
				       "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
				       "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7",
				       "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6" };

/* The dump, and what other sections need of one. */
static uint8_t *dump;
static size_t dump_size;
static struct sc_fault fault;
static bool has_fault;
static uint64_t retired;

static const char *find(const struct number *table, size_t count, unsigned int number,
			const char **text)
{
	for (size_t i = 0; i < count; i++) {
		if (table[i].number != number)
			continue;
		if (text)
			*text = table[i].text;
		return table[i].name;
	}
	if (text)
		*text = "not known to this version";
	return "?";
}

static const char *reg_name(const struct reg *table, size_t count, uint32_t offset)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].offset == offset)
			return table[i].name;
	return "?";
}

static void print_bits(const struct bit *table, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++)
		if (value >> table[i].bit & 1)
			printf(" %s", table[i].name);
}

static void print_regs(const char *title, const struct reg *table, size_t count, const void *data,
		       size_t size)
{
	const struct sc_coredump_reg *regs = data;

	printf("\n%s\n", title);
	for (size_t i = 0; i < size / sizeof(*regs); i++) {
		const char *name = reg_name(table, count, regs[i].offset);

		if (!regs[i].width)
			continue;
		printf("  0x%03x %-18s 0x%" PRIx64, regs[i].offset, name, (uint64_t)regs[i].value);
		if (table == queue_regs && regs[i].offset == SC_Q_STATUS)
			printf(" %s%s",
			       find(states, COUNT(states), SC_QUEUE_STATE(regs[i].value), NULL),
			       regs[i].value & SC_QUEUE_BUSY ? " BUSY" : "");
		printf("\n");
	}
}

#define MEMBER_FIELD(member, value) printf("  %-12s 0x%" PRIx64 "\n", member, (uint64_t)(value));
#define MEMBER_RSV(member, value)
#define FAULT_MEMBER(type, member, use, text) MEMBER_##use(#member, f->member)

static void print_fault(const struct sc_fault *f)
{
	const char *text;
	const char *code = find(codes, COUNT(codes), f->code, &text);

	printf("\n%s/%s: %s; engine %s, packet %" PRIu64 "%s\n",
	       find(statuses, COUNT(statuses), f->status, NULL), code, text,
	       find(engines, COUNT(engines), f->engine, NULL), (uint64_t)f->index,
	       f->flags & SC_FAULT_IMPRECISE ? "; the hart had gone on" : "");
	SC_FAULT_MEMBERS(FAULT_MEMBER)
}

static void print_queue(uint32_t id, const struct sc_coredump_queue *q)
{
	printf("\nQueue %u: handle %u, context %u, priority %u, epoch %u, ring of %u slots\n", id,
	       q->handle, q->context, q->priority, q->epoch, 1u << (q->ring_log2 & 31));
	printf("  write %" PRIu64 ", retired %" PRIu64 ", rung %" PRIu64 ", armed %" PRId64 "\n",
	       (uint64_t)q->write, (uint64_t)q->retired, (uint64_t)q->rung, (int64_t)q->armed);
	printf("  %u jobs, %u of them waiting for fences of others; timeout %u ms\n", q->jobs,
	       q->gated, q->timeout_ms);
}

#define STATE_MEMBER(type, member, use, text) MEMBER_##use(#member, s->member)

static void print_state(const struct sc_queue_state *s)
{
	printf("\nQueue state page\n");
	SC_QUEUE_STATE_MEMBERS(STATE_MEMBER)
}

/* Members of a packet in order, from offset 8. */
struct member {
	const char *name;
	size_t size;
	bool shown;
};

#define SHOWN_FIELD true
#define SHOWN_RSV   false
#define MEMBER(type, member, use, text) { #member, sizeof(type), SHOWN_##use },
#define MEMBERS(name, number, flags, who, text) \
	static const struct member members_##name[] = { SC_PKT_##name(MEMBER) };
SC_OP_TABLE(MEMBERS)

static const struct op {
	unsigned int number;
	const char *name;
	const struct member *members;
	size_t count;
} ops[] = {
#define OP(name, number, flags, who, text) { number, #name, members_##name, COUNT(members_##name) },
	SC_OP_TABLE(OP)
};

static void print_member(const struct member *m, const uint8_t *at)
{
	uint64_t value = 0;

	if (m->size > sizeof(value)) {
		printf(" %s=", m->name);
		for (size_t i = 0; i < m->size; i++)
			printf("%02x", at[i]);
		return;
	}
	memcpy(&value, at, m->size);
	printf(" %s=0x%" PRIx64, m->name, value);
}

static void print_packet(const struct sc_packet *p)
{
	const uint8_t *at = (const uint8_t *)p->body;
	const struct op *op = NULL;

	for (size_t i = 0; i < COUNT(ops); i++)
		if (ops[i].number == SC_HDR_OP(p->hdr))
			op = &ops[i];
	printf("%s", op ? op->name : "?");
	print_bits(flags, COUNT(flags), SC_HDR_FLAGS(p->hdr));
	printf(" tag=0x%x", p->tag);
	if (!op)
		printf(" header=0x%08x", p->hdr);
	for (size_t i = 0; op && i < op->count; at += op->members[i++].size)
		if (op->members[i].shown)
			print_member(&op->members[i], at);
	printf("\n");
}

static void print_ring(uint32_t first, const struct sc_packet *packets, size_t count)
{
	/* The section has the low half of the index; the rest is near RETIRED. */
	uint64_t index = retired + (int32_t)(first - (uint32_t)retired);

	printf("\nPackets (> is the first that has not retired)\n");
	for (size_t i = 0; i < count; i++, index++) {
		printf("%c %8" PRIu64 " ", index == retired ? '>' : ' ', index);
		print_packet(&packets[i]);
	}
}

static void print_walk(uint32_t id, const struct sc_coredump_walk *w)
{
	printf("\nTranslation of %s 0x%" PRIx64 "\n", id ? "pc" : "the address", (uint64_t)w->va);
	for (uint32_t i = 0; i < w->levels && i < SC_COREDUMP_LEVELS; i++) {
		printf("  level %u, entry at card 0x%" PRIx64 ": 0x%016" PRIx64,
		       SC_COREDUMP_LEVELS - 1 - i, (uint64_t)w->table[i], (uint64_t)w->entry[i]);
		if (w->entry[i] & SC_PTE_VALID)
			print_bits(ptes, COUNT(ptes), w->entry[i]);
		else
			printf(" not valid");
		printf("\n");
	}
}

static void print_core(uint32_t core, const uint8_t *data, size_t size)
{
	const struct sc_core_dump *c = (const void *)data;
	size_t vector = (size - sizeof(*c)) / 32 / 4 * 4;

	printf("\nCore %u\n  pc 0x%" PRIx64 ", %" PRIu64 " instructions, fcsr 0x%" PRIx64
	       ", vtype 0x%" PRIx64 ", vl %" PRIu64 ", vstart %" PRIu64 ", vcsr 0x%" PRIx64 "\n",
	       core, (uint64_t)c->pc, (uint64_t)c->insns, (uint64_t)c->fcsr, (uint64_t)c->vtype,
	       (uint64_t)c->vl, (uint64_t)c->vstart, (uint64_t)c->vcsr);
	for (unsigned int i = 0; i < 32; i++)
		printf("%s  %-4s 0x%016" PRIx64, i && i % 4 == 0 ? "\n" : "", x_names[i],
		       (uint64_t)c->x[i]);
	for (unsigned int i = 0; i < 32; i++)
		printf("%s  f%-3u 0x%016" PRIx64, i % 4 == 0 ? "\n" : "", i, (uint64_t)c->f[i]);
	printf("\n  counters");
	for (unsigned int i = 0; i < COUNT(c->counters); i++)
		printf(" %d", c->counters[i]);
	printf("\n");
	for (unsigned int i = 0; i < 32 && vector; i++) {
		const uint8_t *v = data + sizeof(*c) + i * vector;
		size_t used = vector;

		while (used && !v[used - 1])
			used--;
		printf("  v%-2u", i);
		for (size_t k = 0; k < (used + 3) / 4 * 4; k += 4)
			printf(" %02x%02x%02x%02x", v[k + 3], v[k + 2], v[k + 1], v[k]);
		printf("%s\n", used < vector ? " 0..." : "");
	}
}

/* --- the place in an ELF file --- */

/* The function of @elf that holds @address. */
static const char *symbol_at(Elf *elf, uint64_t address, uint64_t *offset)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	GElf_Sym sym;

	while ((section = elf_nextscn(elf, section))) {
		Elf_Data *data = elf_getdata(section, NULL);

		if (!gelf_getshdr(section, &header) || !data || !header.sh_entsize ||
		    (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM))
			continue;
		for (int i = 0; gelf_getsym(data, i, &sym); i++) {
			if (GELF_ST_TYPE(sym.st_info) != STT_FUNC || address < sym.st_value ||
			    address - sym.st_value >= sym.st_size)
				continue;
			*offset = address - sym.st_value;
			return elf_strptr(elf, header.sh_link, sym.st_name);
		}
	}
	return NULL;
}

/* Where the executable part of @elf holds these bytes, if it does once. */
static bool code_in(Elf *elf, const uint8_t *code, size_t size, uint64_t *address)
{
	size_t length, count = 0, found = 0;
	const char *image = elf_rawfile(elf, &length);
	GElf_Phdr ph;

	if (!size) /* would be everywhere */
		return false;
	elf_getphdrnum(elf, &count);
	for (size_t i = 0; image && i < count; i++) {
		const char *at, *start, *end;

		if (!gelf_getphdr(elf, i, &ph) || ph.p_type != PT_LOAD || !(ph.p_flags & PF_X) ||
		    ph.p_offset > length || ph.p_filesz > length - ph.p_offset)
			continue;
		start = image + ph.p_offset;
		end = start + ph.p_filesz;
		for (at = start; (at = memmem(at, end - at, code, size)); at++) {
			*address = ph.p_vaddr + (at - start);
			found++;
		}
	}
	return found == 1;
}

/* By what follows pc, or if that goes beyond the module's code, by what precedes it. */
static bool pc_in(Elf *elf, const uint8_t *code, size_t size, size_t before, uint64_t *address)
{
	if (code_in(elf, code + before, size - before, address))
		return true;
	if (!before || !code_in(elf, code, before, address))
		return false;
	*address += before;
	return true;
}

static void locate(const char *path, const uint8_t *code, size_t size, size_t before)
{
	uint64_t address, offset = 0;
	const char *name;
	int fd = open(path, O_RDONLY);
	Elf *elf;

	if (fd < 0) {
		fprintf(stderr, "seedchip-coredump: %s: %s\n", path, strerror(errno));
		return;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		fprintf(stderr, "seedchip-coredump: %s: not an ELF file\n", path);
	} else if (!pc_in(elf, code, size, before, &address)) {
		printf("  these instructions are not, or not once, in %s\n", path);
	} else {
		name = symbol_at(elf, address, &offset);
		printf("  pc is 0x%" PRIx64 " in %s, %s+0x%" PRIx64 "\n", address, path,
		       name ? name : "?", offset);
		printf("  seedchip-objdump -d --start-address=0x%" PRIx64
		       " --stop-address=0x%" PRIx64 " %s\n", address - offset,
		       address + size - before, path);
	}
	elf_end(elf);
	close(fd);
}

static void print_code(uint32_t before, const uint8_t *code, size_t size, const char *elf)
{
	printf("\nInstructions around pc\n");
	for (size_t i = 0; i + 4 <= size; i += 4) {
		uint32_t word;

		memcpy(&word, code + i, sizeof(word));
		printf("%c 0x%" PRIx64 "  %08x\n", i == before ? '>' : ' ',
		       has_fault ? (uint64_t)fault.pc - before + i : (uint64_t)i, word);
	}
	if (elf && before <= size)
		locate(elf, code, size, before);
}

/* --- the file --- */

#define SIZE_OF(name, type) case SC_COREDUMP_##name: return sizeof(struct type);

/* A section of a single structure holds at least that. */
static size_t least(uint32_t type)
{
	switch (type) {
	SIZE_OF(FAULT, sc_fault)
	SIZE_OF(QUEUE, sc_coredump_queue)
	SIZE_OF(STATE, sc_queue_state)
	SIZE_OF(WALK, sc_coredump_walk)
	SIZE_OF(CORE, sc_core_dump)
	}
	return 0;
}

static bool is_around(uint32_t type)
{
	return type != SC_COREDUMP_FAULT && type != SC_COREDUMP_WALK &&
	       type != SC_COREDUMP_CODE && type != SC_COREDUMP_CORE;
}

static void print_section(const struct sc_coredump_section *s, const char *elf)
{
	const void *data = s + 1;
	char title[64];

	switch (s->type) {
	case SC_COREDUMP_FAULT:
		print_fault(data);
		break;
	case SC_COREDUMP_DEVICE_REGS:
		print_regs("Device registers", device_regs, COUNT(device_regs), data,
			   s->size);
		break;
	case SC_COREDUMP_CONTEXT_REGS:
		snprintf(title, sizeof(title), "Registers of context %u", s->id);
		print_regs(title, context_regs, COUNT(context_regs), data, s->size);
		break;
	case SC_COREDUMP_QUEUE_REGS:
		snprintf(title, sizeof(title), "Registers of queue %u", s->id);
		print_regs(title, queue_regs, COUNT(queue_regs), data, s->size);
		break;
	case SC_COREDUMP_QUEUE:
		print_queue(s->id, data);
		break;
	case SC_COREDUMP_STATE:
		print_state(data);
		break;
	case SC_COREDUMP_RING:
		print_ring(s->id, data, s->size / sizeof(struct sc_packet));
		break;
	case SC_COREDUMP_WALK:
		print_walk(s->id, data);
		break;
	case SC_COREDUMP_CODE:
		print_code(s->id, data, s->size, elf);
		break;
	case SC_COREDUMP_CORE:
		print_core(s->id, data, s->size);
		break;
	default:
		printf("\nSection of unknown type %u: %u bytes\n", s->type, s->size);
	}
}

/* The next section at @at, NULL at the end; exits if the file breaks off. */
static const struct sc_coredump_section *next(size_t *at)
{
	const struct sc_coredump_section *s = (const void *)(dump + *at);
	size_t left = dump_size - *at;

	if (!left)
		return NULL;
	if (left < sizeof(*s) || s->size > left - sizeof(*s) || s->size < least(s->type)) {
		fprintf(stderr, "seedchip-coredump: the dump breaks off at byte %zu\n", *at);
		exit(EXIT_FAILURE);
	}
	*at += sizeof(*s) + ((size_t)s->size + 7) / 8 * 8;
	if (*at > dump_size)
		*at = dump_size;
	return s;
}

/* What is printed of one section may need another one. */
static void look_ahead(uint32_t queue)
{
	const struct sc_coredump_section *s;
	size_t at = sizeof(struct sc_coredump_header);

	while ((s = next(&at))) {
		if (s->type == SC_COREDUMP_FAULT) {
			memcpy(&fault, s + 1, sizeof(fault));
			has_fault = true;
		} else if (s->type == SC_COREDUMP_QUEUE && s->id == queue) {
			retired = ((const struct sc_coredump_queue *)(s + 1))->retired;
		}
	}
}

/* A process chooses its name: nothing of it shall move the cursor. */
static void print_name(const char *name, size_t size)
{
	for (size_t i = 0; i < size && name[i]; i++)
		putchar(name[i] >= ' ' && name[i] <= '~' ? name[i] : '?');
}

static void print_header(const struct sc_coredump_header *h)
{
	time_t seconds = h->time / 1000000000;
	char when[64] = "?";

	strftime(when, sizeof(when), "%F %T UTC", gmtime(&seconds));
	printf("SeedChip core dump, version %u, %u bytes, of %s\n", h->version, h->size, when);
	printf("card ");
	print_name(h->card, sizeof(h->card));
	printf(", serial %" PRIu64 ", generation %u\n", (uint64_t)h->serial, h->generation);
	printf("queue %u, ", h->queue);
	if (h->pid) {
		printf("process %u: ", h->pid);
		print_name(h->comm, sizeof(h->comm));
		printf("\n");
	} else {
		printf("%s\n", h->queue ? "whose file was closing" : "the driver's own");
	}
	if (h->truncated)
		printf("%u sections had no room\n", h->truncated);
	if (h->spec_hash != SC_SPEC_HASH)
		printf("made with another version of the hardware's tables: names may be wrong\n");
}

static bool read_file(const char *path)
{
	uint8_t *larger;
	size_t room = 0;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return false;
	do {
		if (dump_size == room) {
			room = room ? room * 2 : 1 << 16;
			larger = realloc(dump, room);
			if (!larger)
				break;
			dump = larger;
		}
		n = read(fd, dump + dump_size, room - dump_size);
		if (n > 0)
			dump_size += n;
	} while (n > 0);
	close(fd);
	return !n;
}

int main(int argc, char **argv)
{
	const struct sc_coredump_section *s;
	const struct sc_coredump_header *h;
	size_t at;

	if (argc < 2 || argc > 3 || argv[1][0] == '-') {
		bool help = argc == 2 && !strcmp(argv[1], "--help");

		fprintf(help ? stdout : stderr,
			"usage: seedchip-coredump DUMP [KERNELS.elf]\n"
			"Print a core dump of a card, /sys/class/devcoredump/devcdN/data; with a\n"
			"module's ELF file also where in it the fault was. Writing to the data file\n"
			"frees the dump.\n");
		return help ? EXIT_SUCCESS : 2;
	}
	if (!read_file(argv[1])) {
		fprintf(stderr, "seedchip-coredump: %s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	h = (const void *)dump;
	if (dump_size < sizeof(*h) || h->magic != SC_COREDUMP_MAGIC) {
		fprintf(stderr, "seedchip-coredump: %s: not a core dump of a card\n", argv[1]);
		return EXIT_FAILURE;
	}
	if (h->version != SC_COREDUMP_VERSION || h->size < sizeof(*h) || h->size > dump_size) {
		fprintf(stderr, "seedchip-coredump: %s: version %u of %u bytes cannot be read\n",
			argv[1], h->version, h->size);
		return EXIT_FAILURE;
	}
	dump_size = h->size;
	print_header(h);
	look_ahead(h->queue);
	/* First where it happened, then what was around. */
	for (int around = 0; around < 2; around++)
		for (at = sizeof(*h); (s = next(&at));)
			if (is_around(s->type) == around)
				print_section(s, argc > 2 ? argv[2] : NULL);
	return EXIT_SUCCESS;
}
