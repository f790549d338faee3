#!/usr/bin/env bash
# Fetches lwIP's sources, Debian's source package `lwip`, into build/source, where the tests look for them. Needs
# apt-get and no root. The list of sources is made from this machine's own, which stays as it is.
set -euo pipefail
folder="$(cd "$(dirname "$0")" && pwd)/build/source"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "lwIP's sources cannot be fetched: $1" >&2
  exit 1
}

[ -z "$(compgen -G "$folder/*.orig.tar.*")" ] || exit 0
command -v apt-get >/dev/null || fail "there is no apt-get here"
mkdir -p "$work"/{parts,lists/partial,cache/archives/partial,package}

# One-line lists name binary packages by "deb", deb822 lists by "Types: deb".
etc=${APT_LISTS:-/etc/apt}
for list in "$etc/sources.list" "$etc"/sources.list.d/*.list; do
  [ ! -f "$list" ] || sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$list"
done >"$work/one-line.list"
for list in "$etc"/sources.list.d/*.sources; do
  [ ! -f "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"$work/parts/$(basename "$list")"
done

apt() {
  timeout 240 apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User= \
    -o Dir::Etc::sourcelist="$work/one-line.list" -o Dir::Etc::sourceparts="$work/parts" \
    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" "$@" >>"$work/log" 2>&1 ||
    fail "apt-get $1: $(grep -m 1 '^[EW]:' "$work/log" || echo 'no answer in 240 s')"
}

apt update
cd "$work/package"
apt source --download-only lwip # apt checks it against the signed lists
[ -n "$(compgen -G "*.orig.tar.*")" ] || fail "the package has no *.orig.tar.*"
mkdir -p "$(dirname "$folder")"
rm -rf "$folder"
mv "$work/package" "$folder"
