#define MODULE_SERVES "com.example.other/1"
#include "module.h"
