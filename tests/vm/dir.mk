# SPDX-License-Identifier: MIT
vm-progs += tests/vm/qmp
vm-files += tests/vm/gdb-symbols:/bin/ tests/vm/tap.sh:/lib/
