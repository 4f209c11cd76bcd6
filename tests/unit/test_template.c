/*
 * The template language: what it makes, what it refuses and where, what it never lets out, where it stops.
 */
#include "common/template.h"
#include "common/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* cmocka needs those first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const extra[] = {"title", "text", "diff", NULL};

static cJSON *message(void) {
    cJSON *m = cJSON_Parse(
        "{\"kind\":\"Alert\",\"status\":\"firing\",\"event\":\"firing\",\"severity\":\"critical\","
        "\"summary\":\"Cart <drifted> & \\\"more\\\"\",\"startsAt\":\"2026-07-01T03:04:05Z\","
        "\"note\":\"\",\"counts\":{\"firing\":2,\"resolved\":0,\"shown\":2},"
        "\"labels\":{\"team\":\"pay\",\"app.kubernetes.io/name\":\"cart\"},"
        "\"alerts\":[{\"summary\":\"one\",\"status\":\"firing\",\"lastedSeconds\":4000,\"diff\":\"-"
        " a: 1\","
        "\"object\":{\"changes\":[{\"path\":\"/a\",\"desired\":3},{\"path\":\"/"
        "b\",\"desired\":[1,\"x\"]}]}},"
        "{\"summary\":\"\\ud55c\\uad6d\\uc5b4\",\"status\":\"resolved\"}]}");
    assert_non_null(m);
    return m;
}

static cJSON *fields(void) {
    cJSON *f =
        cJSON_Parse("{\"title\":\"T\",\"text\":\"line 1\\nline 2\\u001b[0m\",\"diff\":\"all\"}");
    assert_non_null(f);
    return f;
}

/* What the template makes of the message, to be freed; NULL: it failed. */
static char *render(const char *text, tu_escape *escape, size_t limit) {
    tu_template_error error;
    tu_template *t = tu_template_parse(text, strlen(text), extra, &error);
    cJSON *m = message(), *f = fields();
    tu_out out;
    if (!t)
        fail_msg("%s: %u:%u: %s", text, error.line, error.column, error.message);
    tu_out_init(&out, limit);
    bool done = tu_template_render(t, m, f, escape, &out);
    assert_true(done == !out.failed);
    char *made = done ? strdup(out.text) : NULL;
    tu_out_done(&out);
    cJSON_Delete(m);
    cJSON_Delete(f);
    tu_template_free(t);
    return made;
}

/* --- what it makes ---------------------------------------------------------------------------- */

static const struct {
    const char *template, *text;
} made[] = {
    {"", ""},
    {"plain", "plain"},
    {"{{severity}} {{ severity }}", "critical critical"},
    {"{{counts.firing}} {{/counts/firing}} {{/alerts/1/status}} {{alerts.1.status}}",
     "2 2 resolved resolved"},
    {"{{labels.team}} {{/labels/app.kubernetes.io~1name}} {{labels.none}}.", "pay cart ."},
    {"{{title}}|{{text}}|{{diff}}", "T|line 1\nline 2\\u001b[0m|all"},
    {"{{severity | upper}} {{severity | upper | lower | cut 4}}", "CRITICAL cri\xE2\x80\xA6"},
    {"{{note | default \"-\"}} {{severity | default \"-\"}} {{endsAt | default \"a \\\"b\\\"\"}}",
     "- critical a \"b\""},
    {"{{startsAt | date \"%Y-%m-%d %H:%M\"}}", "2026-07-01 03:04"},
    {"{{startsAt | date \"%F %T %Z %z\" \"Asia/Seoul\"}}", "2026-07-01 12:04:05 KST +0900"},
    {"{{startsAt | date \"\" \"Europe/Berlin\"}} {{startsAt | date}}",
     "2026-07-01T05:04:05+02:00 2026-07-01T03:04:05Z"},
    {"{{startsAt | date \"%A, %e %B, %I %p, %j%%\"}}", "Wednesday, 1 July, 03 AM, 182%"},
    {"{{summary | date}} {{endsAt | date}}.", "Cart <drifted> & \"more\" ."},
    {"{{#each alerts}}{{lastedSeconds | duration}};{{/each}}", "1h 6m;;"},
    {"{{alerts | count}} {{labels | count}} {{severity | count}}", "2 2 8"},
    {"{{severity | json}} {{counts | json}} {{endsAt | json}}",
     "\"critical\" {\"firing\":2,\"resolved\":0,\"shown\":2} null"},
    {"{{summary | url}}", "Cart%20%3Cdrifted%3E%20%26%20%22more%22"},
    {"{{#if severity == \"critical\"}}yes{{else}}no{{/if}}", "yes"},
    {"{{#if severity != \"critical\"}}yes{{else}}no{{/if}}", "no"},
    {"{{#if counts.firing == 2}}two{{/if}}{{#if counts.resolved}}some{{else}}none{{/if}}",
     "twonone"},
    {"{{#if note}}a{{/if}}{{#if alerts}}b{{/if}}{{#if object}}c{{/if}}{{#if labels.team}}d{{/if}}",
     "bd"},
    {"{{#each alerts}}{{@number}}:{{summary}}{{#if @last}}.{{else}}, {{/if}}{{/each}}",
     "1:one, 2:\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4."},
    {"{{#each alerts 1}}{{summary}}{{#if @last}}.{{/if}}{{/each}}", "one."},
    {"{{#each alerts}}{{diff}} {{severity}};{{/each}}", "- a: 1 ;all ;"},
    {"{{#each alerts}}{{#each object.changes}}{{summary}} {{path}}={{desired}} {{/each}}{{/each}}",
     "one /a=3 one /b=[1,\"x\"] "},
    {"{{#each labels}}{{@key}}={{this}};{{/each}}", "team=pay;app.kubernetes.io/name=cart;"},
    {"{{#each object.changes}}x{{else}}nothing{{/each}}", "nothing"},
    {"{{! a comment }}a{{{{b}}", "a{{b}}"},
    {"a\n  {{#if severity}}\nb\n  {{else}}\nc\n  {{/if}}\nd\n{{! gone }}\ne", "a\nb\nd\ne"},
    {"a {{#if severity}} b {{/if}} c", "a  b  c"},
    {"a\r\n{{#if note}}\r\nb\r\n{{/if}}\r\nc", "a\r\nc"},
};

