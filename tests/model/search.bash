# SPDX-License-Identifier: MIT
# Sourced by the tests of models, in bash: expect() searches a model to the end.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0

# search MODEL DEFINITION...: 0 if there are no errors, 1 if there is one
search() {
	local model=$PWD/$1
	shift
	(
		cd "$work" || exit 2
		spin -a "${@/#/-D}" "$model" &&
			gcc -w -O1 -DSAFETY -DMEMLIM=2000 -o pan pan.c && ./pan -m10000 >log 2>&1 || exit 2
		cat log
		grep -q 'max search depth too small\|out of memory' log && exit 2
		grep -q 'errors: 0$' log && exit 0
		grep -q 'errors: 1$' log && exit 1
		exit 2
	) >"$work/out" 2>&1
}

# expect STATUS NAME MODEL DEFINITION...
expect() {
	local want=$1 name=$2
	shift 2
	number=$((number + 1))
	search "$@"
	if [ $? = "$want" ]; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' "$work/out"
	fi
}
