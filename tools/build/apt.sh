# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Sourced by the fetchers: a private apt configuration in the cache folder, which reads the
# Debian archive that the system uses, with its source packages, and leaves the system's own
# lists and configuration alone.  Everything fetched is checked against the archive's signature.

cache=${SEEDCHIP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/seedchip}
apt_dir=$cache/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
	printf '  %-7s %s\n' "$1" "$2" >&2
}

die() {
	echo "seedchip: $*" >&2
	exit 1
}

# One fetcher at a time: apt's lists have a single writer, and two targets may want the same file.
lock() {
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock 9
}

# Suites named after this release, in the system's own order; a third party's suite of the same
# name cannot slip in, as only Debian's key is accepted.
write_sources() {
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
		'Created-By: Packages' | sort -u |
	while read -r uri release component; do
		case $release in
		"$codename" | "$codename"-updates | "$codename"-security | stable* | oldstable*) ;;
		*) continue ;;
		esac
		[ "$component" = main ] || continue
		echo "deb [signed-by=$keyring] $uri $release main"
		echo "deb-src [signed-by=$keyring] $uri $release main"
	done
}

private_apt() {
	command=$1
	shift
	"$command" -q \
		-o Dir::Etc::sourcelist="$apt_dir/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State::lists="$apt_dir/lists" \
		-o Dir::Cache="$apt_dir/cache" \
		-o APT::Sandbox::User="$(id -un)" \
		"$@"
}

apt_update() {
	mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial"
	write_sources >"$apt_dir/sources.list"
	[ -s "$apt_dir/sources.list" ] || die "no Debian archive among the system's apt sources"
	say APT "package lists of the Debian archive"
	private_apt apt-get update >"$apt_dir/log" 2>&1 || { cat "$apt_dir/log" >&2; return 1; }
}

# apt_fetch download|source WHAT...: into the current folder; the lists are brought up to date
# when they do not know WHAT or when the archive has moved on.
apt_fetch() {
	verb=$1
	shift
	[ "$verb" = source ] && set -- --download-only "$@"
	if [ -s "$apt_dir/sources.list" ] &&
	   private_apt apt-get "$verb" "$@" >"$apt_dir/log" 2>&1; then
		return 0
	fi
	apt_update && private_apt apt-get "$verb" "$@" >"$apt_dir/log" 2>&1
}
