# evaluate: the kinds of data, how classes are matched, what is refused, and that the result does not depend on threads.
. "$SOURCE_DIR/tests/cli/lib.sh"
model "$tmp/m.safetensors" 16 1 3 7 ant bee cat
for class in ant bee cat; do
    mkdir -p "$tmp/data/$class"
    for i in 1 2 3 4; do picture "$tmp/data/$class/$i.pgm" $((i * 41 % 200)); done
done

run evaluate -m "$tmp/m.safetensors" "$tmp/data" --json
expect_code 0
expect_err ""
expect_json keys "model data kind split classes class_mapping images skipped top1 top5 top1_right top5_right seconds \
images_per_second ranks threads cpu_level precision "
expect_json images 12
expect_json skipped 0
expect_json kind folder
expect_json split all
expect_json class_mapping "by name"
expect_json top5 100
# The pictures of the three classes are the same: whatever the model says, a third is right.
expect_json top1_right 4
expect_near "$(json top1)" 33.3333 0.001

run evaluate -m "$tmp/m.safetensors" "$tmp/data" --confusion
expect_code 0
expect_out_line '^top-1    33.33 %  (4 right)$'
expect_out_line '^speed .* threads*, float32, level '
expect_out_line '^true . taken for  *0  *1  *2  right %$'
expect_out_line '^1 bee '
run evaluate -m "$tmp/m.safetensors" "$tmp/data" --confusion --json --threads 1 --confusion-csv "$tmp/c.csv"
expect_json confusion.0.keys "class label predicted predicted_label count "
one=$(json confusion)
expect_json threads 1
[ "$(wc -l <"$tmp/c.csv")" -eq 4 ] || fail "the CSV was expected to have four lines"
[ "$(head -n 1 "$tmp/c.csv")" = ',"ant","bee","cat"' ] || fail "the first line of the CSV"
[ "$(awk -F, 'NR > 1 { for (i = 2; i <= NF; i++) s += $i } END { print s }' "$tmp/c.csv")" -eq 12 ] ||
    fail "the CSV was expected to add up to 12"
run evaluate -m "$tmp/m.safetensors" "$tmp/data" --confusion --json --threads 5
expect_json confusion "$one"
run evaluate -m "$tmp/m.safetensors" "$tmp/data" --limit 6 --json
expect_json images 6
expect_json top1_right 2

# A list, with names, with numbers, and as the folder that holds it.
(cd "$tmp/data" && for f in */*.pgm; do echo "$f ${f%/*}"; done) >"$tmp/data/names.txt"
run evaluate -m "$tmp/m.safetensors" "$tmp/data/names.txt" --json
expect_code 0
expect_json kind list
expect_json class_mapping "by name"
expect_json top1_right 4
sed 's/ant$/0/; s/bee$/1/; s/cat$/2/' "$tmp/data/names.txt" >"$tmp/data/labels.txt"
run evaluate -m "$tmp/m.safetensors" "$tmp/data" --json
expect_json kind list
expect_json class_mapping "by number"
expect_json top1_right 4
rm "$tmp/data/labels.txt"

# Parts.
mkdir "$tmp/parts"
cp -r "$tmp/data" "$tmp/parts/train"
cp -r "$tmp/data" "$tmp/parts/test"
rm "$tmp/parts/test"/*/1.pgm
run evaluate -m "$tmp/m.safetensors" "$tmp/parts" --json
expect_json split test
expect_json images 9
run evaluate -m "$tmp/m.safetensors" "$tmp/parts" --split train --json
expect_json split train
expect_json images 12
run evaluate -m "$tmp/m.safetensors" "$tmp/data" --split train
expect_code 1
expect_err_line 'has no train and test part'

# A picture that cannot be read is said, left out, and makes the exit code 1.
echo broken >"$tmp/parts/test/bee/2.pgm"
run evaluate -m "$tmp/m.safetensors" "$tmp/parts" --json
expect_code 1
expect_json images 8
expect_json skipped 1
expect_err_line 'test/bee/2.pgm'
expect_err_line '1 of 9 pictures could not be read and are not counted'

# Classes that do not fit are refused before anything runs.
mkdir "$tmp/data/dog"
picture "$tmp/data/dog/1.pgm" 3
run evaluate -m "$tmp/m.safetensors" "$tmp/data"
expect_code 1
expect_err "mobilenet: the data have 4 classes (the first is 'ant'), the model has 3 (the first is 'ant'): they do not fit"
rm -r "$tmp/data/dog"
mkdir "$tmp/data/dog-empty"
run evaluate -m "$tmp/m.safetensors" "$tmp/data"
expect_code 1
expect_err_line 'holds no picture'

# Other names, as many: by number, and said.
rm -r "$tmp/data/dog-empty" "$tmp/data/names.txt"
mv "$tmp/data/cat" "$tmp/data/dog"
run evaluate -m "$tmp/m.safetensors" "$tmp/data" --json
expect_code 0
expect_json class_mapping "by number"
model "$tmp/other.safetensors" 16 1 3 7 x y z
run evaluate -m "$tmp/other.safetensors" "$tmp/data" --json
expect_err "mobilenet: the names of the data ('ant', ...) are not those of the model ('x', ...): classes are matched by number"

# IDX: two images of 2x2, labels 0 and 2.
mkdir "$tmp/idx"
printf '\0\0\010\003\0\0\0\002\0\0\0\002\0\0\0\002abcdefgh' >"$tmp/idx/t10k-images-idx3-ubyte"
printf '\0\0\010\001\0\0\0\002\0\002' >"$tmp/idx/t10k-labels-idx1-ubyte"
gzip "$tmp/idx/t10k-labels-idx1-ubyte" 2>/dev/null
run evaluate -m "$tmp/m.safetensors" "$tmp/idx" --json
expect_code 0
expect_json kind idx
expect_json split test
expect_json images 2

# 1001 classes: the first is ImageNet's background, numbers count from the second.
model "$tmp/big.safetensors" 16 1 1001 7
echo "data/ant/1.pgm 999" >"$tmp/list"
run evaluate -m "$tmp/big.safetensors" "$tmp/list" --json --confusion
expect_code 0
expect_json class_mapping "by number, after the model's background class"
expect_json confusion.0.class 1000
expect_json confusion.0.label "toilet tissue, toilet paper, bathroom tissue"
echo "data/ant/1.pgm 1001" >"$tmp/list"
run evaluate -m "$tmp/big.safetensors" "$tmp/list"
expect_code 1
expect_err "mobilenet: the class numbers of the data go up to 1001, the model has 1000 classes: they do not fit"

# The model that comes with the program is none for these data, and says so.
run evaluate "$tmp/data"
expect_code 1
expect_err_line 'the images are gray, this model has learned from coloured ones'
expect_err_line "^mobilenet: the data have 3 classes (the first is 'ant'), the model has 10 (the first is 'airplane'): they do not fit; --model FILE names another model$"
[ "$(grep -c 'the data have' "$tmp/err")" -eq 1 ] || fail "one message was expected"
mkdir -p "$tmp/single/owl"
cp "$tmp/data/ant/1.pgm" "$tmp/single/owl"
run evaluate -m "$tmp/m.safetensors" "$tmp/single"
expect_code 1
expect_err_line "^mobilenet: the data have 1 class (the first is 'owl'), the model has 3 .*: they do not fit$"

run evaluate -m "$tmp/m.safetensors"
expect_misuse "mobilenet evaluate: DATA is missing"
run evaluate -m "$tmp/m.safetensors" "$tmp/nowhere"
expect_code 1
expect_err "mobilenet: cannot open '$tmp/nowhere': No such file or directory"

finish
