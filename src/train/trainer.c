/* A model being learned: creation from a model, prediction, export. A step is in trainer_step.c. */
#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/status.h"
#include "net/model.h"
#include "train/reduce.h"

static void visit_one(mn_model *model, const mn_layer *layer, const char *suffix, mn_tensor_home home, size_t offset,
                      mn_tensor_visit *visit, void *context)
{
    mn_tensor *tensor = offset == MN_ABSENT ? NULL : mn_model_layer_tensor(model, layer, suffix);
    if (tensor)
        visit(context, tensor, home, offset);
}

void mn_trainer_visit(const mn_trainer *t, mn_model *model, mn_tensor_visit *visit, void *context)
{
    for (int32_t i = 0; i < t->step->layer_count; i++) {
        const mn_step_layer *l = &t->step->layers[i];
        visit_one(model, l->layer, "weight", MN_HOME_WEIGHTS, l->weight, visit, context);
        visit_one(model, l->layer, "bias", MN_HOME_WEIGHTS, l->bias, visit, context);
        visit_one(model, l->layer, "bn.gamma", MN_HOME_WEIGHTS, l->gamma, visit, context);
        visit_one(model, l->layer, "bn.beta", MN_HOME_WEIGHTS, l->beta, visit, context);
        visit_one(model, l->layer, "bn.mean", MN_HOME_STATISTICS, l->mean, visit, context);
        visit_one(model, l->layer, "bn.variance", MN_HOME_STATISTICS, l->variance, visit, context);
    }
}

static void load_tensor(void *context, mn_tensor *tensor, mn_tensor_home home, size_t offset)
{
    mn_trainer *t = context;
    float *to = home == MN_HOME_WEIGHTS ? t->step->weights : t->moving;
    memcpy(to + offset, tensor->data, tensor->elements * sizeof(float));
}

/* Bytes of the trainer's own block, beside the step's; with a block, hands out the pointers. */
static size_t place(mn_trainer *t, const mn_recipe *recipe, size_t weights, size_t statistics, char *block)
{
    bool second = recipe->optimiser != MN_OPTIMISER_SGD, ema = recipe->ema > 0;
    const struct {
        float **to;
        size_t count;
        bool wanted; /* what is not stays NULL; a net without batch norm has arrays of no statistics */
    } parts[] = {
        {&t->first, weights, true},
        {&t->second, weights, second},
        {&t->ema, weights, ema},
        {&t->moving, statistics, true},
        {&t->ema_moving, statistics, ema},
        {&t->eval_weights, weights, ema},
        {&t->eval_statistics, statistics, true},
        {&t->estimated[0], statistics, true},
        {&t->estimated[1], statistics, true},
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!parts[i].wanted)
            continue;
        if (block)
            *parts[i].to = (float *)(void *)(block + used);
        used += mn_size_align(parts[i].count * sizeof(float));
    }
    if (block)
        t->sums = (double *)(void *)(block + used);
    return used + mn_size_align(statistics * sizeof(double)) + MN_ALIGNMENT;
}

static int32_t threads_of(const mn_trainer_options *options)
{
    int32_t threads = options->threads > 0 ? options->threads : mn_cpu_count();
    return threads > 256 ? 256 : threads;
}

static int32_t ranks_of(const mn_trainer_options *options)
{
    return options->comm && options->comm->size > 1 ? options->comm->size : 1;
}

/* This rank's part of a batch. */
static mn_status step_options(const mn_recipe *recipe, const mn_trainer_options *options, mn_step_options *step,
                              mn_error *err)
{
    int32_t ranks = ranks_of(options);
    mn_status status = mn_recipe_check(recipe, err);
    if (status != MN_OK)
        return status;
    if (recipe->batch % ranks != 0)
        return mn_fail(err, MN_ERROR_ARGUMENT, "batch is %d, must be a multiple of the %d ranks that share it",
                       recipe->batch, ranks);
    *step = (mn_step_options){options->head_only ? MN_REACH_HEAD : MN_REACH_ALL, recipe->batch / ranks, ranks};
    return MN_OK;
}

