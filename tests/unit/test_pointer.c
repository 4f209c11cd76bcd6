/* Paths: writing, following, matching. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "value/pointer.h"

#define COUNT(t) (sizeof(t) / sizeof *(t))

static void steps_are_escaped_as_the_rfc_says(void **state) {
    (void)state;
    tu_buf b = TU_BUF_INIT(1000);
    tu_pointer_add(&b, TU_S("metadata"));
    tu_pointer_add(&b, TU_S("a/b~c"));
    tu_pointer_add(&b, TU_S(""));
    assert_string_equal(tu_buf_c(&b), "/metadata/a~1b~0c/");
    tu_buf_clear(&b);
    tu_pointer_add_item(&b, (tu_str[]){TU_S("path"), TU_S("type")},
                        (tu_str[]){TU_S("/a],~\\"), TU_S("x")}, 2);
    assert_string_equal(tu_buf_c(&b), "/[path=~1a\\]\\,~0\\\\,type=x]");
    tu_buf_clear(&b);
    tu_pointer_add_item(&b, &TU_S("a=b\\"), &TU_S("c=d"), 1);
    assert_string_equal(tu_buf_c(&b), "/[a\\=b\\\\=c=d]");
    tu_buf_clear(&b);
    tu_pointer_add_item(&b, &(tu_str){0}, &TU_S("x"), 1);
    assert_string_equal(tu_buf_c(&b), "/[=x]");
    tu_buf_done(&b);
}

static void paths_are_followed(void **state) {
    (void)state;
    /* {"a/b": 1, "": 2, "list": [{"name":"app","port":80,"path":"/x],\\"}, {"name":"b","port":81}],
     * "set": ["x", 5, true, null], "m": {"[=x]": 3, "0": 4}} */
    tu_member app[] = {
        {.key = TU_S("name"), .value = {.type = TU_STRING, .string = TU_S("app")}},
        {.key = TU_S("port"), .value = {.type = TU_INTEGER, .integer = 80}},
        {.key = TU_S("path"), .value = {.type = TU_STRING, .string = TU_S("/x],\\=")}}};
    tu_member other[] = {{.key = TU_S("name"), .value = {.type = TU_STRING, .string = TU_S("b")}},
                         {.key = TU_S("port"), .value = {.type = TU_INTEGER, .integer = 81}}};
    tu_value items[] = {{.type = TU_MAP, .map = {app, 3}}, {.type = TU_MAP, .map = {other, 2}}};
    tu_value set[] = {{.type = TU_STRING, .string = TU_S("x")},
                      {.type = TU_INTEGER, .integer = 5},
                      {.type = TU_BOOL, .boolean = true},
                      {.type = TU_NULL}};
    tu_member odd[] = {{.key = TU_S("[=x]"), .value = {.type = TU_INTEGER, .integer = 3}},
                       {.key = TU_S("0"), .value = {.type = TU_INTEGER, .integer = 4}}};
    tu_member root[] = {{.key = TU_S("a/b"), .value = {.type = TU_INTEGER, .integer = 1}},
                        {.key = TU_S(""), .value = {.type = TU_INTEGER, .integer = 2}},
                        {.key = TU_S("list"), .value = {.type = TU_LIST, .list = {items, 2}}},
                        {.key = TU_S("set"), .value = {.type = TU_LIST, .list = {set, 4}}},
                        {.key = TU_S("m"), .value = {.type = TU_MAP, .map = {odd, 2}}}};
    tu_value top = {.type = TU_MAP, .map = {root, 5}};
    const struct {
        const char *path;
        const tu_value *found;
    } cases[] = {
        {"", &top},
        {"/a~1b", &root[0].value},
        {"/", &root[1].value},
        {"/list", &root[2].value},
        {"/list/0", &items[0]},
        {"/list/1/name", &other[0].value},
        {"/list/[name=app]/port", &app[1].value},
        {"/list/[port=81]", &items[1]},
        {"/list/[name=app,port=80]", &items[0]},
        {"/list/[path=~1x\\]\\,\\\\=]/name", &app[0].value},
        {"/set/[=x]", &set[0]},
        {"/set/[=5]", &set[1]},
        {"/set/[=true]", &set[2]},
        {"/set/[=null]", &set[3]},
        {"/m/[=x]", &odd[0].value},
        {"/m/0", &odd[1].value},
        {"/list/[name=app,port=81]", NULL},
        {"/list/[name=zz]", NULL},
        {"/list/[name]", NULL},
        {"/list/[]", NULL},
        {"/list/2", NULL},
        {"/list/00", NULL},
        {"/list/-", NULL},
        {"/list/99999999999999999999", NULL},
        {"/a/b", NULL},
        {"/list/0/name/x", NULL},
        {"list", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (tu_pointer_get(&top, tu_str_c(cases[i].path)) != cases[i].found)
            fail_msg("'%s'", cases[i].path);
    assert_null(tu_pointer_get(NULL, TU_S("/a")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_escaped_as_the_rfc_says),
        cmocka_unit_test(paths_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
