# What the tests of the command share. A test sources this file, calls `run ARGS`, then states what it expects of
# stdout ($out), stderr ($err) and the exit code ($code). The first wrong statement ends the test.
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
checks=0
typed=

run() {
    typed="mobilenet $*"
    "$PROGRAM" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    code=$?
    out=$(cat "$tmp/out")
    err=$(cat "$tmp/err")
}

fail() {
    echo "FAIL: $typed"
    echo "$1"
    echo "exit code: $code"
    echo "stdout: $(head -c 2000 "$tmp/out")"
    echo "stderr: $(head -c 2000 "$tmp/err")"
    exit 1
}

expect_code() {
    checks=$((checks + 1))
    [ "$code" -eq "$1" ] || fail "exit code $1 was expected"
}

# Exactly this text.
expect_out() {
    checks=$((checks + 1))
    [ "$out" = "$1" ] || fail "stdout was expected to be: $1"
}

expect_err() {
    checks=$((checks + 1))
    [ "$err" = "$1" ] || fail "stderr was expected to be: $1"
}

# A line that matches this basic regular expression.
expect_out_line() {
    checks=$((checks + 1))
    grep -q -e "$1" "$tmp/out" || fail "stdout was expected to have a line like: $1"
}

expect_err_line() {
    checks=$((checks + 1))
    grep -q -e "$1" "$tmp/err" || fail "stderr was expected to have a line like: $1"
}

# Misuse: exit code 2, nothing on stdout, this first line on stderr.
expect_misuse() {
    expect_code 2
    expect_out ""
    [ "$(head -n 1 "$tmp/err")" = "$1" ] || fail "stderr was expected to begin with: $1"
}

# The value at each path of the JSON on stdout.
json() {
    "$JSON_GET" "$@" <"$tmp/out" || echo "nothing at $*"
}

expect_json() {
    checks=$((checks + 1))
    value=$(json "$1")
    [ "$value" = "$2" ] || fail "JSON $1 was expected to be $2, it is $value"
}

# Whether $1 lies within $3 of $2.
expect_near() {
    checks=$((checks + 1))
    awk -v a="$1" -v b="$2" -v d="$3" 'BEGIN { exit !(a - b <= d && b - a <= d) }' ||
        fail "$1 was expected to be $2, give or take $3"
}

# A gray picture of 8x8 pixels: picture FILE VALUE, where VALUE (0 to 200) decides the pattern.
picture() {
    awk -v v="$2" 'BEGIN {
        print "P2 8 8 255"
        for (y = 0; y < 8; y++) { for (x = 0; x < 8; x++) printf "%d ", (v + x * (v % 7) * 5 + y * (v % 5) * 6) % 256; print "" }
    }' >"$1"
}

# A model of random weights: model OUT RESOLUTION CHANNELS CLASSES SEED [LABEL...]
model() {
    "$MAKE_MODEL" "$@" || { echo "FAIL: no model could be made"; exit 1; }
}

# Sets $assets to the assets folder (trained models, photographs), or skips the test where it lacks one of "$@".
require_assets() {
    assets=${MOBILENET_TEST_ASSETS:-$SOURCE_DIR/../shared}
    for asset; do
        if [ ! -e "$assets/$asset" ]; then
            echo "skipped: there is no $assets/$asset (MOBILENET_TEST_ASSETS names the folder)"
            exit 77
        fi
    done
}

# The last line of every test.
finish() {
    [ "$checks" -gt 0 ] || { echo "FAIL: nothing was checked"; exit 1; }
    echo "$checks checks"
    exit 0
}
