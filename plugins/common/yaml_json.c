/*
 * common/yaml_json.c: reading YAML (libyaml's events, own composer, because the loader forgets
 * which scalars were quoted). JSON and the writers stand in json_text.c and yaml_write.c.
 */
#include "common/yaml_json.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <yaml.h>

#include "common/yaml_scalar.h"

tu_str manifest_str(const char *s) {
    return (tu_str){s, s ? strlen(s) : 0};
}

const char *manifest_string(const cJSON *map, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(map, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

/* --- parts ----------------------------------------------------------------------------------- */

static bool begins_document(tu_str file, size_t at) {
    if (file.n - at < 3 || memcmp(file.p + at, "---", 3) != 0)
        return false;
    return file.n - at == 3 || strchr(" \t\r\n", file.p[at + 3]) != NULL;
}

bool manifest_next_part(tu_str file, size_t *at, uint32_t *line, manifest_part *ret) {
    if (*at >= file.n)
        return false;
    *ret = (manifest_part){.begin = *at, .line = *line};
    size_t i = *at;
    do { /* the first line belongs to the part whatever it is */
        const char *end = memchr(file.p + i, '\n', file.n - i);
        if (!end) {
            i = file.n;
            break;
        }
        i = (size_t)(end - file.p) + 1;
        ++*line;
    } while (i < file.n && !begins_document(file, i));
    *at = ret->end = i;
    return true;
}

/* Only white space, comments and directives? libyaml takes a directive without a document for an
 * error. */
static bool is_empty(tu_str text) {
    size_t i = 0;
    while (i < text.n) {
        const char *end = memchr(text.p + i, '\n', text.n - i);
        size_t stop = end ? (size_t)(end - text.p) : text.n;
        size_t first = i;
        if (i == 0 && begins_document(text, 0))
            first = 3;
        while (first < stop && isspace((unsigned char)text.p[first]))
            first++;
        bool directive = first == i && first < stop && text.p[first] == '%';
        if (first < stop && text.p[first] != '#' && !directive)
            return false;
        i = stop + 1;
    }
    return true;
}

/* --- composer -------------------------------------------------------------------------------- */

typedef struct anchor {
    char *name;
    const cJSON *value; /* in the tree, or NULL while it is being composed (an alias to it would be
                           a cycle) */
} anchor;

typedef struct composer {
    yaml_parser_t parser;
    manifest_part part;
    manifest_problem *problem;
    uint32_t depth, values;
    anchor *anchors;
    size_t anchor_count;
} composer;

__attribute__((format(printf, 3, 4))) static cJSON *broken(composer *c, const yaml_mark_t *mark,
                                                           const char *format, ...) {
    manifest_problem *p = c->problem;
    p->line = c->part.line + (uint32_t)(mark ? mark->line : 0);
    p->column = mark ? (uint32_t)mark->column + 1 : 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->text, sizeof p->text, format, arguments);
    va_end(arguments);
    return NULL;
}

static bool next_event(composer *c, yaml_event_t *event) {
    if (yaml_parser_parse(&c->parser, event))
        return true;
    const yaml_parser_t *p = &c->parser;
    if (p->error == YAML_READER_ERROR)
        broken(c, &p->mark, "not valid YAML: %s", p->problem);
    else
        broken(c, &p->problem_mark, "not valid YAML: %s%s%s",
               p->problem ? p->problem : "unreadable", p->context ? ", " : "",
               p->context ? p->context : "");
    memset(event, 0, sizeof *event);
    return false;
}

static cJSON *compose(composer *c, yaml_event_t *event);

static bool remember(composer *c, const yaml_char_t *name, size_t *ret) {
    anchor *grown = realloc(c->anchors, (c->anchor_count + 1) * sizeof *grown);
    if (!grown)
        return false;
    c->anchors = grown;
    c->anchors[c->anchor_count] = (anchor){strdup((const char *)name), NULL};
    *ret = c->anchor_count++;
    return true;
}

static uint32_t count_values(const cJSON *v) {
    uint32_t n = 1;
    for (const cJSON *i = v->child; i; i = i->next)
        n += count_values(i);
    return n;
}

static cJSON *compose_alias(composer *c, const yaml_event_t *event) {
    const char *name = (const char *)event->data.alias.anchor;
    for (size_t i = c->anchor_count; i-- > 0;) { /* the latest of a name counts */
        if (!c->anchors[i].name || strcmp(c->anchors[i].name, name) != 0)
            continue;
        if (!c->anchors[i].value)
            return broken(c, &event->start_mark, "alias '%s' stands inside of what it means", name);
        c->values += count_values(c->anchors[i].value);
        if (c->values > MANIFEST_VALUES)
            return broken(c, &event->start_mark, "more than %u values once aliases are expanded",
                          MANIFEST_VALUES);
        return cJSON_Duplicate(c->anchors[i].value, true);
    }
    return broken(c, &event->start_mark, "alias '%s' has no anchor", name);
}

static cJSON *compose_scalar(composer *c, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    if (strlen(text) != event->data.scalar.length)
        return broken(c, &event->start_mark, "a NUL character in a text");
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (tag && strcmp(tag, "!") == 0)
        plain = false, tag = NULL;
    if (tag && strncmp(tag, "tag:yaml.org,2002:", 18) == 0) {
        const char *type = tag + 18;
        if (strcmp(type, "str") == 0 || strcmp(type, "binary") == 0)
            plain = false;
        else if (strcmp(type, "int") == 0 || strcmp(type, "float") == 0 ||
                 strcmp(type, "bool") == 0 || strcmp(type, "null") == 0)
            plain = true;
        else
            return broken(c, &event->start_mark, "unknown tag '%s'", tag);
    } else if (tag) {
        return broken(c, &event->start_mark, "custom tag '%s' means nothing in a manifest", tag);
    }
    if (!plain)
        return cJSON_CreateString(text);
    char number[YAML_NUMBER_BYTES];
    switch (yaml_scalar_read(text, number, sizeof number)) {
    case YAML_SCALAR_NULL:
        return cJSON_CreateNull();
    case YAML_SCALAR_TRUE:
        return cJSON_CreateBool(true);
    case YAML_SCALAR_FALSE:
        return cJSON_CreateBool(false);
    case YAML_SCALAR_NUMBER:
        return cJSON_CreateRaw(number);
    case YAML_SCALAR_NOT_JSON:
        return broken(c, &event->start_mark, "'%s' can't be written as JSON", text);
    case YAML_SCALAR_STRING:
        break;
    }
    return cJSON_CreateString(text);
}

static cJSON *compose_list(composer *c) {
    cJSON *list = cJSON_CreateArray();
    for (;;) {
        yaml_event_t event;
        if (!list || !next_event(c, &event))
            break;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return list;
        }
        cJSON *item = compose(c, &event);
        yaml_event_delete(&event);
        if (!item)
            break;
        cJSON_AddItemToArray(list, item);
    }
    cJSON_Delete(list);
    return NULL;
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *manifest_duplicate_key(const cJSON *map);
const char *manifest_duplicate_key(const cJSON *map) {
    size_t n = (size_t)cJSON_GetArraySize(map), i = 0;
    if (n < 2)
        return NULL;
    char **keys = malloc(n * sizeof *keys);
    if (!keys)
        return NULL;
    for (const cJSON *m = map->child; m && i < n; m = m->next)
        keys[i++] = m->string;
    qsort(keys, n, sizeof *keys, compare_keys);
    const char *found = NULL;
    for (i = 1; i < n && !found; i++)
        found = strcmp(keys[i - 1], keys[i]) == 0 ? keys[i] : NULL;
    free(keys);
    return found;
}

/* The members of a merge key's map that the map doesn't have itself (YAML 1.1,
 * https://yaml.org/type/merge.html). */
static void merge_missing(cJSON *map, const cJSON *from) {
    for (const cJSON *m = from->child; m; m = m->next)
        if (!cJSON_GetObjectItemCaseSensitive(map, m->string))
            cJSON_AddItemToObject(map, m->string, cJSON_Duplicate(m, true));
}

static bool merge(composer *c, cJSON *map, cJSON *merges, const yaml_mark_t *mark) {
    for (const cJSON *m = merges->child; m; m = m->next) {
        if (cJSON_IsObject(m)) {
            merge_missing(map, m);
            continue;
        }
        bool maps = cJSON_IsArray(m);
        for (const cJSON *item = m->child; item && maps; item = item->next)
            maps = cJSON_IsObject(item);
        if (!maps)
            return broken(c, mark, "a merge key (<<) needs a map or a list of maps"), false;
        for (const cJSON *item = m->child; item; item = item->next)
            merge_missing(map, item);
    }
    return true;
}

/* Keys become strings as JSON has them; the caller frees. */
static char *key_text(composer *c, const yaml_event_t *event, bool *ret_merge) {
    *ret_merge = false;
    if (event->type != YAML_SCALAR_EVENT)
        return (char *)broken(c, &event->start_mark,
                              "a key must be a text, not a map, list or alias");
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        strcmp((const char *)event->data.scalar.value, "<<") == 0)
        *ret_merge = true;
    if (event->data.scalar.anchor)
        return (char *)broken(c, &event->start_mark, "an anchor on a key isn't supported");
    cJSON *key = compose_scalar(c, event);
    if (!key)
        return NULL;
    const char *text = cJSON_IsString(key) || cJSON_IsRaw(key) ? key->valuestring
                       : cJSON_IsTrue(key)                     ? "true"
                       : cJSON_IsFalse(key)                    ? "false"
                                                               : "null";
    char *copy = strdup(text);
    cJSON_Delete(key);
    return copy;
}

