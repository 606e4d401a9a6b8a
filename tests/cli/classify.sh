# classify: text and JSON, several pictures, folders, stdin, pictures that cannot be read, dumped layers, the default
# model.
. "$SOURCE_DIR/tests/cli/lib.sh"
model "$tmp/m.safetensors" 16 1 4 7 ant "bee, honey bee" cat dog
picture "$tmp/a.pgm" 13
mkdir "$tmp/photos"
for i in 1 2 3; do picture "$tmp/photos/$i.pgm" $((i * 37)); done
echo "no picture" >"$tmp/photos/notes.txt"
echo "no picture either" >"$tmp/broken.jpg"

run classify
expect_misuse "mobilenet classify: PHOTO... is missing"
run classify --model "$tmp/m.safetensors" "$tmp/a.pgm"
expect_code 0
expect_err ""
[ "$(head -n 1 "$tmp/out")" = "$tmp/a.pgm" ] || fail "the first line was expected to be the picture"
[ "$(wc -l <"$tmp/out")" -eq 5 ] || fail "four classes were expected"
expect_out_line '^  *[0-9.]* %  bee, honey bee$'
run classify -m "$tmp/m.safetensors" -k 2 "$tmp/a.pgm"
[ "$(wc -l <"$tmp/out")" -eq 3 ] || fail "two classes were expected"
run classify -m "$tmp/m.safetensors" --min-confidence 1 "$tmp/a.pgm"
expect_code 0
expect_out_line '^  none of the classes: the best reaches [0-9.]* %$'

run classify -m "$tmp/m.safetensors" --json "$tmp/a.pgm"
expect_code 0
expect_json length 1
expect_json 0.keys "image top "
expect_json 0.image "$tmp/a.pgm"
expect_json 0.top.length 4
expect_json 0.top.0.keys "class label probability "
sum=0
for i in 0 1 2 3; do sum="$sum + $(json 0.top.$i.probability)"; done
expect_near "$(awk "BEGIN { print $sum }")" 1 0.00001
best=$(json 0.top.0.class)
probability=$(json 0.top.0.probability)

# The same picture from stdin, on more threads, at the reference level; and named like an option.
"$PROGRAM" classify -m "$tmp/m.safetensors" -j - <"$tmp/a.pgm" >"$tmp/out" || fail "stdin"
expect_json 0.image -
expect_json 0.top.0.probability "$probability"
run classify -m "$tmp/m.safetensors" -j -t 3 "$tmp/a.pgm"
expect_json 0.top.0.probability "$probability"
run classify -m "$tmp/m.safetensors" -j --level reference "$tmp/a.pgm"
expect_json 0.top.0.class "$best"
expect_near "$(json 0.top.0.probability)" "$probability" 0.0001
run classify -m "$tmp/m.safetensors" -j --level reference --precision bfloat16 "$tmp/a.pgm"
expect_code 0
expect_json 0.top.0.class "$best"
expect_near "$(json 0.top.0.probability)" "$probability" 0.02
if ! grep -q '^flags.*avx512_bf16' /proc/cpuinfo 2>/dev/null; then
    run classify -m "$tmp/m.safetensors" --precision bfloat16 "$tmp/a.pgm"
    expect_code 1
    expect_err_line 'bfloat16 needs a processor with AVX512_BF16'
fi
cp "$tmp/a.pgm" "$tmp/--json.pgm"
(cd "$tmp" && "$PROGRAM" classify -m m.safetensors -j -- --json.pgm) >"$tmp/out" || fail "operands behind --"
expect_json 0.image --json.pgm

