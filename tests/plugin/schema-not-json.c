#define MODULE_SCHEMA "{\"type\":\n  \"object\",}"
#include "module.h"
