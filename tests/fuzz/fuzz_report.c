/*
 * fuzz_report: the bytes say what a pass found: names, paths, values, hands, in every verdict and
 * kind of change, with strings that want to break out of their place. Whatever it is, every format
 * says it in its own form: JSON that parses, XML that is well-formed, Markdown whose fences and tags
 * close, commands on lines of their own, no control character anywhere, and no sealed value.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/report.h"
#include "value/json.h"

#define SECRET "hunter2-hunter2"

static tu_str format_now;

static void require(bool condition, const char *what, const char *at) {
    if (condition)
        return;
    fprintf(stderr, "%.*s: %s: %.200s\n", TU_P(format_now), what, at);
    abort();
}

/* --- the bytes as a report ------------------------------------------------------------------------ */

typedef struct source {
    tu_arena *arena;
    const uint8_t *p;
    size_t n;
} source;

static unsigned take(source *s, unsigned below) {
    if (s->n == 0)
        return 0;
    s->n--;
    return *s->p++ % below;
}

static const tu_str hostile[] = {
    TU_S_INIT("]]>"),
    TU_S_INIT("</details>"),
    TU_S_INIT("\n\n```\n<script>"),
    TU_S_INIT("````"),
    TU_S_INIT("::error::x"),
    TU_S_INIT("\n::add-mask::x"),
    TU_S_INIT("##[error]x"),
    TU_S_INIT("##vso[task.setvariable]x"),
    TU_S_INIT("\x1b[31m\x1b]0;t\a"),
    TU_S_INIT("\xe2\x80\xae"),
    TU_S_INIT("a|b"),
    TU_S_INIT("%0A::error::"),
    TU_S_INIT("\r\n"),
    TU_S_INIT("\xff\xfe\x80"),
    TU_S_INIT("a\0b"),
    TU_S_INIT("--></testsuite><!--"),
    TU_S_INIT("\"/><x y=\""),
    TU_S_INIT("&#0;&x;"),
    TU_S_INIT("@everyone #1 !1 :x:"),
    TU_S_INIT("\xef\xbf\xbf\xef\xbf\xbe"),
    TU_S_INIT("one\ntwo \n\tthree"),
    TU_S_INIT("   ::group::"),
    TU_S_INIT("\xf3\xa0\x81\xa1\xe2\x80\x8b"),
    TU_S_INIT("~~~\n- [x] y"),
};

static tu_str take_string(source *s) {
    tu_buf b = TU_BUF_INIT(TU_MIB);
    for (unsigned parts = take(s, 4); parts > 0; parts--) {
        unsigned which = take(s, 64);
        if (which < sizeof hostile / sizeof *hostile) {
            tu_buf_add(&b, hostile[which]);
            continue;
        }
        for (unsigned n = take(s, 12); n > 0; n--)
            tu_buf_add_byte(&b, (char)take(s, 256));
    }
    tu_str copy = tu_arena_copy(s->arena, tu_buf_str(&b));
    tu_buf_done(&b);
    return copy;
}

static tu_value *take_value(source *s, unsigned depth) {
    tu_value *v = tu_value_new(s->arena, TU_NULL);
    unsigned n = take(s, 4);
    switch (take(s, depth > 3 ? 6 : 8)) {
    case 0:
        return v;
    case 1:
        return tu_value_new_boolean(s->arena, take(s, 2));
    case 2:
        return tu_value_new_integer(s->arena, (int64_t)take(s, 256) - 100);
    case 3: /* a secret */
        *v = *tu_value_new_string(s->arena, TU_S(SECRET));
        require(tu_value_seal(s->arena, v, TU_S(""), NULL) == TU_OK, "seal", "");
        return v;
    case 4:
    case 5:
        return tu_value_new_string(s->arena, take_string(s));
    case 6:
        v->type = TU_LIST;
        while (n-- > 0)
            tu_value_push(s->arena, v, take_value(s, depth + 1));
        return v;
    default:
        v->type = TU_MAP;
        while (n-- > 0)
            tu_value_set(s->arena, v, take_string(s), take_value(s, depth + 1));
        return v;
    }
}

