/*
 * plugin/settings.c: a use's config against its plugin's schema, and the secrets in it.
 *
 * The user's file says where a secret is, never what it is:
 *
 *     hmac: {secret: {env: HOOK_KEY}}      or {file: /run/secrets/hook-key}
 *
 * A property that the schema marks "x-trueup-secret" takes such a reference whatever its `type`
 * says: for the general validation it is replaced by a schema that allows everything, and its shape
 * is checked here. The plugin sees a handle in its place.
 *
 * To add a kind of reference: `read_reference`, and a way to open it in secret.c.
 */
#include "base/file.h"
#include "base/mem.h"
#include "plugin/internal.h"
#include "value/json.h"
#include "value/schema.h"

#define WHERE "spec.config"
#define PATH_LIMIT 1024u
#define SECRETS_LIMIT 256u

/* --- where the schema allows secrets ---------------------------------------------------------- */

static bool is_secret(const tu_value *schema) {
    return tu_value_boolean(tu_value_get(schema, "x-trueup-secret"), false);
}

static void open_secrets(tu_value *schema) {
    if (!tu_value_is(schema, TU_MAP))
        return;
    if (is_secret(schema)) {
        schema->map.n = 0; /* {}: anything */
        return;
    }
    for (uint32_t i = 0; i < schema->map.n; i++) {
        tu_member *m = &schema->map.members[i];
        if (tu_str_is(m->key, "properties") && tu_value_is(&m->value, TU_MAP)) {
            for (uint32_t p = 0; p < m->value.map.n; p++)
                open_secrets(&m->value.map.members[p].value);
        } else if (tu_str_is(m->key, "oneOf") && tu_value_is(&m->value, TU_LIST)) {
            for (uint32_t p = 0; p < m->value.list.n; p++)
                open_secrets(&m->value.list.items[p]);
        } else if (tu_str_is(m->key, "items") || tu_str_is(m->key, "additionalProperties")) {
            open_secrets(&m->value);
        }
    }
}

tu_value *tu_settings_open_schema(tu_arena *a, const tu_value *schema) {
    tu_value *copy = tu_value_copy(a, schema);
    if (copy)
        open_secrets(copy);
    return copy;
}

/* --- where the config has them ---------------------------------------------------------------- */

typedef struct found {
    tu_value *value;
    char path[PATH_LIMIT]; /* "spec.config.headers.Authorization" */
} found;

typedef struct search {
    found *items;
    size_t n;
    char path[PATH_LIMIT]; /* of where the search is; cut when it is longer */
    size_t path_n;
} search;

static void add_found(search *s, tu_value *v) {
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].value == v)
            return; /* by two branches of a oneOf */
    if (s->n == SECRETS_LIMIT)
        return;
    s->items = tu_xrealloc(s->items, (s->n + 1) * sizeof *s->items);
    s->items[s->n].value = v;
    memcpy(s->items[s->n].path, s->path, PATH_LIMIT);
    s->n++;
}

static void find(search *s, const tu_value *schema, tu_value *v);

/* Goes on at path + before + name + after. */
static void find_below(search *s, const tu_value *schema, tu_value *v, const char *before,
                       tu_str name, const char *after) {
    size_t n = s->path_n;
    int added = snprintf(s->path + n, PATH_LIMIT - n, "%s%.*s%s", before, TU_P(name), after);
    if (added > 0)
        s->path_n = n + (size_t)added < PATH_LIMIT ? n + (size_t)added : PATH_LIMIT - 1;
    find(s, schema, v);
    s->path_n = n;
    s->path[n] = '\0';
}

