/*
 * report/hunk.c: one change as lines of YAML, the way a person would point at it in the manifest.
 *
 *     /spec/template/spec/containers/[name=app]/image        /metadata/labels/tier (added)
 *         - name: app                                            labels:
 *     -     image: acme/cart:latest                          -     tier: web
 *     +     image: acme/cart:1.4.2
 *
 * The surroundings come from the path: its last step but one, with the key of a list's item. "-" is
 * what is live, "+" what the source says. Texts and structures are compared line by line; what would
 * look equal on paper (sealed values, the newline at the end, line ends) is said in words.
 */
#include "base/mem.h"
#include "base/str.h"
#include "report/show.h"
#include "value/json.h"

#define CONTEXT_LINES 3
#define LONG_COLUMNS 100 /* two longer ones are shown around where they differ */
#define AROUND_COLUMNS 24
#define LINE_BYTES_MOST 2000

typedef struct hunk {
    tu_diff_line *line;
    void *arg;
    size_t max, indent; /* of lines that come from tu_diff_lines() */
    size_t shown;       /* lines that differ */
    bool pictures;      /* one of them has a picture of what can't be seen */
} hunk;

/* A line that is longer than anybody reads says how much more there is. */
static void put(const hunk *h, char mark, tu_str text) {
    if (text.n <= LINE_BYTES_MOST) {
        h->line(h->arg, mark, text);
        return;
    }
    size_t n = LINE_BYTES_MOST;
    while (n > 0 && (text.p[n] & 0xc0) == 0x80)
        n--;
    tu_buf cut = TU_BUF_INIT(2 * LINE_BYTES_MOST);
    tu_buf_add(&cut, (tu_str){text.p, n});
    tu_buf_addf(&cut, "… (%zu bytes more)", text.n - n);
    h->line(h->arg, mark, tu_buf_str(&cut));
    tu_buf_done(&cut);
}

static void remark(const hunk *h, const char *text) {
    put(h, '#', tu_str_c(text));
}

/* Every line of the text with the mark. */
static void emit(hunk *h, char mark, tu_str text) {
    while (text.n > 0) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n;
        put(h, mark, (tu_str){text.p, n});
        n += end != NULL;
        text = (tu_str){text.p + n, text.n - n};
    }
}

/* --- the surroundings -------------------------------------------------------------------------- */

/* The step before s->n, which ends the path's rest; the rest gets shorter. */
static tu_str take_last(tu_str *path) {
    size_t begin = path->n;
    while (begin > 0 && path->p[begin - 1] != '/')
        begin--;
    tu_str step = {path->p + begin, path->n - begin};
    path->n = begin > 0 ? begin - 1 : 0;
    return step;
}

static bool is_item(tu_str step) {
    return step.n >= 2 && step.p[0] == '[' && step.p[step.n - 1] == ']';
}

/* A name or a value of a step, without its escapes (value/pointer.h). */
static void add_unescaped(tu_buf *out, tu_str s, bool item) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '~' && i + 1 < s.n && (s.p[i + 1] == '0' || s.p[i + 1] == '1'))
            c = s.p[++i] == '0' ? '~' : '/';
        else if (item && c == '\\' && i + 1 < s.n)
            c = s.p[++i];
        tu_buf_add_byte(out, c);
    }
}

static size_t find_unescaped(tu_str s, size_t from, char wanted) {
    while (from < s.n && s.p[from] != wanted)
        from += s.p[from] == '\\' ? 2 : 1;
    return from < s.n ? from : s.n;
}

/* "[name=app,protocol=TCP]" as "- name: app" and "  protocol: TCP"; "[=x]" as "- x". The path knows
 * no types, so values stand as they are there. */
