/* Small TensorFlow Lite files made by hand: a shallow MobileNet of a few channels, float or quantised, with faults
 * wherever a test wants one. Objects are written front to back; every offset leads forward, as the format demands.
 */
#ifndef TEST_TFLITE_FILE_H
#define TEST_TFLITE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tflite_kind { KIND_FLOAT, KIND_FLOAT16, KIND_UINT8, KIND_INT8 } tflite_kind;

typedef struct tflite_spec {
    tflite_kind kind;
    int32_t size, channels, width, classes;
    bool explicit_pad;    /* PAD and VALID instead of SAME where the stride is 2 */
    bool mean;            /* MEAN, else AVERAGE_POOL_2D */
    bool fully_connected; /* else a 1x1 convolution and a RESHAPE */
    bool softmax;
    bool unfused;                /* activations are operators of their own (float), or the range alone (quantised) */
    bool per_channel;            /* a scale for each output channel */
    bool spread_stem;            /* the first layer as a depthwise convolution of one channel */
    bool open_input;             /* height and width are left open: 1 in the shape, -1 in the signature */
    const char *labels;          /* packed as labels.txt, or NULL */
    bool deflated;               /* the labels are compressed */
    const float *mean_deviation; /* NormalizationOptions: mean, deviation; or NULL */
} tflite_spec;

/* 8x8x3, 2 channels, 2 classes, float, everything false. */
tflite_spec tflite_default(void);

/* Tables whose fields a test may change. */
typedef enum tflite_part {
    PART_MODEL,
    PART_GRAPH,
    PART_CODE,
    PART_TENSOR,
    PART_QUANTISATION,
    PART_OP,
    PART_OPTIONS,
    PART_BUFFER,
    PART_METADATA,
    PART_COUNT
} tflite_part;

#define TFLITE_PART_MAX 256

typedef struct tflite_file {
    uint8_t *bytes; /* tflite_free */
    size_t size, room;
    size_t tables[PART_COUNT][TFLITE_PART_MAX]; /* positions; 0: none */
    int32_t counts[PART_COUNT];
    size_t flatbuffer_size; /* without the archive of labels */
} tflite_file;

tflite_file tflite_make(const tflite_spec *spec);
void tflite_free(tflite_file *file);

/* Position of field `slot`; ends the test where it is absent. */
size_t tflite_field(const tflite_file *file, tflite_part part, int32_t index, int32_t slot);
/* Position of element `element` of the vector in that field. */
size_t tflite_element(const tflite_file *file, tflite_part part, int32_t index, int32_t slot, size_t element,
                      size_t element_bytes);
void tflite_put(tflite_file *file, size_t at, uint64_t value, size_t bytes);

#endif
