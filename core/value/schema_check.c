/*
 * value/schema_check.c: is a schema one that we understand? And the formats that strings can be
 * asked to have.
 *
 * Strict on purpose: a keyword that is silently not checked would let mistakes through that its
 * author believes are caught. To add a keyword: a row in `keywords` with what its argument must
 * be, and the check itself in schema.c. To add a format: a function and a row in
 * tu_schema_formats.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "value/schema_internal.h"

/* --- formats -------------------------------------------------------------------------------- */

static bool all_of(tu_str s, const char *allowed) {
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(allowed, s.p[i]))
            return false;
    return true;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool is_duration(tu_str s) {
    int64_t ignored;
    return tu_duration_parse(s, &ignored);
}

/* The form only; what the fields mean is read by config/cron.c. */
static bool is_cron(tu_str s) {
    size_t fields = 0;
    if (s.n && s.p[0] == '@')
        return s.n > 1 && all_of((tu_str){s.p + 1, s.n - 1}, LETTERS);
    if (!all_of(s, LETTERS DIGITS "*/,- \t"))
        return false;
    for (size_t i = 0; i < s.n; i++)
        fields +=
            s.p[i] != ' ' && s.p[i] != '\t' && (i == 0 || s.p[i - 1] == ' ' || s.p[i - 1] == '\t');
    return fields == 5;
}

/* The form of a name of the time zone database; whether it is there is known where it is used. */
static bool is_timezone(tu_str s) {
    return s.n > 0 && strchr(LETTERS, s.p[0]) && s.p[0] && all_of(s, LETTERS DIGITS "_+-/");
}

static bool is_url(tu_str s) {
    size_t scheme = 0;
    while (scheme < s.n && s.p[scheme] && strchr(LETTERS DIGITS "+-.", s.p[scheme]))
        scheme++;
    if (scheme == 0 || s.n - scheme < 4 || memcmp(s.p + scheme, "://", 3) != 0)
        return false;
    for (size_t i = scheme; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_path(tu_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return s.n > 0;
}

static bool is_glob(tu_str s) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && ++i == s.n)
            return false;
        if (s.p[i] == '[' && (i == 0 || s.p[i - 1] != '\\') && !memchr(s.p + i, ']', s.n - i))
            return false;
    }
    return true;
}

static bool is_pointer(tu_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '~' && (i + 1 == s.n || (s.p[i + 1] != '0' && s.p[i + 1] != '1')))
            return false;
    return s.n == 0 || s.p[0] == '/';
}

static bool is_rfc3339(tu_str s) {
    int64_t ignored;
    return tu_time_parse(s, &ignored);
}

const tu_schema_format tu_schema_formats[] = {
    {"duration", is_duration, "a duration such as 90s, 10m or 1h30m"},
    {"cron", is_cron, "a cron expression of five fields such as '0 8 * * 1-5'"},
    {"timezone", is_timezone, "a time zone such as Europe/Berlin or UTC"},
    {"url", is_url, "a URL such as https://example.com/path"},
    {"path", is_path, "a path"},
    {"glob", is_glob, "a pattern: '[' needs a ']' and '\\' something behind it"},
    {"pointer", is_pointer, "a path that begins with '/' ('~' is written ~0)"},
    {"rfc3339", is_rfc3339, "a time such as 2026-01-02T03:04:05Z"},
};
const size_t tu_schema_format_count = sizeof(tu_schema_formats) / sizeof(tu_schema_formats[0]);

const tu_schema_format *tu_schema_format_find(tu_str name) {
    for (size_t i = 0; i < tu_schema_format_count; i++)
        if (tu_str_is(name, tu_schema_formats[i].name))
            return &tu_schema_formats[i];
    return NULL;
}

/* --- arguments of keywords ------------------------------------------------------------------ */

/* They return TU_OK or set an error about the argument; `keyword` names it. */
typedef tu_rc argument_check(tu_arena *a, const tu_value *schema, const tu_value *argument,
                             tu_error **error);

static tu_rc check_schema(tu_arena *a, const tu_value *schema, tu_error **error);

static tu_rc wrong(tu_error **error, const char *expected) {
    return tu_error_set(error, TU_EINVALID, "must be %s", expected);
}

static tu_rc argument_type(tu_arena *a, const tu_value *schema, const tu_value *v,
                           tu_error **error) {
    (void)a, (void)schema;
    bool one = v->type == TU_STRING;
    size_t n = one ? 1 : tu_value_count(v);
    if (n == 0 || (!one && v->type != TU_LIST))
        return wrong(error, "the name of a type or a list of them");
    for (size_t i = 0; i < n; i++) {
        tu_str name = tu_value_string(one ? v : tu_value_at(v, i));
        size_t t = 0;
        while (t < tu_schema_type_count && !tu_str_is(name, tu_schema_types[t].name))
            t++;
        if (t == tu_schema_type_count)
            return tu_error_set(error, TU_EINVALID, "unknown type '%.*s'", TU_P(name));
    }
    return TU_OK;
}

