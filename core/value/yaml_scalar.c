/*
 * value/yaml_scalar.c: what the text of a YAML scalar means, in the two readings of value/yaml.h.
 *
 *     kubernetes  resolve() of go.yaml.in/yaml/v2 (resolve.go), then the JSON conversion of
 *                 sigs.k8s.io/yaml 1.6: what kubectl, kustomize and the API server use. Timestamps
 *                 and base 60 stay strings; floats go through a double, so 1.50 is 1.5, 3.0 is 3,
 *                 and 1e400, which no double holds, is a string.
 *     strict      YAML 1.2.2 section 10.3.2, the core schema. Numbers keep their digits.
 *
 * Numbers are read and written with strtod and snprintf, which follow the locale: this program
 * never sets one.
 *
 * What the Go modules answer stands as data in tests/unit/data/yaml/kubernetes.txt, made by
 * tests/support/yaml-oracle. To change a rule: add cases there, run the recipe, then come back
 * here.
 */
#include "value/yaml_scalar.h"

#include <float.h>
#include <math.h>

typedef enum { IS_NULL, IS_BOOL, IS_INTEGER, IS_FLOAT, IS_NOT_JSON, IS_STRING } meaning_kind;

typedef struct meaning {
    meaning_kind kind;
    bool boolean;
    bool negative; /* integers: sign and magnitude */
    uint64_t magnitude;
    double number; /* floats and integers */
} meaning;

/* --- words ---------------------------------------------------------------------------------- */

static const struct word {
    const char *text;
    meaning_kind kind;
    bool boolean;
    bool strict; /* known to YAML 1.2 as well */
} words[] = {
    {"true", IS_BOOL, true, true},       {"True", IS_BOOL, true, true},
    {"TRUE", IS_BOOL, true, true},       {"false", IS_BOOL, false, true},
    {"False", IS_BOOL, false, true},     {"FALSE", IS_BOOL, false, true},
    {"null", IS_NULL, false, true},      {"Null", IS_NULL, false, true},
    {"NULL", IS_NULL, false, true},      {"~", IS_NULL, false, true},
    {"", IS_NULL, false, true},          {"y", IS_BOOL, true, false},
    {"Y", IS_BOOL, true, false},         {"yes", IS_BOOL, true, false},
    {"Yes", IS_BOOL, true, false},       {"YES", IS_BOOL, true, false},
    {"on", IS_BOOL, true, false},        {"On", IS_BOOL, true, false},
    {"ON", IS_BOOL, true, false},        {"n", IS_BOOL, false, false},
    {"N", IS_BOOL, false, false},        {"no", IS_BOOL, false, false},
    {"No", IS_BOOL, false, false},       {"NO", IS_BOOL, false, false},
    {"off", IS_BOOL, false, false},      {"Off", IS_BOOL, false, false},
    {"OFF", IS_BOOL, false, false},      {".nan", IS_NOT_JSON, false, true},
    {".NaN", IS_NOT_JSON, false, true},  {".NAN", IS_NOT_JSON, false, true},
    {".inf", IS_NOT_JSON, false, true},  {".Inf", IS_NOT_JSON, false, true},
    {".INF", IS_NOT_JSON, false, true},  {"+.inf", IS_NOT_JSON, false, true},
    {"+.Inf", IS_NOT_JSON, false, true}, {"+.INF", IS_NOT_JSON, false, true},
    {"-.inf", IS_NOT_JSON, false, true}, {"-.Inf", IS_NOT_JSON, false, true},
    {"-.INF", IS_NOT_JSON, false, true},
};

static bool is_word(tu_str text, tu_yaml_reading reading, meaning *ret) {
    char first = text.n ? text.p[0] : '\0';
    if (text.n > 5 || (first && !strchr("tTfFnNyYoO~.+-", first)))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].text[0] == first && (words[i].strict || reading == TU_YAML_KUBERNETES) &&
            tu_str_is(text, words[i].text)) {
            *ret = (meaning){.kind = words[i].kind, .boolean = words[i].boolean};
            return true;
        }
    }
    return false;
}

/* --- numbers -------------------------------------------------------------------------------- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int digit_value(char c) {
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* Digits of a base as an integer; false when one isn't, when there is none, or when it doesn't fit
 * 64 bits. */
