#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The test runner counts what it should: each way for a test to pass, fail or be skipped, run
# through tests/run with a list of its own.  A runner that loses a failure would hide all others.

set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
run=$(dirname "$0")/../run
number=0 failed=0

# expect NAME TOTALS STATUS PATTERN: one test with the script on standard input
expect() {
	local name=$1 totals=$2 status=$3 pattern=$4 out got
	{ echo '#!/bin/sh'; cat; } >"$dir/$name.sh"
	chmod +x "$dir/$name.sh"
	printf '%s\thost\t%s\t%s\n' "x/$name" "$dir/$name.sh" "$dir/$name.sh" >"$dir/tests.list"
	out=$(BUILD=$dir "$run")
	got=$?
	number=$((number + 1))
	if [ "$(tail -n 1 <<<"$out")" = "$totals" ] && [ $got = "$status" ] && grep -q -- "$pattern" <<<"$out"; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' <<<"$out"
		failed=1
	fi
}

# A machine that dies as a test says: of its emulation before it is up, that often
cat >"$dir/run-vm" <<'END'
#!/bin/bash
while [ $# -gt 0 ]; do
	[ "$1" != --console ] || console=$2
	[ "$1" != --jobs ] || jobs=$2
	shift
done
count=$(($(cat "$BUILD/boots" 2>/dev/null) + 1))
echo $count >"$BUILD/boots"
if [ $count -le "$DEATHS" ]; then
	echo "[    2.601368] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI" >"$console"
else
	echo "@@ ready 0"
	while read -r _ _ name _; do
		printf '%s\n' "@@ begin $name" "ok 1 - a"
		[ -z "$SAID" ] || sed 's/^/@@ kmsg 4 /' <<<"$SAID"
		echo "@@ end $name 0 5"
	done <"$jobs"
	echo "@@ done"
fi
END
chmod +x "$dir/run-vm"

# cycle LOCK...: what lockdep says of a cycle of locks in which a function of the driver appears
cycle() {
	local n=$#
	echo "WARNING: possible circular locking dependency detected"
	for lock; do
		n=$((n - 1))
		printf "%s\n" "\\x0a-> #$n ($lock){+.+.}-{3:3}:"
		echo "       seedchip_sriov_configure+0x15b/0x1d0 [seedchip]"
	done
	echo " </TASK>"
}

: >"$dir/vm.sh"
echo "# vm: alone" >"$dir/alone.sh"

# expect_vm NAME DEATHS SAID TOTALS STATUS [KIND:SCRIPT...]
expect_vm() {
	local name=$1 out got test
	rm -f "$dir/boots"
	for test in "${@:6}" vm:vm; do
		printf 'x/%s\t%s\t%s\t/x/%s\n' "$test" "${test%:*}" "$dir/${test#*:}.sh" "$test"
	done >"$dir/tests.list"
	out=$(BUILD=$dir RUN_VM=$dir/run-vm DEATHS=$2 SAID=$3 "$run")
	got=$?
	number=$((number + 1))
	if [ "$(tail -n 1 <<<"$out")" = "$4" ] && [ $got = "$5" ]; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' <<<"$out"
		failed=1
	fi
}

echo 1..17
expect plain "1 passed, 0 failed, 0 skipped" 0 "^ok 1 - x/plain" <<<'exit 0'
expect exit-status "0 passed, 1 failed, 0 skipped" 1 "exit status 3" <<<'echo why; exit 3'
expect signal "0 passed, 1 failed, 0 skipped" 1 "exit status -11" <<<'kill -SEGV $$'
expect skip "0 passed, 0 failed, 1 skipped" 1 "SKIP no card here" <<<'echo no card here; exit 4'
expect tap "2 passed, 0 failed, 0 skipped" 0 "2 passed" <<<'echo 1..2; echo ok 1 - a; echo ok 2 - b'
expect tap-fails "1 passed, 1 failed, 0 skipped" 1 "1 failed: b" <<<'echo 1..2; echo ok 1 - a; echo not ok 2 - b'
expect tap-skip "1 passed, 0 failed, 1 skipped" 0 "SKIP no IOMMU" <<<'echo 1..2; echo ok 1 a; echo "ok 2 b # SKIP no IOMMU"'
expect short "1 passed, 1 failed, 0 skipped" 1 "2 results planned, 1 seen" <<<'echo 1..2; echo ok 1 a'
expect dies-late "2 passed, 1 failed, 0 skipped" 1 "exit status 1" <<<'echo 1..2; echo ok 1 a; echo ok 2 b; exit 1'
expect bails-out "0 passed, 1 failed, 0 skipped" 1 "Bail out! no memory" <<<'echo 1..2; echo "Bail out! no memory"'
expect all-skipped "0 passed, 0 failed, 1 skipped" 1 "SKIP wrong kernel" <<<'echo "1..0 # SKIP wrong kernel"'
pci="pci_rescan_remove_lock pci_slot_mutex &ctrl->reset_lock"
for deaths in 0 3; do
	expect_vm "a machine that dies of its emulation $deaths times" $deaths "" \
		"2 passed, 0 failed, 0 skipped" 0
done
expect_vm "a test at the end of each boot" 0 "" "6 passed, 0 failed, 0 skipped" 0 vm:alone vm-last:vm
expect_vm "one that dies once more" 4 "" "0 passed, 2 failed, 0 skipped" 1
# shellcheck disable=SC2086 # a list
expect_vm "a cycle of the PCI core's locks" 0 "$(cycle $pci)" "2 passed, 0 failed, 0 skipped" 0
# shellcheck disable=SC2086
expect_vm "a cycle with another lock" 0 "$(cycle $pci '&sdev->hw_lock')" \
	"2 passed, 1 failed, 0 skipped" 1
exit $failed
