/*
 * Reports. Each folder of tests/unit/data/report is a case: report.yaml is what a pass found, the
 * other files are what must come out of it. TRUEUP_UPDATE_GOLDEN=1 writes them anew: look at the
 * difference before committing it.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/report.h"
#include "report/show.h"
#include "value/json.h"
#include "value/schema.h"
#include "value/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#define ROOM (1u << 24)

static const char *const cases[] = {"story", "empty", "trouble", "texts", "hostile"};

static const struct {
    const char *file;
    tu_report_options o;
} outputs[] = {
    {"check.txt", {.format = TU_REPORT_TEXT}},
    {"check-all.txt", {.format = TU_REPORT_TEXT, .all = true}},
    {"check-color.txt", {.format = TU_REPORT_TEXT, .color = true, .width = 100}},
    {"check-narrow.txt", {.format = TU_REPORT_TEXT, .width = 60}},
    {"diff.txt", {.format = TU_REPORT_TEXT, .diff = true}},
    {"report.json", {.format = TU_REPORT_JSON}},
    {"report-all.json", {.format = TU_REPORT_JSON, .all = true}},
    {"table.txt", {.format = TU_REPORT_TABLE, .width = 120}},
    {"junit.xml", {.format = TU_REPORT_JUNIT}},
    {"report.sarif", {.format = TU_REPORT_SARIF}},
    {"comment.md", {.format = TU_REPORT_MARKDOWN}},
    {"github.txt", {.format = TU_REPORT_GITHUB}},
    {"gitlab.json", {.format = TU_REPORT_GITLAB}},
};

/* --- report.yaml to a report ------------------------------------------------------------------ */

static tu_value *sealed_or_plain(tu_arena *a, const tu_value *v) {
    if (!v)
        return NULL;
    const tu_value *secret = tu_value_get(v, "$sealed");
    tu_value *copy = tu_value_copy(a, secret ? secret : v);
    if (secret)
        assert_int_equal(tu_value_seal(a, copy, TU_S(""), NULL), TU_OK);
    return copy;
}

static tu_manager_class class_of(tu_str s) {
    for (int i = TU_MANAGER_UNKNOWN; i <= TU_MANAGER_LEGACY; i++) {
        if (tu_str_is(s, tu_manager_class_name((tu_manager_class)i)))
            return (tu_manager_class)i;
    }
    return TU_MANAGER_UNKNOWN;
}

static void read_change(tu_arena *a, const tu_value *v, tu_change *c) {
    const tu_value *owner = tu_value_get(v, "owner");
    *c = (tu_change){.path = tu_value_get_string(v, "path"),
                     .desired = sealed_or_plain(a, tu_value_get(v, "desired")),
                     .live = sealed_or_plain(a, tu_value_get(v, "live")),
                     .line = (uint32_t)tu_value_integer(tu_value_get(v, "line"), 0),
                     .note = tu_value_get_string(v, "note"),
                     .entry = tu_value_get_string(v, "entry"),
                     .action = TU_ACTION_ALERT,
                     .severity = TU_SEVERITY_WARNING};
    c->owner = (tu_owner){.manager = tu_value_get_string(owner, "manager"),
                          .operation = tu_value_get_string(owner, "operation"),
                          .subresource = tu_value_get_string(owner, "subresource"),
                          .time = tu_value_get_string(owner, "time"),
                          .class_ = class_of(tu_value_get_string(owner, "class"))};
    assert_true(tu_change_parse(tu_value_get_string(v, "change"), &c->kind));
    tu_action_parse(tu_value_get_string(v, "action"), &c->action);
    tu_severity_parse(tu_value_get_string(v, "severity"), &c->severity);
}

static tu_change *read_changes(tu_arena *a, const tu_value *list, size_t *ret_n) {
    tu_change *changes = tu_arena_zalloc(a, tu_value_count(list) * sizeof *changes);
    *ret_n = tu_value_count(list);
    for (size_t i = 0; i < *ret_n; i++)
        read_change(a, tu_value_at(list, i), &changes[i]);
    return changes;
}

