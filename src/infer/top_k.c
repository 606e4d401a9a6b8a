/* The k best of many: a heap of k with the worst on top, then sorted in place. */
#include "mobilenet/session.h"

/* Whether a comes before b: more probable, a number before NaN, the lower index where equal. */
static bool before(mn_prediction a, mn_prediction b)
{
    bool a_nan = a.probability != a.probability, b_nan = b.probability != b.probability;
    if (a_nan || b_nan)
        return a_nan != b_nan ? b_nan : a.class_index < b.class_index;
    return a.probability != b.probability ? a.probability > b.probability : a.class_index < b.class_index;
}

/* Puts `item` into the heap's hole at the top, so that every parent comes after its children. */
static void sift(mn_prediction *heap, int32_t count, mn_prediction item)
{
    int32_t hole = 0;
    for (;;) {
        int32_t child = 2 * hole + 1;
        if (child >= count)
            break;
        if (child + 1 < count && before(heap[child], heap[child + 1]))
            child++;
        if (!before(item, heap[child]))
            break;
        heap[hole] = heap[child];
        hole = child;
    }
    heap[hole] = item;
}

static void push(mn_prediction *heap, int32_t count, mn_prediction item)
{
    int32_t hole = count;
    for (; hole > 0 && before(heap[(hole - 1) / 2], item); hole = (hole - 1) / 2)
        heap[hole] = heap[(hole - 1) / 2];
    heap[hole] = item;
}

int32_t mn_top_k(const float *probabilities, int32_t classes, int32_t k, mn_prediction *predictions)
{
    int32_t kept = 0, most = k < classes ? k : classes;
    if (most <= 0)
        return 0;
    for (int32_t i = 0; i < classes; i++) {
        mn_prediction item = {i, probabilities[i]};
        if (kept < most)
            push(predictions, kept++, item);
        else if (before(item, predictions[0]))
            sift(predictions, kept, item);
    }
    for (int32_t end = kept - 1; end > 0; end--) {
        mn_prediction worst = predictions[0];
        sift(predictions, end, predictions[end]);
        predictions[end] = worst;
    }
    return kept;
}
