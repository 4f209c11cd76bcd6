#define MODULE_CREATE NULL
#define MODULE_DESTROY NULL
#include "module.h"
