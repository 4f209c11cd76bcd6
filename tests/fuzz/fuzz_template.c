/*
 * fuzz_template: a template and a message of any bytes, parted by the first NUL. Reading never fails without a place inside the
 * text; what is read renders within its limit with every escape, the same each time, and no control character
 * comes out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/template.h"
#include "common/wording.h"

static void require(bool condition) {
    if (!condition)
        abort();
}

static bool is_clean(const tu_out *o) {
    for (size_t i = 0; i < o->n; i++) {
        unsigned char c = (unsigned char)o->text[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

static const char *const extra[] = {"title", "text", "diff", NULL};

static void render(const tu_template *t, const cJSON *m, bool literal_is_clean) {
    static tu_escape *const escapes[] = {
        tu_escape_none,       tu_escape_html,         tu_escape_slack, tu_escape_markdown,
        tu_escape_json,       tu_escape_header,       tu_escape_url,   tu_escape_html_json,
        tu_escape_slack_json, tu_escape_markdown_json};
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        tu_out one, two;
        tu_out_init(&one, 4096);
        tu_out_init(&two, 4096);
        bool done = tu_template_render(t, m, m, escapes[i], &one);
        tu_template_render(t, m, m, escapes[i], &two);
        require(done == !one.failed && one.n <= 4096 && strlen(one.text) == one.n);
        require(one.n == two.n && !memcmp(one.text, two.text, one.n));
        require(!literal_is_clean || is_clean(&one));
        tu_out_done(&one);
        tu_out_done(&two);
    }
}

static void no_fact(void *arg, const char *name, const char *value) {
    (void)arg;
    require(name && value && *value);
}

static void say(const cJSON *m) {
    for (int i = 0; i < 2; i++) {
        const tu_language *l = tu_language_named(i ? "ko" : "en");
        tu_out out;
        tu_out_init(&out, 8192);
        tu_wording_title(l, m, &out);
        require(out.n == 0 || !memchr(out.text, '\n', out.n));
        tu_wording_text(l, m, 3, &out);
        tu_wording_diff(l, m, 5, &out);
        require(is_clean(&out));
        tu_out_done(&out);
        tu_wording_facts(l, m, m, no_fact, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = memchr(data, 0, size);
    size_t n = end ? (size_t)(end - data) : size;
    const char *text = (const char *)data, *json = text + n + (end != NULL);
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    tu_template_error e = {0};
    tu_template *t = tu_template_parse(text, n, extra, &e);
    require(t || (e.line >= 1 && e.line <= lines && e.column >= 1 && e.message[0]));
    cJSON *m = cJSON_ParseWithLength(json, size - (size_t)(json - text));
    if (t) {
        tu_out literal = {.text = (char *)(uintptr_t)text, .n = n};
        render(t, m, is_clean(&literal) && !memchr(text, '\\', n) && !memchr(text, '%', n));
    }
    if (cJSON_IsObject(m))
        say(m);
    cJSON_Delete(m);
    tu_template_free(t);
    return 0;
}
