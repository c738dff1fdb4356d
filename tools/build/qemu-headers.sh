#!/bin/sh
# SPDX-License-Identifier: MIT
#
# qemu-headers.sh: headers to build a device for the installed qemu-system-x86_64.
#
# Prints a folder with include/ and generated/, made from Debian's source package of the
# installed QEMU: its headers, what scripts/qapi-gen.py makes of its schema, and a hand-made
# config-host.h instead of a configure run.  Kept by the version of the package.

set -eu
# shellcheck source=tools/build/apt.sh
. "$(dirname "$0")/apt.sh"

version=$(dpkg-query -W -f '${source:Version}' qemu-system-x86)
# without the epoch: its colon cannot stand in a path that make reads
dir=$cache/qemu/${version#*:}

if [ -e "$dir/complete" ]; then
	echo "$dir"
	exit 0
fi

lock
[ -e "$dir/complete" ] && { echo "$dir"; exit 0; }
work=$cache/qemu/new.$$
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
cd "$work"

say FETCH "source of qemu $version (headers)"
if ! apt_fetch source "qemu=$version"; then
	# Superseded in the archive: any source of the series has the same headers, and the
	# device compares structure sizes when it is loaded.
	series=$(echo "$version" | sed 's/^[0-9]*://; s/^\([0-9]*\.[0-9]*\).*/\1/')
	other=$(private_apt apt-cache showsrc qemu | sed -n 's/^Version: //p' |
		grep -E "^([0-9]+:)?$(echo "$series" | sed 's/\./\\./')[.+~-]" | head -n 1)
	[ -n "$other" ] || { cat "$apt_dir/log" >&2; die "no source of qemu $series in the archive"; }
	say FETCH "source of qemu $other instead: $version is no longer in the archive"
	apt_fetch source "qemu=$other" || { cat "$apt_dir/log" >&2; die "cannot fetch it"; }
fi

say UNPACK "qemu headers"
dpkg-source -x ./*.dsc src >log 2>&1 || { cat log >&2; die "cannot unpack the source of qemu"; }
mkdir generated
python3 -B src/scripts/qapi-gen.py -o generated/qapi -b src/qapi/qapi-schema.json
mv src/include include
mv src/scripts/checkpatch.pl checkpatch.pl		# for make lint
release=$(cat src/VERSION)
minor=${release#*.}
rm -rf src log qemu_*

# What Debian's configure finds on amd64 and headers look at.  CONFIG_LINUX_IO_URING is left
# out: it only adds to AioContext, which a device knows by pointer, and would need liburing.h.
cat >generated/config-host.h <<-EOF
	#define CONFIG_ATOMIC64 1
	#define CONFIG_BYTESWAP_H 1
	#define CONFIG_EPOLL 1
	#define CONFIG_INT128 1
	#define CONFIG_IOVEC 1
	#define CONFIG_LINUX 1
	#define CONFIG_LINUX_AIO 1
	#define CONFIG_PLUGIN 1
	#define CONFIG_POSIX 1
	#define CONFIG_SYSMACROS 1
	#define CONFIG_TCG 1
	#define CONFIG_XEN_BACKEND 1
	#define HOST_X86_64 1
	#define QEMU_VERSION_MAJOR ${release%%.*}
	#define QEMU_VERSION_MINOR ${minor%%.*}
EOF
: >generated/config-poison.h
touch complete
rm -rf "$dir"
mv "$work" "$dir"
echo "$dir"
