#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check-kernels.sh: compile the driver, with W=1 and sparse, against the newest kernel headers of
# trixie and trixie-backports.
#
# Their tools need a newer libc than Debian 12 has, so they live in a debootstrap of trixie in the
# cache folder; it is made once, and kept current by apt at each run. Where no such system can be
# made (no root, no network) the exit status is 4 and the last line says why. One line a kernel:
# "ok - RELEASE", or "not ok - RELEASE" after what the compiler said. Where the suite's sparse
# does not understand the kernel's own headers the line says so.

set -u
# shellcheck source=tools/build/apt.sh
. "$(dirname "$0")/apt.sh"

build=${BUILD:-build}
root=$cache/trixie
mirror=http://deb.debian.org/debian
log=$cache/check-kernels.log

skip() {
	echo "SKIP: $*"
	exit 4
}

in_root() {
	unshare -m -p -f --mount-proc="$root/proc" chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "$@"
}

make_root() {
	[ -e "$root/complete" ] && return
	say SUITE "debootstrap of trixie (once, about 400 MB)"
	rm -rf "$root"
	debootstrap --variant=minbase --include=make,sparse,kmod,ca-certificates \
		trixie "$root" "$mirror" >"$log" 2>&1 ||
		skip "debootstrap of trixie failed: $(tail -n 1 "$log")"
	echo "deb $mirror trixie-backports main" >"$root/etc/apt/sources.list.d/backports.list"
	touch "$root/complete"
}

# The newest headers of each suite; prints the releases. Debian leaves out of its newest ones the
# script by which the kernel asks whether sparse works; here it does.
install_headers() {
	local packages name
	in_root apt-get -q update >"$log" 2>&1 ||
		skip "no package lists of trixie: $(tail -n 1 "$log")"
	packages=$(in_root apt-cache show linux-headers-amd64 |
		sed -n 's/^Depends:.*\(linux-headers-[0-9][^ ,]*\).*/\1/p')
	# shellcheck disable=SC2086 # a list
	in_root apt-get -q -y --no-install-recommends install $packages >"$log" 2>&1 ||
		skip "no kernel headers of trixie: $(tail -n 1 "$log")"
	for name in $packages; do
		set -- "$root/usr/src/${name%-amd64}-common/scripts"
		[ -e "$1/checker-valid.sh" ] || printf '#!/bin/sh\necho 1\n' >"$1/checker-valid.sh"
		chmod +x "$1/checker-valid.sh"
		echo "${name#linux-headers-}"
	done
}

# Whether the suite's sparse knows the words that the headers of RELEASE use.
sparse_knows() {
	! grep -rqs __typeof_unqual__ "$root/usr/src/linux-headers-${1%-amd64}-common/include/linux" ||
		! echo 'static __typeof_unqual__(1) x;' | in_root sparse - 2>&1 | grep -q error
}

[ "$(id -u)" = 0 ] || skip "debootstrap needs root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
mkdir -p "$cache" "$build"
exec 9>"$root.lock"
flock 9
make_root
releases=$(install_headers) || { echo "$releases"; exit 4; }
failed=0
for release in $releases; do
	rm -rf "$root/build"
	mkdir -p "$root/build"
	cp -rL Kbuild driver uapi "$root/build"
	sparse=1 note=
	sparse_knows "$release" || sparse=0 note=", without sparse, which is too old for these headers"
	in_root make -C "/lib/modules/$release/build" M=/build W=1 C=$sparse KCFLAGS=-Werror \
		-j"$(nproc)" modules >"$build/check-kernels-$release.log" 2>&1
	status=$?
	if [ $status = 0 ] && ! grep -E 'warning:|error:' "$build/check-kernels-$release.log"; then
		echo "ok - $release$note"
	else
		tail -n 30 "$build/check-kernels-$release.log"
		echo "not ok - $release"
		failed=1
	fi
done
exit $failed