static bool magnitude_of(const char *digits, unsigned base, uint64_t *ret) {
    uint64_t value = 0;
    if (!*digits)
        return false;
    for (const char *p = digits; *p; p++) {
        unsigned digit = (unsigned)digit_value(*p);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret = value;
    return true;
}

/* The base that a prefix announces; *digits moves behind the prefix. */
static unsigned base_of(const char **digits, tu_yaml_reading reading) {
    const char *p = *digits;
    if (p[0] != '0' || !p[1])
        return 10;
    bool go = reading == TU_YAML_KUBERNETES;
    char letter = go ? (char)(p[1] | 0x20) : p[1];
    unsigned base = letter == 'x' ? 16 : letter == 'o' ? 8 : go && letter == 'b' ? 2 : 0;
    *digits += base ? 2 : go ? 1 : 0;
    return base ? base : go ? 8 : 10;
}

static bool is_integer(const char *text, tu_yaml_reading reading, meaning *ret) {
    bool sign = *text == '+' || *text == '-', negative = *text == '-';
    const char *digits = text + sign;
    unsigned base = base_of(&digits, reading);
    uint64_t magnitude;
    if (sign && base != 10 && reading == TU_YAML_STRICT)
        return false; /* 1.2 has no sign before 0x and 0o */
    if (!magnitude_of(digits, base, &magnitude))
        return false;
    /* Go's ParseUint takes no sign: with one, everything beyond int64 is a float */
    if (sign && magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = (meaning){.kind = IS_INTEGER,
                     .negative = negative && magnitude,
                     .magnitude = magnitude,
                     .number = negative ? -(double)magnitude : (double)magnitude};
    return true;
}

/* ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ : go-yaml's yamlStyleFloat, and the core
 * schema's float */
static bool has_float_form(const char *p) {
    p += *p == '+' || *p == '-';
    const char *whole = p;
    while (is_digit(*p))
        p++;
    bool digits = p > whole;
    if (*p == '.') {
        const char *fraction = ++p;
        while (is_digit(*p))
            p++;
        digits = digits || p > fraction;
    }
    if (!digits)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '+' || *p == '-';
        if (!is_digit(*p))
            return false;
        while (is_digit(*p))
            p++;
    }
    return *p == '\0';
}

/* text is NUL-terminated. */
static meaning meaning_of_number(const char *text, tu_yaml_reading reading) {
    meaning m = {.kind = IS_STRING};
    if (is_integer(text, reading, &m) || !has_float_form(text))
        return m;
    m.number = strtod(text, NULL);
    /* no double can hold it: Go's ParseFloat fails and the text stays a string; strict keeps the
     * digits as they are */
    if (reading == TU_YAML_STRICT || !isinf(m.number))
        m.kind = IS_FLOAT;
    return m;
}

/* Does the text begin as a number does? Then *ret is a NUL-terminated copy, without underscores
 * where go-yaml drops them. */
static tu_rc number_text(tu_arena *a, tu_str text, tu_yaml_reading reading, char room[64],
                         char **ret) {
    *ret = NULL;
    char first = text.n ? text.p[0] : 0;
    if (!is_digit(first) && first != '+' && first != '-' && first != '.')
        return TU_OK;
    char *copy = text.n < 64 ? room : tu_arena_alloc(a, text.n + 1), *out = copy;
    if (!copy)
        return TU_EINTERNAL;
    bool drop = reading == TU_YAML_KUBERNETES && first != '.';
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '_' || !drop)
            *out++ = text.p[i];
    *out = '\0';
    *ret = copy;
    return TU_OK;
}

static tu_rc meaning_of_plain(tu_arena *a, tu_str text, tu_yaml_reading reading, meaning *ret) {
    char room[64], *number;
    *ret = (meaning){.kind = IS_STRING};
    if (is_word(text, reading, ret))
        return TU_OK;
    tu_rc rc = number_text(a, text, reading, room, &number);
    if (rc == TU_OK && number && !memchr(text.p, '\0', text.n))
        *ret = meaning_of_number(number, reading);
    return rc;
}

/* Would the other version of YAML read it as something else? */
static bool readings_differ(meaning a, meaning b) {
    bool both_numbers = (a.kind == IS_INTEGER || a.kind == IS_FLOAT) &&
                        (b.kind == IS_INTEGER || b.kind == IS_FLOAT);
    if (both_numbers)
        return a.number < b.number || a.number > b.number;
    return a.kind != b.kind;
}

/* --- numbers as JSON has them --------------------------------------------------------------- */

/* The shortest digits that read back as the same double (or float, with 9 digits at most): Go's
 * FormatFloat(-1). */
typedef struct shortest {
    char digits[20]; /* without a point, d[0] is the first significant one */
    int n, exponent; /* value = d.ddd * 10^exponent */
    bool negative;
} shortest;

