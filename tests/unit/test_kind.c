/* compare/kind, seal, validate, prepare: what a kind's description makes of a manifest before
 * anything is compared. */
#include "base/buf.h"
#include "base/mem.h"
#include "compare/judge.h"
#include "value/json.h"
#include "value/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct {
    tu_arena arena;
    tu_kind *kind;
} fixture;

static int set_up(void **state) {
    fixture *f = tu_xcalloc(1, sizeof(*f));
    tu_arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    tu_kind_unref(f->kind);
    tu_arena_done(&f->arena);
    free(f);
    return 0;
}

static void describe(fixture *f, const char *description) {
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    tu_kind_unref(f->kind);
    f->kind = NULL;
    if (tu_kind_compile(tu_str_c(description), &f->kind, &error))
        fail_msg("%s", tu_error_text(error));
}

static tu_value *yaml(fixture *f, const char *text) {
    tu_value *v = NULL;
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    tu_yaml_part part = {.text = tu_str_c(text), .line = 1};
    if (tu_yaml_parse(&f->arena, part, TU_YAML_KUBERNETES, NULL, &v, &error))
        fail_msg("%s", tu_error_text(error));
    return v;
}

static void assert_json(const tu_value *v, bool secrets, const char *expected) {
    _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(64 * 1024);
    if (secrets)
        tu_json_write_secrets(&b, v);
    else
        tu_json_write(&b, v, 0);
    assert_string_equal(tu_buf_c(&b), expected);
}

/* ---- descriptions ---------------------------------------------------------------------- */

static void a_wrong_description_is_refused_and_says_where(void **state) {
    (void)state;
    static const struct {
        const char *description, *message;
    } table[] = {
        {"[", "kind description"},
        {"{}", "types is missing"},
        {"{\"types\":[]}", "types is missing"},
        {"{\"types\":{}}", "types is missing"},
        {"{\"types\":[1]}", "types[0].type is missing"},
        {"{\"types\":[{}]}", "types[0].type is missing"},
        {"{\"types\":[{\"type\":\"blob\"}]}", "types[0].type is no word"},
        {"{\"types\":[{\"type\":\"any\"},{\"type\":\"string\",\"semantic\":\"colour\"}]}",
         "types[1].semantic is no word"},
        {"{\"types\":[{\"type\":\"list\",\"items\":1}]}",
         "types[0].items refers to a type that is not there"},
        {"{\"types\":[{\"type\":\"list\",\"items\":-1}]}",
         "types[0].items refers to a type that is not there"},
        {"{\"types\":[{\"type\":\"list\",\"items\":\"x\"}]}",
         "types[0].items refers to a type that is not there"},
        {"{\"types\":[{\"type\":\"map\",\"fields\":{\"a\":7}}]}",
         "types[0].fields refers to a type that is not there"},
        {"{\"types\":[{\"type\":\"map\",\"fields\":[]}]}", "types[0].fields is not a map"},
        {"{\"types\":[{\"type\":\"list\",\"list\":\"bag\"}]}", "types[0].list is no word"},
        {"{\"types\":[{\"type\":\"list\",\"list\":\"keyed\"}]}", "types[0].keys is empty"},
        {"{\"types\":[{\"type\":\"list\",\"list\":\"keyed\",\"keys\":[1]}]}",
         "types[0].keys holds something"},
        {"{\"types\":[{\"type\":\"map\",\"required\":\"a\"}]}", "types[0].required is not a list"},
        {"{\"sensitive\":[\"data\"],\"types\":[{\"type\":\"any\"}]}",
         "sensitive holds something that is no JSON pointer"},
        {"{\"ignored\":{},\"types\":[{\"type\":\"any\"}]}", "ignored is not a list"},
        {"{\"fold\":[{\"from\":\"/a\"}],\"types\":[{\"type\":\"any\"}]}",
         "fold.into holds something"},
        {"{\"fold\":[{\"from\":\"/a\",\"into\":\"/"
         "b\",\"encode\":\"rot13\"}],\"types\":[{\"type\":\"any\"}]}",
         "fold[0].encode"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_(tu_error_freep) tu_error *error = NULL;
        tu_kind *kind = NULL;
        assert_int_equal(tu_kind_compile(tu_str_c(table[i].description), &kind, &error),
                         TU_EINVALID);
        if (!strstr(tu_error_text(error), table[i].message))
            fail_msg("%s: %s", table[i].description, tu_error_text(error));
    }
}

static void types_may_refer_to_themselves_and_what_is_unknown_is_let_be(void **state) {
    fixture *f = *state;
    describe(f, "{\"later\":1,\"types\":[{\"type\":\"map\",\"fields\":{\"b\":0,\"a\":1},\"later\":{"
                "}},{\"type\":\"string\"}]}");
    const tu_schema_type *root = tu_kind_root(f->kind);
    bool declared;
    assert_ptr_equal(tu_type_field(root, TU_S("b"), &declared), root);
    assert_true(declared);
    assert_int_equal(tu_type_field(root, TU_S("c"), &declared)->type, TU_TYPE_ANY);
    assert_false(declared);
    assert_int_equal(tu_type_items(root)->type, TU_TYPE_ANY);
}

static void the_untyped_kind_outlives_every_unref(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++)
        tu_kind_unref(tu_kind_untyped());
    assert_int_equal(tu_kind_root(tu_kind_ref(tu_kind_untyped()))->type, TU_TYPE_ANY);
}

