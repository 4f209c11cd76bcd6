/*
 * config/config.c: files to a configuration.
 *
 *     path -> files in byte order -> documents -> shape (schema) -> meaning (read.c, rule.c) ->
 * references (check.c) -> configuration
 *
 * Every step goes on after a mistake, so that one run names them all; they are sorted by file, line
 * and column at the end. With any mistake there is no configuration.
 */
#include "config/config.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "config/read.h"
#include "value/json.h"
#include "value/yaml.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define API_VERSION "trueup.dev/v1"

/* Kinds that DESIGN names and this version doesn't read. */
static const char *const later_kinds[] = {"ImagePolicy"};

static void add_memory_error(tu_errors *errors) {
    tu_error *e = NULL;
    tu_error_memory(&e);
    tu_errors_add(errors, e);
}

/* --- one document ----------------------------------------------------------------------------- */

static const tu_value *schema_of(tu_reader *r, size_t kind) {
    if (!r->schemas[kind]) {
        tu_value *schema = NULL;
        tu_error *e = NULL;
        if (tu_json_parse(r->arena, tu_str_c(tu_config_schema(tu_config_kinds[kind])), 0, "schema",
                          &schema, NULL, &e) != TU_OK)
            tu_errors_add(r->errors, e);
        r->schemas[kind] = schema;
    }
    return r->schemas[kind];
}

static size_t kind_count(void) {
    size_t n = 0;
    while (tu_config_kinds[n])
        n++;
    return n;
}

/* The document's kind, or kind_count() after saying what is wrong with it. */
static size_t find_kind(tu_reader *r, const tu_value *document) {
    const tu_value *v = tu_value_get(document, "kind");
    size_t n = kind_count();
    if (!tu_value_is(v, TU_STRING)) {
        tu_error **e =
            tu_reader_error(r, v ? v : document, v ? "kind must be a word" : "kind is missing");
        tu_error_hint(
            e, "write one of Source, Target, Notifier, Rule, Routing, Plugin, Pack, RuleTest, "
               "RoutingTest, Audit");
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        if (tu_str_is(v->string, tu_config_kinds[i]))
            return i;
    }
    for (size_t i = 0; i < sizeof later_kinds / sizeof *later_kinds; i++) {
        if (tu_str_is(v->string, later_kinds[i])) {
            tu_reader_error(r, v, "the kind %s is not in this version of trueup (%s)",
                            later_kinds[i], TRUEUP_VERSION);
            return n;
        }
    }
    tu_error **e = tu_reader_error(r, v, "unknown kind '%.*s'", TU_P(v->string));
    const char *near = tu_suggest(v->string, tu_config_kinds, n);
    if (near)
        tu_error_hint(e, "did you mean '%s'?", near);
    else
        tu_error_hint(e, "there are Source, Target, Notifier, Rule, Routing, Plugin, Pack, "
                         "RuleTest, RoutingTest and Audit; manifests belong in a source");
    return n;
}

static void read_tree(tu_reader *r, tu_value *document) {
    if (!tu_value_is(document, TU_MAP)) {
        tu_reader_error(
            r, document,
            "a document must be a map with apiVersion, kind, metadata and spec, this is a %s",
            tu_type_name(document->type));
        return;
    }
    const tu_value *version = tu_value_get(document, "apiVersion");
    if (tu_value_is(version, TU_STRING) && !tu_str_is(version->string, API_VERSION)) {
        tu_error **e = tu_reader_error(r, version, "apiVersion '%.*s' is none of trueup's",
                                       TU_P(version->string));
        tu_error_hint(e, "write " API_VERSION
                         "; manifests belong in a source, not in the configuration");
        r->document_lost = true;
        return;
    }
    size_t kind = find_kind(r, document);
    if (!tu_config_kinds[kind]) {
        r->document_lost = true;
        return;
    }
    if (r->installed && strcmp(tu_config_kinds[kind], "Pack") != 0)
        return; /* beside an installed pack stand its tests */
    const tu_value *schema = schema_of(r, kind);
    if (!schema)
        return;
    tu_schema_validate(r->arena, schema, document, r->file, r->text, "", r->errors);
    tu_read_document(r, tu_config_kinds[kind], document);
}

/* --- one file --------------------------------------------------------------------------------- */