static int32_t widest_of(const mn_net *net)
{
    int32_t widest = 0;
    for (int32_t i = 0; i < net->layer_count; i++)
        widest = net->layers[i].out_channels > widest ? net->layers[i].out_channels : widest;
    return widest;
}

mn_status mn_trainer_size(const mn_net *net, const mn_recipe *recipe, const mn_trainer_options *options, size_t *bytes,
                          mn_error *err)
{
    mn_trainer dummy = {0};
    size_t step, weights = 0, statistics = 0;
    mn_step_options s;
    mn_status status = step_options(recipe, options, &s, err);
    if (status == MN_OK)
        status = mn_step_size(net, &s, threads_of(options), &step, err);
    if (status != MN_OK)
        return status;
    mn_net_cost cost = mn_net_get_cost(net);
    weights = (size_t)(cost.total.weights + cost.total.biases + cost.total.bn_trainable);
    statistics = (size_t)cost.total.bn_statistics;
    *bytes = step + place(&dummy, recipe, weights, statistics, NULL) +
             mn_group_bytes(options->comm, mn_reduce_payload(weights, statistics, widest_of(net), s.ranks));
    return MN_OK;
}

/* Slices of one tensor. */
static void cut(mn_trainer *t, size_t offset, size_t count, bool decays, bool trained)
{
    if (offset == MN_ABSENT)
        return;
    for (size_t done = 0; done < count; done += MN_SLICE) {
        size_t rest = count - done;
        if (t->slices)
            t->slices[t->slice_count] = (mn_slice){offset + done, rest < MN_SLICE ? rest : MN_SLICE, decays, trained};
        t->slice_count++;
    }
}

static void cut_all(mn_trainer *t)
{
    t->slice_count = 0;
    for (int32_t i = 0; i < t->step->layer_count; i++) {
        const mn_step_layer *l = &t->step->layers[i];
        bool all = t->recipe.decay_all, trained = i >= t->first_layer;
        size_t n = (size_t)l->n;
        cut(t, l->weight, n * (size_t)l->k, all || l->layer->op != MN_OP_DEPTHWISE, trained);
        cut(t, l->bias, n, all, trained);
        cut(t, l->gamma, n, all, trained);
        cut(t, l->beta, n, all, trained);
    }
}

static mn_status make_slices(mn_trainer *t, mn_error *err)
{
    cut_all(t);
    t->slices = mn_calloc((size_t)t->slice_count, sizeof *t->slices);
    t->norms = mn_calloc((size_t)t->slice_count, sizeof *t->norms);
    if (!t->slices || !t->norms)
        return mn_fail_memory(err, (size_t)t->slice_count * sizeof *t->slices, "the slices of an update");
    cut_all(t);
    return MN_OK;
}

static mn_status check_weights(const mn_model *model, mn_error *err)
{
    for (int32_t i = 0; i < model->tensor_count; i++)
        for (size_t k = 0; k < model->tensors[i].elements; k++)
            if (!isfinite(model->tensors[i].data[k]))
                return mn_fail(err, MN_ERROR_NUMERIC, "tensor %s holds a value that is not finite at element %zu",
                               model->tensors[i].name, k);
    return MN_OK;
}

/* Copies the record (labels, preprocessing, infos) of one model to another. */
static mn_status copy_record(const mn_model *from, mn_model *to, mn_error *err)
{
    mn_status status = mn_model_set_preprocess(to, mn_model_preprocess(from), err);
    if (status == MN_OK && from->labels)
        status = mn_model_set_labels(to, (const char *const *)from->labels, from->net.arch.classes, err);
    const char *key, *value;
    for (int32_t i = 0; status == MN_OK && mn_model_info_at(from, i, &key, &value); i++)
        status = mn_model_set_info(to, key, value, err);
    return status;
}

static mn_status copy_model(const mn_model *from, mn_model **copy, mn_error *err)
{
    mn_model *m = NULL;
    mn_status status = mn_model_create(&from->net.arch, &m, err);
    if (status == MN_OK)
        status = copy_record(from, m, err);
    for (int32_t i = 0; status == MN_OK && i < m->tensor_count; i++)
        memcpy(m->tensors[i].data, from->tensors[i].data, m->tensors[i].elements * sizeof(float));
    if (status != MN_OK) {
        mn_model_destroy(m);
        return status;
    }
    *copy = m;
    return MN_OK;
}