static void add_item(tu_buf *out, tu_str step) {
    step = (tu_str){step.p + 1, step.n - 2};
    for (size_t at = 0, begin = 0; begin <= step.n; begin = at + 1) {
        at = find_unescaped(step, begin, ',');
        tu_str pair = {step.p + begin, at - begin};
        size_t equals = find_unescaped(pair, 0, '=');
        tu_buf raw = TU_BUF_INIT(out->max);
        tu_buf_add_c(out, begin == 0 ? "- " : "  ");
        if (equals > 0) {
            add_unescaped(&raw, (tu_str){pair.p, equals}, true);
            tu_show_key(out, tu_buf_str(&raw));
            tu_buf_add_byte(out, ' ');
            tu_buf_clear(&raw);
        }
        if (equals < pair.n)
            add_unescaped(&raw, (tu_str){pair.p + equals + 1, pair.n - equals - 1}, true);
        tu_show_safe(out, tu_buf_str(&raw));
        tu_buf_add_byte(out, '\n');
        tu_buf_done(&raw);
    }
}

static void add_name(tu_buf *out, tu_str step) {
    tu_buf raw = TU_BUF_INIT(out->max);
    add_unescaped(&raw, step, false);
    tu_show_key(out, tu_buf_str(&raw));
    tu_buf_done(&raw);
}

/* The line above, when the path has one. */
static void emit_parent(hunk *h, tu_str path) {
    tu_str parent = take_last(&path);
    if (parent.n == 0)
        return;
    tu_buf text = TU_BUF_INIT(h->max);
    if (is_item(parent)) {
        add_item(&text, parent);
    } else {
        add_name(&text, parent);
        tu_buf_add_byte(&text, '\n');
    }
    emit(h, ' ', tu_buf_str(&text));
    tu_buf_done(&text);
    h->indent = 2;
}

/* --- values ------------------------------------------------------------------------------------ */

static void add_blanks(tu_buf *out, size_t n) {
    while (n-- > 0)
        tu_buf_add_byte(out, ' ');
}

/* The member or item that the step names, whole. */
static void add_whole(tu_buf *out, tu_str step, const tu_value *v, size_t indent) {
    if (is_item(step)) {
        tu_show_item(out, v, indent);
    } else if (step.n == 0) { /* the object itself */
        tu_show_block(out, v, 0);
    } else {
        tu_buf raw = TU_BUF_INIT(out->max);
        add_unescaped(&raw, step, false);
        tu_show_member(out, tu_buf_str(&raw), v, indent);
        tu_buf_done(&raw);
    }
}

static void emit_whole(hunk *h, char mark, tu_str step, const tu_value *v) {
    tu_buf text = TU_BUF_INIT(h->max);
    add_whole(&text, step, v, h->indent);
    emit(h, mark, tu_buf_str(&text));
    h->shown += mark != ' ';
    tu_buf_done(&text);
}

static void pass_on(void *arg, char mark, tu_str text) {
    hunk *h = arg;
    static const char *const pictures[] = {"→", "·", "␍"};
    bool differs = mark == '-' || mark == '+';
    h->shown += differs;
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures && differs; i++)
        h->pictures |= memmem(text.p, text.n, pictures[i], strlen(pictures[i])) != NULL;
    put(h, mark, text);
}

static void emit_lines(hunk *h, tu_str live, tu_str desired) {
    tu_diff_lines(live, desired, CONTEXT_LINES, pass_on, h);
}

/* Two long single lines: where they differ, with a little before and behind. */
static void emit_around(hunk *h, tu_str a, tu_str b) {
    size_t shorter = a.n < b.n ? a.n : b.n, head = 0, tail = 0;
    while (head < shorter && a.p[head] == b.p[head])
        head++;
    while (tail < shorter - head && a.p[a.n - 1 - tail] == b.p[b.n - 1 - tail])
        tail++;
    size_t from = head > AROUND_COLUMNS ? head - AROUND_COLUMNS : 0;
    size_t behind = tail > AROUND_COLUMNS ? tail - AROUND_COLUMNS : 0;
    while (from > 0 && (a.p[from] & 0xc0) == 0x80)
        from--;
    while (behind > 0 && (a.p[a.n - behind] & 0xc0) == 0x80)
        behind--;
    const tu_str sides[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        tu_buf line = TU_BUF_INIT(h->max);
        size_t end = sides[i].n - behind;
        add_blanks(&line, from > 0 ? h->indent : 0);
        if (from > 0)
            tu_buf_addf(&line, "(%zu bytes) …", from > h->indent ? from - h->indent : from);
        tu_buf_add(&line, (tu_str){sides[i].p + from, end - from});
        if (behind > 0)
            tu_buf_addf(&line, "… (%zu bytes)", behind);
        put(h, i == 0 ? '-' : '+', tu_buf_str(&line));
        tu_buf_done(&line);
    }
    h->shown++;
}

