/*
 * config/matcher.c: conditions on labels, as Alertmanager writes them.
 *
 *     severity = critical     team =~ "pay.*|ops"     kind != Job     "a name" !~ 'no'
 *
 * A name stands bare ([A-Za-z_] and then also digits . : / -) or in double quotes. A value stands bare, when it has
 * neither white space nor one of {}!=~,"'`\ in it, or in double quotes: there \" \\ and \n are what they look like, and in a
 * regular expression every other \ is the expression's.
 *
 * Regular expressions are PCRE2's, must match the whole value, "." is any character, and they give up
 * after a number of steps, which counts as no match. Most are a handful of words or a beginning: those are
 * found at load, and then no expression is run. What is compiled lives in the arena, PCRE2's memory too, and
 * is immutable.
 *
 * To add a form that needs no expression: a value of `form`, a branch in simplify(), one in regex_matches(),
 * a row in tests/unit/test_matcher.c, which compares all with PCRE2 itself.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "config/config.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>

typedef enum { FORM_CODE, FORM_WORDS, FORM_PREFIX, FORM_SUFFIX, FORM_PART } form;

struct tu_regex {
    form form;
    tu_str *words;   /* of the forms but CODE; of PREFIX, SUFFIX and PART one */
    size_t n, least; /* least: bytes that have to stand beside the word (".+") */
    const pcre2_code *code;
    pcre2_match_context *limits;
};

/* --- forms that need no expression ------------------------------------------------------------ */

/* Takes plain characters up to the next that means something. */
static tu_str take_plain(tu_arena *a, tu_str s, size_t *at, bool *ret_memory) {
    char *out = tu_arena_alloc(a, s.n - *at + 1);
    size_t n = 0;
    if (!out) {
        *ret_memory = true;
        return (tu_str){0};
    }
    for (; *at < s.n && !strchr("^$.[]|()?*+{}", s.p[*at]); (*at)++) {
        if (s.p[*at] == '\\') {
            /* "\." is a point; "\d" isn't plain */
            if (*at + 1 == s.n || !s.p[*at + 1] || !strchr("^$.[]|()?*+{}\\-/_:", s.p[*at + 1]))
                break;
            (*at)++;
        }
        out[n++] = s.p[*at];
    }
    return (tu_str){out, n};
}

/* ".*" or ".+" */
static bool take_any(tu_str s, size_t *at, size_t *ret_least) {
    if (s.n - *at < 2 || s.p[*at] != '.' || (s.p[*at + 1] != '*' && s.p[*at + 1] != '+'))
        return false;
    if (*at + 2 < s.n && strchr("?+*{", s.p[*at + 2]))
        return false; /* ".*?" */
    *ret_least += s.p[*at + 1] == '+';
    *at += 2;
    return true;
}

/* A character that is repeated was no part of the word before it. */
static bool is_repeated(tu_str s, size_t at) {
    return at < s.n && s.p[at] && strchr("?*+{", s.p[at]);
}

/* True when the expression is one of the simple forms, which r then has. */
static bool simplify(tu_arena *a, tu_str s, struct tu_regex *r, bool *ret_memory) {
    size_t words = 1, at = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || (unsigned char)s.p[i] >= 0x80)
            return false; /* not worth a thought */
        words += s.p[i] == '|';
    }
    r->words = tu_arena_alloc(a, words * sizeof *r->words);
    if (!r->words) {
        *ret_memory = true;
        return false;
    }
    if (take_any(s, &at, &r->least)) {
        r->words[r->n++] = take_plain(a, s, &at, ret_memory);
        r->form = FORM_SUFFIX;
        if (r->words[0].n > 0 && take_any(s, &at, &r->least))
            r->form = FORM_PART;
        return at == s.n && (r->least == 0 || r->form == FORM_SUFFIX);
    }
    for (;; at++) {
        r->words[r->n] = take_plain(a, s, &at, ret_memory);
        if (r->n == 0 && r->words[0].n > 0 && take_any(s, &at, &r->least)) {
            r->form = FORM_PREFIX;
            r->n = 1;
            return at == s.n;
        }
        r->n++;
        if (is_repeated(s, at) || (at < s.n && s.p[at] != '|'))
            return false;
        if (at == s.n)
            break;
    }
    r->form = FORM_WORDS;
    return true;
}

