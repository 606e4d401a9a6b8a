#!/bin/sh
# The learning curve of a run as a picture, from the log of `mobilenet train --log`. Wants gnuplot and awk.
#
#     tools/plot_log.sh LOG PICTURE.svg|PICTURE.png
set -eu
[ $# -eq 2 ] || { echo "usage: plot_log.sh LOG PICTURE.svg|PICTURE.png" >&2; exit 2; }
case $2 in
*.svg) terminal=svg ;;
*.png) terminal=pngcairo ;;
*) echo "plot_log.sh: the picture is '$2', must end in .svg or .png" >&2; exit 2 ;;
esac
table=$(mktemp)
trap 'rm -f "$table"' EXIT
# epoch, train loss, held-out loss, train accuracy, held-out accuracy
awk 'function field(name) { if (!match($0, "\"" name "\":[-0-9.e+]+")) return "nan"
        return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) }
    /"event":"epoch"/ { print field("epoch"), field("train_loss"), field("loss"), field("train_accuracy"), field("accuracy") }' \
    "$1" >"$table"
[ -s "$table" ] || { echo "plot_log.sh: $1 holds no epoch" >&2; exit 1; }
gnuplot <<END
set terminal $terminal size 900,420
set output "$2"
set multiplot layout 1,2
set xlabel "epoch"
set grid
set ylabel "loss"
plot "$table" using 1:2 with linespoints title "training", "" using 1:3 with linespoints title "held out"
set ylabel "accuracy, %"
set key bottom
plot "$table" using 1:(100*\$4) with linespoints title "training", "" using 1:(100*\$5) with linespoints title "held out"
unset multiplot
END
