/* common/yaml_scalar.c: the resolver for plain scalars. To add a spelling: one row in `words`. */
#include "common/yaml_scalar.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    yaml_scalar meaning;
} words[] = {
    {"", YAML_SCALAR_NULL},          {"~", YAML_SCALAR_NULL},
    {"null", YAML_SCALAR_NULL},      {"Null", YAML_SCALAR_NULL},
    {"NULL", YAML_SCALAR_NULL},      {"true", YAML_SCALAR_TRUE},
    {"True", YAML_SCALAR_TRUE},      {"TRUE", YAML_SCALAR_TRUE},
    {"yes", YAML_SCALAR_TRUE},       {"Yes", YAML_SCALAR_TRUE},
    {"YES", YAML_SCALAR_TRUE},       {"on", YAML_SCALAR_TRUE},
    {"On", YAML_SCALAR_TRUE},        {"ON", YAML_SCALAR_TRUE},
    {"y", YAML_SCALAR_TRUE},         {"Y", YAML_SCALAR_TRUE},
    {"false", YAML_SCALAR_FALSE},    {"False", YAML_SCALAR_FALSE},
    {"FALSE", YAML_SCALAR_FALSE},    {"no", YAML_SCALAR_FALSE},
    {"No", YAML_SCALAR_FALSE},       {"NO", YAML_SCALAR_FALSE},
    {"off", YAML_SCALAR_FALSE},      {"Off", YAML_SCALAR_FALSE},
    {"OFF", YAML_SCALAR_FALSE},      {"n", YAML_SCALAR_FALSE},
    {"N", YAML_SCALAR_FALSE},        {".inf", YAML_SCALAR_NOT_JSON},
    {".Inf", YAML_SCALAR_NOT_JSON},  {".INF", YAML_SCALAR_NOT_JSON},
    {"+.inf", YAML_SCALAR_NOT_JSON}, {"+.Inf", YAML_SCALAR_NOT_JSON},
    {"+.INF", YAML_SCALAR_NOT_JSON}, {"-.inf", YAML_SCALAR_NOT_JSON},
    {"-.Inf", YAML_SCALAR_NOT_JSON}, {"-.INF", YAML_SCALAR_NOT_JSON},
    {".nan", YAML_SCALAR_NOT_JSON},  {".NaN", YAML_SCALAR_NOT_JSON},
    {".NAN", YAML_SCALAR_NOT_JSON},
};

/* 0x1F, 0b101, 0o17, 0777, 1_000: true with its decimal text. Digits are checked by hand: strtoll
 * would take white space. */
static bool read_integer(const char *digits, bool negative, char *number, size_t room) {
    int base = 10;
    if (digits[0] == '0' && digits[1]) {
        char c = (char)tolower((unsigned char)digits[1]);
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        digits += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    }
    if (!*digits)
        return false;
    uint64_t value = 0;
    for (; *digits; digits++) {
        int d = isdigit((unsigned char)*digits)   ? *digits - '0'
                : isalpha((unsigned char)*digits) ? tolower((unsigned char)*digits) - 'a' + 10
                                                  : 99;
        if (d >= base || value > (UINT64_MAX - (uint64_t)d) / (uint64_t)base)
            return false;
        value = value * (uint64_t)base + (uint64_t)d;
    }
    if (negative && value > (uint64_t)INT64_MAX + 1)
        return false;
    snprintf(number, room, "%s%llu", negative && value ? "-" : "", (unsigned long long)value);
    return true;
}

/* (\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? as JSON writes it: ".5" -> "0.5", "5." -> "5.0",
 * "007.5" -> "7.5" */
static bool read_decimal(const char *s, bool negative, char *number, size_t room) {
    size_t whole = strspn(s, "0123456789");
    const char *fraction = s + whole;
    size_t fraction_n = 0;
    if (*fraction == '.')
        fraction_n = strspn(++fraction, "0123456789");
    else
        fraction = NULL;
    const char *rest = fraction ? fraction + fraction_n : s + whole;
    if (whole == 0 && fraction_n == 0)
        return false;
    if (*rest == 'e' || *rest == 'E') {
        const char *exponent = rest + 1 + (rest[1] == '-' || rest[1] == '+');
        if (!*exponent || exponent[strspn(exponent, "0123456789")])
            return false;
    } else if (*rest) {
        return false;
    }
    size_t zeros = strspn(s, "0");
    zeros = zeros >= whole ? (whole ? whole - 1 : 0) : zeros;
    int n = snprintf(number, room, "%s%.*s%s%.*s%s", negative ? "-" : "",
                     whole ? (int)(whole - zeros) : 1, whole ? s + zeros : "0", fraction ? "." : "",
                     fraction_n ? (int)fraction_n : 1,
                     fraction_n ? fraction
                     : fraction ? "0"
                                : "",
                     rest);
    return n > 0 && (size_t)n < room;
}

yaml_scalar yaml_scalar_read(const char *text, char *number, size_t room) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i].text, text) == 0)
            return words[i].meaning;
    bool negative = text[0] == '-';
    const char *s = text + (text[0] == '-' || text[0] == '+');
    if (!isdigit((unsigned char)s[0]) && s[0] != '.')
        return YAML_SCALAR_STRING;
    char plain[YAML_NUMBER_BYTES - 8];
    size_t n = 0;
    for (const char *p = s; *p; p++)
        if (*p != '_') {
            if (n + 1 >= sizeof plain)
                return YAML_SCALAR_STRING;
            plain[n++] = *p;
        }
    plain[n] = '\0';
    if (read_integer(plain, negative, number, room))
        return YAML_SCALAR_NUMBER;
    bool underscores = strchr(s, '_') != NULL; /* go-yaml takes them in integers only */
    return !underscores && read_decimal(plain, negative, number, room) ? YAML_SCALAR_NUMBER
                                                                       : YAML_SCALAR_STRING;
}
