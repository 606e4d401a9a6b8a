/* oneDNN's side: a chain of primitives with ReLU6 as a fused clip, activations NHWC, weights in the layout that
 * oneDNN chooses, reordered once.
 *
 * With PEERS_PRECISION=bfloat16 images, maps and weights are bfloat16, biases and the logits float32.
 *
 * NHWC was 1 to 10 % faster than layouts chosen by oneDNN ("any") on every model here, and than its fusion of a
 * pointwise with the depthwise after it. Reads the plain file of write_flat.py. All activations live in two
 * buffers that take turns.
 */
#include <dnnl.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { STEPS_MAX = 64, CONV = 0, DEPTHWISE, POOL, CLASSIFIER, SOFTMAX };

#define CHECK(call)                                                                                                    \
    do {                                                                                                               \
        dnnl_status_t status_ = (call);                                                                                \
        if (status_ != dnnl_success) {                                                                                 \
            fprintf(stderr, "oneDNN: status %d at line %d: %s\n", (int)status_, __LINE__, #call);                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

typedef struct layer {
    int32_t op, in_size, in_channels, out_size, out_channels, kernel, stride, pad_before, pad_after, relu6;
} layer;

typedef struct step {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t arguments[5];
    int count;
} step;

typedef struct chain {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    step steps[STEPS_MAX];
    int count, batch;
    dnnl_data_type_t type; /* of weights and maps */
    dnnl_memory_t value;   /* output of the last step appended */
    void *buffers[2];      /* activations take turns */
    int turn;
    float *output;
} chain;

static dnnl_memory_t memory(chain *c, const_dnnl_memory_desc_t desc, void *data)
{
    dnnl_memory_t m;
    CHECK(dnnl_memory_create(&m, desc, c->engine, data));
    return m;
}

static const_dnnl_memory_desc_t desc_of(dnnl_memory_t m)
{
    const_dnnl_memory_desc_t d;
    CHECK(dnnl_memory_get_memory_desc(m, &d));
    return d;
}

static dnnl_memory_desc_t desc(int rank, const dnnl_dim_t *dims, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    dnnl_dims_t copy;
    memcpy(copy, dims, (size_t)rank * sizeof *dims);
    CHECK(dnnl_memory_desc_create_with_tag(&d, rank, copy, type, tag));
    return d;
}

/* Appends a primitive whose source is the chain's value and whose destination becomes it. */
static void append(chain *c, dnnl_primitive_desc_t pd, dnnl_memory_t weight, dnnl_memory_t bias)
{
    step *s = &c->steps[c->count++];
    const_dnnl_memory_desc_t out = dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0);
    dnnl_memory_t dst = memory(c, out, c->buffers[c->turn]);
    c->turn ^= 1;
    CHECK(dnnl_primitive_create(&s->primitive, pd));
    s->arguments[s->count++] = (dnnl_exec_arg_t){DNNL_ARG_SRC, c->value};
    s->arguments[s->count++] = (dnnl_exec_arg_t){DNNL_ARG_DST, dst};
    if (weight)
        s->arguments[s->count++] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, weight};
    if (bias)
        s->arguments[s->count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, bias};
    c->value = dst;
    CHECK(dnnl_primitive_desc_destroy(pd));
}

/* Brings the chain's value into the layout that `wanted` asks for, where it is in another. */
static void adapt(chain *c, const_dnnl_memory_desc_t wanted)
{
    dnnl_primitive_desc_t pd;
    if (dnnl_memory_desc_equal(desc_of(c->value), wanted))
        return;
    CHECK(dnnl_reorder_primitive_desc_create(&pd, desc_of(c->value), c->engine, wanted, c->engine, NULL));
    append(c, pd, NULL, NULL);
}

/* Reads `rank`-dimensional weights and reorders them once into the layout that the primitive wants. */
static dnnl_memory_t read_weights(chain *c, FILE *f, int rank, const dnnl_dim_t *dims, const_dnnl_memory_desc_t wanted)
{
    static const dnnl_format_tag_t plain[] = {0, dnnl_a, dnnl_ab, 0, dnnl_abcd, dnnl_abcde};
    dnnl_memory_desc_t from = desc(rank, dims, dnnl_f32, plain[rank]);
    dnnl_memory_t source = memory(c, from, DNNL_MEMORY_ALLOCATE), target;
    void *data;
    size_t bytes = dnnl_memory_desc_get_size(from);
    CHECK(dnnl_memory_get_data_handle(source, &data));
    if (fread(data, 1, bytes, f) != bytes) {
        fprintf(stderr, "oneDNN: the model file is cut off\n");
        exit(1);
    }
    if (dnnl_memory_desc_equal(from, wanted))
        return source;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t reorder;
    target = memory(c, wanted, DNNL_MEMORY_ALLOCATE);
    CHECK(dnnl_reorder_primitive_desc_create(&pd, from, c->engine, wanted, c->engine, NULL));
    CHECK(dnnl_primitive_create(&reorder, pd));
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
    CHECK(dnnl_primitive_execute(reorder, c->stream, 2, arguments));
    CHECK(dnnl_stream_wait(c->stream));
    CHECK(dnnl_memory_destroy(source));
    return target;
}

static dnnl_primitive_attr_t clip_attribute(const layer *l)
{
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    CHECK(dnnl_primitive_attr_create(&attr));
    if (l->relu6) {
        CHECK(dnnl_post_ops_create(&ops));
        CHECK(dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_clip, 0.0f, 6.0f));
        CHECK(dnnl_primitive_attr_set_post_ops(attr, ops));
    }
    return attr;
}

