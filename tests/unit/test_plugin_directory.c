/*
 * Contract tests of source-directory, render-plain and target-directory, through the real host.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "folder.h"
#include "value/json.h"

typedef struct fixture {
    test_folder folder;
    test_records records;
    tu_plugin_use *use;
    tu_error *error;
    tu_call_options call;
} fixture;

static int set_up(void **state) {
    fixture *f = tu_xcalloc(1, sizeof *f);
    f->folder = test_folder_new();
    test_records_init(&f->records);
    f->call =
        (tu_call_options){.on_record = test_records_add, .arg = &f->records, .timeout_ms = 30000};
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    tu_plugin_use_free(f->use);
    test_folder_remove(&f->folder);
    test_records_done(&f->records);
    tu_error_free(f->error);
    free(f);
    return 0;
}

static void use(fixture *f, tu_plugin_kind kind, const char *plugin, const char *below,
                const char *more) {
    char config[512];
    snprintf(config, sizeof config, "{path: \"%s%s\"%s}", f->folder.path, below, more);
    f->use = test_use(kind, plugin, config);
}

static void expect(fixture *f, tu_rc got, tu_rc wanted) {
    if (got != wanted)
        print_error("rc %d, wanted %d: %s\n", (int)got, (int)wanted, tu_error_text(f->error));
    assert_int_equal(got, wanted);
}

static void expect_error(fixture *f, const char *part) {
    if (!strstr(tu_error_text(f->error), part))
        fail_msg("the error '%s' doesn't say '%s'", tu_error_text(f->error), part);
    tu_error_free(f->error);
    f->error = NULL;
}

static const char *text(fixture *f) {
    return tu_buf_c(&f->records.text);
}

static void expect_text(fixture *f, const char *part) {
    if (!test_records_have(&f->records, part))
        fail_msg("no '%s' in:\n%s", part, text(f));
}

static void refuse_text(fixture *f, const char *part) {
    if (test_records_have(&f->records, part))
        fail_msg("there is '%s' in:\n%s", part, text(f));
}

/* --- source-directory ------------------------------------------------------------------------ */

static char *revision(fixture *f) {
    test_records_clear(&f->records);
    expect(f, tu_call_resolve(f->use, &f->call, &f->error), TU_OK);
    char *copy = strdup(text(f));
    test_records_clear(&f->records);
    return copy;
}

static void a_revision_follows_content_and_not_times(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", "one");
    use(f, TU_KIND_SOURCE, "directory", "", "");
    char *first = revision(f);
    test_folder_write(&f->folder, "a.yaml", "one"); /* new times, same bytes */
    char *touched = revision(f);
    assert_string_equal(first, touched);
    test_folder_write(&f->folder, "a.yaml", "two"); /* same size */
    char *changed = revision(f);
    assert_string_not_equal(first, changed);
    test_folder_write(&f->folder, "a.yaml", "one");
    char *back = revision(f);
    assert_string_equal(first, back);
    free(first);
    free(touched);
    free(changed);
    free(back);
}

static void entries_come_in_byte_order_of_whole_paths(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a/b.yaml", "1");
    test_folder_write(&f->folder, "a.yaml", "2");
    test_folder_write(&f->folder, "a-b.yaml", "3");
    test_folder_write(&f->folder, ".git/config", "never");
    use(f, TU_KIND_SOURCE, "directory", "", "");
    expect(f, tu_call_fetch(f->use, TU_S(""), TU_S(""), &f->call, &f->error), TU_OK);
    assert_string_equal(text(f), "ENTRY 0 {\"path\":\"a-b.yaml\",\"mode\":\"file\"} 3\n"
                                 "ENTRY 0 {\"path\":\"a.yaml\",\"mode\":\"file\"} 2\n"
                                 "ENTRY 0 {\"path\":\"a/b.yaml\",\"mode\":\"file\"} 1\n");
}

static void a_path_limits_what_is_fetched(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "prod/a.yaml", "1");
    test_folder_write(&f->folder, "production/a.yaml", "2");
    use(f, TU_KIND_SOURCE, "directory", "", "");
    expect(f, tu_call_fetch(f->use, TU_S(""), TU_S("prod"), &f->call, &f->error), TU_OK);
    expect_text(f, "prod/a.yaml");
    refuse_text(f, "production");
    expect(f, tu_call_fetch(f->use, TU_S(""), TU_S("pro"), &f->call, &f->error), TU_ENOTFOUND);
    expect_error(f, "there is no pro in");
}

