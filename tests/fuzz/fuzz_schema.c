/*
 * fuzz_schema: the first line is a schema, the rest a value. Whatever they are, a schema that is
 * understood checks any value; each mistake has a place within the text; what it leaves can be
 * written.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value/json.h"
#include "value/schema.h"
#include "value/yaml.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_value(tu_arena *a, const tu_value *schema, tu_str text) {
    tu_yaml_part part = {.text = text, .line = 1};
    tu_value *v = NULL;
    tu_errors errors = {0};
    if (tu_yaml_parse(a, part, TU_YAML_STRICT, NULL, &v, NULL) != TU_OK || !v)
        return;
    tu_schema_validate(a, schema, v, "f.yaml", text, "spec", &errors);
    for (size_t i = 0; i < errors.n; i++) {
        const tu_error *e = errors.items[i];
        require(strncmp(e->message, "spec", 4) == 0 && e->line >= 0 &&
                (e->line == 0 || e->column >= 1));
    }
    tu_buf out = TU_BUF_INIT(256u << 20);
    tu_json_write(&out, v, 0);
    require(out.rc == TU_OK);
    tu_buf_done(&out);
    tu_errors_done(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *newline = memchr(text, '\n', size);
    size_t first = newline ? (size_t)(newline - text) : size, rest = newline ? first + 1 : size;
    tu_arena a;
    tu_value *schema = NULL;
    tu_arena_init(&a, 256u << 20);
    if (tu_json_parse(&a, (tu_str){text, first}, 0, NULL, &schema, NULL, NULL) == TU_OK &&
        tu_schema_check(schema, NULL) == TU_OK)
        check_value(&a, schema, (tu_str){text + rest, size - rest});
    tu_arena_done(&a);
    return 0;
}