/* --- regular expressions ---------------------------------------------------------------------- */

static void *arena_take(PCRE2_SIZE n, void *arena) {
    return tu_arena_alloc(arena, n);
}

static void arena_keep(void *p, void *arena) {
    (void)p, (void)arena; /* it goes with the arena */
}

#define OPTIONS                                                                                    \
    (PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOTALL | PCRE2_ANCHORED | PCRE2_ENDANCHORED |     \
     PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C)

static tu_rc compile(tu_arena *a, tu_str text, struct tu_regex *r, size_t *ret_at,
                     tu_error **error) {
    pcre2_general_context *memory = pcre2_general_context_create(arena_take, arena_keep, a);
    pcre2_compile_context *how = memory ? pcre2_compile_context_create(memory) : NULL;
    r->limits = memory ? pcre2_match_context_create(memory) : NULL;
    if (!how || !r->limits)
        return tu_error_memory(error);
    pcre2_set_match_limit(r->limits, TU_LIMIT_MATCHER_STEPS);
    pcre2_set_depth_limit(r->limits, TU_LIMIT_PATTERN_DEPTH);
    pcre2_set_heap_limit(r->limits, TU_LIMIT_MATCHER_HEAP_KIB);
    int code;
    PCRE2_SIZE at = 0;
    r->code = pcre2_compile((PCRE2_SPTR)(text.p ? text.p : ""), text.n, OPTIONS, &code, &at, how);
    if (r->code)
        return TU_OK;
    PCRE2_UCHAR message[128];
    pcre2_get_error_message(code, message, sizeof message);
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return tu_error_memory(error);
    *ret_at = at < text.n ? at : text.n;
    if (*ret_at == text.n)
        return tu_error_set(error, TU_EINVALID,
                            "the regular expression '%.*s' is wrong at its end: %s", TU_P(text),
                            (const char *)message);
    return tu_error_set(error, TU_EINVALID, "the regular expression '%.*s' is wrong at '%.*s': %s",
                        TU_P(text), (int)(text.n - *ret_at), text.p + *ret_at,
                        (const char *)message);
}

/* Memory for one match: small things from the stack, the rest from the heap. */
typedef struct scratch {
    _Alignas(16) char room[24u * TU_KIB]; /* PCRE2 begins with 20 KiB for its backtracking */
    size_t used;
} scratch;

static void *scratch_take(PCRE2_SIZE n, void *arg) {
    scratch *s = arg;
    size_t size = (n + 15) & ~(size_t)15;
    if (size < n || size > sizeof s->room - s->used)
        return tu_malloc(n);
    s->used += size;
    return s->room + s->used - size;
}

static void scratch_give(void *p, void *arg) {
    scratch *s = arg;
    if ((char *)p < s->room || (char *)p >= s->room + sizeof s->room)
        tu_freep(&p);
}

static bool run(const struct tu_regex *r, tu_str value) {
    scratch s;
    s.used = 0; /* the room stays as it is */
    pcre2_general_context *memory = pcre2_general_context_create(scratch_take, scratch_give, &s);
    pcre2_match_data *data = memory ? pcre2_match_data_create(1, memory) : NULL;
    int rc = data ? pcre2_match(r->code, (PCRE2_SPTR)(value.p ? value.p : ""), value.n, 0, 0, data,
                                r->limits)
                  : PCRE2_ERROR_NOMEMORY;
    pcre2_match_data_free(data);
    pcre2_general_context_free(memory);
    return rc >= 0;
}

