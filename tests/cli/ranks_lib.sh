# What the tests of ranks share: lib.sh, a small data set, and `ranks N ARGS`, which is `run` under mpirun.
. "$SOURCE_DIR/tests/cli/lib.sh"

[ "$MPI" = yes ] || { echo "skipped: this build has no MPI module"; exit 77; }
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun (Debian: openmpi-bin)"; exit 77; }
# Open MPI wants to be told that root, and more ranks than processors, are meant.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none # containers forbid it, and Open MPI then says so
launcher=

# Two classes of eight noisy 16x16 pictures each, dark and bright.
make_data() {
    mkdir -p "$1/dark" "$1/bright"
    for i in 1 2 3 4 5 6 7 8; do
        for class in dark bright; do
            base=33 step=7
            [ $class = dark ] || { base=80 step=5; }
            { printf 'P6\n16 16\n255\n'
                awk -v s="$i" -v b=$base -v k=$step 'BEGIN { for (i = 0; i < 768; i++) printf "%c", b + (i * k + s * 13) % 40 }'
            } >"$1/$class/$i.ppm"
        done
    done
}

ranks() {
    count=$1
    shift
    typed="mpirun -n $count mobilenet $*"
    # shellcheck disable=SC2086 # launcher: words
    mpirun -n "$count" $launcher "$PROGRAM" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
    out=$(cat "$tmp/out")
    err=$(cat "$tmp/err")
}

# The options of every run: 12 images to learn from, 3 steps an epoch.
small="--widths 4,4,8,8,8,8,8,8,8 --depth shallow --batch 4 --ema 0.9 --validation 0.25 --threads 1"

expect_same_file() {
    checks=$((checks + 1))
    cmp "$1" "$2" || fail "$1 and $2 were expected to be the same bytes"
}

# Failed, with exactly one message of ours, like this.
expect_one_error() {
    checks=$((checks + 1))
    [ "$code" -ne 0 ] || fail "a failure was expected"
    [ "$(grep -c '^mobilenet' "$tmp/err")" -eq 1 ] || fail "one message was expected"
    grep -q "$1" "$tmp/err" || fail "a message like this was expected: $1"
}

# Starts `ranks`'s command in the background; $child is mpirun. Waits until the log $1 has $2 steps.
begin_ranks() {
    log=$1 steps=$2 count=$3
    shift 3
    typed="mpirun -n $count mobilenet $*"
    : >"$log"
    # shellcheck disable=SC2086
    mpirun -n "$count" $launcher "$PROGRAM" "$@" --log "$log" >"$tmp/out" 2>"$tmp/err" </dev/null &
    child=$!
    waited=0
    while [ "$(grep -c '"event":"step"' "$log")" -lt "$steps" ]; do
        sleep 0.02
        waited=$((waited + 1))
        [ $waited -lt 3000 ] || { code=none; fail "$steps steps were expected within a minute"; }
    done
}

end_ranks() {
    wait "$child"
    code=$?
}

# The processes of the program that this test started. Quick: a small run does not wait for long.
ranks_of() {
    for file in $(grep -la "$tmp/" /proc/[0-9]*/cmdline 2>/dev/null); do
        process=${file#/proc/}
        read -r name <"${file%cmdline}comm" || continue
        [ "$name" != "${PROGRAM##*/}" ] || echo "${process%/cmdline}"
    done 2>/dev/null
}