static tu_str take_path(source *s) {
    static const char *const paths[] = {
        "",  "/",  "/spec/replicas", "/a/[name=x]", "/a/[=y]/", "/a~1b/[k=v\\,w,p=\\]q]/c",
        "[", "/[", "/a/[=",          "/[]"};
    tu_buf b = TU_BUF_INIT(TU_MIB);
    tu_buf_add_c(&b, paths[take(s, sizeof paths / sizeof *paths)]);
    if (take(s, 3) == 0)
        tu_buf_add(&b, take_string(s));
    tu_str copy = tu_arena_copy(s->arena, tu_buf_str(&b));
    tu_buf_done(&b);
    return copy;
}

static tu_change *take_changes(source *s, size_t n) {
    tu_change *changes = tu_arena_zalloc(s->arena, (n + 1) * sizeof *changes);
    for (size_t i = 0; i < n; i++) {
        tu_change *c = &changes[i];
        c->path = take_path(s);
        c->kind = (tu_change_kind)take(s, TU_CHANGE_COUNT);
        c->desired = take(s, 5) ? take_value(s, 0) : NULL;
        c->live = take(s, 5) ? take_value(s, 0) : NULL;
        c->line = take(s, 200);
        c->action = (tu_action)take(s, TU_ACTION_HEAL + 1);
        c->severity = (tu_severity)take(s, TU_SEVERITY_CRITICAL + 1);
        if (take(s, 2))
            c->owner =
                (tu_owner){.manager = take_string(s),
                           .subresource = take_string(s),
                           .time = take(s, 2) ? TU_S("2026-01-02T03:00:00Z") : take_string(s),
                           .class_ = (tu_manager_class)take(s, TU_MANAGER_LEGACY + 1)};
        if (take(s, 3) == 0) {
            c->note = take_string(s);
            c->entry = take_string(s);
        }
    }
    return changes;
}

static tu_finding *take_finding(source *s) {
    tu_finding *f = tu_arena_zalloc(s->arena, sizeof *f);
    f->id =
        (tu_object_id){take_string(s), TU_S("v1"), take_string(s), take_string(s), take_string(s)};
    f->verdict = (tu_verdict)take(s, TU_VERDICT_COUNT);
    f->confidence = (tu_confidence)take(s, TU_CONFIDENCE_CONFIRMED + 1);
    f->reason = take_string(s);
    f->onset = take(s, 2) ? TU_S("2026-01-01T00:00:00Z") : take_string(s);
    f->file = take_string(s);
    f->line = take(s, 100);
    f->column = take(s, 100);
    f->action = (tu_action)take(s, TU_ACTION_HEAL + 1);
    f->severity = (tu_severity)take(s, TU_SEVERITY_CRITICAL + 1);
    f->entry = take_string(s);
    f->change_count = take(s, 5);
    f->changes = take_changes(s, f->change_count);
    f->quiet_count = take(s, 2);
    f->quiet = take_changes(s, f->quiet_count);
    return f;
}

static void take_rule(source *s, tu_rule_report *r) {
    *r = (tu_rule_report){.name = take_string(s),
                          .source = take_string(s),
                          .revision = take_string(s),
                          .target = take_string(s),
                          .root = take_string(s)};
    r->problem = take(s, 4) ? TU_S("") : take_string(s);
    r->note_count = take(s, 3);
    for (size_t i = 0; i < r->note_count; i++)
        r->notes[i] = take_string(s);
    r->coverage =
        (tu_coverage){.known = take(s, 2), .managed = take(s, 9), .unmanaged = take(s, 9)};
    r->coverage.kinds = tu_arena_zalloc(s->arena, sizeof *r->coverage.kinds);
    r->coverage.kinds[0] = (tu_coverage_part){take_string(s), take(s, 9), take(s, 9)};
    r->coverage.kind_count = 1;
    r->finding_count = take(s, 30);
    r->findings = tu_arena_zalloc(s->arena, (r->finding_count + 1) * sizeof *r->findings);
    for (size_t i = 0; i < r->finding_count; i++)
        r->findings[i] = take_finding(s);
}

