/* Our side of the comparison: a native model, compiled and run through the public API alone. */
#include <mobilenet/mobilenet.h>
#include <stdio.h>
#include <stdlib.h>

#include "host.h"

typedef struct ours {
    mn_session *session;
    const float *input;
    float *output;
    int32_t count;
} ours;

static int run(void *state)
{
    ours *o = state;
    return mn_session_run(o->session, o->input, o->count, o->output, NULL) == MN_OK ? 0 : 1;
}

static const float *output(void *state)
{
    return ((ours *)state)->output;
}

static int fail(const mn_error *err)
{
    fprintf(stderr, "ours: %s\n", err->message);
    return 1;
}

int main(int argc, char **argv)
{
    host_arguments a;
    mn_error err;
    mn_model *model = NULL;
    ours o = {0};
    char path[4096];
    if (host_read_arguments(argc, argv, &a))
        return 2;
    snprintf(path, sizeof path, "%s.safetensors", a.stem);
    if (mn_model_load(path, &model, &err) != MN_OK)
        return fail(&err);
    const mn_arch *arch = &mn_model_net(model)->arch;
    if (a.input_elements != (size_t)a.batch * (size_t)arch->height * (size_t)arch->width * (size_t)arch->channels) {
        fprintf(stderr, "ours: the input has %zu elements, not %d images of this model\n", a.input_elements, a.batch);
        return 1;
    }
    mn_session_options options = mn_session_options_default();
    options.batch = a.batch;
    options.threads = a.threads;
    options.precision = host_bfloat16() ? MN_PRECISION_BFLOAT16 : MN_PRECISION_FLOAT32;
    if (mn_session_create(model, &options, &o.session, &err) != MN_OK)
        return fail(&err);
    size_t elements = (size_t)a.batch * (size_t)arch->classes;
    o.input = a.input;
    o.count = a.batch;
    o.output = calloc(elements, sizeof *o.output);
    if (!o.output)
        return 1;
    host_engine engine = {.version = mn_version(),
                          .state = &o,
                          .run = run,
                          .output = output,
                          .output_elements = elements,
                          .loaded = host_now()};
    int code = host_serve(&a, &engine);
    free(o.output);
    mn_session_destroy(o.session);
    mn_model_destroy(model);
    return code;
}