static void append_conv(chain *c, FILE *f, const layer *l)
{
    int grouped = l->op == DEPTHWISE;
    dnnl_dim_t k = l->kernel, g = grouped ? l->in_channels : 1;
    dnnl_dim_t in[] = {c->batch, l->in_channels, l->in_size, l->in_size};
    dnnl_dim_t out[] = {c->batch, l->out_channels, l->out_size, l->out_size};
    dnnl_dim_t full[] = {l->out_channels, l->in_channels, k, k}, depthwise[] = {g, 1, 1, k, k};
    dnnl_dim_t channels[] = {l->out_channels};
    dnnl_dims_t stride = {l->stride, l->stride}, dilation = {0, 0};
    dnnl_dims_t before = {l->pad_before, l->pad_before}, after = {l->pad_after, l->pad_after};
    int rank = grouped ? 5 : 4;
    const dnnl_dim_t *dims = grouped ? depthwise : full;
    dnnl_memory_desc_t src = desc(4, in, c->type, dnnl_nhwc), dst = desc(4, out, c->type, dnnl_nhwc);
    dnnl_memory_desc_t weight = desc(rank, dims, c->type, dnnl_format_tag_any);
    dnnl_memory_desc_t bias = desc(1, channels, dnnl_f32, dnnl_a);
    dnnl_primitive_desc_t pd;
    CHECK(dnnl_convolution_forward_primitive_desc_create(&pd, c->engine, dnnl_forward_inference, dnnl_convolution_auto,
                                                         src, weight, bias, dst, stride, dilation, before, after,
                                                         clip_attribute(l)));
    adapt(c, dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0));
    dnnl_memory_t w = read_weights(c, f, rank, dims, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0));
    append(c, pd, w, read_weights(c, f, 1, channels, bias));
}

static void append_pool(chain *c, const layer *l)
{
    dnnl_dim_t out[] = {c->batch, l->in_channels, 1, 1};
    dnnl_dims_t kernel = {l->in_size, l->in_size}, stride = {1, 1}, zero = {0, 0};
    dnnl_primitive_desc_t pd;
    CHECK(dnnl_pooling_forward_primitive_desc_create(
        &pd, c->engine, dnnl_forward_inference, dnnl_pooling_avg_exclude_padding, desc_of(c->value),
        desc(4, out, c->type, dnnl_format_tag_any), stride, kernel, zero, zero, zero, NULL));
    append(c, pd, NULL, NULL);
}

static void append_classifier(chain *c, FILE *f, const layer *l)
{
    dnnl_dim_t in[] = {c->batch, l->in_channels, 1, 1}, out[] = {c->batch, l->out_channels};
    dnnl_dim_t weight[] = {l->out_channels, l->in_channels, 1, 1}, bias[] = {l->out_channels};
    dnnl_primitive_desc_t pd;
    CHECK(dnnl_inner_product_forward_primitive_desc_create(
        &pd, c->engine, dnnl_forward_inference, desc(4, in, c->type, dnnl_format_tag_any),
        desc(4, weight, c->type, dnnl_format_tag_any), desc(1, bias, dnnl_f32, dnnl_a), desc(2, out, dnnl_f32, dnnl_ab),
        NULL));
    adapt(c, dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0));
    dnnl_memory_t w = read_weights(c, f, 4, weight, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0));
    append(c, pd, w, read_weights(c, f, 1, bias, desc(1, bias, dnnl_f32, dnnl_a)));
}