static tu_finding *read_finding(tu_arena *a, const tu_value *v) {
    tu_finding *f = tu_arena_zalloc(a, sizeof *f);
    f->id = (tu_object_id){tu_value_get_string(v, "group"), tu_value_get_string(v, "version"),
                           tu_value_get_string(v, "kind"), tu_value_get_string(v, "namespace"),
                           tu_value_get_string(v, "name")};
    assert_true(tu_verdict_parse(tu_value_get_string(v, "verdict"), &f->verdict));
    for (int i = TU_CONFIDENCE_NONE; i <= TU_CONFIDENCE_CONFIRMED; i++) {
        if (tu_str_is(tu_value_get_string(v, "confidence"), tu_confidence_name((tu_confidence)i)))
            f->confidence = (tu_confidence)i;
    }
    f->reason = tu_value_get_string(v, "reason");
    f->file = tu_value_get_string(v, "file");
    f->line = (uint32_t)tu_value_integer(tu_value_get(v, "line"), 0);
    f->column = (uint32_t)tu_value_integer(tu_value_get(v, "column"), 0);
    f->entry = tu_value_get_string(v, "entry");
    tu_action_parse(tu_value_get_string(v, "action"), &f->action);
    tu_severity_parse(tu_value_get_string(v, "severity"), &f->severity);
    f->onset = tu_value_get_string(v, "onset");
    f->changes = read_changes(a, tu_value_get(v, "changes"), &f->change_count);
    for (size_t i = 0; i < f->change_count; i++) /* as rules/decide folds them */
        if (f->changes[i].action != TU_ACTION_IGNORE && f->changes[i].severity > f->severity)
            f->severity = f->changes[i].severity;
    f->quiet = read_changes(a, tu_value_get(v, "quiet"), &f->quiet_count);
    return f;
}

static void read_parts(tu_arena *a, const tu_value *v, tu_coverage_part **ret, size_t *ret_n) {
    *ret = tu_arena_zalloc(a, tu_value_count(v) * sizeof **ret);
    *ret_n = tu_value_count(v);
    for (size_t i = 0; i < *ret_n; i++) {
        const tu_value *part = tu_value_at(v, i);
        (*ret)[i] = (tu_coverage_part){
            .name = tu_value_get_string(part, "name"),
            .managed = (size_t)tu_value_integer(tu_value_get(part, "managed"), 0),
            .unmanaged = (size_t)tu_value_integer(tu_value_get(part, "unmanaged"), 0)};
    }
}

static void read_coverage(tu_arena *a, const tu_value *v, tu_coverage *c) {
    *c = (tu_coverage){.known = v != NULL,
                       .managed = (size_t)tu_value_integer(tu_value_get(v, "managed"), 0),
                       .unmanaged = (size_t)tu_value_integer(tu_value_get(v, "unmanaged"), 0),
                       .explained = (size_t)tu_value_integer(tu_value_get(v, "explained"), 0)};
    read_parts(a, tu_value_get(v, "kinds"), &c->kinds, &c->kind_count);
    read_parts(a, tu_value_get(v, "namespaces"), &c->namespaces, &c->namespace_count);
}

static void read_rule(tu_arena *a, const tu_value *v, tu_rule_report *r) {
    const tu_value *objects = tu_value_get(v, "objects"), *notes = tu_value_get(v, "notes");
    tu_str mode = tu_value_get_string(v, "mode");
    *r = (tu_rule_report){.name = tu_value_get_string(v, "name"),
                          .source = tu_value_get_string(v, "source"),
                          .revision = tu_value_get_string(v, "revision"),
                          .target = tu_value_get_string(v, "target"),
                          .mode = tu_str_is(mode, "heal") ? TU_MODE_HEAL : TU_MODE_AUDIT,
                          .problem = tu_value_get_string(v, "problem"),
                          .root = tu_value_get_string(v, "root"),
                          .skipped_files = (size_t)tu_value_integer(tu_value_get(v, "skipped"), 0),
                          .note_count = tu_value_count(notes),
                          .finding_count = tu_value_count(objects)};
    read_coverage(a, tu_value_get(v, "coverage"), &r->coverage);
    for (size_t i = 0; i < r->note_count; i++)
        r->notes[i] = tu_value_string(tu_value_at(notes, i));
    r->findings = tu_arena_zalloc(a, r->finding_count * sizeof *r->findings);
    for (size_t i = 0; i < r->finding_count; i++)
        r->findings[i] = read_finding(a, tu_value_at(objects, i));
}

