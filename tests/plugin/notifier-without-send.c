/* A notifier that can't send. */
#include <trueup/plugin.h>

#define MODULE_VTABLE notifier_vtable
static const void *notifier_vtable(const char *id);
#include "module.h"

static const tu_notifier notifier = {.size = sizeof notifier, .common = &common};
static const void *notifier_vtable(const char *id) {
    return strcmp(id, "trueup.notifier/1") == 0 ? &notifier : NULL;
}
