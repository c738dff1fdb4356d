#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Missing packages: installed as root, one line to run otherwise; nothing is called when all are
# there.  Stand-ins for apt-get, dpkg-query, id and sudo say what they were asked.

set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
deps=$(dirname "$0")/../../tools/build/deps.sh
number=0 failed=0

fake() {
	{ echo '#!/bin/sh'; cat; } >"$dir/$1"
	chmod +x "$dir/$1"
}

# check NAME CONDITION...
check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' "$dir/out" "$dir/calls"
		failed=1
	fi
}

# run UID: with that user's id
run() {
	fake id <<<"echo $1"
	: >"$dir/calls"
	PATH=$dir:$PATH "$deps" vm lint >"$dir/out" 2>&1 </dev/null
	status=$?
}

fake apt-get <<<'echo "apt-get $*" >>"'"$dir"'/calls"'
fake sudo <<<'exit 1'

echo 1..7
fake dpkg-query <<<'shift 3; for p; do echo "installed $p"; done'
run 1000
check "nothing missing: success" [ $status = 0 ]
check "nothing missing: no call, no word" [ ! -s "$dir/calls" -a ! -s "$dir/out" ]

fake dpkg-query <<<'shift 3; for p; do [ $p = sparse ] || echo "installed $p"; done; exit 1'
run 1000
check "a user without sudo: failure" [ $status = 1 ]
check "a user without sudo: the one line" grep -qxF \
	"  apt-get install -y --no-install-recommends sparse " "$dir/out"
check "a user without sudo: nothing installed" [ ! -s "$dir/calls" ]
run 0
check "root: installs just that" grep -q "install .*--no-install-recommends sparse$" "$dir/calls"
check "root: no update while the lists know it" bash -c "! grep -q update '$dir/calls'"
exit $failed