static mn_status join_group(mn_trainer *t, mn_error *err)
{
    mn_step *s = t->step;
    size_t payload = mn_reduce_payload(s->weight_count, s->statistic_count, widest_of(&s->net), s->ranks);
    mn_status status = mn_group_open(t->options.comm, payload, &t->group, err);
    if (status == MN_OK && !mn_group_alone(&t->group)) {
        s->group = &t->group;
        s->sync = t->options.sync_bn;
    }
    return status;
}

static mn_status build(mn_trainer *t, const mn_model *model, mn_error *err)
{
    mn_step_options s;
    mn_status status = check_weights(model, err);
    if (status == MN_OK)
        status = step_options(&t->recipe, &t->options, &s, err);
    if (status == MN_OK)
        status = copy_model(model, &t->model, err);
    if (status == MN_OK)
        status = mn_pool_create(threads_of(&t->options), &t->pool, err);
    mn_cpu_level level = t->options.reference ? MN_CPU_REFERENCE : mn_cpu_best_level();
    if (status == MN_OK)
        status = mn_step_create(&model->net, &s, mn_train_kernels_get(level), t->pool, &t->step, err);
    if (status == MN_OK)
        status = join_group(t, err);
    if (status != MN_OK)
        return status;
    size_t weights = t->step->weight_count, statistics = t->step->statistic_count;
    t->block_bytes = place(t, &t->recipe, weights, statistics, NULL);
    t->block = mn_alloc_large(t->block_bytes);
    if (!t->block)
        return mn_fail_memory(err, t->block_bytes, "the optimiser's state");
    memset(t->block, 0, t->block_bytes);
    place(t, &t->recipe, weights, statistics, t->block);
    if (t->recipe.optimiser == MN_OPTIMISER_RMSPROP)
        for (size_t i = 0; i < weights; i++)
            t->second[i] = 1.0f; /* TensorFlow starts the mean square at one */
    t->first_layer = t->options.head_only ? t->step->layer_count - 1 : 0;
    mn_trainer_visit(t, t->model, load_tensor, t);
    return make_slices(t, err);
}

/* Whether the model brings statistics of its own: a model that was never trained has mean 0, variance 1. */
static bool has_statistics(const mn_trainer *t)
{
    for (int32_t i = 0; i < t->step->layer_count; i++) {
        const mn_step_layer *l = &t->step->layers[i];
        for (int32_t c = 0; l->mean != MN_ABSENT && c < l->n; c++)
            if (t->moving[l->mean + (size_t)c] != 0 || t->moving[l->variance + (size_t)c] != 1)
                return true;
    }
    return false;
}

mn_status mn_trainer_create(const mn_model *model, const mn_recipe *recipe, const mn_trainer_options *options,
                            mn_trainer **trainer, mn_error *err)
{
    if (options->threads < 0 || options->threads > 256)
        return mn_fail(err, MN_ERROR_ARGUMENT, "threads is %d, must be 0 to 256", options->threads);
    if (options->steps_per_epoch < 1)
        return mn_fail(err, MN_ERROR_ARGUMENT, "steps_per_epoch is %lld, must be at least 1",
                       (long long)options->steps_per_epoch);
    mn_trainer *t = mn_calloc(1, sizeof *t);
    if (!t)
        return mn_fail_memory(err, sizeof *t, "a trainer");
    t->recipe = *recipe;
    t->options = *options;
    mn_status status = build(t, model, err);
    if (status != MN_OK) {
        mn_trainer_destroy(t);
        return status;
    }
    t->step->seed = recipe->seed;
    if (has_statistics(t) || options->head_only)
        t->position.statistics_weight = 1;
    *trainer = t;
    return MN_OK;
}

void mn_trainer_destroy(mn_trainer *t)
{
    if (!t)
        return;
    mn_step_destroy(t->step);
    mn_group_close(&t->group);
    mn_pool_destroy(t->pool);
    mn_model_destroy(t->model);
    free(t->slices);
    free(t->norms);
    free(t->block);
    free(t);
}

