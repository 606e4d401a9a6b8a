#!/bin/sh
# Installs the build into a folder of its own and builds consumers against it: CMake in C and C++, pkg-config, size.
# usage: install.sh BUILD_DIR SOURCE_DIR CMAKE CC
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$3" --install "$1" --prefix "$dir/usr" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }

"$3" -S "$2/tests/package/project" -B "$dir/project" -DCMAKE_PREFIX_PATH="$dir/usr" -DCMAKE_BUILD_TYPE=Release \
    >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
"$3" --build "$dir/project" >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
for program in consumer_c consumer_cpp consumer_all; do
    "$dir/project/$program"
done

# pkg-config finds the copy where it lies, not where the configuration meant it to be.
export PKG_CONFIG_PATH="$dir/usr/lib/pkgconfig:$(echo "$dir"/usr/lib/*/pkgconfig)"
flags=$(pkg-config --static --cflags --libs mobilenet)
# shellcheck disable=SC2086 # one word a flag
"$4" -O2 "$2/tests/package/consumer.c" $flags -o "$dir/consumer"
"$dir/consumer" | grep -q "^mobilenet $(pkg-config --modversion mobilenet):" || {
    echo "mn_version() is not the version of the package"
    exit 1
}
if pkg-config --exists mobilenet-image; then
    flags=$(pkg-config --static --cflags --libs mobilenet-image mobilenet)
    # shellcheck disable=SC2086
    "$4" -O2 "$2/examples/classify.c" $flags -o "$dir/classify" # as its first lines say
fi

# A program that only classifies links a few hundred KB: libc, libm, threads and the JSON reader alone.
strip "$dir/consumer"
size=$(stat -c %s "$dir/consumer")
echo "a stripped program that classifies: $size bytes"
[ "$size" -lt 409600 ] || { echo "more than 400 KB"; exit 1; }
others=$(ldd "$dir/consumer" | grep -vE 'linux-vdso|ld-linux|libc\.so|libm\.so|libpthread|libjansson' || true)
[ -z "$others" ] || { echo "it links more than it should: $others"; exit 1; }
