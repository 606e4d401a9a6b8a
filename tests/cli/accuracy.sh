# The trained models of the assets folder on its labelled photographs. The figures are those of the folder's README,
# measured with an independent implementation: float models within 0.4 point, quantised ones, whose integers are
# computed as floats here, within 2.
. "$SOURCE_DIR/tests/cli/lib.sh"
require_assets models/README.md images/imagenet-val/labels.txt images/photos/labels.txt

# model, what may differ, top-1 and top-5 on imagenet-val, then on photos
while read -r name points top1 top5 photos1 photos5; do
    require_assets "models/$name"
    for data in imagenet-val/labels.txt photos; do
        run evaluate --model "$assets/models/$name" "$assets/images/$data" --json
        expect_code 0
        expect_json skipped 0
        if [ $data = photos ]; then
            # One photograph of 64 is 1.6 points: three are allowed to an integer model.
            expect_json images 64
            expect_near "$(json top1)" "$photos1" "$(awk "BEGIN { print $points < 1 ? 0.1 : 4.8 }")"
            expect_near "$(json top5)" "$photos5" "$(awk "BEGIN { print $points < 1 ? 0.1 : 4.8 }")"
        else
            expect_json images 500
            expect_near "$(json top1)" "$top1" "$points"
            expect_near "$(json top5)" "$top5" "$points"
        fi
    done
done <<'END'
mobilenet_v1_0.25_224_float.tflite 0.4 64.2 89.0 48.4 70.3
mobilenet_v1_0.25_224_uint8.tflite 2 62.0 87.8 54.7 75.0
mobilenet_v1_0.25_128_uint8.tflite 2 57.6 81.4 42.2 62.5
mobilenet_v1_0.5_160_uint8.tflite 2 71.0 91.6 57.8 71.9
mobilenet_v1_0.25_224_keras.h5 0.4 65.0 87.6 54.7 73.4
mobilenet_v1_0.25_128_keras.h5 0.4 58.6 82.4 42.2 64.1
END

# The list and its folder are the same data; every level and any number of threads agree on the result.
float=$assets/models/mobilenet_v1_0.25_224_float.tflite
run evaluate -m "$float" "$assets/images/photos/labels.txt" --json --confusion --threads 1
one=$(json confusion)
run evaluate -m "$float" "$assets/images/photos" --json --confusion --threads 3
expect_json confusion "$one"

# In bfloat16 seven of 500 photographs more or less may be right, where this processor can.
run evaluate -m "$float" "$assets/images/imagenet-val/labels.txt" --json --precision bfloat16
if [ "$code" = 0 ]; then
    expect_near "$(json top1)" 64.2 1.5
    expect_near "$(json top5)" 89.0 1.5
else
    expect_err_line 'bfloat16 needs a processor with AVX512_BF16'
fi

# classify says of each photograph what evaluate counted: 31 of 64 right (48.4 %), the robin among them.
run classify -m "$float" -k 1 "$assets/images/photos/n01558993_robin.jpg"
expect_code 0
expect_out_line 'robin, American robin, Turdus migratorius$'
run classify -m "$float" -k 1 --json "$assets/images/photos"
expect_code 0
expect_json length 64
right=$(awk 'NR == FNR { wanted[$1] = $2 + 1; next }
    /"image":/ { file = $0; sub(/.*\//, "", file); sub(/".*/, "", file) }
    /"class":/ { class = $0; gsub(/[^0-9]/, "", class); n += wanted[file] == class }
    END { print n }' "$assets/images/photos/labels.txt" "$tmp/out")
expect_near "$right" 31 0

finish
