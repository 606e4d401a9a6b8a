#!/bin/sh
# Installs what is needed, builds, and runs all tests. Arguments go to ctest.
set -eu
cd "$(dirname "$0")/.."
tools/install-deps.sh
cmake --preset release
cmake --build --preset release
ctest --preset release "$@"
