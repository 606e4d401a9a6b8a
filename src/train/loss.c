/* Softmax cross-entropy with soft targets, label smoothing and a distillation term. */
#include <math.h>
#include <stddef.h>

#include "train/step.h"

/* log of the sum of exp(s / T), less the largest; *top gets the index of the largest. */
static double log_sum(const float *s, int32_t classes, double inverse_t, int32_t *top)
{
    *top = 0;
    for (int32_t k = 1; k < classes; k++)
        if (s[k] > s[*top])
            *top = k;
    double sum = 0;
    for (int32_t k = 0; k < classes; k++)
        sum += exp(((double)s[k] - s[*top]) * inverse_t);
    return log(sum) + s[*top] * inverse_t;
}

/* The wanted probability of class k for image i. */
static double wanted(const mn_targets *t, int32_t i, int32_t k, int32_t classes)
{
    double weight = t->weight ? t->weight[i] : 1.0;
    double hard = (k == t->label[i] ? weight : 0.0) + (t->other && k == t->other[i] ? 1.0 - weight : 0.0);
    return (1.0 - t->smoothing) * hard + (double)t->smoothing / classes;
}

static double hard_term(const float *s, int32_t i, int32_t classes, const mn_targets *t, double scale, float *gradient,
                        int32_t *top)
{
    double all = log_sum(s, classes, 1.0, top), loss = 0;
    for (int32_t k = 0; k < classes; k++) {
        double p = wanted(t, i, k, classes);
        if (p > 0)
            loss -= p * (s[k] - all);
        if (gradient)
            gradient[k] = (float)(scale * (exp(s[k] - all) - p));
    }
    return loss;
}

static double teacher_term(const float *s, const float *teacher, int32_t classes, const mn_targets *t, double scale,
                           float *gradient)
{
    int32_t unused;
    double inverse = 1.0 / t->temperature, loss = 0;
    double all = log_sum(s, classes, inverse, &unused), all_teacher = log_sum(teacher, classes, inverse, &unused);
    for (int32_t k = 0; k < classes; k++) {
        double log_q = teacher[k] * inverse - all_teacher, log_p = s[k] * inverse - all, q = exp(log_q);
        loss += q * (log_q - log_p);
        if (gradient)
            gradient[k] += (float)(scale * t->temperature * (exp(log_p) - q));
    }
    return loss * t->temperature * t->temperature;
}

double mn_loss(const float *logits, int32_t count, int32_t classes, const mn_targets *targets, float *gradient,
               int32_t *correct)
{
    double sum = 0, share = targets->teacher ? targets->teacher_weight : 0.0;
    int32_t total = targets->total > 0 ? targets->total : count;
    *correct = 0;
    for (int32_t i = 0; i < count; i++) {
        size_t at = (size_t)i * (size_t)classes;
        float *g = gradient ? gradient + at : NULL;
        int32_t top;
        sum += (1 - share) * hard_term(logits + at, i, classes, targets, (1 - share) / total, g, &top);
        if (targets->teacher)
            sum += share * teacher_term(logits + at, targets->teacher + at, classes, targets, share / total, g);
        *correct += top == targets->label[i];
    }
    return sum / total;
}
