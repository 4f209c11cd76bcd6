/*
 * The dispatcher's timelines: tests/unit/data/dispatch/FILE.txt hold cases (support/cases.h): a name, one Routing or
 * several (A, B ...), and a timeline. A line of the timeline is
 *
 *     TIME alert NAME [severity=...] [content=N] [label=value ...]      TIME end NAME
 *     TIME reload B         TIME restart [B] [cold]   TIME ready        TIME jump 1h
 *     TIME turn -1h         the wall clock is turned while nobody looks
 *     TIME down 1h          nobody looks at timers meanwhile, and the times below count without it
 *     TIME silence ID FOR MATCHER; MATCHER ...        TIME unsilence ID
 *     TIME ack WHO          TIME unack WHO            TIME undeliverable RECEIVER FALLBACK
 *     TIME nothing                                     time passes
 *     TIME > RECEIVER EVENT [NAME...] [-NAME ...] [(note)]
 *
 * Times count from the start. The last kind is what is expected: exactly these messages, in this order. -NAME is
 * shown as ended. "cold" in the name of a case: nobody says that all was looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cases.h"
#include "dispatch_world.h"

enum { MOST_CASES = 200, MOST_LABELS = 20 };

/* --- reading a timeline -------------------------------------------------------------------------------- */

static tu_str next_line(tu_str *text) {
    const char *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
    size_t n = end ? (size_t)(end - text->p) : text->n;
    tu_str line = {text->p, n};
    size_t skip = n + (end != NULL);
    *text = (tu_str){text->p + skip, text->n - skip};
    return line;
}

static tu_str next_word(tu_str *line) {
    while (line->n && line->p[0] == ' ')
        *line = (tu_str){line->p + 1, line->n - 1};
    tu_str word = {line->p, 0};
    while (word.n < line->n && line->p[word.n] != ' ')
        word.n++;
    *line = (tu_str){line->p + word.n, line->n - word.n};
    return word;
}

static void copy_word(char *room, size_t n, tu_str *line) {
    tu_str word = next_word(line);
    snprintf(room, n, "%.*s", TU_P(word));
}

static int64_t duration(tu_str word) {
    int64_t ms = 0;
    bool back = word.n && word.p[0] == '-';
    if (back)
        word = (tu_str){word.p + 1, word.n - 1};
    if (!tu_duration_parse(word, &ms) && !tu_str_is(word, "0s"))
        fail_msg("'%.*s' is no duration", TU_P(word));
    return back ? -ms : ms;
}

typedef struct play {
    world w;
    tu_config *configs[TEST_CASE_PARTS];
    size_t config_count;
    struct {
        char name[64];
        tu_label labels[MOST_LABELS];
        size_t label_count;
        char text[512];
    } alerts[WORLD_ALERTS];
    size_t alert_count;
    tu_buf wanted, got;
} play;

/* The labels of an alert are what it was given first, with what is given now in their place. */
static void set_label(play *p, size_t a, tu_str key, tu_str value) {
    char *text = p->alerts[a].text + strlen(p->alerts[a].text);
    char *copy = tu_xmalloc(key.n + value.n + 2);
    (void)text;
    memcpy(copy, key.p, key.n);
    memcpy(copy + key.n, value.p, value.n);
    tu_label label = {{copy, key.n}, {copy + key.n, value.n}};
    for (size_t k = 0; k < p->alerts[a].label_count; k++)
        if (tu_str_eq(p->alerts[a].labels[k].key, key)) {
            free((void *)p->alerts[a].labels[k].key.p);
            p->alerts[a].labels[k] = label;
            return;
        }
    p->alerts[a].labels[p->alerts[a].label_count++] = label;
}

static size_t alert_named(play *p, tu_str name) {
    for (size_t k = 0; k < p->alert_count; k++)
        if (tu_str_is(name, p->alerts[k].name))
            return k;
    size_t k = p->alert_count++;
    snprintf(p->alerts[k].name, sizeof p->alerts[k].name, "%.*s", TU_P(name));
    set_label(p, k, TU_S("rule"), TU_S("web"));
    set_label(p, k, TU_S("severity"), TU_S("warning"));
    set_label(p, k, TU_S("name"), name);
    return k;
}

