/*
 * Configuration. tests/unit/data/config/bad has files (and folders) with mistakes and, beside each,
 * what must be said: NAME.yaml and NAME.txt. To add a case put a file there and a line in `bad`;
 * TRUEUP_UPDATE_GOLDEN=1 writes the texts anew: read them before committing.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "config/config.h"
#include "value/json.h"
#include "value/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ROOM (1u << 24)

static int go_to_the_data(void **state) {
    (void)state;
    char path[1024];
    const char *root = getenv("TRUEUP_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/unit/data/config", root ? root : ".");
    return chdir(path);
}

static void print_errors(const tu_errors *errors, tu_buf *out) {
    for (size_t i = 0; i < errors->n; i++)
        tu_error_print(errors->items[i], out);
}

static tu_config *load_good(const char *path) {
    tu_errors errors = {0};
    tu_config *c = tu_config_load(path, &errors);
    tu_buf text = TU_BUF_INIT(ROOM);
    print_errors(&errors, &text);
    if (!c || errors.n > 0)
        fail_msg("%s", tu_buf_c(&text));
    tu_buf_done(&text);
    tu_errors_done(&errors);
    return c;
}

#define ASSERT_STR(s, text) assert_true(tu_str_is((s), (text)))

/* --- what is wrong ---------------------------------------------------------------------------- */

static const char *const bad[] = {
    "empty.yaml",  "not-a-map.yaml", "kinds.yaml",      "shapes.yaml",    "meanings.yaml",
    "names.yaml",  "entries.yaml",   "references.yaml", "receivers.yaml", "routings.yaml",
    "audits.yaml", "broken.yaml",    "folder",          "nowhere.yaml",   "routing.yaml"};

static void every_mistake_is_said_at_once_with_its_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[256], golden[256];
        snprintf(path, sizeof path, "bad/%s", bad[i]);
        snprintf(golden, sizeof golden, "bad/%.*s.txt", (int)strcspn(bad[i], "."), bad[i]);
        tu_errors errors = {0};
        assert_null(tu_config_load(path, &errors));
        assert_true(errors.n > 0);
        tu_buf got = TU_BUF_INIT(ROOM), want = TU_BUF_INIT(ROOM);
        print_errors(&errors, &got);
        if (getenv("TRUEUP_UPDATE_GOLDEN"))
            assert_int_equal(tu_file_write(golden, tu_buf_str(&got), 0644, NULL), TU_OK);
        assert_int_equal(tu_file_read(golden, ROOM, &want, NULL), TU_OK);
        if (!tu_str_eq(tu_buf_str(&got), tu_buf_str(&want)))
            fail_msg("%s: this was said:\n%s", path, tu_buf_c(&got));
        tu_buf_done(&got);
        tu_buf_done(&want);
        tu_errors_done(&errors);
    }
}

static void mistakes_come_in_the_order_of_the_file(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[256];
        snprintf(path, sizeof path, "bad/%s", bad[i]);
        tu_errors errors = {0};
        assert_null(tu_config_load(path, &errors));
        for (size_t k = 1; k < errors.n; k++) {
            const tu_error *a = errors.items[k - 1], *b = errors.items[k];
            int files = strcmp(a->file, b->file);
            assert_true(files < 0 ||
                        (files == 0 &&
                         (a->line < b->line || (a->line == b->line && a->column <= b->column))));
        }
        tu_errors_done(&errors);
    }
}

static void an_error_that_was_there_before_stays_first(void **state) {
    (void)state;
    tu_errors errors = {0};
    tu_error *e = NULL;
    tu_error_set_at(&e, TU_EINVALID, "zzz", 9, 9, "before");
    tu_errors_add(&errors, e);
    assert_null(tu_config_load("bad/kinds.yaml", &errors));
    assert_string_equal(errors.items[0]->message, "before");
    tu_config *c = tu_config_load("good/minimal.yaml", &errors);
    assert_non_null(c); /* not its mistakes */
    tu_config_unref(c);
    tu_errors_done(&errors);
}

