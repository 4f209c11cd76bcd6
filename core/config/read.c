/*
 * config/read.c: documents of the small kinds to structs. Rules have a file of their own (rule.c).
 *
 * To add a kind: a schema (schemas.c), a function here, a line in `readers`.
 */
#include "config/read.h"
#include "base/limits.h"
#include "base/mem.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define DEFAULT_INTERVAL_MS 60000 /* of sources and targets */
#define DAY_MS INT64_C(86400000)
#define NAME_BYTES 253 /* as DNS names */

/* --- mistakes and places ---------------------------------------------------------------------- */

tu_place tu_reader_place(const tu_reader *r, const tu_value *v) {
    tu_place p = {r->file, 0, 0};
    if (v && v->line > 0) {
        p.line = v->line;
        p.column = (uint32_t)tu_text_column(r->text, v->begin);
    }
    return p;
}

tu_place tu_reader_place_in(const tu_reader *r, const tu_value *string, size_t at) {
    tu_place p = tu_reader_place(r, string);
    tu_str s = tu_value_string(string);
    size_t begin = string->begin, quote = 0;
    if (begin < r->text.n && (r->text.p[begin] == '"' || r->text.p[begin] == '\''))
        quote = 1;
    begin += quote;
    bool same = p.line > 0 && at <= s.n && begin + at <= r->text.n &&
                (at == 0 || (memcmp(r->text.p + begin, s.p, at) == 0 && !memchr(s.p, '\n', at)));
    if (same && at > 0)
        p.column = (uint32_t)tu_text_column(r->text, begin + at);
    return p;
}

__attribute__((format(printf, 3, 0))) static tu_error **
add_error(tu_reader *r, tu_place p, const char *format, va_list arguments) {
    char message[1024];
    vsnprintf(message, sizeof message, format, arguments);
    tu_error *e = NULL;
    tu_error_set_at(&e, TU_EINVALID, p.file, p.line, p.column, "%s", message);
    tu_errors_add(r->errors, e);
    return &r->errors->items[r->errors->n - 1];
}

tu_error **tu_reader_error_at(tu_reader *r, tu_place place, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tu_error **e = add_error(r, place, format, arguments);
    va_end(arguments);
    return e;
}

tu_error **tu_reader_error(tu_reader *r, const tu_value *at, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    tu_error **e = add_error(r, tu_reader_place(r, at), format, arguments);
    va_end(arguments);
    return e;
}

void *tu_reader_alloc(tu_reader *r, size_t n) {
    void *p = tu_arena_zalloc(r->arena, n);
    r->out_of_memory |= !p;
    return p;
}

void *tu_reader_grow(tu_reader *r, void *items, size_t n, size_t item_size) {
    if (n > 0 && (n & (n - 1)) != 0)
        return items;
    void *grown = tu_reader_alloc(r, (n ? 2 * n : 1) * item_size);
    if (grown && n > 0)
        memcpy(grown, items, n * item_size);
    return grown;
}

void tu_reader_warn(tu_reader *r, tu_place place, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    tu_config *c = r->config;
    tu_warning *grown = tu_reader_grow(r, c->warnings, c->warning_count, sizeof *grown);
    tu_str text = tu_arena_copy(r->arena, tu_str_c(message));
    if (!grown || !text.p)
        return;
    c->warnings = grown;
    grown[c->warning_count++] = (tu_warning){place, text};
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_name(tu_str s) {
    if (s.n == 0 || s.n > NAME_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool edge = i == 0 || i == s.n - 1 || s.p[i - 1] == '.' || s.p[i + 1] == '.';
        if (!letter && (edge || (c != '-' && c != '.')))
            return false;
    }
    return true;
}

void tu_read_make_name(tu_str s, char *out, size_t room) {
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < room; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x80 && isalnum(c))
            out[n++] = (char)tolower(c);
        else if (n > 0 && out[n - 1] != '-' && out[n - 1] != '.')
            out[n++] = c == '.' ? '.' : '-';
    }
    while (n > 0 && (out[n - 1] == '-' || out[n - 1] == '.'))
        n--;
    out[n] = '\0';
}