static void links_are_named_and_never_followed(void **state) {
    fixture *f = *state;
    char link[512];
    test_folder_write(&f->folder, "in/a.yaml", "inside");
    test_folder_write(&f->folder, "out/secret.yaml", "outside");
    snprintf(link, sizeof link, "%s/in/link.yaml", f->folder.path);
    assert_int_equal(symlink("../out/secret.yaml", link), 0);
    snprintf(link, sizeof link, "%s/in/folder", f->folder.path);
    assert_int_equal(symlink("../out", link), 0);
    use(f, TU_KIND_SOURCE, "directory", "/in", "");
    expect(f, tu_call_fetch(f->use, TU_S(""), TU_S(""), &f->call, &f->error), TU_OK);
    assert_string_equal(text(f), "ENTRY 0 {\"path\":\"a.yaml\",\"mode\":\"file\"} inside\n"
                                 "ENTRY 0 {\"path\":\"folder\",\"mode\":\"symlink\"} \n"
                                 "ENTRY 0 {\"path\":\"link.yaml\",\"mode\":\"symlink\"} \n");
}

static void a_pipe_in_the_folder_is_left_out(void **state) {
    fixture *f = *state;
    char pipe[512];
    snprintf(pipe, sizeof pipe, "%s/pipe.yaml", f->folder.path);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    use(f, TU_KIND_SOURCE, "directory", "", "");
    expect(f, tu_call_fetch(f->use, TU_S(""), TU_S(""), &f->call, &f->error), TU_OK);
    assert_string_equal(text(f), "");
}

static void a_file_that_cannot_be_read_fails_the_fetch_by_name(void **state) {
    fixture *f = *state;
    if (geteuid() == 0)
        skip(); /* root reads everything */
    char path[512];
    test_folder_write(&f->folder, "a.yaml", "x");
    snprintf(path, sizeof path, "%s/a.yaml", f->folder.path);
    chmod(path, 0);
    use(f, TU_KIND_SOURCE, "directory", "", "");
    expect(f, tu_call_fetch(f->use, TU_S(""), TU_S(""), &f->call, &f->error), TU_EDENIED);
    expect_error(f, "a.yaml");
}

static void a_file_too_large_is_refused_by_name(void **state) {
    fixture *f = *state;
    char path[512];
    test_folder_write(&f->folder, "large.yaml", "x");
    snprintf(path, sizeof path, "%s/large.yaml", f->folder.path);
    assert_int_equal(truncate(path, 16 * 1024 * 1024 + 1), 0);
    use(f, TU_KIND_SOURCE, "directory", "", "");
    expect(f, tu_call_fetch(f->use, TU_S(""), TU_S(""), &f->call, &f->error), TU_EINVALID);
    expect_error(f, "large.yaml is larger than 16 MiB");
}

static void one_file_can_be_a_source(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", "x");
    test_folder_write(&f->folder, "b.yaml", "y");
    use(f, TU_KIND_SOURCE, "directory", "/b.yaml", "");
    expect(f, tu_call_fetch(f->use, TU_S(""), TU_S(""), &f->call, &f->error), TU_OK);
    assert_string_equal(text(f), "ENTRY 0 {\"path\":\"b.yaml\",\"mode\":\"file\"} y\n");
}

static void a_fetch_of_what_is_no_more_is_a_conflict(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", "x");
    use(f, TU_KIND_SOURCE, "directory", "", "");
    expect(f, tu_call_fetch(f->use, TU_S("0000"), TU_S(""), &f->call, &f->error), TU_ECONFLICT);
}

static void a_folder_that_is_not_there_is_named(void **state) {
    fixture *f = *state;
    use(f, TU_KIND_SOURCE, "directory", "/absent", "");
    expect(f, tu_call_resolve(f->use, &f->call, &f->error), TU_ENOTFOUND);
    expect_error(f, "/absent");
}

typedef struct watching {
    fixture *f;
    tu_cancel *cancel;
    const char *selector; /* NULL: a source */
    pthread_t thread;
    tu_rc rc;
} watching;

static void *watch(void *arg) {
    watching *w = arg;
    tu_call_options call = w->f->call;
    call.cancel = w->cancel;
    call.timeout_ms = 0;
    tu_error *error = NULL;
    w->rc = w->selector ? tu_call_target_watch(w->f->use, tu_str_c(w->selector), &call, &error)
                        : tu_call_source_watch(w->f->use, &call, &error);
    tu_error_free(error);
    return NULL;
}