static void a_thousand_mistakes_are_enough(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(ROOM);
    for (size_t i = 0; i < TU_LIMIT_CONFIG_ERRORS + 10; i++)
        tu_buf_addf(&text, "---\nkind: Nothing%zu\n", i);
    tu_errors errors = {0};
    assert_null(tu_config_parse("many.yaml", tu_buf_str(&text), &errors));
    assert_int_equal(errors.n, TU_LIMIT_CONFIG_ERRORS + 1);
    assert_non_null(strstr(errors.items[errors.n - 1]->message, "TU_LIMIT_CONFIG_ERRORS"));
    tu_errors_done(&errors);
    tu_buf_done(&text);
}

static void too_large_a_file_is_refused(void **state) {
    (void)state;
    char path[] = "/tmp/trueup-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, TU_LIMIT_CONFIG_BYTES + 1), 0);
    close(fd);
    tu_errors errors = {0};
    assert_null(tu_config_load(path, &errors));
    assert_int_equal(errors.n, 1);
    tu_errors_done(&errors);
    unlink(path);
}

static void an_unreadable_file_hides_no_other_mistake(void **state) {
    (void)state;
    char folder[] = "/tmp/trueup-config-XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.yaml", folder);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    snprintf(path, sizeof path, "%s/b.yaml", folder);
    assert_int_equal(tu_file_write(path, TU_S("kind: Ruel\n"), 0644, NULL), TU_OK);
    tu_errors errors = {0};
    assert_null(tu_config_load(folder, &errors));
    assert_int_equal(errors.n, 2);
    tu_errors_done(&errors);
    unlink(path);
    snprintf(path, sizeof path, "%s/a.yaml", folder);
    unlink(path);
    rmdir(folder);
}

static void running_out_of_memory_gives_no_half_configuration(void **state) {
    (void)state;
    tu_buf text = TU_BUF_INIT(ROOM);
    assert_int_equal(tu_file_read("good/everything.yaml", ROOM, &text, NULL), TU_OK);
    tu_mem_fail_after(0);
    tu_errors none = {0};
    tu_config_unref(tu_config_parse("good.yaml", tu_buf_str(&text), &none));
    size_t allocations = tu_mem_fail_after(0);
    tu_errors_done(&none);
    assert_true(allocations > 10);
    for (size_t i = 1; i <= allocations; i++) {
        tu_errors errors = {0};
        tu_mem_fail_after(i);
        tu_config *c = tu_config_parse("good.yaml", tu_buf_str(&text), &errors);
        tu_mem_fail_after(0);
        assert_true((c == NULL) == (errors.n > 0));
        if (c) { /* what failed was not needed for it */
            assert_int_equal(c->rule_count, 2);
            assert_int_equal(c->rules[0].entry_count, 3);
            assert_int_equal(c->plugin_count, 2);
        }
        tu_config_unref(c);
        tu_errors_done(&errors);
    }
    tu_buf_done(&text);
}

/* --- what is right ---------------------------------------------------------------------------- */

static void the_example_of_the_design_loads(void **state) {
    (void)state;
    tu_config *c = load_good("good/design.yaml");
    assert_int_equal(c->source_count, 1);
    assert_int_equal(c->target_count, 1);
    const tu_use *source = tu_config_source(c, TU_S("shop-config"));
    ASSERT_STR(source->plugin, "git");
    assert_int_equal(source->interval_ms, 60000);
    ASSERT_STR(tu_value_get_string(source->config, "branch"), "main");
    assert_int_equal(source->place.line, 1);
    assert_int_equal(source->config_place.line, 6);
    assert_int_equal(source->config_place.column, 11);
    assert_non_null(tu_config_target(c, TU_S("prod")));
    const tu_rule *r = tu_config_rule(c, TU_S("shop"));
    ASSERT_STR(r->path, "overlays/prod");
    assert_int_equal(r->mode, TU_MODE_AUDIT);
    assert_false(r->confirm);
    assert_int_equal(r->entry_count, 3);
    ASSERT_STR(r->entries[0].name, "replicas belong to the autoscaler");
    ASSERT_STR(r->entries[0].paths.items[0].text, "/spec/replicas");
    assert_int_equal(r->entries[1].action, TU_ACTION_HEAL);
    assert_true(r->entries[1].has_severity);
    assert_int_equal(r->entries[1].severity, TU_SEVERITY_CRITICAL);
    assert_int_equal(r->entries[2].changes, 1u << TU_CHANGE_ADDED);
    assert_true(r->heal.prune);
    ASSERT_STR(r->heal.windows[0].time_zone, "Asia/Seoul");
    assert_non_null(r->heal.windows[0].schedule);
    assert_int_equal(r->heal.approval_votes, 1);
    ASSERT_STR(r->labels[0].value, "shop");
    assert_int_equal(c->warning_count, 2); /* prune and approval have no effect yet */
    assert_int_equal(c->files.n, 1);
    tu_config_unref(c);
}

