/* support/vectors.c: see vectors.h. */
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cases.h"
#include "value/json.h"

tu_value *test_vectors_read(tu_arena *a, const char *name) {
    _cleanup_(tu_buf_done) tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    _cleanup_(tu_error_freep) tu_error *error = NULL;
    char relative[256];
    snprintf(relative, sizeof relative, "tests/corpus/vectors/%s", name);
    char *path = test_source_path(relative);
    tu_value *v = NULL;
    if (tu_file_read(path, TU_LIMIT_DOCUMENT_BYTES, &text, &error) ||
        tu_json_parse(a, tu_buf_str(&text), TU_JSON_COPY, path, &v, NULL, &error))
        fail_msg("%s: %s", path, tu_error_text(error));
    free(path);
    return v;
}