/* --- what every format promises ------------------------------------------------------------------- */

static void check_characters(const tu_buf *out, bool color) {
    const char *p = tu_buf_c(out);
    require(tu_utf8_valid(tu_buf_str(out)), "is not UTF-8", "");
    require(!strstr(p, SECRET), "tells a secret", p);
    for (size_t i = 0; i < out->n; i++) {
        unsigned char c = (unsigned char)p[i];
        bool fine = (c >= 0x20 && c != 0x7f) || c == '\n' || (c == 0x1b && color);
        require(fine, "has a control character", p + i);
    }
}

/* No line that a CI system's log would obey. */
static void check_lines(const tu_buf *out) {
    for (const char *line = tu_buf_c(out); line; line = strchr(line, '\n')) {
        line += *line == '\n';
        require(strncmp(line + strspn(line, " \t"), "::", 2) != 0, "has a command", line);
        if (!strchr(line, '\n'))
            break;
    }
    for (const char *p = tu_buf_c(out); (p = strstr(p, "##")); p += 1) {
        const char *word = p + 2 + strspn(p + 2, "abcdefghijklmnopqrstuvwxyz");
        require(*word != '[', "has a command", p);
    }
}

static void check_json(const tu_buf *out) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *v = NULL;
    tu_error *e = NULL;
    tu_rc rc = tu_json_parse(&a, tu_buf_str(out), 0, NULL, &v, NULL, &e);
    require(rc == TU_OK, tu_error_text(e), tu_buf_c(out));
    tu_arena_done(&a);
}

/* Elements that nest, attributes in quotes, the five entities and &#9; nothing else. */
static void check_xml(const tu_buf *out) {
    char open[16][32];
    size_t depth = 0;
    const char *p = tu_buf_c(out);
    require(strncmp(p, "<?xml ", 6) == 0, "has no declaration", p);
    for (p = strchr(p, '\n'); *p; p++) {
        if (*p == '&') {
            static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#9;"};
            bool known = false;
            for (size_t i = 0; i < 5; i++)
                known = known || strncmp(p, entities[i], strlen(entities[i])) == 0;
            require(known, "has an entity", p);
        }
        require(strncmp(p, "]]>", 3) != 0, "ends a section", p);
        if (*p != '<')
            continue;
        bool end = p[1] == '/';
        const char *name = p + 1 + end;
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz");
        require(n > 0 && n < 32, "has a tag without a name", p);
        for (p = name + n; !end && *p == ' ';) {
            p += 1 + strspn(p + 1, "abcdefghijklmnopqrstuvwxyz");
            require(p[0] == '=' && p[1] == '"', "has a loose attribute", p);
            for (p += 2; *p && *p != '"'; p++)
                require(*p != '<' && *p != '\n', "breaks out of an attribute", p);
            p++;
        }
        bool empty = *p == '/';
        p += empty;
        require(*p == '>', "has a broken tag", p);
        if (end)
            require(depth > 0 && strncmp(open[--depth], name, n) == 0 && !open[depth][n],
                    "doesn't nest", name);
        else if (!empty)
            snprintf(open[depth++], sizeof open[0], "%.*s", (int)n, name);
        require(depth < 16, "is too deep", p);
    }
    require(depth == 0, "doesn't end", "");
}

