#!/bin/sh
# Training speed beside PyTorch's, in alternating runs on the same machine.
#
#     bench/train/compare.sh [ROUNDS] [SECONDS] [THREADS]
#
# Wants the release preset configured in build/ and a Python with torch (PYTHON says which). The allocator's thresholds are raised
# for PyTorch, without which it is several times slower. Images a processor second are less disturbed by what else
# the machine does than images a second.
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-3} seconds=${2:-10} threads=${3:-2} python=${PYTHON:-python3}
export MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=4000000000
cmake --build build --target step_speed >/dev/null
for net in "1 224 32 32" "1 32 128 8" "0.25 32 128 8"; do
    round=0
    while [ "$round" -lt "$rounds" ]; do
        # shellcheck disable=SC2086 # the words of a net are arguments
        build/step_speed $net "$threads" "$seconds"
        # shellcheck disable=SC2086
        "$python" bench/train/torch_speed.py $net "$threads" "$seconds"
        round=$((round + 1))
    done
done
