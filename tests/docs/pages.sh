#!/bin/bash
# SPDX-License-Identifier: MIT
#
# README, CONTRIBUTING and docs/: tables and quotations are those of the sources, every relative
# link leads to a file, every make target and test that is named exists, every page is linked
# from the README, and the README stays short.

set -u
build=${BUILD:-build}
docgen=$build${SAN:+/san-${SAN//,/-}}/tools/docs/docgen
pages=(README.md CONTRIBUTING.md docs/*.md)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0

# empty NAME COMMAND...: one result; what the command prints is what is wrong
empty() {
	local name=$1 wrong
	shift
	wrong=$("$@" 2>&1)
	n=$((n + 1))
	if [ -z "$wrong" ]; then
		echo "ok $n - $name"
	else
		failed=1
		echo "not ok $n - $name"
		printf '%s\n' "$wrong" | sed 's/^/# /'
	fi
}

# What docgen must notice: a row, a quotation, a region that names nothing
changed() {
	local page
	sed 's/identifies an SC1/identified an SC1/' docs/hardware.md >"$dir/table.md"
	sed 's/seedchip_launch(queue, scale/seedchip_launch(queue, other/' docs/runtime.md >"$dir/part.md"
	sed 's/sd_wg_x();/sd_wg_y();/' README.md >"$dir/file.md"
	sed 's/guide.c#launch/guide.c#lunch/' docs/runtime.md >"$dir/name.md"
	for page in table part file name; do
		! "$docgen" --check "$dir/$page.md" >/dev/null 2>&1 || echo "not: $page"
	done
}

long_readme() {
	wc -l README.md | awk '$1 > 120'
}

# The anchors of a page's headings, as GitHub makes them
anchors() {
	sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

links() {
	local page link file
	for page in "${pages[@]}"; do
		grep -oE '\]\([^)]+\)' "$page" | sed 's/^](//; s/)$//' | sort -u |
			while read -r link; do
				file=$(dirname "$page")/${link%%#*}
				[ -n "${link%%#*}" ] || file=$page
				case $link in
				http://* | https://*) continue ;;
				esac
				if [ ! -e "$file" ]; then
					echo "$page: $link"
				elif [ "$link" != "${link#*#}" ]; then
					anchors "$file" | grep -qx -- "${link#*#}" || echo "$page: $link"
				fi
			done
	done
}

# The command lines that begin with make, in code blocks and between backticks; -C is another Makefile
make_lines() {
	sed -n '/^    make -C/d; s/^    \(make .*\)/\1/p' "$1"
	grep -oE '`make [^`]*`' "$1" | tr -d '`'
}

make_words() {
	local page word
	sed -n 's/^\([a-z][a-z-]*\):.*/\1/p' Makefile ./*/dir.mk ./*/*/dir.mk ./*/*/*/dir.mk |
		sort -u >"$dir/targets"
	for page in "${pages[@]}"; do
		make_lines "$page" | sed 's/ #.*//' | tr ' ' '\n' | grep -E '^[a-z][a-z-]*$' |
			grep -v '^make$' | sort -u | while read -r word; do
				grep -qx -- "$word" "$dir/targets" || echo "$page: make $word"
			done
	done
}

named_tests() {
	local page name
	for page in "${pages[@]}"; do
		{
			make_lines "$page" | grep -vE '^make (bench|fuzz)' | grep -oE "\bT=('[^']*'|[^ ]+)"
			grep -oE "\`'[a-z]+/\*'\`" "$page" | tr -d '\`' # the README's table
		} | sed "s/^T=//; s/'//g" | sort -u | while read -r name; do
			case $name in
			name | NAME | b/NAME | regs | unit/regs) continue ;; # placeholders
			esac
			grep -q "^+++ b/tests/$name\." tests/extending/*.patch && continue
			BUILD=$build tests/run --list "$name" >/dev/null 2>&1 ||
				echo "$page: make test T=$name"
		done
	done
}

unlinked() {
	local page
	for page in docs/*.md; do
		grep -q "($page)" README.md || echo "$page"
	done
}

empty "tables and quotations are current" "$docgen" --check "${pages[@]}"
empty "what has changed is noticed" changed
empty "relative links lead to files" links
empty "make targets exist" make_words
empty "tests that are named exist" named_tests
empty "the README links every page" unlinked
empty "the README has at most 120 lines" long_readme
echo "1..$n"
exit $failed
