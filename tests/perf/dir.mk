# SPDX-License-Identifier: MIT
host-tests += tests/perf/perf.py
tests/perf/perf.py-needs := $O/tools/perf/seedchip-perf $O/tests/docs/guide \
	$O/tests/docs/guide_kernels.elf $(wildcard tools/perf/configs/*.conf) docs/perf.md
