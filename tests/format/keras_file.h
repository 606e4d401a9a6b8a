/* Small Keras files made with libhdf5, in memory: a shallow MobileNet of a few channels, in the ways in which Keras
 * writes one, with faults where a test wants them.
 */
#ifndef TEST_KERAS_FILE_H
#define TEST_KERAS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How one data set is stored: `odd_path` of the spec names it, all others are plain. */
typedef enum keras_storage {
    STORE_PLAIN,
    STORE_ABSENT,
    STORE_HALF, /* 16-bit floats */
    STORE_DOUBLE,
    STORE_INTEGERS,  /* int32 */
    STORE_DEFLATED,  /* chunked, shuffled, deflated */
    STORE_SZIP_LIKE, /* a filter that no library has */
    STORE_BIG_CHUNK, /* a chunk of 2 GiB */
    STORE_EXTERNAL,  /* data in another file */
    STORE_UNWRITTEN, /* space never allocated */
    STORE_SOFT_LINK,
    STORE_OTHER_SHAPE /* one column more */
} keras_storage;

typedef struct keras_spec {
    int32_t size, channels, width, classes;
    bool config;        /* model_config, and the weights in model_weights; else weights alone */
    bool variable_text; /* model_config as a text of variable length */
    bool sequential;    /* a Sequential, else a Functional */
    bool keras3;        /* inbound nodes, input shape and names of weights as Keras 3 writes them */
    bool archive;       /* a .keras file, with a configuration and keras3 */
    bool numbered;      /* conv2d_3, batch_normalization_7; else conv_pw_3, conv_pw_3_bn */
    bool bias;          /* convolutions keep a bias before batch norm */
    bool dense;         /* the classifier is a dense layer */
    bool batch_norm;
    bool without_gamma; /* scale=False: no gamma, in the configuration and in the file */
    keras_storage odd_storage;
    const char *odd_path;            /* of a data set, from the root */
    const char *edit_from, *edit_to; /* one replacement in model_config; or NULL */
} keras_spec;

/* 64x64x3, width 2, 2 classes, a configuration, batch norm, conv_pw names. */
keras_spec keras_default(void);

/* The file as bytes; free() them. */
uint8_t *keras_make(const keras_spec *spec, size_t *size);

/* Element k of a data set, by its leaf ("kernel:0", ...). */
float keras_value(const char *leaf, size_t k);

#endif