static int64_t time_of(const tu_value *v, const char *key) {
    int64_t us = 0;
    assert_true(tu_time_parse(tu_value_get_string(v, key), &us));
    return us / 1000;
}

static char *case_path(const char *name, const char *file) {
    static char path[1024];
    const char *root = getenv("TRUEUP_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/unit/data/report/%s/%s", root ? root : ".", name, file);
    return path;
}

/* Everything is in r's own arena. */
static void read_report(const char *name, tu_report *r) {
    tu_error *e = NULL;
    tu_buf text = TU_BUF_INIT(ROOM);
    tu_arena_init(&r->arena, 0);
    if (tu_file_read(case_path(name, "report.yaml"), ROOM, &text, &e) != TU_OK)
        fail_msg("%s", tu_error_text(e));
    tu_yaml_split split = tu_yaml_split_begin(tu_arena_copy(&r->arena, tu_buf_str(&text)));
    tu_yaml_part part;
    tu_value *v = NULL;
    assert_true(tu_yaml_split_next(&split, &part));
    if (tu_yaml_parse(&r->arena, part, TU_YAML_STRICT, name, &v, &e) != TU_OK)
        fail_msg("%s:%lld: %s", name, (long long)e->line, tu_error_text(e));
    r->started_ms = time_of(v, "started");
    r->finished_ms = time_of(v, "finished");
    const tu_value *rules = tu_value_get(v, "rules");
    r->rule_count = tu_value_count(rules);
    r->rules = tu_arena_zalloc(&r->arena, r->rule_count * sizeof *r->rules);
    for (size_t i = 0; i < r->rule_count; i++)
        read_rule(&r->arena, tu_value_at(rules, i), &r->rules[i]);
    tu_buf_done(&text);
}

/* --- what comes out --------------------------------------------------------------------------- */

static void compare_with_golden(const char *name, const char *file, tu_str got) {
    const char *path = case_path(name, file);
    if (getenv("TRUEUP_UPDATE_GOLDEN")) {
        assert_int_equal(tu_file_write(path, got, 0644, NULL), TU_OK);
        return;
    }
    tu_buf want = TU_BUF_INIT(ROOM);
    tu_error *e = NULL;
    if (tu_file_read(path, ROOM, &want, &e) != TU_OK)
        fail_msg("%s (TRUEUP_UPDATE_GOLDEN=1 writes it)", tu_error_text(e));
    if (!tu_str_eq(tu_buf_str(&want), got))
        fail_msg("%s differs; this came out:\n%.*s", path, TU_P(got));
    tu_buf_done(&want);
}

static void every_case_comes_out_as_its_files_say(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_report r = {0};
        read_report(cases[i], &r);
        for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++) {
            tu_buf out = TU_BUF_INIT(ROOM);
            tu_report_write(&r, &outputs[k].o, &out);
            assert_int_equal(out.rc, TU_OK);
            compare_with_golden(cases[i], outputs[k].file, tu_buf_str(&out));
            tu_buf_done(&out);
        }
        tu_arena_done(&r.arena);
    }
}

/* --- the JSON, read by somebody else's parser ------------------------------------------------- */

