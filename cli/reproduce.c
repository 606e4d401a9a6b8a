/* mobilenet reproduce: the paper's Tables 4 to 7 and Figures 4 and 5 at small scale, on data of this machine's size.
 * Every network is trained with one recipe and measured on the data's test part.
 *
 *     rows of the paper --scaled--> networks, each once --train, measure--> tables, results.tsv, figures
 *
 * A network whose file is there is not trained again, one with a checkpoint goes on: a long run may be stopped.
 */
#include "reproduce.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "output.h"
#include "ranks.h"

volatile int cli_reproduce_stop;

static void ask_stop(int signal_number)
{
    (void)signal_number;
    cli_reproduce_stop = 1;
}

static const cli_reproduce_setting settings[] = {
    {"quick", 6000, 4, 0.04, 16, false, false},
    {"medium", 0, 1, 0.05, 32, false, false},
    {"full", 0, 60, 0.1, 128, true, true},
};

static bool in_tables(const cli_reproduce_study *s, int table)
{
    for (int i = 0; i < s->values->tables.count; i++)
        if (s->values->tables.values[i] == table)
            return true;
    return false;
}

/* The paper's row with our base in place of alpha 1 and the data's size in place of 224. */
static mn_arch scale(const cli_reproduce_study *s, const cli_paper_row *row)
{
    mn_arch arch = mn_arch_default();
    arch.alpha = row->alpha * s->values->base;
    arch.rounding = MN_ROUNDING_MIN8; /* as TF-slim: with fewer channels a layer can die altogether */
    arch.height = (int32_t)lround((double)s->height * row->resolution / 224);
    arch.width = (int32_t)lround((double)s->width * row->resolution / 224);
    arch.channels = s->channels;
    arch.classes = mn_dataset_class_count(s->train);
    arch.conv = row->conv;
    arch.depth = row->depth;
    arch.output_stride = 8;
    return arch;
}

/* The number of the row's network, which is added where no row before had it; -1, having said why, where it cannot be
 * built. */
static int add_network(cli_reproduce_study *s, const cli_paper_row *row)
{
    cli_reproduce_network n = {.arch = scale(s, row), .alpha = row->alpha, .resolution = row->resolution};
    mn_net net;
    mn_error err;
    snprintf(n.name, sizeof n.name, "%s-%s-%g-%dx%d", mn_conv_kind_name(n.arch.conv), mn_depth_name(n.arch.depth),
             n.arch.alpha, n.arch.height, n.arch.width);
    for (int i = 0; i < s->network_count; i++)
        if (strcmp(s->networks[i].name, n.name) == 0)
            return i;
    if (mn_net_build(&n.arch, &net, &err) != MN_OK) {
        cli_fail_status(&err);
        return -1;
    }
    n.cost = mn_net_get_cost(&net);
    s->networks[s->network_count] = n;
    return s->network_count++;
}

/* Every network that the tables and the grid need. */
static int plan(cli_reproduce_study *s)
{
    static const double alphas[] = {1, 0.75, 0.5, 0.25};
    static const int32_t resolutions[] = {224, 192, 160, 128};
    s->networks = cli_alloc((size_t)cli_paper_row_count + 16, sizeof *s->networks);
    s->row_network = cli_alloc((size_t)cli_paper_row_count, sizeof *s->row_network);
    for (int i = 0; i < cli_paper_row_count; i++) {
        s->row_network[i] = -1;
        if (in_tables(s, cli_paper_rows[i].table) && (s->row_network[i] = add_network(s, &cli_paper_rows[i])) < 0)
            return CLI_FAILED;
    }
    for (int i = 0; s->grid && i < 16; i++) {
        cli_paper_row row = {.alpha = alphas[i % 4], .resolution = resolutions[i / 4]};
        if (add_network(s, &row) < 0)
            return CLI_FAILED;
    }
    return CLI_DONE;
}

static int open_data(const cli_call *call, cli_reproduce_study *s)
{
    mn_error err;
    mn_image *image = NULL;
    struct stat info;
    mn_status status = mn_dataset_open(s->data, MN_SPLIT_TRAIN, NULL, 0, &s->train, &err);
    if (status == MN_OK)
        status = mn_dataset_open(s->data, MN_SPLIT_TEST, NULL, 0, &s->test, &err);
    if (status == MN_OK)
        status = mn_dataset_image(s->train, 0, &image, &err);
    if (status != MN_OK)
        return cli_fail_status(&err);
    s->height = image->height;
    s->width = image->width;
    s->channels = image->channels;
    mn_image_destroy(image);
    if (s->height > 64 || s->width > 64)
        return cli_misuse(call->command, "the images are %dx%d; this wants small ones, 64x64 at most", s->height,
                          s->width);
    if (stat(s->values->output, &info) != 0 && mkdir(s->values->output, 0777) != 0)
        return cli_fail("cannot make the folder '%s': %s", cli_clean(s->values->output), strerror(errno));
    return CLI_DONE;
}

/* The setting of that name, with what was asked for beside it. */
static void choose_setting(cli_reproduce_study *s)
{
    const cli_reproduce_values *v = s->values;
    s->setting = settings[0];
    for (int i = 0; i < CLI_COUNT(settings); i++)
        if (strcmp(settings[i].name, v->setting) == 0)
            s->setting = settings[i];
    s->grid = strcmp(v->grid, "yes") == 0 || (s->setting.grid && strcmp(v->grid, "auto") == 0);
    if (v->epochs > 0)
        s->setting.epochs = v->epochs;
    if (v->limit > 0)
        s->setting.images = v->limit;
    if (s->setting.images >= mn_dataset_size(s->train))
        s->setting.images = 0;
}

