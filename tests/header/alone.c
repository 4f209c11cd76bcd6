/* The public header, first and alone, and a plugin that uses every part of it. Compiled as C and as
 * C++ (run.sh). */
#include <trueup/plugin.h>

static tu_rc create(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    (void)config;
    (void)out;
    if (TU_HAS(h, tu_host, extension) && h->cancelled(c))
        return TU_ECANCELLED;
    return h->emit(c, TU_REC_PROGRESS, 0u, config, config);
}
static void destroy(tu_instance *i) {
    (void)i;
}

static const tu_common common = {sizeof(tu_common), create, destroy, NULL};
static const tu_notifier notifier = {sizeof(tu_notifier), &common, NULL, NULL};

static const void *vtable(const char *id) {
    return id ? &notifier : NULL;
}

static const tu_plugin plugin = {sizeof(tu_plugin), TU_ABI_MINOR, 0u,      TU_THREADS_PARALLEL,
                                 TU_NEEDS_NETWORK,  "a.b.c",      "1.0.0", "MIT",
                                 "one line",        "",           "{}",    vtable};

const tu_plugin *trueup_plugin_v1(void) {
    return &plugin;
}