static shortest shortest_digits(double number, bool single) {
    char text[40];
    if (single)
        number = (double)(float)number;
    int most = single ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    for (int precision = 0; precision < most; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, number);
        double back = strtod(text, NULL);
        if (single ? strtof(text, NULL) >= (float)number && strtof(text, NULL) <= (float)number
                   : back >= number && back <= number)
            break;
    }
    shortest s = {.negative = text[0] == '-'};
    const char *p = text + s.negative;
    for (; *p && *p != 'e'; p++)
        if (is_digit(*p))
            s.digits[s.n++] = *p;
    s.exponent = (int)strtol(p + 1, NULL, 10);
    while (s.n > 1 && s.digits[s.n - 1] == '0')
        s.n--;
    return s;
}

/* exponent_digits: how many an exponent has at least ("1e-7" in JSON, "1e-07" in FormatFloat 'g').
 */
static void format_number(shortest s, bool scientific, int exponent_digits, char out[64]) {
    static const char zeros[] = "000000000000000000000000";
    const char *sign = s.negative ? "-" : "";
    int point = s.exponent + 1; /* how many digits stand before the point */
    if (scientific)
        snprintf(out, 64, "%s%.1s%s%se%c%0*d", sign, s.digits, s.n > 1 ? "." : "", s.digits + 1,
                 s.exponent < 0 ? '-' : '+', exponent_digits, abs(s.exponent));
    else if (point <= 0)
        snprintf(out, 64, "%s0.%.*s%s", sign, -point, zeros, s.digits);
    else if (point >= s.n)
        snprintf(out, 64, "%s%s%.*s", sign, s.digits, point - s.n, zeros);
    else
        snprintf(out, 64, "%s%.*s.%s", sign, point, s.digits, s.digits + point);
}

/* As encoding/json writes a float64. */
static void json_number(double number, char out[64]) {
    shortest s = shortest_digits(number, false);
    bool zero = s.digits[0] == '0';
    format_number(s, !zero && (s.exponent < -6 || s.exponent >= 21), 1, out);
}

/* As sigs.k8s.io/yaml writes a float that stands as a key: FormatFloat(key, 'g', -1, 32). */
static void key_number(double number, char out[64]) {
    shortest s = shortest_digits(number, true);
    bool zero = s.digits[0] == '0';
    format_number(s, !zero && (s.exponent < -4 || s.exponent >= 6), 2, out);
}

/* The digits as they were written, in JSON's grammar: "+.5" -> "0.5", "007.50e3" -> "7.50e3", "1."
 * -> "1.0". */
static char *exact_number(tu_arena *a, const char *text) {
    const char *sign = *text == '-' ? "-" : "";
    const char *p = text + (*text == '+' || *text == '-');
    while (*p == '0' && is_digit(p[1]))
        p++;
    size_t whole = strspn(p, "0123456789");
    const char *rest = p + whole;
    if (*rest == '.' && !is_digit(rest[1]))
        return tu_arena_printf(a, "%s%.*s.0%s", sign, (int)whole, p, rest + 1);
    return tu_arena_printf(a, "%s%s%s", sign, whole ? "" : "0", p);
}

static tu_rc set_number_text(tu_arena *a, tu_value *v, const char *text, tu_error **error) {
    v->type = TU_NUMBER;
    v->string = tu_arena_copy(a, tu_str_c(text));
    return v->string.p ? TU_OK : tu_error_memory(error);
}

static void set_integer(tu_value *v, meaning m) {
    v->type = TU_INTEGER;
    v->integer = m.negative ? (int64_t)(0 - m.magnitude) : (int64_t)m.magnitude;
}

static bool fits_int64(meaning m) {
    return m.magnitude <= (uint64_t)INT64_MAX + m.negative;
}

static tu_rc set_number(tu_arena *a, tu_str text, meaning m, tu_yaml_reading reading, tu_value *v,
                        tu_error **error) {
    char out[64], room[64], *copy;
    if (m.kind == IS_INTEGER && fits_int64(m)) {
        set_integer(v, m);
        return TU_OK;
    }
    if (m.kind == IS_INTEGER) {
        snprintf(out, sizeof(out), "%s%llu", m.negative ? "-" : "",
                 (unsigned long long)m.magnitude);
        return set_number_text(a, v, out, error);
    }
    if (reading == TU_YAML_STRICT) {
        if (number_text(a, text, reading, room, &copy) != TU_OK || !copy)
            return tu_error_memory(error);
        v->type = TU_NUMBER;
        v->string = tu_str_c(exact_number(a, copy));
        return v->string.p ? TU_OK : tu_error_memory(error);
    }
    json_number(m.number, out);
    /* 3.0 has become 3, which whoever reads that JSON takes for an integer; so it is one here */
    if (is_integer(out, TU_YAML_STRICT, &m) && fits_int64(m)) {
        set_integer(v, m);
        return TU_OK;
    }
    return set_number_text(a, v, out, error);
}

/* --- the two entries ------------------------------------------------------------------------ */

static const char *const tag_names[] = {"", "!!str", "!!int", "!!float", "!!bool", "!!null"};

