#!/bin/sh
# SPDX-License-Identifier: MIT
#
# kbuild-mirror.sh DIR: a mirror of links to the driver's sources in DIR, for kbuild, which
# writes its outputs beside the sources.  Links whose file is gone are removed; in a build folder
# that came from elsewhere they are set anew.

set -eu

dir=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
cd "$top"

find driver uapi -type d | while read -r d; do
	mkdir -p "$dir/$d"
done
find Kbuild driver uapi -type f -name '[!.]*' | while read -r f; do
	[ "$(readlink "$dir/$f")" = "$top/$f" ] || ln -sf "$top/$f" "$dir/$f"
done
find "$dir" -xtype l -delete