static void a_template_makes_its_text(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        char *text = render(made[i].template, tu_escape_none, 4096);
        if (!text || strcmp(text, made[i].text) != 0)
            print_error("%s\n", made[i].template);
        assert_non_null(text);
        assert_string_equal(text, made[i].text);
        free(text);
    }
}

/* --- what it refuses, and where ----------------------------------------------------------------- */

static const struct {
    const char *template;
    unsigned line, column;
    const char *message;
} refused[] = {
    {"{{severty}}", 1, 3, "no message has a field \"severty\"; did you mean \"severity\"?"},
    {"{{titel}}", 1, 3, "did you mean \"title\"?"},
    {"\xED\x95\x9C\n {{counts.fireing}}", 2, 4, "field \"fireing\" here; did you mean \"firing\"?"},
    {"{{/object/nam}}", 1, 3, "did you mean \"name\"?"},
    {"{{object.spec.replicas}}", 1, 3, "no message has a field \"spec\" here"},
    {"{{alerts.first.summary}}", 1, 3, "no message has a field \"first\" here"},
    {"{{severity | uper}}", 1, 14, "there is no filter \"uper\"; did you mean \"upper\"?"},
    {"{{severity | }}", 1, 14, "expected the name of a filter"},
    {"{{severity | cut}}", 1, 17, "cut: expected a number from 1 to 1000000"},
    {"{{severity | cut 0}}", 1, 18, "cut: expected a number"},
    {"{{severity | default x}}", 1, 22, "default: expected a text in double quotes"},
    {"{{severity | default \"x}}", 1, 22, "this text has no closing quote"},
    {"{{startsAt | date \"%Q\"}}", 1, 19, "\"%Q\" means nothing"},
    {"{{startsAt | date \"%H\" \"Asia/Seol\"}}", 1, 24, "there is no time zone \"Asia/Seol\""},
    {"{{startsAt | date \"%H\" \"../../etc/passwd\"}}", 1, 24, "there is no time zone"},
    {"{{severity", 1, 11, "expected \"}}\" here"},
    {"{{severity}", 1, 11, "expected \"}}\" here"},
    {"{{{severity}}}", 1, 3, "two braces are written \"{{{{\""},
    {"{{! ", 1, 1, "this comment has no \"}}\""},
    {"a\n{{#if note}}b", 2, 1, "{{#if}} has no {{/if}}"},
    {"{{#each alerts}}", 1, 1, "{{#each}} has no {{/each}}"},
    {"{{#each alerts}}{{#if note}}{{/each}}", 1, 32, "expected {{/if}} here"},
    {"{{#if note}}{{else}}{{else}}{{/if}}", 1, 23, "has an {{else}} already"},
    {"{{/if}}", 1, 1, "this ends a block, but none is open"},
    {"{{else}}", 1, 1, "this ends a block, but none is open"},
    {"{{#while note}}{{/while}}", 1, 4, "there is {{#if}} and {{#each}}, nothing else"},
    {"{{#each severity}}{{/each}}", 1, 1, "{{#each}} needs a list or labels"},
    {"{{#each alerts | count}}{{/each}}", 1, 1, "{{#each}} takes no filters"},
    {"{{#if severity = \"a\"}}{{/if}}", 1, 16, "expected \"}}\" here"},
    {"{{#if severity == a}}{{/if}}", 1, 19, "expected a text in double quotes or a number"},
    {"{{@number}}", 1, 3, "\"@number\" stands only inside {{#each}}"},
    {"{{this}}", 1, 3, "\"this\" stands only inside {{#each}}"},
    {"{{labels.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p}}", 1, 3, "a field of more than 16 steps"},
};