static tu_rc argument_schemas(tu_arena *a, const tu_value *schema, const tu_value *v,
                              tu_error **error) {
    (void)schema;
    if (v->type != TU_MAP)
        return wrong(error, "a map of schemas");
    for (uint32_t i = 0; i < v->map.n; i++) {
        tu_rc rc = check_schema(a, &v->map.members[i].value, error);
        if (rc != TU_OK) {
            tu_error_context(error, "%.*s", TU_P(v->map.members[i].key));
            return rc;
        }
    }
    return TU_OK;
}

static tu_rc argument_schema(tu_arena *a, const tu_value *schema, const tu_value *v,
                             tu_error **error) {
    (void)schema;
    return check_schema(a, v, error);
}

static tu_rc argument_additional(tu_arena *a, const tu_value *schema, const tu_value *v,
                                 tu_error **error) {
    (void)schema;
    return v->type == TU_BOOL ? TU_OK : check_schema(a, v, error);
}

static tu_rc argument_branches(tu_arena *a, const tu_value *schema, const tu_value *v,
                               tu_error **error) {
    (void)schema;
    if (v->type != TU_LIST || v->list.n == 0)
        return wrong(error, "a list of schemas");
    for (uint32_t i = 0; i < v->list.n; i++) {
        if (tu_value_get(&v->list.items[i], "$ref")) /* it could lead back to this list */
            return wrong(error, "a list of schemas that are no $ref");
        tu_rc rc = check_schema(a, &v->list.items[i], error);
        if (rc != TU_OK)
            return rc;
    }
    return TU_OK;
}

static tu_rc argument_names(tu_arena *a, const tu_value *schema, const tu_value *v,
                            tu_error **error) {
    (void)a;
    const tu_value *properties = tu_value_get(schema, "properties");
    if (v->type != TU_LIST)
        return wrong(error, "a list of names");
    for (uint32_t i = 0; i < v->list.n; i++) {
        const tu_value *name = &v->list.items[i];
        if (name->type != TU_STRING)
            return wrong(error, "a list of names");
        if (properties && !tu_value_get_str(properties, name->string))
            return tu_error_set(error, TU_EINVALID, "'%.*s' is not among the properties",
                                TU_P(name->string));
    }
    return TU_OK;
}

static tu_rc argument_list(tu_arena *a, const tu_value *schema, const tu_value *v,
                           tu_error **error) {
    (void)a, (void)schema;
    return v->type == TU_LIST && v->list.n ? TU_OK : wrong(error, "a list of values");
}

static tu_rc argument_any(tu_arena *a, const tu_value *schema, const tu_value *v,
                          tu_error **error) {
    (void)a, (void)schema, (void)v, (void)error;
    return TU_OK;
}

static tu_rc argument_text(tu_arena *a, const tu_value *schema, const tu_value *v,
                           tu_error **error) {
    (void)a, (void)schema;
    return v->type == TU_STRING ? TU_OK : wrong(error, "a string");
}

static tu_rc argument_boolean(tu_arena *a, const tu_value *schema, const tu_value *v,
                              tu_error **error) {
    (void)a, (void)schema;
    return v->type == TU_BOOL ? TU_OK : wrong(error, "true or false");
}

static tu_rc argument_number(tu_arena *a, const tu_value *schema, const tu_value *v,
                             tu_error **error) {
    (void)a, (void)schema;
    return v->type == TU_INTEGER || v->type == TU_NUMBER ? TU_OK : wrong(error, "a number");
}

static tu_rc argument_count(tu_arena *a, const tu_value *schema, const tu_value *v,
                            tu_error **error) {
    (void)a, (void)schema;
    return v->type == TU_INTEGER && v->integer >= 0
               ? TU_OK
               : wrong(error, "an integer that isn't negative");
}

static tu_rc argument_rate(tu_arena *a, const tu_value *schema, const tu_value *v,
                           tu_error **error) {
    (void)a, (void)schema;
    return tu_value_count(v) == 2 && tu_value_integer(tu_value_get(v, "messages"), 0) > 0 &&
                   tu_value_integer(tu_value_get(v, "perMs"), 0) > 0
               ? TU_OK
               : wrong(error, "{\"messages\": N, \"perMs\": N}, both above 0");
}

static tu_rc argument_pattern(tu_arena *a, const tu_value *schema, const tu_value *v,
                              tu_error **error) {
    (void)a, (void)schema;
    bool ignored;
    return v->type == TU_STRING ? tu_schema_match(v->string, TU_S(""), &ignored, error)
                                : wrong(error, "a regular expression");
}

