/* Compiled against a first edition of the contract: its tables end before the optional members at
 * their end. */
#include <stddef.h>
#include <trueup/plugin.h>
#define MODULE_TABLE_SIZE offsetof(tu_target, health)
#include "module.h"
