#!/bin/sh
# Lays out every C file with clang-format; `format.sh --check` only says which files differ.
set -eu
cd "$(dirname "$0")/.."
files=$(git ls-files -co --exclude-standard -- '*.c' '*.h')
if [ "${1-}" = --check ]; then
    # shellcheck disable=SC2086 # one word a file
    exec clang-format --dry-run --Werror $files
fi
# shellcheck disable=SC2086
clang-format -i $files
