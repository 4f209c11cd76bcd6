/*
 * common/json_text.c: reading JSON strictly into cJSON with exact numbers (cJSON's own reader makes
 * doubles of them), and writing it with two spaces of indentation.
 */
#include "common/yaml_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/yaml_scalar.h"

const char *manifest_duplicate_key(const cJSON *map);

typedef struct reader {
    tu_str text;
    size_t at;
    uint32_t depth, values;
    manifest_problem *problem;
} reader;

__attribute__((format(printf, 2, 3))) static cJSON *broken(reader *r, const char *format, ...) {
    manifest_problem *p = r->problem;
    p->line = p->column = 1;
    for (size_t i = 0; i < r->at && i < r->text.n; i++) {
        bool continues = ((unsigned char)r->text.p[i] & 0xC0) == 0x80;
        p->column += continues ? 0 : 1;
        if (r->text.p[i] == '\n')
            p->line++, p->column = 1;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->text, sizeof p->text, format, arguments);
    va_end(arguments);
    return NULL;
}

/* RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF. */
bool manifest_is_utf8(tu_str text) {
    const unsigned char *p = (const unsigned char *)text.p;
    for (size_t i = 0; i < text.n;) {
        size_t follow = p[i] < 0x80                   ? 0
                        : p[i] >= 0xC2 && p[i] < 0xE0 ? 1
                        : p[i] >= 0xE0 && p[i] < 0xF0 ? 2
                        : p[i] >= 0xF0 && p[i] < 0xF5 ? 3
                                                      : 4;
        if (follow == 4 || text.n - i <= follow)
            return false;
        for (size_t k = 1; k <= follow; k++)
            if ((p[i + k] & 0xC0) != 0x80)
                return false;
        if ((p[i] == 0xE0 && p[i + 1] < 0xA0) || (p[i] == 0xED && p[i + 1] > 0x9F) ||
            (p[i] == 0xF0 && p[i + 1] < 0x90) || (p[i] == 0xF4 && p[i + 1] > 0x8F))
            return false;
        i += follow + 1;
    }
    return true;
}

static int peek(const reader *r) {
    return r->at < r->text.n ? (unsigned char)r->text.p[r->at] : -1;
}

static void skip_space(reader *r) {
    while (r->at < r->text.n && strchr(" \t\r\n", r->text.p[r->at]) && r->text.p[r->at])
        r->at++;
}

static size_t skip_digits(reader *r) {
    size_t begin = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    return r->at - begin;
}

static cJSON *read_number(reader *r) {
    size_t begin = r->at;
    r->at += peek(r) == '-';
    size_t zero = r->at;
    size_t digits = skip_digits(r);
    bool fine = digits > 0 && (digits == 1 || r->text.p[zero] != '0');
    if (fine && peek(r) == '.') {
        r->at++;
        fine = skip_digits(r) > 0;
    }
    if (fine && (peek(r) == 'e' || peek(r) == 'E')) {
        r->at++;
        r->at += peek(r) == '-' || peek(r) == '+';
        fine = skip_digits(r) > 0;
    }
    if (!fine)
        return broken(r, "not a JSON number");
    if (r->at - begin >= YAML_NUMBER_BYTES - 16)
        return broken(r, "a number of more than %d digits", YAML_NUMBER_BYTES - 16);
    char *text = strndup(r->text.p + begin, r->at - begin);
    cJSON *value = text ? cJSON_CreateRaw(text) : NULL;
    free(text);
    return value;
}

static int read_hex4(reader *r) {
    int value = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int c = peek(r);
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return -1;
        value = value * 16 + d;
    }
    return value;
}

