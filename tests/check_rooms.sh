#!/bin/sh
# Which room may include which: docs/architecture.md, "Who may use whom". Arrows never turn back.
# usage: check_rooms.sh SOURCE_DIR
set -eu
cd "$1"
failed=0
checked=0

# check FOLDER ALLOWED_ROOMS...: every #include "ROOM/..." in FOLDER names the folder itself, an allowed room, or
# mobilenet/ (the public headers).
check() {
    folder=$1
    shift
    [ -d "$folder" ] || return 0
    own=$(basename "$folder")
    for file in $(find "$folder" -name '*.[ch]'); do
        checked=$((checked + 1))
        for used in $(sed -n 's|^[[:space:]]*#[[:space:]]*include "\([^"/]*\)/.*|\1|p' "$file" | sort -u); do
            allowed=0
            for room in mobilenet "$own" "$@"; do
                [ "$used" != "$room" ] || allowed=1
            done
            if [ $allowed = 0 ]; then
                echo "$file includes $used/, which $folder may not use" >&2
                failed=1
            fi
        done
    done
}

check src/base
check src/image base
check src/kernels base
check src/net base
check src/format net base
check src/infer net kernels base
check src/train net kernels image base
check src/compress net infer train base
check cli
check bench
check examples

# A public header must not reach into src/.
for file in include/mobilenet/*.h; do
    checked=$((checked + 1))
    if grep -n '#include "' "$file" | grep -v '"mobilenet/'; then
        echo "$file includes something that is not public" >&2
        failed=1
    fi
done

[ $checked -gt 20 ] || { echo "only $checked files were checked" >&2; exit 1; }
[ $failed = 0 ] && echo "$checked files keep to their rooms"
exit $failed
