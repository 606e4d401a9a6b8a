#include "mobilenet/import.h"
