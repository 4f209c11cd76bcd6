#include <trueup/plugin.h>
static tu_rc create_nothing(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    (void)h, (void)c, (void)config, (void)out;
    return TU_OK;
}
#define MODULE_CREATE create_nothing
#include "module.h"
