/* Two models on the same pictures. Each prepares the pictures by its own preprocessing record, so that a lost record
 * shows too.
 */
#include "verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "inputs.h"
#include "mobilenet/import.h"
#include "mobilenet/session.h"
#include "output.h"

#define MADE_UP   16
#define TOLERANCE 1e-4

/* One of the two. */
typedef struct side {
    const mn_model *model;
    mn_session *session;
    float *input, *output;
} side;

static mn_status side_open(side *s, const mn_model *model, mn_error *err)
{
    const mn_arch *arch = &mn_model_net(model)->arch;
    s->model = model;
    s->input = cli_alloc((size_t)arch->height * (size_t)arch->width, (size_t)arch->channels * sizeof(float));
    s->output = cli_alloc((size_t)arch->classes, sizeof(float));
    return mn_session_create(model, NULL, &s->session, err);
}

static void side_close(side *s)
{
    mn_session_destroy(s->session);
    free(s->input);
    free(s->output);
}

static mn_status side_run(side *s, const mn_image *image, mn_error *err)
{
    const mn_arch *arch = &mn_model_net(s->model)->arch;
    mn_status status = mn_preprocess_apply(mn_model_preprocess(s->model), image, arch->height, arch->width,
                                           arch->channels, s->input, err);
    return status == MN_OK ? mn_session_run(s->session, s->input, 1, s->output, err) : status;
}

/* A picture with waves of several lengths and directions in each channel, others for each `number`. */
static mn_status make_picture(int number, mn_image **image, mn_error *err)
{
    mn_status status = mn_image_create(240, 320, 3, image, err);
    if (status != MN_OK)
        return status;
    uint8_t *pixel = (*image)->pixels;
    for (int y = 0; y < 240; y++)
        for (int x = 0; x < 320; x++)
            for (int c = 0; c < 3; c++) {
                double a = 0.013 * (number + 1) * x + 0.9 * c, b = 0.017 * (17 - number) * y + 0.4 * number;
                *pixel++ = (uint8_t)(127.5 + 62.0 * sin(a) + 62.0 * cos(b + 0.3 * a));
            }
    return MN_OK;
}

static void compare(side *a, side *b, cli_verdict *verdict)
{
    int32_t classes = mn_model_net(a->model)->arch.classes;
    mn_prediction best_a, best_b;
    for (int32_t k = 0; k < classes; k++) {
        double difference = fabs((double)a->output[k] - (double)b->output[k]);
        if (!(difference <= verdict->largest) && !isnan(verdict->largest)) /* a NaN counts, and stays */
            verdict->largest = difference;
    }
    mn_top_k(a->output, classes, 1, &best_a);
    mn_top_k(b->output, classes, 1, &best_b);
    verdict->agreed += best_a.class_index == best_b.class_index;
    verdict->inputs++;
}

static mn_status run_both(side *a, side *b, const cli_paths *photos, cli_verdict *verdict, mn_error *err)
{
    mn_status status = MN_OK;
    int count = verdict->photos ? photos->count : MADE_UP;
    for (int i = 0; i < count && status == MN_OK; i++) {
        mn_image *image = NULL;
        status = verdict->photos ? cli_picture_load(photos->paths[i], &image, err) : make_picture(i, &image, err);
        if (status == MN_OK)
            status = side_run(a, image, err);
        if (status == MN_OK)
            status = side_run(b, image, err);
        if (status == MN_OK)
            compare(a, b, verdict);
        mn_image_destroy(image);
    }
    return status;
}

int cli_verify(const mn_model *original, const char *path, const char *photos, cli_verdict *verdict)
{
    mn_model *written = NULL;
    side a = {0}, b = {0};
    cli_paths list = {0};
    mn_error err;
    int code = CLI_FAILED;
    *verdict = (cli_verdict){.photos = photos != NULL};
    if (photos && !cli_paths_expand(&list, photos))
        return CLI_FAILED;
    if (mn_model_import(path, &written, &err) != MN_OK || side_open(&a, original, &err) != MN_OK ||
        side_open(&b, written, &err) != MN_OK || run_both(&a, &b, &list, verdict, &err) != MN_OK) {
        verdict->inputs = 0;
        cli_fail_status(&err);
    } else if (verdict->agreed == verdict->inputs && verdict->largest <= TOLERANCE) {
        code = CLI_DONE;
    }
    side_close(&a);
    side_close(&b);
    mn_model_destroy(written);
    cli_paths_free(&list);
    return code;
}

void cli_verdict_print(const cli_verdict *v)
{
    printf("verify  %d of %d %s with the same best class; largest difference of a probability %.3g (at most %g is "
           "allowed)\n",
           v->agreed, v->inputs, v->photos ? "pictures" : "made-up pictures", v->largest, TOLERANCE);
}

json_t *cli_verdict_json(const cli_verdict *v)
{
    json_t *object = json_object();
    cli_json_add(object, "inputs", json_integer(v->inputs));
    cli_json_add(object, "same_best_class", json_integer(v->agreed));
    cli_json_add(object, "largest_difference", cli_json_real(v->largest));
    cli_json_add(object, "tolerance", cli_json_real(TOLERANCE));
    return object;
}
