#define MODULE_COMMON NULL
#include "module.h"
