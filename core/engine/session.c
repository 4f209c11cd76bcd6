/* engine/session.c: see session.h. */
#include "engine/session.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine.h"

/* A Plugin document wins over a built-in of the same name. */
static const tu_library *open_library(const tu_config *c, tu_plugin_kind kind, const tu_use *use,
                                      tu_errors *errors) {
    for (size_t i = 0; i < c->plugin_count; i++) {
        const tu_plugin_doc *p = &c->plugins[i];
        if (tu_str_eq(p->name, use->plugin)) {
            const tu_library *l = tu_library_open_doc(p, errors);
            if (l && !tu_library_serves(l, kind)) {
                tu_error *e = NULL;
                tu_error_set_at(&e, TU_EINVALID, use->plugin_place.file, use->plugin_place.line,
                                use->plugin_place.column, "plugin %.*s is no %s plugin",
                                TU_P(p->name), tu_plugin_kind_name(kind));
                tu_errors_add(errors, e);
                return NULL;
            }
            return l;
        }
    }
    const tu_library *l = NULL;
    tu_error *e = NULL;
    if (tu_library_open_builtin(kind, use->plugin, &l, &e) == TU_OK)
        return l;
    tu_error *located = NULL;
    tu_error_set_at(&located, e ? e->rc : TU_ENOTFOUND, use->plugin_place.file,
                    use->plugin_place.line, use->plugin_place.column, "%s", tu_error_text(e));
    if (e && e->hint)
        tu_error_hint(&located, "%s", e->hint);
    tu_error_free(e);
    tu_errors_add(errors, located);
    return NULL;
}

/* --- where an instance keeps what it may need again -------------------------------------------- */

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

/* One folder's name, whatever the use is called: a location given on the command line is a path. */
static void folder_name(tu_buf *b, tu_plugin_kind kind, tu_str name) {
    tu_buf_addf(b, "%s-", tu_plugin_kind_name(kind));
    bool changed = name.n > 100;
    for (size_t i = 0; i < name.n && i < 100; i++) {
        changed |= !is_plain(name.p[i]);
        tu_buf_add_byte(b, is_plain(name.p[i]) ? name.p[i] : '-');
    }
    if (changed)
        tu_buf_addf(b, "-%016llx", (unsigned long long)tu_hash64(name));
}

/* Without a state directory targets have the user's cache, where what a kind is like is kept by its
 * hash: of whatever cluster it is. NULL: nowhere. */
static char *cache_folder(tu_plugin_kind kind, const tu_use *use, const tu_library *l) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool given = base && *base == '/';
    if (kind != TU_KIND_TARGET || !(tu_library_descriptor(l)->traits & TU_NEEDS_SCRATCH) ||
        (!given && !(home && *home == '/')))
        return NULL;
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_buf_addf(&b, "%s%s/trueup/", given ? base : home, given ? "" : "/.cache");
    folder_name(&b, kind, use->plugin);
    if (b.rc != TU_OK || tu_mkdirs(tu_buf_c(&b), 0700, NULL) != TU_OK)
        return NULL;
    return tu_buf_take(&b);
}

static char *scratch_folder(tu_plugin_kind kind, const tu_use *use, const tu_library *l,
                            const char *state) {
    if (!state)
        return cache_folder(kind, use, l);
    _cleanup_(tu_buf_done) tu_buf name = TU_BUF_INIT(4 * TU_KIB);
    folder_name(&name, kind, use->name);
    return tu_path_join(state, tu_buf_c(&name));
}

/* --- opening ---------------------------------------------------------------------------------- */

static void open_use(tu_session *s, tu_plugin_kind kind, tu_use *use, const char *state,
                     bool create, tu_errors *errors) {
    const tu_library *l = open_library(s->config, kind, use, errors);
    if (!l)
        return;
    size_t before = errors->n;
    tu_library_check_config(l, use, &s->config->arena, errors);
    /* What a notifier has to say against its templates and URLs is a mistake of the configuration, found
     * when that is checked; nothing is asked of anybody for it. */
    if (errors->n > before || (!create && kind != TU_KIND_NOTIFIER))
        return;
    char *scratch = scratch_folder(kind, use, l, state);
    tu_plugin_use *u = NULL;
    tu_error *e = NULL;
    if (tu_plugin_use_new(l, kind, use, scratch, &u, &e) == TU_OK)
        tu_map_put(&s->uses[kind], use->name, u);
    tu_errors_add(errors, e);
    free(scratch);
}

tu_rc tu_session_open(tu_config *c, const char *state, bool create, tu_session **ret,
                      tu_errors *errors) {
    tu_session *s = tu_xcalloc(1, sizeof *s);
    s->config = tu_config_ref(c);
    size_t before = errors->n;
    for (size_t i = 0; i < c->source_count; i++)
        open_use(s, TU_KIND_SOURCE, &c->sources[i], state, create, errors);
    for (size_t i = 0; i < c->target_count; i++)
        open_use(s, TU_KIND_TARGET, &c->targets[i], state, create, errors);
    for (size_t i = 0; i < c->notifier_count; i++)
        open_use(s, TU_KIND_NOTIFIER, &c->notifiers[i], state, create, errors);
    if (errors->n > before) {
        tu_session_close(s);
        return errors->items[before]->rc;
    }
    *ret = s;
    return TU_OK;
}

tu_rc tu_session_open_notifier(tu_config *c, tu_str name, tu_session **ret, tu_errors *errors) {
    tu_session *s = tu_xcalloc(1, sizeof *s);
    s->config = tu_config_ref(c);
    size_t before = errors->n;
    for (size_t i = 0; i < c->notifier_count; i++) {
        if (tu_str_eq(c->notifiers[i].name, name))
            open_use(s, TU_KIND_NOTIFIER, &c->notifiers[i], NULL, true, errors);
    }
    if (errors->n > before) {
        tu_session_close(s);
        return errors->items[before]->rc;
    }
    *ret = s;
    return TU_OK;
}

static void free_use(void *u) {
    tu_plugin_use_free(u);
}

void tu_session_close(tu_session *s) {
    if (!s)
        return;
    for (size_t i = 0; i < 4; i++)
        tu_map_done(&s->uses[i], free_use);
    tu_config_unref(s->config);
    free(s);
}

tu_plugin_use *tu_session_use(const tu_session *s, tu_plugin_kind kind, tu_str name) {
    return tu_map_get(&s->uses[kind], name);
}

/* `auto` finds out when it sees the files. */
static void check_renderer(const tu_config *c, const tu_rule *rule, tu_errors *errors) {
    const tu_use use = {
        .name = rule->name, .plugin = rule->render, .plugin_place = rule->render_place};
    if (!tu_str_is(rule->render, "auto"))
        open_library(c, TU_KIND_RENDER, &use, errors);
}

static void ask_plugins(void *arg, tu_config *c, tu_errors *errors) {
    (void)arg;
    for (size_t i = 0; i < c->rule_count; i++)
        check_renderer(c, &c->rules[i], errors);
    tu_session *s = NULL;
    tu_session_open(c, NULL, false, &s, errors);
    tu_session_close(s);
}

tu_config *tu_engine_load_config(const char *path, tu_errors *errors) {
    return tu_config_load_checked(path, ask_plugins, NULL, errors);
}
