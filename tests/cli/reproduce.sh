# reproduce: trains and measures each network of a table once, keeps it, and says the same the second time.
. "$SOURCE_DIR/tests/cli/lib.sh"

for part in train test; do
    for k in 1 2; do
        mkdir -p "$tmp/data/$part/class$k"
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            { printf 'P6\n8 8\n255\n'; awk -v s="$i" -v k="$k" 'BEGIN { for (j = 0; j < 192; j++) printf "%c", 33 + 30 * k + (j * 7 + s * 13) % 20 }'; } >"$tmp/data/$part/class$k/$i.ppm"
        done
    done
done

run reproduce "$tmp/data" --tables 5 --base 0.03125 --epochs 1 --threads 1 -o "$tmp/study"
expect_code 0
expect_out_line '^ *5  0.75 MobileNet .* 68.4 %$'
expect_out_line '^ *5  Shallow MobileNet .* 65.3 %$'
[ "$(wc -l <"$tmp/study/results.tsv")" -eq 3 ] || fail "a heading and two rows were expected"
first=$out
run reproduce "$tmp/data" --tables 5 --base 0.03125 --epochs 1 --threads 1 -o "$tmp/study"
expect_code 0
expect_out "$first"
expect_err_line '(there)$'
run reproduce "$tmp/data/train" -o "$tmp/study"
expect_code 1
run reproduce "$tmp/data" --tables 9
expect_code 2
finish
