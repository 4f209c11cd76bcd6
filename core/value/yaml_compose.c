/*
 * value/yaml_compose.c: libyaml's events, composed to values by our own rules.
 *
 * libyaml finds the structure. What is added here: what scalars mean (yaml_scalar.c), keys as JSON
 * has them, duplicate keys, anchors and merge keys within a budget, limits, spans in bytes
 * (yaml_cursor.c), and messages that a person can act on (yaml_error.c).
 *
 * Invariants:
 *   - `event` is the current event. compose_node() is called at the first event of a node and
 *     leaves at its last one.
 *   - An alias is a deep copy of what the anchor named, counted against TU_LIMIT_YAML_ALIAS_NODES
 *     before it is made, so that a bomb of aliases costs no more than the budget. Only complete
 *     nodes have names: no value contains itself.
 */
#include "value/yaml_compose.h"

#include <stdarg.h>
#include <yaml.h>

#include "base/hash.h"
#include "base/limits.h"
#include "value/collect.h"
#include "value/json.h"
#include "value/schema.h"
#include "value/yaml_cursor.h"
#include "value/yaml_error.h"
#include "value/yaml_scalar.h"

#define CORE_TAG "tag:yaml.org,2002:"
#define ANCHOR_BUCKETS 1024u

typedef struct anchor {
    struct anchor *next;
    tu_str name;
    tu_value value;
    bool complete; /* false while the node that it names is being composed */
} anchor;

typedef struct composer {
    yaml_parser_t parser;
    yaml_event_t event;
    tu_yaml_part part;
    tu_yaml_cursor at;
    uint32_t end; /* where the last token of a node ended, in the stream */
    tu_arena *arena;
    tu_yaml_reading reading;
    const char *file;
    uint32_t nodes, expanded_nodes, depth, anchor_count;
    anchor *anchors[ANCHOR_BUCKETS];
    tu_collect children;
    tu_rc rc;
    tu_error **error;
} composer;

static bool compose_node(composer *c, tu_value *out);

/* --- places --------------------------------------------------------------------------------- */

/* Sets line and begin of a value from the current event, which may carry properties. */
static void set_begin(composer *c, tu_value *v, bool properties) {
    tu_yaml_cursor_move(&c->at, c->event.start_mark.index);
    if (properties)
        tu_yaml_cursor_skip_properties(&c->at);
    v->line = c->at.line;
    v->begin = (uint32_t)(c->part.offset + c->at.bytes);
}

/* Notes where the current event ends. Not for the ends of block maps and lists, which lie at the
 * token behind them. */
static void note_end(composer *c) {
    tu_yaml_cursor_move(&c->at, c->event.end_mark.index);
    c->end = (uint32_t)(c->part.offset + c->at.bytes);
}

/* --- errors --------------------------------------------------------------------------------- */

static bool fail_memory(composer *c) {
    if (c->rc == TU_OK)
        c->rc = tu_error_memory(c->error);
    return false;
}

/* At a byte offset of the part. */
static bool __attribute__((format(printf, 4, 5)))
fail_at(composer *c, size_t offset, const char *hint, const char *format, ...) {
    char message[384];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    int64_t line = c->part.line;
    for (size_t i = 0; i < offset && i < c->part.text.n; i++)
        line += c->part.text.p[i] == '\n';
    c->rc = tu_error_set_at(c->error, TU_EINVALID, c->file, line,
                            tu_text_column(c->part.text, offset), "%s", message);
    if (hint)
        tu_error_hint(c->error, "%s", hint);
    return false;
}

/* At the beginning of the current event. */
#define FAIL(c, hint, ...)                                                                         \
    (tu_yaml_cursor_move(&(c)->at, (c)->event.start_mark.index),                                   \
     fail_at((c), (c)->at.bytes, (hint), __VA_ARGS__))

