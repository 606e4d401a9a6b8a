/* A TensorFlow Lite file opened: its tensors and operators as plain structs, every index and size checked.
 *
 *     bytes -> mn_tflite_open (tflite_file.c): tables to structs
 *           -> mn_tflite_walk (tflite_walk.c): operators to found layers
 *           -> mn_tflite_weight (tflite_weights.c): stored numbers to float
 *           -> mn_tflite_record (tflite_record.c): preprocessing, labels, provenance
 *     tflite.c puts them together.
 */
#ifndef MN_FORMAT_TFLITE_H
#define MN_FORMAT_TFLITE_H

#include "format/flatbuffer.h"
#include "format/match.h"
#include "format/notes.h"
#include "net/model.h"

/* TensorType of the schema. */
typedef enum mn_tflite_type {
    MN_TFLITE_FLOAT32 = 0,
    MN_TFLITE_FLOAT16 = 1,
    MN_TFLITE_INT32 = 2,
    MN_TFLITE_UINT8 = 3,
    MN_TFLITE_INT64 = 4,
    MN_TFLITE_INT8 = 9
} mn_tflite_type;

/* BuiltinOperator of the schema: those that a MobileNet may hold. */
typedef enum mn_tflite_code {
    MN_TFLITE_AVERAGE_POOL_2D = 1,
    MN_TFLITE_CONV_2D = 3,
    MN_TFLITE_DEPTHWISE_CONV_2D = 4,
    MN_TFLITE_DEQUANTIZE = 6,
    MN_TFLITE_FULLY_CONNECTED = 9,
    MN_TFLITE_RELU = 19,
    MN_TFLITE_RELU6 = 21,
    MN_TFLITE_RESHAPE = 22,
    MN_TFLITE_SOFTMAX = 25,
    MN_TFLITE_PAD = 34,
    MN_TFLITE_MEAN = 40,
    MN_TFLITE_SQUEEZE = 43,
    MN_TFLITE_STRIDED_SLICE = 45,
    MN_TFLITE_SHAPE = 77,
    MN_TFLITE_PACK = 83,
    MN_TFLITE_QUANTIZE = 114
} mn_tflite_code;

#define MN_TFLITE_RANK_MAX 4

/* real = scale * (stored - zero_point); one pair for the tensor, or one a channel along `dimension`. */
typedef struct mn_tflite_quantisation {
    mn_fb_vector scale;      /* float32; count 0: not quantised */
    mn_fb_vector zero_point; /* int64; count 0: all zero */
    int32_t dimension;
} mn_tflite_quantisation;

typedef struct mn_tflite_tensor {
    const char *name; /* never NULL */
    int32_t type;
    int32_t rank; /* -1: more than MN_TFLITE_RANK_MAX */
    int32_t shape[MN_TFLITE_RANK_MAX];
    bool open;           /* a dimension other than the first is left open; its size in `shape` is 1 */
    const uint8_t *data; /* NULL: not a constant */
    size_t data_bytes;
    size_t data_offset; /* in the file */
    mn_tflite_quantisation quantisation;
} mn_tflite_tensor;

typedef struct mn_tflite_op {
    int32_t code;
    mn_fb_vector inputs, outputs; /* int32 indices of tensors, checked; -1: absent */
    uint8_t options_type;
    mn_fb_table options;
} mn_tflite_op;

typedef struct mn_tflite {
    mn_flatbuffer fb;
    mn_fb_table model;
    mn_fb_vector buffers;
    int32_t tensor_count, op_count;
    mn_tflite_tensor *tensors;
    mn_tflite_op *ops;
    int32_t input, output; /* tensors */
} mn_tflite;

/* Errors: MN_ERROR_FORMAT with an offset, MN_ERROR_UNSUPPORTED, MN_ERROR_LIMIT, MN_ERROR_OUT_OF_MEMORY. */
mn_status mn_tflite_open(const uint8_t *bytes, size_t size, mn_tflite *file, mn_error *err);
void mn_tflite_close(mn_tflite *file);

/* The bytes of buffer number `index`. */
bool mn_tflite_buffer(mn_tflite *file, uint32_t index, const uint8_t **data, size_t *size, size_t *offset);

/* Word for an operator, for messages; never NULL. */
const char *mn_tflite_code_name(int32_t code);

/* Tensor number k of an operator's inputs, or NULL where there is none. */
mn_tflite_tensor *mn_tflite_input(mn_tflite *file, const mn_tflite_op *op, size_t k);
/* Its index, or -1. */
int32_t mn_tflite_input_index(mn_tflite *file, const mn_tflite_op *op, size_t k);

/* Where the weights of the found layers lie: indices of tensors, bias -1: none. */
typedef struct mn_tflite_weights {
    int32_t weight[MN_LAYERS_MAX], bias[MN_LAYERS_MAX];
    bool transposed[MN_LAYERS_MAX]; /* stored as depthwise [1, KH, KW, OC] of one channel, wanted as [OC, KH, KW, 1] */
    int32_t first_quantised;        /* the tensor by which the network's first layer is fed, where quantised; or -1 */
} mn_tflite_weights;

/* Follows the network from its input to its output. */
mn_status mn_tflite_walk(mn_tflite *file, mn_found *found, mn_tflite_weights *weights, mn_notes *notes, mn_error *err);

/* Writes tensor `index` as float32: `elements` must be the product of its shape. */
mn_status mn_tflite_dequantise(mn_tflite *file, int32_t index, size_t elements, float *values, mn_error *err);

/* The range that an activation tensor of a quantised network can hold. False where it is not quantised. */
bool mn_tflite_range(mn_tflite *file, const mn_tflite_tensor *tensor, double *low, double *high);

/* Scale and zero point of a tensor quantised as a whole. */
bool mn_tflite_scale(mn_tflite *file, const mn_tflite_tensor *tensor, double *scale, double *zero_point);

/* Preprocessing, labels, name and licence. */
mn_status mn_tflite_record(mn_tflite *file, const mn_tflite_weights *weights, mn_model *model, mn_notes *notes,
                           mn_error *err);

#endif
