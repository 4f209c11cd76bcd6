/* common/call.c: see call.h. */
#include "common/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/yaml_json.h"

tu_rc call_fail(const tu_host *h, tu_call *c, tu_rc rc, const char *code, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    return h->fail(c, rc, 0, manifest_str(code), (tu_str){text, length});
}

tu_rc call_class_of_errno(int error) {
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        return TU_EDENIED;
    case ENOENT:
    case ENOTDIR:
        return TU_ENOTFOUND;
    case EFBIG:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG:
        return TU_EINVALID;
    case ENOMEM:
        return TU_EINTERNAL;
    default:
        return TU_EUNAVAILABLE;
    }
}

tu_rc call_emit(const tu_host *h, tu_call *c, uint32_t record, uint32_t index, cJSON *meta,
                tu_str body) {
    char *text = meta ? cJSON_PrintUnformatted(meta) : NULL;
    if (meta && !text) {
        cJSON_Delete(meta);
        return call_fail(h, c, TU_EINTERNAL, NULL, "out of memory");
    }
    tu_rc rc = h->emit(c, record, index, manifest_str(text), body);
    cJSON_free(text);
    cJSON_Delete(meta);
    return rc;
}

cJSON *call_read_object(const tu_host *h, tu_call *c, tu_str text, const char *what) {
    cJSON *value = NULL;
    manifest_problem problem;
    if (text.n == 0)
        return cJSON_CreateObject();
    if (!manifest_parse_json(text, &value, &problem)) {
        call_fail(h, c, TU_EINVALID, NULL, "%s isn't valid JSON: %s", what, problem.text);
        return NULL;
    }
    if (!cJSON_IsObject(value)) {
        cJSON_Delete(value);
        call_fail(h, c, TU_EINVALID, NULL, "%s isn't a JSON object", what);
        return NULL;
    }
    return value;
}