static void assert_keys(const cJSON *object, const char *const *keys, size_t n) {
    const cJSON *member = object->child;
    for (size_t i = 0; i < n; i++, member = member->next) {
        assert_non_null(member);
        assert_string_equal(member->string, keys[i]);
    }
    assert_null(member);
}
#define ASSERT_KEYS(object, ...)                                                                   \
    assert_keys((object), (const char *const[]){__VA_ARGS__},                                      \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static cJSON *parse_written(const char *name, bool all) {
    tu_report r = {0};
    read_report(name, &r);
    tu_buf out = TU_BUF_INIT(ROOM);
    tu_report_write(&r, &(tu_report_options){.format = TU_REPORT_JSON, .all = all}, &out);
    cJSON *json = cJSON_ParseWithOpts(tu_buf_c(&out), NULL, true);
    assert_non_null(json);
    tu_buf_done(&out);
    tu_arena_done(&r.arena);
    return json;
}

static const cJSON *at(const cJSON *v, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(v, key);
}

static void the_json_has_the_documented_keys_in_their_order(void **state) {
    (void)state;
    cJSON *json = parse_written("story", true);
    ASSERT_KEYS(json, "apiVersion", "kind", "started", "finished", "summary", "rules");
    ASSERT_KEYS(at(json, "summary"), "objects", "in-sync", "drifted", "missing", "unmanaged",
                "blocked", "invalid", "unknown", "terminating", "delegated");
    const cJSON *rule = cJSON_GetArrayItem(at(json, "rules"), 0);
    ASSERT_KEYS(rule, "name", "mode", "source", "target", "notes", "objects", "coverage");
    ASSERT_KEYS(at(rule, "source"), "name", "revision");
    const cJSON *object = cJSON_GetArrayItem(at(rule, "objects"), 4);
    ASSERT_KEYS(object, "group", "version", "kind", "namespace", "name", "verdict", "confidence",
                "reason", "onset", "file", "line", "changes", "quiet");
    const cJSON *changes = at(object, "changes");
    ASSERT_KEYS(cJSON_GetArrayItem(changes, 0), "path", "change", "desired", "live", "line",
                "owner", "action", "severity", "entry", "note");
    ASSERT_KEYS(at(cJSON_GetArrayItem(changes, 0), "owner"), "manager", "operation", "subresource",
                "time", "class");
    cJSON_Delete(json);
}

static void the_json_is_as_its_schema_says(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *schema = NULL;
    assert_int_equal(tu_json_parse(&a, tu_str_c(tu_report_schema()), 0, NULL, &schema, NULL, NULL),
                     TU_OK);
    assert_int_equal(tu_schema_check(schema, NULL), TU_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_report r = {0};
        read_report(cases[i], &r);
        tu_buf out = TU_BUF_INIT(ROOM);
        tu_report_write(&r, &(tu_report_options){.format = TU_REPORT_JSON, .all = true}, &out);
        tu_value *v = NULL;
        assert_int_equal(tu_json_parse(&a, tu_buf_str(&out), 0, NULL, &v, NULL, NULL), TU_OK);
        tu_errors errors = {0};
        tu_schema_validate(&a, schema, v, cases[i], tu_buf_str(&out), "", &errors);
        if (errors.n)
            fail_msg("%s", tu_error_text(errors.items[0]));
        tu_buf_done(&out);
        tu_arena_done(&r.arena);
    }
    tu_arena_done(&a);
}

static void an_added_field_has_no_desired_and_a_removed_one_no_live(void **state) {
    (void)state;
    cJSON *json = parse_written("story", false);
    const cJSON *object, *objects = at(cJSON_GetArrayItem(at(json, "rules"), 0), "objects");
    size_t added = 0, removed = 0;
    cJSON_ArrayForEach(object, objects) {
        const cJSON *change;
        cJSON_ArrayForEach(change, at(object, "changes")) {
            const char *kind = at(change, "change")->valuestring;
            if (strcmp(kind, "added") == 0) {
                added++;
                assert_null(at(change, "desired"));
                assert_true(at(change, "live") || !*at(change, "path")->valuestring);
            } else if (strcmp(kind, "removed") == 0) {
                removed++;
                assert_non_null(at(change, "desired"));
                assert_null(at(change, "live"));
            }
        }
    }
    assert_int_equal(added, 2); /* one of them is a whole object */
    assert_int_equal(removed, 1);
    cJSON_Delete(json);
}

static void objects_in_sync_are_left_out_and_still_counted(void **state) {
    (void)state;
    cJSON *some = parse_written("story", false), *all = parse_written("story", true);
    assert_int_equal(cJSON_GetArraySize(at(cJSON_GetArrayItem(at(some, "rules"), 0), "objects")),
                     5);
    assert_int_equal(cJSON_GetArraySize(at(cJSON_GetArrayItem(at(all, "rules"), 0), "objects")), 7);
    assert_true(cJSON_Compare(at(some, "summary"), at(all, "summary"), true));
    assert_int_equal(at(at(some, "summary"), "objects")->valueint, 7);
    assert_int_equal(at(at(some, "summary"), "in-sync")->valueint, 2);
    cJSON_Delete(some);
    cJSON_Delete(all);
}

static void a_problem_and_notes_stand_there_only_when_there_are_any(void **state) {
    (void)state;
    cJSON *json = parse_written("trouble", false);
    ASSERT_KEYS(cJSON_GetArrayItem(at(json, "rules"), 0), "name", "mode", "source", "target",
                "objects");
    ASSERT_KEYS(cJSON_GetArrayItem(at(json, "rules"), 1), "name", "mode", "source", "target",
                "problem", "objects");
    cJSON_Delete(json);
}

static void a_secret_is_in_no_output(void **state) {
    (void)state;
    tu_report r = {0};
    read_report("story", &r);
    for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++) {
        tu_buf out = TU_BUF_INIT(ROOM);
        tu_report_write(&r, &outputs[k].o, &out);
        assert_null(strstr(tu_buf_c(&out), "c2VjcmV0"));
        assert_null(strstr(tu_buf_c(&out), "aGFja2Vk"));
        if (outputs[k].o.format != TU_REPORT_TABLE) /* it is cut */
            assert_true(strstr(tu_buf_c(&out), "<sealed>") ||
                        strstr(tu_buf_c(&out), "&lt;sealed&gt;"));
        tu_buf_done(&out);
    }
    tu_arena_done(&r.arena);
}

