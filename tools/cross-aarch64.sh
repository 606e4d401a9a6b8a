#!/bin/sh
# Builds for 64-bit ARM on another machine and runs all tests there under QEMU: `cross-aarch64.sh [ctest arguments]`.
# Needs a Debian machine (bookworm or later) with a cross compiler and QEMU, which it installs where it may, and else
# says what to type. The ARM libraries come from the same Debian archive and are unpacked into build/aarch64-sysroot:
# nothing of the system is touched by them.
set -eu
cd "$(dirname "$0")/.."

tools="gcc-aarch64-linux-gnu qemu-user-static ninja-build pkg-config cmake"
libraries="libc6-dev libjansson-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libexif-dev libhdf5-dev zlib1g-dev
    libcmocka-dev"
sysroot=$PWD/build/aarch64-sysroot

missing=
for package in $tools; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
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
fi

# A private apt, for another architecture and with nothing installed, downloads the libraries and all they need.
arm_apt() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$sysroot.apt/state" \
        -o Dir::State::status="$sysroot.apt/state/status" -o Dir::Cache="$sysroot.apt/cache" \
        -o APT::Sandbox::User="$(id -un)" "$@"
}

if [ ! -f "$sysroot/complete" ]; then
    rm -rf "$sysroot" "$sysroot.apt"
    mkdir -p "$sysroot" "$sysroot.apt/state/lists/partial" "$sysroot.apt/cache/archives/partial"
    : >"$sysroot.apt/state/status"
    arm_apt update
    # shellcheck disable=SC2086 # one word a package
    arm_apt install -y --download-only --no-install-recommends $libraries
    for package in "$sysroot.apt/cache/archives"/*.deb; do
        dpkg-deb -x "$package" "$sysroot"
    done
    # What Debian's update-alternatives would do.
    ln -sf hdf5-serial.pc "$sysroot/usr/lib/aarch64-linux-gnu/pkgconfig/hdf5.pc"
    rm -rf "$sysroot.apt"
    : >"$sysroot/complete"
fi

cmake --preset aarch64
cmake --build --preset aarch64
ctest --preset aarch64 "$@"