/* ---- sealing and stripping ------------------------------------------------------------- */

#define SECRET                                                                                     \
    "{\"sensitive\":[\"/data/*\",\"/stringData/*\"],\"ignored\":[\"/status\",\"/spec/*/"           \
    "creationTimestamp\"],"                                                                        \
    "\"fold\":[{\"from\":\"/stringData\",\"into\":\"/data\",\"encode\":\"base64\"}],\"types\":["   \
    "{\"type\":\"map\",\"fields\":{\"data\":1,\"stringData\":2}},{\"type\":\"map\",\"values\":3}," \
    "{\"type\":\"map\",\"values\":4},{\"type\":\"string\",\"semantic\":\"base64\"},{\"type\":"     \
    "\"string\"}]}"

static void sealing_leaves_nothing_readable_whatever_the_shape(void **state) {
    fixture *f = *state;
    static const char *const table[] = {
        "data: {a: aHVudGVyMg==, b: '!hunter2'}",
        "data: hunter2",
        "data: [hunter2, {a: hunter2}]",
        "data: {a: {b: {c: hunter2}}}",
        "data: {a: [hunter2]}",
        "data: {a: 7331}",
        "stringData: {a: hunter2}",
        "stringData: hunter2",
        ("metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: "
         "'{\"data\":\"hunter2\"}'}}"),
    };
    describe(f, SECRET);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(64 * 1024);
        tu_value *v = yaml(f, table[i]);
        assert_int_equal(tu_kind_seal(f->kind, &f->arena, v, NULL), TU_OK);
        assert_int_equal(tu_kind_seal(f->kind, &f->arena, v, NULL), TU_OK); /* twice does no harm */
        tu_json_write(&b, v, 0);
        if (strstr(tu_buf_c(&b), "hunter2") || strstr(tu_buf_c(&b), "aHVu") ||
            strstr(tu_buf_c(&b), "7331") || !strstr(tu_buf_c(&b), "<sealed>"))
            fail_msg("%s: %s", table[i], tu_buf_c(&b));
    }
}

static void sealed_base64_is_equal_by_its_bytes(void **state) {
    fixture *f = *state;
    static const struct {
        const char *a, *b;
        bool equal;
    } table[] = {{"data: {a: aHVudGVyMg==}", "data: {a: \"aHVu\\ndGVyMg==\\n\"}", true},
                 {"data: {a: aHVudGVyMg==}", "data: {a: aHVudGVyMw==}", false},
                 {"data: {a: ''}", "data: {a: \"\\n\"}", true},
                 {"data: {a: '!'}", "data: {a: '?'}", false}};
    describe(f, SECRET);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        tu_value *a = yaml(f, table[i].a), *b = yaml(f, table[i].b);
        tu_kind_seal(f->kind, &f->arena, a, NULL);
        tu_kind_seal(f->kind, &f->arena, b, NULL);
        assert_int_equal(tu_value_equal(a, b), table[i].equal);
    }
}

