# train: killed at some step and resumed it ends in the same bytes; so does another number of threads; its errors.
. "$SOURCE_DIR/tests/cli/lib.sh"

# Two classes of eight noisy 16x16 pictures each, dark and bright: bytes of a plain sequence, so every run has them.
mkdir -p "$tmp/data/dark" "$tmp/data/bright"
for i in 1 2 3 4 5 6 7 8; do
    { printf 'P6\n16 16\n255\n'; awk -v s="$i" 'BEGIN { for (k = 0; k < 768; k++) printf "%c", 33 + (k * 7 + s * 13) % 40 }'; } >"$tmp/data/dark/$i.ppm"
    { printf 'P6\n16 16\n255\n'; awk -v s="$i" 'BEGIN { for (k = 0; k < 768; k++) printf "%c", 80 + (k * 5 + s * 11) % 45 }'; } >"$tmp/data/bright/$i.ppm"
done

train() {
    run train "$tmp/data" --widths 4,4,8,8,8,8,8,8,8 --depth shallow --batch 4 --epochs 12 --ema 0.9 --validation 0.25 "$@"
}

train -o "$tmp/whole" --log "$tmp/log" --tensorboard "$tmp/events" --threads 1
expect_code 0
expect_out_line '^.*/whole: .* % of the held-out images right$'
expect_err_line '^12 images to learn from, 4 held out'
expect_err_line '^batch 4, learning rate [0-9.]*, 12 epochs$'
[ "$(grep -c '"event":"step"' "$tmp/log")" -eq 36 ] || fail "the log was expected to have 36 steps"
[ "$(grep -c '"event":"epoch"' "$tmp/log")" -eq 12 ] || fail "the log was expected to have 12 epochs"
# TensorBoard events (read back with its own reader once, 2.20: all scalars were there).
[ "$(grep -a -o 'brain.Event:2' "$tmp/events/events.out.tfevents.mobilenet" | wc -l)" -eq 1 ] || fail "one version was expected"
[ "$(grep -a -o 'train/loss' "$tmp/events/events.out.tfevents.mobilenet" | wc -l)" -eq 36 ] || fail "36 losses were expected"
grep -q 'learning_rate=' "$tmp/whole.best" || fail "the best model, with its recipe, was expected beside the last"

# Gone on with once it is over: nothing is logged, the same model comes out.
cp "$tmp/whole" "$tmp/whole.copy"
cp "$tmp/log" "$tmp/log.copy"
cp "$tmp/events/events.out.tfevents.mobilenet" "$tmp/events.copy"
train -o "$tmp/whole" --log "$tmp/log" --tensorboard "$tmp/events" --threads 1 --resume
expect_code 0
expect_err_line '^this run is finished already, with step 36; its model is written once more$'
cmp "$tmp/whole" "$tmp/whole.copy" || fail "the same model was expected"
cmp "$tmp/log" "$tmp/log.copy" || fail "nothing was expected to be logged"
cmp "$tmp/events/events.out.tfevents.mobilenet" "$tmp/events.copy" || fail "no events were expected"

train -o "$tmp/two" --threads 2 --loader-threads 2
expect_code 0
cmp "$tmp/whole" "$tmp/two" || fail "two threads were expected to give the same bytes"

# Killed without warning as soon as a few steps are logged, until a run gets through.
kills=0
while [ "$kills" -lt 4 ]; do
    "$PROGRAM" train "$tmp/data" --widths 4,4,8,8,8,8,8,8,8 --depth shallow --batch 4 --epochs 12 --ema 0.9 \
        --validation 0.25 --threads 1 --checkpoint-steps 2 --resume -o "$tmp/killed" --log "$tmp/killlog" 2>"$tmp/err" &
    child=$!
    before=$(cat "$tmp/killlog" 2>/dev/null | wc -l)
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ "$(cat "$tmp/killlog" 2>/dev/null | wc -l)" -ge $((before + 7)) ] && break
        sleep 0.05
    done
    kill -9 "$child" 2>/dev/null
    wait "$child" 2>/dev/null
    kills=$((kills + 1))
done
train -o "$tmp/killed" --threads 1 --checkpoint-steps 2 --resume
expect_code 0
cmp "$tmp/whole" "$tmp/killed" || fail "a killed and resumed run was expected to give the same bytes"