static void emit_scalars(hunk *h, tu_str step, const tu_value *live, const tu_value *desired) {
    tu_buf texts[2] = {TU_BUF_INIT(h->max), TU_BUF_INIT(h->max)};
    add_whole(&texts[0], step, live, h->indent);
    add_whole(&texts[1], step, desired, h->indent);
    tu_str a = tu_buf_str(&texts[0]), b = tu_buf_str(&texts[1]);
    bool single = a.n > LONG_COLUMNS && b.n > LONG_COLUMNS && memchr(a.p, '\n', a.n - 1) == NULL &&
                  memchr(b.p, '\n', b.n - 1) == NULL && !tu_str_eq(a, b);
    if (single) {
        emit_around(h, (tu_str){a.p, a.n - 1}, (tu_str){b.p, b.n - 1});
    } else {
        emit(h, '-', a);
        emit(h, '+', b);
        h->shown++;
    }
    for (size_t i = 0; i < 2; i++)
        tu_buf_done(&texts[i]);
}

/* --- texts -------------------------------------------------------------------------------------- */

static bool ends_in_newline(tu_str s) {
    return s.n > 0 && s.p[s.n - 1] == '\n';
}

static size_t count_returns(tu_str s) {
    size_t n = 0;
    for (size_t i = 0; i + 1 < s.n; i++)
        n += s.p[i] == '\r' && s.p[i + 1] == '\n';
    return n;
}

/* Are they the same but for "\r" before "\n"? */
static bool only_line_ends_differ(tu_str a, tu_str b) {
    if (count_returns(a) == count_returns(b))
        return false;
    size_t i = 0, k = 0;
    while (i < a.n && k < b.n) {
        i += i + 1 < a.n && a.p[i] == '\r' && a.p[i + 1] == '\n';
        k += k + 1 < b.n && b.p[k] == '\r' && b.p[k + 1] == '\n';
        if (a.p[i] != b.p[k])
            return false;
        i++, k++;
    }
    return i == a.n && k == b.n;
}

/* A text whose first line is "key: |" and whose lines stand below it. */
static void emit_texts(hunk *h, tu_str step, tu_str live, tu_str desired) {
    tu_buf texts[2] = {TU_BUF_INIT(h->max), TU_BUF_INIT(h->max)};
    if (is_item(step)) {
        tu_buf_add_c(&texts[0], "- |");
    } else {
        add_blanks(&texts[0], h->indent);
        add_name(&texts[0], step);
        tu_buf_add_c(&texts[0], " |");
    }
    put(h, ' ', tu_buf_str(&texts[0]));
    tu_buf_clear(&texts[0]);
    if (only_line_ends_differ(live, desired)) {
        tu_buf_addf(&texts[1], "(only line ends differ: %zu are CRLF, should be %zu)",
                    count_returns(live), count_returns(desired));
        remark(h, tu_buf_c(&texts[1]));
    } else {
        const tu_str sides[] = {live, desired};
        for (size_t i = 0; i < 2; i++) {
            tu_show_text(&texts[i], sides[i], h->indent + 2);
            if (ends_in_newline(live) != ends_in_newline(desired) && !ends_in_newline(sides[i]))
                tu_buf_add_c(&texts[i], "\\ no newline at the end\n");
        }
        emit_lines(h, tu_buf_str(&texts[0]), tu_buf_str(&texts[1]));
        if (h->pictures)
            remark(h, "(→ is a tab, · a blank at the end, ␍ a carriage return)");
    }
    for (size_t i = 0; i < 2; i++)
        tu_buf_done(&texts[i]);
}

