/* Somebody forgot to set it. */
#define MODULE_SIZE 0
#include "module.h"