/* What a scalar means by its tag and text. `plain` doesn't matter where a tag says what it is. */
static tu_rc meaning_of(tu_arena *a, tu_str text, tu_scalar_tag tag, bool plain,
                        tu_yaml_reading reading, meaning *ret, tu_error **error) {
    *ret = (meaning){.kind = IS_STRING};
    if (tag == TU_TAG_STR || (tag == TU_TAG_NONE && !plain))
        return TU_OK;
    if (meaning_of_plain(a, text, reading, ret) != TU_OK)
        return tu_error_memory(error);
    if (ret->kind == IS_NOT_JSON && tag != TU_TAG_INT && tag != TU_TAG_BOOL && tag != TU_TAG_NULL) {
        tu_rc rc =
            tu_error_set(error, TU_EINVALID, "%.*s is a number that JSON doesn't have", TU_P(text));
        tu_error_hint(error, "put it in quotes if it is text");
        return rc;
    }
    bool fits = tag == TU_TAG_NONE || (tag == TU_TAG_INT && ret->kind == IS_INTEGER) ||
                (tag == TU_TAG_FLOAT && (ret->kind == IS_FLOAT || ret->kind == IS_INTEGER)) ||
                (tag == TU_TAG_BOOL && ret->kind == IS_BOOL) ||
                (tag == TU_TAG_NULL && ret->kind == IS_NULL);
    if (!fits)
        return tu_error_set(error, TU_EINVALID, "'%.*s' is not what its tag %s says",
                            (int)(text.n > 80 ? 80 : text.n), text.n ? text.p : "", tag_names[tag]);
    return TU_OK;
}

static tu_rc is_yaml11(tu_arena *a, tu_str text, meaning m, tu_yaml_reading reading, bool *ret,
                       tu_error **error) {
    meaning other;
    tu_yaml_reading other_reading = reading == TU_YAML_STRICT ? TU_YAML_KUBERNETES : TU_YAML_STRICT;
    if (meaning_of_plain(a, text, other_reading, &other) != TU_OK)
        return tu_error_memory(error);
    *ret = readings_differ(m, other);
    return TU_OK;
}

tu_rc tu_yaml_scalar(tu_arena *a, tu_str text, tu_scalar_tag tag, bool plain,
                     tu_yaml_reading reading, tu_value *v, tu_error **error) {
    meaning m;
    bool yaml11 = false;
    tu_rc rc = meaning_of(a, text, tag, plain, reading, &m, error);
    if (rc == TU_OK && plain && tag == TU_TAG_NONE)
        rc = is_yaml11(a, text, m, reading, &yaml11, error);
    if (rc != TU_OK)
        return rc;
    v->flags |= yaml11 ? TU_VALUE_YAML11 : 0;
    switch (m.kind) {
    case IS_NULL:
        v->type = TU_NULL;
        return TU_OK;
    case IS_BOOL:
        v->type = TU_BOOL;
        v->boolean = m.boolean;
        return TU_OK;
    case IS_INTEGER:
    case IS_FLOAT:
        return set_number(a, text, m, reading, v, error);
    case IS_NOT_JSON:
    case IS_STRING:
        break;
    }
    v->type = TU_STRING;
    v->string = tu_arena_copy(a, text);
    return v->string.p ? TU_OK : tu_error_memory(error);
}

tu_rc tu_yaml_key(tu_arena *a, tu_str text, tu_scalar_tag tag, bool plain, tu_yaml_reading reading,
                  tu_str *ret, tu_error **error) {
    meaning m;
    tu_value number = {0};
    char out[64];
    tu_rc rc = meaning_of(a, text, tag, plain, reading, &m, error);
    if (rc != TU_OK)
        return rc;
    switch (m.kind) {
    case IS_NULL:
        rc = tu_error_set(error, TU_EINVALID, "null can't be a key");
        tu_error_hint(error, "put it in quotes if it is text");
        return rc;
    case IS_BOOL:
        text = m.boolean ? TU_S("true") : TU_S("false");
        break;
    case IS_INTEGER:
        snprintf(out, sizeof(out), "%s%llu", m.negative ? "-" : "",
                 (unsigned long long)m.magnitude);
        text = tu_str_c(out);
        break;
    case IS_FLOAT:
        if (reading == TU_YAML_KUBERNETES) {
            key_number(m.number, out);
            text = tu_str_c(out);
            break;
        }
        rc = set_number(a, text, m, reading, &number, error);
        if (rc != TU_OK)
            return rc;
        text = number.string;
        break;
    case IS_NOT_JSON:
    case IS_STRING:
        break;
    }
    *ret = tu_arena_copy(a, text);
    return ret->p ? TU_OK : tu_error_memory(error);
}
