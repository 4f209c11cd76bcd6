/*
 * common/template_render.c: a template and a message to text.
 *
 * Invariants: nothing here depends on what values hold but the text that comes out: steps, depth and bytes are limited
 * whatever a message has. Every value goes through the sink's escape, after it was made visible: no control character
 * leaves, and no escape sees half a character.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/template_inside.h"

/* --- values as text ----------------------------------------------------------------------------------- */

static void add_json_string(tu_out *o, const char *text) {
    tu_out visible;
    tu_out_init(&visible, TEMPLATE_VALUE_BYTES);
    template_add_visible(&visible, text, strlen(text), false);
    tu_out_add(o, "\"", 1);
    if (visible.text)
        tu_escape_json(o, visible.text, visible.n);
    tu_out_add(o, "\"", 1);
    tu_out_done(&visible);
}

static void add_json(tu_out *o, const cJSON *v, unsigned depth) {
    if (cJSON_IsString(v)) {
        add_json_string(o, v->valuestring);
    } else if (depth > 0 && (cJSON_IsArray(v) || cJSON_IsObject(v))) {
        tu_out_add(o, cJSON_IsArray(v) ? "[" : "{", 1);
        for (const cJSON *item = v->child; item && !o->failed; item = item->next) {
            if (cJSON_IsObject(v)) {
                add_json_string(o, item->string);
                tu_out_add(o, ":", 1);
            }
            add_json(o, item, depth - 1);
            if (item->next)
                tu_out_add(o, ",", 1);
        }
        tu_out_add(o, cJSON_IsArray(v) ? "]" : "}", 1);
    } else if (cJSON_IsRaw(v)) {
        tu_out_add_c(o, v->valuestring);
    } else if (cJSON_IsNumber(v) || cJSON_IsBool(v)) {
        char text[64] = "null";
        cJSON_PrintPreallocated((cJSON *)v, text, sizeof text, false);
        tu_out_add_c(o, text);
    } else {
        tu_out_add_c(o, "null");
    }
}

enum { JSON_DEPTH = 64 }; /* what lies deeper is written as null */

void template_add_json(tu_out *o, const cJSON *v) {
    add_json(o, v, JSON_DEPTH);
}

void template_add_value(tu_out *o, const cJSON *v, bool lines) {
    if (cJSON_IsString(v))
        template_add_visible(o, v->valuestring, strlen(v->valuestring), lines);
    else if (v && !cJSON_IsNull(v))
        add_json(o, v, JSON_DEPTH);
}

void template_add_duration(tu_out *o, int64_t seconds) {
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    char text[64];
    if (seconds < 0)
        seconds = 0;
    for (size_t i = 0; i < 4; i++) {
        if (seconds < units[i].seconds && i < 3)
            continue;
        snprintf(text, sizeof text, "%lld%c", (long long)(seconds / units[i].seconds),
                 units[i].unit);
        tu_out_add_c(o, text);
        int64_t rest = i < 3 ? seconds % units[i].seconds / units[i + 1].seconds : 0;
        if (rest) {
            snprintf(text, sizeof text, " %lld%c", (long long)rest, units[i + 1].unit);
            tu_out_add_c(o, text);
        }
        return;
    }
}

/* --- dates --------------------------------------------------------------------------------------------- */

static void add_offset(tu_out *o, int32_t offset, bool colon) {
    char text[16];
    int32_t minutes = (offset < 0 ? -offset : offset) / 60;
    snprintf(text, sizeof text, "%c%02d%s%02d", offset < 0 ? '-' : '+', minutes / 60,
             colon ? ":" : "", minutes % 60);
    tu_out_add_c(o, text);
}

static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};

/* One letter of a date's format, in English. */
static void add_letter(tu_out *o, char letter, const zone_date *d, int32_t offset,
                       const char *zone_name) {
    char text[48] = "";
    int hour = d->hour % 12 ? d->hour % 12 : 12;
    const char *day = weekdays[d->weekday], *month = months[d->month - 1];
    switch (letter) {
    case 'Y':
        snprintf(text, sizeof text, "%lld", (long long)d->year);
        break;
    case 'F':
        snprintf(text, sizeof text, "%04lld-%02d-%02d", (long long)d->year, d->month, d->day);
        break;
    case 'T':
        snprintf(text, sizeof text, "%02d:%02d:%02d", d->hour, d->minute, d->second);
        break;
    case 'e':
        snprintf(text, sizeof text, "%d", d->day);
        break;
    case 'j':
        snprintf(text, sizeof text, "%03d", d->year_day + 1);
        break;
    case 'p':
        snprintf(text, sizeof text, "%s", d->hour < 12 ? "AM" : "PM");
        break;
    case 'a':
    case 'A':
        snprintf(text, sizeof text, "%.*s", letter == 'a' ? 3 : 16, day);
        break;
    case 'b':
    case 'B':
        snprintf(text, sizeof text, "%.*s", letter == 'b' ? 3 : 16, month);
        break;
    case 'z':
        add_offset(o, offset, false);
        break;
    case 'Z':
        snprintf(text, sizeof text, "%.32s", zone_name);
        break;
    case '%':
        snprintf(text, sizeof text, "%%");
        break;
    default:
        snprintf(text, sizeof text, "%02d",
                 letter == 'm'   ? d->month
                 : letter == 'd' ? d->day
                 : letter == 'H' ? d->hour
                 : letter == 'M' ? d->minute
                 : letter == 'S' ? d->second
                                 : hour);
    }
    tu_out_add_c(o, text);
}

