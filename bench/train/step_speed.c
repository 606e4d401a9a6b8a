/* Images a second of training steps on synthetic images, the median of several steps, and the share of what the
 * processor's multiply-adds allow: three times the forward pass, as the gradients by the inputs and by the weights cost
 * as much as the pass itself, but for the input of the first layer, whose gradient nobody wants.
 *
 *     step_speed ALPHA SIZE BATCH OUTPUT_STRIDE THREADS [SECONDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "mobilenet/session.h"
#include "mobilenet/train.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of processor time of all threads. */
static double cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Images a second at which `threads` cores would do nothing but a step's multiply-adds. */
static double limit_of(const mn_net *net, int32_t threads)
{
    double macs = 3.0 * (double)mn_net_get_cost(net).total.macs - (double)mn_layer_get_cost(&net->layers[0]).macs;
    return mn_cpu_measure_peak(mn_cpu_best_level(), MN_PRECISION_FLOAT32) * 1e9 * threads / (2 * macs);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: step_speed ALPHA SIZE BATCH OUTPUT_STRIDE THREADS [SECONDS]\n");
        return 2;
    }
    mn_arch arch = mn_arch_default();
    arch.alpha = strtod(argv[1], NULL);
    arch.height = arch.width = (int32_t)strtol(argv[2], NULL, 10);
    arch.output_stride = (int32_t)strtol(argv[4], NULL, 10);
    arch.classes = arch.height > 64 ? 1000 : 10;
    mn_recipe recipe = mn_recipe_default();
    recipe.batch = (int32_t)strtol(argv[3], NULL, 10);
    mn_trainer_options options = {.threads = (int32_t)strtol(argv[5], NULL, 10), .steps_per_epoch = 100};
    double limit = argc > 6 ? strtod(argv[6], NULL) : 10;
    mn_error err;
    mn_model *model = NULL;
    mn_trainer *trainer = NULL;
    if (mn_model_create(&arch, &model, &err) != MN_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    mn_model_initialise(model, 1);
    if (mn_trainer_create(model, &recipe, &options, &trainer, &err) != MN_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    size_t floats = (size_t)recipe.batch * (size_t)arch.height * (size_t)arch.width * 3;
    float *input = malloc(floats * sizeof *input);
    int32_t *label = malloc((size_t)recipe.batch * sizeof *label);
    if (!input || !label)
        return 1;
    for (size_t i = 0; i < floats; i++)
        input[i] = (float)(i * 2654435761u % 1000) / 500.0f - 1;
    for (int32_t i = 0; i < recipe.batch; i++)
        label[i] = i % arch.classes;
    mn_batch batch = {.count = recipe.batch, .input = input, .label = label};
    double times[512], end = now() + limit, spent = 0;
    int count = 0;
    mn_step_result result;
    for (int warm = 0; count < 512 && (now() < end || count < 3); warm++) {
        double start = now();
        if (mn_trainer_step(trainer, &batch, &result, &err) != MN_OK) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        if (warm == 0)
            spent = cpu();
        else
            times[count++] = now() - start;
    }
    spent = cpu() - spent;
    double most = limit_of(mn_model_net(model), options.threads);
    qsort(times, (size_t)count, sizeof *times, compare);
    printf("alpha %g size %d batch %d stride %d threads %d: %.1f images/s median, %.1f best, "
           "%.1f a processor second, %d steps, %zu MiB, %.0f %% of the %.1f that the peak allows\n",
           arch.alpha, arch.height, recipe.batch, arch.output_stride, options.threads, recipe.batch / times[count / 2],
           recipe.batch / times[0], recipe.batch * count / spent, count, mn_trainer_bytes(trainer) >> 20,
           100 * recipe.batch / times[count / 2] / most, most);
    mn_trainer_destroy(trainer);
    mn_model_destroy(model);
    free(input);
    free(label);
    return 0;
}
