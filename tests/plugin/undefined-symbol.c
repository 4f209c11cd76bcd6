/* Needs a function that nobody has. */
#include <trueup/plugin.h>
extern tu_rc nobody_has_this(tu_instance *i, tu_call *c, tu_str a);
#define MODULE_LIST nobody_has_this
#include "module.h"