static void find(search *s, const tu_value *schema, tu_value *v) {
    const tu_value *properties = tu_value_get(schema, "properties");
    const tu_value *others = tu_value_get(schema, "additionalProperties");
    const tu_value *branches = tu_value_get(schema, "oneOf");

    if (is_secret(schema)) {
        add_found(s, v);
        return;
    }
    for (uint32_t i = 0; tu_value_is(v, TU_MAP) && i < v->map.n; i++) {
        tu_member *m = &v->map.members[i];
        const tu_value *below = tu_value_get_str(properties, m->key);
        below = below ? below : others;
        if (tu_value_is(below, TU_MAP))
            find_below(s, below, &m->value, ".", m->key, "");
    }
    for (uint32_t i = 0; tu_value_is(v, TU_LIST) && i < v->list.n; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u", i);
        find_below(s, tu_value_get(schema, "items"), &v->list.items[i], "[", tu_str_c(number), "]");
    }
    for (size_t i = 0; i < tu_value_count(branches); i++)
        find(s, tu_value_at(branches, i), v);
}

static void find_all(search *s, const tu_value *schema, tu_value *config) {
    *s = (search){.path = WHERE, .path_n = sizeof WHERE - 1};
    find(s, schema, config);
}

static void search_done(search *s) {
    free(s->items);
}

/* --- references ------------------------------------------------------------------------------- */

static bool is_env_name(tu_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9'))
            return false;
    }
    return s.n > 0;
}

/* Never shows the value: it may be the secret itself, written where a reference should stand. */
static tu_rc refuse(const tu_use *use, const found *f, const tu_value *at, tu_error **error,
                    const char *what) {
    int64_t column = use->text.n && at->line ? tu_text_column(use->text, at->begin) : 0;
    return tu_error_set_at(error, TU_EINVALID, use->place.file, at->line, column, "%s: %s", f->path,
                           what);
}

char *tu_beside_config(const char *config, tu_str path) {
    _cleanup_(tu_freep) char *file = tu_text_copy(path);
    const char *slash = config ? strrchr(config, '/') : NULL;
    if (*file == '/' || !slash)
        return TU_TAKE(file);
    _cleanup_(tu_freep) char *folder = tu_text_copy((tu_str){config, (size_t)(slash - config) + 1});
    return tu_path_join(folder, file);
}

/* Fills in s, or says what is wrong and where. */
static tu_rc read_reference(const tu_use *use, const found *f, tu_secret *s, tu_error **error) {
    static const char *const keys[] = {"env", "file", "secret"};
    const tu_member *m;

    if (!tu_value_is(f->value, TU_MAP)) {
        refuse(use, f, f->value, error,
               "write a reference, so that the secret doesn't stand in Git");
        tu_error_hint(error, "write {env: NAME} or {file: PATH}");
        return TU_EINVALID;
    }
    if (f->value->map.n != 1) {
        refuse(use, f, f->value, error, "a reference has exactly one of env and file");
        return TU_EINVALID;
    }
    m = &f->value->map.members[0];
    if (tu_str_is(m->key, "secret")) {
        refuse(use, f, &m->value, error,
               "references to a cluster's Secrets are not in this version");
        tu_error_hint(error, "mount the Secret and write {file: PATH}");
        return TU_EINVALID;
    }
    if (!tu_str_is(m->key, "env") && !tu_str_is(m->key, "file")) {
        const char *near = tu_suggest(m->key, keys, sizeof keys / sizeof *keys);
        refuse(use, f, &m->value, error, "a reference has exactly one of env and file");
        if (near)
            tu_error_hint(error, "did you mean '%s'?", near);
        return TU_EINVALID;
    }
    tu_str text = tu_value_string(&m->value);
    if (!text.n || memchr(text.p, '\0', text.n))
        return refuse(use, f, &m->value, error,
                      "a reference names something: a text is needed here");
    if (tu_str_is(m->key, "env") && !is_env_name(text))
        return refuse(use, f, &m->value, error,
                      "this is no name of an environment variable (letters, digits and _)");
    s->property = tu_xstrdup(f->path);
    if (tu_str_is(m->key, "env"))
        s->env = tu_text_copy(text);
    else
        s->file = tu_beside_config(use->place.file, text);
    return TU_OK;
}