void tu_read_check_name(tu_reader *r, const tu_value *name) {
    tu_str s = tu_value_string(name);
    if (!tu_value_is(name, TU_STRING) || s.n == 0 || is_name(s))
        return;
    tu_error **e = tu_reader_error(r, name,
                                   "'%.*s' is no name: use lower-case letters, digits, '-' and '.' "
                                   "(up to %d), beginning and ending with a letter or digit",
                                   s.n > 100 ? 100 : TU_P(s), NAME_BYTES);
    char better[NAME_BYTES + 1];
    tu_read_make_name(s, better, sizeof better);
    if (*better)
        tu_error_hint(e, "did you mean '%s'?", better);
}

/* Notes the document under its name; the same name twice is a mistake that names both places. */
static void note_place(tu_reader *r, const char *kind, const tu_value *name, tu_place place) {
    tu_str s = tu_value_string(name);
    if (s.n == 0)
        return;
    char *key = tu_arena_printf(r->arena, "%s/%.*s", kind, TU_P(s));
    tu_place *copy = tu_reader_alloc(r, sizeof *copy);
    r->out_of_memory |= !key;
    if (!key || !copy)
        return;
    const tu_place *first = tu_map_get(&r->places, tu_str_c(key));
    if (first) {
        tu_reader_error(r, name, "%s '%.*s' is already defined at %s:%u:%u", kind, TU_P(s),
                        first->file, first->line, first->column);
        return;
    }
    *copy = place;
    tu_map_put(&r->places, tu_str_c(key), copy);
}

void tu_read_reference(tu_reader *r, const char *key, const char *kind, const tu_value *name) {
    if (tu_value_string(name).n == 0)
        return;
    tu_reference *grown = tu_reader_grow(r, r->references, r->reference_count, sizeof *grown);
    if (!grown)
        return;
    r->references = grown;
    grown[r->reference_count++] = (tu_reference){key, kind, name->string, tu_reader_place(r, name)};
}

/* --- values ----------------------------------------------------------------------------------- */

int64_t tu_read_duration(tu_reader *r, const tu_value *v, int64_t otherwise_ms, int64_t least_ms) {
    if (!tu_value_is(v, TU_STRING))
        return otherwise_ms;
    int64_t ms;
    if (!tu_duration_parse(v->string, &ms)) {
        tu_reader_error(r, v, "'%.*s' is no duration: write it like 90s, 10m, 1h30m or 1d",
                        TU_P(v->string));
        return otherwise_ms;
    }
    if (ms < least_ms) {
        char least[32];
        tu_duration_format(least_ms, least, sizeof least);
        tu_reader_error(r, v, "'%.*s' is too short: the least is %s", TU_P(v->string), least);
        return otherwise_ms;
    }
    return ms;
}

int64_t tu_read_interval(tu_reader *r, const tu_value *v, int64_t otherwise_ms, int64_t least_ms) {
    int64_t ms = tu_read_duration(r, v, otherwise_ms, least_ms);
    if (ms <= TU_LIMIT_INTERVAL_DAYS * DAY_MS)
        return ms;
    tu_reader_error(r, v, "'%.*s' is too long: the most is %ud (TU_LIMIT_INTERVAL_DAYS)",
                    TU_P(v->string), TU_LIMIT_INTERVAL_DAYS);
    return otherwise_ms;
}

/* --- the kinds -------------------------------------------------------------------------------- */

