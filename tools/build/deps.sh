#!/bin/sh
# SPDX-License-Identifier: MIT
#
# deps.sh PURPOSE...: install the Debian packages of tools/build/deps that are missing.
#
# As root or through sudo; otherwise the one line to run is printed and the build stops.
# Costs one dpkg-query when nothing is missing, as every make run calls it.

set -eu

cd "$(dirname "$0")"

packages=$(awk -v purposes=" $* " -F: '
	/^[a-z]/ && index(purposes, " " $1 " ") {
		n = split($2, p, " ")
		for (i = 1; i <= n; i++)
			if (!seen[p[i]]++)
				print p[i]
	}' deps)

if ! command -v dpkg-query >/dev/null; then
	echo "seedchip: this is not a Debian system; needed are the equivalents of:" >&2
	echo "$packages" | tr '\n' ' ' >&2
	exit 1
fi

# shellcheck disable=SC2086 # a list
missing=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null |
	awk -v all="$packages" '
		$1 == "installed" { have[$2] = 1 }
		END {
			n = split(all, p, "\n")
			for (i = 1; i <= n; i++)
				if (!(p[i] in have))
					printf "%s ", p[i]
		}')
[ -n "$missing" ] || exit 0

line="apt-get install -y --no-install-recommends $missing"
if [ "$(id -u)" = 0 ]; then
	root=
elif command -v sudo >/dev/null && { [ -t 2 ] || sudo -n true 2>/dev/null; }; then
	root=sudo
else
	echo "seedchip: Debian packages are missing; run as root:" >&2
	echo "  $line" >&2
	exit 1
fi

# env: sudo drops the variable otherwise
apt() {
	$root env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" </dev/null
}

echo "  APT     $missing" >&2
# shellcheck disable=SC2086
if ! apt install -y --no-install-recommends -s $missing >/dev/null 2>&1; then
	apt update >&2
fi
# A package list that is there may be older than the archive: then a download fails.
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing >&2 || {
	apt update >&2
	apt install -y --no-install-recommends $missing >&2
}
