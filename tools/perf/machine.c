// SPDX-License-Identifier: MIT
/* Machines: their parameters and peaks as text. */
#include <string.h>

#include "perf.h"

void machine_load(const char *config, struct sc_machine *machine)
{
	char text[512];

	if (!config)
		sc_machine_default(machine);
	else if (sc_machine_load(config, machine, text, sizeof(text)))
		fail("%s", text);
}

double machine_peak(const struct sc_machine *m, unsigned int kind)
{
	double rate[] = { m->mac_i8, m->mac_f16, m->mac_f32, m->vector_bits / 32.0 };
	double array = (double)m->array_rows * m->array_columns;

	/* an array does what it has places for; other widths in the ratio of the rates */
	if (m->dataflow != SC_DATAFLOW_TILE && kind < 3)
		rate[kind] *= array / m->mac_i8;
	return 2 * rate[kind] * m->cores * m->clock_mhz * 1e6;
}

void machine_print(const struct sc_machine *m)
{
	static const char *const kinds[] = { "i8, i4, fp8", "f16, bf16", "f32",
					     "f32 by vectors" };
	static const char *const flows[] = {
#define FLOW_WORD(name, word, text) word,
		SC_DATAFLOW_TABLE(FLOW_WORD)
	};
	unsigned int i;

#define PRINT(member, key, least, most, value, text)                                               \
	if (!strcmp(key, "dataflow"))                                                              \
		printf("%-18s %8s   %s\n", key, flows[m->dataflow], text);                         \
	else                                                                                       \
		printf("%-18s %8u   %s\n", key, m->member, text);
	SC_MACHINE_TABLE(PRINT)
	printf("\npeaks\n");
	for (i = 0; i < 4; i++)
		printf("  %-16s %9.2f Top/s   ridge %.0f op/byte\n", kinds[i],
		       machine_peak(m, i) / 1e12, machine_peak(m, i) / (m->dram_gbs * 1e9));
	printf("  %-16s %9.2f GB/s    %.1f bytes a cycle and core\n", "card memory",
	       (double)m->dram_gbs, m->dram_gbs * 1e3 / m->clock_mhz / m->cores);
	if (m->llc_kib)
		printf("  %-16s %9.2f GB/s    %.1f bytes a cycle and core\n", "cache",
		       (double)m->llc_gbs, m->llc_gbs * 1e3 / m->clock_mhz / m->cores);
	printf("  %-16s %9.2f GB/s\n", "host link", (double)m->link_gbs);
}