static void watch_begin(watching *w, fixture *f, const char *selector) {
    *w = (watching){.f = f, .cancel = tu_cancel_new(), .selector = selector};
    assert_int_equal(pthread_create(&w->thread, NULL, watch, w), 0);
}

static void watch_end(watching *w) {
    tu_cancel_fire(w->cancel);
    pthread_join(w->thread, NULL);
    tu_cancel_free(w->cancel);
    assert_int_equal(w->rc, TU_ECANCELLED);
}

static void a_source_watch_tells_of_new_folders_and_renames(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", "x");
    use(f, TU_KIND_SOURCE, "directory", "", "");
    watching w;
    watch_begin(&w, f, NULL);
    test_records_await(&f->records, "CHANGED"); /* the first one always comes */
    test_records_clear(&f->records);
    test_folder_rename_over(&f->folder, "a.yaml", "y");
    test_records_await(&f->records, "CHANGED");
    test_records_clear(&f->records);
    test_folder_write(&f->folder, "new/deeper/b.yaml", "z");
    test_records_await(&f->records, "CHANGED");
    test_records_clear(&f->records);
    test_folder_write(&f->folder, "new/deeper/b.yaml", "zz");
    test_records_await(&f->records, "CHANGED");
    watch_end(&w);
}

/* --- render-plain ---------------------------------------------------------------------------- */

static void render(fixture *f, const tu_tree_file *files, size_t n) {
    tu_tree tree = {.files = (tu_tree_file *)files, .n = n};
    f->use = test_use(TU_KIND_RENDER, "plain", "{}");
    f->call.tree = &tree;
    expect(f, tu_call_render(f->use, TU_S("{}"), &f->call, &f->error), TU_OK);
    f->call.tree = NULL;
}

static void manifests_pass_and_other_files_are_counted(void **state) {
    fixture *f = *state;
    const tu_tree_file files[] = {
        {TU_S(".github/workflows/ci.yaml"), TU_S("on: push")},
        {TU_S("README.md"), TU_S("# hello")},
        {TU_S("a.yaml"), TU_S("kind: A")},
        {TU_S("b.json"), TU_S("{}")},
        {TU_S("deep/c.yml"), TU_S("kind: C")},
    };
    render(f, files, sizeof files / sizeof files[0]);
    assert_string_equal(
        text(f), "DOCUMENT 0 {\"file\":\"a.yaml\",\"line\":1,\"format\":\"yaml\"} kind: A\n"
                 "DOCUMENT 0 {\"file\":\"b.json\",\"line\":1,\"format\":\"json\"} {}\n"
                 "DOCUMENT 0 {\"file\":\"deep/c.yml\",\"line\":1,\"format\":\"yaml\"} kind: C\n"
                 "SKIPPED 0 {\"files\":2} \n");
}

static void a_folder_that_needs_a_renderer_is_refused_as_a_whole(void **state) {
    fixture *f = *state;
    const tu_tree_file files[] = {
        {TU_S("chart/Chart.yaml"), TU_S("")},
        {TU_S("chart/templates/deployment.yaml"), TU_S("{{ .Values }}")},
        {TU_S("kustomized/base/kustomization.yaml"), TU_S("")},
        {TU_S("kustomized/base/patch.yaml"), TU_S("")},
        {TU_S("kustomized/plain.yaml"), TU_S("kind: P")},
        {TU_S("plain/a.yaml"), TU_S("kind: A")},
    };
    render(f, files, sizeof files / sizeof files[0]);
    expect_text(f, "PROBLEM 0 "
                   "{\"file\":\"chart/"
                   "Chart.yaml\",\"line\":1,\"column\":1,\"code\":\"needs-renderer\",\"message\":"
                   "\"this folder "
                   "needs the helm renderer, which isn't there\"}");
    expect_text(f, "PROBLEM 0 {\"file\":\"kustomized/base/kustomization.yaml\"");
    expect_text(f, "DOCUMENT 0 {\"file\":\"kustomized/plain.yaml\"");
    expect_text(f, "DOCUMENT 0 {\"file\":\"plain/a.yaml\"");
    refuse_text(f, "patch.yaml");
    refuse_text(f, "templates");
}

static void plain_does_not_accept_a_kustomization_at_the_root(void **state) {
    fixture *f = *state;
    const tu_tree_file files[] = {{TU_S("a.yaml"), TU_S("")},
                                  {TU_S("kustomization.yml"), TU_S("")}};
    tu_tree tree = {.files = (tu_tree_file *)files, .n = 2};
    f->use = test_use(TU_KIND_RENDER, "plain", "{}");
    f->call.tree = &tree;
    expect(f, tu_call_accepts(f->use, &f->call, &f->error), TU_EUNSUPPORTED);
    f->call.tree = NULL;
}

