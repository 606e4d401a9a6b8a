#!/bin/sh
# Training speed beside PyTorch's, in alternating runs on the same machine, as a table of medians.
#
#     bench/train/compare.sh [ROUNDS] [SECONDS] [THREADS...]
#
# Wants the release preset configured in build/ and a Python with torch (PYTHON says which; MODES="eager compile" tries
# torch.compile too, and the better one counts). The allocator's thresholds are raised for PyTorch, without which it is
# several times slower. A program given as QUIET is put before every run, to keep other work off the machine meanwhile.
# "Of peak" is this project's share of the images that the processor's multiply-adds allow, measured in the same run.
# Where the machine is shared, the columns by processor second are less disturbed than images a second.
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-3} seconds=${2:-10} python=${PYTHON:-python3} modes=${MODES:-eager} quiet=${QUIET:-}
[ $# -gt 2 ] && shift 2 || set -- 2
export MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=4000000000
runs=$(mktemp)
trap 'rm -f "$runs"' EXIT
cmake --build build --target step_speed >/dev/null

# median FIELD WHO: of the lines of one net that begin with WHO. FIELD: the words after the number.
median()
{
    sed -n "/^$2/s|.* \\([0-9.]*\\) $1.*|\\1|p" "$runs" | sort -n | awk '{v[NR] = $1} END {print NR ? v[int((NR + 1) / 2)] : 0}'
}

lscpu | sed -n 's/^Model name: */CPU: /p'
"$python" -c 'import torch; print("PyTorch", torch.__version__)'
echo
echo "| net | batch | threads | this, images/s | of peak | PyTorch | ratio | a processor second: this | PyTorch | ratio |"
echo "|---|---|---|---|---|---|---|---|---|---|"
for threads in "$@"; do
    for net in "1 224 32 32" "1 32 128 8" "0.25 32 128 8"; do
        : >"$runs"
        round=0
        while [ "$round" -lt "$rounds" ]; do
            # shellcheck disable=SC2086 # the words of a net and of QUIET are arguments
            $quiet build/step_speed $net "$threads" "$seconds" >>"$runs"
            for mode in $modes; do
                # shellcheck disable=SC2086
                $quiet "$python" bench/train/torch_speed.py $net "$threads" "$seconds" "$mode" | sed "s/^/$mode /" >>"$runs"
            done
            round=$((round + 1))
        done
        theirs=0 theirs_cpu=0
        for mode in $modes; do
            theirs="$theirs $(median 'images/s median' "$mode")" theirs_cpu="$theirs_cpu $(median 'a processor second' "$mode")"
        done
        echo "$net $threads $(median 'images/s median' alpha) $(median '% of the' alpha) $(median 'a processor second' alpha)" \
            "$theirs / $theirs_cpu" | awk '{
                for (i = 9; $i != "/"; i++)
                    if ($i > best) best = $i
                for (i++; i <= NF; i++)
                    if ($i > best_cpu) best_cpu = $i
                printf "| %s, %sx%s, output stride %s | %s | %s | %s | %s %% | %s | %.2f | %s | %s | %.2f |\n", $1, $2, $2, $4, $3,
                    $5, $6, $7, best, best ? $6 / best : 0, $8, best_cpu, best_cpu ? $8 / best_cpu : 0
            }'
    done
done