static void nothing_from_outside_commands_the_terminal(void **state) {
    (void)state;
    tu_report r = {0};
    read_report("hostile", &r);
    for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++) {
        tu_buf out = TU_BUF_INIT(ROOM);
        tu_report_write(&r, &outputs[k].o, &out);
        static const char *const forbidden[] = {
            "\r", "\a", "\b", "\x7f", "\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa7", "\xe2\x80\x8b"};
        for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
            assert_null(strstr(tu_buf_c(&out), forbidden[i]));
        for (const char *esc = tu_buf_c(&out); (esc = strchr(esc, '\x1b')); esc++) {
            assert_true(outputs[k].o.color);
            size_t digits = strspn(esc + 2, "0123456789");
            assert_true(esc[1] == '[' && digits > 0 && esc[2 + digits] == 'm');
        }
        tu_buf_done(&out);
    }
    tu_arena_done(&r.arena);
}

static void no_line_is_wider_than_the_terminal(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tu_report r = {0};
        read_report(cases[i], &r);
        tu_buf out = TU_BUF_INIT(ROOM);
        tu_report_write(
            &r, &(tu_report_options){.format = TU_REPORT_TEXT, .width = 40, .color = true}, &out);
        /* the last line is the summary, which is never cut */
        for (const char *line = tu_buf_c(&out), *end; (end = strchr(line, '\n')) && end[1];
             line = end + 1)
            assert_true(tu_show_columns((tu_str){line, (size_t)(end - line)}) <= 40);
        tu_buf_done(&out);
        tu_arena_done(&r.arena);
    }
}

/* --- exit codes ------------------------------------------------------------------------------- */

/* A rule is a string: one letter for each finding, "!" for a problem. */
static const struct {
    const char *what, *rules[3];
    int code;
} exits[] = {
    {"nothing at all", {""}, 0},
    {"in sync", {"ii"}, 0},
    {"delegated is in sync", {"id"}, 0},
    {"drifted", {"iD"}, 1},
    {"missing", {"m"}, 1},
    {"unmanaged", {"u"}, 1},
    {"blocked", {"b"}, 1},
    {"invalid", {"v"}, 1},
    {"terminating although it is desired", {"it"}, 1},
    {"terminating as nobody wants it", {"iT"}, 0},
    {"unknown beside in sync", {"i?"}, 4},
    {"everything unknown", {"??"}, 3},
    {"drift beside unknown", {"D?"}, 1},
    {"a rule that failed", {"!"}, 3},
    {"two that failed", {"!", "!"}, 3},
    {"one failed, one in sync", {"!", "i"}, 4},
    {"one failed, one with drift", {"!", "m"}, 1},
    {"one failed, one all unknown", {"!", "?"}, 3},
    {"one failed, one with nothing in it", {"!", ""}, 4},
    {"one failed half-way, with drift", {"D!"}, 1},
    {"one failed half-way, in sync so far", {"i!"}, 4},
};

