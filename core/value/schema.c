/*
 * value/schema.c: values against a schema: every mistake at its place, defaults filled in.
 *
 * Each keyword is one function in the table `keywords`; they run in that order, and each looks at
 * the values that it is about and passes the others. To add a keyword: a function and a row here,
 * a row in schema_check.c, a line in schema.h.
 *
 * Invariants:
 *   - A value under "x-trueup-secret" is neither checked nor shown: what stands there is the
 *     plugin host's business (a reference, see plugin/settings.c). Of other values only words of
 *     an enum and numbers are shown, because a secret may stand in the wrong place.
 *   - `dry` counts mistakes and changes nothing: that is how oneOf tries its branches.
 *   - Defaults go in before the members are checked, so that the defaults inside a default are
 *     filled as well.
 */
#include "value/schema.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdarg.h>

#include "base/limits.h"
#include "value/json.h"
#include "value/schema_internal.h"

#define WORDS_SHOWN 20u /* of an enum or of the known keys */

typedef struct checker {
    tu_arena *arena;
    const tu_value *root; /* the schema that "$ref" refers to */
    const char *file;
    tu_str text;
    tu_buf path; /* "spec.config.url" */
    bool dry;
    size_t mistakes;
    tu_errors *errors;
} checker;

static void check_value(checker *c, const tu_value *schema, tu_value *v);

const tu_schema_type_name tu_schema_types[] = {
    {"object", "a map", TU_MAP},
    {"array", "a list", TU_LIST},
    {"string", "a string", TU_STRING},
    {"boolean", "true or false", TU_BOOL},
    {"integer", "an integer", TU_INTEGER},
    {"number", "a number", TU_NUMBER},
    {"null", "null", TU_NULL},
};
const size_t tu_schema_type_count = sizeof(tu_schema_types) / sizeof(tu_schema_types[0]);

int64_t tu_text_column(tu_str text, size_t at) {
    int64_t column = 1;
    if (at > text.n)
        at = text.n;
    for (; at > 0 && text.p[at - 1] != '\n'; at--)
        column += ((unsigned char)text.p[at - 1] & 0xc0) != 0x80; /* not inside a UTF-8 sequence */
    return column;
}

/* --- mistakes ------------------------------------------------------------------------------- */

/* Where a mistake is reported: line 0 for what doesn't come from a file. */
typedef struct place {
    uint32_t line, offset;
} place;

static place place_of(const tu_value *v) {
    return (place){v->line, v->begin};
}

/* Returns the new error for a hint; NULL when there is none (dry, or no memory). */
static tu_error *__attribute__((format(printf, 3, 4)))
mistake(checker *c, place at, const char *format, ...) {
    c->mistakes++;
    if (c->dry)
        return NULL;
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    tu_error *e = NULL;
    int64_t column = at.line && c->text.n ? tu_text_column(c->text, at.offset) : 0;
    tu_error_set_at(&e, TU_EINVALID, c->file, at.line, column, "%s%s%s", tu_buf_c(&c->path),
                    c->path.n ? ": " : "", message);
    tu_errors_add(c->errors, e);
    return e && e->rc == TU_EINVALID ? e : NULL;
}

static void __attribute__((format(printf, 2, 3))) hint(tu_error *e, const char *format, ...) {
    char text[1024];
    if (!e)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    tu_error_hint(&e, "%s", text);
}

static void out_of_memory(checker *c) {
    tu_error *e = NULL;
    tu_error_memory(&e);
    c->mistakes++;
    if (!c->dry)
        tu_errors_add(c->errors, e);
}

/* Words as "a, b, c"; with a limit, as there may be many. */
static void join_words(tu_buf *out, const char *const *words, size_t n) {
    for (size_t i = 0; i < n && i < WORDS_SHOWN; i++)
        tu_buf_addf(out, "%s%s", i ? ", " : "", words[i]);
    if (n > WORDS_SHOWN)
        tu_buf_addf(out, " and %zu more", n - WORDS_SHOWN);
}

