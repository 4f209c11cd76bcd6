/*
 * report/diff.c: two texts line by line.
 *
 * What both begin and end with is set aside, the rest is aligned by the longest common subsequence.
 * A table of TABLE_CELLS cells bounds time and memory; what is larger is shown as replaced whole,
 * which is never wrong, only longer.
 */
#include "base/mem.h"
#include "base/str.h"
#include "report/show.h"

#define TABLE_CELLS (1024u * 1024)

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

/* The longest common subsequence of a and b, from their ends, so that the walk goes forwards. */
static void align(const tu_str *a, size_t n, const tu_str *b, size_t m, script *s) {
    uint32_t *table =
        n * m > 0 && n * m <= TABLE_CELLS ? tu_calloc((n + 1) * (m + 1), sizeof *table) : NULL;
    size_t i = 0, k = 0, width = m + 1;
    if (table) {
        for (size_t y = n; y-- > 0;) {
            for (size_t x = m; x-- > 0;) {
                uint32_t below = table[(y + 1) * width + x], right = table[y * width + x + 1];
                table[y * width + x] = tu_str_eq(a[y], b[x]) ? table[(y + 1) * width + x + 1] + 1
                                       : below > right       ? below
                                                             : right;
            }
        }
        while (i < n && k < m) {
            if (tu_str_eq(a[i], b[k])) {
                add_mark(s, ' ');
                i++, k++;
            } else if (table[(i + 1) * width + k] >= table[i * width + k + 1]) {
                add_mark(s, '-');
                i++;
            } else {
                add_mark(s, '+');
                k++;
            }
        }
        free(table);
    }
    for (; i < n; i++)
        add_mark(s, '-');
    for (; k < m; k++)
        add_mark(s, '+');
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
    align(live->items + head, live->n - head - tail, desired->items + head,
          desired->n - head - tail, &s);
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