static void read_text(tu_reader *r, const char *file, tu_str text) {
    tu_str name = tu_arena_copy(r->arena, tu_str_c(file));
    r->text = tu_arena_copy(r->arena, text);
    tu_strs *files = &r->config->files;
    tu_str *grown = tu_reader_grow(r, files->items, files->n, sizeof *grown);
    if (!name.p || !r->text.p || !grown) {
        r->out_of_memory = true;
        return;
    }
    files->items = grown;
    grown[files->n++] = name;
    r->file = name.p;

    tu_yaml_split split = tu_yaml_split_begin(r->text);
    tu_yaml_part part;
    for (size_t n = 0; tu_yaml_split_next(&split, &part); n++) {
        if (n == TU_LIMIT_DOCUMENTS) {
            tu_reader_error_at(r, (tu_place){r->file, part.line, 1},
                               "more than %u documents in one file (TU_LIMIT_DOCUMENTS)",
                               TU_LIMIT_DOCUMENTS);
            return;
        }
        tu_value *document = NULL;
        tu_error *e = NULL;
        if (tu_yaml_parse(r->arena, part, TU_YAML_STRICT, r->file, &document, &e) != TU_OK) {
            tu_errors_add(r->errors, e);
            r->document_lost = true;
        } else if (document) {
            r->documents++;
            read_tree(r, document);
        }
    }
}

void tu_read_file(tu_reader *r, const char *path) {
    _cleanup_(tu_buf_done) tu_buf bytes = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
    tu_error *e = NULL;
    if (tu_file_read(path, TU_LIMIT_CONFIG_BYTES, &bytes, &e) == TU_OK) {
        read_text(r, path, tu_buf_str(&bytes));
        return;
    }
    tu_errors_add(r->errors, e);
    r->document_lost = true;
}

/* --- a folder --------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_document_file(const char *name) {
    tu_str s = tu_str_c(name);
    return name[0] != '.' && (tu_str_ends(s, ".yaml") || tu_str_ends(s, ".yml"));
}

static void read_folder(tu_reader *r, const char *path) {
    DIR *d = opendir(path);
    if (!d) {
        tu_reader_error_at(r, (tu_place){path, 0, 0}, "can't be read: %s", strerror(errno));
        return;
    }
    char **names = NULL;
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d)) && n <= TU_LIMIT_CONFIG_FILES;) {
        if (!is_document_file(e->d_name))
            continue;
        names = tu_xrealloc(names, (n + 1) * sizeof *names);
        names[n++] = tu_xstrdup(e->d_name);
    }
    closedir(d);
    qsort(names, n, sizeof *names, by_name);
    if (n > TU_LIMIT_CONFIG_FILES)
        tu_reader_error_at(r, (tu_place){path, 0, 0}, "more than %u files (TU_LIMIT_CONFIG_FILES)",
                           TU_LIMIT_CONFIG_FILES);
    for (size_t i = 0; i < n; i++) {
        _cleanup_(tu_freep) char *file = tu_path_join(path, names[i]);
        if (n <= TU_LIMIT_CONFIG_FILES)
            tu_read_file(r, file);
        free(names[i]);
    }
    free(names);
}

/* --- all of it -------------------------------------------------------------------------------- */

tu_config *tu_config_new(void) {
    tu_config *c = tu_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    tu_arena_init(&c->arena, TU_LIMIT_OBJECT_ARENA);
    c->references = 1;
    c->audit = tu_audit_defaults();
    return c;
}

static bool begin(tu_reader *r, tu_errors *errors) {
    tu_clock clock = tu_clock_real();
    *r = (tu_reader){.config = tu_config_new(), .errors = errors, .wall_ms = tu_clock_wall(&clock)};
    if (r->config) {
        r->arena = &r->config->arena;
        r->schemas = tu_reader_alloc(r, (kind_count() + 1) * sizeof *r->schemas);
    }
    if (r->schemas)
        return true;
    tu_config_unref(r->config);
    add_memory_error(errors);
    return false;
}