static tu_finding finding_of(char letter) {
    static const struct {
        char letter;
        tu_verdict verdict;
        const char *file;
    } letters[] = {
        {'i', TU_VERDICT_IN_SYNC, "f"},     {'d', TU_VERDICT_DELEGATED, "f"},
        {'D', TU_VERDICT_DRIFTED, "f"},     {'m', TU_VERDICT_MISSING, "f"},
        {'u', TU_VERDICT_UNMANAGED, ""},    {'b', TU_VERDICT_BLOCKED, "f"},
        {'v', TU_VERDICT_INVALID, "f"},     {'?', TU_VERDICT_UNKNOWN, "f"},
        {'t', TU_VERDICT_TERMINATING, "f"}, {'T', TU_VERDICT_TERMINATING, ""},
    };
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
        if (letters[i].letter == letter)
            return (tu_finding){.verdict = letters[i].verdict, .file = tu_str_c(letters[i].file)};
    }
    fail();
    return (tu_finding){0};
}

static void the_exit_code_says_what_was_found(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++) {
        tu_rule_report rules[3] = {0};
        tu_finding findings[3][8];
        tu_finding *pointers[3][8];
        tu_report r = {.rules = rules};
        for (; r.rule_count < 3 && exits[i].rules[r.rule_count]; r.rule_count++) {
            tu_rule_report *rule = &rules[r.rule_count];
            rule->findings = pointers[r.rule_count];
            for (const char *c = exits[i].rules[r.rule_count]; *c; c++) {
                if (*c == '!') {
                    rule->problem = TU_S("unreachable");
                    continue;
                }
                findings[r.rule_count][rule->finding_count] = finding_of(*c);
                pointers[r.rule_count][rule->finding_count] =
                    &findings[r.rule_count][rule->finding_count];
                rule->finding_count++;
            }
        }
        int code = tu_report_exit_code(&r);
        if (code != exits[i].code)
            fail_msg("%s: expected %d, got %d", exits[i].what, exits[i].code, code);
    }
}

/* --- lines ------------------------------------------------------------------------------------ */

static void collect(void *arg, char mark, tu_str text) {
    tu_buf_addf(arg, "%c%.*s|", mark, TU_P(text));
}

static const struct {
    const char *live, *desired;
    size_t context;
    const char *lines;
} differences[] = {
    {"", "", 3, ""},
    {"a\n", "a\n", 3, " a|"},
    {"a\nb\n", "a\nb\n", 3, ".2 lines unchanged|"},
    {"", "a\nb\n", 3, "+a|+b|"},
    {"a\nb\n", "", 3, "-a|-b|"},
    {"a\nb\nc\n", "a\nx\nc\n", 1, " a|-b|+x| c|"},
    {"a\nb\nc\nd\n", "b\nc\nd\ne\n", 0, "-a|.3 lines unchanged|+e|"},
    {"1\n2\n3\n4\n5\n", "1\n2\n3\n4\n6\n", 1, ".3 lines unchanged| 4|-5|+6|"},
    {"a\n\nb", "a\n\nb\nc", 3, " a| | b|+c|"},
    {"x\na\nb\n", "a\nb\nx\n", 3, "-x| a| b|+x|"},
};

static void lines_are_aligned(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
        tu_buf out = TU_BUF_INIT(ROOM);
        tu_diff_lines(tu_str_c(differences[i].live), tu_str_c(differences[i].desired),
                      differences[i].context, collect, &out);
        assert_string_equal(tu_buf_c(&out), differences[i].lines);
        tu_buf_done(&out);
    }
}

static void apply(void *arg, char mark, tu_str text) {
    tu_buf *both = arg; /* [0] live, [1] desired */
    if (mark != '+')
        tu_buf_addf(&both[0], "%.*s\n", TU_P(text));
    if (mark != '-')
        tu_buf_addf(&both[1], "%.*s\n", TU_P(text));
}

