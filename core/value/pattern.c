/*
 * value/pattern.c: globs and path patterns, compiled.
 *
 * A pattern for an item's value is turned into a glob for the text that pointer.c writes: both are
 * escaped in the same way, so that matching takes nothing apart and allocates nothing.
 *
 *     /spec/template/ ** /containers/[name=a*]/image
 *     '---- head ---' '------------ steps ---------'
 */
#include "value/pattern.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

/* --- words ------------------------------------------------------------------------------------ */

static bool has_wildcard(tu_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (strchr("*?[\\", s.p[i]) && s.p[i])
            return true;
    return false;
}

tu_word tu_word_compile(tu_str text) {
    tu_str behind = {text.n ? text.p + 1 : text.p, text.n ? text.n - 1 : 0};
    tu_str before = {text.p, behind.n};
    if (!has_wildcard(text))
        return (tu_word){text, text, TU_WORD_EXACT};
    if (text.n == 1 && text.p[0] == '*')
        return (tu_word){text, behind, TU_WORD_ANY};
    if (text.p[text.n - 1] == '*' && !has_wildcard(before))
        return (tu_word){text, before, TU_WORD_PREFIX};
    if (text.p[0] == '*' && !has_wildcard(behind))
        return (tu_word){text, behind, TU_WORD_SUFFIX};
    return (tu_word){text, text, TU_WORD_GLOB};
}

static bool begins(tu_str s, tu_str with) {
    return s.n >= with.n && (with.n == 0 || memcmp(s.p, with.p, with.n) == 0);
}

static bool ends(tu_str s, tu_str with) {
    return s.n >= with.n && (with.n == 0 || memcmp(s.p + s.n - with.n, with.p, with.n) == 0);
}

bool tu_word_match(const tu_word *w, tu_str text) {
    switch (w->form) {
    case TU_WORD_ANY:
        return true;
    case TU_WORD_EXACT:
        return tu_str_eq(w->bare, text);
    case TU_WORD_PREFIX:
        return begins(text, w->bare);
    case TU_WORD_SUFFIX:
        return ends(text, w->bare);
    default:
        return tu_glob(w->text, text);
    }
}

bool tu_words_match(const tu_words *w, tu_str text) {
    for (size_t i = 0; i < w->n; i++)
        if (tu_word_match(&w->items[i], text))
            return true;
    return w->n == 0;
}

bool tu_word_covers(const tu_word *wide, const tu_word *narrow) {
    if (wide->form == TU_WORD_ANY || tu_str_eq(wide->text, narrow->text))
        return true;
    switch (narrow->form) {
    case TU_WORD_EXACT:
        return tu_word_match(wide, narrow->bare);
    case TU_WORD_PREFIX:
        return wide->form == TU_WORD_PREFIX && begins(narrow->bare, wide->bare);
    case TU_WORD_SUFFIX:
        return wide->form == TU_WORD_SUFFIX && ends(narrow->bare, wide->bare);
    default:
        return false;
    }
}

/* --- compiling a path ------------------------------------------------------------------------- */

static tu_str take_step(tu_str *path) {
    size_t end = 1;
    while (end < path->n && path->p[end] != '/')
        end++;
    tu_str step = {path->p + 1, end - 1};
    *path = (tu_str){path->p + end, path->n - end};
    return step;
}

/* Up to the first `end` that isn't escaped, which is taken too. */
static tu_str take_unescaped(tu_str *s, char end, bool *ret_found) {
    size_t i = 0;
    while (i < s->n && s->p[i] != end)
        i += s->p[i] == '\\' && i + 1 < s->n ? 2 : 1;
    *ret_found = i < s->n;
    tu_str part = {s->p, i};
    size_t skip = *ret_found ? i + 1 : i;
    *s = (tu_str){s->p + skip, s->n - skip};
    return part;
}

static void add_literal(tu_buf *b, char c, const char *special, bool glob) {
    if (c != '\0' && strchr(special, c))
        tu_buf_add_c(b, glob ? "\\\\" : "\\"); /* what pointer.c writes before it */
    if (glob && c != '\0' && strchr("*?[\\", c))
        tu_buf_add_byte(b, '\\');
    tu_buf_add_byte(b, c);
}

/* What is written between brackets, as pointer.c would write it; with glob, as a glob that matches
 * that. */
static tu_str rewrite(tu_arena *a, tu_str written, const char *special, bool glob) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(TU_LIMIT_CONFIG_BYTES);
    for (size_t i = 0; i < written.n; i++) {
        char c = written.p[i];
        if (c == '\\' && i + 1 < written.n)
            add_literal(&b, written.p[++i], special, glob);
        else if (glob && (c == '*' || c == '?'))
            tu_buf_add_byte(&b, c);
        else
            add_literal(&b, c, special, glob);
    }
    return b.rc ? (tu_str){NULL, 0} : tu_arena_copy(a, tu_buf_str(&b));
}