void tu_library_check_config(const tu_library *l, tu_use *use, tu_arena *a, tu_errors *errors) {
    search s;
    tu_schema_validate(a, l->open_schema, use->config, use->place.file, use->text, WHERE, errors);
    find_all(&s, l->schema, use->config);
    for (size_t i = 0; i < s.n; i++) {
        tu_secret ignored = {0};
        tu_error *e = NULL;
        if (read_reference(use, &s.items[i], &ignored, &e) != TU_OK)
            tu_errors_add(errors, e);
        tu_secret_done(&ignored);
    }
    if (s.n == SECRETS_LIMIT) {
        tu_error *e = NULL;
        tu_error_set_at(&e, TU_EINVALID, use->place.file, use->config_place.line,
                        use->config_place.column, "%s: more than %u secrets", WHERE,
                        SECRETS_LIMIT - 1);
        tu_errors_add(errors, e);
    }
    search_done(&s);
}

/* Relative paths of the user's file are beside that file, wherever the program was started. */
static tu_rc place_paths(tu_arena *a, const tu_use *use, const tu_value *schema, tu_value *v) {
    tu_rc rc = TU_OK;
    if (tu_value_is(v, TU_STRING)) {
        bool is_path = tu_str_is(tu_value_get_string(schema, "x-trueup-format"), "path");
        if (!is_path || !v->string.n || v->string.p[0] == '/')
            return TU_OK;
        _cleanup_(tu_freep) char *path = tu_beside_config(use->place.file, v->string);
        v->string = tu_arena_copy(a, tu_str_c(path));
        return v->string.p ? TU_OK : TU_EINTERNAL;
    }
    for (uint32_t i = 0; tu_value_is(v, TU_MAP) && i < v->map.n && rc == TU_OK; i++) {
        tu_member *m = &v->map.members[i];
        const tu_value *below = tu_value_get_str(tu_value_get(schema, "properties"), m->key);
        below = below ? below : tu_value_get(schema, "additionalProperties");
        rc = place_paths(a, use, below, &m->value);
    }
    for (uint32_t i = 0; tu_value_is(v, TU_LIST) && i < v->list.n && rc == TU_OK; i++)
        rc = place_paths(a, use, tu_value_get(schema, "items"), &v->list.items[i]);
    return rc;
}

tu_rc tu_settings_for_plugin(const tu_value *schema, const tu_use *use, tu_buf *ret_json,
                             tu_secret **ret, size_t *ret_n, tu_error **error) {
    tu_arena a;
    search s;
    tu_secret *secrets;
    tu_value *config;
    tu_rc rc = TU_OK;
    size_t done = 0;

    tu_arena_init(&a, 0);
    config = tu_value_copy(&a, use->config);
    if (!config) {
        tu_arena_done(&a);
        return tu_error_memory(error);
    }
    if (place_paths(&a, use, schema, config) != TU_OK) {
        tu_arena_done(&a);
        return tu_error_memory(error);
    }
    find_all(&s, schema, config);
    secrets = tu_xcalloc(s.n ? s.n : 1, sizeof *secrets);
    for (; done < s.n && rc == TU_OK; done++) {
        rc = read_reference(use, &s.items[done], &secrets[done], error);
        char *handle = tu_arena_printf(&a, "secret-%zu", done);
        *s.items[done].value = (tu_value){.type = TU_STRING, .string = tu_str_c(handle)};
    }
    if (rc == TU_OK) {
        tu_json_write(ret_json, config, 0);
        rc = ret_json->rc == TU_OK ? TU_OK : tu_error_memory(error);
    }
    if (rc == TU_OK) {
        *ret = secrets;
        *ret_n = s.n;
    } else {
        for (size_t i = 0; i < done; i++)
            tu_secret_done(&secrets[i]);
        free(secrets);
    }
    search_done(&s);
    tu_arena_done(&a);
    return rc;
}
