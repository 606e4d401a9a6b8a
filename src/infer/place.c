/* Memory by liveness: largest outputs first, each at the lowest offset at which nothing lies that is alive at the
 * same time. Layers name their input by index, so an output read by several later layers lives until the last.
 */
#include "infer/plan.h"

typedef struct life {
    int32_t layer;
    int32_t born, dies; /* steps, inclusive */
    uint64_t bytes, offset;
} life;

static uint64_t output_bytes(const mn_plan *plan, int32_t step)
{
    int32_t index = plan->steps[step].last_layer;
    const mn_layer *layer = &plan->net->layers[index];
    return mn_plan_align((uint64_t)mn_plan_images(plan, step) * (uint64_t)layer->out_height *
                         (uint64_t)layer->out_width * (uint64_t)plan->pixel_stride[index] *
                         mn_plan_output_bytes(plan, layer));
}

/* Lists the outputs that are stored; returns how many. */
static int32_t list_lives(const mn_plan *plan, life *lives)
{
    int32_t count = 0;
    for (int32_t s = 0; s < plan->step_count; s++) {
        int32_t layer = plan->steps[s].last_layer;
        if (s == plan->step_count - 1 && !plan->options.keep_layers)
            continue; /* the last step writes to the caller */
        life *l = &lives[count++];
        *l = (life){.layer = layer, .born = s, .dies = s, .bytes = output_bytes(plan, s)};
        for (int32_t t = s + 1; t < plan->step_count; t++)
            if (plan->net->layers[plan->steps[t].first_layer].input == layer)
                l->dies = t;
        if (s == plan->single_steps - 1)
            l->born = 0; /* grows image by image, while the steps before it run again */
        if (plan->options.keep_layers)
            l->dies = plan->step_count;
    }
    return count;
}

static bool collide(const life *a, const life *b)
{
    return a->born <= b->dies && b->born <= a->dies && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

uint64_t mn_plan_place(mn_plan *plan)
{
    life lives[MN_LAYERS_MAX];
    int32_t count = list_lives(plan, lives);
    for (int32_t i = 1; i < count; i++) /* by size, stable: the same places on every machine */
        for (int32_t j = i; j > 0 && lives[j].bytes > lives[j - 1].bytes; j--) {
            life swap = lives[j];
            lives[j] = lives[j - 1];
            lives[j - 1] = swap;
        }
    uint64_t end = 0;
    for (int32_t i = 0; i < MN_LAYERS_MAX; i++)
        plan->buffer[i] = MN_NO_BUFFER;
    for (int32_t i = 0; i < count; i++) {
        life *l = &lives[i];
        for (int32_t j = 0; j < i; j++)
            if (collide(l, &lives[j])) {
                l->offset = lives[j].offset + lives[j].bytes; /* offsets only grow, so this ends */
                j = -1;
            }
        plan->buffer[l->layer] = l->offset;
        if (l->offset + l->bytes > end)
            end = l->offset + l->bytes;
    }
    return end;
}
