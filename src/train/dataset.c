#include "mobilenet/dataset.h"