# Stopped, and begun again without --resume: what there is to go on with, and its best model, are kept.
stopped() {
    rm -f "$tmp/stoplog"
    "$PROGRAM" train "$tmp/data" --widths 4,4,8,8,8,8,8,8,8 --depth shallow --batch 4 --epochs 100000 --validation 0.25 \
        --threads 1 --log "$tmp/stoplog" "$@" 2>"$tmp/err" &
    child=$!
    while [ "$(cat "$tmp/stoplog" 2>/dev/null | grep -c '"epoch",')" -lt 3 ] && kill -0 "$child" 2>/dev/null; do sleep 0.05; done
    kill -TERM "$child"
    wait "$child"
    code=$? typed="mobilenet train, stopped"
    expect_code 1
}
stopped -o "$tmp/none" --no-checkpoint
expect_err_line '^stopped; nothing is kept to go on from, as --no-checkpoint asks$'
stopped -o "$tmp/kept"
expect_err_line '^stopped; go on with --resume and the same options$'
cp "$tmp/kept.checkpoint" "$tmp/kept.copy"
train -o "$tmp/kept" --threads 1
expect_code 0
expect_err_line 'an earlier one came to step [0-9,]* of 300,000, its checkpoint is kept as .*/kept.checkpoint.old, its best model as .*/kept.best.old (rename it back and give --resume to go on with it)$'
cmp "$tmp/kept.copy" "$tmp/kept.checkpoint.old" || fail "the checkpoint was expected to be kept"
[ -s "$tmp/kept.best.old" ] || fail "the best model was expected to be kept"
train -o "$tmp/kept" --threads 1 # that run was over
expect_err_line '/kept is there; it stays until this run ends'
expect_err_line '/kept.best is there; the first epoch replaces it$'
cmp "$tmp/kept.copy" "$tmp/kept.checkpoint.old" || fail "the checkpoint was expected to stay"

grep -q "learning_rate=" "$tmp/whole" || fail "the recipe was expected in the model"

# The trained model is a start for another: the same classes, or the head alone.
run train "$tmp/data" --from "$tmp/whole" --head-only --batch 4 --epochs 2 --validation 0.25 -o "$tmp/head"
expect_code 0
expect_out_line '^.*/head: '
# A larger input, and copies of the images: other bytes, the same for any number of threads.
learn_head() { run train "$tmp/data" --from "$tmp/whole" --head-only --resolution 24 --batch 4 --epochs 2 --validation 0.25 "$@"; }
learn_head -o "$tmp/head1" --threads 1
expect_code 0
learn_head -o "$tmp/head2" --threads 2
cmp "$tmp/head1" "$tmp/head2" || fail "any number of threads was expected to give the same bytes"
learn_head -o "$tmp/head3" --threads 1 --head-copies 0
if cmp -s "$tmp/head1" "$tmp/head3"; then fail "copies of the images were expected to matter"; fi
run describe --model "$tmp/head1"
expect_out_line '24x24x3'

# A folder of five pictures is enough, of one class is not.
mkdir -p "$tmp/few/dark" "$tmp/few/bright" "$tmp/one/dark"
cp "$tmp/data/dark/1.ppm" "$tmp/data/dark/2.ppm" "$tmp/data/dark/3.ppm" "$tmp/few/dark"
cp "$tmp/data/bright/1.ppm" "$tmp/data/bright/2.ppm" "$tmp/few/bright"
cp "$tmp/data/dark/1.ppm" "$tmp/data/dark/2.ppm" "$tmp/one/dark"
for validation in 0 0.1 0.5; do
    run train "$tmp/few" --alpha 0.1 --epochs 1 --validation $validation -o "$tmp/fewmodel"
    expect_code 0
done
echo GIF >"$tmp/few/dark/4.gif"
run train "$tmp/few" --alpha 0.1 --epochs 1 --classes 3 -o "$tmp/fewmodel"
expect_code 0
expect_err_line '^1 file of another kind (.gif) was not looked at$'
expect_err_line '^mobilenet: --classes is 3, the data have 2 classes: '
run train "$tmp/few" --from "$tmp/fewmodel" --epochs 1 -o "$tmp/fewmodel"
grep -q 'learning_rate=0.02\\n' "$tmp/fewmodel" || fail "0.02 was expected as the learning rate of fine-tuning"
run train "$tmp/one" --epochs 1 -o "$tmp/onemodel"
expect_code 1
expect_err "mobilenet: $tmp/one has one class only: nothing to tell apart; DATA wants a folder for each class"