static void what_is_ignored_is_taken_out_and_the_order_stays(void **state) {
    fixture *f = *state;
    describe(f, SECRET);
    tu_value *v =
        yaml(f, "{a: 1, status: {x: 1}, spec: {t: {creationTimestamp: null, z: 2}, u: [3]}, b: 4}");
    tu_kind_strip(f->kind, v);
    assert_json(v, false, "{\"a\":1,\"spec\":{\"t\":{\"z\":2},\"u\":[3]},\"b\":4}");
}

/* ---- preparing ------------------------------------------------------------------------- */

static void write_only_members_are_folded_and_sealed(void **state) {
    fixture *f = *state;
    static const char *const table[][2] = {
        {"{stringData: {a: hunter2}}", "{\"data\":{\"a\":\"aHVudGVyMg==\"}}"},
        {"{data: {a: eA==, b: eQ==}, stringData: {a: hunter2}}",
         "{\"data\":{\"a\":\"aHVudGVyMg==\",\"b\":\"eQ==\"}}"},
        {"{data: {a: null}, stringData: {b: null}}", "{\"data\":{\"a\":\"\",\"b\":\"\"}}"},
        {"{data: null, stringData: {b: xy}}", "{\"data\":{\"b\":\"eHk=\"}}"},
        {"{stringData: {}}", "{}"},
        {"{stringData: null, data: {a: ''}}", "{\"data\":{\"a\":\"\"}}"},
    };
    describe(f, SECRET);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_(tu_error_freep) tu_error *error = NULL;
        tu_prepared p;
        tu_object_id id = {0};
        tu_value *v = yaml(f, table[i][0]);
        if (tu_prepare(&f->arena, f->kind, v, &id, TU_S("x.yaml"), &p, &error))
            fail_msg("%s: %s", table[i][0], tu_error_text(error));
        assert_json(p.object, true, table[i][1]);
        _cleanup_(tu_buf_done) tu_buf b = TU_BUF_INIT(64 * 1024);
        tu_json_write(&b, p.object, 0);
        assert_null(strstr(tu_buf_c(&b), "aHVu"));
    }
}

static void what_cannot_be_folded_is_an_error_at_its_line_without_its_value(void **state) {
    fixture *f = *state;
    static const char *const table[] = {
        "a: b\nstringData: hunter2\n", "stringData:\n  a: [hunter2]\n", "stringData:\n  a: 7331\n"};
    describe(f, SECRET);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_(tu_error_freep) tu_error *error = NULL;
        tu_prepared p;
        tu_object_id id = {0};
        tu_value *v = yaml(f, table[i]);
        assert_int_equal(tu_prepare(&f->arena, f->kind, v, &id, TU_S("x.yaml"), &p, &error),
                         TU_EINVALID);
        assert_int_equal(error->line, 2);
        assert_string_equal(error->file, "x.yaml");
        assert_null(strstr(error->message, "hunter2"));
        assert_null(strstr(error->message, "7331"));
    }
}

#define PORTS                                                                                      \
    "{\"types\":[{\"type\":\"map\",\"closed\":true,\"fields\":{\"ports\":1,\"tags\":4,\"flag\":5," \
    "\"share\":6,\"count\":2,\"any\":7,"                                                           \
    "\"secret\":8,\"size\":9,\"either\":10},\"required\":[\"ports\"]},"                            \
    "{\"type\":\"list\",\"list\":\"keyed\",\"keys\":[\"port\",\"protocol\"],\"defaults\":{"        \
    "\"protocol\":\"TCP\"},\"items\":3},"                                                          \
    "{\"type\":\"integer\"},"                                                                      \
    "{\"type\":\"map\",\"closed\":true,\"fields\":{\"port\":2,\"protocol\":11,\"name\":11},"       \
    "\"required\":[\"name\"]},"                                                                    \
    "{\"type\":\"list\",\"list\":\"set\",\"items\":11},{\"type\":\"boolean\"},{\"type\":"          \
    "\"number\"},{\"type\":\"any\"},"                                                              \
    "{\"type\":\"string\",\"semantic\":\"base64\"},{\"type\":\"string\",\"semantic\":"             \
    "\"quantity\"},"                                                                               \
    "{\"type\":\"string\",\"semantic\":\"int-or-string\"},{\"type\":\"string\"}]}"

