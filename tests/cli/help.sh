# Help, the manual page and the completions come from the same tables as the parser.
. "$SOURCE_DIR/tests/cli/lib.sh"

run help
expect_code 0
expect_out_line '^  describe  '
expect_out_line 'MOBILENET_CPU'
run --help
expect_code 0
cp "$tmp/out" "$tmp/first"
run -h
cmp -s "$tmp/out" "$tmp/first" || fail "-h and --help differ"

# Each command: --help, -h, and help COMMAND say the same, within 80 columns.
commands=$("$PROGRAM" help | sed -n 's/^  \([a-z]*\)  .*/\1/p')
[ -n "$commands" ] || fail "help lists no commands"
for command in $commands; do
    run "$command" --help
    expect_code 0
    expect_err ""
    expect_out_line "^Usage: mobilenet $command"
    cp "$tmp/out" "$tmp/first"
    [ -z "$(awk 'length($0) > 80' "$tmp/out" | grep -v '^  [#m]')" ] || fail "a line is longer than 80 columns"
    run help "$command"
    cmp -s "$tmp/out" "$tmp/first" || fail "help $command and $command --help differ"
done
"$PROGRAM" help train | tr -s ' \n' ' ' >"$tmp/first"
grep -q 'outputs of the classifier \[as the data\]' "$tmp/first" || fail "train's classes are those of the data"
run help descrbe
expect_misuse "mobilenet: there is no command 'descrbe'; did you mean describe?"
run help --man describe
expect_misuse "mobilenet help: --man prints the whole manual page and takes no command"

# Every option that help shows is in the manual page and in each completion.
"$PROGRAM" help --man >"$tmp/man"
grep -q '^\.TH MOBILENET 1' "$tmp/man" || fail "the manual page has no title"
if command -v groff >/dev/null 2>&1; then
    [ -z "$(groff -man -Tutf8 -ww "$tmp/man" 2>&1 >/dev/null)" ] || fail "groff warns of the manual page"
fi
for shell in bash zsh fish; do
    "$PROGRAM" completion "$shell" >"$tmp/$shell" || fail "no completion for $shell"
    if command -v "$shell" >/dev/null 2>&1; then
        "$shell" -n "$tmp/$shell" || fail "$shell does not take its completion script"
    fi
done
for command in $commands; do
    for option in $("$PROGRAM" help "$command" | sed -n 's/^  .\{4\}--\([a-z0-9-]*\).*/\1/p'); do
        checks=$((checks + 1))
        grep -q -e "--$option" "$tmp/bash" || fail "bash: $command --$option is missing"
        grep -q -e "--$option" "$tmp/zsh" || fail "zsh: $command --$option is missing"
        grep -q -e "from $command' -l $option" "$tmp/fish" || fail "fish: $command --$option is missing"
        [ "$option" = help ] || grep -q -e "$(echo "$option" | sed 's/-/\\\\-/g')" "$tmp/man" ||
            fail "manual page: $command --$option is missing"
    done
done
run completion tcsh
expect_misuse "mobilenet completion: 'tcsh' is none of bash, zsh, fish"

# Completion at work.
if command -v bash >/dev/null 2>&1; then
    cat >"$tmp/try" <<'END'
. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mobilenet; echo "${COMPREPLY[@]}"
END
    typed=completion
    [ "$(bash "$tmp/try" "$tmp/bash" mobilenet descr)" = describe ] || fail "bash: commands"
    [ "$(bash "$tmp/try" "$tmp/bash" mobilenet describe --al)" = --alpha ] || fail "bash: options"
    [ "$(bash "$tmp/try" "$tmp/bash" mobilenet describe --padding k)" = keras ] || fail "bash: values"
    [ "$(bash "$tmp/try" "$tmp/bash" mobilenet train --schedule c)" = "constant cosine" ] || fail "bash: values"
    [ "$(bash "$tmp/try" "$tmp/bash" mobilenet train --flip y)" = yes ] || fail "bash: values"
    [ "$(bash "$tmp/try" "$tmp/bash" mobilenet help descr)" = describe ] || fail "bash: commands after help"
fi

finish
