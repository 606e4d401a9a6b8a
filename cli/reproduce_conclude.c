/* What follows from the results, in sentences with the paper's figures beside ours. A difference is called more than
 * chance only where several seeds say so: above twice its standard error, from their spread. One seed can only say that
 * chance explains it, by the size of the test part alone, which is the least that chance can be.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "reproduce.h"

double cli_reproduce_mean(const cli_reproduce_network *n)
{
    double sum = 0;
    for (int i = 0; i < n->count; i++)
        sum += n->accuracy[i];
    return n->count > 0 ? sum / n->count : 0;
}

double cli_reproduce_spread(const cli_reproduce_network *n)
{
    double mean = cli_reproduce_mean(n), sum = 0;
    for (int i = 0; i < n->count; i++)
        sum += (n->accuracy[i] - mean) * (n->accuracy[i] - mean);
    return n->count > 1 ? sqrt(sum / (n->count - 1)) : 0;
}

/* Square of the standard error of a network's accuracy, in points. */
static double variance(const cli_reproduce_study *s, const cli_reproduce_network *n)
{
    double p = cli_reproduce_mean(n) / 100, spread = cli_reproduce_spread(n);
    double sampling = 1e4 * p * (1 - p) / (double)mn_dataset_size(s->test);
    return n->count > 1 ? spread * spread / n->count : sampling;
}

static double chance(const cli_reproduce_study *s, const cli_reproduce_network *a, const cli_reproduce_network *b)
{
    return 2 * sqrt(variance(s, a) + variance(s, b));
}

CLI_PRINTF(3, 4) static void add(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

/* Rows of a table, in the paper's order. */
typedef struct rows {
    const cli_paper_row *paper[8];
    const cli_reproduce_network *ours[8];
    int count;
} rows;

static rows find_rows(const cli_reproduce_study *s, int table)
{
    rows r = {.count = 0};
    for (int i = 0; i < cli_paper_row_count && r.count < 8; i++)
        if (cli_paper_rows[i].table == table && s->row_network[i] >= 0) {
            r.paper[r.count] = &cli_paper_rows[i];
            r.ours[r.count++] = &s->networks[s->row_network[i]];
        }
    return r;
}

static double macs(const cli_reproduce_network *n)
{
    return (double)n->cost.total.macs;
}

static double weights(const cli_reproduce_network *n)
{
    return (double)n->cost.total.weights;
}

/* Whether a difference in points is more than chance; with one seed only that it is not, for seeds differ by more than
 * the test part's size says. */
static void judge(const cli_reproduce_study *s, double points, double limit, char *text, size_t size)
{
    if (s->values->seeds > 1)
        add(text, size, " %s (about %.1f points, from the spread of the seeds).",
            fabs(points) > limit ? "That is more than chance" : "Chance explains it", limit);
    else if (fabs(points) <= limit)
        add(text, size, " Chance explains it: the test part's size alone gives %.1f points.", limit);
    else
        add(text, size,
            " The test part's size alone gives %.1f points of chance; how far seeds differ is not known from one "
            "(--seeds).",
            limit);
}

static void conclude_separable(const cli_reproduce_study *s, const rows *r, char *text, size_t size)
{
    const cli_reproduce_network *standard = r->ours[0], *separable = r->ours[1];
    double loss = cli_reproduce_mean(standard) - cli_reproduce_mean(separable);
    add(text, size,
        "Separable convolutions %s %.1f points %s %.1f times fewer multiply-adds and %.1f times fewer parameters; the "
        "paper's lost %.1f for 8.6 and 7.0 times.",
        loss >= 0 ? "lose" : "gain", fabs(loss), loss >= 0 ? "for" : "with", macs(standard) / macs(separable),
        weights(standard) / weights(separable), r->paper[0]->top1 - r->paper[1]->top1);
    judge(s, loss, chance(s, standard, separable), text, size);
}

static void conclude_thin(const cli_reproduce_study *s, const rows *r, char *text, size_t size)
{
    const cli_reproduce_network *thin = r->ours[0], *shallow = r->ours[1];
    double gain = cli_reproduce_mean(thin) - cli_reproduce_mean(shallow);
    add(text, size,
        "The thin network is %.1f points %s than the shallow one, with %.2f times its multiply-adds; the paper's was "
        "%.1f better with 1.06 times.",
        fabs(gain), gain >= 0 ? "better" : "worse", macs(thin) / macs(shallow), r->paper[0]->top1 - r->paper[1]->top1);
    judge(s, gain, chance(s, thin, shallow), text, size);
}

/* Tables 6 and 7: from the first row to the last. */
static void conclude_steps(const cli_reproduce_study *s, const rows *r, const char *what, char *text, size_t size)
{
    int last = r->count - 1;
    double whole = cli_reproduce_mean(r->ours[0]) - cli_reproduce_mean(r->ours[last]);
    add(text, size, "%s costs ", what);
    for (int i = 1; i < r->count; i++)
        add(text, size, "%s%.1f",
            i == 1      ? ""
            : i == last ? " and "
                        : ", ",
            cli_reproduce_mean(r->ours[0]) - cli_reproduce_mean(r->ours[i]));
    add(text, size, " points, the paper's ");
    for (int i = 1; i < r->count; i++)
        add(text, size, "%s%.1f", i == 1 ? "" : i == last ? " and " : ", ", r->paper[0]->top1 - r->paper[i]->top1);
    add(text, size, "; the last has %.1f times fewer multiply-adds.", macs(r->ours[0]) / macs(r->ours[last]));
    judge(s, whole, chance(s, r->ours[0], r->ours[last]), text, size);
}

static bool in_grid(const cli_reproduce_network *n)
{
    return n->arch.conv == MN_CONV_SEPARABLE && n->arch.depth == MN_DEPTH_FULL;
}

/* Least squares of accuracy over the logarithm of the multiply-adds, as the paper's Figure 4 suggests. */
static void conclude_grid(const cli_reproduce_study *s, char *text, size_t size)
{
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
    for (int i = 0; i < s->network_count; i++) {
        if (!in_grid(&s->networks[i]))
            continue;
        double x = log2(macs(&s->networks[i])), y = cli_reproduce_mean(&s->networks[i]);
        n++;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
        syy += y * y;
    }
    double vx = sxx - sx * sx / n, vy = syy - sy * sy / n, vxy = sxy - sx * sy / n;
    if (n < 3 || !(vx > 0) || !(vy > 0))
        return;
    add(text, size,
        "Over %.0f widths and resolutions, twice the multiply-adds bring %.1f points on average; a straight line over "
        "their logarithm explains %.0f %% of the differences (the paper's Figure 4 is such a line with a drop at alpha "
        "0.25).",
        n, vxy / vx, 100 * vxy * vxy / (vx * vy));
}

void cli_reproduce_conclude(const cli_reproduce_study *s, int table, char *text, size_t size)
{
    rows r = find_rows(s, table);
    text[0] = '\0';
    if (table == 0 && s->grid)
        conclude_grid(s, text, size);
    else if (table == 4 && r.count == 2)
        conclude_separable(s, &r, text, size);
    else if (table == 5 && r.count == 2)
        conclude_thin(s, &r, text, size);
    else if (table == 6 && r.count == 4)
        conclude_steps(s, &r, "Thinning to 0.75, 0.5 and 0.25 of the width", text, size);
    else if (table == 7 && r.count == 4)
        conclude_steps(s, &r, "Shrinking the input to 192, 160 and 128 (of 224)", text, size);
}