/* Two maps or two lists: the name stays, what is below is compared. */
static void emit_structures(hunk *h, tu_str step, const tu_value *live, const tu_value *desired) {
    tu_buf texts[2] = {TU_BUF_INIT(h->max), TU_BUF_INIT(h->max)};
    tu_arena a;
    tu_arena_init(&a, 0);
    const tu_value *sides[] = {tu_show_in_order_of(&a, live, desired), desired};
    bool named = step.n > 0 && !is_item(step);
    if (named) {
        add_blanks(&texts[0], h->indent);
        add_name(&texts[0], step);
        put(h, ' ', tu_buf_str(&texts[0]));
        tu_buf_clear(&texts[0]);
    }
    for (size_t i = 0; i < 2; i++) {
        if (named)
            tu_show_block(&texts[i], sides[i], h->indent + 2);
        else
            add_whole(&texts[i], step, sides[i], h->indent);
    }
    emit_lines(h, tu_buf_str(&texts[0]), tu_buf_str(&texts[1]));
    for (size_t i = 0; i < 2; i++)
        tu_buf_done(&texts[i]);
    tu_arena_done(&a);
}

static void emit_order(hunk *h, tu_str step, const tu_value *live, const tu_value *desired) {
    const tu_change c = {.live = live, .desired = desired};
    tu_buf name = TU_BUF_INIT(h->max);
    add_blanks(&name, h->indent);
    add_name(&name, step);
    put(h, ' ', tu_buf_str(&name));
    tu_buf_done(&name);
    tu_show_order(&c, h->indent + 2, pass_on, h);
}

static void emit_values(hunk *h, tu_str step, const tu_value *live, const tu_value *desired) {
    if (!is_item(step) && tu_show_is_reordered(live, desired)) {
        emit_order(h, step, live, desired);
        return;
    }
    bool structures =
        live->type == desired->type && tu_value_count(live) > 0 && tu_value_count(desired) > 0;
    if (tu_value_is(live, TU_STRING) && tu_value_is(desired, TU_STRING) &&
        (tu_show_is_text(live) || tu_show_is_text(desired)))
        emit_texts(h, step, live->string, desired->string);
    else if (structures)
        emit_structures(h, step, live, desired);
    else
        emit_scalars(h, step, live, desired);
    if (tu_value_is(live, TU_SEALED) && tu_value_is(desired, TU_SEALED))
        remark(h, "(the values differ and are kept secret)");
    else if (h->shown == 0 &&
             !only_line_ends_differ(tu_value_string(live), tu_value_string(desired)))
        remark(h, "(they read the same: something sealed differs)");
}

/* --- by kind ------------------------------------------------------------------------------------ */

static void emit_duplicate(hunk *h, tu_str step) {
    tu_buf text = TU_BUF_INIT(h->max);
    if (is_item(step)) {
        add_item(&text, step);
        emit(h, ' ', tu_buf_str(&text));
        emit(h, '-', tu_buf_str(&text));
    }
    remark(h, "(it is there more than once)");
    tu_buf_done(&text);
}

static void emit_ownership(hunk *h, tu_str step, const tu_value *v) {
    if (v)
        emit_whole(h, ' ', step, v);
    remark(h, "(the value is the desired one, but the field is somebody else's now)");
}

void tu_show_hunk(const tu_change *c, tu_diff_line *line, void *arg) {
    hunk h = {.line = line, .arg = arg, .max = (size_t)1 << 30};
    tu_str path = c->path, step = take_last(&path);
    emit_parent(&h, path);
    const tu_value *live = c->kind == TU_CHANGE_REMOVED ? NULL : c->live;
    const tu_value *desired = c->kind == TU_CHANGE_ADDED ? NULL : c->desired;
    if (c->kind == TU_CHANGE_ORDER && tu_value_is(live, TU_LIST) && tu_value_is(desired, TU_LIST)) {
        emit_order(&h, step, live, desired);
    } else if (c->kind == TU_CHANGE_DUPLICATE) {
        emit_duplicate(&h, step);
    } else if (c->kind == TU_CHANGE_OWNERSHIP) {
        emit_ownership(&h, step, live ? live : desired);
    } else if (live && desired) {
        emit_values(&h, step, live, desired);
    } else if (live) {
        emit_whole(&h, '-', step, live);
    } else if (desired) {
        emit_whole(&h, '+', step, desired);
    } else {
        remark(&h, "(the value isn't known)");
    }
}
