/* Accuracy against multiply-adds and against parameters, as the paper's Figures 4 and 5: a logarithmic axis, a colour for
 * each resolution, a line along the widths, the controls (standard convolution, shallow) as points of their own.
 *
 *     networks --> FOLDER/figures.gnuplot, data inside --gnuplot--> macs.svg .png, parameters.svg .png
 *
 * The script is whole: without gnuplot at hand it can be drawn elsewhere, or changed.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output.h"
#include "reproduce.h"

#define SCRIPT "figures.gnuplot"

/* Networks that share a colour and a legend. */
typedef struct series {
    mn_conv_kind conv;
    mn_depth depth;
    int32_t resolution; /* 0: any */
    const char *colour;
    int point; /* gnuplot's number of the symbol: 7 disc, 5 square, 9 triangle */
} series;

/* Colours that differ for everyone (Okabe, Ito 2008). */
static const series all_series[] = {
    {MN_CONV_SEPARABLE, MN_DEPTH_FULL, 224, "#0072B2", 7},  {MN_CONV_SEPARABLE, MN_DEPTH_FULL, 192, "#009E73", 7},
    {MN_CONV_SEPARABLE, MN_DEPTH_FULL, 160, "#E69F00", 7},  {MN_CONV_SEPARABLE, MN_DEPTH_FULL, 128, "#CC79A7", 7},
    {MN_CONV_SEPARABLE, MN_DEPTH_SHALLOW, 0, "#000000", 9}, {MN_CONV_STANDARD, MN_DEPTH_FULL, 0, "#D55E00", 5},
};

static bool belongs(const cli_reproduce_network *n, const series *k)
{
    return n->arch.conv == k->conv && n->arch.depth == k->depth && (!k->resolution || n->resolution == k->resolution);
}

static const cli_reproduce_network *first_of(const cli_reproduce_study *s, const series *k)
{
    for (int i = 0; i < s->network_count; i++)
        if (belongs(&s->networks[i], k))
            return &s->networks[i];
    return NULL;
}

/* A data block: million multiply-adds, million parameters, accuracy, spread, width; the widest first. */
static void write_data(FILE *file, const cli_reproduce_study *s, int k)
{
    fprintf(file, "$s%d << END\n", k);
    static const double alphas[] = {1, 0.75, 0.5, 0.25};
    for (int a = 0; a < CLI_COUNT(alphas); a++)
        for (int i = 0; i < s->network_count; i++) {
            const cli_reproduce_network *n = &s->networks[i];
            if (belongs(n, &all_series[k]) && n->alpha == alphas[a])
                fprintf(file, "%.6g %.6g %.3f %.3f %g\n", (double)n->cost.total.macs / 1e6,
                        (double)n->cost.total.weights / 1e6, cli_reproduce_mean(n), cli_reproduce_spread(n), n->alpha);
        }
    fprintf(file, "END\n");
}

static void write_title(FILE *file, const cli_reproduce_network *n)
{
    if (n->arch.conv == MN_CONV_STANDARD)
        fprintf(file, "standard convolution");
    else if (n->arch.depth == MN_DEPTH_SHALLOW)
        fprintf(file, "shallow");
    else
        fprintf(file, "%dx%d", n->arch.height, n->arch.width);
}

/* "plot" with every series that has a network, bars of spread under the points; x: the column of the data blocks. */
static void write_plot(FILE *file, const cli_reproduce_study *s, int x)
{
    const char *lead = "plot ", *next = ", \\\n     ";
    for (int k = 0; k < CLI_COUNT(all_series) && s->values->seeds > 1; k++)
        if (first_of(s, &all_series[k])) {
            fprintf(file, "%s$s%d using %d:3:4 with yerrorbars lc rgb '%s' ps 0 notitle", lead, k, x,
                    all_series[k].colour);
            lead = next;
        }
    for (int k = 0; k < CLI_COUNT(all_series); k++) {
        const series *d = &all_series[k];
        const cli_reproduce_network *n = first_of(s, d);
        if (!n)
            continue;
        fprintf(file, "%s$s%d using %d:3 with %s lc rgb '%s' lw 1.5 pt %d ps 1.1 title '", lead, k, x,
                d->resolution ? "linespoints" : "points", d->colour, d->point);
        lead = next;
        write_title(file, n);
        fputc('\'', file);
        if (k == 0)
            fprintf(file, "%s$s0 using %d:3:(gprintf('%%gx', $5)) with labels left offset 0.8,-0.8 notitle", lead, x);
    }
    fputc('\n', file);
}

