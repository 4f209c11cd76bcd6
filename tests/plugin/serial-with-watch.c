#define MODULE_THREADS TU_THREADS_SERIAL
#define MODULE_WATCH with_one
#include "module.h"
