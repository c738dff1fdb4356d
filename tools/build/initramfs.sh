#!/bin/sh
# SPDX-License-Identifier: MIT
#
# initramfs.sh KERNEL_DIR INIT OUT: the part of the test VM's initramfs that does not change
# with the project: busybox, our init, and the guest kernel's modules of tests/vm/modules.
# The project's own files come as a second archive behind it (overlay.sh).

set -eu

kernel=$1
init=$2
out=$3
top=$(dirname "$0")/../..
release=$(cat "$kernel/release")
root=$out.root
PATH=$PATH:/sbin:/usr/sbin

rm -rf "$root"
mkdir -p "$root"
for d in bin sbin usr/bin usr/sbin lib lib64 lib/modules etc dev proc sys tmp run root; do
	mkdir -p "$root/$d"
done
cp "$init" "$root/init"
cp "$(command -v busybox)" "$root/bin/busybox"
"$root/bin/busybox" --list | while read -r applet; do
	[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
echo "root:x:0:0:root:/root:/bin/sh" >"$root/etc/passwd"
echo "nobody:x:65534:65534:nobody:/tmp:/bin/sh" >>"$root/etc/passwd"
echo "root:x:0:" >"$root/etc/group"

# What an interactive shell reads (init.c sets ENV); a login shell would read /etc/profile too
cat >"$root/etc/shrc" <<'EOF'
PS1='seedchip-vm:\w# '
alias ll='ls -l'
if [ "$PPID" = 1 ]; then
	echo "cards: $(ls /dev/accel 2>/dev/null | xargs | sed 's/^$/none, see dmesg/')"
	echo "hello runs the example of /examples; tests are in /tests, kernels in /usr/lib/seedchip;"
	echo "qmp COMMAND talks to QEMU; exit ends the VM"
fi
EOF

# insmod lines in load order, dependencies first; each module once
files() {
	names=$(awk -v how="$1" '$1 == how { print $2 }' "$top/tests/vm/modules")
	# shellcheck disable=SC2086
	[ -z "$names" ] || modprobe -d "$kernel" -S "$release" --show-depends -a $names |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}
: >"$root/lib/modules/base.list"
for how in load have; do
	files $how | while read -r file; do
		name=$(basename "$file" .xz)
		xz -dc "$file" >"$root/lib/modules/$name"
		[ $how = have ] || echo "/lib/modules/$name" >>"$root/lib/modules/base.list"
	done
done

(cd "$root" && find . | sort | cpio -o -H newc --quiet -R 0:0) >"$out.tmp"
rm -rf "$root"
mv "$out.tmp" "$out"
