#define MODULE_SCHEMA "{\"type\":\"object\",\"patternProperties\":{}}"
#include "module.h"
