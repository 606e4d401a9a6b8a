/* libmobilenet: everything that is needed to load a native model and classify pixels. */
#ifndef MOBILENET_MOBILENET_H
#define MOBILENET_MOBILENET_H

#include "mobilenet/image.h"
#include "mobilenet/model.h"
#include "mobilenet/net.h"
#include "mobilenet/session.h"
#include "mobilenet/status.h"

#endif
