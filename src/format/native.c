#include "mobilenet/model.h"