/* An axis from below the least to above the largest value, with marks at 1, 2 and 5 times powers of ten. */
static void write_axis(FILE *file, const cli_reproduce_study *s, bool of_macs)
{
    double low = INFINITY, high = 0;
    const char *comma = "";
    for (int i = 0; i < s->network_count; i++) {
        const mn_cost *c = &s->networks[i].cost.total;
        double value = (double)(of_macs ? c->macs : c->weights) / 1e6;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    low /= 1.3;
    high *= 1.4;
    fprintf(file, "set xlabel 'million %s'\nset xrange [%.6g:%.6g]\nset xtics (",
            of_macs ? "multiply-adds" : "parameters", low, high);
    for (int power = -6; power <= 6; power++)
        for (int digit = 1; digit <= 5; digit += digit == 1 ? 1 : 3) {
            double value = digit * pow(10, power);
            if (value < low || value > high)
                continue;
            fprintf(file, "%s'%g' %g", comma, value, value);
            comma = ", ";
        }
    fprintf(file, ")\n");
}

static void write_script(FILE *file, const cli_reproduce_study *s)
{
    fprintf(file, "# Accuracy against cost as SVG and PNG. Drawn by: gnuplot " SCRIPT "\n");
    for (int k = 0; k < CLI_COUNT(all_series); k++)
        if (first_of(s, &all_series[k]))
            write_data(file, s, k);
    fprintf(file,
            "set logscale x\nset grid xtics ytics lt 1 lc rgb '#DDDDDD'\nset ylabel 'accuracy on the test part, %%'\n"
            "set key bottom right box lc rgb '#BBBBBB' width 1 title 'input; labels: width'\nset border 3\n"
            "set tics nomirror\nset offsets 0, 0, graph 0.08, graph 0.08\n");
    for (int figure = 0; figure < 4; figure++) {
        bool of_macs = figure < 2, svg = figure % 2 == 0;
        fprintf(file, "set terminal %s\nset output '%s.%s'\n",
                svg ? "svg size 900,600 dynamic background rgb 'white' font 'sans-serif,14'"
                    : "pngcairo size 900,600 background rgb 'white' font 'sans-serif,11'",
                of_macs ? "macs" : "parameters", svg ? "svg" : "png");
        write_axis(file, s, of_macs);
        write_plot(file, s, of_macs ? 1 : 2);
    }
    fprintf(file, "unset output\n");
}

/* Runs gnuplot in the folder. Its exit code; 127 where it is not there, -1 where it cannot be run. */
static int run_gnuplot(const char *folder)
{
    int state;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        if (chdir(folder) == 0)
            execlp("gnuplot", "gnuplot", SCRIPT, (char *)NULL);
        _exit(127);
    }
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

int cli_reproduce_draw(const cli_reproduce_study *s)
{
    char path[4096];
    snprintf(path, sizeof path, "%.4000s/" SCRIPT, s->values->output);
    FILE *file = fopen(path, "w");
    if (!file)
        return cli_fail_write(path);
    write_script(file, s);
    if (!cli_close(file))
        return cli_fail_write(path);
    int code = run_gnuplot(s->values->output);
    if (code != 0)
        cli_say("no figures: gnuplot %s; where it is, draw them with: cd %s && gnuplot " SCRIPT,
                code == 127 ? "is not installed" : "failed", s->values->output);
    return CLI_DONE;
}
