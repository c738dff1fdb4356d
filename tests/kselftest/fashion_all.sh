#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `make demo` shows: all images, on a card without strict checks, which applies the
# effects of the engines at other times.
# vm: card=strict=off timeout=120

labels=$(mktemp)
fashion --show 0 --predictions "$labels" &&
	fashion-check "$labels" 10000 /usr/share/seedchip/fashion.sdw \
		/usr/share/datasets/fashion-mnist 87
status=$?
rm -f "$labels"
exit $status