/* "did you mean 'x'?" or else "label a, b, c". */
static void hint_words(tu_error *e, tu_str word, const char *label, const char *const *words,
                       size_t n) {
    const char *near = tu_suggest(word, words, n);
    tu_buf list = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    join_words(&list, words, n);
    if (near)
        hint(e, "did you mean '%s'?", near);
    else if (n)
        hint(e, "%s %s", label, tu_buf_c(&list));
    tu_buf_done(&list);
}

/* The path grows by a step for the length of the check. */
static void check_below(checker *c, const tu_value *schema, tu_value *v, const char *before,
                        tu_str step, const char *after) {
    size_t n = c->path.n;
    tu_buf_add_c(&c->path, before);
    tu_buf_add(&c->path, step);
    tu_buf_add_c(&c->path, after);
    check_value(c, schema, v);
    if (c->path.n > n) {
        c->path.n = n;
        c->path.p[n] = '\0';
    }
}

/* --- type ----------------------------------------------------------------------------------- */

/* A sealed value counts as what it was before. */
static tu_type type_of(const tu_value *v) {
    return v->type == TU_SEALED ? (tu_type)v->sealed->type : (tu_type)v->type;
}

static const tu_schema_type_name *type_named(tu_str name) {
    for (size_t i = 0; i < tu_schema_type_count; i++)
        if (tu_str_is(name, tu_schema_types[i].name))
            return &tu_schema_types[i];
    return NULL;
}

static bool has_type(const tu_value *v, tu_str name) {
    const tu_schema_type_name *t = type_named(name);
    tu_type type = type_of(v);
    return t && (t->type == type || (t->type == TU_NUMBER && type == TU_INTEGER));
}

/* What was found, with its text where that can't be a secret. */
static void describe(const tu_value *v, tu_buf *out) {
    if (v->type == TU_BOOL)
        tu_buf_add_c(out, v->boolean ? "true" : "false");
    else if (v->type == TU_INTEGER)
        tu_buf_addf(out, "the number %lld", (long long)v->integer);
    else if (v->type == TU_NULL)
        tu_buf_add_c(out, v->begin == v->end ? "nothing" : "null");
    else if (v->type == TU_STRING && v->flags & TU_VALUE_YAML11)
        tu_buf_addf(out, "the text '%.*s'", TU_P(v->string));
    else
        tu_buf_addf(out, "a %s", tu_type_name((tu_type)v->type));
}

/* The mistakes that YAML invites. */
static void hint_type(tu_error *e, const tu_value *v, const tu_schema_type_name *wanted) {
    if (!wanted)
        return;
    bool scalar = v->type == TU_BOOL || v->type == TU_INTEGER || v->type == TU_NUMBER;
    if (wanted->type == TU_BOOL && v->type == TU_STRING && v->flags & TU_VALUE_YAML11)
        hint(e, "this is text in YAML 1.2: write true or false");
    else if (wanted->type == TU_STRING && scalar)
        hint(e, "put it in quotes");
    else if (v->type == TU_STRING && v->flags & TU_VALUE_QUOTED &&
             (wanted->type == TU_BOOL || wanted->type == TU_INTEGER || wanted->type == TU_NUMBER))
        hint(e, "leave the quotes out if it is %s", wanted->shown);
    else if (wanted->type == TU_LIST && v->type != TU_NULL)
        hint(e, "write [...] around it, or each item on a line that begins with '-'");
}

/* False when the type is wrong: nothing else is worth saying then. */
static bool check_type(checker *c, const tu_value *expected, const tu_value *v) {
    bool one = tu_value_is(expected, TU_STRING);
    size_t n = one ? 1 : tu_value_count(expected);
    tu_buf wanted = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES),
           found = TU_BUF_INIT(TU_LIMIT_MESSAGE_BYTES);
    bool fits = !expected;
    for (size_t i = 0; i < n && !fits; i++) {
        tu_str name = tu_value_string(one ? expected : tu_value_at(expected, i));
        const tu_schema_type_name *t = type_named(name);
        fits = has_type(v, name);
        tu_buf_addf(&wanted, "%s%s", i ? " or " : "", t ? t->shown : "");
    }
    if (!fits) {
        describe(v, &found);
        tu_error *e =
            mistake(c, place_of(v), "expected %s, found %s", tu_buf_c(&wanted), tu_buf_c(&found));
        hint_type(e, v, one ? type_named(expected->string) : NULL);
    }
    tu_buf_done(&wanted);
    tu_buf_done(&found);
    return fits;
}

