/* compare/redact.c: see redact.h. */
#include "compare/redact.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "value/json.h"

#define LEAST_BYTES 4
#define SEALED "<sealed>"

typedef struct redactor {
    char **texts[2];
} redactor;

static void replace(char **text, tu_str secret) {
    if (!*text || secret.n < LEAST_BYTES || !memmem(*text, strlen(*text), secret.p, secret.n))
        return;
    _cleanup_(tu_buf_done) tu_buf out = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    const char *rest = *text;
    for (const char *at; (at = memmem(rest, strlen(rest), secret.p, secret.n));
         rest = at + secret.n) {
        tu_buf_add(&out, (tu_str){rest, (size_t)(at - rest)});
        tu_buf_add_c(&out, SEALED);
    }
    tu_buf_add_c(&out, rest);
    explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = out.rc == TU_OK ? tu_xstrdup(tu_buf_c(&out)) : tu_xstrdup(SEALED);
}

/* The value as it is written, as its base64's bytes, and line by line: words hardly hold a whole
 * key, but may hold its first line. */
static void replace_forms(redactor *r, tu_str value) {
    for (size_t i = 0; i < 2; i++)
        replace(r->texts[i], value);
    for (size_t begin = 0; begin < value.n;) {
        const char *end = memchr(value.p + begin, '\n', value.n - begin);
        size_t n = end ? (size_t)(end - value.p) - begin : value.n - begin;
        for (size_t i = 0; i < 2 && n < value.n; i++)
            replace(r->texts[i], (tu_str){value.p + begin, n});
        begin += n + 1;
    }
}

static void redact_value(redactor *r, const tu_sealed *sealed) {
    tu_arena a;
    tu_arena_init(&a, 0);
    tu_value *v = NULL;
    tu_str text = sealed->bytes;
    if (tu_json_parse(&a, text, TU_JSON_COPY, NULL, &v, NULL, NULL) == TU_OK &&
        tu_value_is(v, TU_STRING))
        text = v->string;
    replace_forms(r, text);
    _cleanup_(tu_freep) uint8_t *bytes = tu_malloc(text.n * 3 / 4 + 3);
    int64_t n = bytes && text.n ? tu_base64_decode(text, bytes) : -1;
    if (n > 0) {
        replace_forms(r, (tu_str){(const char *)bytes, (size_t)n});
        explicit_bzero(bytes, (size_t)n);
    }
    if (text.p != sealed->bytes.p) /* the copy */
        explicit_bzero((char *)(uintptr_t)text.p, text.n);
    tu_arena_done(&a);
}

static void redact(redactor *r, const tu_value *v) {
    for (uint32_t i = 0; tu_value_is(v, TU_MAP) && i < v->map.n; i++)
        redact(r, &v->map.members[i].value);
    for (uint32_t i = 0; tu_value_is(v, TU_LIST) && i < v->list.n; i++)
        redact(r, &v->list.items[i]);
    if (tu_value_is(v, TU_SEALED))
        redact_value(r, v->sealed);
}

void tu_redact_error(tu_error *e, const tu_value *object) {
    if (!e || !object || e->rc == TU_EINTERNAL) /* ours alone, and perhaps static */
        return;
    redactor r = {{&e->message, &e->hint}};
    redact(&r, object);
}
