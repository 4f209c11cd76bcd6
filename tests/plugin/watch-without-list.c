#define MODULE_LIST NULL
#define MODULE_WATCH with_one
#include "module.h"
