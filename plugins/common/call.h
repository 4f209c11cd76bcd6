/*
 * common/call.h: what every plugin does with its host: fail with formatted words, emit a record
 * whose meta is a cJSON object.
 */
#ifndef COMMON_CALL_H
#define COMMON_CALL_H

#include <cjson/cJSON.h>
#include <trueup/plugin.h>

/* Says why and returns rc. code may be NULL. The text is cut at 2 KiB. */
tu_rc call_fail(const tu_host *h, tu_call *c, tu_rc rc, const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The class that fits an errno, for files. */
tu_rc call_class_of_errno(int error);
/* Emits and frees meta (NULL: no meta; memory that ran out is TU_EINTERNAL). */
tu_rc call_emit(const tu_host *h, tu_call *c, uint32_t record, uint32_t index, cJSON *meta,
                tu_str body);
/* Reads a JSON argument (config, options, identity). NULL after fail() when it isn't an object. */
cJSON *call_read_object(const tu_host *h, tu_call *c, tu_str text, const char *what);

#endif
