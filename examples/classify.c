/* The whole of classification in one page: a model file, a photograph, the five most probable classes.
 *
 *     cc classify.c $(pkg-config --static --cflags --libs mobilenet-image mobilenet) -o classify
 *     ./classify model.safetensors photo.jpg
 */
#include <stdio.h>
#include <stdlib.h>

#include <mobilenet/decode.h>
#include <mobilenet/mobilenet.h>

int main(int argc, char **argv)
{
    mn_error err = {0};
    mn_model *model = NULL;
    mn_session *session = NULL;
    mn_image *image = NULL;
    float *input = NULL, *probabilities = NULL;
    int result = 1;

    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.safetensors PHOTO\n", argv[0]);
        return 2;
    }
    if (mn_model_load(argv[1], &model, &err) != MN_OK || mn_image_load(argv[2], NULL, &image, &err) != MN_OK ||
        mn_session_create(model, NULL, &session, &err) != MN_OK)
        goto done;

    const mn_arch *arch = &mn_model_net(model)->arch;
    input = malloc((size_t)arch->height * (size_t)arch->width * (size_t)arch->channels * sizeof *input);
    probabilities = malloc((size_t)arch->classes * sizeof *probabilities);
    if (!input || !probabilities) {
        snprintf(err.message, sizeof err.message, "out of memory");
        goto done;
    }
    if (mn_preprocess_apply(mn_model_preprocess(model), image, arch->height, arch->width, arch->channels, input,
                            &err) != MN_OK ||
        mn_session_run(session, input, 1, probabilities, &err) != MN_OK)
        goto done;

    mn_prediction top[5];
    int32_t count = mn_top_k(probabilities, arch->classes, 5, top);
    for (int32_t i = 0; i < count; i++) {
        const char *label = mn_model_label(model, top[i].class_index);
        printf("%6.2f %%  %s\n", 100.0 * (double)top[i].probability, label ? label : "(no label)");
    }
    result = 0;
done:
    if (result)
        fprintf(stderr, "%s\n", err.message);
    free(probabilities);
    free(input);
    mn_image_destroy(image);
    mn_session_destroy(session);
    mn_model_destroy(model);
    return result;
}