static void defaults_of_keys_are_written_into_the_items(void **state) {
    fixture *f = *state;
    tu_prepared p;
    tu_object_id id = {0};
    describe(f, PORTS);
    tu_value *v =
        yaml(f, "ports: [{port: 80}, {port: 53, protocol: UDP}, {port: 1, protocol: null}]");
    assert_int_equal(tu_prepare(&f->arena, f->kind, v, &id, TU_S("x"), &p, NULL), TU_OK);
    assert_json(p.object, false,
                "{\"ports\":[{\"port\":80,\"protocol\":\"TCP\"},{\"port\":53,\"protocol\":\"UDP\"},"
                "{\"port\":1,\"protocol\":\"TCP\"}]}");
}

/* ---- validating ------------------------------------------------------------------------ */

static void every_mistake_is_told_at_its_line(void **state) {
    fixture *f = *state;
    static const struct {
        const char *manifest; /* "ports: []" stands in front, on line 1 */
        int line;             /* 0: no mistake */
        const char *message, *hint;
    } table[] = {
        {"", 0, NULL, NULL},
        {"apiVersion: v1\nkind: X\nmetadata: {name: x}\n", 0, NULL, NULL},
        {"tgas: []\n", 2, "/tgas: there is no such field", "did you mean 'tags'?"},
        {"tags: x\n", 2, "/tags: expected a list, got a string", NULL},
        {"tags: [a, b, a]\n", 2, "/tags/[=a]: there twice: first at line 2", NULL},
        {"tags:\n- a\n- yes\n", 4, "/tags/1: expected a string, got a boolean: quote it", NULL},
        {"tags:\n- 1.5\n", 3, "/tags/0: expected a string, got a number: quote it", NULL},
        {"tags:\n- {}\n", 3, "/tags/0: expected a string, got a map", NULL},
        {"flag: 'yes'\n", 2, "/flag: expected true or false, got a string", NULL},
        {"flag: null\n", 0, NULL, NULL},
        {"count: 3.0\n", 0, NULL, NULL},
        {"count: 3.5\n", 2, "/count: expected an integer, got a number", NULL},
        {"count: '3'\n", 2, "/count: expected an integer, got a string", NULL},
        {"share: 3\n", 0, NULL, NULL},
        {"share: true\n", 2, "/share: expected a number, got a boolean", NULL},
        {"any: {x: [1, {y: z}]}\n", 0, NULL, NULL},
        {"secret: aHVudGVyMg==\n", 0, NULL, NULL},
        {"secret: '!hunter2'\n", 2, "/secret: not base64", NULL},
        {"size: 1.5Gi\n", 0, NULL, NULL},
        {"size: 2\n", 0, NULL, NULL},
        {"size: 2gb\n", 2, "/size: not a quantity such as 500m, 2 or 1.5Gi", NULL},
        {"size: []\n", 2, "/size: expected a quantity, got a list", NULL},
        {"either: 80\n", 0, NULL, NULL},
        {"either: http\n", 0, NULL, NULL},
        {"either: true\n", 2, "/either: expected an integer or a string, got a boolean", NULL},
    };
    describe(f, PORTS);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_(tu_errors_done) tu_errors errors = {0};
        char text[256];
        snprintf(text, sizeof(text), "ports: []\n%s", table[i].manifest);
        tu_kind_validate(f->kind, yaml(f, text), "x.yaml", &errors);
        if (errors.n != (table[i].line ? 1 : 0))
            fail_msg("%s: %zu mistakes: %s", table[i].manifest, errors.n,
                     errors.n ? tu_error_text(errors.items[0]) : "");
        if (errors.n == 0)
            continue;
        assert_string_equal(errors.items[0]->message, table[i].message);
        assert_int_equal(errors.items[0]->line, table[i].line);
        assert_string_equal(errors.items[0]->file, "x.yaml");
        if (table[i].hint)
            assert_string_equal(errors.items[0]->hint, table[i].hint);
    }
}

