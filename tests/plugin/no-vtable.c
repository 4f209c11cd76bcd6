#define MODULE_VTABLE NULL
#include "module.h"
