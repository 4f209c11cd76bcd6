#define MODULE_DESCRIPTOR NULL
#include "module.h"
