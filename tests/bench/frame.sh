#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What tests/bench/run makes of the rows that programs print, and of programs that fail.

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0

# ok NAME COMMAND...
ok() {
	local name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		cat "$dir/table" "$dir/said"
	fi
}

# program NAME LINE...: prints the lines
program() {
	local name=$1
	shift
	{
		echo '#!/bin/sh'
		printf "echo '%s'\n" "$@"
	} >"$dir/$name"
	chmod +x "$dir/$name"
}

bench() {
	BUILD=$dir tests/bench/run "${@/#/$dir/}" >"$dir/table" 2>"$dir/said"
}

row() {
	echo "{\"name\": \"$1\", \"value\": $2, \"unit\": \"op/s\", \"peer\": 10, \"ratio\": $3," \
		"\"must\": $4, \"aim\": $5}"
}

line() {
	grep -qE "^\| $1 +\| $2 +\| op/s +\| 10 +\| $3 +\| $4 +\| $5 +\| $6 +\|$" "$dir/table"
}

list() {
	python3 -c "import json, sys
rows = json.load(open('$dir/bench.json'))
sys.exit([r['name'] for r in rows] != '$1'.split())"
}

program first '# of this machine' "$(row a 9 0.9 0.5 0.8)" "$(row b 7 0.7 0.5 0.8)"
program second "$(row c 4 0.4 0.5 0.8)" "$(row d 2 0.2 null null)"
program keys '{"name": "e", "value": 1}'
program junk 'hello'
printf '#!/bin/sh\nexit 3\n' >"$dir/dies"
chmod +x "$dir/dies"

ok "two programs are one table" bench first second
ok "a note is repeated" grep -qx 'of this machine' "$dir/table"
ok "verdict: aim" line a 9 0.90 0.50 0.80 aim
ok "verdict: must" line b 7 0.70 0.50 0.80 must
ok "verdict: short" line c 4 0.40 0.50 0.80 short
ok "no bound, no verdict" line d 2 0.20 - - ''
ok "the list has all rows" list 'a b c d'
for bad in keys junk dies; do
	! bench "$bad" first
	ok "$bad: exit status" test $? = 0
	ok "$bad: by name" grep -q "bench: .*/$bad: " "$dir/said"
	ok "$bad: the others' rows stay" list 'a b'
done
echo "1..$n"
exit $failed
