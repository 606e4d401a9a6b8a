#include "mobilenet/session.h"