static void what_is_left_out_has_its_default(void **state) {
    (void)state;
    tu_config *c = load_good("good/minimal.yaml");
    const tu_rule *r = &c->rules[0];
    ASSERT_STR(r->render, "auto");
    assert_int_equal(r->path.n, 0);
    assert_int_equal(r->interval_ms, 600000);
    assert_int_equal(r->mode, TU_MODE_AUDIT);
    assert_false(r->confirm);
    assert_int_equal(r->entry_count + r->scope_kinds.n + r->scope_namespaces.n + r->label_count, 0);
    assert_false(r->heal.prune);
    assert_int_equal(r->heal.prune_max_objects, 10);
    assert_int_equal(r->heal.prune_max_percent, 20);
    assert_int_equal(r->heal.window_count, 0);
    assert_int_equal(r->heal.approval_votes, 0);
    assert_int_equal(r->heal.limit_objects, 60);
    assert_int_equal(r->heal.limit_per_ms, 60000);
    assert_true(tu_value_is(c->targets[0].config, TU_MAP));
    assert_int_equal(c->targets[0].interval_ms, 60000);
    assert_int_equal(c->routing.receiver.n, 0);
    tu_config_unref(c);
}

static void every_key_arrives(void **state) {
    (void)state;
    tu_config *c = load_good("good/everything.yaml");
    ASSERT_STR(c->plugins[0].sha256,
               "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae");
    assert_int_equal(c->sources[0].interval_ms, 30000);
    assert_int_equal(c->targets[0].interval_ms, 300000);
    assert_true(tu_value_is(c->targets[1].config, TU_MAP));
    ASSERT_STR(c->routing.receiver, "dev");
    ASSERT_STR(tu_value_string(tu_value_path(c->sources[0].config, "auth", "token", "env", NULL)),
               "TOKEN");
    const tu_rule *r = tu_config_rule(c, TU_S("first"));
    ASSERT_STR(r->path, "overlays/prod");
    ASSERT_STR(r->render, "jsonnet");
    assert_int_equal(r->interval_ms, 5400000);
    assert_int_equal(r->mode, TU_MODE_HEAL);
    assert_false(r->confirm);
    assert_int_equal(r->scope_namespaces.n, 2);
    ASSERT_STR(r->scope_kinds.items[0], "Deployment.apps");
    const tu_entry *e = &r->entries[0];
    assert_int_equal(e->groups.n, 2);
    assert_int_equal(e->groups.items[0].text.n, 0);
    assert_int_equal(e->names.n, 2);
    assert_int_equal(e->label_count, 2);
    ASSERT_STR(e->labels[0].key, "app");
    assert_int_equal(e->paths.n, 2);
    assert_int_equal(e->changes, (1u << TU_CHANGE_COUNT) - 1);
    assert_int_equal(e->verdicts, ((1u << TU_VERDICT_COUNT) - 1) & ~(1u << TU_VERDICT_IN_SYNC));
    assert_int_equal(e->managers.n, 1);
    assert_int_equal(e->manager_classes, ((1u << TU_MANAGER_COUNT) - 1) & ~(1u << TU_MANAGER_OURS));
    assert_int_equal(e->within_count, 1);
    assert_int_equal(e->action, TU_ACTION_APPROVE);
    ASSERT_STR(e->reason, "because");
    int64_t us;
    assert_true(tu_time_parse(TU_S("2100-01-01T00:00:00Z"), &us));
    assert_int_equal(e->expires_ms, us / 1000);
    assert_true(tu_time_parse(TU_S("2099-12-31T09:00:00Z"), &us));
    assert_int_equal(r->entries[1].expires_ms, us / 1000);
    assert_false(r->entries[1].has_severity);
    assert_int_equal(r->heal.prune_max_objects, 0);
    assert_int_equal(r->heal.window_count, 2);
    assert_int_equal(r->heal.approval_votes, 2);
    assert_int_equal(r->heal.approval_deadline_ms, 7200000);
    assert_int_equal(r->heal.limit_per_ms, 10000);
    assert_int_equal(r->label_count, 2);
    r = tu_config_rule(c, TU_S("second"));
    assert_int_equal(r->mode, TU_MODE_OFF);
    assert_int_equal(r->path.n, 0);
    assert_int_equal(r->heal.approval_votes, 1);
    tu_config_unref(c);
}

