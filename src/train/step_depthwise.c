/* Depthwise layers of a training step, forward and backward.
 *
 * Channels do not meet in a depthwise convolution, so an image is gone through in groups of channels, and each group in
 * bands of rows: what a band needs, activated and padded, stays in the nearest caches from the moment it is made until
 * the sums for batch norm have been taken of the result. The rows of a band lie in a ring, of which the next band finds
 * the ones that it shares with this one. */
#include <string.h>

#include "train/step.h"

#define GROUP       64         /* channels gone through together: four cache lines of a pixel */
#define BAND_FLOATS (24 << 10) /* the rows of a band, of both directions, where even one row does not take more */

/* Rows of one group of an image: panels of `pitch` columns. */
typedef struct ring {
    float *rows, *zero; /* column 0 of slot 0 and of a row of zeros */
    size_t row_floats;
    int32_t pitch, slots, height;
} ring;

/* Two zero columns on either side: what a window of three can reach forward and backward. */
static int32_t pitch_of(int32_t columns)
{
    return columns + 4;
}

static int32_t group_of(const mn_step_layer *l)
{
    return l->n < GROUP ? mn_panel_up(l->n) : GROUP;
}

static size_t row_floats(const mn_step_layer *l, int32_t columns)
{
    return (size_t)pitch_of(columns) * (size_t)group_of(l);
}

/* Rows of the input, or of the output's gradient, that a band needs at once; a row of dx reaches back two rows. */
static int32_t in_slots(const mn_step_layer *l)
{
    return (l->band - 1) * l->layer->stride + 3;
}
static int32_t out_slots(const mn_step_layer *l)
{
    return l->band + 2;
}

size_t mn_step_depthwise_scratch(const mn_step_layer *l)
{
    return (size_t)(in_slots(l) + 1) * row_floats(l, l->layer->in_width) +
           (size_t)(out_slots(l) + 1) * row_floats(l, l->layer->out_width);
}

void mn_step_depthwise_plan(mn_step_layer *l)
{
    l->band = l->layer->out_height < MN_BAND_MAX ? l->layer->out_height : MN_BAND_MAX;
    while (l->band > 1 && mn_step_depthwise_scratch(l) > BAND_FLOATS)
        l->band--;
}

static ring ring_open(const mn_step_layer *l, int32_t slots, int32_t columns, int32_t height, float **scratch)
{
    size_t row = row_floats(l, columns), all = (size_t)(slots + 1) * row;
    memset(*scratch, 0, all * sizeof **scratch);
    float *rows = *scratch + 2 * MN_PANEL;
    *scratch += all;
    return (ring){rows, rows + (size_t)slots * row, row, pitch_of(columns), slots, height};
}

/* Column 0 of row `row`, which may lie outside the image: zeros then. */
static float *ring_row(const ring *r, int32_t row)
{
    return row < 0 || row >= r->height ? r->zero : r->rows + (size_t)(row % r->slots) * r->row_floats;
}

/* One group of channels of one image. */
typedef struct view {
    const mn_step *step;
    const mn_step_layer *l;
    int32_t c, channels; /* the group */
    mn_step_source source;
    ring x, dy;
    const float *in; /* of the image, at channel c, as all that follow */
    float *y;
    const float *dz;
    float *dx;
    int32_t next;                       /* the next row of input to activate */
    int32_t more_images, more_channels; /* from this group to the one that follows; both 0 where none does */
} view;

/* The group that follows (image, v->c) in a chunk that ends before image `end`. */
static void set_following(view *v, int32_t image, int32_t end)
{
    bool last = v->c + GROUP >= v->l->n;
    v->more_images = last && image + 1 < end ? 1 : 0;
    v->more_channels = !last ? GROUP : v->more_images ? -v->c : 0;
}

/* Says that the rows of the band after [first, first + rows) of `image`, an array of `height` rows of `width` pixels, will
 * be wanted. */
static void announce(const view *v, mn_ahead *ahead, const float *image, int32_t height, int32_t width, int32_t first,
                     int32_t rows)
{
    size_t n = (size_t)v->l->n, row = (size_t)width * n;
    if (first < height) {
        image += (size_t)first * row;
        rows = height - first < rows ? height - first : rows;
    } else if (v->more_images || v->more_channels) {
        image += (ptrdiff_t)((size_t)v->more_images * (size_t)height * row) + v->more_channels;
    } else {
        return;
    }
    mn_ahead_add(ahead, image, v->channels, v->l->n, rows * width);
}

/* Activates the input that output rows [first, first + rows) read, and points `window` at it. */
static void fill(view *v, int32_t first, int32_t rows, const float **window)
{
    const mn_layer *layer = v->l->layer;
    size_t row = (size_t)layer->in_width * (size_t)v->l->n;
    int32_t top = first * layer->stride - layer->pad_top, count = (rows - 1) * layer->stride + 3;
    mn_affine affine = mn_affine_from(&v->source.affine, v->c);
    for (; v->next < top + count && v->next < layer->in_height; v->next++)
        v->step->kernels->activate(v->in + (size_t)v->next * row, v->l->n, layer->in_width, v->channels, &affine,
                                   ring_row(&v->x, v->next), v->x.pitch);
    for (int32_t i = 0; i < count; i++)
        window[i] = ring_row(&v->x, top + i) - (ptrdiff_t)layer->pad_left * MN_PANEL;
}