/* What isn't a moment stays as it is. */
static void add_date(tu_out *o, const char *value, const filter *f) {
    int64_t seconds;
    zone_date d;
    const char *zone_name = "UTC";
    if (!zone_read_time(value, &seconds)) {
        tu_out_add_c(o, value);
        return;
    }
    int32_t offset = zone_offset(f->zone, seconds, &zone_name);
    zone_date_of(seconds + offset, &d);
    bool plain = !f->text || !f->text[0];
    for (const char *c = plain ? "%FT%T" : f->text; *c; c++) {
        if (*c == '%' && c[1])
            add_letter(o, *++c, &d, offset, zone_name);
        else
            tu_out_add(o, c, 1);
    }
    if (plain && offset == 0)
        tu_out_add_c(o, "Z");
    else if (plain)
        add_offset(o, offset, true);
}

/* --- rendering ------------------------------------------------------------------------------------------- */

typedef struct each_state {
    const cJSON *item;
    unsigned number;
    bool last;
} each_state;

typedef struct writer {
    const cJSON *message, *fields;
    tu_escape *escape;
    tu_out *out;
    each_state each[TEMPLATE_NESTING];
    unsigned depth;
    uint32_t steps;
} writer;

static const cJSON *step_into(const cJSON *v, const char *step) {
    if (cJSON_IsArray(v))
        return cJSON_GetArrayItem(v, (int)strtol(step, NULL, 10));
    return cJSON_IsObject(v) ? cJSON_GetObjectItemCaseSensitive(v, step) : NULL;
}

/* An extra field: what the channel put into an item, or beside the message. */
static const cJSON *find_extra(const writer *w, const path *p) {
    const cJSON *found = NULL;
    for (unsigned i = w->depth; i-- > 0 && !found;)
        found = cJSON_IsObject(w->each[i].item)
                    ? cJSON_GetObjectItemCaseSensitive(w->each[i].item, p->steps[0])
                    : NULL;
    return found ? found : cJSON_GetObjectItemCaseSensitive(w->fields, p->steps[0]);
}

static const cJSON *find(const writer *w, const path *p) {
    const cJSON *v = p->from == FROM_ITEM ? w->each[p->level].item : w->message;
    unsigned i = 0;
    if (p->from == FROM_EXTRA) {
        v = find_extra(w, p);
        i = 1;
    }
    for (; v && i < p->count; i++)
        v = step_into(v, p->steps[i]);
    return v;
}

static bool is_empty_text(const tu_out *t) {
    return !t->text || t->n == 0;
}

static void cut(tu_out *to, const char *text, size_t n, unsigned characters) {
    size_t i = 0, last = 0;
    for (unsigned count = 0; i < n && count < characters; count++) {
        uint32_t c;
        size_t length = template_character(text + i, n - i, &c);
        last = i; /* the last character makes room for the sign */
        i += length ? length : 1;
    }
    if (i >= n) {
        tu_out_add(to, text, n);
        return;
    }
    tu_out_add(to, text, last);
    tu_out_add_c(to, "\xE2\x80\xA6");
}

static void change_case(tu_out *to, const char *text, size_t n, char first, char last) {
    for (size_t i = 0; i < n; i++) {
        char c = text[i] >= first && text[i] <= last ? (char)(text[i] ^ 0x20) : text[i];
        tu_out_add(to, &c, 1);
    }
}

static size_t count_of(const cJSON *v, const tu_out *text) {
    if (cJSON_IsArray(v) || cJSON_IsObject(v))
        return (size_t)cJSON_GetArraySize(v);
    size_t n = 0;
    for (size_t i = 0; text->text && i < text->n; i++)
        n += ((unsigned char)text->text[i] & 0xC0) != 0x80;
    return n;
}