/* Puts the place of the current event to an error that a scalar's reading set. */
static bool fail_scalar(composer *c, tu_error *e) {
    if (!e || e->rc != TU_EINVALID) {
        tu_error_free(e);
        return fail_memory(c);
    }
    FAIL(c, e->hint, "%s", e->message);
    tu_error_free(e);
    return false;
}

static bool next_event(composer *c) {
    yaml_event_delete(&c->event);
    if (yaml_parser_parse(&c->parser, &c->event))
        return true;
    if (c->parser.error == YAML_MEMORY_ERROR)
        return fail_memory(c);
    tu_yaml_problem p = tu_yaml_explain(&c->parser, c->part.text);
    if (p.in_bytes)
        return fail_at(c, p.at, p.hint, "%s", p.message);
    tu_yaml_cursor_move(&c->at, p.at);
    return fail_at(c, c->at.bytes, p.hint, "%s", p.message);
}

/* --- anchors -------------------------------------------------------------------------------- */

static anchor **anchor_bucket(composer *c, tu_str name) {
    return &c->anchors[tu_hash64(name) % ANCHOR_BUCKETS];
}

static anchor *find_anchor(composer *c, tu_str name) {
    anchor *a = *anchor_bucket(c, name);
    while (a && !tu_str_eq(a->name, name))
        a = a->next;
    return a;
}

/* An anchor of the current event; *ret stays NULL when it has none. A later one of the same name
 * replaces the earlier. */
static bool open_anchor(composer *c, const yaml_char_t *name, anchor **ret) {
    *ret = NULL;
    if (!name)
        return true;
    if (++c->anchor_count > TU_LIMIT_YAML_ANCHORS)
        return FAIL(c, NULL, "more than %u anchors in one document (TU_LIMIT_YAML_ANCHORS)",
                    TU_LIMIT_YAML_ANCHORS);
    anchor *a = tu_arena_zalloc(c->arena, sizeof(*a));
    if (!a)
        return fail_memory(c);
    a->name = tu_arena_copy(c->arena, tu_str_c((const char *)name));
    if (!a->name.p)
        return fail_memory(c);
    anchor **bucket = anchor_bucket(c, a->name);
    a->next = *bucket;
    *bucket = a;
    *ret = a;
    return true;
}

static void close_anchor(anchor *a, const tu_value *v) {
    if (!a)
        return;
    a->value = *v;
    a->complete = true;
}

/* A deep copy of what an anchor names: members and items anew, strings shared. */
static bool expand(composer *c, const tu_value *v, unsigned depth, tu_value *out) {
    if (++c->expanded_nodes > TU_LIMIT_YAML_ALIAS_NODES)
        return FAIL(c, NULL, "aliases add more than %u values (TU_LIMIT_YAML_ALIAS_NODES)",
                    TU_LIMIT_YAML_ALIAS_NODES);
    if (depth > TU_LIMIT_DEPTH)
        return FAIL(c, NULL,
                    "nested deeper than %u levels once aliases are expanded (TU_LIMIT_DEPTH)",
                    TU_LIMIT_DEPTH);
    *out = *v;
    out->flags |= TU_VALUE_EXPANDED;
    if (v->type == TU_LIST && v->list.n) {
        out->list.items = tu_arena_alloc(c->arena, v->list.n * sizeof(tu_value));
        if (!out->list.items)
            return fail_memory(c);
        for (uint32_t i = 0; i < v->list.n; i++)
            if (!expand(c, &v->list.items[i], depth + 1, &out->list.items[i]))
                return false;
    } else if (v->type == TU_MAP && v->map.n) {
        out->map.members = tu_arena_alloc(c->arena, v->map.n * sizeof(tu_member));
        if (!out->map.members)
            return fail_memory(c);
        for (uint32_t i = 0; i < v->map.n; i++) {
            out->map.members[i] = v->map.members[i];
            if (!expand(c, &v->map.members[i].value, depth + 1, &out->map.members[i].value))
                return false;
        }
    }
    return true;
}