/* --- enum, const, numbers, strings ---------------------------------------------------------- */

static char *scalar_text(checker *c, const tu_value *v) {
    if (v->type == TU_STRING)
        return tu_arena_printf(c->arena, "%.*s", TU_P(v->string));
    tu_buf out = TU_BUF_INIT(TU_LIMIT_VALUE_SHOWN);
    tu_json_write(&out, v, 0);
    char *text = tu_arena_printf(c->arena, "%s", tu_buf_c(&out));
    tu_buf_done(&out);
    return text;
}

static void check_enum(checker *c, const tu_value *choices, tu_value *v) {
    size_t n = tu_value_count(choices);
    for (size_t i = 0; i < n; i++)
        if (tu_value_equal(tu_value_at(choices, i), v))
            return;
    const char **words = tu_arena_alloc(c->arena, (n + 1) * sizeof(*words));
    for (size_t i = 0; words && i < n; i++)
        if (!(words[i] = scalar_text(c, tu_value_at(choices, i))))
            words = NULL;
    if (!words) {
        out_of_memory(c);
        return;
    }
    tu_error *e;
    if (v->type == TU_STRING && v->string.n <= 60)
        e = mistake(c, place_of(v), "unknown value '%.*s'", TU_P(v->string));
    else
        e = mistake(c, place_of(v), "this value is not one of those allowed");
    hint_words(e, tu_value_string(v), "allowed are", words, n);
}

static void check_const(checker *c, const tu_value *expected, tu_value *v) {
    if (tu_value_equal(expected, v))
        return;
    char *text = scalar_text(c, expected);
    mistake(c, place_of(v), "must be %s", text ? text : "another value");
}

static bool is_number(const tu_value *v) {
    return v->type == TU_INTEGER || v->type == TU_NUMBER;
}

static void check_minimum(checker *c, const tu_value *limit, tu_value *v) {
    if (is_number(v) && tu_number_compare(v, limit) < 0)
        mistake(c, place_of(v), "must be at least %s", scalar_text(c, limit));
}

static void check_maximum(checker *c, const tu_value *limit, tu_value *v) {
    if (is_number(v) && tu_number_compare(v, limit) > 0)
        mistake(c, place_of(v), "must be at most %s", scalar_text(c, limit));
}

static void check_min_length(checker *c, const tu_value *limit, tu_value *v) {
    if (v->type != TU_STRING)
        return;
    int64_t characters = 0, least = tu_value_integer(limit, 0);
    for (size_t i = 0; i < v->string.n; i++)
        characters += ((unsigned char)v->string.p[i] & 0xc0) != 0x80;
    if (characters < least && v->string.n == 0)
        mistake(c, place_of(v), "must not be empty");
    else if (characters < least)
        mistake(c, place_of(v), "must have at least %lld characters", (long long)least);
}

tu_rc tu_schema_match(tu_str pattern, tu_str s, bool *ret_matches, tu_error **error) {
    int code;
    PCRE2_SIZE at;
    PCRE2_UCHAR message[128];
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
                                         PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &at, NULL);
    if (!compiled) {
        pcre2_get_error_message(code, message, sizeof(message));
        return tu_error_set(error, TU_EINVALID, "the pattern %.*s is wrong at character %zu: %s",
                            TU_P(pattern), (size_t)at + 1, (const char *)message);
    }
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    code = PCRE2_ERROR_NOMEMORY;
    if (data && limits) {
        pcre2_set_match_limit(limits, TU_LIMIT_PATTERN_STEPS);
        pcre2_set_depth_limit(limits, TU_LIMIT_PATTERN_DEPTH);
        code = pcre2_match(compiled, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, 0, 0, data, limits);
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    pcre2_code_free(compiled);
    *ret_matches = code >= 0;
    if (code >= 0 || code == PCRE2_ERROR_NOMATCH)
        return TU_OK;
    return code == PCRE2_ERROR_NOMEMORY
               ? tu_error_memory(error)
               : tu_error_set(error, TU_EINVALID, "matching %.*s takes too long", TU_P(pattern));
}