static void append_softmax(chain *c, const layer *l)
{
    dnnl_dim_t out[] = {c->batch, l->out_channels};
    dnnl_primitive_desc_t pd;
    CHECK(dnnl_softmax_forward_primitive_desc_create(&pd, c->engine, dnnl_forward_inference, dnnl_softmax_accurate,
                                                     desc_of(c->value), desc(2, out, dnnl_f32, dnnl_ab), 1, NULL));
    append(c, pd, NULL, NULL);
}

static int run(void *state)
{
    chain *c = state;
    for (int i = 0; i < c->count; i++)
        CHECK(dnnl_primitive_execute(c->steps[i].primitive, c->stream, c->steps[i].count, c->steps[i].arguments));
    CHECK(dnnl_stream_wait(c->stream));
    return 0;
}

static const float *output(void *state)
{
    return ((chain *)state)->output;
}

/* Buffers of the largest activation, with room for a layout that rounds channels up to 16. */
static void make_buffers(chain *c, FILE *f, int32_t count)
{
    size_t largest = 0;
    long start = ftell(f);
    for (int32_t i = 0; i < count; i++) {
        layer l;
        if (fread(&l, sizeof l, 1, f) != 1)
            break;
        size_t in = (size_t)l.in_size * (size_t)l.in_size * ((size_t)l.in_channels + 15) / 16 * 16;
        size_t out = (size_t)l.out_size * (size_t)l.out_size * ((size_t)l.out_channels + 15) / 16 * 16;
        size_t weights = (size_t)l.kernel * (size_t)l.kernel * (size_t)l.out_channels;
        weights *= l.op == DEPTHWISE ? 1 : (size_t)l.in_channels;
        if (l.op != POOL && l.op != SOFTMAX)
            fseek(f, (long)((weights + (size_t)l.out_channels) * sizeof(float)), SEEK_CUR);
        largest = in > largest ? in : largest;
        largest = out > largest ? out : largest;
    }
    fseek(f, start, SEEK_SET);
    size_t bytes = (largest * (size_t)c->batch * sizeof(float) + 63) / 64 * 64;
    for (int i = 0; i < 2; i++)
        if (!(c->buffers[i] = aligned_alloc(64, bytes)))
            exit(1);
}

static size_t load(chain *c, const char *path, float *input)
{
    int32_t count = 0, classes = 0;
    char magic[4];
    FILE *f = fopen(path, "rb");
    if (!f || fread(magic, 4, 1, f) != 1 || memcmp(magic, "MNF1", 4) != 0 || fread(&count, 4, 1, f) != 1) {
        fprintf(stderr, "oneDNN: %s is no flat model file\n", path);
        exit(1);
    }
    make_buffers(c, f, count);
    for (int32_t i = 0; i < count; i++) {
        layer l;
        if (fread(&l, sizeof l, 1, f) != 1)
            exit(1);
        if (i == 0) {
            dnnl_dim_t in[] = {c->batch, l.in_channels, l.in_size, l.in_size};
            c->value = memory(c, desc(4, in, dnnl_f32, dnnl_nhwc), input);
        }
        if (l.op == CONV || l.op == DEPTHWISE)
            append_conv(c, f, &l);
        else if (l.op == POOL)
            append_pool(c, &l);
        else if (l.op == CLASSIFIER)
            append_classifier(c, f, &l);
        else
            append_softmax(c, &l);
        classes = l.out_channels;
    }
    fclose(f);
    void *data;
    CHECK(dnnl_memory_get_data_handle(c->value, &data));
    c->output = data;
    return (size_t)c->batch * (size_t)classes;
}

int main(int argc, char **argv)
{
    static chain c;
    host_arguments a;
    char path[4096], version[32];
    if (host_read_arguments(argc, argv, &a))
        return 2;
    omp_set_num_threads(a.threads);
    c.batch = a.batch;
    c.type = host_bfloat16() ? dnnl_bf16 : dnnl_f32;
    CHECK(dnnl_engine_create(&c.engine, dnnl_cpu, 0));
    CHECK(dnnl_stream_create(&c.stream, c.engine, dnnl_stream_default_flags));
    snprintf(path, sizeof path, "%s.flat", a.stem);
    size_t elements = load(&c, path, a.input);
    const dnnl_version_t *v = dnnl_version();
    snprintf(version, sizeof version, "%d.%d.%d", v->major, v->minor, v->patch);
    host_engine engine = {.version = version,
                          .state = &c,
                          .run = run,
                          .output = output,
                          .output_elements = elements,
                          .loaded = host_now()};
    return host_serve(&a, &engine);
}