static const anchor *named_anchor(composer *c) {
    const char *name = (const char *)c->event.data.alias.anchor;
    const anchor *a = find_anchor(c, tu_str_c(name));
    if (!a)
        FAIL(c,
             "an anchor (&name) has to stand before its aliases, in the same document; put a value "
             "that begins with * in quotes",
             "there is no anchor &%s before this", name);
    else if (!a->complete)
        FAIL(c, NULL, "the alias *%s stands inside the value that it names", name);
    return a && a->complete ? a : NULL;
}

static bool compose_alias(composer *c, tu_value *out) {
    const anchor *a = named_anchor(c);
    if (!a || !expand(c, &a->value,
                      c->depth + (a->value.type == TU_MAP || a->value.type == TU_LIST), out))
        return false;
    note_end(c);
    return true;
}

/* --- scalars and tags ----------------------------------------------------------------------- */

/* kind: what the tag stands at. */
static bool fail_tag(composer *c, const char *tag, const char *kind) {
    static const char known[] = "the tags here are !!str !!int !!float !!bool !!null !!binary for "
                                "scalars, !!map and !!seq";
    if (strncmp(tag, CORE_TAG, strlen(CORE_TAG)) == 0)
        return FAIL(c, known, "the tag !!%.100s can't stand at a %s", tag + strlen(CORE_TAG), kind);
    return FAIL(c, known, "the tag %.100s is not known here", tag);
}

/* binary: *ret_binary is set instead of a tag */
static bool scalar_tag(composer *c, const char *tag, tu_scalar_tag *ret, bool *ret_binary) {
    static const struct {
        const char *name;
        tu_scalar_tag tag;
    } tags[] = {{CORE_TAG "str", TU_TAG_STR},     {CORE_TAG "int", TU_TAG_INT},
                {CORE_TAG "float", TU_TAG_FLOAT}, {CORE_TAG "bool", TU_TAG_BOOL},
                {CORE_TAG "null", TU_TAG_NULL},   {"!", TU_TAG_STR},
                {CORE_TAG "binary", TU_TAG_STR}};
    *ret = TU_TAG_NONE;
    *ret_binary = false;
    if (!tag)
        return true;
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (strcmp(tag, tags[i].name) == 0) {
            *ret = tags[i].tag;
            *ret_binary = strcmp(tag, CORE_TAG "binary") == 0;
            return true;
        }
    }
    return fail_tag(c, tag, "scalar");
}

/* !!binary is base64 of what the string holds. JSON has text only, so it has to be UTF-8. */
static bool decode_binary(composer *c, tu_str *text) {
    uint8_t *bytes = tu_arena_alloc(c->arena, text->n * 3 / 4 + 3);
    if (!bytes)
        return fail_memory(c);
    int64_t n = tu_base64_decode(*text, bytes);
    if (n < 0)
        return FAIL(c, NULL, "!!binary is not followed by base64");
    *text = (tu_str){(const char *)bytes, (size_t)n};
    if (!tu_utf8_valid(*text))
        return FAIL(c, "in a Secret or ConfigMap, write it as base64 text without the tag",
                    "!!binary holds bytes that are not UTF-8: JSON has no place for them");
    return true;
}

/* Text, tag and style of the current scalar event. */
static bool scalar_parts(composer *c, tu_str *text, tu_scalar_tag *tag, bool *plain) {
    bool binary;
    *text = (tu_str){(const char *)c->event.data.scalar.value, c->event.data.scalar.length};
    *plain = c->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (!scalar_tag(c, (const char *)c->event.data.scalar.tag, tag, &binary))
        return false;
    if (*plain && memmem(text->p, text->n, "\xef\xbb\xbf", 3))
        return FAIL(c, "were two files put together? remove it",
                    "a byte order mark stands in the middle of the text");
    return binary ? decode_binary(c, text) : true;
}