static bool regex_matches(const struct tu_regex *r, tu_str value) {
    const tu_str word = r->n ? r->words[0] : (tu_str){0};
    bool fits = r->form != FORM_CODE && value.n >= word.n + r->least;
    switch (r->form) {
    case FORM_WORDS:
        for (size_t i = 0; i < r->n; i++) {
            if (tu_str_eq(r->words[i], value))
                return true;
        }
        return false;
    case FORM_PREFIX:
        return fits && memcmp(value.p, word.p, word.n) == 0;
    case FORM_SUFFIX:
        return fits && (word.n == 0 || memcmp(value.p + value.n - word.n, word.p, word.n) == 0);
    case FORM_PART:
        return fits && memmem(value.p, value.n, word.p, word.n);
    case FORM_CODE:
        break;
    }
    return run(r, value);
}

bool tu_matcher_match(const tu_matcher *m, tu_str value) {
    switch (m->operator) {
    case TU_MATCH_EQUAL:
        return tu_str_eq(m->value, value);
    case TU_MATCH_NOT_EQUAL:
        return !tu_str_eq(m->value, value);
    case TU_MATCH_REGEX:
        return regex_matches(m->regex, value);
    case TU_MATCH_NOT_REGEX:
        return !regex_matches(m->regex, value);
    }
    return false;
}

const tu_str *tu_matcher_words(const tu_matcher *m, size_t *ret_n) {
    if (!m->regex) {
        *ret_n = 1;
        return &m->value;
    }
    *ret_n = m->regex->n;
    return m->regex->form == FORM_WORDS ? m->regex->words : NULL;
}

tu_str tu_labels_get(const tu_labels *labels, tu_str key) {
    for (size_t i = 0; i < labels->n; i++) {
        if (tu_str_eq(labels->items[i].key, key))
            return labels->items[i].value;
    }
    return (tu_str){0};
}