static int by_place(const void *a, const void *b) {
    const tu_error *x = *(tu_error *const *)a, *y = *(tu_error *const *)b;
    int files = strcmp(x->file ? x->file : "", y->file ? y->file : "");
    if (files != 0)
        return files;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

/* A stable sort of a bounded list. */
static void order_errors(tu_errors *errors, size_t first) {
    bool cut = errors->n - first > TU_LIMIT_CONFIG_ERRORS;
    while (errors->n - first > TU_LIMIT_CONFIG_ERRORS)
        tu_error_free(errors->items[--errors->n]);
    for (size_t i = first + 1; i < errors->n; i++) {
        tu_error *e = errors->items[i];
        size_t at = i;
        for (; at > first && by_place(&errors->items[at - 1], &e) > 0; at--)
            errors->items[at] = errors->items[at - 1];
        errors->items[at] = e;
    }
    if (cut) {
        tu_error *e = NULL;
        tu_error_set(&e, TU_EINVALID,
                     "more than %u mistakes: the others are not shown (TU_LIMIT_CONFIG_ERRORS)",
                     TU_LIMIT_CONFIG_ERRORS);
        tu_errors_add(errors, e);
    }
}

/* What could be read, mistakes or not. */
static tu_config *finish(tu_reader *r, const char *path, size_t errors_before) {
    if (r->documents == 0 && r->errors->n == errors_before) {
        tu_error **e = tu_reader_error_at(r, (tu_place){path, 0, 0},
                                          "no documents: the configuration is empty");
        tu_error_hint(e, "`trueup config init` writes a starter");
    }
    tu_merge_packs(r);
    tu_check_references(r);
    if (r->config->rule_count == 0)
        tu_reader_warn(r, (tu_place){path, 0, 0}, "there is no Rule, so nothing is compared");
    tu_map_done(&r->places, NULL);
    if (r->out_of_memory)
        add_memory_error(r->errors);
    return r->config;
}

/* Whole or not at all. */
static tu_config *settle(tu_config *c, tu_errors *errors, size_t errors_before) {
    if (errors->n == errors_before)
        return c;
    order_errors(errors, errors_before);
    tu_config_unref(c);
    return NULL;
}

tu_config *tu_config_parse(const char *file, tu_str text, tu_errors *errors) {
    size_t before = errors->n;
    tu_reader r;
    if (!begin(&r, errors))
        return NULL;
    read_text(&r, file, text);
    return settle(finish(&r, file, before), errors, before);
}

static tu_config *load(const char *path, tu_errors *errors) {
    size_t before = errors->n;
    tu_reader r;
    if (!begin(&r, errors))
        return NULL;
    struct stat s;
    if (stat(path, &s) != 0) {
        tu_error **e =
            tu_reader_error_at(&r, (tu_place){path, 0, 0}, "can't be read: %s", strerror(errno));
        if (errno == ENOENT)
            tu_error_hint(e,
                          "`trueup config init` writes a starter; -c names another file or folder");
    } else if (S_ISDIR(s.st_mode)) {
        read_folder(&r, path);
    } else {
        tu_read_file(&r, path);
    }
    return finish(&r, path, before);
}

tu_config *tu_config_load(const char *path, tu_errors *errors) {
    size_t before = errors->n;
    tu_config *c = load(path, errors);
    return c ? settle(c, errors, before) : NULL;
}

tu_config *tu_config_load_checked(const char *path, tu_config_check *more, void *arg,
                                  tu_errors *errors) {
    size_t before = errors->n;
    tu_config *c = load(path, errors);
    if (!c)
        return NULL;
    more(arg, c, errors);
    return settle(c, errors, before);
}

char *tu_config_find(void) {
    static const char *const places[] = {"./trueup.yaml", "./trueup.d", "/etc/trueup"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (tu_file_exists(places[i]))
            return tu_xstrdup(places[i]);
    }
    return NULL;
}

tu_config *tu_config_ref(tu_config *c) {
    __atomic_add_fetch(&c->references, 1, __ATOMIC_RELAXED);
    return c;
}

void tu_config_unref(tu_config *c) {
    if (!c || __atomic_sub_fetch(&c->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    tu_arena_done(&c->arena);
    free(c);
}

/* --- asking ----------------------------------------------------------------------------------- */

static const tu_use *find_use(const tu_use *uses, size_t n, tu_str name) {
    for (size_t i = 0; i < n; i++) {
        if (tu_str_eq(uses[i].name, name))
            return &uses[i];
    }
    return NULL;
}

const tu_use *tu_config_source(const tu_config *c, tu_str name) {
    return find_use(c->sources, c->source_count, name);
}

const tu_use *tu_config_target(const tu_config *c, tu_str name) {
    return find_use(c->targets, c->target_count, name);
}

const tu_use *tu_config_notifier(const tu_config *c, tu_str name) {
    return find_use(c->notifiers, c->notifier_count, name);
}

/* Is `name` told, sooner or later, of what `from` could not be told, by their own fallbacks? */
static bool falls_back_to(const tu_config *c, tu_str from, tu_str name) {
    for (size_t i = 0; i <= c->notifier_count && from.n > 0; i++) {
        if (tu_str_eq(from, name))
            return true;
        const tu_use *use = tu_config_notifier(c, from);
        from = use ? use->fallback : (tu_str){0};
    }
    return false;
}

tu_str tu_config_fallback(const tu_config *c, tu_str notifier) {
    const tu_use *use = tu_config_notifier(c, notifier);
    if (use && use->fallback.n > 0)
        return use->fallback;
    return falls_back_to(c, c->routing.fallback, notifier) ? (tu_str){0} : c->routing.fallback;
}

const tu_pack *tu_config_pack(const tu_config *c, tu_str name) {
    for (size_t i = 0; i < c->pack_count; i++) {
        if (tu_str_eq(c->packs[i].name, name))
            return &c->packs[i];
    }
    return NULL;
}

const tu_rule *tu_config_rule(const tu_config *c, tu_str name) {
    for (size_t i = 0; i < c->rule_count; i++) {
        if (tu_str_eq(c->rules[i].name, name))
            return &c->rules[i];
    }
    return NULL;
}
