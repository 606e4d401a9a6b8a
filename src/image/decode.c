#include "mobilenet/decode.h"
