#!/bin/sh
# Installs what is needed, builds the release preset; the program is left at build/mobilenet.
set -eu
cd "$(dirname "$0")/.."
tools/install-deps.sh
cmake --preset release
cmake --build --preset release