static cJSON *compose_map(composer *c, const yaml_mark_t *mark) {
    cJSON *map = cJSON_CreateObject(), *merges = cJSON_CreateArray(), *done = NULL;
    while (map && merges && !done) {
        yaml_event_t event;
        if (!next_event(c, &event))
            break;
        if (event.type == YAML_MAPPING_END_EVENT) {
            const char *twice = manifest_duplicate_key(map);
            if (twice)
                broken(c, mark, "key '%s' stands twice in the map that begins here", twice);
            else if (merge(c, map, merges, mark))
                done = map;
            yaml_event_delete(&event);
            break;
        }
        bool is_merge;
        char *key = key_text(c, &event, &is_merge);
        yaml_event_delete(&event);
        if (!key)
            break;
        cJSON *value = NULL;
        if (next_event(c, &event)) {
            value = compose(c, &event);
            yaml_event_delete(&event);
        }
        if (value && is_merge)
            cJSON_AddItemToArray(merges, value);
        else if (value)
            cJSON_AddItemToObject(map, key, value);
        free(key);
        if (!value)
            break;
    }
    cJSON_Delete(merges);
    if (!done)
        cJSON_Delete(map);
    return done;
}

static cJSON *compose(composer *c, yaml_event_t *event) {
    if (++c->values > MANIFEST_VALUES)
        return broken(c, &event->start_mark, "more than %u values in one document",
                      MANIFEST_VALUES);
    if (c->depth >= MANIFEST_DEPTH)
        return broken(c, &event->start_mark, "nested deeper than %u levels", MANIFEST_DEPTH);
    if (event->type == YAML_ALIAS_EVENT)
        return compose_alias(c, event);
    const yaml_char_t *name = event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor
                              : event->type == YAML_SEQUENCE_START_EVENT
                                  ? event->data.sequence_start.anchor
                                  : event->data.mapping_start.anchor;
    size_t at = 0;
    if (name && !remember(c, name, &at))
        return broken(c, &event->start_mark, "out of memory");
    c->depth++;
    cJSON *value = event->type == YAML_SCALAR_EVENT           ? compose_scalar(c, event)
                   : event->type == YAML_SEQUENCE_START_EVENT ? compose_list(c)
                                                              : compose_map(c, &event->start_mark);
    c->depth--;
    if (name)
        c->anchors[at].value = value;
    return value;
}