/* inner: "name=app,protocol=TCP" */
static const char *compile_item(tu_arena *a, tu_str inner, tu_path_step *step, bool *ret_memory) {
    size_t most = 1;
    for (size_t i = 0; i < inner.n; i++)
        most += inner.p[i] == ',';
    step->kind = TU_PATH_ITEM;
    step->pairs = tu_arena_zalloc(a, most * sizeof *step->pairs);
    *ret_memory |= !step->pairs;
    bool more = true;
    while (more && step->pairs) {
        bool equals;
        tu_str value = take_unescaped(&inner, ',', &more);
        tu_str key = take_unescaped(&value, '=', &equals);
        if (!equals)
            return "has a '[...]' in which a key lacks its '=value'";
        tu_path_pair *pair = &step->pairs[step->pair_count++];
        pair->key = rewrite(a, key, "],\\=", false);
        tu_str glob = rewrite(a, value, "],\\", true);
        *ret_memory |= !pair->key.p || !glob.p;
        pair->value = tu_word_compile(glob);
    }
    return NULL;
}

/* Does the step end in a bracket that no backslash takes the meaning of? */
static bool is_closed(tu_str s) {
    size_t backslashes = 0;
    while (backslashes + 1 < s.n && s.p[s.n - 2 - backslashes] == '\\')
        backslashes++;
    return s.n > 1 && s.p[s.n - 1] == ']' && backslashes % 2 == 0;
}

static const char *compile_step(tu_arena *a, tu_str s, tu_path_step *ret, bool *ret_memory) {
    *ret = (tu_path_step){.kind = TU_PATH_WORD};
    if (tu_str_is(s, "**")) {
        ret->kind = TU_PATH_DEEP;
    } else if (tu_str_is(s, "[*]")) {
        ret->kind = TU_PATH_ANY_ITEM;
    } else if (s.n && s.p[0] == '[' && memchr(s.p, '=', s.n)) {
        if (!is_closed(s))
            return "has a '[key=value' without its ']'";
        return compile_item(a, (tu_str){s.p + 1, s.n - 2}, ret, ret_memory);
    } else if (s.n > 2 && s.p[0] == '[' && is_closed(s) && !memchr(s.p, ']', s.n - 1)) {
        return "has a '[...]' without '=' (write [key=*] or [*] for any item of a list)";
    } else {
        ret->word = tu_word_compile(s);
    }
    return NULL;
}

static bool is_plain(const tu_path_step *s) {
    return s->kind == TU_PATH_WORD && s->word.form == TU_WORD_EXACT;
}

const char *tu_path_pattern_compile(tu_arena *a, tu_str text, tu_path_pattern *ret,
                                    bool *ret_memory) {
    *ret = (tu_path_pattern){.text = text, .head = text};
    if (text.n && text.p[0] != '/')
        return "doesn't begin with '/'";
    size_t most = 0;
    for (size_t i = 0; i < text.n; i++)
        most += text.p[i] == '/';
    tu_path_step *steps = tu_arena_alloc(a, most * sizeof *steps);
    if (!steps) {
        *ret_memory = true;
        return NULL;
    }
    bool head = true;
    tu_str rest = text;
    ret->head.n = 0;
    while (rest.n) {
        tu_path_step step;
        const char *fault = compile_step(a, take_step(&rest), &step, ret_memory);
        if (fault)
            return fault;
        head = head && is_plain(&step);
        if (head) {
            ret->head.n = text.n - rest.n;
            ret->head_steps++;
        } else {
            steps[ret->n++] = step;
        }
    }
    ret->steps = steps;
    return NULL;
}

tu_path_step *tu_path_pattern_steps(tu_arena *a, const tu_path_pattern *p, size_t *ret_n) {
    size_t most = p->n, n = 0;
    for (size_t i = 0; i < p->head.n; i++)
        most += p->head.p[i] == '/';
    tu_path_step *steps = tu_arena_alloc(a, most * sizeof *steps);
    tu_str rest = p->head;
    while (steps && rest.n)
        steps[n++] =
            (tu_path_step){.kind = TU_PATH_WORD, .word = tu_word_compile(take_step(&rest))};
    if (steps && p->n)
        memcpy(steps + n, p->steps, p->n * sizeof *steps);
    *ret_n = n + p->n;
    return steps;
}

/* --- matching --------------------------------------------------------------------------------- */

static bool is_item(tu_str step) {
    if (step.n && step.p[0] == '[')
        return true;
    for (size_t i = 0; i < step.n; i++)
        if (step.p[i] < '0' || step.p[i] > '9')
            return false;
    return step.n > 0;
}