static bool compose_scalar(composer *c, tu_value *out) {
    tu_str text;
    tu_scalar_tag tag;
    bool plain;
    tu_error *e = NULL;
    anchor *a;
    const yaml_char_t *name = c->event.data.scalar.anchor;
    if (!open_anchor(c, name, &a) || !scalar_parts(c, &text, &tag, &plain))
        return false;
    if (tu_yaml_scalar(c->arena, text, tag, plain, c->reading, out, &e) != TU_OK)
        return fail_scalar(c, e);
    set_begin(c, out, name || c->event.data.scalar.tag);
    out->flags |= plain ? 0 : TU_VALUE_QUOTED;
    note_end(c);
    out->end = c->end;
    if (out->begin > out->end) /* an empty value behind its anchor or tag */
        out->begin = out->end;
    close_anchor(a, out);
    return true;
}

/* --- lists and maps ------------------------------------------------------------------------- */

static bool collection_tag(composer *c, const yaml_char_t *tag, const char *expected) {
    const char *name = (const char *)tag;
    return !tag || strcmp(name, "!") == 0 || strcmp(name, expected) == 0 ||
           fail_tag(c, name, strcmp(expected, YAML_MAP_TAG) == 0 ? "map" : "list");
}

static bool enter(composer *c) {
    if (c->depth == TU_LIMIT_DEPTH)
        return FAIL(c, NULL, "nested deeper than %u levels (TU_LIMIT_DEPTH)", TU_LIMIT_DEPTH);
    c->depth++;
    return true;
}

/* At the end event of a list or map. */
static void leave(composer *c, bool flow, tu_value *out) {
    c->depth--;
    if (flow)
        note_end(c);
    out->end = c->end;
}

static bool compose_list(composer *c, tu_value *out) {
    anchor *a;
    const yaml_char_t *name = c->event.data.sequence_start.anchor,
                      *tag = c->event.data.sequence_start.tag;
    bool flow = c->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    if (!enter(c) || !collection_tag(c, tag, YAML_SEQ_TAG) || !open_anchor(c, name, &a))
        return false;
    set_begin(c, out, name || tag);
    note_end(c);
    out->type = TU_LIST;
    size_t base = c->children.used;
    while (next_event(c) && c->event.type != YAML_SEQUENCE_END_EVENT) {
        tu_value item;
        tu_value *place =
            compose_node(c, &item) ? tu_collect_push(&c->children, sizeof(item)) : NULL;
        if (!place)
            return fail_memory(c);
        *place = item;
    }
    if (c->rc != TU_OK)
        return false;
    leave(c, flow, out);
    out->list.n = (uint32_t)((c->children.used - base) / sizeof(tu_value));
    out->list.items = out->list.n ? tu_collect_take(&c->children, base, c->arena) : NULL;
    if (out->list.n && !out->list.items)
        return fail_memory(c);
    close_anchor(a, out);
    return true;
}

/* An alias as a key stands for a scalar. */
static bool compose_alias_key(composer *c, tu_member *m) {
    const anchor *a = named_anchor(c);
    if (!a)
        return false;
    if (a->value.type == TU_STRING) {
        m->key = a->value.string;
        return true;
    }
    if (a->value.type != TU_BOOL && a->value.type != TU_INTEGER && a->value.type != TU_NUMBER)
        return FAIL(c, NULL, "a %s can't be a key", tu_type_name((tu_type)a->value.type));
    tu_buf text = TU_BUF_INIT(TU_LIMIT_DOCUMENT_BYTES);
    tu_json_write(&text, &a->value, 0);
    m->key = text.rc == TU_OK ? tu_arena_copy(c->arena, tu_buf_str(&text)) : (tu_str){0};
    tu_buf_done(&text);
    return m->key.p ? true : fail_memory(c);
}

