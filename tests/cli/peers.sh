# bench/peers/run: help and wrong options are answered before anything is installed.
. "$SOURCE_DIR/tests/cli/lib.sh"
command -v python3 >/dev/null 2>&1 || { echo "skipped: there is no python3"; exit 77; }

# A copy, so that an installation would show; python3 makes no cache in it either.
mkdir -p "$tmp/bench"
cp -r "$SOURCE_DIR/bench/peers" "$tmp/bench/peers"
peers() {
    typed="bench/peers/run $*"
    PYTHONDONTWRITEBYTECODE=1 "$tmp/bench/peers/run" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
    [ ! -e "$tmp/.venv" ] && [ ! -e "$tmp/build" ] || fail "nothing was expected to be installed"
}
for help in -h --help; do
    peers $help
    expect_code 0
    expect_out_line 'turn \[0.3\]$'
    expect_out_line '^  --precision {float32,bfloat16}'
done
peers --quick --help
expect_code 0
peers --models nosuch
expect_code 2
expect_err_line 'nosuch is not one of 1.0-224'
peers --precision bfloat16 --engines mnn
expect_code 2
peers --threads 0
expect_code 2
peers --nosuch
expect_code 2
expect_err_line 'unrecognized arguments: --nosuch'
finish
