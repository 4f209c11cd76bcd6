/*
 * report/diff.c: two texts line by line.
 *
 * What both begin and end with is set aside, the rest is aligned by Myers' greedy algorithm ("An
 * O(ND) Difference Algorithm and Its Variations", 1986): its cost grows with how much differs, not
 * with how long the texts are. EDITS_MOST bounds it; texts that differ in more lines are shown as
 * replaced whole, which is never wrong, only longer.
 *
 * The diagonal k = x - y holds in reached[k] how far along the live lines d edits lead; each step d
 * leaves a copy, and the way back through the copies is the script.
 */
#include "base/mem.h"
#include "base/str.h"
#include "report/show.h"

#define EDITS_MOST 1200

typedef struct lines {
    tu_str *items;
    size_t n;
} lines;

static lines split(tu_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '\n';
    lines l = {tu_xmalloc((n + 1) * sizeof *l.items), 0};
    for (size_t begin = 0; begin < s.n;) {
        const char *end = memchr(s.p + begin, '\n', s.n - begin);
        size_t length = end ? (size_t)(end - s.p) - begin : s.n - begin;
        l.items[l.n++] = (tu_str){s.p + begin, length};
        begin += length + 1;
    }
    return l;
}

/* One step of the result: keep a line of both, drop one of live, take one of desired. */
typedef struct script {
    char *marks; /* ' ', '-', '+' */
    size_t n;
} script;

static void add_mark(script *s, char mark) {
    s->marks[s->n++] = mark;
}

typedef struct search {
    const tu_str *a, *b;
    int32_t n, m;
    int32_t *reached; /* of diagonal k at k + EDITS_MOST + 1 */
    int32_t *steps[EDITS_MOST + 1];
} search;

/* Takes step d; true when it leads to the end of both. */
static bool take_step(search *s, int32_t d) {
    int32_t *reached = s->reached + EDITS_MOST + 1;
    for (int32_t k = -d; k <= d; k += 2) {
        bool down = k == -d || (k != d && reached[k - 1] < reached[k + 1]);
        int32_t x = down ? reached[k + 1] : reached[k - 1] + 1, y = x - k;
        while (x < s->n && y < s->m && tu_str_eq(s->a[x], s->b[y]))
            x++, y++;
        reached[k] = x;
        if (x >= s->n && y >= s->m)
            return true;
    }
    return false;
}

/* What step d - 1 had reached, of the diagonals that step d may come from. */
static bool remember(search *s, int32_t d) {
    size_t width = 2 * (size_t)d + 3;
    s->steps[d] = tu_malloc(width * sizeof *s->steps[d]);
    if (s->steps[d])
        memcpy(s->steps[d], s->reached + EDITS_MOST - d, width * sizeof *s->steps[d]);
    return s->steps[d] != NULL;
}

/* From the end back to the beginning; the marks come out in reverse. */
static void walk_back(const search *s, int32_t d, script *marks) {
    int32_t x = s->n, y = s->m;
    for (; d >= 0; d--) {
        const int32_t *before = s->steps[d] + d + 1;
        int32_t k = x - y;
        bool down = k == -d || (k != d && before[k - 1] < before[k + 1]);
        int32_t from = down ? k + 1 : k - 1, from_x = before[from], from_y = from_x - from;
        if (d == 0)
            from_x = from_y = 0;
        while (x > from_x && y > from_y) {
            add_mark(marks, ' ');
            x--, y--;
        }
        if (d > 0)
            add_mark(marks, down ? '+' : '-');
        x = from_x;
        y = from_y;
    }
}