# A folder stands for its pictures, in order.
run classify -m "$tmp/m.safetensors" --json "$tmp/photos" "$tmp/a.pgm"
expect_code 0
expect_json length 4
expect_json 1.image "$tmp/photos/2.pgm"
expect_err "1 file of another kind (.txt) was not looked at"
mkdir "$tmp/empty" "$tmp/other"
echo GIF >"$tmp/other/a.gif"
echo II >"$tmp/other/b.tiff"
run classify -m "$tmp/m.safetensors" "$tmp/other"
expect_code 1
expect_err_line '^2 files of other kinds (.*) were not looked at$'
expect_err_line "/other' holds no picture"
printf 'P6\n8 8\n255\n%0192d' 0 >"$tmp/colour.ppm"
run classify -m "$tmp/m.safetensors" "$tmp/colour.ppm" "$tmp/colour.ppm"
expect_code 0
expect_err "mobilenet: the images are in colour, this model has learned from gray ones"
run classify -m "$tmp/m.safetensors" "$tmp/empty"
expect_code 1
expect_err "mobilenet: the folder '$tmp/empty' holds no picture (JPEG, PNG, WebP, PPM, PGM, BMP)"
mkdir "$tmp/empty/inside"
run classify -m "$tmp/m.safetensors" "$tmp/empty"
expect_code 1
expect_err_line 'holds no picture .*; folders inside are not entered (mobilenet evaluate reads a folder for each class)$'
picture "$tmp/empty/1.pgm" 5
run classify -m "$tmp/m.safetensors" "$tmp/empty"
expect_code 0
expect_err "$tmp/empty: 1 folder inside was not entered"

# One bad picture: reported, the others done, exit code 1.
run classify -m "$tmp/m.safetensors" "$tmp/broken.jpg" "$tmp/a.pgm"
expect_code 1
expect_err_line 'broken.jpg'
expect_err_line '1 of 2 pictures could not be classified'
expect_out_line 'a.pgm$'
run classify -m "$tmp/m.safetensors" -j "$tmp/nowhere.jpg" "$tmp/a.pgm"
expect_code 1
expect_json length 2
expect_json 0.keys "image top error "
expect_json 1.keys "image top "
run classify -m "$tmp/nowhere" "$tmp/a.pgm"
expect_code 1
expect_err_line "nowhere': No such file or directory"
run classify -m "$tmp/broken.jpg" "$tmp/a.pgm"
expect_code 1
expect_out ""

# Every layer as .npy: the softmax is what classify prints.
run classify -m "$tmp/m.safetensors" --dump "$tmp/layers" "$tmp/a.pgm"
expect_code 0
[ "$(find "$tmp/layers" -name '*.npy' | wc -l)" -eq 31 ] || fail "31 arrays were expected"
head -c 128 "$tmp/layers/00_input.npy" | grep -aq "{'descr': '<f4', 'fortran_order': False, 'shape': (16, 16, 1,), }" ||
    fail "the header of 00_input.npy"
[ "$(wc -c <"$tmp/layers/01_stem.npy")" -eq $((128 + 4 * 16 * 16 * 8)) ] || fail "the size of 01_stem.npy"
largest=$(tail -c 16 "$tmp/layers/30_softmax.npy" | od -An -tf4 | awk '{ m = 0; for (i = 1; i <= NF; i++) if ($i > m) m = $i; print m }')
expect_near "$largest" "$probability" 0.000001
run classify -m "$tmp/m.safetensors" --dump "$tmp/layers" "$tmp/photos"
expect_code 2
expect_err_line "^mobilenet classify: --dump takes one picture, 3 are given$"
run classify -m "$tmp/m.safetensors" --dump "$tmp/broken.jpg" "$tmp/a.pgm"
expect_code 1

# Labels that would write to the terminal are shown harmless.
model "$tmp/evil.safetensors" 16 1 2 7 "$(printf 'red\033[31m\302\2330m')" "$(printf 'two\nlines')"
run classify -m "$tmp/evil.safetensors" "$tmp/a.pgm"
expect_out_line 'red?\[31m?0m$'
expect_out_line 'two lines$'

# Without --model: the default model beside the program, or what to type. A script that starts an emulator stays where
# the program is, so the program cannot be moved away from the model that ships.
if [ "$(head -c 2 "$PROGRAM")" = '#!' ]; then
    finish
fi
mkdir "$tmp/bin" "$tmp/models"
cp "$PROGRAM" "$tmp/bin/mobilenet"
"$tmp/bin/mobilenet" classify "$tmp/a.pgm" >"$tmp/out" 2>"$tmp/err"
code=$? err=$(cat "$tmp/err")
expect_code 1
expect_err_line 'mobilenet classify --model FILE PHOTO'
cp "$tmp/m.safetensors" "$tmp/models/default.safetensors"
"$tmp/bin/mobilenet" classify -j "$tmp/a.pgm" >"$tmp/out" 2>"$tmp/err"
code=$?
expect_code 0
expect_json 0.top.0.probability "$probability"

finish
