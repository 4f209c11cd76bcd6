/* patch without apply, and no describe. */
#define MODULE_DESCRIBE NULL
#define MODULE_APPLY NULL
#define MODULE_PATCH with_three
#include "module.h"
