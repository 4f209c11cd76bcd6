/* Compiled against a later edition of the contract: everything is larger than this host knows. */
#define trueup_plugin_v1 first_edition
#include "module.h"
#undef trueup_plugin_v1

struct later_target {
    tu_target first;
    void (*later)(void);
};
struct later_plugin {
    tu_plugin first;
    const char *later;
};

static struct later_target later_target;
static const void *later_vtable(const char *id) {
    return strcmp(id, "trueup.target/1") == 0 ? &later_target : NULL;
}

TU_PLUGIN_EXPORT const tu_plugin *trueup_plugin_v1(void);
const tu_plugin *trueup_plugin_v1(void) {
    static struct later_plugin p;
    p.first = plugin;
    p.first.size = sizeof p;
    p.first.abi_minor = 7;
    p.first.vtable = later_vtable;
    later_target.first = target;
    later_target.first.size = sizeof later_target;
    return &p.first;
}
