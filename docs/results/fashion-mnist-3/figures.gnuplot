# Accuracy against cost as SVG and PNG. Drawn by: gnuplot figures.gnuplot
$s0 << END
9.4864 0.210016 88.320 0.000 1
5.56862 0.12078 88.190 0.000 0.75
2.70045 0.056056 85.250 0.000 0.5
0.960272 0.015944 83.600 0.000 0.25
END
$s1 << END
6.68992 0.210016 87.310 0.000 1
3.93226 0.12078 85.750 0.000 0.75
1.91187 0.056056 84.890 0.000 0.5
0.686368 0.015944 83.060 0.000 0.25
END
$s2 << END
4.9264 0.210016 86.450 0.000 1
2.89051 0.12078 85.020 0.000 0.75
1.40042 0.056056 82.990 0.000 0.5
0.496112 0.015944 83.050 0.000 0.25
END
$s3 << END
2.97472 0.210016 83.970 0.000 1
1.74874 0.12078 82.800 0.000 0.75
0.850432 0.056056 83.440 0.000 0.5
0.305408 0.015944 80.510 0.000 0.25
END
$s4 << END
5.19008 0.122336 88.150 0.000 1
END
$s5 << END
76.5334 1.76865 91.840 0.000 1
END
set logscale x
set grid xtics ytics lt 1 lc rgb '#DDDDDD'
set ylabel 'accuracy on the test part, %'
set key bottom right box lc rgb '#BBBBBB' width 1 title 'input; labels: width'
set border 3
set tics nomirror
set offsets 0, 0, graph 0.08, graph 0.08
set terminal svg size 900,600 dynamic background rgb 'white' font 'sans-serif,14'
set output 'macs.svg'
set xlabel 'million multiply-adds'
set xrange [0.234929:107.147]
set xtics ('0.5' 0.5, '1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100)
plot $s0 using 1:3 with linespoints lc rgb '#0072B2' lw 1.5 pt 7 ps 1.1 title '28x28', \
     $s0 using 1:3:(gprintf('%gx', $5)) with labels left offset 0.8,-0.8 notitle, \
     $s1 using 1:3 with linespoints lc rgb '#009E73' lw 1.5 pt 7 ps 1.1 title '24x24', \
     $s2 using 1:3 with linespoints lc rgb '#E69F00' lw 1.5 pt 7 ps 1.1 title '20x20', \
     $s3 using 1:3 with linespoints lc rgb '#CC79A7' lw 1.5 pt 7 ps 1.1 title '16x16', \
     $s4 using 1:3 with points lc rgb '#000000' lw 1.5 pt 9 ps 1.1 title 'shallow', \
     $s5 using 1:3 with points lc rgb '#D55E00' lw 1.5 pt 5 ps 1.1 title 'standard convolution'
set terminal pngcairo size 900,600 background rgb 'white' font 'sans-serif,11'
set output 'macs.png'
set xlabel 'million multiply-adds'
set xrange [0.234929:107.147]
set xtics ('0.5' 0.5, '1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100)
plot $s0 using 1:3 with linespoints lc rgb '#0072B2' lw 1.5 pt 7 ps 1.1 title '28x28', \
     $s0 using 1:3:(gprintf('%gx', $5)) with labels left offset 0.8,-0.8 notitle, \
     $s1 using 1:3 with linespoints lc rgb '#009E73' lw 1.5 pt 7 ps 1.1 title '24x24', \
     $s2 using 1:3 with linespoints lc rgb '#E69F00' lw 1.5 pt 7 ps 1.1 title '20x20', \
     $s3 using 1:3 with linespoints lc rgb '#CC79A7' lw 1.5 pt 7 ps 1.1 title '16x16', \
     $s4 using 1:3 with points lc rgb '#000000' lw 1.5 pt 9 ps 1.1 title 'shallow', \
     $s5 using 1:3 with points lc rgb '#D55E00' lw 1.5 pt 5 ps 1.1 title 'standard convolution'
set terminal svg size 900,600 dynamic background rgb 'white' font 'sans-serif,14'
set output 'parameters.svg'
set xlabel 'million parameters'
set xrange [0.0122646:2.47611]
set xtics ('0.02' 0.02, '0.05' 0.05, '0.1' 0.1, '0.2' 0.2, '0.5' 0.5, '1' 1, '2' 2)
plot $s0 using 2:3 with linespoints lc rgb '#0072B2' lw 1.5 pt 7 ps 1.1 title '28x28', \
     $s0 using 2:3:(gprintf('%gx', $5)) with labels left offset 0.8,-0.8 notitle, \
     $s1 using 2:3 with linespoints lc rgb '#009E73' lw 1.5 pt 7 ps 1.1 title '24x24', \
     $s2 using 2:3 with linespoints lc rgb '#E69F00' lw 1.5 pt 7 ps 1.1 title '20x20', \
     $s3 using 2:3 with linespoints lc rgb '#CC79A7' lw 1.5 pt 7 ps 1.1 title '16x16', \
     $s4 using 2:3 with points lc rgb '#000000' lw 1.5 pt 9 ps 1.1 title 'shallow', \
     $s5 using 2:3 with points lc rgb '#D55E00' lw 1.5 pt 5 ps 1.1 title 'standard convolution'
set terminal pngcairo size 900,600 background rgb 'white' font 'sans-serif,11'
set output 'parameters.png'
set xlabel 'million parameters'
set xrange [0.0122646:2.47611]
set xtics ('0.02' 0.02, '0.05' 0.05, '0.1' 0.1, '0.2' 0.2, '0.5' 0.5, '1' 1, '2' 2)
plot $s0 using 2:3 with linespoints lc rgb '#0072B2' lw 1.5 pt 7 ps 1.1 title '28x28', \
     $s0 using 2:3:(gprintf('%gx', $5)) with labels left offset 0.8,-0.8 notitle, \
     $s1 using 2:3 with linespoints lc rgb '#009E73' lw 1.5 pt 7 ps 1.1 title '24x24', \
     $s2 using 2:3 with linespoints lc rgb '#E69F00' lw 1.5 pt 7 ps 1.1 title '20x20', \
     $s3 using 2:3 with linespoints lc rgb '#CC79A7' lw 1.5 pt 7 ps 1.1 title '16x16', \
     $s4 using 2:3 with points lc rgb '#000000' lw 1.5 pt 9 ps 1.1 title 'shallow', \
     $s5 using 2:3 with points lc rgb '#D55E00' lw 1.5 pt 5 ps 1.1 title 'standard convolution'
unset output
