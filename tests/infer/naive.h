/* A MobileNet as the paper writes it: direct loops in double, batch norm unfolded, no blocking. Shares no code with
 * the session it checks, but for the description of the net. */
#ifndef TEST_NAIVE_H
#define TEST_NAIVE_H

#include "mobilenet/model.h"

/* The outputs of all layers for one image; outputs[i] is layer i's, allocated. Ends the program where memory is short. */
typedef struct naive_run {
    int32_t count;
    double *outputs[MN_LAYERS_MAX];
} naive_run;

naive_run naive_forward(const mn_model *model, const float *image);
void naive_free(naive_run *run);

/* A model whose batch norms, biases and weights are all far from their neutral values. */
mn_model *naive_model(const mn_arch *arch, uint64_t seed);

/* `count` floats in [-1, 1). free() it. */
float *naive_input(size_t count, uint64_t seed);

#endif
