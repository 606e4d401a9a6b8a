# Accuracy against cost as SVG and PNG. Drawn by: gnuplot figures.gnuplot
$s0 << END
12.0387 0.21016 52.720 0.000 1
7.13664 0.120924 49.270 0.000 0.75
3.54534 0.0562 47.270 0.000 0.5
1.36717 0.016088 42.100 0.000 0.25
END
$s1 << END
9.46818 0.21016 47.850 0.000 1
5.59506 0.120924 47.290 0.000 0.75
2.76098 0.0562 40.510 0.000 0.5
1.03885 0.016088 40.260 0.000 0.25
END
$s2 << END
6.66082 0.21016 45.630 0.000 1
3.94132 0.120924 43.070 0.000 0.75
1.95007 0.0562 41.900 0.000 0.5
0.739984 0.016088 39.600 0.000 0.25
END
$s3 << END
4.66966 0.21016 45.210 0.000 1
2.75066 0.120924 42.090 0.000 0.75
1.34827 0.0562 40.670 0.000 0.5
0.494888 0.016088 38.420 0.000 0.25
END
$s4 << END
6.42714 0.12248 60.790 0.000 1
END
$s5 << END
95.7752 1.76879 79.140 0.000 1
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
set xrange [0.380683:134.085]
set xtics ('0.5' 0.5, '1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100)
plot $s0 using 1:3 with linespoints lc rgb '#0072B2' lw 1.5 pt 7 ps 1.1 title '32x32', \
     $s0 using 1:3:(gprintf('%gx', $5)) with labels left offset 0.8,-0.8 notitle, \
     $s1 using 1:3 with linespoints lc rgb '#009E73' lw 1.5 pt 7 ps 1.1 title '27x27', \
     $s2 using 1:3 with linespoints lc rgb '#E69F00' lw 1.5 pt 7 ps 1.1 title '23x23', \
     $s3 using 1:3 with linespoints lc rgb '#CC79A7' lw 1.5 pt 7 ps 1.1 title '18x18', \
     $s4 using 1:3 with points lc rgb '#000000' lw 1.5 pt 9 ps 1.1 title 'shallow', \
     $s5 using 1:3 with points lc rgb '#D55E00' lw 1.5 pt 5 ps 1.1 title 'standard convolution'
set terminal pngcairo size 900,600 background rgb 'white' font 'sans-serif,11'
set output 'macs.png'
set xlabel 'million multiply-adds'
set xrange [0.380683:134.085]
set xtics ('0.5' 0.5, '1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100)
plot $s0 using 1:3 with linespoints lc rgb '#0072B2' lw 1.5 pt 7 ps 1.1 title '32x32', \
     $s0 using 1:3:(gprintf('%gx', $5)) with labels left offset 0.8,-0.8 notitle, \
     $s1 using 1:3 with linespoints lc rgb '#009E73' lw 1.5 pt 7 ps 1.1 title '27x27', \
     $s2 using 1:3 with linespoints lc rgb '#E69F00' lw 1.5 pt 7 ps 1.1 title '23x23', \
     $s3 using 1:3 with linespoints lc rgb '#CC79A7' lw 1.5 pt 7 ps 1.1 title '18x18', \
     $s4 using 1:3 with points lc rgb '#000000' lw 1.5 pt 9 ps 1.1 title 'shallow', \
     $s5 using 1:3 with points lc rgb '#D55E00' lw 1.5 pt 5 ps 1.1 title 'standard convolution'
set terminal svg size 900,600 dynamic background rgb 'white' font 'sans-serif,14'
set output 'parameters.svg'
set xlabel 'million parameters'
set xrange [0.0123754:2.47631]
set xtics ('0.02' 0.02, '0.05' 0.05, '0.1' 0.1, '0.2' 0.2, '0.5' 0.5, '1' 1, '2' 2)
plot $s0 using 2:3 with linespoints lc rgb '#0072B2' lw 1.5 pt 7 ps 1.1 title '32x32', \
     $s0 using 2:3:(gprintf('%gx', $5)) with labels left offset 0.8,-0.8 notitle, \
     $s1 using 2:3 with linespoints lc rgb '#009E73' lw 1.5 pt 7 ps 1.1 title '27x27', \
     $s2 using 2:3 with linespoints lc rgb '#E69F00' lw 1.5 pt 7 ps 1.1 title '23x23', \
     $s3 using 2:3 with linespoints lc rgb '#CC79A7' lw 1.5 pt 7 ps 1.1 title '18x18', \
     $s4 using 2:3 with points lc rgb '#000000' lw 1.5 pt 9 ps 1.1 title 'shallow', \
     $s5 using 2:3 with points lc rgb '#D55E00' lw 1.5 pt 5 ps 1.1 title 'standard convolution'
set terminal pngcairo size 900,600 background rgb 'white' font 'sans-serif,11'
set output 'parameters.png'
set xlabel 'million parameters'
set xrange [0.0123754:2.47631]
set xtics ('0.02' 0.02, '0.05' 0.05, '0.1' 0.1, '0.2' 0.2, '0.5' 0.5, '1' 1, '2' 2)
plot $s0 using 2:3 with linespoints lc rgb '#0072B2' lw 1.5 pt 7 ps 1.1 title '32x32', \
     $s0 using 2:3:(gprintf('%gx', $5)) with labels left offset 0.8,-0.8 notitle, \
     $s1 using 2:3 with linespoints lc rgb '#009E73' lw 1.5 pt 7 ps 1.1 title '27x27', \
     $s2 using 2:3 with linespoints lc rgb '#E69F00' lw 1.5 pt 7 ps 1.1 title '23x23', \
     $s3 using 2:3 with linespoints lc rgb '#CC79A7' lw 1.5 pt 7 ps 1.1 title '18x18', \
     $s4 using 2:3 with points lc rgb '#000000' lw 1.5 pt 9 ps 1.1 title 'shallow', \
     $s5 using 2:3 with points lc rgb '#D55E00' lw 1.5 pt 5 ps 1.1 title 'standard convolution'
unset output
