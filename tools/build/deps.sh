#!/bin/bash
# SPDX-License-Identifier: MIT
#
# deps.sh PURPOSE...: install the Debian packages of tools/build/deps that are missing.
#
# As root or through sudo; otherwise the one line to run is printed and the build stops.
# Costs one dpkg-query when nothing is missing, as every make run calls it.

set -euo pipefail

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
missing=$({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' $packages 2>/dev/null || true; } |
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

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Of apt's many lines only the sizes are shown, unless it fails.  env: sudo drops the variable.
apt() {
	if ! $root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
		"$@" </dev/null 2>&1 | tee "$log" |
		sed -nu 's/^\(Need to get\|Fetched\|[0-9]* upgraded,\)/  APT     &/p' >&2; then
		return 1
	fi
}

echo "  APT     $missing" >&2
# shellcheck disable=SC2086
# shellcheck disable=SC2086
$root apt-get install -y --no-install-recommends -s $missing >/dev/null 2>&1 || apt update
# A package list that is there may be older than the archive: then a download fails.
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing || {
	apt update
	apt install -y --no-install-recommends $missing || {
		cat "$log" >&2
		if grep -q 'Unable to locate package' "$log"; then
			echo "seedchip: the packages are in Debian 12 and its security updates;" \
				"do apt's sources have both (bookworm, bookworm-security)?" >&2
		fi
		exit 1
	}
}
