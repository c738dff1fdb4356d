# SPDX-License-Identifier: MIT
vm-progs += tests/vm/qmp