static void mistakes_in_keyed_lists_are_told_by_key(void **state) {
    fixture *f = *state;
    static const struct {
        const char *manifest, *message;
        int line;
    } table[] = {
        {"flag: true\n", "/ports: required, but missing", 1},
        {"ports:\n- {port: 80, name: a}\n- {port: 80, protocol: TCP, name: b}\n",
         "/ports/[port=80,protocol=TCP]: there twice: first at line 2", 3},
        {"ports:\n- {port: 80}\n", "/ports/[port=80,protocol=TCP]/name: required, but missing", 2},
        {"ports:\n- {port: 80, name: yes}\n",
         "/ports/[port=80,protocol=TCP]/name: expected a string, got a boolean: quote it", 2},
        {"ports:\n- 80\n", "/ports/0: expected a map, got an integer", 2},
        {"ports:\n- {port: [], name: a}\n",
         "/ports/[port=null,protocol=TCP]/port: it tells the list's items apart, so it can't be a "
         "map or a list",
         2},
    };
    describe(f, PORTS);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_(tu_errors_done) tu_errors errors = {0};
        tu_kind_validate(f->kind, yaml(f, table[i].manifest), NULL, &errors);
        if (errors.n < 1 || strcmp(errors.items[0]->message, table[i].message) != 0 ||
            errors.items[0]->line != table[i].line)
            fail_msg("%s: %s (line %d)", table[i].manifest,
                     errors.n ? tu_error_text(errors.items[0]) : "no mistake",
                     errors.n ? (int)errors.items[0]->line : 0);
    }
}

static void all_mistakes_are_told_at_once(void **state) {
    fixture *f = *state;
    _cleanup_(tu_errors_done) tu_errors errors = {0};
    describe(f, PORTS);
    tu_kind_validate(f->kind, yaml(f, "flag: 1\ncount: x\nnope: 1\ntags: [a, a, a]\n"), NULL,
                     &errors);
    assert_int_equal(errors.n, 6);
}

static void what_is_ignored_is_not_validated(void **state) {
    fixture *f = *state;
    _cleanup_(tu_errors_done) tu_errors errors = {0};
    describe(f,
             "{\"ignored\":[\"/"
             "status\"],\"types\":[{\"type\":\"map\",\"closed\":true,\"required\":[\"status\"]}]}");
    tu_kind_validate(f->kind, yaml(f, "status: {anything: goes}\n"), NULL, &errors);
    tu_kind_validate(f->kind, yaml(f, "kind: X\n"), NULL, &errors);
    assert_int_equal(errors.n, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_wrong_description_is_refused_and_says_where),
        TEST(types_may_refer_to_themselves_and_what_is_unknown_is_let_be),
        TEST(the_untyped_kind_outlives_every_unref),
        TEST(sealing_leaves_nothing_readable_whatever_the_shape),
        TEST(sealed_base64_is_equal_by_its_bytes),
        TEST(what_is_ignored_is_taken_out_and_the_order_stays),
        TEST(write_only_members_are_folded_and_sealed),
        TEST(what_cannot_be_folded_is_an_error_at_its_line_without_its_value),
        TEST(defaults_of_keys_are_written_into_the_items),
        TEST(every_mistake_is_told_at_its_line),
        TEST(mistakes_in_keyed_lists_are_told_by_key),
        TEST(all_mistakes_are_told_at_once),
        TEST(what_is_ignored_is_not_validated),
    };
    return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
