/* A plugin for another major version, which must be told without running its constructor. */
#include <stdlib.h>
#include <trueup/plugin.h>

__attribute__((constructor)) static void constructed(void) {
    setenv("TEST_CONSTRUCTED", "1", 1);
}

TU_PLUGIN_EXPORT const void *trueup_plugin_v2(void);
const void *trueup_plugin_v2(void) {
    return NULL;
}
TU_PLUGIN_EXPORT const void *trueup_plugin_v3(void);
const void *trueup_plugin_v3(void) {
    return NULL;
}