static void check_pattern(checker *c, const tu_value *pattern, tu_value *v) {
    bool matches = false;
    tu_error *e = NULL;
    if (v->type != TU_STRING)
        return;
    if (tu_schema_match(pattern->string, v->string, &matches, &e) != TU_OK)
        mistake(c, place_of(v), "%s", tu_error_text(e));
    else if (!matches)
        mistake(c, place_of(v), "does not match %.*s", TU_P(pattern->string));
    tu_error_free(e);
}

static void check_format(checker *c, const tu_value *name, tu_value *v) {
    const tu_schema_format *f = tu_schema_format_find(name->string);
    if (f && v->type == TU_STRING && !f->fits(v->string))
        mistake(c, place_of(v), "expected %s", f->expected);
}

/* --- maps ----------------------------------------------------------------------------------- */

/* A default doesn't stand in the user's file. */
static void forget_places(tu_value *v) {
    v->line = v->begin = v->end = 0;
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++)
        forget_places(&v->list.items[i]);
    for (uint32_t i = 0; v->type == TU_MAP && i < v->map.n; i++) {
        v->map.members[i].key_line = v->map.members[i].key_begin = 0;
        forget_places(&v->map.members[i].value);
    }
}

static bool fill_defaults(checker *c, const tu_value *properties, tu_value *v) {
    for (uint32_t i = 0; tu_value_is(properties, TU_MAP) && i < properties->map.n; i++) {
        const tu_member *p = &properties->map.members[i];
        const tu_value *standard = tu_value_get(&p->value, "default");
        if (!standard || tu_value_get_str(v, p->key))
            continue;
        tu_value *copy = tu_value_copy(c->arena, standard);
        if (!copy)
            return false;
        forget_places(copy);
        if (!tu_value_set(c->arena, v, p->key, copy))
            return false;
    }
    return true;
}

static void unknown_key(checker *c, const tu_value *properties, const tu_member *m) {
    size_t n = tu_value_count(properties);
    const char **names = tu_arena_alloc(c->arena, (n + 1) * sizeof(*names));
    for (size_t i = 0; names && i < n; i++)
        names[i] = tu_arena_copy(c->arena, properties->map.members[i].key).p;
    tu_error *e =
        mistake(c, (place){m->key_line, m->key_begin}, "unknown key '%.*s%s'",
                (int)(m->key.n > 80 ? 80 : m->key.n), m->key.p, m->key.n > 80 ? "..." : "");
    if (names && (!n || names[n - 1]))
        hint_words(e, m->key, "known here are", names, n);
}

static void check_members(checker *c, const tu_value *schema, tu_value *v) {
    const tu_value *properties = tu_value_get(schema, "properties");
    const tu_value *others = tu_value_get(schema, "additionalProperties");
    if (v->type != TU_MAP)
        return;
    if (!c->dry && !fill_defaults(c, properties, v)) {
        out_of_memory(c);
        return;
    }
    for (uint32_t i = 0; i < v->map.n; i++) {
        tu_member *m = &v->map.members[i];
        const tu_value *below = tu_value_get_str(properties, m->key);
        if (!below && tu_value_is(others, TU_BOOL) && !others->boolean)
            unknown_key(c, properties, m);
        else if (below || tu_value_is(others, TU_MAP))
            check_below(c, below ? below : others, &m->value, c->path.n ? "." : "", m->key, "");
    }
}

static void check_required(checker *c, const tu_value *names, tu_value *v) {
    for (size_t i = 0; v->type == TU_MAP && i < tu_value_count(names); i++) {
        tu_str name = tu_value_string(tu_value_at(names, i));
        if (!tu_value_get_str(v, name))
            mistake(c, place_of(v), "'%.*s' is missing", TU_P(name));
    }
}

/* --- lists ---------------------------------------------------------------------------------- */

static void check_items(checker *c, const tu_value *schema, tu_value *v) {
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%u", i);
        check_below(c, schema, &v->list.items[i], "[", tu_str_c(number), "]");
    }
}

