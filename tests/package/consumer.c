/* A user's program: make a network, run it, name the best class. Compiled as C and as C++ against an installed copy. */
#include <stdio.h>
#include <stdlib.h>

#include <mobilenet/mobilenet.h>

static int fail(const char *what, const mn_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    return 1;
}

int main(void)
{
    mn_error err;
    mn_arch arch = mn_arch_default();
    arch.alpha = 0.25;
    arch.height = arch.width = 64;
    arch.classes = 10;
    mn_model *model = NULL;
    mn_session *session = NULL;
    if (mn_model_create(&arch, &model, &err) != MN_OK)
        return fail("create", &err);
    mn_model_initialise(model, 1);
    if (mn_session_create(model, NULL, &session, &err) != MN_OK)
        return fail("compile", &err);
    float *input = (float *)calloc(64 * 64 * 3, sizeof(float));
    float output[10];
    if (!input || mn_session_run(session, input, 1, output, &err) != MN_OK)
        return fail("run", &err);
    mn_prediction best;
    if (mn_top_k(output, 10, 1, &best) != 1 || best.class_index < 0 || best.class_index > 9)
        return 1;
    printf("mobilenet %s: class %d, %.3f\n", mn_version(), (int)best.class_index, (double)best.probability);
    free(input);
    mn_session_destroy(session);
    mn_model_destroy(model);
    return 0;
}
