# mpirun: with --sync-bn the same bytes for 1, 2 and 4 ranks, also after the loss of a rank and with another number of ranks
# afterwards; a signal to one rank stops all; what goes wrong on one ends all with one message; evaluate counts the same.
# shellcheck disable=SC2086 # $small: words
. "$SOURCE_DIR/tests/cli/ranks_lib.sh"
make_data "$tmp/data"

# What does not run under mpirun neither links nor loads MPI.
checks=$((checks + 1))
case $(ldd "$PROGRAM") in *libmpi*) code=none; fail "the program links MPI" ;; esac

run train "$tmp/data" $small --epochs 8 -o "$tmp/one"
expect_code 0
for n in 2 4; do
    ranks $n train "$tmp/data" $small --epochs 8 --sync-bn -o "$tmp/ranks$n"
    expect_code 0
    expect_out_line '^.*/ranks.: .* % of the held-out images right$'
    [ "$(wc -l <"$tmp/out")" -eq 1 ] || fail "rank 0 alone was expected to print"
    [ "$(grep -c '^epoch 8:' "$tmp/err")" -eq 1 ] || fail "rank 0 alone was expected to report"
    expect_same_file "$tmp/one" "$tmp/ranks$n"
    expect_same_file "$tmp/one.best" "$tmp/ranks$n.best"
    expect_same_file "$tmp/one.checkpoint" "$tmp/ranks$n.checkpoint"
done

# Long enough to be met in the middle.
run train "$tmp/data" $small --epochs 200 -o "$tmp/long"
expect_code 0

# A rank is lost: all end, the last checkpoint is whole, and four ranks go on from there.
begin_ranks "$tmp/log" 7 2 train "$tmp/data" $small --epochs 200 --sync-bn -o "$tmp/lost" --checkpoint-steps 1
kill -9 "$(ranks_of | tail -n 1)"
end_ranks
[ "$code" -ne 0 ] || fail "a lost rank was expected to end the run"
[ -z "$(ranks_of)" ] || fail "no rank was expected to go on"
[ ! -e "$tmp/lost" ] || fail "no model was expected"
ranks 4 train "$tmp/data" $small --epochs 200 --sync-bn -o "$tmp/lost" --checkpoint-steps 1 --resume
expect_code 0
expect_err_line '^going on after step '
expect_same_file "$tmp/long" "$tmp/lost"

# The last rank alone is asked to stop: all stop after the same step, and one process goes on.
begin_ranks "$tmp/log" 4 2 train "$tmp/data" $small --epochs 200 --sync-bn -o "$tmp/stopped" --checkpoint-steps 1
kill -TERM "$(ranks_of | tail -n 1)"
end_ranks
expect_code 1
expect_err_line '^stopped; go on with --resume'
run train "$tmp/data" $small --epochs 200 -o "$tmp/stopped" --resume
expect_code 0
expect_err_line '^going on after step '
expect_same_file "$tmp/long" "$tmp/stopped"

# Without --sync-bn: the same bytes run after run, and the record says how many ranks there were.
ranks 2 train "$tmp/data" $small --epochs 2 -o "$tmp/own"
expect_code 0
ranks 2 train "$tmp/data" $small --epochs 2 -o "$tmp/again"
expect_same_file "$tmp/own" "$tmp/again"
grep -q "2, each with batch norm of its own" "$tmp/own" || fail "the number of ranks was expected in the model"

# What goes wrong on one rank, or on all.
ranks 3 train "$tmp/data" $small --epochs 1 -o "$tmp/bad"
expect_one_error 'batch is 4, must be a multiple of the 3 ranks'
ranks 2 train "$tmp/data" $small --epochs 1 -o "$tmp/no/such/folder/model"
expect_one_error 'no/such/folder'
ranks 2 train "$tmp/nowhere" $small
expect_one_error 'nowhere'
ranks 2 train "$tmp/data" --learning-rate fast
expect_one_error "learning_rate is 'fast'"
ranks 2 train "$tmp/data" $small --epochs 30 --learning-rate 1000 --warmup-epochs 0 --weight-decay 1 -o "$tmp/bad"
expect_one_error 'is not finite; first seen in layer'
printf 'P6\n16 16\n255\nshort' >"$tmp/data/dark/9.ppm" # in the last rank's part of the check
printf 'P6\n16 16\n255\nshort' >"$tmp/data/bright/9.ppm"
ranks 2 train "$tmp/data" $small --epochs 1 --strict -o "$tmp/bad"
expect_one_error '/9.ppm: '
ranks 2 train "$tmp/data" $small --epochs 1 -o "$tmp/left"
expect_code 0
[ "$(grep -c '^left out: ' "$tmp/err")" -eq 2 ] || fail "each broken picture was expected to be named once"
if [ -w /dev/full ]; then
    ranks 2 train "$tmp/data" $small --epochs 1 -o "$tmp/full" --log /dev/full
    expect_one_error '/dev/full'
fi
ranks 2 reproduce "$tmp/data"
expect_one_error 'does not share its work'

# evaluate: the same outcomes, those that cannot be read included.
run evaluate "$tmp/data" --model "$tmp/one" --confusion-csv "$tmp/one.csv" --json
expect_code 1
grep '9.ppm' "$tmp/err" | sort >"$tmp/one.err"
images=$(json images) right=$(json top1_right)
ranks 2 evaluate "$tmp/data" --model "$tmp/one" --confusion-csv "$tmp/two.csv" --json
[ "$code" -ne 0 ] || fail "pictures that cannot be read were expected to be an error"
expect_json images "$images"
expect_json top1_right "$right"
expect_json skipped 2
expect_json ranks 2
expect_same_file "$tmp/one.csv" "$tmp/two.csv"
grep '9.ppm' "$tmp/err" | sort >"$tmp/two.err"
expect_same_file "$tmp/one.err" "$tmp/two.err"
finish