static size_t put_utf8(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* After the backslash. Returns how many bytes were written, 0 for a bad escape. */
static size_t read_escape(reader *r, char *out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    const char *simple = c > 0 ? strchr(from, c) : NULL;
    if (simple) {
        r->at++;
        *out = to[simple - from];
        return 1;
    }
    if (c != 'u')
        return 0;
    r->at++;
    int unit = read_hex4(r);
    if (unit >= 0xD800 && unit < 0xDC00 && peek(r) == '\\' && r->at + 1 < r->text.n &&
        r->text.p[r->at + 1] == 'u') {
        r->at += 2;
        int low = read_hex4(r);
        if (low < 0xDC00 || low > 0xDFFF)
            return 0;
        return put_utf8(out,
                        0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
    }
    if (unit <= 0 || (unit >= 0xD800 && unit <= 0xDFFF)) /* cJSON's strings can't hold a NUL */
        return 0;
    return put_utf8(out, (uint32_t)unit);
}

/* malloc'd; NULL with the problem filled in. */
static char *read_string(reader *r) {
    r->at++;
    const char *end = r->text.p + r->at;
    const char *limit = r->text.p + r->text.n;
    while (end < limit && *end != '"') /* an upper bound of the length: escapes only shrink */
        end += *end == '\\' ? 2 : 1;
    char *out = malloc((size_t)(end - (r->text.p + r->at)) + 5);
    if (!out)
        return NULL;
    size_t n = 0;
    for (;;) {
        int c = peek(r);
        if (c == '"') {
            r->at++;
            out[n] = '\0';
            return out;
        }
        if (c < 0x20) {
            broken(r, c < 0 ? "the text ends inside a string" : "a control character in a string");
            break;
        }
        r->at++;
        if (c != '\\') {
            out[n++] = (char)c;
            continue;
        }
        size_t escaped = read_escape(r, out + n);
        if (escaped == 0) {
            broken(r, "a bad escape in a string");
            break;
        }
        n += escaped;
    }
    free(out);
    return NULL;
}

static cJSON *read_value(reader *r);

static bool expect(reader *r, char wanted, char closing) {
    skip_space(r);
    if (peek(r) == wanted) {
        r->at++;
        return true;
    }
    if (peek(r) != closing)
        broken(r, peek(r) < 0 ? "the text ends too early" : "expected '%c' or '%c'", wanted,
               closing);
    return false;
}

static bool read_member(reader *r, cJSON *map) {
    skip_space(r);
    if (peek(r) != '"')
        return broken(r, "expected a key in double quotes"), false;
    char *key = read_string(r);
    cJSON *value = NULL;
    if (key && expect(r, ':', ':'))
        value = read_value(r);
    if (value)
        cJSON_AddItemToObject(map, key, value);
    free(key);
    return value != NULL;
}

static cJSON *read_collection(reader *r, bool is_map) {
    char closing = is_map ? '}' : ']';
    cJSON *value = is_map ? cJSON_CreateObject() : cJSON_CreateArray();
    r->at++;
    skip_space(r);
    bool fine = value != NULL, closed = peek(r) == closing;
    while (fine && !closed) {
        if (is_map) {
            fine = read_member(r, value);
        } else {
            cJSON *item = read_value(r);
            fine = item && cJSON_AddItemToArray(value, item);
        }
        if (fine && !expect(r, ',', closing)) {
            closed = peek(r) == closing;
            fine = closed;
        }
    }
    const char *twice = fine && is_map ? manifest_duplicate_key(value) : NULL;
    if (twice)
        broken(r, "key '%s' stands twice in the object that ends here", twice);
    if (!fine || twice) {
        cJSON_Delete(value);
        return NULL;
    }
    r->at++;
    return value;
}

static cJSON *read_word(reader *r, const char *word, cJSON *(*make)(void)) {
    size_t n = strlen(word);
    if (r->text.n - r->at < n || memcmp(r->text.p + r->at, word, n) != 0)
        return broken(r, "not a JSON value");
    r->at += n;
    return make();
}

static cJSON *read_value(reader *r) {
    skip_space(r);
    if (++r->values > MANIFEST_VALUES)
        return broken(r, "more than %u values in one document", MANIFEST_VALUES);
    if (r->depth >= MANIFEST_DEPTH)
        return broken(r, "nested deeper than %u levels", MANIFEST_DEPTH);
    cJSON *value = NULL;
    r->depth++;
    switch (peek(r)) {
    case '{':
    case '[':
        value = read_collection(r, peek(r) == '{');
        break;
    case '"': {
        char *text = read_string(r);
        value = text ? cJSON_CreateString(text) : NULL;
        free(text);
        break;
    }
    case 't':
        value = read_word(r, "true", cJSON_CreateTrue);
        break;
    case 'f':
        value = read_word(r, "false", cJSON_CreateFalse);
        break;
    case 'n':
        value = read_word(r, "null", cJSON_CreateNull);
        break;
    case -1:
        broken(r, "the text ends too early");
        break;
    default:
        value = read_number(r);
    }
    r->depth--;
    return value;
}

bool manifest_parse_json(tu_str text, cJSON **ret, manifest_problem *problem) {
    reader r = {.text = text, .problem = problem};
    *problem = (manifest_problem){.line = 1, .text = "out of memory"};
    if (!manifest_is_utf8(text)) {
        memcpy(problem->text, "not UTF-8", sizeof "not UTF-8");
        return false;
    }
    cJSON *value = read_value(&r);
    if (!value)
        return false;
    skip_space(&r);
    if (r.at != text.n) {
        broken(&r, "something stands behind the JSON value");
        cJSON_Delete(value);
        return false;
    }
    *ret = value;
    return true;
}

static void indent(FILE *out, int depth) {
    fprintf(out, "%*s", depth * 2, "");
}

static void write_string(FILE *out, const char *s) {
    cJSON *item = cJSON_CreateStringReference(s);
    char *text = cJSON_PrintUnformatted(item);
    fputs(text ? text : "\"\"", out);
    cJSON_free(text);
    cJSON_Delete(item);
}

static void write_value(FILE *out, const cJSON *v, int depth) {
    if (!v->child) {
        char *text = cJSON_IsArray(v)    ? strdup("[]")
                     : cJSON_IsObject(v) ? strdup("{}")
                                         : cJSON_PrintUnformatted(v);
        fputs(text ? text : "null", out);
        free(text);
        return;
    }
    bool is_map = cJSON_IsObject(v);
    fputs(is_map ? "{\n" : "[\n", out);
    for (const cJSON *i = v->child; i; i = i->next) {
        indent(out, depth + 1);
        if (is_map) {
            write_string(out, i->string);
            fputs(": ", out);
        }
        write_value(out, i, depth + 1);
        fputs(i->next ? ",\n" : "\n", out);
    }
    indent(out, depth);
    fputc(is_map ? '}' : ']', out);
}

char *manifest_write_json(const cJSON *value) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return NULL;
    write_value(out, value, 0);
    fputc('\n', out);
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
