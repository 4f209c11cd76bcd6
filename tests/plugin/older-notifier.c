/* A notifier compiled against ABI 1.0: its table ends before deliver(). It calls each message by its key. */
#include <stdio.h>
#include <trueup/plugin.h>

#define MODULE_VTABLE notifier_vtable
static const void *notifier_vtable(const char *id);
#include "module.h"

static const tu_host *host;
static tu_rc remember_host(const tu_host *h, tu_call *c, tu_str config, tu_instance **out) {
    host = h;
    return create(h, c, config, out);
}

static tu_rc send_message(tu_instance *i, tu_call *c, tu_str message, tu_str key) {
    char meta[128];
    (void)i;
    snprintf(meta, sizeof meta, "{\"reference\":\"%.*s\"}", (int)key.n, key.p);
    return host->emit(c, TU_REC_DELIVERED, 0, (tu_str){meta, strlen(meta)}, message);
}

static const tu_common notifier_common = {sizeof notifier_common, remember_host, destroy, NULL};
static const tu_notifier notifier = {
    .size = offsetof(tu_notifier, deliver), .common = &notifier_common, .send = send_message};
static const void *notifier_vtable(const char *id) {
    return strcmp(id, "trueup.notifier/1") == 0 ? &notifier : NULL;
}
