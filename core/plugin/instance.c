/*
 * plugin/instance.c: one configured use of a plugin, from create to destroy.
 *
 * An instance outlives every call on it and holds what they share: the secrets that its config
 * refers to, its scratch directory, its gate. The library it comes from is never unloaded.
 */
#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "plugin/internal.h"
#include "value/pointer.h"
#include "value/schema.h"

char *tu_text_copy(tu_str s) {
    char *copy = tu_xmalloc(s.n + 1);
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

static char *title(tu_plugin_kind kind, const char *name) {
    const char *word = tu_plugin_kind_name(kind);
    size_t room = strlen(word) + strlen(name) + 2;
    char *t = tu_xmalloc(room);
    snprintf(t, room, "%s %s", word, name);
    return t;
}

/* Private, and absolute: the plugin may outlive a change of directory. */
static tu_rc make_scratch(tu_plugin_use *u, const char *path, tu_error **error) {
    tu_rc rc = tu_mkdirs(path, 0700, error);
    if (rc != TU_OK)
        return rc;
    u->scratch = realpath(path, NULL);
    if (!u->scratch || chmod(u->scratch, 0700) != 0)
        return tu_error_set(error, TU_EDENIED, "%s can't be made a private directory: %s", path,
                            strerrordesc_np(errno));
    return TU_OK;
}

static void free_parts(tu_plugin_use *u) {
    tu_call_free_ended(u);
    for (size_t i = 0; i < u->secret_count; i++)
        tu_secret_done(&u->secrets[i]);
    free(u->secrets);
    tu_gate_free(u->gate);
    pthread_mutex_destroy(&u->calls_lock);
    free(u->name);
    free(u->title);
    free(u->scratch);
    free(u);
}

/* What a plugin says against its config belongs to the place where that stands: the value that the
 * code points to ("/templates/title"), or the config as a whole. */
static void locate(tu_error *e, const tu_use *use) {
    const tu_place *place = use->config_place.line ? &use->config_place : &use->place;
    if (!e || e->rc != TU_EINVALID || e->file || !place->file)
        return;
    const tu_value *at =
        e->code && *e->code == '/' ? tu_pointer_get(use->config, tu_str_c(e->code)) : NULL;
    bool known = at && at->line; /* a default that was filled in stands nowhere */
    e->file = tu_xstrdup(place->file);
    e->line = known ? at->line : place->line;
    e->column = !known ? place->column : use->text.n ? tu_text_column(use->text, at->begin) : 0;
}

static tu_rc create(tu_plugin_use *u, const tu_use *use, tu_error **error) {
    _cleanup_(tu_buf_done) tu_buf config = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
    tu_rc rc = tu_settings_for_plugin(u->library->schema, use, &config, &u->secrets,
                                      &u->secret_count, error);
    if (rc != TU_OK) {
        tu_error_context(error, "%s", u->title);
        return rc;
    }
    tu_str json = tu_buf_str(&config);
    tu_error *refusal = NULL;
    rc = tu_call_run(u, TU_FN_CREATE, &json, NULL, &refusal);
    locate(refusal, use);
    if (error && !*error)
        *error = TU_TAKE(refusal);
    tu_error_free(refusal);
    if (rc == TU_OK && !u->instance)
        rc = tu_error_set(error, TU_EINTERNAL, "%s: plugin %s created nothing", u->title,
                          u->library->plugin->id);
    return rc;
}

tu_rc tu_plugin_use_new(const tu_library *l, tu_plugin_kind kind, const tu_use *use,
                        const char *scratch, tu_plugin_use **ret, tu_error **error) {
    tu_plugin_use *u;
    tu_rc rc = TU_OK;

    if (!tu_library_serves(l, kind))
        return tu_error_set_at(error, TU_EINVALID, use->place.file, use->place.line,
                               use->place.column, "plugin %s is no %s", l->plugin->id,
                               tu_plugin_kind_name(kind));
    u = tu_xcalloc(1, sizeof *u);
    pthread_mutex_init(&u->calls_lock, NULL);
    u->library = l;
    u->needles = l->needles;
    u->kind = kind;
    u->table = l->tables[kind];
    u->common = tu_table_common(u->table);
    u->name = tu_text_copy(use->name);
    u->title = title(kind, u->name);
    if (l->plugin->thread_model == TU_THREADS_INSTANCE)
        u->gate = tu_gate_new();
    if (scratch) {
        rc = make_scratch(u, scratch, error);
        if (rc != TU_OK)
            tu_error_context(error, "%s", u->title);
    }
    if (rc == TU_OK)
        rc = create(u, use, error);
    if (rc == TU_OK)
        *ret = u;
    else
        free_parts(u);
    return rc;
}

void tu_plugin_use_free(tu_plugin_use *u) {
    if (!u)
        return;
    tu_gate_enter(u->library->gate, NULL, -1);
    u->common->destroy(u->instance);
    tu_gate_leave(u->library->gate);
    free_parts(u);
}

const char *tu_plugin_use_name(const tu_plugin_use *u) {
    return u->name;
}
const tu_library *tu_plugin_use_library(const tu_plugin_use *u) {
    return u->library;
}

bool tu_plugin_use_can_watch(const tu_plugin_use *u) {
    if (u->kind == TU_KIND_SOURCE)
        return tu_table_has(u->table, offsetof(tu_source, watch));
    return u->kind == TU_KIND_TARGET && tu_table_has(u->table, offsetof(tu_target, watch));
}

bool tu_plugin_use_can_patch(const tu_plugin_use *u) {
    return u->kind == TU_KIND_TARGET && tu_table_has(u->table, offsetof(tu_target, patch));
}

bool tu_plugin_use_parallel(const tu_plugin_use *u) {
    return u->library->plugin->thread_model == TU_THREADS_PARALLEL;
}
