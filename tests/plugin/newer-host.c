#define MODULE_MIN_HOST_MINOR 7
#include "module.h"