static void do_alert(play *p, tu_str line, bool firing) {
    size_t a = alert_named(p, next_word(&line));
    uint64_t content = 1;
    for (tu_str word; (word = next_word(&line)).n;) {
        const char *equals = memchr(word.p, '=', word.n);
        assert_non_null(equals);
        tu_str key = {word.p, (size_t)(equals - word.p)};
        tu_str value = {equals + 1, word.n - key.n - 1};
        if (tu_str_is(key, "content"))
            content = (uint64_t)strtoull(value.p, NULL, 10);
        else
            set_label(p, a, key, value);
    }
    tu_severity severity = TU_SEVERITY_WARNING;
    for (size_t k = 0; k < p->alerts[a].label_count; k++)
        if (tu_str_is(p->alerts[a].labels[k].key, "severity"))
            tu_severity_parse(p->alerts[a].labels[k].value, &severity);
    world_alert(&p->w, p->alerts[a].name, firing, severity, p->alerts[a].labels,
                p->alerts[a].label_count, content);
}

static tu_config *config_named(play *p, tu_str name) {
    size_t k = name.n == 1 ? (size_t)(name.p[0] - 'A') : 0;
    assert_true(k < p->config_count);
    return p->configs[k];
}

static void do_silence(play *p, tu_str line) {
    char id[64], matchers[512] = "[";
    copy_word(id, sizeof id, &line);
    int64_t for_ms = duration(next_word(&line));
    size_t n = 1;
    while (line.n) {
        const char *end = memchr(line.p, ';', line.n);
        size_t length = end ? (size_t)(end - line.p) : line.n;
        n += (size_t)snprintf(matchers + n, sizeof matchers - n, "%s\"%.*s\"", n > 1 ? "," : "",
                              (int)length, line.p);
        length += end != NULL;
        line = (tu_str){line.p + length, line.n - length};
    }
    snprintf(matchers + n, sizeof matchers - n, "]");
    assert_int_equal(world_silence(&p->w, id, for_ms, matchers), TU_OK);
}

static void do_line(play *p, tu_str verb, tu_str line) {
    char first[64], second[64];
    tu_str rest = line;
    copy_word(first, sizeof first, &rest);
    copy_word(second, sizeof second, &rest);
    if (tu_str_is(verb, "alert"))
        do_alert(p, line, true);
    else if (tu_str_is(verb, "end"))
        do_alert(p, line, false);
    else if (tu_str_is(verb, "reload"))
        world_configure(&p->w, config_named(p, tu_str_c(first)));
    else if (tu_str_is(verb, "restart"))
        world_restart(&p->w, config_named(p, tu_str_c(first)), strcmp(second, "cold") != 0);
    else if (tu_str_is(verb, "ready"))
        world_ready(&p->w);
    else if (tu_str_is(verb, "jump"))
        world_jump(&p->w, duration(tu_str_c(first)));
    else if (tu_str_is(verb, "turn"))
        p->w.now.wall_ms += duration(tu_str_c(first));
    else if (tu_str_is(verb, "down"))
        world_sleep(&p->w, duration(tu_str_c(first)));
    else if (tu_str_is(verb, "silence"))
        do_silence(p, line);
    else if (tu_str_is(verb, "unsilence"))
        assert_int_equal(world_silence(&p->w, first, 0, NULL), TU_OK);
    else if (tu_str_is(verb, "ack") || tu_str_is(verb, "unack"))
        assert_int_equal(world_acknowledge(&p->w, first, tu_str_is(verb, "unack")), TU_OK);
    else if (tu_str_is(verb, "undeliverable"))
        world_undeliverable(&p->w, first, second);
    else if (!tu_str_is(verb, "nothing"))
        fail_msg("what is '%.*s'?", TU_P(verb));
}

/* --- what came of it ------------------------------------------------------------------------------------- */

