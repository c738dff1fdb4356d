# SPDX-License-Identifier: MIT
# make docs: the tables and quotations in the pages follow their sources.
host-progs += tools/docs/docgen
tools/docs-cflags := -I/usr/include/libdrm

docs: $O/tools/docs/docgen
	$(Q)$< README.md CONTRIBUTING.md docs/*.md
.PHONY: docs