static bool compose_key(composer *c, tu_member *m) {
    tu_str text;
    tu_scalar_tag tag;
    bool plain;
    tu_error *e = NULL;
    anchor *a;
    tu_value place = {0};
    if (c->event.type == YAML_SEQUENCE_START_EVENT || c->event.type == YAML_MAPPING_START_EVENT)
        return FAIL(
            c, "is this a template ({{ ... }})? render it first, or put the value in quotes",
            "a %s can't be a key", c->event.type == YAML_MAPPING_START_EVENT ? "map" : "list");
    bool alias = c->event.type == YAML_ALIAS_EVENT;
    const yaml_char_t *name = alias ? NULL : c->event.data.scalar.anchor;
    set_begin(c, &place, !alias && (name || c->event.data.scalar.tag));
    m->key_line = place.line;
    m->key_begin = place.begin;
    note_end(c);
    if (alias)
        return compose_alias_key(c, m);
    if (!open_anchor(c, name, &a) || !scalar_parts(c, &text, &tag, &plain))
        return false;
    if (tu_yaml_key(c->arena, text, tag, plain, c->reading, &m->key, &e) != TU_OK)
        return fail_scalar(c, e);
    place.type = TU_STRING;
    place.string = m->key;
    place.end = c->end;
    close_anchor(a, &place);
    return true;
}