/* The group's part of the packed filters. */
static const float *filters(const view *v)
{
    return v->step->packed + (size_t)v->c * 9;
}

static int32_t band_rows(const view *v, int32_t first)
{
    int32_t rest = v->l->layer->out_height - first;
    return rest < v->l->band ? rest : v->l->band;
}

/* `sums` of the chunk at channel c: origin, first, second; NULL where none are wanted. `open`: these are the first rows
 * of the chunk, whose first pixel becomes the origin. */
static void forward_group(view *v, float *const sums[3], bool open)
{
    const mn_layer *layer = v->l->layer;
    const mn_train_kernels *kernels = v->step->kernels;
    float *y = v->y;
    v->next = 0;
    for (int32_t oh = 0, rows; oh < layer->out_height; oh += rows) {
        const float *window[2 * MN_BAND_MAX + 1];
        mn_ahead ahead = {0};
        rows = band_rows(v, oh);
        fill(v, oh, rows, window);
        announce(v, &ahead, v->in, layer->in_height, layer->in_width, v->next, rows * layer->stride);
        announce(v, &ahead, v->y, layer->out_height, layer->out_width, oh + rows, rows);
        kernels->depthwise(window, v->x.pitch, filters(v), layer->stride, rows, layer->out_width, v->channels, y,
                           v->l->n, &ahead);
        if (sums[0] && open && oh == 0)
            memcpy(sums[0], y, (size_t)v->channels * sizeof *y);
        if (sums[0])
            kernels->statistics(y, v->l->n, rows * layer->out_width, v->channels, sums[0], sums[1], sums[2]);
        y += (size_t)(rows * layer->out_width) * (size_t)v->l->n;
    }
}

/* A view of layer j->index with its ring of inputs; *scratch: where the worker's memory goes on. */
static view view_open(const mn_step_job *j, int32_t worker, float **scratch)
{
    mn_step *s = j->step;
    const mn_step_layer *l = &s->layers[j->index];
    view v = {.step = s, .l = l, .source = mn_step_source_of(s, j->index)};
    *scratch = s->scratch + (size_t)worker * s->scratch_count;
    v.x = ring_open(l, in_slots(l), l->layer->in_width, l->layer->in_height, scratch);
    return v;
}

void mn_step_depthwise_forward(void *context, int32_t chunk, int32_t worker)
{
    const mn_step_job *j = context;
    float *scratch;
    view v = view_open(j, worker, &scratch);
    mn_step *s = j->step;
    const mn_step_layer *l = v.l;
    bool wanted = l->layer->batch_norm && s->mode == MN_STEP_TRAIN;
    size_t n = (size_t)l->n, at = (size_t)chunk * s->sums_stride;
    for (int k = 1; wanted && k < 3; k++)
        memset(s->sums[k] + at, 0, n * sizeof(float));
    int32_t first = mn_step_chunk_start(s, l->chunks, chunk), end = mn_step_chunk_start(s, l->chunks, chunk + 1);
    for (int32_t i = first; i < end; i++)
        for (v.c = 0; v.c < l->n; v.c += GROUP) {
            size_t c = (size_t)v.c;
            float *sums[3] = {NULL, NULL, NULL};
            for (int k = 0; wanted && k < 3; k++)
                sums[k] = s->sums[k] + at + c;
            v.channels = l->n - v.c < GROUP ? l->n - v.c : GROUP;
            v.in = v.source.data + (size_t)i * (size_t)l->in_rows * n + c;
            v.y = l->y + (size_t)i * (size_t)l->out_rows * n + c;
            set_following(&v, i, end);
            forward_group(&v, sums, i == first);
        }
}

/* Rows [first, end) of dx, whose rows of dy exist. */
static void data_rows(const view *v, int32_t first, int32_t end, float *dx, mn_ahead *ahead)
{
    const mn_layer *layer = v->l->layer;
    const mn_train_kernels *kernels = v->step->kernels;
    const float *window[MN_BAND_MAX + 2];
    int32_t at = first + layer->pad_top, rows = end - first;
    if (layer->stride == 1) { /* the same convolution with the filter turned */
        for (int32_t i = 0; i < rows + 2; i++)
            window[i] = ring_row(&v->dy, at - 2 + i) - (ptrdiff_t)(2 - layer->pad_left) * MN_PANEL;
        kernels->depthwise(window, v->dy.pitch, filters(v), 1, rows, layer->in_width, v->channels, dx, v->l->n, ahead);
        return;
    }
    int32_t before = at / 2 - 1;
    for (int32_t i = before; i <= (at + rows - 1) / 2; i++)
        window[i - before] = ring_row(&v->dy, i);
    kernels->depthwise_data_s2(window, v->dy.pitch, filters(v), at % 2 != 0, rows, layer->pad_left, layer->in_width,
                               v->channels, dx, v->l->n, ahead);
}

