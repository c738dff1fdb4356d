#!/bin/sh
# SPDX-License-Identifier: MIT
#
# kernel.sh: the guest kernel, Debian's own, downloaded and unpacked, never installed.
#
# Prints the folder that holds vmlinux, vmlinuz and lib/modules of exactly the release that
# the installed linux-headers-6.12-amd64 belong to: a module built against those loads there.

set -eu
# shellcheck source=tools/build/apt.sh
. "$(dirname "$0")/apt.sh"

meta=linux-headers-6.12-amd64

# "linux-headers-6.12.117+deb12-amd64 (= 6.12.117-1~deb12u1), ..." of the metapackage
depends=$(dpkg-query -W -f '${Depends}' $meta)
release=$(echo "$depends" | sed -n 's/^linux-headers-\([^ ]*\) .*/\1/p')
version=$(echo "$depends" | sed -n 's/.*(= \([^)]*\)).*/\1/p')
[ -n "$release" ] && [ -n "$version" ] || die "cannot read a kernel release from $meta: $depends"
dir=$cache/kernel/$version

if [ -e "$dir/complete" ]; then
	echo "$dir"
	exit 0
fi

lock
[ -e "$dir/complete" ] && { echo "$dir"; exit 0; }
work=$cache/kernel/new.$$
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
cd "$work"

say FETCH "linux-image-$release $version"
if ! apt_fetch download "linux-image-$release=$version"; then
	cat "$apt_dir/log" >&2
	die "the archive no longer has kernel $version, which the installed headers are for; run:
  apt-get update && apt-get install $meta"
fi
say UNPACK "linux-image-$release"
dpkg-deb -x linux-image-*.deb .
rm linux-image-*.deb
mv "boot/vmlinuz-$release" vmlinuz
mv "boot/config-$release" config
mv "boot/System.map-$release" System.map
rm -rf boot usr
PATH=$PATH:/sbin:/usr/sbin depmod -b . "$release"

# QEMU starts the uncompressed kernel at its PVH entry point: a second less per boot under TCG.
# Where its payload lies is said by the header (Documentation/arch/x86/boot.rst).
field() {
	od -An -t "u$2" -j "$1" -N "$2" vmlinuz | tr -d ' '
}
start=$(( ($(field 0x1f1 1) + 1) * 512 + $(field 0x248 4) ))
tail -c "+$((start + 1))" vmlinuz | head -c "$(field 0x24c 4)" >payload
zstd -qdc payload >vmlinux 2>/dev/null || [ -s vmlinux ] || die "vmlinuz $release: unknown payload"
rm payload
echo "$release" >release
touch complete
rm -rf "$dir"
mv "$work" "$dir"
echo "$dir"
