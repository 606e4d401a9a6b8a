/* The network of a tflite_spec as plain lists of tensors and operators, before it becomes a file. */
#ifndef TEST_TFLITE_PLAN_H
#define TEST_TFLITE_PLAN_H

#include "format/tflite_file.h"

enum { PLAN_OPS_MAX = 64, PLAN_TENSORS_MAX = 160 };

typedef struct plan_tensor {
    int32_t rank, shape[4], type;
    size_t scales; /* 0: not quantised */
    int32_t dimension;
    float scale;
    int64_t zero_point;
    size_t data_bytes;       /* 0: no constant */
    const int32_t *integers; /* values of an int32 constant, or NULL: a pattern */
    bool open;               /* see tflite_spec */
} plan_tensor;

typedef struct plan_op {
    int32_t code, inputs[3], output, input_count;
    uint8_t options_type;
    const char *sizes; /* of the options */
    int32_t options[8];
} plan_op;

typedef struct plan {
    const tflite_spec *spec;
    plan_tensor tensors[PLAN_TENSORS_MAX];
    plan_op ops[PLAN_OPS_MAX];
    int32_t tensor_count, op_count, current, height, channels;
} plan;

/* Fills the lists from p->spec. */
void plan_network(plan *p);
size_t plan_elements(const plan_tensor *tensor);

#endif