/* --- target-directory ------------------------------------------------------------------------ */

#define CONFIG_MAP(name, value)                                                                    \
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " name                                    \
    "\n  namespace: shop\ndata:\n  key: " value "\n"
#define SELECT_MAPS                                                                                \
    "{\"scopes\":[{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\",\"namespaces\":["      \
    "\"shop\"]}]}"
#define SELECT_MAPS_AND_SECRETS                                                                    \
    "{\"scopes\":[{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\"},{\"group\":\"\","     \
    "\"version\":\"v1\",\"kind\":\"Secret\"}]}"

static void list(fixture *f, const char *selector) {
    test_records_clear(&f->records);
    expect(f, tu_call_list(f->use, tu_str_c(selector), &f->call, &f->error), TU_OK);
}

static tu_rc apply(fixture *f, const char *object, const char *options) {
    test_records_clear(&f->records);
    return tu_call_apply(f->use, tu_str_c(object), tu_str_c(options), &f->call, &f->error);
}

static void expect_file(fixture *f, const char *path, const char *wanted) {
    char *got = test_folder_read(&f->folder, path);
    assert_non_null(got);
    assert_string_equal(got, wanted);
    free(got);
}

static void a_listing_holds_the_scope_and_nothing_else(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "1") "---\n" CONFIG_MAP("b", "2"));
    test_folder_write(&f->folder, "values.yaml", "replicas: 3\n");
    test_folder_write(&f->folder, "other.json",
                      "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
                      "\"namespace\":\"elsewhere\"}}");
    test_folder_write(&f->folder, ".hidden.yaml", CONFIG_MAP("hidden", "1"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    list(f, SELECT_MAPS);
    assert_non_null(strstr(text(f), "BEGIN 0"));
    expect_text(f, "\"name\":\"a\"");
    expect_text(f, "\"name\":\"b\"");
    expect_text(f, "END 0");
    refuse_text(f, "elsewhere");
    refuse_text(f, "hidden");
}

static void integers_keep_every_digit(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml",
                      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\nbig: "
                      "9007199254740993\noctal: 0755\nyes: yes\n");
    use(f, TU_KIND_TARGET, "directory", "", "");
    list(f, SELECT_MAPS);
    expect_text(f, "\"big\":9007199254740993");
    expect_text(f, "\"octal\":493");
    expect_text(f, "\"true\":true");
}

static void a_broken_document_makes_its_kind_unsure_and_no_other(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "1"));
    test_folder_write(&f->folder, "b.yaml",
                      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [b\n");
    use(f, TU_KIND_TARGET, "directory", "", "");
    list(f, SELECT_MAPS_AND_SECRETS);
    expect_text(f, "LOST 0 ");
    expect_text(f, "b.yaml:");
    expect_text(f, "\"name\":\"a\"");
    refuse_text(f, "END 0");
    expect_text(f, "END 1");
}

static void a_broken_document_of_no_known_kind_makes_all_unsure(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "b.yaml", "}{");
    use(f, TU_KIND_TARGET, "directory", "", "");
    list(f, SELECT_MAPS_AND_SECRETS);
    expect_text(f, "LOST 0 ");
    expect_text(f, "LOST 1 ");
}

static void an_object_that_stands_twice_is_unsure_and_both_places_are_named(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "1"));
    test_folder_write(&f->folder, "b.yaml", "# b\n---\n" CONFIG_MAP("a", "2"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    list(f, SELECT_MAPS);
    expect_text(f, "stands twice");
    expect_text(f, "a.yaml:1 and b.yaml:2");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                 "\"namespace\":\"shop\"}}",
                 "{}"),
           TU_EREFUSED);
}

static void creating_writes_a_file_of_its_own_in_readable_yaml(void **state) {
    fixture *f = *state;
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"web\","
                 "\"namespace\":\"shop\",\"labels\":{\"on\":\"yes\","
                 "\"version\":\"1.10\"}},\"data\":{\"text\":\"two\\nlines\\n\",\"empty\":\"\","
                 "\"hash\":\"# no\",\"plain\":\"a b:c\"},"
                 "\"list\":[{\"a\":1,\"b\":[]},[true,null]]}",
                 "{}"),
           TU_OK);
    expect_text(f, "RESULT 0 {\"created\":true}");
    expect_file(f, "configmap-shop-web.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  namespace: shop\n  "
                "labels:\n    \"on\": \"yes\"\n"
                "    version: \"1.10\"\ndata:\n  text: |\n    two\n    lines\n  empty: \"\"\n  "
                "hash: \"# no\"\n  plain: a b:c\nlist:\n"
                "- a: 1\n  b: []\n- - true\n  - null\n");
    list(f, SELECT_MAPS);
    expect_text(f, "\"text\":\"two\\nlines\\n\"");
}

