# Reading the command line: every way to write an option, every mistake, and what becomes of a full disk.
. "$SOURCE_DIR/tests/cli/lib.sh"

run
expect_misuse "mobilenet: a command is missing"
run descrbe
expect_misuse "mobilenet: there is no command 'descrbe'; did you mean describe?"
run xyzzyfoo
expect_misuse "mobilenet: there is no command 'xyzzyfoo'"
run --alpha
expect_misuse "mobilenet: there is no option --alpha before the command"
run --version
expect_code 0
expect_out_line '^mobilenet [0-9]*\.[0-9]*\.[0-9]*$'

run describe --alpah 2
expect_misuse "mobilenet describe: there is no option --alpah; did you mean --alpha?"
expect_err_line '^Try: mobilenet describe --help$'
run describe -x
expect_misuse "mobilenet describe: there is no option -x"
run describe --alpha
expect_misuse "mobilenet describe: --alpha needs a value: --alpha X"
run describe --alpha --json
expect_misuse "mobilenet describe: --alpha needs a value: --alpha X"
run describe --alpha 0,5
expect_misuse "mobilenet describe: --alpha: '0,5' is not a number (the decimal mark is a point)"
run describe --alpha nan
expect_misuse "mobilenet describe: --alpha: 'nan' is not a number"
run describe --alpha 0x1
expect_misuse "mobilenet describe: --alpha: '0x1' is not a number"
run describe --alpha 1e9
expect_misuse "mobilenet describe: --alpha: 1e9 is outside 0.001 to 64"
run describe --alpha ''
expect_misuse "mobilenet describe: --alpha: '' is not a number"
run describe --alpha 1 --alpha 2
expect_misuse "mobilenet describe: --alpha is given twice"
run describe --classes 10k
expect_misuse "mobilenet describe: --classes: '10k' is not a whole number"
run describe --classes 99999999999999999999
expect_misuse "mobilenet describe: --classes: 99999999999999999999 is outside 1 to 1000000"
run describe --resolution 32x
expect_misuse "mobilenet describe: --resolution: '32x' is no size: wanted is N or HxW"
run describe --resolution 32x0
expect_misuse "mobilenet describe: --resolution: 0 is outside 1 to 8192"
run describe --padding valid
expect_misuse "mobilenet describe: --padding: 'valid' is none of same|keras|symmetric"
run describe --widths 1,2,3
expect_misuse "mobilenet describe: 3 widths are given, this architecture has 14 (stem and blocks)"
run describe --widths 1,,3
expect_misuse "mobilenet describe: --widths: '' is not a whole number"
run describe --json=yes
expect_misuse "mobilenet describe: --json takes no value"
run describe photo.jpg
expect_misuse "mobilenet describe: 'photo.jpg' is one argument too many: only options are taken"
echo x >"$tmp/x.tflite"
for command in describe bench; do
    run $command "$tmp/x.tflite"
    expect_misuse "mobilenet $command: '$tmp/x.tflite' is one argument too many: only options are taken; a model file is named by --model $tmp/x.tflite"
done
run describe -- --json
expect_misuse "mobilenet describe: '--json' is one argument too many: only options are taken"
run describe --resolution 1 --padding keras
expect_misuse "mobilenet describe: input 1x1 is too small: layer stem would have no output (a smaller output_stride helps)"

# Four ways to write one thing.
run describe --alpha 0.5 --json
expect_json weights 1319648
run describe --alpha=0.5 -j
expect_json weights 1319648
run describe -a 0.5 -j
expect_json weights 1319648
run describe -ja0.5
expect_json weights 1319648

# A result that cannot be written is a failure.
if [ -w /dev/full ]; then
    "$PROGRAM" describe --json >/dev/full 2>"$tmp/err"
    code=$? typed="mobilenet describe --json > /dev/full"
    expect_code 1
    expect_err_line 'could not be written: No space left on device$'
fi
"$PROGRAM" describe >&- 2>"$tmp/err"
code=$? typed="mobilenet describe >&-"
expect_code 1
# A reader that goes away early: no result, no message, and no death by signal.
{ (sleep 0.2; "$PROGRAM" describe --json 2>"$tmp/err"; echo $? >"$tmp/code"); } | true
code=$(cat "$tmp/code") typed="mobilenet describe --json | true"
expect_code 1
[ ! -s "$tmp/err" ] || fail "nothing was expected on stderr"

finish