static void what_is_hardly_meant_is_a_warning(void **state) {
    (void)state;
    tu_config *c = load_good("good/everything.yaml");
    static const struct {
        unsigned line;
        const char *begins;
    } wanted[] = {
        {78, "approvals can't be given"}, {83, "this entry has expired"},
        {85, "spec.heal.prune"},          {87, "spec.heal.approval"},
        {94, "spec.heal.approval"},       {39, "the Routing never tells"},
    };
    assert_int_equal(c->warning_count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < c->warning_count; i++) {
        assert_int_equal(c->warnings[i].place.line, wanted[i].line);
        assert_true(tu_str_starts(c->warnings[i].text, wanted[i].begins));
    }
    tu_config_unref(c);
    tu_errors errors = {0};
    c = tu_config_parse(
        "x.yaml",
        TU_S("{apiVersion: trueup.dev/v1, kind: Source, metadata: {name: a}, spec: {plugin: git}}"),
        &errors);
    assert_non_null(c);
    assert_int_equal(c->warning_count, 2);
    ASSERT_STR(c->warnings[0].text, "no Rule uses the Source 'a'");
    assert_int_equal(c->warnings[0].place.line, 1);
    ASSERT_STR(c->warnings[1].text, "there is no Rule, so nothing is compared");
    assert_int_equal(c->warnings[1].place.line, 0);
    tu_config_unref(c);
}

static void heal_confirms_by_dry_run_where_nothing_else_is_said(void **state) {
    (void)state;
    tu_errors errors = {0};
    tu_config *c = tu_config_parse("x.yaml",
                                   TU_S("{apiVersion: trueup.dev/v1, kind: Source, metadata: "
                                        "{name: a}, spec: {plugin: git}}\n---\n"
                                        "{apiVersion: trueup.dev/v1, kind: Target, metadata: "
                                        "{name: a}, spec: {plugin: kubernetes}}\n---\n"
                                        "{apiVersion: trueup.dev/v1, kind: Rule, metadata: {name: "
                                        "a}, spec: {from: a, to: a, mode: heal}}\n---\n"
                                        "{apiVersion: trueup.dev/v1, kind: Rule, metadata: {name: "
                                        "b}, spec: {from: a, to: a, confirm: dry-run}}\n---\n"
                                        "{apiVersion: trueup.dev/v1, kind: Notifier, metadata: "
                                        "{name: ops}, spec: {plugin: webhook}}\n"),
                                   &errors);
    assert_non_null(c);
    assert_true(c->rules[0].confirm);
    assert_true(c->rules[1].confirm);
    ASSERT_STR(c->routing.receiver, "ops"); /* the only one */
    tu_config *again = tu_config_ref(c);
    tu_config_unref(c);
    assert_int_equal(again->rule_count, 2);
    tu_config_unref(again);
}

