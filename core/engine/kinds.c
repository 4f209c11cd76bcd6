/* engine/kinds.c: see kinds.h. */
#include "engine/kinds.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine/session.h"

#define CALL_TIMEOUT_MS 60000

struct tu_kinds {
    tu_session *session;
    tu_catalogue *catalogue;
};

tu_rc tu_kinds_open(tu_kinds **ret, tu_errors *errors) {
    static const char text[] = "{apiVersion: trueup.dev/v1, kind: Target, metadata: {name: known}, "
                               "spec: {plugin: directory, config: {path: .}}}";
    tu_config *c = tu_config_parse("", TU_S(text), errors);
    if (!c)
        return TU_EINTERNAL;
    tu_kinds *k = tu_xcalloc(1, sizeof *k);
    tu_error *why = NULL;
    tu_rc rc = tu_session_open(c, NULL, true, &k->session, errors);
    if (rc == TU_OK) {
        const tu_call_options call = {.timeout_ms = CALL_TIMEOUT_MS};
        tu_plugin_use *target = tu_session_use(k->session, TU_KIND_TARGET, TU_S("known"));
        rc = tu_catalogue_discover(target, &call, &k->catalogue, &why);
        tu_errors_add(errors, why);
    }
    tu_config_unref(c);
    if (rc == TU_OK)
        *ret = k;
    else
        tu_kinds_close(k);
    return rc;
}

void tu_kinds_close(tu_kinds *k) {
    if (!k)
        return;
    tu_catalogue_unref(k->catalogue);
    tu_session_close(k->session);
    free(k);
}

typedef struct wanted {
    const tu_object_id *id;
    const tu_catalogue_kind *found;
} wanted;

static bool look(void *arg, const tu_catalogue_kind *k) {
    wanted *w = arg;
    if (tu_str_eq(k->group, w->id->group) && tu_str_eq(k->kind, w->id->kind) &&
        (!w->id->version.n || tu_str_eq(k->version, w->id->version)))
        w->found = k;
    return !w->found;
}

tu_kind *tu_kinds_find(tu_kinds *k, const tu_object_id *id) {
    const tu_call_options call = {.timeout_ms = CALL_TIMEOUT_MS};
    wanted w = {.id = id};
    tu_kind *kind = NULL;
    tu_catalogue_each(k->catalogue, look, &w);
    if (!w.found || tu_catalogue_describe(k->catalogue, w.found, &call, &kind, NULL) != TU_OK)
        return NULL;
    return kind;
}

tu_catalogue *tu_kinds_catalogue(tu_kinds *k) {
    return k->catalogue;
}