static bool has_pair(tu_str inner, const tu_path_pair *wanted) {
    bool more = true, equals;
    while (more) {
        tu_str value = take_unescaped(&inner, ',', &more);
        tu_str key = take_unescaped(&value, '=', &equals);
        if (equals && tu_str_eq(key, wanted->key) && tu_word_match(&wanted->value, value))
            return true;
    }
    return false;
}

static bool step_matches(const tu_path_step *p, tu_str step) {
    if (p->kind == TU_PATH_WORD)
        return tu_word_match(&p->word, step);
    if (p->kind == TU_PATH_ANY_ITEM)
        return is_item(step);
    if (step.n < 2 || step.p[0] != '[' || step.p[step.n - 1] != ']')
        return false;
    for (size_t i = 0; i < p->pair_count; i++)
        if (!has_pair((tu_str){step.p + 1, step.n - 2}, &p->pairs[i]))
            return false;
    return true;
}

void tu_path_cut_make(tu_path_cut *cut, tu_str path) {
    cut->path = path;
    cut->n = 0;
    while (path.n && path.p[0] == '/' && cut->n < TU_PATH_STEPS)
        cut->steps[cut->n++] = take_step(&path);
}

bool tu_path_pattern_match_cut(const tu_path_pattern *p, const tu_path_cut *path) {
    const tu_str text = path->path;
    if (!begins(text, p->head) || (text.n > p->head.n && text.p[p->head.n] != '/'))
        return false;
    /* behind the last "**", and the steps that it has not swallowed yet */
    size_t i = 0, again = 0, at = p->head_steps, again_at = 0;
    while (i < p->n) {
        if (p->steps[i].kind == TU_PATH_DEEP) {
            again = ++i;
            again_at = at;
        } else if (at < path->n && step_matches(&p->steps[i], path->steps[at])) {
            i++;
            at++;
        } else if (again && again_at < path->n) {
            i = again;
            at = ++again_at;
        } else {
            return false;
        }
    }
    return true;
}

bool tu_path_pattern_match(const tu_path_pattern *p, tu_str path) {
    tu_path_cut cut;
    tu_path_cut_make(&cut, path);
    return tu_path_pattern_match_cut(p, &cut);
}

bool tu_path_patterns_match(const tu_path_patterns *p, const tu_path_cut *path) {
    for (size_t i = 0; i < p->n; i++)
        if (tu_path_pattern_match_cut(&p->items[i], path))
            return true;
    return p->n == 0;
}

/* --- which is wider --------------------------------------------------------------------------- */

static bool has_wider_pair(const tu_path_pair *wide, const tu_path_step *narrow) {
    for (size_t i = 0; i < narrow->pair_count; i++)
        if (tu_str_eq(wide->key, narrow->pairs[i].key) &&
            tu_word_covers(&wide->value, &narrow->pairs[i].value))
            return true;
    return false;
}

static bool step_covers(const tu_path_step *wide, const tu_path_step *narrow) {
    if (narrow->kind == TU_PATH_DEEP)
        return false;
    if (wide->kind == TU_PATH_WORD && wide->word.form == TU_WORD_ANY)
        return true;
    if (wide->kind == TU_PATH_WORD)
        return narrow->kind == TU_PATH_WORD && tu_word_covers(&wide->word, &narrow->word);
    if (wide->kind == TU_PATH_ANY_ITEM)
        return narrow->kind == TU_PATH_ITEM || narrow->kind == TU_PATH_ANY_ITEM;
    for (size_t i = 0; i < wide->pair_count; i++)
        if (narrow->kind != TU_PATH_ITEM || !has_wider_pair(&wide->pairs[i], narrow))
            return false;
    return true;
}

/* Greedy, as matching is: a "**" of `wide` may stand for any steps of `narrow`, those that are "**"
 * themselves too. What is left of `narrow` lies below and is covered. */
static bool steps_cover(const tu_path_step *wide, size_t wide_n, const tu_path_step *narrow,
                        size_t narrow_n) {
    size_t w = 0, n = 0, again = 0, again_n = 0;
    while (w < wide_n) {
        if (wide[w].kind == TU_PATH_DEEP) {
            again = ++w;
            again_n = n;
        } else if (n < narrow_n && step_covers(&wide[w], &narrow[n])) {
            w++;
            n++;
        } else if (again && again_n < narrow_n) {
            w = again;
            n = ++again_n;
        } else {
            return false;
        }
    }
    return true;
}

bool tu_path_pattern_covers(const tu_path_pattern *wide, const tu_path_pattern *narrow) {
    _cleanup_(tu_arena_done) tu_arena a;
    tu_arena_init(&a, 0);
    size_t wide_n, narrow_n;
    const tu_path_step *w = tu_path_pattern_steps(&a, wide, &wide_n);
    const tu_path_step *n = tu_path_pattern_steps(&a, narrow, &narrow_n);
    return w && n && steps_cover(w, wide_n, n, narrow_n);
}
