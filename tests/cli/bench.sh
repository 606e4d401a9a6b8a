# bench and compare: keys, and figures that must hang together whatever the machine.
. "$SOURCE_DIR/tests/cli/lib.sh"
small="--alpha 0.25 --resolution 64 --classes 10 --threads 1"

# shellcheck disable=SC2086 # options are words
run bench $small --seconds 0.1 --json
expect_code 0
expect_err ""
expect_json keys "version cpu model arch macs batch threads cpu_level precision runs median_ms min_ms p10_ms p90_ms spread_percent \
images_per_second gmacs_per_s peak_gflops percent_of_peak disturbed peak_gflops_by_level session_bytes peak_rss_bytes create_ms cold_start_ms "
expect_json threads 1
expect_json cold_start_ms null
expect_json model null
# The level named is the one whose kernels compute in float32.
case $(json cpu_level) in avx512bf16 | amxbf16) fail "float32 has no kernels of that level" ;; esac
awk -v a="$(json "peak_gflops_by_level.$(json cpu_level)")" -v b="$(json peak_gflops)" 'BEGIN { exit !(a <= b * 1.000001) }' ||
    fail "one thread was above the peak"
macs=$(json macs) median=$(json median_ms) rate=$(json gmacs_per_s)
awk -v a="$(json min_ms)" -v b="$median" 'BEGIN { exit !(a > 0 && a <= b) }' || fail "minimum above median"
expect_near "$(awk "BEGIN { print $macs / $median / 1e6 / $rate }")" 1 0.001
expect_near "$(awk "BEGIN { print 200 * $rate / $(json peak_gflops) / $(json percent_of_peak) }")" 1 0.001
bytes=$(json session_bytes)
# shellcheck disable=SC2086
run describe $small --json
expect_json session_bytes "$bytes"
expect_json macs "$macs"

# shellcheck disable=SC2086
run bench $small --seconds 0.1 --batch 2 --layers --cold --level reference --json
expect_code 0
expect_json batch 2
expect_json cpu_level reference
expect_json layers.0.keys "first_layer last_layer kernel note macs ms gmacs_per_s percent_of_peak "
expect_json layers.0.first_layer stem
expect_json disturbed false # never at this level
last=$(($(json layers.length) - 1))
expect_json layers.$last.kernel mn_softmax_f32_reference
expect_json layers.$last.gmacs_per_s null
expect_json layers.$last.percent_of_peak null
[ "$(json cold_start_ms)" != null ] || fail "the cold start was not timed"
# shellcheck disable=SC2086
run bench $small --seconds 0.05 --layers
expect_code 0
expect_out_line '^peak  *[0-9.]* GFLOP/s of float32 multiply-adds, 1 thread at level '
expect_out_line '^by level  reference [0-9.]* .*(one thread)$'
expect_out_line '^median  *[0-9.]* ms for 1 image$'
expect_out_line '^Layers  *Kernel  *ms '
expect_out_line '^ms is the median of each step over [0-9]* runs'
expect_out_line 'process at its peak .* (this program with the random model that it made)$'
run bench --alpha 0.25 --resolution 32 --classes 3 --threads 256 --seconds 0.01
if [ "$(nproc)" -lt 256 ]; then expect_err_line '^mobilenet: 256 threads share the [0-9]* processors* of this process'; fi
run bench --once --alpha 0.25 --resolution 32 --classes 3
expect_code 0
expect_out_line '^[0-2] *$'
run bench --once --json --alpha 0.25 --resolution 32 --classes 3
expect_misuse "mobilenet bench: --once prints a class alone, no JSON"

# A level that is none is said once, by the processes of a cold start not again.
MOBILENET_CPU=nosuch
export MOBILENET_CPU
run bench --alpha 0.25 --resolution 32 --classes 3 --threads 1 --seconds 0.01 --cold
expect_code 0
expect_err "mobilenet: MOBILENET_CPU: there is no level 'nosuch'; it is ignored"
MOBILENET_CPU=reference
run bench --alpha 0.25 --resolution 32 --classes 3 --threads 1 --seconds 0.01 --json
expect_err ""
expect_json cpu_level reference
unset MOBILENET_CPU

# compare: each printed figure follows from our count by the convention that is named.
run compare --no-time --json
expect_code 0
expect_json keys "tables shares cost_ratios misprints session "
expect_json tables.length 5
expect_json tables.0.table 3
expect_json tables.0.rows.0.macs 462422016
expect_json tables.0.rows.1.macs 52283392
expect_json tables.0.rows.2.macs 29578752
expect_json tables.0.rows.3.macs 15091200
expect_json tables.1.rows.0.macs_printed_millions 4866
expect_json tables.1.rows.0.macs_convention "without fc"
expect_json tables.1.rows.1.macs_convention "with fc"
expect_json tables.4.rows.2.macs_convention "without fc"
for table in 0 1 2 3 4; do
    rows=$(json tables.$table.rows.length)
    row=0
    while [ $row -lt "$rows" ]; do
        checks=$((checks + 1))
        [ "$(json tables.$table.rows.$row.macs_convention)" != null ] || fail "table $table, row $row: multiply-adds"
        [ "$(json tables.$table.rows.$row.weights_convention)" != null ] || fail "table $table, row $row: parameters"
        expect_json tables.$table.rows.$row.ms null
        row=$((row + 1))
    done
done
expect_json cost_ratios.length 13
expect_near "$(json cost_ratios.0.ratio)" "$(json cost_ratios.0.formula)" 0.000001
expect_json misprints.length 2
run compare --no-time
expect_code 0
expect_err ""
expect_out_line '^standard 3x3  *1.19  *1.91  *0.02  *0.02  misprint (1)$'
expect_out_line 'with stride 2 it would be 534 million.$'
expect_out_line '^Shallow MobileNet  *65.3  *307  *307.32  *306.30  with fc  *2.9  *2.88$'

finish