/* Statistics without the bias of having started at zero. */
static void settle(float *to, const float *from, size_t count, double weight)
{
    for (size_t i = 0; i < count; i++)
        to[i] = weight > 0 ? (float)(from[i] / weight) : from[i];
}

/* Weights and statistics of `which`, for prediction or export. */
static void choose(const mn_trainer *t, mn_weights which, const float **weights, const float **statistics)
{
    const mn_step *s = t->step;
    bool ema = which == MN_WEIGHTS_EMA && t->recipe.ema > 0 && t->position.ema_weight > 0;
    *weights = s->weights;
    if (ema) {
        settle(t->eval_weights, t->ema, s->weight_count, t->position.ema_weight);
        *weights = t->eval_weights;
    }
    *statistics = t->eval_statistics;
    if (t->has_estimated[ema])
        *statistics = t->estimated[ema];
    else if (ema)
        settle(t->eval_statistics, t->ema_moving, s->statistic_count, t->position.ema_weight);
    else
        settle(t->eval_statistics, t->moving, s->statistic_count, t->position.statistics_weight);
}

/* The step uses the weights `which` until the next call of `restore`. */
static void use_weights(mn_trainer *t, mn_weights which, float *own[2])
{
    const float *weights, *statistics;
    own[0] = t->step->weights;
    own[1] = t->step->statistics;
    choose(t, which, &weights, &statistics);
    t->step->weights = (float *)weights;
    t->step->statistics = (float *)statistics;
}

static void restore_weights(mn_trainer *t, float *const own[2])
{
    t->step->weights = own[0];
    t->step->statistics = own[1];
}

static const float *forward(mn_trainer *t, mn_step_mode mode, mn_weights which, const float *input, int32_t count)
{
    float *own[2];
    use_weights(t, which, own);
    const float *logits = mn_step_forward(t->step, mode, input, count);
    restore_weights(t, own);
    return logits;
}

mn_status mn_trainer_predict(mn_trainer *t, mn_weights which, const float *input, int32_t count, float *logits,
                             mn_error *err)
{
    if (count < 1 || count > t->step->batch)
        return mn_fail(err, MN_ERROR_ARGUMENT, "prediction of %d images, must be 1 to %d", count, t->step->batch);
    const float *result = forward(t, MN_STEP_INFER, which, input, count);
    memcpy(logits, result, (size_t)count * (size_t)t->model->net.arch.classes * sizeof *logits);
    return MN_OK;
}

mn_status mn_trainer_embed(mn_trainer *t, const float *input, int32_t count, float *embedding, mn_error *err)
{
    float *own[2];
    if (count < 1 || count > t->step->batch)
        return mn_fail(err, MN_ERROR_ARGUMENT, "embedding of %d images, must be 1 to %d", count, t->step->batch);
    use_weights(t, MN_WEIGHTS_LAST, own);
    const float *result = mn_step_embed(t->step, input, count);
    restore_weights(t, own);
    memcpy(embedding, result, (size_t)count * (size_t)t->step->layers[t->step->layer_count - 1].k * sizeof *result);
    return MN_OK;
}

mn_status mn_trainer_predict_head(mn_trainer *t, mn_weights which, const float *embedding, int32_t count, float *logits,
                                  mn_error *err)
{
    float *own[2];
    if (count < 1 || count > t->step->batch)
        return mn_fail(err, MN_ERROR_ARGUMENT, "prediction of %d images, must be 1 to %d", count, t->step->batch);
    use_weights(t, which, own);
    const float *result = mn_step_head(t->step, MN_STEP_INFER, embedding, count);
    restore_weights(t, own);
    memcpy(logits, result, (size_t)count * (size_t)t->model->net.arch.classes * sizeof *logits);
    return MN_OK;
}

void mn_trainer_reestimate_begin(mn_trainer *t, mn_weights which)
{
    memset(t->sums, 0, t->step->statistic_count * sizeof *t->sums);
    t->sum_batches = 0;
    t->sum_of = which;
}

