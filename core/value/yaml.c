/*
 * value/yaml.c: the entry of the YAML reader.
 *
 *     stream -> yaml_split.c -> part -> here -> json.c           what is JSON
 *                                            -> yaml_fast.c      the plain subset of manifests
 *                                            -> yaml_compose.c   the rest, from libyaml's events
 *                                                 yaml_scalar.c    what a scalar means
 *                                                 yaml_cursor.c    where it stands
 *                                                 yaml_error.c     what is wrong
 */
#include "value/yaml.h"

#include "base/limits.h"
#include "value/json.h"
#include "value/yaml_compose.h"
#include "value/yaml_cursor.h"
#include "value/yaml_fast.h"

/* Lines and spans of a tree that was read as JSON, moved to where its part stands in the stream. */
static void move_json(tu_value *v, const tu_yaml_part *part) {
    v->line += part->line - 1;
    v->begin += (uint32_t)part->offset;
    v->end += (uint32_t)part->offset;
    v->flags |= v->type == TU_STRING ? TU_VALUE_QUOTED : 0;
    for (uint32_t i = 0; v->type == TU_LIST && i < v->list.n; i++)
        move_json(&v->list.items[i], part);
    for (uint32_t i = 0; v->type == TU_MAP && i < v->map.n; i++) {
        v->map.members[i].key_line += part->line - 1;
        v->map.members[i].key_begin += (uint32_t)part->offset;
        move_json(&v->map.members[i].value, part);
    }
}

/* Moves *part behind the blanks, comments and the `---` that may stand before a document's content.
 * True when that looks like JSON. */
static bool skip_to_json(tu_yaml_part *part) {
    tu_str text = part->text;
    bool marker = false;
    size_t i = 0;
    for (; i < text.n; i++) {
        bool line_begins = i == 0 || text.p[i - 1] == '\n';
        if (text.p[i] == '#' && !marker && line_begins) {
            while (i + 1 < text.n && text.p[i + 1] != '\n')
                i++;
        } else if (text.p[i] == '-' && !marker && line_begins && i + 3 < text.n &&
                   memcmp(text.p + i, "---", 3) == 0 && tu_yaml_is_blank(text.p[i + 3])) {
            marker = true;
            i += 2;
        } else if (!tu_yaml_is_blank(text.p[i])) {
            break;
        }
        part->line += text.p[i] == '\n';
    }
    part->text = (tu_str){text.p + i, text.n - i};
    part->offset += i;
    return part->text.n && (part->text.p[0] == '{' || part->text.p[0] == '[');
}

/* Most of JSON is YAML, but libyaml is slow on it and knows neither surrogate pairs nor keys over
 * 1024 bytes. So what looks like JSON is tried as such first. What fails may still be YAML in flow
 * style, unless the file's name says that it is JSON: then JSON's own error is the one that helps.
 */
static bool parse_as_json(tu_arena *a, tu_yaml_part part, const char *file, tu_value **ret,
                          tu_rc *rc, tu_error **error) {
    bool json_file = file && tu_str_ends(tu_str_c(file), ".json");
    tu_error *e = NULL;
    if (!skip_to_json(&part))
        return false;
    *rc = tu_json_parse(a, part.text, TU_JSON_COPY, file, ret, NULL, &e);
    if (*rc == TU_OK) {
        move_json(*ret, &part);
    } else if (json_file && *rc == TU_EINVALID) {
        *rc = tu_error_set_at(error, TU_EINVALID, file, e->line + part.line - 1, e->column, "%s",
                              e->message);
    } else if (*rc == TU_EINTERNAL) {
        *rc = tu_error_memory(error);
    } else {
        tu_error_free(e);
        return false;
    }
    tu_error_free(e);
    return true;
}

/* Without a last line that is `...`: it says nothing more, and libyaml refuses one that ends no
 * document. */
static tu_str without_end_marker(tu_str text) {
    size_t n = text.n, begin;
    while (n > 0 && tu_yaml_is_blank(text.p[n - 1]))
        n--;
    for (begin = n; begin > 0 && text.p[begin - 1] != '\n'; begin--)
        ;
    bool marker = n - begin == 3 && memcmp(text.p + begin, "...", 3) == 0;
    return marker ? (tu_str){text.p, begin} : text;
}

tu_rc tu_yaml_parse(tu_arena *a, tu_yaml_part part, tu_yaml_reading reading, const char *file,
                    tu_value **ret, tu_error **error) {
    if (part.text.n > TU_LIMIT_DOCUMENT_BYTES)
        return tu_error_set_at(error, TU_EINVALID, file, part.line, 1,
                               "the document has %zu bytes, more than %u (TU_LIMIT_DOCUMENT_BYTES)",
                               part.text.n, TU_LIMIT_DOCUMENT_BYTES);
    if (part.offset > UINT32_MAX - TU_LIMIT_DOCUMENT_BYTES)
        return tu_error_set_at(error, TU_EINVALID, file, part.line, 1,
                               "the stream is larger than 4 GiB");
    tu_rc rc;
    if (parse_as_json(a, part, file, ret, &rc, error))
        return rc;
    part.text = without_end_marker(part.text);
    switch (tu_yaml_fast(a, part, reading, ret)) {
    case TU_YAML_FAST_READ:
        return TU_OK;
    case TU_YAML_FAST_NO_MEMORY:
        return tu_error_memory(error);
    case TU_YAML_FAST_DECLINED:
        break;
    }
    return tu_yaml_compose(a, part, reading, file, ret, error);
}
