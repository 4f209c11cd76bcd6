/* A plugin with nothing wrong. */
#include "module.h"