void mn_trainer_reestimate_batch(mn_trainer *t, const float *input, int32_t count)
{
    forward(t, MN_STEP_TRAIN, t->sum_of, input, count);
    if (t->step->status != MN_OK)
        return;
    for (int32_t i = 0; i < t->step->layer_count; i++) {
        const mn_step_layer *l = &t->step->layers[i];
        for (int32_t c = 0; l->mean != MN_ABSENT && c < l->n; c++) {
            double mean = l->batch_mean[c];
            t->sums[l->mean + (size_t)c] += mean;
            t->sums[l->variance + (size_t)c] += l->batch_variance[c] + mean * mean;
        }
    }
    t->sum_batches++;
}

/* Where each rank took statistics of its own part: their mean over the ranks. */
static mn_status average_ranks(mn_trainer *t)
{
    mn_group *g = &t->group;
    size_t count = t->step->statistic_count, bytes = count * sizeof *t->sums;
    if (mn_group_alone(g) || t->step->sync)
        return MN_OK;
    memcpy(mn_group_payload(g, 0, bytes), t->sums, bytes);
    t->step->status = mn_group_gather(g, bytes, NULL);
    if (t->step->status != MN_OK)
        return t->step->status;
    memset(t->sums, 0, bytes);
    for (int32_t r = 0; r < g->size; r++) {
        const double *from = mn_group_received(g, r);
        for (size_t i = 0; i < count; i++)
            t->sums[i] += from[i] / g->size;
    }
    return MN_OK;
}

void mn_trainer_reestimate_end(mn_trainer *t)
{
    bool ema = t->sum_of == MN_WEIGHTS_EMA && t->recipe.ema > 0 && t->position.ema_weight > 0;
    if (t->step->status != MN_OK || average_ranks(t) != MN_OK || t->sum_batches == 0)
        return;
    for (int32_t i = 0; i < t->step->layer_count; i++) {
        const mn_step_layer *l = &t->step->layers[i];
        for (int32_t c = 0; l->mean != MN_ABSENT && c < l->n; c++) {
            double mean = t->sums[l->mean + (size_t)c] / t->sum_batches;
            double variance = t->sums[l->variance + (size_t)c] / t->sum_batches - mean * mean;
            t->estimated[ema][l->mean + (size_t)c] = (float)mean;
            t->estimated[ema][l->variance + (size_t)c] = (float)(variance > 0 ? variance : 0);
        }
    }
    t->has_estimated[ema] = true;
}

void mn_trainer_reestimate_drop(mn_trainer *t)
{
    t->has_estimated[0] = t->has_estimated[1] = false;
}

typedef struct export_job {
    const float *weights, *statistics;
} export_job;

static void export_tensor(void *context, mn_tensor *tensor, mn_tensor_home home, size_t offset)
{
    const export_job *j = context;
    const float *from = home == MN_HOME_WEIGHTS ? j->weights : j->statistics;
    memcpy(tensor->data, from + offset, tensor->elements * sizeof(float));
}

mn_status mn_trainer_export(const mn_trainer *t, mn_weights which, mn_model **model, mn_error *err)
{
    mn_model *m = NULL;
    mn_status status = copy_model(t->model, &m, err);
    if (status != MN_OK)
        return status;
    export_job j;
    choose(t, which, &j.weights, &j.statistics);
    mn_trainer_visit(t, m, export_tensor, &j);
    *model = m;
    return MN_OK;
}

int64_t mn_trainer_steps(const mn_trainer *t)
{
    return t->position.step;
}

size_t mn_trainer_bytes(const mn_trainer *t)
{
    return t->step->block_bytes + t->block_bytes + mn_group_bytes(t->group.comm, t->group.capacity);
}

const mn_recipe *mn_trainer_recipe(const mn_trainer *t)
{
    return &t->recipe;
}

typedef struct find_job {
    const char *name;
    size_t offset;
} find_job;

static void find_tensor(void *context, mn_tensor *tensor, mn_tensor_home home, size_t offset)
{
    find_job *j = context;
    if (home == MN_HOME_WEIGHTS && strcmp(tensor->name, j->name) == 0)
        j->offset = offset;
}

const float *mn_trainer_gradient(const mn_trainer *t, const char *name)
{
    find_job j = {name, MN_ABSENT};
    mn_trainer_visit(t, t->model, find_tensor, &j);
    return j.offset == MN_ABSENT ? NULL : t->step->gradients + j.offset;
}
