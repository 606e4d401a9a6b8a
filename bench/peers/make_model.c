/* Makes the weights of one model of the comparison, through the public API, as a native file.
 *
 *     make_model ALPHA SIZE separable|standard FILE
 *
 * Weights are He-initialised; gamma, beta, mean and variance get values that make folding visible, so that an
 * engine that lost a bias or a scale would disagree.
 */
#include <mobilenet/mobilenet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 2463534242u;

/* Uniform in [low, high): xorshift, the same on every platform. */
static float uniform(float low, float high)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return low + (high - low) * ((float)(state >> 8) / 16777216.0f);
}

static bool ends_with(const char *name, const char *end)
{
    size_t a = strlen(name), b = strlen(end);
    return a >= b && !strcmp(name + a - b, end);
}

static void disturb(mn_tensor *tensor)
{
    float low, high;
    if (ends_with(tensor->name, ".gamma"))
        low = 0.8f, high = 1.2f;
    else if (ends_with(tensor->name, ".variance"))
        low = 0.6f, high = 1.4f;
    else if (ends_with(tensor->name, ".beta") || ends_with(tensor->name, ".mean") || ends_with(tensor->name, ".bias"))
        low = -0.2f, high = 0.2f;
    else
        return;
    for (size_t i = 0; i < tensor->elements; i++)
        tensor->data[i] = uniform(low, high);
}

int main(int argc, char **argv)
{
    mn_error err;
    mn_model *model = NULL;
    mn_arch arch = mn_arch_default();
    if (argc != 5 || !mn_conv_kind_parse(argv[3], &arch.conv)) {
        fprintf(stderr, "usage: make_model ALPHA SIZE separable|standard FILE\n");
        return 2;
    }
    arch.alpha = strtod(argv[1], NULL);
    arch.height = arch.width = (int32_t)strtol(argv[2], NULL, 10);
    if (mn_model_create(&arch, &model, &err) != MN_OK) {
        fprintf(stderr, "make_model: %s\n", err.message);
        return 1;
    }
    mn_model_initialise(model, 1);
    for (int32_t i = 0; i < mn_model_tensor_count(model); i++)
        disturb(mn_model_tensor_at(model, i));
    mn_status status = mn_model_save(model, argv[4], &err);
    if (status != MN_OK)
        fprintf(stderr, "make_model: %s\n", err.message);
    mn_model_destroy(model);
    return status == MN_OK ? 0 : 1;
}