static void the_first_place_of_the_three_is_found(void **state) {
    (void)state;
    char folder[] = "/tmp/trueup-config-XXXXXX";
    char *here = getcwd(NULL, 0);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mkdir("trueup.d", 0755), 0);
    char *found = tu_config_find();
    assert_string_equal(found, "./trueup.d");
    free(found);
    assert_int_equal(tu_file_write("trueup.yaml", TU_S(""), 0644, NULL), TU_OK);
    found = tu_config_find();
    assert_string_equal(found, "./trueup.yaml");
    free(found);
    unlink("trueup.yaml");
    rmdir("trueup.d");
    assert_int_equal(chdir(here), 0);
    rmdir(folder);
    free(here);
}

/* --- schemas ---------------------------------------------------------------------------------- */

static void every_kind_has_a_schema_that_is_one(void **state) {
    (void)state;
    size_t n = 0;
    for (; tu_config_kinds[n]; n++) {
        _cleanup_(tu_arena_done) tu_arena a;
        tu_arena_init(&a, 0);
        tu_value *schema = NULL;
        tu_error *e = NULL;
        const char *text = tu_config_schema(tu_config_kinds[n]);
        if (tu_json_parse(&a, tu_str_c(text), 0, tu_config_kinds[n], &schema, NULL, &e) != TU_OK ||
            tu_schema_check(schema, &e) != TU_OK)
            fail_msg("%s:%lld: %s", tu_config_kinds[n], (long long)e->line, tu_error_text(e));
        ASSERT_STR(tu_value_string(tu_value_path(schema, "properties", "kind", "const", NULL)),
                   tu_config_kinds[n]);
    }
    assert_int_equal(n, 10);
    assert_null(tu_config_schema("ImagePolicy"));
    assert_null(tu_config_schema(NULL));
}

/* --- two words of the command line ------------------------------------------------------------ */