/* One filter: from *text (which it replaces) and, before other filters, the value itself. */
static void apply(const filter *f, const cJSON *v, tu_out *text) {
    char number[32];
    tu_out to;
    if (!text->text)
        return;
    tu_out_init(&to, TEMPLATE_VALUE_BYTES);
    switch (f->kind) {
    case FILTER_UPPER:
        change_case(&to, text->text, text->n, 'a', 'z');
        break;
    case FILTER_LOWER:
        change_case(&to, text->text, text->n, 'A', 'Z');
        break;
    case FILTER_CUT:
        cut(&to, text->text, text->n, f->number);
        break;
    case FILTER_DEFAULT:
        tu_out_add_c(&to, is_empty_text(text) ? f->text : text->text);
        break;
    case FILTER_DATE:
        add_date(&to, text->text, f);
        break;
    case FILTER_DURATION:
        if (!is_empty_text(text))
            template_add_duration(&to, strtoll(text->text, NULL, 10));
        break;
    case FILTER_JSON:
        if (v || is_empty_text(text))
            template_add_json(&to, v);
        else
            add_json_string(&to, text->text);
        break;
    case FILTER_URL:
        tu_escape_url(&to, text->text, text->n);
        break;
    case FILTER_COUNT:
        snprintf(number, sizeof number, "%zu", count_of(v, text));
        tu_out_add_c(&to, number);
        break;
    case FILTER_CODE: /* nothing that ends a fence or a span of code */
        for (size_t i = 0; i < text->n; i++)
            tu_out_add(&to, text->text[i] == '`' ? "'" : &text->text[i], 1);
        break;
    }
    tu_out_done(text);
    *text = to;
}

/* The value before it is made harmless. *ret_v: the value itself, where no filter changed it. */
static void evaluate(const writer *w, const expression *v, tu_out *ret, const cJSON **ret_v) {
    const path *p = &v->path;
    const each_state *e = &w->each[p->level];
    char number[16];
    const cJSON *found = NULL;
    tu_out_init(ret, TEMPLATE_VALUE_BYTES);
    switch (p->from) {
    case FROM_NUMBER:
        snprintf(number, sizeof number, "%u", e->number);
        tu_out_add_c(ret, number);
        break;
    case FROM_FIRST:
        tu_out_add_c(ret, e->number == 1 ? "true" : "");
        break;
    case FROM_LAST:
        tu_out_add_c(ret, e->last ? "true" : "");
        break;
    case FROM_KEY:
        if (e->item && e->item->string)
            template_add_visible(ret, e->item->string, strlen(e->item->string), false);
        break;
    default:
        found = find(w, p);
        template_add_value(ret, found, p->from == FROM_EXTRA);
    }
    *ret_v = found;
    for (unsigned i = 0; i < v->filter_count; i++) {
        apply(&v->filters[i], found, ret);
        *ret_v = found = NULL;
    }
}

static bool has_filter(const expression *v, filter_kind kind) {
    return v->filter_count && v->filters[v->filter_count - 1].kind == kind;
}

static void write_value(writer *w, const expression *v) {
    tu_out text;
    const cJSON *unused;
    tu_escape *escape = w->escape;
    evaluate(w, v, &text, &unused);
    if (has_filter(v, FILTER_JSON) && template_escape_is_json(escape))
        escape = tu_escape_none;
    else if (has_filter(v, FILTER_CODE))
        escape = template_escape_of_code(escape);
    if (text.text)
        escape(w->out, text.text, text.n);
    else
        w->out->failed = true;
    tu_out_done(&text);
}

/* Is it there and not empty? 0 and false are as good as nothing. */
static bool is_something(const cJSON *v, const tu_out *text) {
    if (cJSON_IsArray(v) || cJSON_IsObject(v))
        return v->child != NULL;
    return !is_empty_text(text) && strcmp(text->text, "false") != 0 && strcmp(text->text, "0") != 0;
}

static bool is_true(const writer *w, const node *n) {
    tu_out text;
    const cJSON *v;
    evaluate(w, &n->value, &text, &v);
    bool same = n->other && text.text && !strcmp(text.text, n->other);
    bool is = n->compare == COMPARE_NOT     ? is_something(v, &text)
              : n->compare == COMPARE_EQUAL ? same
                                            : !same;
    tu_out_done(&text);
    return is;
}

static void write_nodes(writer *w, const node *n);

static void write_each(writer *w, const node *n) {
    const cJSON *list = find(w, &n->value.path);
    const cJSON *item = cJSON_IsArray(list) || cJSON_IsObject(list) ? list->child : NULL;
    if (!item) {
        write_nodes(w, n->otherwise);
        return;
    }
    unsigned number = 1;
    w->depth++;
    for (; item && !w->out->failed; item = item->next, number++) {
        bool last = !item->next || number == n->limit;
        w->each[w->depth - 1] = (each_state){item, number, last};
        write_nodes(w, n->body);
        if (last)
            break;
    }
    w->depth--;
}

static void write_nodes(writer *w, const node *n) {
    for (; n && !w->out->failed; n = n->next) {
        if (++w->steps > TEMPLATE_STEPS) {
            w->out->failed = true;
            return;
        }
        switch (n->kind) {
        case NODE_TEXT:
            tu_out_add(w->out, n->text, n->n);
            break;
        case NODE_VALUE:
            write_value(w, &n->value);
            break;
        case NODE_IF:
            write_nodes(w, is_true(w, n) ? n->body : n->otherwise);
            break;
        case NODE_EACH:
            write_each(w, n);
            break;
        }
    }
}

bool tu_template_render(const tu_template *t, const cJSON *message, const cJSON *fields,
                        tu_escape *escape, tu_out *out) {
    writer w = {.message = message, .fields = fields, .escape = escape, .out = out};
    write_nodes(&w, t->first);
    return !out->failed;
}