static void read_use(tu_reader *r, tu_str name, const tu_value *spec, tu_place place,
                     tu_use **items, size_t *n) {
    const tu_value *config = tu_value_get(spec, "config");
    tu_use use = {.name = name,
                  .plugin = tu_value_get_string(spec, "plugin"),
                  .place = place,
                  .plugin_place = tu_reader_place(r, tu_value_get(spec, "plugin")),
                  .config_place = config ? tu_reader_place(r, config) : place,
                  .text = r->text};
    use.interval_ms =
        tu_read_duration(r, tu_value_get(config, "interval"), DEFAULT_INTERVAL_MS, 1000);
    /* the tree is ours until the configuration is handed out, so the host may fill in defaults
     * later */
    use.config = tu_value_is(config, TU_MAP) ? (tu_value *)(uintptr_t)config
                                             : tu_value_new(r->arena, TU_MAP);
    r->out_of_memory |= !use.config;
    tu_use *grown = tu_reader_grow(r, *items, *n, sizeof use);
    if (!grown || !use.config)
        return;
    *items = grown;
    grown[(*n)++] = use;
}

static void read_source(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    read_use(r, name, spec, place, &r->config->sources, &r->config->source_count);
}

static void read_target(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    read_use(r, name, spec, place, &r->config->targets, &r->config->target_count);
}

static void read_notifier(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    tu_config *c = r->config;
    size_t n = c->notifier_count;
    read_use(r, name, spec, place, &c->notifiers, &c->notifier_count);
    if (c->notifier_count == n)
        return; /* out of memory */
    tu_use *use = &c->notifiers[n];
    const tu_value *fallback = tu_value_get(spec, "fallback"), *rate = tu_value_get(spec, "rate");
    use->fallback = tu_value_string(fallback);
    use->fallback_place = tu_reader_place(r, fallback);
    tu_read_reference(r, "spec.fallback", "Notifier", fallback);
    use->deadline_ms = tu_read_interval(r, tu_value_get(spec, "deadline"), DAY_MS, 1000);
    use->rate_messages = tu_value_integer(tu_value_get(rate, "messages"), 0);
    use->rate_per_ms =
        use->rate_messages > 0 ? tu_read_interval(r, tu_value_get(rate, "per"), 1000, 1) : 0;
}

static void read_plugin(tu_reader *r, tu_str name, const tu_value *spec, tu_place place) {
    const tu_value *digest = tu_value_get(spec, "sha256");
    tu_plugin_doc doc = {.name = name, .path = tu_value_get_string(spec, "path"), .place = place};
    if (tu_value_is(digest, TU_STRING)) {
        tu_str s = tu_arena_copy(r->arena, digest->string);
        bool hex = s.p && s.n == 64;
        for (size_t i = 0; hex && i < s.n; i++) {
            hex = isxdigit((unsigned char)s.p[i]);
            ((char *)(uintptr_t)s.p)[i] = (char)tolower((unsigned char)s.p[i]);
        }
        if (hex)
            doc.sha256 = s;
        else
            tu_reader_error(r, digest,
                            "sha256 must be 64 hexadecimal digits, as sha256sum prints them");
    }
    tu_config *c = r->config;
    tu_plugin_doc *grown = tu_reader_grow(r, c->plugins, c->plugin_count, sizeof doc);
    if (!grown)
        return;
    c->plugins = grown;
    grown[c->plugin_count++] = doc;
}

static const struct {
    const char *kind;
    void (*read)(tu_reader *r, tu_str name, const tu_value *spec, tu_place place);
} readers[] = {
    {"Source", read_source},
    {"Target", read_target},
    {"Notifier", read_notifier},
    {"Rule", tu_read_rule},
    {"Routing", tu_read_routing},
    {"Plugin", read_plugin},
    {"Pack", tu_read_pack},
    {"RuleTest", tu_read_rule_test},
    {"RoutingTest", tu_read_routing_test},
    {"Audit", tu_read_audit},
};

void tu_read_document(tu_reader *r, const char *kind, const tu_value *document) {
    const tu_value *name = tu_value_path(document, "metadata", "name", NULL);
    tu_place place = tu_reader_place(r, document);
    tu_read_check_name(r, name);
    note_place(r, kind, name, place);
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        if (strcmp(readers[i].kind, kind) == 0)
            readers[i].read(r, tu_value_string(name), tu_value_get(document, "spec"), place);
    }
}
