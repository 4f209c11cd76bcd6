#define MODULE_TABLE_SIZE 0
#include "module.h"
