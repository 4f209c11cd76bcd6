/* notifier-webhook/template.c: see template.h. */
#include "template.h"

#include <stdlib.h>
#include <string.h>

bool header_name_is_valid(const char *name) {
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (const char *c = name; *c; c++) {
        bool alphanumeric =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!alphanumeric && !strchr(others, *c))
            return false;
    }
    return *name != '\0';
}

const char *template_check(const char *text) {
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            return "it has a line break or another control character in it";
    for (const char *open = text; (open = strstr(open, "{{"));) {
        const char *close = strstr(open, "}}");
        if (!close)
            return "a \"{{\" has no \"}}\"";
        if (open[2] != '/' && close != open + 2)
            return "between \"{{\" and \"}}\" stands a JSON pointer into the message, as in "
                   "{{/severity}}";
        open = close + 2;
    }
    return NULL;
}

/* --- JSON pointers ---------------------------------------------------------------------------- */

/* One step, "~1" and "~0" undone. */
static char *unescape(const char *step, size_t n) {
    char *out = malloc(n + 1), *to = out;
    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (step[i] == '~' && i + 1 < n && (step[i + 1] == '0' || step[i + 1] == '1'))
            *to++ = step[++i] == '0' ? '~' : '/';
        else
            *to++ = step[i];
    }
    *to = '\0';
    return out;
}

static const cJSON *step_into(const cJSON *value, const char *step) {
    if (cJSON_IsObject(value))
        return cJSON_GetObjectItemCaseSensitive(value, step);
    if (cJSON_IsArray(value) && *step && strspn(step, "0123456789") == strlen(step) &&
        strlen(step) < 9)
        return cJSON_GetArrayItem(value, (int)strtol(step, NULL, 10));
    return NULL;
}

static const cJSON *look_up(const cJSON *value, const char *pointer, size_t n) {
    const char *end = pointer + n;
    while (value && pointer < end) {
        const char *step = pointer + 1, *next = step;
        while (next < end && *next != '/')
            next++;
        char *name = unescape(step, (size_t)(next - step));
        value = name ? step_into(value, name) : NULL;
        free(name);
        pointer = next;
    }
    return value;
}

/* --- rendering -------------------------------------------------------------------------------- */

typedef struct line {
    char *p;
    size_t n;
} line;

static void add(line *l, const char *text, size_t n) {
    for (size_t i = 0; i < n && l->n < HEADER_VALUE_LIMIT; i++) {
        unsigned char c = (unsigned char)text[i];
        l->p[l->n++] = c < 0x20 || c == 0x7F ? ' ' : text[i];
    }
}

static void add_value(line *l, const cJSON *value) {
    if (cJSON_IsString(value)) {
        add(l, value->valuestring, strlen(value->valuestring));
    } else if (value && !cJSON_IsNull(value)) {
        char *json = cJSON_PrintUnformatted(value);
        if (json)
            add(l, json, strlen(json));
        free(json);
    }
}

char *template_render(const char *text, const cJSON *message) {
    line l = {malloc(HEADER_VALUE_LIMIT + 1), 0};
    const char *open;
    if (!l.p)
        return NULL;
    while ((open = strstr(text, "{{"))) {
        const char *close = strstr(open, "}}");
        if (!close)
            break;
        add(&l, text, (size_t)(open - text));
        add_value(&l, look_up(message, open + 2, (size_t)(close - open - 2)));
        text = close + 2;
    }
    add(&l, text, strlen(text));
    l.p[l.n] = '\0';
    return l.p;
}
