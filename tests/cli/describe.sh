# describe: the table as a reader sees it, and the keys that programs rely on.
. "$SOURCE_DIR/tests/cli/lib.sh"

run describe
expect_code 0
expect_err ""
expect_out_line '^MobileNet V1, alpha 1, input 224x224x3, 1000 classes$'
expect_out_line '^stem  *Conv / s2  *3x3x3x32  *224x224x3  *10,838,016  *864$'
expect_out_line '^block1.depthwise  *Conv dw / s1  *3x3x32 dw  *112x112x32  *3,612,672  *288$'
expect_out_line '^block13.depthwise  *Conv dw / s1  *3x3x1024 dw  *7x7x1024  *451,584  *9,216$'
expect_out_line '^pool  *Avg Pool / s1  *Pool 7x7  *7x7x1024  *-  *-$'
expect_out_line '^classifier  *FC / s1  *1024x1000  *1x1x1024  *1,024,000  *1,024,000$'
# Table 2 of the paper (its 1.19 for the standard convolution is a misprint of 1.91).
expect_out_line '^pointwise 1x1  *539,492,352  *94.86  *3,139,584  *74.59$'
expect_out_line '^depthwise 3x3  *17,385,984  *3.06  *44,640  *1.06$'
expect_out_line '^standard 3x3  *10,838,016  *1.91  *864  *0.02$'
expect_out_line '^fully connected  *1,024,000  *0.18  *1,024,000  *24.33$'
expect_out_line '^without classifier  *567,716,352  *99.82  *3,185,088  *75.67$'
expect_out_line '4,231,976 trainable .*, 4,253,864 with running statistics$'
expect_out_line '^Session .*, float32, level '

run describe --json
expect_code 0
expect_err ""
for key in arch macs macs_without_classifier weights weights_without_classifier biases batch_norm_trainable \
    batch_norm_statistics parameters_trainable parameters activations activation_peak_bytes by_kind layers; do
    case $(json keys) in
    *"$key "*) ;;
    *) fail "the key $key is gone" ;;
    esac
done
expect_json layers.length 30
expect_json layers.0.keys \
    "name op kernel stride padding activation batch_norm bias input output macs weights activations "
expect_json layers.0.padding "[0,1,0,1]"
expect_json layers.0.output "[112,112,32]"
expect_json by_kind.0.keys "kind macs macs_percent weights weights_percent "

run describe --resolution 160x96 --json
expect_json arch.height 160
expect_json arch.width 96
expect_json layers.27.input "[5,3,1024]"
run describe --padding symmetric --json
expect_json layers.0.padding "[1,1,1,1]"
run describe --no-batch-norm --json
expect_json batch_norm_trainable 0
expect_json biases 11944
run describe --widths 8,8,8,8,8,8,8,8,8,8,8,8,8,8 --json
expect_json layers.28.input "[1,1,8]"

finish