/* Adds the script, or nothing when more than EDITS_MOST lines differ. */
static bool align(const tu_str *a, size_t n, const tu_str *b, size_t m, script *s) {
    search *w = tu_calloc(1, sizeof *w);
    script backwards = {tu_xmalloc(n + m + 1), 0};
    bool found = false, fits = n < INT32_MAX / 2 && m < INT32_MAX / 2;
    int32_t d = 0;
    if (w) {
        w->a = a, w->b = b, w->n = (int32_t)n, w->m = (int32_t)m;
        w->reached = tu_calloc(2 * EDITS_MOST + 3, sizeof *w->reached);
    }
    for (; w && w->reached && fits && !found && d <= EDITS_MOST && remember(w, d); d++)
        found = take_step(w, d);
    if (found)
        walk_back(w, d - 1, &backwards);
    while (backwards.n > 0)
        add_mark(s, backwards.marks[--backwards.n]);
    for (int32_t i = 0; w && i <= EDITS_MOST; i++)
        free(w->steps[i]);
    if (w)
        free(w->reached);
    free(w);
    free(backwards.marks);
    return found;
}

static void replace(size_t n, size_t m, script *s) {
    while (n-- > 0)
        add_mark(s, '-');
    while (m-- > 0)
        add_mark(s, '+');
}

/* Between two lines that stay, what goes stands before what comes. */
static void sort_marks(script *s) {
    for (size_t i = 0; i < s->n;) {
        size_t gone = 0, come = 0, begin = i;
        for (; i < s->n && s->marks[i] != ' '; i++) {
            gone += s->marks[i] == '-';
            come += s->marks[i] == '+';
        }
        memset(s->marks + begin, '-', gone);
        memset(s->marks + begin + gone, '+', come);
        i += i < s->n;
    }
}

static script compare(const lines *live, const lines *desired) {
    script s = {tu_xmalloc(live->n + desired->n + 1), 0};
    size_t shorter = live->n < desired->n ? live->n : desired->n, head = 0, tail = 0;
    while (head < shorter && tu_str_eq(live->items[head], desired->items[head]))
        head++;
    while (tail < shorter - head &&
           tu_str_eq(live->items[live->n - 1 - tail], desired->items[desired->n - 1 - tail]))
        tail++;
    for (size_t i = 0; i < head; i++)
        add_mark(&s, ' ');
    size_t n = live->n - head - tail, m = desired->n - head - tail;
    if (!align(live->items + head, n, desired->items + head, m, &s))
        replace(n, m, &s);
    sort_marks(&s);
    for (size_t i = 0; i < tail; i++)
        add_mark(&s, ' ');
    return s;
}

/* Is a change within `context` steps of step i? */
static bool is_near(const script *s, size_t i, size_t context) {
    size_t from = i > context ? i - context : 0, to = i + context < s->n ? i + context : s->n - 1;
    for (size_t k = from; k <= to; k++) {
        if (s->marks[k] != ' ')
            return true;
    }
    return false;
}

typedef struct hidden {
    size_t n;
    tu_str first;
} hidden;

/* A single line is shown instead of being counted. */
static void flush_hidden(hidden *h, tu_diff_line *line, void *arg) {
    char text[64];
    if (h->n == 1) {
        line(arg, ' ', h->first);
    } else if (h->n > 1) {
        int n = snprintf(text, sizeof text, "%zu lines unchanged", h->n);
        line(arg, '.', (tu_str){text, (size_t)n});
    }
    h->n = 0;
}

void tu_diff_lines(tu_str live, tu_str desired, size_t context, tu_diff_line *line, void *arg) {
    lines a = split(live), b = split(desired);
    script s = compare(&a, &b);
    hidden between = {0};
    for (size_t step = 0, i = 0, k = 0; step < s.n; step++) {
        char mark = s.marks[step];
        tu_str text = mark == '+' ? b.items[k] : a.items[i];
        i += mark != '+';
        k += mark != '-';
        if (mark == ' ' && !is_near(&s, step, context)) {
            if (between.n++ == 0)
                between.first = text;
            continue;
        }
        flush_hidden(&between, line, arg);
        line(arg, mark, text);
    }
    flush_hidden(&between, line, arg);
    free(s.marks);
    free(a.items);
    free(b.items);
}
