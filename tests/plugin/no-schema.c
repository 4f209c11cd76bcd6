#define MODULE_SCHEMA NULL
#include "module.h"
