/* A library that is no plugin. */
#include <stdlib.h>
#include <trueup/plugin.h>

__attribute__((constructor)) static void constructed(void) {
    setenv("TEST_CONSTRUCTED", "1", 1);
}

TU_PLUGIN_EXPORT int something_else(void);
int something_else(void) {
    return 0;
}