static void what_is_wrong_is_found_when_it_is_read_with_its_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tu_template_error e = {0};
        const char *text = refused[i].template;
        tu_template *t = tu_template_parse(text, strlen(text), extra, &e);
        if (t || !strstr(e.message, refused[i].message) || e.line != refused[i].line ||
            e.column != refused[i].column)
            print_error("%s: %u:%u: %s\n", text, e.line, e.column, t ? "(taken)" : e.message);
        assert_null(t);
        assert_non_null(strstr(e.message, refused[i].message));
        assert_int_equal(e.line, refused[i].line);
        assert_int_equal(e.column, refused[i].column);
    }
}

static void what_is_too_much_is_refused(void **state) {
    size_t n = 70000;
    char *text = malloc(n + 1);
    tu_template_error e;
    (void)state;
    assert_non_null(text);
    memset(text, 'a', n);
    assert_null(tu_template_parse(text, n, NULL, &e));
    assert_non_null(strstr(e.message, "more than 64 KiB"));
    text[0] = '\0';
    assert_null(tu_template_parse(text, 10, NULL, &e));
    n = 0;
    for (size_t i = 0; i < 17; i++)
        n += (size_t)snprintf(text + n, 20, "{{#if note}}");
    assert_null(tu_template_parse(text, n, NULL, &e));
    assert_non_null(strstr(e.message, "nested deeper than 16"));
    for (n = 0; n < 60000;)
        n += (size_t)snprintf(text + n, 20, "{{id}}");
    assert_null(tu_template_parse(text, n, NULL, &e));
    assert_non_null(strstr(e.message, "more than 8192 parts"));
    free(text);
}

/* --- limits --------------------------------------------------------------------------------------- */

static void a_text_is_cut_at_its_limit_between_characters(void **state) {
    (void)state;
    tu_out out;
    for (size_t limit = 0; limit < 12; limit++) {
        tu_out_init(&out, limit);
        tu_out_add_c(&out, "a\xED\x95\x9C\xEA\xB5\xAD\xF0\x9F\x98\x80");
        size_t fits = limit >= 11 ? 11 : limit >= 7 ? 7 : limit >= 4 ? 4 : limit >= 1 ? 1 : 0;
        assert_int_equal(out.n, fits);
        assert_int_equal(strlen(out.text), fits);
        assert_true(out.failed == (limit < 11));
        tu_out_add_c(&out, "b");
        assert_true(limit < 11 ? out.n == fits : out.n == 12 || out.failed);
        tu_out_done(&out);
    }
    tu_out_init(&out, 6);
    tu_escape_html(&out, "a<<", 3);
    assert_string_equal(out.text, "a&lt;"); /* never half of an entity */
    assert_true(out.failed);
    tu_out_done(&out);
}