/* Rows [*done, ready) of dx, and the sums of gradients of the layer before, `sums` at channel c. */
static void finish_rows(const view *v, int32_t *done, int32_t ready, float *const sums[2])
{
    const mn_step_layer *before = v->l - 1;
    const mn_layer *layer = v->l->layer;
    mn_affine all = {before->scale, before->shift, before->low, before->high}, affine = mn_affine_from(&all, v->c);
    for (int32_t end; *done < ready; *done = end) {
        end = ready - *done < MN_BAND_MAX ? ready : *done + MN_BAND_MAX;
        size_t from = (size_t)*done * (size_t)layer->in_width * (size_t)v->l->n;
        mn_ahead ahead = {0};
        announce(v, &ahead, v->in, layer->in_height, layer->in_width, v->next, end - *done);
        announce(v, &ahead, v->dx, layer->in_height, layer->in_width, end, end - *done);
        data_rows(v, *done, end, v->dx + from, &ahead);
        v->step->kernels->gradient_sums(v->dx + from, v->in + from, v->l->n, (end - *done) * layer->in_width,
                                        v->channels, &affine, before->batch_mean + v->c, before->inverse + v->c,
                                        sums[0], sums[1]);
    }
}

static void backward_group(view *v, bool data, float *dw, float *const sums[2])
{
    const mn_layer *layer = v->l->layer;
    const mn_train_kernels *kernels = v->step->kernels;
    mn_chain all = mn_step_chain_of(v->l), chain = mn_chain_from(&all, v->c);
    size_t row = (size_t)layer->out_width * (size_t)v->l->n;
    int32_t done = 0;
    v->next = 0;
    for (int32_t oh = 0, rows; oh < layer->out_height; oh += rows) {
        const float *window[2 * MN_BAND_MAX + 1], *dy[MN_BAND_MAX];
        rows = band_rows(v, oh);
        for (int32_t i = 0; i < rows; i++) {
            float *to = ring_row(&v->dy, oh + i);
            size_t from = (size_t)(oh + i) * row;
            kernels->gradient(v->dz + from, v->y + from, v->l->n, layer->out_width, v->channels, &chain, to,
                              v->dy.pitch);
            dy[i] = to;
        }
        fill(v, oh, rows, window);
        mn_ahead ahead = {0};
        announce(v, &ahead, v->dz, layer->out_height, layer->out_width, oh + rows, rows);
        announce(v, &ahead, v->y, layer->out_height, layer->out_width, oh + rows, rows);
        kernels->depthwise_weights(window, v->x.pitch, dy, v->dy.pitch, layer->stride, rows, layer->out_width,
                                   v->channels, dw, &ahead);
        /* Rows of dx up to the first that the next row of dy reaches are complete. */
        int32_t ready = (oh + rows) * layer->stride - layer->pad_top;
        if (oh + rows == layer->out_height || ready > layer->in_height)
            ready = layer->in_height;
        if (data)
            finish_rows(v, &done, ready, sums);
    }
}

void mn_step_depthwise_backward(void *context, int32_t chunk, int32_t worker)
{
    const mn_step_job *j = context;
    float *scratch;
    view v = view_open(j, worker, &scratch);
    mn_step *s = j->step;
    const mn_step_layer *l = v.l;
    v.dy = ring_open(l, out_slots(l), l->layer->out_width, l->layer->out_height, &scratch);
    float *dw = s->partial + (size_t)chunk * s->partial_stride;
    memset(dw, 0, s->partial_stride * sizeof *dw);
    size_t n = (size_t)l->n, at = (size_t)chunk * s->sums_stride;
    for (int k = 1; j->data && k < 3; k++)
        memset(s->sums[k] + at, 0, n * sizeof(float));
    int32_t first = mn_step_chunk_start(s, l->back_chunks, chunk);
    int32_t end = mn_step_chunk_start(s, l->back_chunks, chunk + 1);
    for (int32_t i = first; i < end; i++)
        for (v.c = 0; v.c < l->n; v.c += GROUP) {
            size_t c = (size_t)v.c, in = (size_t)i * (size_t)l->in_rows * n + c;
            size_t out = (size_t)i * (size_t)l->out_rows * n + c;
            float *sums[2] = {s->sums[1] + at + c, s->sums[2] + at + c};
            v.channels = l->n - v.c < GROUP ? l->n - v.c : GROUP;
            v.in = v.source.data + in;
            v.dz = s->dz[j->side] + out;
            v.y = l->y + out;
            v.dx = s->dz[1 - j->side] + in;
            set_following(&v, i, end);
            backward_group(&v, j->data, dw + c * 9, sums);
        }
}
