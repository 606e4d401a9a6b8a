/* The words for the enumerations of a description, as the command line and the native file write them. */
#include "base/words.h"
#include "mobilenet/net.h"

static const char *const op_words[] = {"conv", "depthwise", "pointwise", "pool", "classifier", "softmax"};
static const char *const kind_words[] = {"pointwise 1x1", "depthwise 3x3", "standard 3x3", "fully connected", "other"};
static const char *const conv_words[] = {"separable", "standard"};
static const char *const depth_words[] = {"full", "shallow"};
static const char *const rounding_words[] = {"min8", "floor", "div8"};
static const char *const padding_words[] = {"same", "keras", "symmetric"};
static const char *const activation_words[] = {"none", "relu", "relu6"};

MN_DEFINE_WORD_NAME(mn_op_name, mn_op, op_words)
MN_DEFINE_WORD_NAME(mn_layer_kind_name, mn_layer_kind, kind_words)
MN_DEFINE_WORDS(mn_conv_kind, conv_words)
MN_DEFINE_WORDS(mn_depth, depth_words)
MN_DEFINE_WORDS(mn_rounding, rounding_words)
MN_DEFINE_WORDS(mn_padding, padding_words)
MN_DEFINE_WORDS(mn_activation, activation_words)