static void an_update_rewrites_its_document_and_no_other_byte(void **state) {
    fixture *f = *state;
    test_folder_write(
        &f->folder, "all.yaml",
        "# the first\n" CONFIG_MAP("a", "1") "\n# odd    spacing\n---   # second\n# about "
                                             "b\n" CONFIG_MAP("b", "2") "---\n" CONFIG_MAP(
                                                 "c", "'3'   # quoted"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"b\","
                 "\"namespace\":\"shop\"},\"data\":{\"key\":\"new\"}}",
                 "{}"),
           TU_OK);
    expect_file(
        f, "all.yaml",
        "# the first\n" CONFIG_MAP("a", "1") "\n# odd    spacing\n---   # second\n# about "
                                             "b\n" CONFIG_MAP("b", "new") "---\n" CONFIG_MAP(
                                                 "c", "'3'   # quoted"));
}

static void an_update_that_changes_nothing_writes_nothing(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "x   # kept"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                 "\"namespace\":\"shop\"},\"data\":{\"key\":\"x\"}}",
                 "{}"),
           TU_OK);
    expect_file(f, "a.yaml", CONFIG_MAP("a", "x   # kept"));
}

static void a_dry_run_answers_and_writes_nothing(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "x"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                 "\"namespace\":\"shop\"},\"data\":{\"key\":\"y\"}}",
                 "{\"dryRun\":true}"),
           TU_OK);
    expect_text(f, "\"key\":\"y\"");
    expect_file(f, "a.yaml", CONFIG_MAP("a", "x"));
}

static void what_others_added_stays_and_keyed_lists_merge_by_key(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "d.yaml",
                      "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: "
                      "shop\n  annotations:\n    who: me\nspec:\n"
                      "  replicas: 5\n  template:\n    spec:\n      containers:\n      - name: "
                      "sidecar\n        image: s:1\n      - name: app\n"
                      "        image: a:old\n        tty: true\n");
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"apps/"
                 "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":"
                 "\"shop\"},\"spec\":{\"replicas\":3,"
                 "\"template\":{\"spec\":{\"containers\":[{\"name\":\"app\",\"image\":\"a:new\"},{"
                 "\"name\":\"log\",\"image\":\"l:1\"}]}}}}",
                 "{}"),
           TU_OK);
    expect_file(f, "d.yaml",
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: "
                "shop\n  annotations:\n    who: me\nspec:\n"
                "  replicas: 3\n  template:\n    spec:\n      containers:\n      - name: sidecar\n "
                "       image: s:1\n      - name: app\n"
                "        image: a:new\n        tty: true\n      - name: log\n        image: l:1\n");
}

static void a_stale_resource_version_is_a_conflict(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "x"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                 "\"namespace\":\"shop\"},\"data\":{\"key\":\"y\"}}",
                 "{\"resourceVersion\":\"old\"}"),
           TU_ECONFLICT);
    expect_file(f, "a.yaml", CONFIG_MAP("a", "x"));
}

static void a_file_keeps_its_mode(void **state) {
    fixture *f = *state;
    char path[512];
    struct stat at;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "x"));
    snprintf(path, sizeof path, "%s/a.yaml", f->folder.path);
    chmod(path, 0640);
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                 "\"namespace\":\"shop\"},\"data\":{\"key\":\"y\"}}",
                 "{}"),
           TU_OK);
    assert_int_equal(stat(path, &at), 0);
    assert_int_equal(at.st_mode & 07777, 0640);
}

#define IDENTITY                                                                                   \
    "{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\",\"namespace\":\"shop\",\"name\":"   \
    "\"a\"}"

static void a_patch_takes_away_what_was_added(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "x") "  more: word\n");
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           tu_call_patch(
               f->use, TU_S(IDENTITY),
               TU_S("[{\"op\":\"test\",\"path\":\"/data/"
                    "more\",\"value\":\"word\"},{\"op\":\"remove\",\"path\":\"/data/more\"}]"),
               TU_S("{}"), &f->call, &f->error),
           TU_OK);
    expect_file(f, "a.yaml", CONFIG_MAP("a", "x"));
    expect(f,
           tu_call_patch(f->use, TU_S(IDENTITY),
                         TU_S("[{\"op\":\"test\",\"path\":\"/data/key\",\"value\":\"other\"}]"),
                         TU_S("{}"), &f->call, &f->error),
           TU_ECONFLICT);
}

