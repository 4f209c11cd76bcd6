/*
 * common/yaml_write.c: a cJSON tree as YAML that people like to read: block style, lists at their
 * key's indentation as kubectl writes them, texts unquoted where no reader (YAML 1.1 or 1.2) could
 * take them for something else, several lines as "|" blocks.
 */
#include "common/yaml_json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/yaml_scalar.h"

/* Readers give up on a key without "?" after 1024 characters (YAML 1.2, 7.4.2); escapes lengthen.
 */
#define SIMPLE_KEY_BYTES 170u

/* Safe without quotes: begins with a letter, '_' or '/' (or is a number-like word that no reader
 * takes for one), has no character that means something, and isn't a word like yes or null. */
static bool is_plain(const char *s) {
    char number[YAML_NUMBER_BYTES];
    if (!*s || yaml_scalar_read(s, number, sizeof number) != YAML_SCALAR_STRING)
        return false;
    bool digits = isdigit((unsigned char)s[0]);
    if (!digits && !isalpha((unsigned char)s[0]) && s[0] != '_' && s[0] != '/')
        return false;
    bool has_letter = false;
    for (const char *p = s; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (!isalnum(c) && !strchr("_-./@+=,() :", c))
            return false;
        if (c == ':' && (!p[1] || p[1] == ' '))
            return false;
        if (c == ' ' && (!p[1] || p[1] == ' '))
            return false;
        has_letter = has_letter || isalpha(c);
    }
    if (digits && (!has_letter || strchr(s, ':') || strchr(s, '_'))) /* dates, base 60 */
        return false;
    if (digits && strspn(s, "0123456789-TtZz:. +") == strlen(s)) /* instants */
        return false;
    if (digits && (s[strspn(s, "0123456789.")] == 'e' || s[strspn(s, "0123456789.")] == 'E' ||
                   s[1] == 'x' || s[1] == 'o'))
        return false;
    return true;
}

/* Characters that JSON takes as they are and YAML doesn't: C1 controls (NEL is a line break in YAML
 * 1.1), U+2028 and U+2029 (line breaks), byte order marks, DEL. Returns how many bytes it has; 0
 * when p is none. */
static size_t special(const unsigned char *p, unsigned *ret_character) {
    if (p[0] == 0x7F)
        return *ret_character = 0x7F, 1;
    if (p[0] == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0)
        return *ret_character = p[1], 2;
    if (p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9))
        return *ret_character = 0x2000u + p[2] - 0x80u, 3;
    if (p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF)
        return *ret_character = 0xFEFF, 3;
    return 0;
}

static bool fits_block(const char *s) {
    const char *first_end = strchr(s, '\n');
    if (!first_end || s[0] == ' ' || s[0] == '\t' || s[0] == '\n')
        return false;
    for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
        unsigned ignored;
        if ((*p < 0x20 && *p != '\n' && *p != '\t') || special(p, &ignored))
            return false;
    }
    return true;
}

static void write_block(FILE *out, const char *s, int depth) {
    size_t n = strlen(s);
    const char *chomp = s[n - 1] != '\n' ? "-" : n > 1 && s[n - 2] == '\n' ? "+" : "";
    fprintf(out, "|%s\n", chomp);
    while (*s) {
        const char *end = strchr(s, '\n');
        size_t line = end ? (size_t)(end - s) : strlen(s);
        if (line)
            fprintf(out, "%*s%.*s", depth * 2, "", (int)line, s);
        fputc('\n', out);
        s += line + (end != NULL);
    }
}

static void write_quoted(FILE *out, const char *s) {
    cJSON *item = cJSON_CreateStringReference(s);
    char *text = cJSON_PrintUnformatted(item);
    for (const char *p = text ? text : "\"\""; *p;) {
        unsigned character;
        size_t n = special((const unsigned char *)p, &character);
        if (n)
            fprintf(out, "\\u%04x", character);
        else
            fputc(*p, out);
        p += n ? n : 1;
    }
    cJSON_free(text);
    cJSON_Delete(item);
}

/* Ends the line. depth: of the lines of a block. */
static void write_scalar(FILE *out, const cJSON *v, int depth) {
    if (cJSON_IsString(v) && fits_block(v->valuestring)) {
        write_block(out, v->valuestring, depth);
        return;
    }
    if (cJSON_IsString(v)) {
        if (is_plain(v->valuestring))
            fputs(v->valuestring, out);
        else
            write_quoted(out, v->valuestring);
    } else if (cJSON_IsArray(v)) {
        fputs("[]", out);
    } else if (cJSON_IsObject(v)) {
        fputs("{}", out);
    } else if (cJSON_IsRaw(v)) {
        fputs(v->valuestring, out);
    } else if (cJSON_IsBool(v)) {
        fputs(cJSON_IsTrue(v) ? "true" : "false", out);
    } else {
        fputs("null", out);
    }
    fputc('\n', out);
}

static void write_list(FILE *out, const cJSON *list, int depth, bool first_line_begun);

static void write_map(FILE *out, const cJSON *map, int depth, bool first_line_begun) {
    for (const cJSON *m = map->child; m; m = m->next) {
        if (!first_line_begun)
            fprintf(out, "%*s", depth * 2, "");
        first_line_begun = false;
        bool is_long = strlen(m->string) > SIMPLE_KEY_BYTES;
        fputs(is_long ? "? " : "", out);
        if (is_plain(m->string))
            fputs(m->string, out);
        else
            write_quoted(out, m->string);
        if (is_long)
            fprintf(out, "\n%*s", depth * 2, "");
        fputc(':', out);
        if (m->child) {
            fputc('\n', out);
            if (cJSON_IsArray(m))
                write_list(out, m, depth, false);
            else
                write_map(out, m, depth + 1, false);
        } else {
            fputc(' ', out);
            write_scalar(out, m, depth + 1);
        }
    }
}

static void write_list(FILE *out, const cJSON *list, int depth, bool first_line_begun) {
    for (const cJSON *i = list->child; i; i = i->next) {
        if (!first_line_begun)
            fprintf(out, "%*s", depth * 2, "");
        first_line_begun = false;
        fputs("- ", out);
        if (i->child && cJSON_IsArray(i))
            write_list(out, i, depth + 1, true);
        else if (i->child)
            write_map(out, i, depth + 1, true);
        else
            write_scalar(out, i, depth + 1);
    }
}

char *manifest_write_yaml(const cJSON *value) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return NULL;
    if (!value->child)
        write_scalar(out, value, 1);
    else if (cJSON_IsArray(value))
        write_list(out, value, 0, false);
    else
        write_map(out, value, 0, false);
    bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