/* Seed by seed, so that a run that is stopped has whole tables. */
static int train_all(cli_reproduce_study *s)
{
    int all = (int)s->values->seeds * s->network_count;
    for (s->at = 0; s->at < all; s->at++) {
        int code = cli_reproduce_train(s);
        if (code != CLI_DONE)
            return code;
    }
    return CLI_DONE;
}

static int run_reproduce(const cli_call *call)
{
    cli_reproduce_study s = {.values = call->values, .data = call->operands[0]};
    if (cli_ranks_started() > 1)
        return cli_misuse(call->command, "it does not share its work among the processes of mpirun; train does");
    struct sigaction action = {.sa_handler = ask_stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int code = open_data(call, &s);
    if (code == CLI_DONE) {
        choose_setting(&s);
        code = plan(&s);
    }
    if (code == CLI_DONE)
        code = train_all(&s);
    if (code == CLI_DONE)
        code = cli_reproduce_write(&s);
    if (code == CLI_DONE)
        code = cli_reproduce_draw(&s);
    if (code == CLI_DONE)
        cli_reproduce_print(&s);
    free(s.networks);
    free(s.row_network);
    mn_dataset_close(s.train);
    mn_dataset_close(s.test);
    return code;
}

static const cli_option reproduce_options[] = {
    {"tables", 0, CLI_INTEGERS, "N,N,...", "4,5,6,7", NULL, 4, 7, offsetof(cli_reproduce_values, tables),
     "tables of the paper to repeat"},
    {"grid", 0, CLI_CHOICE, "WHEN", "auto", "auto|yes|no", 0, 0, offsetof(cli_reproduce_values, grid),
     "every width at every resolution, the 16 networks of the paper's Figures 4 and 5; auto: in the full setting"},
    {"setting", 's', CLI_CHOICE, "KIND", "quick", "quick|medium|full", 0, 0, offsetof(cli_reproduce_values, setting),
     "quick, minutes: 6000 images, 4 epochs, batch 16; medium, half an hour: all images, 1 epoch, batch 32; full, "
     "hours: all images, 60 epochs, batch 128"},
    {"base", 0, CLI_REAL, "X", "0.25", NULL, 0.03, 1, offsetof(cli_reproduce_values, base),
     "width multiplier that stands for the paper's alpha 1"},
    {"epochs", 'e', CLI_REAL, "X", "0", NULL, 0, 1e6, offsetof(cli_reproduce_values, epochs),
     "passes over the training images; 0: the setting's"},
    {"limit", 'n', CLI_INTEGER, "N", "0", NULL, 0, 1e9, offsetof(cli_reproduce_values, limit),
     "learn from N images, spread evenly over the data; 0: the setting's"},
    {"seeds", 0, CLI_INTEGER, "N", "1", NULL, 1, CLI_SEEDS_MAX, offsetof(cli_reproduce_values, seeds),
     "train every network N times, with --seed, --seed + 1, ...; the tables show mean and spread"},
    {"seed", 0, CLI_INTEGER, "N", "1", NULL, 0, 1e9, offsetof(cli_reproduce_values, seed),
     "where all randomness comes from"},
    {"threads", 't', CLI_INTEGER, "N", NULL, NULL, 1, 256, offsetof(cli_reproduce_values, threads),
     "threads that compute; otherwise every processor of this process"},
    {"output", 'o', CLI_FOLDER, "FOLDER", "reproduce", NULL, 0, 0, offsetof(cli_reproduce_values, output),
     "where models, checkpoints, results.tsv and figures go"},
    {"json", 'j', CLI_FLAG, NULL, NULL, NULL, 0, 0, offsetof(cli_reproduce_values, json), "print the results as JSON"},
};

static const cli_group reproduce_groups[] = {{"Options", reproduce_options, CLI_COUNT(reproduce_options), 0}};

const cli_command cli_reproduce = {
    .name = "reproduce",
    .summary = "Repeat the paper's training experiments on small images",
    .operands = "DATA",
    .min_operands = 1,
    .max_operands = 1,
    .operand_kind = CLI_FOLDER,
    .description =
        "Trains the networks of the paper's Tables 4 to 7 (separable against standard convolution, thin "
        "against shallow, four widths, four resolutions) on DATA with one recipe, measures each on the test "
        "part, and prints the results beside the paper's, with what follows from them. Accuracy against "
        "multiply-adds and against parameters is drawn as the paper's Figures 4 and 5 have it (SVG and PNG; "
        "wants gnuplot).\n"
        "DATA has a train and a test part (see evaluate) and images of at most 64x64 pixels. mpirun does not share "
        "this command's work.\n"
        "The images' own size stands for 224, --base for alpha 1. Networks whose file is in the output "
        "folder are not trained again, so a long run can be stopped and goes on with the same command; "
        "more --seeds add to what is there.",
    .examples = "In minutes, on Fashion-MNIST\nmobilenet reproduce /usr/share/datasets/fashion-mnist\n"
                "Table 4 alone, properly\nmobilenet reproduce cifar10 --tables 4 --setting full --grid no --base 1",
    .groups = reproduce_groups,
    .group_count = CLI_COUNT(reproduce_groups),
    .value_bytes = sizeof(cli_reproduce_values),
    .run = run_reproduce,
};