static void removing_the_last_document_removes_the_file(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "two.yaml", CONFIG_MAP("a", "x") "---\n" CONFIG_MAP("b", "y"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f, tu_call_remove(f->use, TU_S(IDENTITY), TU_S("{}"), &f->call, &f->error), TU_OK);
    expect_file(f, "two.yaml", "---\n" CONFIG_MAP("b", "y"));
    expect(f, tu_call_remove(f->use, TU_S(IDENTITY), TU_S("{}"), &f->call, &f->error),
           TU_ENOTFOUND);
    tu_error_free(f->error);
    f->error = NULL;
    expect(f,
           tu_call_remove(f->use,
                          TU_S("{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\","
                               "\"namespace\":\"shop\",\"name\":\"b\"}"),
                          TU_S("{}"), &f->call, &f->error),
           TU_OK);
    assert_null(test_folder_read(&f->folder, "two.yaml"));
}

static void an_item_of_a_list_is_an_object(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "dump.json",
                      "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"apiVersion\":\"v1\","
                      "\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                      "\"namespace\":\"shop\"},\"data\":{\"key\":\"x\"}},{\"apiVersion\":\"v1\","
                      "\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"}}]}");
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                 "\"namespace\":\"shop\"},\"data\":{\"key\":\"y\"}}",
                 "{}"),
           TU_OK);
    expect_file(f, "dump.json",
                "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [\n    {\n      "
                "\"apiVersion\": \"v1\",\n      \"kind\": "
                "\"ConfigMap\",\n      \"metadata\": {\n        \"name\": \"a\",\n        "
                "\"namespace\": \"shop\"\n      },\n      \"data\": {\n   "
                "     \"key\": \"y\"\n      }\n    },\n    {\n      \"apiVersion\": \"v1\",\n      "
                "\"kind\": \"Secret\",\n      \"metadata\": {\n "
                "       \"name\": \"s\"\n      }\n    }\n  ]\n}\n");
}

static void nothing_is_created_where_it_may_stand_unreadable(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "b.yaml",
                      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [a\n");
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
                 "\"namespace\":\"shop\"}}",
                 "{}"),
           TU_EREFUSED);
    expect_error(f, "b.yaml:");
}

static void string_data_of_a_secret_shows_as_data(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "s.yaml",
                      "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: b2xk, b: "
                      "Yg==}\nstringData: {a: new}\n");
    use(f, TU_KIND_TARGET, "directory", "", "");
    list(f, SELECT_MAPS_AND_SECRETS);
    expect_text(f, "\"data\":{\"b\":\"Yg==\",\"a\":\"bmV3\"}");
    expect_text(f, "\"namespace\":\"default\"");
    refuse_text(f, "stringData");
}

/* Texts that a YAML reader could take for something else, or that YAML can't write plainly. */
static const char *const nasty[] = {
    "yes",
    "No",
    "on",
    "OFF",
    "y",
    "N",
    "null",
    "~",
    "true",
    "1",
    "-1",
    "+1",
    "010",
    "0x1F",
    "0b1",
    "0o7",
    "1_000",
    "1e3",
    "1.",
    ".5",
    ".inf",
    "-.INF",
    ".nan",
    "2001-01-01",
    "2001-12-14t21:59:43.10-05:00",
    "12:30",
    "190:20:30",
    "1.10",
    "1.2.3",
    "v1",
    "-",
    "--",
    "---",
    "...",
    "- a",
    "-a",
    "? a",
    "?",
    ":",
    "::",
    "a: b",
    "a:",
    ":a",
    "a :b",
    "#c",
    "a #c",
    "a#c",
    " lead",
    "trail ",
    "two  spaces",
    "",
    " ",
    "=",
    "<<",
    "{a}",
    "[a]",
    "a, b",
    "@a",
    "`a`",
    "%a",
    "!a",
    "&a",
    "*a",
    "|",
    ">",
    "'",
    "''",
    "\\\"",
    "a'b",
    "a\\\"b",
    "\\\\",
    "a\\\\n",
    "tab\\there",
    "\\tlead",
    "line\\nline",
    "line\\nline\\n",
    "line\\n\\n",
    "\\n",
    "\\nline",
    " lead\\nline",
    "line\\n  indented\\nend",
    "line \\nline",
    "carriage\\r\\nreturn",
    "\\u0001",
    "\\u007f",
    "\\u0085",
    "\\u00a0",
    "\\u2028",
    "\\ufeff",
    "\\ud83d\\ude00",
    "é",
    "---\\n",
    "a\\n---\\nb",
    "# c\\nline",
    ("very long text that goes on and on, with many words in it, so that a writer which folds "
     "lines "
     "would fold it somewhere about here"),
};