bool tu_matchers_match(const tu_matchers *m, const tu_labels *labels) {
    for (size_t i = 0; i < m->n; i++) {
        if (!tu_matcher_match(&m->items[i], tu_labels_get(labels, m->items[i].label)))
            return false;
    }
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

typedef struct parser {
    tu_arena *arena;
    tu_str text;
    size_t at;
    size_t *column; /* where it is wrong */
    tu_error **error;
} parser;

static tu_rc __attribute__((format(printf, 3, 4)))
wrong(parser *p, size_t at, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (p->column)
        *p->column = at;
    return tu_error_set(p->error, TU_EINVALID, "%s", message);
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(parser *p) {
    while (p->at < p->text.n && is_space(p->text.p[p->at]))
        p->at++;
}

static bool is_name_byte(char c, bool first) {
    bool letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
    return letter || (!first && c && ((c >= '0' && c <= '9') || strchr(".:/-", c)));
}

static bool is_bare_byte(char c) {
    return (unsigned char)c > ' ' && c != 0x7f && !strchr("{}!=~,\"'`\\", c);
}

/* keeps: a backslash that escapes neither itself nor a quote stays, as regular expressions have many. */
static tu_rc take_quoted(parser *p, bool keeps, tu_str *ret) {
    size_t begin = p->at++, n = 0;
    char *out = tu_arena_alloc(p->arena, p->text.n - begin);
    if (!out)
        return tu_error_memory(p->error);
    for (; p->at < p->text.n && p->text.p[p->at] != '"'; p->at++) {
        char c = p->text.p[p->at], next = p->at + 1 < p->text.n ? p->text.p[p->at + 1] : '\0';
        if (c != '\\' || p->at + 1 == p->text.n) {
            out[n++] = c;
            continue;
        }
        bool known = next == '"' || next == '\\' || next == 'n';
        if (!known && !keeps) {
            tu_rc rc = wrong(p, p->at, "'\\%c' means nothing here", next);
            tu_error_hint(p->error, "write \\\\ for a backslash");
            return rc;
        }
        if (known)
            p->at++;
        out[n++] = !known ? c : next == 'n' ? '\n' : next;
    }
    if (p->at == p->text.n)
        return wrong(p, begin, "a '\"' without its end");
    p->at++;
    *ret = (tu_str){out, n};
    return TU_OK;
}

static tu_rc take_name(parser *p, tu_str *ret) {
    size_t begin = p->at;
    if (p->at < p->text.n && p->text.p[p->at] == '"') {
        tu_rc rc = take_quoted(p, false, ret);
        return rc == TU_OK && ret->n == 0 ? wrong(p, begin, "a label's name can't be empty") : rc;
    }
    while (p->at < p->text.n && is_name_byte(p->text.p[p->at], p->at == begin))
        p->at++;
    *ret = (tu_str){p->text.p + begin, p->at - begin};
    if (ret->n > 0)
        return TU_OK;
    tu_rc rc = p->text.n == begin ? wrong(p, begin, "an empty condition")
                                  : wrong(p, begin, "a condition begins with a label's name");
    if (p->text.n > begin && p->text.p[begin] == '{')
        tu_error_hint(p->error, "leave the braces out: each condition is an item of its own");
    else
        tu_error_hint(p->error, "write it like severity = critical or team =~ \"pay.*\"");
    return rc;
}

static tu_rc take_operator(parser *p, tu_str name, tu_match_operator *ret) {
    static const struct {
        const char *text, *meant; /* meant: it is a slip of the pen for that */
        tu_match_operator operator;
    } operators[] = {
        {"==", "=", 0},
        {"~=", "=~", 0},
        {"=~", NULL, TU_MATCH_REGEX},
        {"=!", "!=", 0},
        {"<>", "!=", 0},
        {"!=", NULL, TU_MATCH_NOT_EQUAL},
        {"~!", "!~", 0},
        {"!~", NULL, TU_MATCH_NOT_REGEX},
        {"=", NULL, TU_MATCH_EQUAL},
        {":", "=", 0},
        {"~", "=~", 0},
    };
    size_t begin = p->at;
    tu_str rest = {p->text.p + begin, p->text.n - begin};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!tu_str_starts(rest, operators[i].text))
            continue;
        if (operators[i].meant) {
            wrong(p, begin, "'%s' is none of =, !=, =~ and !~", operators[i].text);
            tu_error_hint(p->error, "did you mean '%s'?", operators[i].meant);
            return TU_EINVALID;
        }
        p->at += strlen(operators[i].text);
        *ret = operators[i].operator;
        return TU_OK;
    }
    wrong(p, begin, "behind the label '%.*s' must stand one of =, !=, =~ and !~", TU_P(name));
    tu_error_hint(p->error, "write it like %.*s = value", TU_P(name));
    return TU_EINVALID;
}

/* Everything from `begin` on, as it would stand in quotes. */
static void hint_quotes(parser *p, size_t begin) {
    tu_str rest = {p->text.p + begin, p->text.n - begin};
    while (rest.n > 0 && is_space(rest.p[rest.n - 1]))
        rest.n--;
    if (rest.n >= 2 && rest.p[0] == rest.p[rest.n - 1] && (rest.p[0] == '\'' || rest.p[0] == '`'))
        rest = (tu_str){rest.p + 1, rest.n - 2};
    if (rest.n > 0 && rest.n < 200 && !memchr(rest.p, '"', rest.n))
        tu_error_hint(p->error, "put the value in double quotes: \"%.*s\"", TU_P(rest));
    else
        tu_error_hint(p->error, "put the value in double quotes");
}

static tu_rc take_value(parser *p, bool is_regex, tu_str *ret) {
    size_t begin = p->at;
    if (p->at == p->text.n) {
        tu_rc rc = wrong(p, begin, "the value is missing");
        tu_error_hint(p->error, "write \"\" for a label that isn't there");
        return rc;
    }
    if (p->text.p[p->at] == '"')
        return take_quoted(p, is_regex, ret);
    while (p->at < p->text.n && is_bare_byte(p->text.p[p->at]))
        p->at++;
    *ret = (tu_str){p->text.p + begin, p->at - begin};
    return TU_OK;
}

