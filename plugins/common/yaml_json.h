/*
 * common/yaml_json.h: manifests in YAML and JSON, as cJSON trees and back to text.
 *
 * A file is split into parts (YAML documents; a JSON file is one part) without parsing, so that one
 * broken document does not hide its neighbours, and so that one document can be rewritten while
 * every other byte of the file stays. Plain scalars are read as kubectl reads them (YAML 1.1 in
 * go-yaml's version). Numbers are kept as text in cJSON_Raw items: an int64 survives, which cJSON's
 * doubles would not allow. So look at numbers with cJSON_IsRaw().
 *
 * Bounded: depth, values (aliases expanded), bytes. Duplicate keys, custom tags, .inf and .nan are
 * errors.
 */
#ifndef COMMON_YAML_JSON_H
#define COMMON_YAML_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <trueup/plugin.h>

#define MANIFEST_DEPTH 128u
#define MANIFEST_VALUES 500000u
#define MANIFEST_BYTES (16u * 1024u * 1024u)

typedef struct manifest_part {
    size_t begin, end; /* bytes in the file */
    uint32_t line;     /* of its first byte, 1-based */
} manifest_part;

typedef struct manifest_problem {
    uint32_t line, column; /* in the file, 1-based; column 0: unknown */
    char text[256];
} manifest_problem;

/* Splits at lines that are "---" or begin with "--- ". Starts with *at = 0, *line = 1; false at the
 * end. */
bool manifest_next_part(tu_str file, size_t *at, uint32_t *line, manifest_part *ret);
/* Parses one YAML part of the file. Returns false with *problem filled in. *ret is NULL when the
 * part is empty (comments only). */
bool manifest_parse_yaml(tu_str file, manifest_part part, cJSON **ret, manifest_problem *problem);
/* Parses a JSON text strictly (RFC 8259), numbers as cJSON_Raw. */
bool manifest_parse_json(tu_str text, cJSON **ret, manifest_problem *problem);

/* Readable block style, ends in a newline. malloc'd, NULL when memory is exhausted. */
char *manifest_write_yaml(const cJSON *value);
/* Two spaces of indentation, ends in a newline. malloc'd. */
char *manifest_write_json(const cJSON *value);

/* The string member, or "" */
const char *manifest_string(const cJSON *map, const char *key);
bool manifest_is_utf8(tu_str text);
/* A borrowed tu_str of a C string; NULL gives the empty one. */
tu_str manifest_str(const char *s);

#endif