static void every_text_survives_being_written_as_yaml(void **state) {
    fixture *f = *state;
    use(f, TU_KIND_TARGET, "directory", "", "");
    tu_buf object = TU_BUF_INIT(1 << 20), data = TU_BUF_INIT(1 << 20);
    for (size_t i = 0; i < sizeof nasty / sizeof nasty[0];
         i++) /* as a value, as a key, in a list */
        tu_buf_addf(&data, "%s\"k%zu\":\"%s\",\"%s \":[\"%s\",[\"%s\"],{\"%s\":\"%s\"}]",
                    i ? "," : "", i, nasty[i], nasty[i], nasty[i], nasty[i], nasty[i], nasty[i]);
    char key[3001]; /* longer than what readers take without a "?" */
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    tu_buf_addf(&data, ",\"%s\":{\"%s\":[1]}", key, key);
    tu_buf_addf(&object,
                "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"nasty\","
                "\"namespace\":\"shop\"},\"data\":{%s}}",
                tu_buf_c(&data));
    expect(f, apply(f, tu_buf_c(&object), "{}"), TU_OK);
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *wanted = NULL, *got = NULL;
    assert_int_equal(
        tu_json_parse(&a, tu_buf_str(&object), TU_JSON_COPY, NULL, &wanted, NULL, &f->error),
        TU_OK);
    test_records_clear(&f->records);
    expect(f,
           tu_call_get(f->use,
                       TU_S("{\"group\":\"\",\"kind\":\"ConfigMap\",\"namespace\":\"shop\","
                            "\"name\":\"nasty\"}"),
                       &f->call, &f->error),
           TU_OK);
    const char *body = strchr(text(f), '{');
    assert_non_null(body);
    assert_int_equal(tu_json_parse(&a, tu_str_c(body), TU_JSON_COPY | TU_JSON_PREFIX, NULL, &got,
                                   NULL, &f->error),
                     TU_OK);
    const tu_value *x = tu_value_get(wanted, "data"), *y = tu_value_get(got, "data");
    for (size_t i = 0; i < tu_value_count(x); i++)
        if (!tu_value_equal(&x->map.members[i].value, tu_value_get_str(y, x->map.members[i].key))) {
            char *file = test_folder_read(&f->folder, "configmap-shop-nasty.yaml");
            print_error("%s\n", file);
            fail_msg("'%s' didn't survive", nasty[i / 2]);
        }
    assert_true(tu_value_equal(x, y));
    tu_arena_done(&a);
    tu_buf_done(&object);
    tu_buf_done(&data);
}

static void a_name_cannot_lead_out_of_the_folder(void **state) {
    fixture *f = *state;
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"../../etc/"
                 "x\",\"namespace\":\"shop\"}}",
                 "{}"),
           TU_OK);
    char *there = test_folder_read(&f->folder, "configmap-shop-.._.._etc_x.yaml");
    assert_non_null(there);
    free(there);
}

static void a_watch_tells_what_changed_and_nothing_else(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "one") "---\n" CONFIG_MAP("b", "same"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    watching w;
    watch_begin(&w, f, SELECT_MAPS);
    test_records_await(&f->records, "CURRENT 0");
    test_records_clear(&f->records);
    test_folder_rename_over(&f->folder, "a.yaml",
                            CONFIG_MAP("a", "two") "---\n" CONFIG_MAP("b", "same"));
    test_records_await(&f->records, "CURRENT 0");
    expect_text(f, "\"key\":\"two\"");
    refuse_text(f, "\"key\":\"same\"");
    test_records_clear(&f->records);
    test_folder_write(&f->folder, "deeper/still/c.yaml", CONFIG_MAP("c", "three"));
    test_records_await(&f->records, "\"key\":\"three\"");
    test_records_clear(&f->records);
    test_folder_delete(&f->folder, "deeper/still/c.yaml");
    test_records_await(&f->records, "GONE 0 {\"namespace\":\"shop\",\"name\":\"c\",\"uid\":\"\"}");
    watch_end(&w);
}