# The classes that a model knows keep their outputs, in whatever order the folders come; others start anew.
run describe --model "$tmp/whole" --json
expect_json model.labels.0 bright
printf 'dark\nbright\n' >"$tmp/swapped.txt"
run convert "$tmp/whole" "$tmp/swapped" --labels "$tmp/swapped.txt"
expect_code 0
run train "$tmp/data" --from "$tmp/swapped" --batch 4 --epochs 16 --learning-rate 0.1 --validation 0 -o "$tmp/ordered"
expect_code 0
expect_err_line "^the data's classes are the model's: its classifier is kept$"
run describe --model "$tmp/ordered" --json
expect_json model.labels.0 dark
run evaluate "$tmp/data" --model "$tmp/ordered" --json
expect_json class_mapping "by name"
[ "$(json top1_right)" -ge 12 ] || fail "classes were expected to keep their names: $(json top1_right) of 16 are right"
mkdir "$tmp/renamed"
cp -r "$tmp/data/dark" "$tmp/renamed/night"
cp -r "$tmp/data/bright" "$tmp/renamed/day"
run train "$tmp/renamed" --from "$tmp/whole" --batch 4 --epochs 1 --dropout 0.25 -o "$tmp/anew"
expect_code 0
expect_err_line "^the data's classes are not the model's: its classifier starts anew$"
grep -q 'dropout\\*":0.25' "$tmp/anew" || fail "the dropout was expected to be the one that was given"
run describe --model "$tmp/anew" --json
expect_json model.labels.0 day
rm "$tmp/anew"*

# The test part is never learned from, even where the train part cannot be.
mkdir -p "$tmp/parts/train/dark" "$tmp/parts/train/bright" "$tmp/parts/test"
cp -r "$tmp/data/dark" "$tmp/data/bright" "$tmp/parts/test"
cp "$tmp/data/dark/"*.ppm "$tmp/parts/train/dark"
run train "$tmp/parts" --alpha 0.1 --epochs 1 -o "$tmp/parts.model"
expect_code 1
expect_err_line "the class folder '.*/parts/train/bright' holds no picture"

# The learning rate follows the batch that is learned with.
run train "$tmp/data" --alpha 0.1 --batch 16 --epochs 1 --validation 0 -o "$tmp/rate"
expect_code 0
expect_err_line '^batch 16, learning rate 0.0125, 1 epoch$'

# --resume with nothing to go on from.
run train "$tmp/few" --alpha 0.1 --epochs 1 -o "$tmp/anew" --resume
expect_code 0
expect_err_line '^--resume: there is no .*/anew.checkpoint; this run starts anew$'

# Errors.
run train "$tmp/nowhere"
expect_code 1
expect_err_line 'nowhere'
run train "$tmp/data" --alpha 0.25 -o "$tmp/no/such/folder/model" --epochs 1 --batch 4
expect_code 1
expect_err_line "^mobilenet: cannot write '.*/no/such/folder/model': No such file or directory$"
if grep -q 'images to learn from' "$tmp/err"; then fail "no work was expected before"; fi
run train "$tmp/data" --learning-rate fast
expect_code 2
expect_err_line "learning_rate is 'fast', must be 0 to 1000"
run train "$tmp/data" --flip maybe
expect_misuse "mobilenet train: --flip: 'maybe' is none of yes|no"
run train "$tmp/data" --epochs 1 -o "$tmp/model" --log "$tmp/no/log"
expect_code 1
expect_err_line "^mobilenet: cannot write '.*/no/log': No such file or directory$"
run train "$tmp/data" --head-only
expect_code 2
run train "$tmp/data" --from "$tmp/whole" --alpha 0.5
expect_code 2
train -o "$tmp/killed" --threads 1 --resume --no-checkpoint
expect_code 2
run train "$tmp/data" --from "$tmp/whole" --head-only --mixup 0.2
expect_code 2
train -o "$tmp/killed" --threads 1 --resume --resolution 24
expect_code 1
expect_err_line 'another architecture or preprocessing'
train -o "$tmp/killed" --threads 1 --resume --weight-decay 0.25
expect_code 1
expect_err_line 'has weight_decay=0.0005, this one asks for 0.25'
run train "$tmp/data" --widths 4,4,8,8,8,8,8,8,8 --depth shallow --batch 4 --epochs 90 --ema 0.9 --validation 0.25 \
    -o "$tmp/killed" --threads 1 --resume
expect_code 1
expect_err_line 'asks for 90; the learning rate follows the length of the run'
printf 'P6\n16 16\n255\nshort' >"$tmp/data/dark/9.ppm"
train -o "$tmp/broken" --threads 1
expect_code 0
expect_err_line '^left out: .*dark/9.ppm'
[ "$(grep -o 'dark/9.ppm' "$tmp/err" | wc -l)" -eq 1 ] || fail "the picture was expected to be named once"
train -o "$tmp/broken" --threads 1 --strict
expect_code 1
[ "$(grep -o 'dark/9.ppm' "$tmp/err" | wc -l)" -eq 1 ] || fail "the picture was expected to be named once"
expect_err_line '/broken is there; it stays until this run ends'
expect_err_line 'dark/9.ppm'
if [ -w /dev/full ]; then
    rm "$tmp/data/dark/9.ppm"
    train -o "$tmp/full" --threads 1 --log /dev/full
    expect_code 1
    expect_err_line "^mobilenet: cannot write '/dev/full': No space left on device$"
fi
finish