static void a_difference_has_every_line_of_both_texts(void **state) {
    (void)state;
    uint32_t seed = 7;
    for (size_t round = 0; round < 300; round++) {
        tu_buf texts[2] = {TU_BUF_INIT(ROOM), TU_BUF_INIT(ROOM)},
               both[2] = {TU_BUF_INIT(ROOM), TU_BUF_INIT(ROOM)};
        for (size_t side = 0; side < 2; side++) {
            for (size_t n = round % 40; n > 0; n--) {
                seed = seed * 1664525u + 1013904223u;
                tu_buf_addf(&texts[side], "%u\n", (seed >> 24) % 5);
            }
        }
        tu_diff_lines(tu_buf_str(&texts[0]), tu_buf_str(&texts[1]), 1000, apply, both);
        bool equal = tu_str_eq(tu_buf_str(&texts[0]), tu_buf_str(&texts[1]));
        for (size_t side = 0; side < 2 && !equal; side++)
            assert_string_equal(tu_buf_c(&both[side]), tu_buf_c(&texts[side]));
        for (size_t side = 0; side < 2; side++) {
            tu_buf_done(&texts[side]);
            tu_buf_done(&both[side]);
        }
    }
}

static void texts_too_long_to_align_are_shown_as_replaced(void **state) {
    (void)state;
    tu_buf texts[2] = {TU_BUF_INIT(ROOM), TU_BUF_INIT(ROOM)},
           both[2] = {TU_BUF_INIT(ROOM), TU_BUF_INIT(ROOM)};
    for (size_t side = 0; side < 2; side++) {
        for (size_t n = 0; n < 5000; n++)
            tu_buf_addf(&texts[side], "%zu %zu\n", n % 3 ? 0 : side, n);
        tu_buf_addf(&texts[side], "end %zu\n", side);
    }
    tu_diff_lines(tu_buf_str(&texts[0]), tu_buf_str(&texts[1]), 100000, apply, both);
    for (size_t side = 0; side < 2; side++) {
        assert_string_equal(tu_buf_c(&both[side]), tu_buf_c(&texts[side]));
        tu_buf_done(&texts[side]);
        tu_buf_done(&both[side]);
    }
}

static void a_value_of_megabytes_spoils_no_report(void **state) {
    (void)state;
    char *text = tu_xmalloc(3u << 20);
    memset(text, 'x', 3u << 20);
    tu_value values[] = {{.type = TU_STRING, .string = {text, 3u << 20}},
                         {.type = TU_STRING, .string = TU_S("short")}};
    tu_change changes[] = {{.path = TU_S("/data/a"), .desired = &values[0], .live = &values[1]},
                           {.path = {text, 2u << 20}, .desired = &values[1], .live = &values[0]}};
    changes[0].action = changes[1].action = TU_ACTION_ALERT;
    tu_finding f = {.id = {TU_S(""), TU_S("v1"), TU_S("ConfigMap"), TU_S("shop"), {text, 2u << 20}},
                    .verdict = TU_VERDICT_DRIFTED,
                    .reason = {text, 2u << 20},
                    .changes = changes,
                    .change_count = 2};
    tu_finding *findings[] = {&f};
    tu_rule_report rule = {.name = TU_S("shop"), .findings = findings, .finding_count = 1};
    tu_report r = {.rules = &rule, .rule_count = 1};
    for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++) {
        tu_buf out = TU_BUF_INIT((size_t)1 << 30);
        tu_report_write(&r, &outputs[k].o, &out);
        assert_int_equal(out.rc, TU_OK);
        assert_true(outputs[k].o.format != TU_REPORT_TEXT || out.n < 200000);
        tu_buf_done(&out);
    }
    free(text);
}

/* --- limits ----------------------------------------------------------------------------------- */

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void write_many(size_t n, tu_report_options o, tu_buf *out) {
    static tu_value desired = {.type = TU_INTEGER, .integer = 3},
                    live = {.type = TU_INTEGER, .integer = 5};
    tu_change change = {.path = TU_S("/spec/replicas"),
                        .desired = &desired,
                        .live = &live,
                        .action = TU_ACTION_ALERT,
                        .severity = TU_SEVERITY_CRITICAL};
    tu_finding *all = tu_xcalloc(n, sizeof *all), **findings = tu_xcalloc(n, sizeof *findings);
    char(*names)[16] = tu_xcalloc(n, sizeof *names);
    for (size_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof *names, "cart-%zu", i);
        all[i] = (tu_finding){
            .id = {TU_S("apps"), TU_S("v1"), TU_S("Deployment"), TU_S("shop"), tu_str_c(names[i])},
            .verdict = TU_VERDICT_DRIFTED,
            .severity = TU_SEVERITY_CRITICAL,
            .action = TU_ACTION_ALERT,
            .file = TU_S("a.yaml"),
            .changes = &change,
            .change_count = 1};
        findings[i] = &all[i];
    }
    tu_rule_report rule = {.name = TU_S("shop"), .findings = findings, .finding_count = n};
    tu_report r = {.rules = &rule, .rule_count = 1};
    tu_report_write(&r, &o, out);
    assert_int_equal(out->rc, TU_OK);
    free(names);
    free(findings);
    free(all);
}