static void a_watch_loses_a_kind_that_breaks_and_finds_it_again(void **state) {
    fixture *f = *state;
    test_folder_write(&f->folder, "a.yaml", CONFIG_MAP("a", "one"));
    use(f, TU_KIND_TARGET, "directory", "", "");
    watching w;
    watch_begin(&w, f, SELECT_MAPS);
    test_records_await(&f->records, "CURRENT 0");
    test_records_clear(&f->records);
    test_folder_rename_over(&f->folder, "a.yaml",
                            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{\n");
    test_records_await(&f->records, "LOST 0");
    refuse_text(f, "GONE");
    test_records_clear(&f->records);
    test_folder_rename_over(&f->folder, "a.yaml", CONFIG_MAP("a", "two"));
    test_records_await(&f->records, "END 0");
    expect_text(f, "BEGIN 0");
    expect_text(f, "\"key\":\"two\"");
    watch_end(&w);
}

static void an_unknown_kind_is_welcome_unless_the_configuration_says_no(void **state) {
    fixture *f = *state;
    use(f, TU_KIND_TARGET, "directory", "", "");
    expect(f, tu_call_discover(f->use, &f->call, &f->error), TU_OK);
    expect_text(f, "KIND 0 {\"group\":\"*\",\"version\":\"*\",\"kind\":\"*\"");
    expect_text(f, "\"kind\":\"Deployment\"");
    tu_plugin_use_free(f->use);
    test_records_clear(&f->records);
    test_folder_write(&f->folder, "w.yaml",
                      "apiVersion: x.io/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\n");
    use(f, TU_KIND_TARGET, "directory", "", ", anyKind: false");
    expect(f, tu_call_discover(f->use, &f->call, &f->error), TU_OK);
    refuse_text(f, "\"kind\":\"*\"");
    expect_text(f, "\"kind\":\"Widget\"");
    expect(f,
           apply(f,
                 "{\"apiVersion\":\"y.io/v1\",\"kind\":\"Gadget\",\"metadata\":{\"name\":\"g\"}}",
                 "{}"),
           TU_EREFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_revision_follows_content_and_not_times),
        TEST(entries_come_in_byte_order_of_whole_paths),
        TEST(a_path_limits_what_is_fetched),
        TEST(links_are_named_and_never_followed),
        TEST(a_pipe_in_the_folder_is_left_out),
        TEST(a_file_that_cannot_be_read_fails_the_fetch_by_name),
        TEST(a_file_too_large_is_refused_by_name),
        TEST(one_file_can_be_a_source),
        TEST(a_fetch_of_what_is_no_more_is_a_conflict),
        TEST(a_folder_that_is_not_there_is_named),
        TEST(a_source_watch_tells_of_new_folders_and_renames),
        TEST(manifests_pass_and_other_files_are_counted),
        TEST(a_folder_that_needs_a_renderer_is_refused_as_a_whole),
        TEST(plain_does_not_accept_a_kustomization_at_the_root),
        TEST(a_listing_holds_the_scope_and_nothing_else),
        TEST(integers_keep_every_digit),
        TEST(a_broken_document_makes_its_kind_unsure_and_no_other),
        TEST(a_broken_document_of_no_known_kind_makes_all_unsure),
        TEST(an_object_that_stands_twice_is_unsure_and_both_places_are_named),
        TEST(creating_writes_a_file_of_its_own_in_readable_yaml),
        TEST(an_update_rewrites_its_document_and_no_other_byte),
        TEST(an_update_that_changes_nothing_writes_nothing),
        TEST(a_dry_run_answers_and_writes_nothing),
        TEST(what_others_added_stays_and_keyed_lists_merge_by_key),
        TEST(a_stale_resource_version_is_a_conflict),
        TEST(a_file_keeps_its_mode),
        TEST(a_patch_takes_away_what_was_added),
        TEST(removing_the_last_document_removes_the_file),
        TEST(an_item_of_a_list_is_an_object),
        TEST(nothing_is_created_where_it_may_stand_unreadable),
        TEST(string_data_of_a_secret_shows_as_data),
        TEST(every_text_survives_being_written_as_yaml),
        TEST(a_name_cannot_lead_out_of_the_folder),
        TEST(a_watch_tells_what_changed_and_nothing_else),
        TEST(a_watch_loses_a_kind_that_breaks_and_finds_it_again),
        TEST(an_unknown_kind_is_welcome_unless_the_configuration_says_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
