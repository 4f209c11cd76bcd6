/* tests/corpus/compare.c: what holds a finding against a case finds everything that differs, and
 * nothing else: a corpus that passes whatever is said would be worth nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"
#include "corpus.h"
#include "value/json.h"

/* What was found, the same in all cases. */
static const char *const found =
    "{\"verdict\":\"drifted\",\"confidence\":\"confirmed\",\"reason\":\"order: a and b\",\"onset\":"
    "\"2026-01-01T00:00:00Z\",\"changes\":["
    "{\"path\":\"/a\",\"change\":\"value\",\"desired\":3,\"live\":5,\"line\":7,\"owner\":{"
    "\"manager\":\"kubectl-edit\",\"operation\":\"Update\",\"subresource\":\"scale\",\"class\":"
    "\"human\"},\"note\":\"representation: spelt anew\"},"
    "{\"path\":\"/b\",\"change\":\"removed\",\"desired\":\"x\",\"line\":8,\"owner\":{\"manager\":"
    "\"\",\"class\":\"unknown\"},\"note\":\"\"}]}";
static const char *const found_quiet =
    "[{\"path\":\"/c\",\"change\":\"added\",\"live\":\"<sealed>\",\"owner\":{\"manager\":\"x\"},"
    "\"note\":\"default\"}]";
static const char *const live =
    "{\"metadata\":{\"managedFields\":[{\"manager\":\"kubectl-edit\",\"time\":"
    "\"2026-01-01T00:00:00Z\"},{\"manager\":\"trueup\",\"time\":\"2025-01-01T00:00:00Z\"}]}}";

static const struct {
    const char *expect, *difference; /* a part of what is said; NULL: nothing */
} table[] = {
    {"{}", NULL},
    {"{\"verdict\":\"drifted\",\"confidence\":\"confirmed\",\"reason\":\"order\",\"onset\":"
     "\"kubectl-edit\"}",
     NULL},
    {"{\"verdict\":\"in-sync\"}", "verdict: expected \"in-sync\", got \"drifted\""},
    {"{\"confidence\":\"observed\"}", "confidence"},
    {"{\"reason\":\"\"}", "reason"},
    {"{\"reason\":\"ord\"}", "reason"},
    {"{\"onset\":\"trueup\"}", "onset"},
    {"{\"onset\":\"none\"}", "onset"},
    {"{\"onset\":\"nobody\"}", "onset"},
    /* in any order, and with as much as is named */
    {"{\"changes\":[{\"path\":\"/b\"},{\"path\":\"/a\",\"desired\":3.0,\"live\":5,\"line\":7,"
     "\"manager\":\"kubectl-edit\",\"subresource\":\"scale\",\"class\":\"human\",\"note\":"
     "\"representation\"}]}",
     NULL},
    {"{\"changes\":[{\"path\":\"/b\",\"live\":null,\"note\":\"\",\"manager\":\"\"},{\"path\":\"/"
     "a\"}]}",
     NULL},
    {"{\"changes\":[]}", "changes: not expected: value /a"},
    {"{\"changes\":[{\"path\":\"/a\"}]}", "changes: not expected: removed /b"},
    {"{\"changes\":[{\"path\":\"/a\"},{\"path\":\"/b\"},{\"path\":\"/b\"}]}", "changes: not found"},
    {"{\"changes\":[{\"path\":\"/a\",\"change\":\"added\"},{\"path\":\"/b\"}]}",
     "not found: added"},
    {"{\"changes\":[{\"path\":\"/a\",\"live\":6},{\"path\":\"/b\"}]}", "not found"},
    {"{\"changes\":[{\"path\":\"/a\",\"live\":\"5\"},{\"path\":\"/b\"}]}", "not found"},
    {"{\"changes\":[{\"path\":\"/a\",\"manager\":\"kubectl\"},{\"path\":\"/b\"}]}", "not found"},
    {"{\"changes\":[{\"path\":\"/a\",\"class\":\"controller\"},{\"path\":\"/b\"}]}", "not found"},
    {"{\"changes\":[{\"path\":\"/a\",\"note\":\"default\"},{\"path\":\"/b\"}]}", "not found"},
    {"{\"changes\":[{\"path\":\"/a\",\"note\":\"\"},{\"path\":\"/b\"}]}", "not found"},
    {"{\"changes\":[{\"path\":\"/a\",\"line\":6},{\"path\":\"/b\"}]}", "not found"},
    {"{\"changes\":[{\"path\":\"/a\",\"colour\":6},{\"path\":\"/b\"}]}", "not found"},
    {"{\"quiet\":[{\"path\":\"/c\",\"live\":\"<sealed>\",\"note\":\"default\"}]}", NULL},
    {"{\"quiet\":[]}", "quiet: not expected: added /c"},
};

static tu_value *json(tu_arena *a, const char *text) {
    tu_value *v = NULL;
    if (tu_json_parse(a, tu_str_c(text), TU_JSON_COPY, NULL, &v, NULL, NULL) != TU_OK)
        fail_msg("not JSON: %s", text);
    return v;
}

static void what_differs_is_said_and_nothing_else(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    const corpus_case k = {.name = "x", .live = json(&a, live)};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        _cleanup_(tu_buf_done) tu_buf said = TU_BUF_INIT(TU_MIB);
        corpus_compare(&k, json(&a, table[i].expect), json(&a, found), json(&a, found_quiet), true,
                       &said);
        if (table[i].difference ? !strstr(tu_buf_c(&said), table[i].difference) : said.n > 0)
            fail_msg("%s: said: %s", table[i].expect, tu_buf_c(&said));
    }
    tu_arena_done(&a);
}

static void what_is_not_known_of_a_way_is_not_compared(void **state) {
    (void)state;
    tu_arena a;
    tu_arena_init(&a, 0);
    const corpus_case k = {.name = "x"};
    _cleanup_(tu_buf_done) tu_buf said = TU_BUF_INIT(TU_MIB);
    corpus_compare(&k, json(&a, "{\"confidence\":\"observed\",\"quiet\":[]}"), json(&a, found),
                   NULL, false, &said);
    assert_string_equal(tu_buf_c(&said), "");
    tu_arena_done(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_said_and_nothing_else),
        cmocka_unit_test(what_is_not_known_of_a_way_is_not_compared),
    };
    return cmocka_run_group_tests_name("the corpus's comparison", tests, NULL, NULL);
}
