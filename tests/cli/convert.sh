# convert: labels, texts, folding, verification, and what happens to the old file.
. "$SOURCE_DIR/tests/cli/lib.sh"
model "$tmp/m.safetensors" 16 1 3 7
printf 'ant\r\nbee\r\ncat\r\n\r\n' >"$tmp/labels.txt"

run convert --verify --labels "$tmp/labels.txt" --info licence=MIT --info "name=three = animals" "$tmp/m.safetensors" \
    "$tmp/o.safetensors"
expect_code 0
expect_err ""
expect_out_line '^verify  16 of 16 made-up pictures with the same best class; largest difference of a probability 0 '
run describe --model "$tmp/o.safetensors" --json
expect_code 0
expect_json model.labels '["ant","bee","cat"]'
expect_json model.labels_attached true
expect_json model.info.licence MIT
expect_json model.info.name "three = animals"
expect_json model.preprocess.crop none
run describe --model "$tmp/o.safetensors"
expect_out_line '^Labels  *ant ... cat$'
expect_out_line '^licence  *MIT$'
run describe --model "$tmp/o.safetensors" --alpha 0.5
expect_misuse "mobilenet describe: --alpha cannot be combined with --model: the file says what it is"

run convert --verify --fold --json "$tmp/o.safetensors" "$tmp/f.safetensors"
expect_code 0
expect_json keys "input output arch preprocess labels_attached info verify "
expect_json arch.batch_norm false
expect_json verify.same_best_class 16
expect_near "$(json verify.largest_difference)" 0 0.00001
[ "$(wc -c <"$tmp/f.safetensors")" -lt "$(wc -c <"$tmp/o.safetensors")" ] || fail "the folded file is not smaller"

# Another range of the input, in the new file and in what it is verified against.
run convert --verify --mean 127.5 --deviation 64 "$tmp/m.safetensors" "$tmp/r.safetensors" --json
expect_code 0
expect_json preprocess.mean.0 127.5
expect_json preprocess.standard_deviation.0 64
expect_json info.assumed "the range of the input was given to convert"
run convert --deviation 0 "$tmp/m.safetensors" "$tmp/r.safetensors"
expect_misuse "mobilenet convert: --deviation: 0 is outside 0.001 to 1000"

# Onto itself; with pictures of one's own.
mkdir "$tmp/photos"
picture "$tmp/photos/1.pgm" 11
picture "$tmp/photos/2.pgm" 99
run convert --verify --photos "$tmp/photos" "$tmp/f.safetensors" "$tmp/f.safetensors"
expect_code 0
expect_out_line '^verify  2 of 2 pictures with'

# Refusals leave the old file alone.
cp "$tmp/f.safetensors" "$tmp/before"
echo "ant" >"$tmp/short.txt"
run convert --labels "$tmp/short.txt" "$tmp/m.safetensors" "$tmp/f.safetensors"
expect_code 1
expect_err_line 'short.txt: 1 labels are given, the model has 3 classes$'
run convert "$tmp/labels.txt" "$tmp/f.safetensors"
expect_code 1
run convert "$tmp/m.safetensors" "$tmp/nowhere/f.safetensors"
expect_code 1
run convert "$tmp/m.safetensors" "$tmp/f.tflite"
expect_misuse "mobilenet convert: '$tmp/f.tflite' ends in .tflite, but only native files (.safetensors) can be written"
run convert --info nonsense "$tmp/m.safetensors" "$tmp/f.safetensors"
expect_misuse "mobilenet convert: --info: 'nonsense' is not KEY=TEXT"
run convert --photos "$tmp/photos" "$tmp/m.safetensors" "$tmp/f.safetensors"
expect_misuse "mobilenet convert: --photos is for --verify"
run convert "$tmp/m.safetensors"
expect_misuse "mobilenet convert: OUT is missing"
cmp -s "$tmp/before" "$tmp/f.safetensors" || fail "a refusal changed the old file"
[ ! -e "$tmp/f.tflite" ] || fail "a file was written all the same"

# 1000 names for 1001 classes.
model "$tmp/big.safetensors" 16 1 1001 7
awk 'BEGIN { for (i = 0; i < 1000; i++) print "name " i }' >"$tmp/thousand.txt"
run convert -l "$tmp/thousand.txt" "$tmp/big.safetensors" "$tmp/o.safetensors"
expect_code 0
expect_err "labels: 1000 names for 1001 classes; 'background' was put first"
run describe -m "$tmp/o.safetensors" -j
expect_json model.labels.1000 "name 999"

finish