static void say(tu_buf *b, const world_message *m) {
    char at[40];
    tu_duration_format(m->at_ms, at, sizeof at);
    tu_buf_addf(b, "%s > %s %s", at, m->receiver, m->event);
    if (m->step)
        tu_buf_addf(b, " %zu", m->step);
    for (size_t k = 0; k < m->shown_count; k++)
        tu_buf_addf(b, " %s%s", m->fires[k] ? "" : "-", m->shown[k]);
    if (m->firing_count + m->resolved_count != m->shown_count)
        tu_buf_addf(b, " %zu/%zu", m->firing_count, m->resolved_count);
    for (size_t v = 0; v < TU_VERDICT_COUNT; v++)
        if (m->verdicts[v])
            tu_buf_addf(b, " %s:%zu", tu_verdict_name((tu_verdict)v), m->verdicts[v]);
    if (m->acknowledged_by[0])
        tu_buf_addf(b, " by %s", m->acknowledged_by);
    if (m->note[0])
        tu_buf_addf(b, " (%s)", m->note);
    tu_buf_add_byte(b, '\n');
}

/* What goes to different receivers at one time has no order. */
static int by_time(const void *a, const void *b) {
    const world_message *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    int order = strcmp(x->receiver, y->receiver);
    return order ? order : (int)x->number - (int)y->number;
}

static void play_lines(play *p, tu_str text) {
    int64_t at = 0, last = 0;
    while (text.n) {
        tu_str line = next_line(&text), whole = line;
        if (line.n == 0 || line.p[0] == '#')
            continue;
        tu_str time = next_word(&line), verb = next_word(&line);
        if (tu_str_is(verb, ">")) {
            tu_buf_add(&p->wanted, whole);
            tu_buf_add_byte(&p->wanted, '\n');
            last = duration(time);
            continue;
        }
        int64_t ms = duration(time);
        world_advance(&p->w, ms - at);
        at = ms;
        do_line(p, verb, line);
    }
    world_advance(&p->w, last > at ? last - at : 0);
    if (p->w.message_count)
        qsort(p->w.messages, p->w.message_count, sizeof *p->w.messages, by_time);
    for (size_t k = 0; k < p->w.message_count; k++)
        say(&p->got, &p->w.messages[k]);
}

static void a_timeline(void **state) {
    const test_case *c = *state;
    play *p = tu_xcalloc(1, sizeof *p);
    p->wanted = p->got = (tu_buf)TU_BUF_INIT(1 << 20);
    for (size_t k = 1; k + 1 < c->n; k++)
        p->configs[p->config_count++] = world_config(c->parts[k]);
    bool cold = memmem(c->parts[0].p, c->parts[0].n, "cold", 4) != NULL;
    world_init(&p->w, p->configs[0], !cold);
    play_lines(p, c->parts[c->n - 1]);
    if (!tu_str_eq(tu_buf_str(&p->wanted), tu_buf_str(&p->got))) {
        print_message("line %u: %.*s", c->line, TU_P(c->parts[0]));
        assert_string_equal(tu_buf_c(&p->got), tu_buf_c(&p->wanted));
    }
    world_done(&p->w);
    for (size_t k = 0; k < p->config_count; k++)
        tu_config_unref(p->configs[k]);
    for (size_t k = 0; k < p->alert_count; k++)
        for (size_t l = 0; l < p->alerts[k].label_count; l++)
            free((void *)p->alerts[k].labels[l].key.p);
    tu_buf_done(&p->wanted);
    tu_buf_done(&p->got);
    free(p);
}

int main(void) {
    static const char *const files[] = {"groups", "quiet", "people", "reload", "time"};
    static struct CMUnitTest tests[MOST_CASES];
    static test_cases cases[sizeof files / sizeof *files];
    static char names[MOST_CASES][120];
    size_t n = 0;
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        char path[128];
        snprintf(path, sizeof path, "tests/unit/data/dispatch/%s.txt", files[f]);
        cases[f] = test_cases_read(path);
        for (size_t k = 0; k < cases[f].n && n < MOST_CASES; k++, n++) {
            test_case *c = &cases[f].items[k];
            snprintf(names[n], sizeof names[n], "%.*s", (int)(c->parts[0].n - 1), c->parts[0].p);
            tests[n] =
                (struct CMUnitTest){.name = names[n], .test_func = a_timeline, .initial_state = c};
        }
    }
    int failed = _cmocka_run_group_tests("timelines", tests, n, NULL, NULL);
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        test_cases_done(&cases[f]);
    return failed;
}