/* stream start, document start, value, document end, stream end */
static bool compose_document(composer *c, cJSON **ret) {
    cJSON *value = NULL;
    bool more = true, fine = true;
    while (more && fine) {
        yaml_event_t event;
        if (!next_event(c, &event)) {
            fine = false;
            break;
        }
        switch (event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_STREAM_END_EVENT:
        case YAML_NO_EVENT:
            more = false;
            break;
        default:
            if (value) {
                broken(c, &event.start_mark, "a second document without '---' before it");
                fine = false;
                break;
            }
            value = compose(c, &event);
            fine = value != NULL;
        }
        yaml_event_delete(&event);
    }
    if (!fine) {
        cJSON_Delete(value);
        return false;
    }
    *ret = value;
    return true;
}

bool manifest_parse_yaml(tu_str file, manifest_part part, cJSON **ret, manifest_problem *problem) {
    tu_str text = {file.p + part.begin, part.end - part.begin};
    *problem = (manifest_problem){.line = part.line, .text = "out of memory"};
    *ret = NULL;
    if (is_empty(text))
        return true;
    composer c = {.part = part, .problem = problem};
    if (!yaml_parser_initialize(&c.parser))
        return false;
    yaml_parser_set_encoding(&c.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&c.parser, (const unsigned char *)text.p, text.n);
    bool fine = compose_document(&c, ret);
    yaml_parser_delete(&c.parser);
    for (size_t i = 0; i < c.anchor_count; i++)
        free(c.anchors[i].name);
    free(c.anchors);
    return fine;
}
