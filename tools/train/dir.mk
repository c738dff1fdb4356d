# SPDX-License-Identifier: MIT
# The demo's network: its trainer, its reader and integer reference, its shipped weights.

static-libs += tools/train/libfashion.a
tools/train/libfashion.a-srcs := tools/train/idx.c tools/train/reference.c

# Contracting a*b+c would give other weights where the compiler may use FMA; -O3 is twice as fast.
host-progs += tools/train/fashion-train
tools/train/fashion-train-uses := tools/train/libfashion.a
tools/train/fashion-train-libs := -lz
tools/train-cflags := -ffp-contract=off -O3

unit-tests += tests/unit/test_fashion
tests/unit/test_fashion-uses := tools/train/libfashion.a
tests/unit/test_fashion-libs := -lz

# Trains anew, under a minute, and compares with the weights in the tree.
train: $O/tools/train/fashion-train
	$(Q)$< $O/tools/train/fashion.sdw
	$(Q)cmp $O/tools/train/fashion.sdw tools/train/fashion.sdw
	@echo "the same as tools/train/fashion.sdw"
.PHONY: train