static const struct {
    tu_report_options o;
    size_t objects, most_bytes; /* 0: any */
    const char *what;           /* at most so often: */
    size_t most;
    const char *said; /* of what is left out */
} limits[] = {
    {{.format = TU_REPORT_TEXT}, 600, 0, "cart-", 500, "and 100 more: --all lists them"},
    {{.format = TU_REPORT_TEXT, .all = true}, 600, 0, "cart-", 600, ""},
    {{.format = TU_REPORT_TEXT, .diff = true}, 600, 0, "replicas: 5", 200, "and 400 more"},
    {{.format = TU_REPORT_MARKDOWN}, 2000, 65536, "<details>", 2000, "more objects are left out"},
    {{.format = TU_REPORT_MARKDOWN_GITLAB},
     9000,
     1000000,
     "<details>",
     9000,
     "more objects are left out"},
    {{.format = TU_REPORT_MARKDOWN_SUMMARY},
     9000,
     1 << 20,
     "<details>",
     9000,
     "more objects are left out"},
    {{.format = TU_REPORT_GITHUB}, 10, 0, "::error ", 10, "10 objects: 10 drifted"},
    {{.format = TU_REPORT_GITHUB}, 11, 0, "::error ", 10, "2 more objects"},
    {{.format = TU_REPORT_SARIF}, 25010, 0, "\"ruleId\"", 25000, "10 more results are left out"},
    {{.format = TU_REPORT_JUNIT}, 3000, 0, "<failure", 3000, "failures=\"3000\""},
};

static void long_reports_keep_to_limits_and_say_what_they_leave_out(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        tu_buf out = TU_BUF_INIT((size_t)1 << 30);
        write_many(limits[i].objects, limits[i].o, &out);
        size_t n = count(tu_buf_c(&out), limits[i].what);
        bool fits = limits[i].most_bytes == 0 || out.n <= limits[i].most_bytes;
        if (!fits || n > limits[i].most || n == 0 || !strstr(tu_buf_c(&out), limits[i].said))
            fail_msg("case %zu: %zu bytes, %zu times %s", i, out.n, n, limits[i].what);
        tu_buf_done(&out);
    }
}

static void a_full_buffer_is_a_failure_that_shows(void **state) {
    (void)state;
    tu_report r = {0};
    read_report("story", &r);
    for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++) {
        tu_buf out = TU_BUF_INIT(200);
        tu_report_write(&r, &outputs[k].o, &out);
        assert_int_equal(out.rc, TU_EINVALID);
        tu_buf_done(&out);
    }
    tu_arena_done(&r.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_comes_out_as_its_files_say),
        cmocka_unit_test(the_json_has_the_documented_keys_in_their_order),
        cmocka_unit_test(the_json_is_as_its_schema_says),
        cmocka_unit_test(an_added_field_has_no_desired_and_a_removed_one_no_live),
        cmocka_unit_test(objects_in_sync_are_left_out_and_still_counted),
        cmocka_unit_test(a_problem_and_notes_stand_there_only_when_there_are_any),
        cmocka_unit_test(a_secret_is_in_no_output),
        cmocka_unit_test(nothing_from_outside_commands_the_terminal),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(the_exit_code_says_what_was_found),
        cmocka_unit_test(lines_are_aligned),
        cmocka_unit_test(a_difference_has_every_line_of_both_texts),
        cmocka_unit_test(texts_too_long_to_align_are_shown_as_replaced),
        cmocka_unit_test(long_reports_keep_to_limits_and_say_what_they_leave_out),
        cmocka_unit_test(a_value_of_megabytes_spoils_no_report),
        cmocka_unit_test(a_full_buffer_is_a_failure_that_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
