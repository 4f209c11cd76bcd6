/* The right name on the wrong kind of symbol. */
#include <trueup/plugin.h>
const tu_plugin *other_name(void);
#define trueup_plugin_v1 other_name
#include "module.h"
#undef trueup_plugin_v1
extern TU_PLUGIN_EXPORT const int entry_data __asm__("trueup_plugin_v1");
const int entry_data = 1;
