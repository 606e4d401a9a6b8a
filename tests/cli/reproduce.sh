# reproduce: trains and measures each network of the tables once for each seed, keeps it, and says the same the second
# time; the conclusion follows from the results; figures are drawn where gnuplot is; a file of another recipe is refused.
. "$SOURCE_DIR/tests/cli/lib.sh"

for part in train test; do
    for k in 1 2; do
        mkdir -p "$tmp/data/$part/class$k"
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            { printf 'P6\n8 8\n255\n'; awk -v s="$i" -v k="$k" 'BEGIN { for (j = 0; j < 192; j++) printf "%c", 33 + 30 * k + (j * 7 + s * 13) % 20 }'; } >"$tmp/data/$part/class$k/$i.ppm"
        done
    done
done

study="--base 0.03125 --epochs 1 --threads 1 -o $tmp/study"
run reproduce "$tmp/data" --tables 5 $study
expect_code 0
expect_out_line '^0.75 MobileNet .* 68.4 %$'
expect_out_line '^Shallow MobileNet .* 65.3 %$'
expect_out_line "^The thin network is .* points .*; the"
expect_out_line "^paper's was 3.1 better with 1.06 times"
[ "$(wc -l <"$tmp/study/results.tsv")" -eq 3 ] || fail "a heading and two rows were expected"
[ -s "$tmp/study/figures.gnuplot" ] || fail "a script for gnuplot was expected"
first=$out
run reproduce "$tmp/data" --tables 5 $study
expect_code 0
expect_out "$first"
expect_err_line 'seed 1: there$'
if grep -q 'seed 1: training' "$tmp/err"; then fail "nothing was to be trained again"; fi

# A row that stands in two tables is one network; a second seed adds to what is there; the figures are whole.
run reproduce "$tmp/data" --tables 5,6 --seeds 2 --json $study
expect_code 0
[ "$(grep -c ': training' "$tmp/err")" -eq 8 ] || fail "8 trainings were expected: 3 networks, then 5 with seed 2"
expect_err_line '^network 10 of 10: .*, seed 2: training; about .* to the end$'
expect_json tables.1.rows.3.paper "0.25 MobileNet-224"
expect_json tables.0.rows.0.network "$(json tables.1.rows.1.network)"
expect_json networks.4.accuracies.2 "nothing at networks.4.accuracies.2"
mean=$(json networks.0.accuracy)
expect_near "$mean" "$(awk -v a="$(json networks.0.accuracies.0)" -v b="$(json networks.0.accuracies.1)" 'BEGIN { print (a + b) / 2 }')" 0.001
if command -v gnuplot >/dev/null; then
    for figure in macs parameters; do
        grep -q '</svg>' "$tmp/study/$figure.svg" || fail "$figure.svg was expected to be a whole picture"
        grep -q 'shallow' "$tmp/study/$figure.svg" || fail "$figure.svg was expected to name the shallow network"
        head -c 4 "$tmp/study/$figure.png" | grep -q PNG || fail "$figure.png was expected to be a picture"
    done
fi

# Without gnuplot the results are whole, and a message says what to do.
real=$PROGRAM
run_without() { env PATH=/nowhere "$real" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null; code=$?; out=$(cat "$tmp/out"); }
run_without reproduce "$tmp/data" --tables 5 $study
expect_code 0
expect_out "$first"
expect_err_line 'gnuplot is not installed; .* gnuplot figures.gnuplot$'

# The grid has widths and resolutions of its own, each network once.
run reproduce "$tmp/data" --tables 4 --grid yes $study
expect_code 0
expect_out_line '^Figures 4 and 5'
[ "$(grep -c '^grid' "$tmp/study/results.tsv")" -eq 16 ] || fail "16 networks of the grid were expected"

run reproduce "$tmp/data" --tables 5 --base 0.03125 --epochs 2 --threads 1 -o "$tmp/study"
expect_code 1
expect_err_line 'was trained otherwise (epochs=1, now epochs=2); give another --output$'
# Other pictures of the same number, names and size in pixels.
cp -r "$tmp/data" "$tmp/others"
{ printf 'P6\n# other\n8 8\n255\n'; head -c 192 /dev/zero; } >"$tmp/others/train/class1/1.ppm"
run reproduce "$tmp/others" --tables 5 $study
expect_code 1
expect_err_line 'was trained otherwise (data=.*, now data=.*); give another --output$'
cp -r "$tmp/data" "$tmp/broken"
echo broken >"$tmp/broken/train/class1/5.ppm"
echo broken >"$tmp/broken/test/class1/5.ppm"
run reproduce "$tmp/broken" --tables 5 --base 0.03125 --epochs 1 -o "$tmp/broken.study"
expect_code 1
expect_err_line '^left out: .*/broken/train/class1/5.ppm'
expect_err_line '1 of the 40 pictures of the test part could not be read'
run reproduce "$tmp/data/train" -o "$tmp/study"
expect_code 1
run reproduce "$tmp/data" --tables 9
expect_code 2
finish