static void words_become_a_configuration(void **state) {
    (void)state;
    char folder[] = "/tmp/trueup-config-XXXXXX", path[128], target[160];
    assert_non_null(mkdtemp(folder));
    static const char *const inside[] = {"manifests", "bare", "bare/objects", "bare/refs",
                                         "mirror.git"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, inside[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    char *here = getcwd(NULL, 0);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(tu_file_write("bare/HEAD", TU_S("ref: refs/heads/main\n"), 0644, NULL), TU_OK);
    assert_int_equal(tu_file_write("one.yaml", TU_S(""), 0644, NULL), TU_OK);
    snprintf(target, sizeof target, "directory:%s/manifests", folder);
    const struct {
        const char *location, *target, *plugin, *key, *value, *name;
    } table[] = {
        {"./manifests", NULL, "directory", "path", "manifests", "./manifests"},
        {"manifests/", "kubernetes", "directory", "path", "manifests", "manifests/"},
        {"one.yaml", "kubernetes:prod", "directory", "path", "one.yaml", "one.yaml"},
        {"bare", "directory:manifests", "git", "url", "bare", "bare"},
        {"mirror.git", target, "git", "url", "mirror.git", "mirror.git"},
        {"https://example.com/a.git", NULL, "git", "url", NULL, "https://example.com/a.git"},
        {"https://me:hunter2@example.com/a@b.git", NULL, "git", "url", NULL,
         "https://example.com/a@b.git"},
        {"ssh://git@example.com/a", NULL, "git", "url", NULL, "ssh://example.com/a"},
        {"git@example.com:acme/a.git", NULL, "git", "url", NULL, "git@example.com:acme/a.git"},
        {"file:///srv/a.git", NULL, "git", "url", NULL, "file:///srv/a.git"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        tu_error *e = NULL;
        tu_config *c = tu_config_adhoc(table[i].location, table[i].target, i % 2, false, &e);
        if (!c)
            fail_msg("%s: %s", table[i].location, tu_error_text(e));
        const tu_rule *r = tu_config_rule(c, TU_S("check"));
        const tu_use *source = tu_config_source(c, r->from), *to = tu_config_target(c, r->to);
        assert_int_equal(r->mode, i % 2 ? TU_MODE_HEAL : TU_MODE_AUDIT);
        assert_int_equal(r->confirm, i % 2);
        assert_int_equal(r->interval_ms, 600000);
        ASSERT_STR(source->plugin, table[i].plugin);
        ASSERT_STR(source->name, table[i].name);
        ASSERT_STR(to->name, table[i].target ? table[i].target : "kubernetes");
        char *whole =
            table[i].value ? realpath(table[i].value, NULL) : tu_xstrdup(table[i].location);
        ASSERT_STR(tu_value_get_string(source->config, table[i].key), whole);
        free(whole);
        if (table[i].target && strchr(table[i].target, ':')) {
            bool cluster = tu_str_is(to->plugin, "kubernetes");
            whole = cluster ? tu_xstrdup("prod") : realpath("manifests", NULL);
            ASSERT_STR(tu_value_get_string(to->config, cluster ? "context" : "path"), whole);
            free(whole);
        } else {
            assert_int_equal(tu_value_count(to->config), 0);
        }
        tu_config_unref(c);
    }
    const struct {
        const char *location, *target, *message, *hint;
    } wrong[] = {
        {"./manifets", NULL, "no such file or directory: ./manifets", "did you mean ./manifests?"},
        {"", NULL, "name a folder", NULL},
        {"nothing/like/it", NULL, "no such file or directory", NULL},
        {"oci://registry/a", NULL, "oci:// is no kind of source", "Git repository"},
        {"manifests", "kubernets", "unknown target 'kubernets'", "did you mean 'kubernetes'?"},
        {"manifests", "kubernets:prod", "unknown target", "did you mean 'kubernetes:prod'?"},
        {"manifests", "manifests", "unknown target", "did you mean 'directory:manifests'?"},
        {"manifests", "directory:manifest", "no such file or directory: manifest",
         "did you mean manifests?"},
        {"manifests", "directory:", "names no folder", NULL},
        {"manifests", "kubernetes:", "names no context", NULL},
        {"manifests", "", "unknown target ''", NULL},
        {"manifests\xff", NULL, "must be UTF-8", NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tu_error *e = NULL;
        assert_null(tu_config_adhoc(wrong[i].location, wrong[i].target, false, false, &e));
        assert_non_null(e);
        if (!strstr(e->message, wrong[i].message) ||
            (wrong[i].hint && (!e->hint || !strstr(e->hint, wrong[i].hint))))
            fail_msg("%s to %s: %s (%s)", wrong[i].location, wrong[i].target, e->message,
                     e->hint ? e->hint : "no hint");
        tu_error_free(e);
    }
    unlink("bare/HEAD");
    unlink("one.yaml");
    for (size_t i = sizeof inside / sizeof *inside; i-- > 0;)
        rmdir(inside[i]);
    assert_int_equal(chdir(here), 0);
    rmdir(folder);
    free(here);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_said_at_once_with_its_place),
        cmocka_unit_test(mistakes_come_in_the_order_of_the_file),
        cmocka_unit_test(an_error_that_was_there_before_stays_first),
        cmocka_unit_test(a_thousand_mistakes_are_enough),
        cmocka_unit_test(too_large_a_file_is_refused),
        cmocka_unit_test(an_unreadable_file_hides_no_other_mistake),
        cmocka_unit_test(running_out_of_memory_gives_no_half_configuration),
        cmocka_unit_test(the_example_of_the_design_loads),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(every_key_arrives),
        cmocka_unit_test(what_is_hardly_meant_is_a_warning),
        cmocka_unit_test(heal_confirms_by_dry_run_where_nothing_else_is_said),
        cmocka_unit_test(the_first_place_of_the_three_is_found),
        cmocka_unit_test(every_kind_has_a_schema_that_is_one),
        cmocka_unit_test(words_become_a_configuration),
    };
    return cmocka_run_group_tests(tests, go_to_the_data, NULL);
}