/* Outside of fences only our own tags, and every one of them closed. */
static void check_markdown(const tu_buf *out, size_t limit) {
    static const char *const tags[] = {
        "<details>", "</details>", "<summary>", "</summary>", "<code>",
        "</code>",   "<p>",        "</p>",      "<b>",        "</b>",
        "<h4>",      "</h4>",      "<sub>",     "</sub>",     "<!-- trueup:report -->"};
    size_t fence = 0, details = 0;
    require(out->n <= limit, "is too long", "");
    for (const char *line = tu_buf_c(out), *next; *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        size_t ticks = strspn(line, "`");
        if (ticks >= 3 && (fence == 0 || ticks >= fence)) {
            require(fence == 0 || line[ticks] == '\n', "ends a fence too early", line);
            fence = fence ? 0 : ticks;
            continue;
        }
        for (const char *p = line; !fence && (p = memchr(p, '<', (size_t)(next - p))); p++) {
            size_t i = 0;
            while (i < sizeof tags / sizeof *tags && strncmp(p, tags[i], strlen(tags[i])) != 0)
                i++;
            require(i < sizeof tags / sizeof *tags, "has a foreign tag", p);
            details += i == 0;
            details -= i == 1;
        }
    }
    require(fence == 0 && details == 0, "is left open", "");
}

static void check_commands(const tu_buf *out) {
    for (const char *line = tu_buf_c(out), *next; *line; line = next) {
        next = strchr(line, '\n') + 1;
        bool command = strncmp(line, "::error ", 8) == 0 || strncmp(line, "::warning ", 10) == 0 ||
                       strncmp(line, "::notice ", 9) == 0;
        require(command || *next == '\0', "has a line that is no annotation", line);
        const char *data = command ? strstr(line + 2, "::") : line;
        require(data && data < next, "has no message", line);
        for (const char *p = line + 2; command && p < data; p++)
            require(*p != ':', "has a colon among its properties", line);
    }
}

static void check(const tu_report *r, tu_report_options o) {
    tu_buf out = TU_BUF_INIT(64 * TU_MIB), again = TU_BUF_INIT(64 * TU_MIB);
    format_now = tu_str_c(tu_report_format_name(o.format));
    tu_report_write(r, &o, &out);
    tu_report_write(r, &o, &again);
    require(out.rc == TU_OK && tu_str_eq(tu_buf_str(&out), tu_buf_str(&again)), "differs", "");
    check_characters(&out, o.color);
    if (o.format != TU_REPORT_GITHUB)
        check_lines(&out);
    switch (o.format) {
    case TU_REPORT_JSON:
    case TU_REPORT_SARIF:
    case TU_REPORT_GITLAB:
        check_json(&out);
        break;
    case TU_REPORT_JUNIT:
        check_xml(&out);
        break;
    case TU_REPORT_MARKDOWN:
        check_markdown(&out, 65536);
        break;
    case TU_REPORT_MARKDOWN_SUMMARY:
        check_markdown(&out, TU_MIB);
        break;
    case TU_REPORT_MARKDOWN_GITLAB:
        check_markdown(&out, 1000000);
        break;
    case TU_REPORT_GITHUB:
        check_commands(&out);
        break;
    default:
        break;
    }
    tu_buf_done(&out);
    tu_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tu_report r = {.started_ms = 1767323045000, .finished_ms = 1767323046000};
    tu_arena_init(&r.arena, 0);
    source s = {&r.arena, data, size};
    r.rule_count = 1 + take(&s, 2);
    r.rules = tu_arena_zalloc(&r.arena, r.rule_count * sizeof *r.rules);
    for (size_t i = 0; i < r.rule_count; i++)
        take_rule(&s, &r.rules[i]);
    for (int f = 0; f < TU_REPORT_FORMAT_COUNT; f++) {
        tu_report_options o = {.format = (tu_report_format)f};
        check(&r, o);
        o.all = o.diff = true;
        o.width = 60;
        check(&r, o);
        o.color = f == TU_REPORT_TEXT || f == TU_REPORT_TABLE;
        o.diff = false;
        check(&r, o);
    }
    tu_arena_done(&r.arena);
    return 0;
}
