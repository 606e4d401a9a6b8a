#!/bin/sh
# Without a build system and without flags: cc compiles the rooms of libmobilenet with a program, and it runs.
# usage: flagless.sh SOURCE_DIR CC
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$1"
# room_files FOLDER ROOM: the files that FOLDER/CMakeLists.txt lists for a room.
room_files() {
    awk -v start="mn_room($2 " 'index($0, start) { inside = 1; sub(/.*mn_room\([a-z]+/, "") }
        inside { end = /\)/; sub(/\).*/, ""); print; if (end) inside = 0 }' "$1/CMakeLists.txt" |
        tr -s ' \n' '\n\n' | sed -n "s|^\(.*\.c\)\$|$1/\1|p"
}

# The rooms of libmobilenet, as src/CMakeLists.txt lists them; of the kernels every file but those of training (those of an instruction set are
# empty without its flags).
sources="$(room_files src/base base) $(room_files src/image preprocess) $(room_files src/net net)
    $(find src/kernels -name '*.c' ! -name 'train_*') $(room_files src/infer infer) $(room_files src/format native)"
# shellcheck disable=SC2086 # one word a file
$2 -Iinclude -Isrc $sources tests/package/consumer.c -o "$dir/consumer" -ljansson -lm -lpthread
"$dir/consumer"
