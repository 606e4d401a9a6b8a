/* Batch norm folded into its convolution: y = gamma (conv(x) - mean) / sqrt(variance + epsilon) + beta
 *                                          = conv(x; s w) + (beta - s mean),  s = gamma / sqrt(variance + epsilon)
 */
#ifndef MN_NET_FOLD_H
#define MN_NET_FOLD_H

#include "mobilenet/model.h"

/* Writes the scale s [out_channels] and the bias [out_channels] of a convolution or classifier: s is 1 where the
 * layer has no batch norm. Computed in double, rounded once. Errors: MN_ERROR_NUMERIC, naming the tensor. */
mn_status mn_fold_layer(const mn_model *model, const mn_layer *layer, float *scale, float *bias, mn_error *err);

/* Elements of the weight tensor that belong to one output channel are those with (i / inner) % out_channels equal to
 * it: inner is 1 for depthwise weights [KH, KW, C], elements / out_channels for the others. */
size_t mn_weight_inner(const mn_layer *layer, const mn_tensor *weight);

#endif