static tu_rc check_end(parser *p, size_t value_at) {
    size_t end = p->at;
    skip_space(p);
    if (p->at == p->text.n)
        return TU_OK;
    bool quoted = p->text.p[value_at] == '"';
    if (p->text.p[p->at] == ',') {
        tu_rc rc = wrong(p, p->at, "one condition ends here");
        tu_error_hint(p->error, "each condition is an item of its own");
        return rc;
    }
    if (quoted)
        return wrong(p, p->at, "something stands behind the condition's end: '%.*s'",
                     (int)(p->text.n - p->at), p->text.p + p->at);
    tu_rc rc = wrong(p, end, "a value with '%c' in it must stand in quotes", p->text.p[end]);
    hint_quotes(p, value_at);
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_word(tu_buf *out, tu_str s, bool bare) {
    if (bare) {
        tu_buf_add(out, s);
        return;
    }
    tu_buf_add_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            tu_buf_add_byte(out, '\\');
        tu_buf_add_c(out, s.p[i] == '\n' ? "\\n" : "");
        if (s.p[i] != '\n')
            tu_buf_add_byte(out, s.p[i]);
    }
    tu_buf_add_byte(out, '"');
}

void tu_matcher_write(tu_buf *out, tu_str label, tu_str value) {
    bool bare_label = label.n > 0, bare_value = value.n > 0;
    for (size_t i = 0; i < label.n; i++)
        bare_label &= is_name_byte(label.p[i], i == 0);
    for (size_t i = 0; i < value.n; i++)
        bare_value &= is_bare_byte(value.p[i]);
    write_word(out, label, bare_label);
    tu_buf_add_byte(out, '=');
    write_word(out, value, bare_value);
}

/* --- the whole -------------------------------------------------------------------------------- */

tu_rc tu_matcher_parse(tu_arena *a, tu_str text, tu_matcher *ret, size_t *column,
                       tu_error **error) {
    parser p = {.arena = a, .text = text, .column = column, .error = error};
    tu_matcher m = {.text = text};
    if (column)
        *column = 0;
    if (text.n > TU_LIMIT_MATCHER_BYTES)
        return wrong(&p, 0, "a condition of more than %u bytes (TU_LIMIT_MATCHER_BYTES)",
                     TU_LIMIT_MATCHER_BYTES);
    if (!tu_utf8_valid(text))
        return wrong(&p, 0, "a condition must be valid UTF-8");
    skip_space(&p);
    tu_rc rc = take_name(&p, &m.label);
    skip_space(&p);
    if (rc == TU_OK)
        rc = take_operator(&p, m.label, &m.operator);
    skip_space(&p);
    size_t value_at = p.at;
    bool is_regex = m.operator== TU_MATCH_REGEX || m.operator== TU_MATCH_NOT_REGEX;
    if (rc == TU_OK)
        rc = take_value(&p, is_regex, &m.value);
    if (rc == TU_OK)
        rc = check_end(&p, value_at);
    if (rc != TU_OK || !is_regex) {
        if (rc == TU_OK)
            *ret = m;
        return rc;
    }
    struct tu_regex *r = tu_arena_zalloc(a, sizeof *r);
    bool out_of_memory = !r;
    size_t at = 0;
    if (r && !simplify(a, m.value, r, &out_of_memory) && !out_of_memory) {
        r->form = FORM_CODE;
        rc = compile(a, m.value, r, &at, error);
    }
    if (out_of_memory)
        return tu_error_memory(error);
    if (rc != TU_OK) {
        if (column)
            *column = value_at + (text.p[value_at] == '"') + at;
        return rc;
    }
    m.regex = r;
    *ret = m;
    return TU_OK;
}
