#!/bin/sh
# SPDX-License-Identifier: MIT
#
# debug-kernel.sh: a guest kernel that checks the driver: KASAN, lockdep, kmemleak, DMA debugging,
# fault injection (debug-kernel.config), from the source of the kernel that kernel.sh unpacks.
#
# Prints a folder as kernel.sh does, with the headers to build modules against in headers/. It is
# kept by what it was made from: version, configuration and this script. Takes some ten minutes.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/build/apt.sh
. "$here/apt.sh"

version=$(dpkg-query -W -f '${Version}' linux-headers-6.12-amd64)
key=$(cat "$here/debug-kernel.sh" "$here/debug-kernel.config" | sha256sum | cut -c 1-12)
dir=$cache/debug-kernel/$version-$key

if [ -e "$dir/complete" ]; then
	echo "$dir"
	exit 0
fi

mkdir -p "$cache/debug-kernel"
exec 8>"$cache/debug-kernel/lock"	# the cache's own lock is for the fetching alone
flock 8
[ -e "$dir/complete" ] && { echo "$dir"; exit 0; }
work=$cache/debug-kernel/new.$$
out=$work/out
mkdir -p "$out"
trap 'rm -rf "$work"' EXIT
cd "$work"

lock
say FETCH "linux-source-6.12 $version"
apt_fetch download "linux-source-6.12=$version" || { cat "$apt_dir/log" >&2; die "cannot fetch it"; }
flock -u 9
say UNPACK "linux-source-6.12"
dpkg-deb --fsys-tarfile linux-source-*.deb | tar -xO ./usr/src/linux-source-6.12.tar.xz |
	tar -xJ --strip-components=1
rm linux-source-*.deb

# Helpers that no driver of this small kernel selects
cat >>drivers/gpu/drm/Kconfig <<'KCONFIG'
config SEEDCHIP_HELPERS
	tristate "helpers for seedchip"
	depends on DRM
	select DRM_BUDDY
	select DRM_EXEC
	select DRM_GEM_SHMEM_HELPER
	select DRM_GPUVM
	select DRM_SCHED
	select MMU_NOTIFIER
	select WANT_DEV_COREDUMP
KCONFIG

unset MAKEFLAGS MFLAGS MAKELEVEL BUILD O CC V
build() {
	make -s -j"$(nproc)" ARCH=x86 KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=seedchip \
		KBUILD_BUILD_HOST=seedchip "$@" >>log 2>&1 </dev/null 8>&- 9>&- ||
		{ tail -n 30 log >&2; die "the debug kernel does not build"; }
}
say KCONFIG "$here/debug-kernel.config"
build KCONFIG_ALLCONFIG="$here/debug-kernel.config" allnoconfig
lost=$(grep '^CONFIG' "$here/debug-kernel.config" | grep -vxFf .config) || true
[ -z "$lost" ] || die "not in this kernel: $lost"

say KERNEL "debug kernel, some ten minutes"
build vmlinux bzImage modules
build INSTALL_MOD_PATH="$out" INSTALL_MOD_STRIP=1 modules_install
build run-command KBUILD_RUN_COMMAND="\$(srctree)/scripts/package/install-extmod-build $out/headers"
cp .config "$out/config"
cp System.map "$out"
make -s kernelrelease >"$out/release"
strip -o "$out/vmlinux" vmlinux
cp arch/x86/boot/bzImage "$out/vmlinuz"
rm -f "$out/lib/modules/$(cat "$out/release")/build"
touch "$out/complete"
rm -rf "$dir"
mv "$out" "$dir"
echo "$dir"