static void check_min_items(checker *c, const tu_value *limit, tu_value *v) {
    if (v->type == TU_LIST && v->list.n < tu_value_integer(limit, 0))
        mistake(c, place_of(v), "needs at least %lld item%s", (long long)limit->integer,
                limit->integer == 1 ? "" : "s");
}

static void check_max_items(checker *c, const tu_value *limit, tu_value *v) {
    if (v->type == TU_LIST && v->list.n > tu_value_integer(limit, INT64_MAX))
        mistake(c, place_of(v), "can have at most %lld item%s", (long long)limit->integer,
                limit->integer == 1 ? "" : "s");
}

/* --- oneOf ---------------------------------------------------------------------------------- */

/* Exactly one branch has to fit. When none does, the mistakes of the nearest are told: of those
 * whose type is right, the one with the fewest. */
static void check_one_of(checker *c, const tu_value *branches, tu_value *v) {
    const tu_value *fitting = NULL, *nearest = NULL;
    size_t fewest = SIZE_MAX, fits = 0;
    for (size_t i = 0; i < tu_value_count(branches); i++) {
        const tu_value *branch = tu_value_at(branches, i);
        checker trial = {
            .arena = c->arena, .path = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES), .dry = true};
        bool right_type = check_type(&trial, tu_value_get(branch, "type"), v);
        size_t mistakes = tu_schema_count_mistakes(c->arena, c->root, branch, v);
        tu_buf_done(&trial.path);
        if (mistakes == 0) {
            fits++;
            fitting = branch;
        } else if (right_type && mistakes < fewest) {
            fewest = mistakes;
            nearest = branch;
        }
    }
    if (fits == 1)
        check_value(c, fitting, v);
    else if (fits > 1)
        mistake(c, place_of(v), "fits %zu of the forms that exclude each other", fits);
    else if (nearest)
        check_value(c, nearest, v);
    else
        mistake(c, place_of(v), "has none of the allowed forms");
}

/* --- the whole ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*check)(checker *c, const tu_value *argument, tu_value *v);
} keywords[] = {
    {"enum", check_enum},
    {"const", check_const},
    {"minimum", check_minimum},
    {"maximum", check_maximum},
    {"minLength", check_min_length},
    {"pattern", check_pattern},
    {"x-trueup-format", check_format},
    {"required", check_required},
    {"minItems", check_min_items},
    {"maxItems", check_max_items},
    {"items", check_items},
    {"oneOf", check_one_of},
};

const tu_value *tu_schema_resolve(const tu_value *root, const tu_value *schema) {
    tu_str name = tu_value_get_string(schema, "$ref");
    if (!tu_str_starts(name, TU_SCHEMA_DEFS))
        return schema;
    size_t prefix = sizeof(TU_SCHEMA_DEFS) - 1;
    return tu_value_get_str(tu_value_get(root, "$defs"),
                            (tu_str){name.p + prefix, name.n - prefix});
}

static void check_value(checker *c, const tu_value *schema, tu_value *v) {
    schema = tu_schema_resolve(c->root, schema);
    if (tu_value_boolean(tu_value_get(schema, "x-trueup-secret"), false))
        return;
    if (!check_type(c, tu_value_get(schema, "type"), v))
        return;
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        const tu_value *argument = tu_value_get(schema, keywords[i].name);
        if (argument)
            keywords[i].check(c, argument, v);
    }
    check_members(c, schema, v);
}

size_t tu_schema_count_mistakes(tu_arena *a, const tu_value *root, const tu_value *schema,
                                const tu_value *v) {
    checker c = {.arena = a, .root = root, .path = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES), .dry = true};
    tu_value copy = *v; /* dry: nothing below it is changed */
    check_value(&c, schema, &copy);
    tu_buf_done(&c.path);
    return c.mistakes;
}

void tu_schema_validate(tu_arena *a, const tu_value *schema, tu_value *v, const char *file,
                        tu_str text, const char *where, tu_errors *errors) {
    checker c = {.arena = a,
                 .root = schema,
                 .file = file,
                 .text = text,
                 .path = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES),
                 .errors = errors};
    if (where)
        tu_buf_add_c(&c.path, where);
    check_value(&c, schema, v);
    tu_buf_done(&c.path);
}