static void a_template_stops_at_its_limits(void **state) {
    (void)state;
    assert_null(render("{{text}}", tu_escape_none, 5));
    char text[2048] = "";
    size_t n = 0;
    for (int i = 0; i < 16; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{{#each alerts}}");
    n += (size_t)snprintf(text + n, sizeof text - n, "x{{id}}y");
    for (int i = 0; i < 16; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{{/each}}");
    assert_null(
        render(text, tu_escape_none, 1024 * 1024)); /* 2^16 times three parts: too many steps */
}

/* --- what never leaves ------------------------------------------------------------------------------ */

static const char *const hostile[] = {
    "\x01\x02\t\n\r\x1b[31m\x7f",
    "\xC2\x85\xC2\x9B\xE2\x80\xAE hidden\xE2\x81\xA6\xEF\xBB\xBF\xE2\x80\xA8\xE2\x80\x8B",
    "\xFF\xFE\xC0\x80\xED\xA0\x80\xF5\x80\x80\x80\xE2\x80",
    "@all @here @channel <!channel> <@U123> <https://a|b>",
    "<script>alert(1)</script> &amp; \"'",
    "a\r\nX-Evil: 1\r\n\r\nbody",
    "```\n# h\n- l\n1. n\n> q\n*b* _i_ ~s~ `c` [x](http://a) ![y](z) | \\",
    "\", \"evil\": true, \"x\": \"",
    "nginx@sha256:abc a.b-c_d",
};

static bool has_control(const char *text, bool lines) {
    for (size_t i = 0, n = strlen(text); i < n; i++) {
        const unsigned char *p = (const unsigned char *)text + i;
        if ((p[0] < 0x20 && !(lines && (p[0] == '\n' || p[0] == '\t'))) || p[0] == 0x7F)
            return true;
        if (p[0] == 0xC2 && p[1] < 0xA0)
            return true;
        if (p[0] == 0xE2 && p[1] == 0x80 && p[2] >= 0xA8 && p[2] <= 0xAE)
            return true;
        if (p[0] == 0xE2 && p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9)
            return true;
    }
    return false;
}

/* The value as a field of the message, as an extra, and as a key, through an escape. */
static char *render_value(const char *value, tu_escape *escape) {
    static const char text[] = "{{summary}}|{{title}}|{{#each labels}}{{@key}}{{this}}{{/each}}";
    tu_template *t = tu_template_parse(text, strlen(text), extra, NULL);
    cJSON *m = cJSON_CreateObject(), *f = cJSON_CreateObject(), *labels;
    tu_out out;
    cJSON_AddStringToObject(m, "summary", value);
    cJSON_AddStringToObject(f, "title", value);
    labels = cJSON_AddObjectToObject(m, "labels");
    cJSON_AddStringToObject(labels, value, value);
    tu_out_init(&out, 65536);
    assert_true(tu_template_render(t, m, f, escape, &out));
    char *made_text = strdup(out.text);
    tu_out_done(&out);
    cJSON_Delete(m);
    cJSON_Delete(f);
    tu_template_free(t);
    return made_text;
}

static void no_control_character_leaves_by_any_escape(void **state) {
    static tu_escape *const escapes[] = {
        tu_escape_none,       tu_escape_html,         tu_escape_slack, tu_escape_markdown,
        tu_escape_json,       tu_escape_header,       tu_escape_url,   tu_escape_html_json,
        tu_escape_slack_json, tu_escape_markdown_json};
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        for (size_t k = 0; k < sizeof escapes / sizeof *escapes; k++) {
            char *text = render_value(hostile[i], escapes[k]);
            bool one_line = k >= 4;
            assert_false(has_control(text, !one_line));
            free(text);
        }
}

static void every_escape_makes_its_values_harmless(void **state) {
    static const struct {
        tu_escape *escape;
        const char *value, *text;
    } cases[] = {
        {tu_escape_html, "<a href='x'>&\"", "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"},
        {tu_escape_slack, "<!channel> a & b", "&lt;!channel&gt; a &amp; b"},
        {tu_escape_slack, "@here me@x", "@\xE2\x80\x8Bhere me@x"},
        {tu_escape_markdown, "*a* [b](c) <d> `e`", "\\*a\\* \\[b\\](c) \\<d\\> \\`e\\`"},
        {tu_escape_markdown, "# a\n- b\n 12. c\n2026-01-02 + 3.5",
         "\\# a\n\\- b\n 12\\. c\n2026-01-02 + 3.5"},
        {tu_escape_markdown, "@all nginx@sha256:a",
         "@\xE2\x80\x8B"
         "all nginx@sha256:a"},
        {tu_escape_json, "a\"b\\c\n\td", "a\\\"b\\\\c\\n\\td"},
        {tu_escape_header, "a\r\nX: 1\xE2\x80\xAE\xFFz", "a  X: 1  z"},
        {tu_escape_url, "a b/\xED\x95\x9C?&=", "a%20b%2F%ED%95%9C%3F%26%3D"},
        {tu_escape_html_json, "<\"\n", "&lt;&quot;\\n"},
        {tu_escape_markdown_json, "*a*", "\\\\*a\\\\*"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_out out;
        tu_out_init(&out, 4096);
        cases[i].escape(&out, cases[i].value, strlen(cases[i].value));
        assert_string_equal(out.text, cases[i].text);
        tu_out_done(&out);
    }
}

static void code_stands_in_a_fence_and_can_not_leave_it(void **state) {
    tu_template *t = tu_template_parse("```{{summary | code}}```", 24, NULL, NULL);
    cJSON *m = cJSON_Parse("{\"summary\":\"*a* ``` b\"}");
    tu_out out;
    (void)state;
    tu_out_init(&out, 100);
    assert_true(tu_template_render(t, m, NULL, tu_escape_markdown, &out));
    assert_string_equal(out.text, "```*a* ''' b```");
    tu_out_done(&out);
    cJSON_Delete(m);
    tu_template_free(t);
}

static void json_that_is_made_of_hostile_values_is_json(void **state) {
    static const char text[] =
        "{\"a\":\"{{summary}}\",\"b\":{{summary | json}},\"c\":{{labels | json}}}";
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        tu_template *t = tu_template_parse(text, strlen(text), NULL, NULL);
        cJSON *m = cJSON_CreateObject(), *labels = cJSON_AddObjectToObject(m, "labels"), *read;
        tu_out out;
        cJSON_AddStringToObject(m, "summary", hostile[i]);
        cJSON_AddStringToObject(labels, hostile[i], hostile[i]);
        tu_out_init(&out, 65536);
        assert_true(tu_template_render(t, m, NULL, tu_escape_json, &out));
        read = cJSON_ParseWithLength(out.text, out.n);
        assert_non_null(read);
        assert_int_equal(cJSON_GetArraySize(read), 3);
        assert_string_equal(cJSON_GetObjectItem(read, "a")->valuestring,
                            cJSON_GetObjectItem(read, "b")->valuestring);
        assert_false(has_control(cJSON_GetObjectItem(read, "a")->valuestring, false));
        cJSON_Delete(read);
        tu_out_done(&out);
        cJSON_Delete(m);
        tu_template_free(t);
    }
}

/* --- time zones ---------------------------------------------------------------------------------------- */

static void zones_know_summer_time_of_the_past_and_of_the_future(void **state) {
    static const struct {
        const char *zone, *time;
        int32_t offset;
        const char *name;
    } cases[] = {
        {"UTC", "2026-01-01T00:00:00Z", 0, "UTC"},
        {"Asia/Seoul", "2026-07-01T00:00:00Z", 32400, "KST"},
        {"Asia/Seoul", "1988-07-01T00:00:00Z", 36000, "KDT"},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600, "CET"},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200, "CEST"},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 3600, "CET"},
        {"Europe/Berlin", "2099-07-01T00:00:00Z", 7200, "CEST"},
        {"America/New_York", "2099-12-01T00:00:00Z", -18000, "EST"},
        {"America/New_York", "2098-07-01T00:00:00+09:00", -14400, "EDT"},
        {"Australia/Sydney", "2097-01-15T00:00:00Z", 39600, "AEDT"},
        {"Asia/Kolkata", "2026-01-01T00:00:00.123Z", 19800, "IST"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zone *z = zone_open(cases[i].zone);
        int64_t seconds;
        const char *name;
        assert_non_null(z);
        assert_true(zone_read_time(cases[i].time, &seconds));
        assert_int_equal(zone_offset(z, seconds, &name), cases[i].offset);
        assert_string_equal(name, cases[i].name);
        zone_free(z);
    }
}

static void what_is_no_moment_or_zone_is_refused(void **state) {
    static const char *const times[] = {"",
                                        "2026",
                                        "2026-13-01T00:00:00Z",
                                        "2026-01-01T25:00:00Z",
                                        "2026-01-01T00:00:00",
                                        "2026-01-01T00:00:00+0900",
                                        "2026-01-01T00:00:00Zx"};
    static const char *const zones[] = {
        "",        "seoul", "Asia", "Asia/", "../etc/passwd", "Asia/../Asia/Seoul", "/etc/passwd",
        "zone.tab"};
    int64_t seconds;
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        assert_false(zone_read_time(times[i], &seconds));
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        assert_null(zone_open(zones[i]));
    assert_null(zone_parse("TZif2", 5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_makes_its_text),
        cmocka_unit_test(what_is_wrong_is_found_when_it_is_read_with_its_place),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(a_text_is_cut_at_its_limit_between_characters),
        cmocka_unit_test(a_template_stops_at_its_limits),
        cmocka_unit_test(no_control_character_leaves_by_any_escape),
        cmocka_unit_test(every_escape_makes_its_values_harmless),
        cmocka_unit_test(code_stands_in_a_fence_and_can_not_leave_it),
        cmocka_unit_test(json_that_is_made_of_hostile_values_is_json),
        cmocka_unit_test(zones_know_summer_time_of_the_past_and_of_the_future),
        cmocka_unit_test(what_is_no_moment_or_zone_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