static tu_rc argument_format(tu_arena *a, const tu_value *schema, const tu_value *v,
                             tu_error **error) {
    (void)a, (void)schema;
    if (v->type != TU_STRING)
        return wrong(error, "the name of a format");
    return tu_schema_format_find(v->string)
               ? TU_OK
               : tu_error_set(error, TU_EINVALID, "unknown format '%.*s'", TU_P(v->string));
}

static tu_rc argument_default(tu_arena *a, const tu_value *schema, const tu_value *v,
                              tu_error **error) {
    return tu_schema_count_mistakes(a, schema, schema, v) == 0
               ? TU_OK
               : tu_error_set(error, TU_EINVALID, "does not fit its own schema");
}

/* "default" stands last: it is checked against the others. */
static const struct {
    const char *name;
    argument_check *check;
} keywords[] = {
    {"type", argument_type},
    {"properties", argument_schemas},
    {"additionalProperties", argument_additional},
    {"required", argument_names},
    {"items", argument_schema},
    {"enum", argument_list},
    {"const", argument_any},
    {"pattern", argument_pattern},
    {"minimum", argument_number},
    {"maximum", argument_number},
    {"minItems", argument_count},
    {"maxItems", argument_count},
    {"minLength", argument_count},
    {"oneOf", argument_branches},
    {"description", argument_text},
    {"title", argument_text},
    {"$schema", argument_text},
    {"$defs", argument_schemas},
    {"$ref", argument_text},
    {"x-trueup-secret", argument_boolean},
    {"x-trueup-format", argument_format},
    {"x-trueup-rate", argument_rate},
    {"default", argument_default},
};
#define KEYWORD_COUNT (sizeof(keywords) / sizeof(keywords[0]))

static tu_rc check_known(const tu_value *schema, tu_error **error) {
    for (uint32_t i = 0; i < schema->map.n; i++) {
        tu_str key = schema->map.members[i].key;
        const char *names[KEYWORD_COUNT];
        bool known = false;
        for (size_t k = 0; k < KEYWORD_COUNT; k++) {
            names[k] = keywords[k].name;
            known = known || tu_str_is(key, keywords[k].name);
        }
        if (known)
            continue;
        const char *near = tu_suggest(key, names, KEYWORD_COUNT);
        tu_rc rc = tu_error_set(error, TU_EINVALID, "unknown keyword '%.*s'", TU_P(key));
        if (near)
            tu_error_hint(error, "did you mean '%s'?", near);
        return rc;
    }
    return TU_OK;
}

static tu_rc check_schema(tu_arena *a, const tu_value *schema, tu_error **error) {
    if (!tu_value_is(schema, TU_MAP))
        return tu_error_set(error, TU_EINVALID, "a schema must be a map");
    tu_rc rc = check_known(schema, error);
    for (size_t k = 0; k < KEYWORD_COUNT && rc == TU_OK; k++) {
        const tu_value *argument = tu_value_get(schema, keywords[k].name);
        rc = argument ? keywords[k].check(a, schema, argument, error) : TU_OK;
        if (rc != TU_OK)
            tu_error_context(error, "%s", keywords[k].name);
    }
    return rc;
}

/* Every "$ref" has what it refers to, and that is no "$ref" itself, so that following one ends. */
static tu_rc check_references(const tu_value *root, const tu_value *v, tu_error **error) {
    const tu_value *ref = tu_value_get(v, "$ref");
    if (tu_value_is(ref, TU_STRING)) {
        const tu_value *found = tu_schema_resolve(root, v);
        if (!found || found == v)
            return tu_error_set(error, TU_EINVALID, "$ref: there is no '%.*s'", TU_P(ref->string));
        if (tu_value_get(found, "$ref"))
            return tu_error_set(error, TU_EINVALID, "$ref: '%.*s' is a $ref itself",
                                TU_P(ref->string));
    }
    tu_rc rc = TU_OK;
    for (uint32_t i = 0; tu_value_is(v, TU_MAP) && i < v->map.n && rc == TU_OK; i++)
        rc = check_references(root, &v->map.members[i].value, error);
    for (uint32_t i = 0; tu_value_is(v, TU_LIST) && i < v->list.n && rc == TU_OK; i++)
        rc = check_references(root, &v->list.items[i], error);
    return rc;
}

tu_rc tu_schema_check(const tu_value *schema, tu_error **error) {
    tu_arena scratch;
    tu_arena_init(&scratch, TU_LIMIT_OBJECT_ARENA);
    tu_rc rc = check_references(schema, schema, error);
    if (rc == TU_OK)
        rc = check_schema(&scratch, schema, error);
    tu_arena_done(&scratch);
    return rc;
}
