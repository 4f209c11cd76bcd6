/* engine/resolving.c: see resolving.h. */
#include "engine/resolving.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "desired/desired.h"

struct tu_resolving {
    pthread_t thread;
    tu_plugin_use *source;
    tu_cancel *cancel;
    char *revision;
    tu_rc rc;
    tu_error *why;
};

static void *ask(void *arg) {
    tu_resolving *r = arg;
    r->rc = tu_desired_resolve(r->source, r->cancel, &r->revision, &r->why);
    return NULL;
}

tu_resolving *tu_resolving_start(tu_plugin_use *source, tu_cancel *cancel) {
    tu_resolving *r = tu_xcalloc(1, sizeof *r);
    *r = (tu_resolving){.source = source, .cancel = cancel};
    if (pthread_create(&r->thread, NULL, ask, r) == 0)
        return r;
    free(r);
    return NULL;
}

tu_rc tu_resolving_end(tu_resolving *r, char **ret_revision, tu_error **error) {
    pthread_join(r->thread, NULL);
    tu_rc rc = r->rc;
    *ret_revision = r->revision;
    if (error)
        *error = TU_TAKE(r->why);
    tu_error_free(r->why);
    free(r);
    return rc;
}