static bool is_merge_key(const composer *c) {
    if (c->event.type != YAML_SCALAR_EVENT || c->event.data.scalar.length != 2 ||
        memcmp(c->event.data.scalar.value, "<<", 2) != 0)
        return false;
    const char *tag = (const char *)c->event.data.scalar.tag;
    return tag ? strcmp(tag, CORE_TAG "merge") == 0
               : c->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool push_merged(composer *c, const tu_value *map) {
    for (uint32_t i = 0; i < map->map.n; i++) {
        tu_member *place = tu_collect_push(&c->children, sizeof(*place));
        if (!place)
            return fail_memory(c);
        *place = map->map.members[i];
        place->value.flags |= TU_VALUE_EXPANDED | TU_VALUE_MERGED;
    }
    return true;
}

/* Behind `<<`: a map or a list of maps, whose members become members of this map. */
static bool compose_merge(composer *c) {
    tu_value source = {0};
    size_t offset = c->at.bytes;
    if (!next_event(c))
        return false;
    set_begin(c, &source, false);
    offset = c->at.bytes;
    if (!compose_node(c, &source))
        return false;
    if (source.type == TU_MAP)
        return push_merged(c, &source);
    for (uint32_t i = 0; source.type == TU_LIST && i < source.list.n; i++)
        if (source.list.items[i].type != TU_MAP)
            source.type = TU_NULL;
    if (source.type != TU_LIST)
        return fail_at(c, offset, NULL, "<< needs a map or a list of maps");
    /* where the last one wins, the first of the list has to be the last that is merged */
    for (uint32_t i = 0; i < source.list.n; i++)
        if (!push_merged(
                c,
                &source.list.items[c->reading == TU_YAML_KUBERNETES ? source.list.n - 1 - i : i]))
            return false;
    return true;
}

static bool compose_member(composer *c) {
    if (is_merge_key(c))
        return compose_merge(c);
    tu_member m = {0};
    if (!compose_key(c, &m) || !next_event(c) || !compose_node(c, &m.value))
        return false;
    tu_member *place = tu_collect_push(&c->children, sizeof(m));
    if (!place)
        return fail_memory(c);
    *place = m;
    return true;
}

static bool close_map(composer *c, size_t base, tu_value *out) {
    uint32_t n = (uint32_t)((c->children.used - base) / sizeof(tu_member)), pair[2];
    tu_member *members = (tu_member *)(void *)(c->children.bytes + base);
    tu_rc rc = tu_members_unique(
        members, &n, c->reading == TU_YAML_STRICT ? TU_MERGE_EXPLICIT_WINS : TU_MERGE_LAST_WINS,
        pair);
    if (rc == TU_EINVALID) {
        const tu_member *first = &members[pair[0]], *second = &members[pair[1]];
        return fail_at(c, second->key_begin - c->part.offset, NULL,
                       "the key '%.*s%s' stands twice in this map: first in line %u",
                       (int)(second->key.n > 80 ? 80 : second->key.n), second->key.p,
                       second->key.n > 80 ? "..." : "", first->key_line);
    }
    if (rc != TU_OK)
        return fail_memory(c);
    c->children.used = base + n * sizeof(tu_member);
    out->map.n = n;
    out->map.members = n ? tu_collect_take(&c->children, base, c->arena) : NULL;
    return !n || out->map.members ? true : fail_memory(c);
}

static bool compose_map(composer *c, tu_value *out) {
    anchor *a;
    const yaml_char_t *name = c->event.data.mapping_start.anchor,
                      *tag = c->event.data.mapping_start.tag;
    bool flow = c->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    if (!enter(c) || !collection_tag(c, tag, YAML_MAP_TAG) || !open_anchor(c, name, &a))
        return false;
    set_begin(c, out, name || tag);
    note_end(c);
    out->type = TU_MAP;
    size_t base = c->children.used;
    while (next_event(c) && c->event.type != YAML_MAPPING_END_EVENT)
        if (!compose_member(c))
            return false;
    if (c->rc != TU_OK)
        return false;
    leave(c, flow, out);
    if (!close_map(c, base, out))
        return false;
    close_anchor(a, out);
    return true;
}

static bool compose_node(composer *c, tu_value *out) {
    memset(out, 0, sizeof(*out));
    if (++c->nodes > TU_LIMIT_NODES)
        return FAIL(c, NULL, "more than %u values (TU_LIMIT_NODES)", TU_LIMIT_NODES);
    switch (c->event.type) {
    case YAML_ALIAS_EVENT:
        return compose_alias(c, out);
    case YAML_SCALAR_EVENT:
        return compose_scalar(c, out);
    case YAML_SEQUENCE_START_EVENT:
        return compose_list(c, out);
    case YAML_MAPPING_START_EVENT:
        return compose_map(c, out);
    default:
        return FAIL(c, NULL, "a value is missing here");
    }
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Is there nothing between the document's markers? (`null` and `~` are something.) */
static bool is_nothing(const composer *c) {
    return c->event.type == YAML_SCALAR_EVENT && c->event.data.scalar.length == 0 &&
           !c->event.data.scalar.tag && !c->event.data.scalar.anchor &&
           c->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool compose_document(composer *c, tu_value **ret) {
    *ret = NULL;
    if (!next_event(c) || !next_event(c)) /* the stream's beginning, then the document's */
        return false;
    if (c->event.type == YAML_STREAM_END_EVENT)
        return true;
    if (!next_event(c))
        return false;
    if (!is_nothing(c)) {
        tu_value *root = tu_arena_alloc(c->arena, sizeof(*root));
        if (!root)
            return fail_memory(c);
        if (!compose_node(c, root))
            return false;
        *ret = root;
    }
    if (!next_event(c) || !next_event(c)) /* the document's end, then the stream's */
        return false;
    if (c->event.type != YAML_STREAM_END_EVENT)
        return FAIL(c, NULL, "a second document begins here");
    return true;
}

tu_rc tu_yaml_compose(tu_arena *a, tu_yaml_part part, tu_yaml_reading reading, const char *file,
                      tu_value **ret, tu_error **error) {
    composer *c = tu_calloc(1, sizeof(*c));
    if (!c)
        return tu_error_memory(error);
    if (!yaml_parser_initialize(&c->parser)) {
        free(c);
        return tu_error_memory(error);
    }
    yaml_parser_set_encoding(&c->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &c->parser, (const unsigned char *)(part.text.p ? part.text.p : ""), part.text.n);
    c->part = part;
    c->at = (tu_yaml_cursor){.text = part.text, .line = part.line};
    c->arena = a;
    c->reading = reading;
    c->file = file;
    c->error = error;
    tu_collect_init(&c->children);
    tu_value *root = NULL;
    compose_document(c, &root);
    tu_rc rc = c->rc;
    tu_collect_done(&c->children);
    yaml_event_delete(&c->event);
    yaml_parser_delete(&c->parser);
    free(c);
    if (rc == TU_OK)
        *ret = root;
    return rc;
}
