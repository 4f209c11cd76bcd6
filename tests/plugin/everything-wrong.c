/* Every reason must be named at once. */
#define MODULE_MIN_HOST_MINOR 7
#define MODULE_THREADS 9
#define MODULE_ID "My Plugin"
#define MODULE_VERSION "one"
#define MODULE_LICENSE NULL
#define MODULE_SCHEMA "[]"
#define MODULE_LIST NULL
#define MODULE_APPLY NULL
#include "module.h"
