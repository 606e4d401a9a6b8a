#!/bin/sh
# Installs the Debian packages that building and testing need; `install-deps.sh fuzz` adds clang for the fuzzers.
# This is the only list of packages.
set -eu

packages="gcc g++ libc6-dev cmake ninja-build pkg-config libjansson-dev libjpeg62-turbo-dev libpng-dev libwebp-dev
    libexif-dev libhdf5-dev zlib1g-dev libcmocka-dev libsimde-dev gnuplot-nox
    libopenmpi-dev openmpi-bin iproute2 dataset-fashion-mnist"

case "${1-}" in
"") ;;
fuzz) packages="$packages clang libclang-rt-14-dev" ;;
*)
    echo "usage: $0 [fuzz]" >&2
    exit 2
    ;;
esac

missing=
for package in $packages; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "These packages are missing. As root, type:" >&2
    echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
$as_root apt-get update -q
# shellcheck disable=SC2086 # one word a package
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends $missing
