/*
 * What is said of a manifest that asks for something in vain, and what of it is left out: by the
 * descriptions of real kinds (tests/unit/data/kinds) and small ones.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
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

#define ROLE                                                                                       \
    "{\"omitted\":[{\"path\":\"/rules\",\"when\":\"/aggregationRule\"}],"                          \
    "\"placeholders\":[\"/webhooks/*/clientConfig/caBundle\"],\"types\":[{\"type\":\"any\"}]}"
#define WIDGET                                                                                     \
    "{\"types\":[{\"type\":\"map\",\"fields\":{\"spec\":1}},{\"type\":\"map\",\"fields\":{"        \
    "\"template\":2}},{\"type\":\"map\",\"fields\":{\"metadata\":3}},{\"type\":\"map\","           \
    "\"closed\":true,\"fields\":{\"labels\":4}},{\"type\":\"map\",\"values\":5},{\"type\":"        \
    "\"string\"}]}"

static const struct {
    const char *kind; /* a name in tests/unit/data/kinds, or a description */
    const char *manifest, *remarks, *left;
} table[] = {
    {"deployment",
     "metadata:\n  name: cart\n  uid: u\n  resourceVersion: \"7\"\n  creationTimestamp: null\n"
     "status: {}\n",
     "3 exported: only the target sets metadata.uid, metadata.resourceVersion: left out\n",
     "{\"metadata\":{\"name\":\"cart\"}}"},
    {"deployment", "metadata: {name: cart}\nstatus: {replicas: 3}\n",
     "2 exported: only the target sets status: left out\n", "{\"metadata\":{\"name\":\"cart\"}}"},
    {"deployment", "spec:\n  template:\n    metadata: {creationTimestamp: null}\n", "",
     "{\"spec\":{\"template\":{\"metadata\":{}}}}"},
    {"deployment",
     "spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        env: []\n"
     "        args: []\n      tolerations: null\n      volumes: null\nmetadata:\n  labels: null\n",
     "6 no-effect: /spec/template/spec/containers/[name=app]/env is empty, which asks for nothing "
     "and takes nothing away: remove it, or name what is to be there\n"
     "9 no-effect: /spec/template/spec/volumes is null, which asks for nothing and takes nothing "
     "away: remove it, or name what is to be there\n"
     "11 no-effect: /metadata/labels is null, which asks for nothing and takes nothing away: "
     "remove "
     "it, or name what is to be there\n",
     NULL},
    {"deployment", "spec: {template: {spec: {serviceAccount: a, serviceAccountName: a}}}\n",
     "1 mirrors: spec.template.spec.serviceAccountName and spec.template.spec.serviceAccount are "
     "one field: remove spec.template.spec.serviceAccount\n",
     NULL},
    {ROLE, "rules: []\naggregationRule: {x: 1}\n",
     "1 omitted: where there is aggregationRule, the target fills in rules: left out\n",
     "{\"aggregationRule\":{\"x\":1}}"},
    {ROLE, "rules: []\n", "", "{\"rules\":[]}"},
    {ROLE,
     "webhooks:\n- clientConfig: {caBundle: Cg==}\n- clientConfig: {caBundle: \"\"}\n"
     "- clientConfig: {caBundle: aGk=}\n",
     "2 placeholder: /webhooks/0/clientConfig/caBundle is blank, to be filled in by others: left "
     "out\n"
     "3 placeholder: /webhooks/1/clientConfig/caBundle is blank, to be filled in by others: left "
     "out\n",
     "{\"webhooks\":[{\"clientConfig\":{}},{\"clientConfig\":{}},{\"clientConfig\":{\"caBundle\":"
     "\"aGk=\"}}]}"},
    {WIDGET, "spec: {template: {metadata: {creationTimestamp: null, labels: {a: b}}}}\n", "",
     "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}}}}}"},
    {WIDGET, "spec: {template: {metadata: {creationTimestamp: today}}}\n", "",
     "{\"spec\":{\"template\":{\"metadata\":{\"creationTimestamp\":\"today\"}}}}"},
};

static tu_kind *kind_of(const char *described) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DESCRIPTION_BYTES);
    const char *source = getenv("TRUEUP_SOURCE_DIR");
    tu_kind *kind = NULL;
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/unit/data/kinds/%s.json", source ? source : ".",
             described);
    if (described[0] == '{')
        tu_buf_add_c(&text, described);
    else
        assert_int_equal(tu_file_read(path, TU_LIMIT_DESCRIPTION_BYTES, &text, NULL), TU_OK);
    assert_int_equal(tu_kind_compile(tu_buf_str(&text), &kind, NULL), TU_OK);
    return kind;
}

static void what_is_asked_for_in_vain_is_told_and_left_out(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        _cleanup_(tu_errors_done) tu_errors remarks = {0};
        _cleanup_(tu_buf_done) tu_buf said = TU_BUF_INIT(TU_MIB), left = TU_BUF_INIT(TU_MIB);
        tu_arena a;
        tu_value *manifest = NULL;
        tu_kind *kind = kind_of(table[i].kind);
        tu_yaml_part part = {.text = tu_str_c(table[i].manifest), .line = 1};
        tu_arena_init(&a, 0);
        assert_int_equal(tu_yaml_parse(&a, part, TU_YAML_KUBERNETES, "m.yaml", &manifest, NULL),
                         TU_OK);
        tu_kind_lint(kind, manifest, "m.yaml", &remarks);
        for (size_t k = 0; k < remarks.n; k++)
            tu_buf_addf(&said, "%lld %s: %s\n", (long long)remarks.items[k]->line,
                        remarks.items[k]->code, remarks.items[k]->message);
        tu_kind_strip(kind, manifest);
        tu_json_write(&left, manifest, 0);
        if (strcmp(tu_buf_c(&said), table[i].remarks) != 0)
            fail_msg("%s\n%s", table[i].manifest, tu_buf_c(&said));
        if (table[i].left && strcmp(tu_buf_c(&left), table[i].left) != 0)
            fail_msg("%s\n%s", table[i].manifest, tu_buf_c(&left));
        tu_kind_unref(kind);
        tu_arena_done(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_in_vain_is_told_and_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
