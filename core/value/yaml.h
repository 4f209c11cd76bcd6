/*
 * value/yaml.h: YAML text to values, composed from libyaml's events.
 *
 * Two readings of plain scalars:
 *   TU_YAML_KUBERNETES  what kubectl's reader (YAML 1.1 as go-yaml v2 has it) makes of them: yes/no/on/off/y/n are booleans, 0777 is octal, 0x1F
 *                       and 0b1 and 1_000 are integers, base 60 is not. For manifests.
 *   TU_YAML_STRICT      the YAML 1.2 core schema. For our own files.
 * In both: duplicate keys are errors with both lines, keys become strings as JSON would have them (a map or list as key is an error), custom tags are
 * refused (the core tags !!str, !!int, !!float, !!bool, !!null, !!map, !!seq, !!binary work; kubectl ignores the others), anchors and aliases and
 * merge keys (<<) are expanded within a budget, depth and size are limited, UTF-8 is checked. .nan and .inf can't be JSON and are errors.
 * A merge in the kubernetes reading is what kubectl makes of it, an assignment at its place: a `<<` behind a key replaces that key's value. In the
 * strict reading what stands in the map always wins.
 * libyaml's marks count characters; spans here are bytes. The span of a block scalar ends where the next line that isn't its own begins, that of a
 * block map or list with its last value; anchors and tags stand before the span.
 */
#ifndef TU_VALUE_YAML_H
#define TU_VALUE_YAML_H

#include "value/value.h"

typedef enum { TU_YAML_KUBERNETES, TU_YAML_STRICT } tu_yaml_reading;

/* One document of a stream: its text is found without parsing it, so that a broken document doesn't hide the others. */
typedef struct tu_yaml_part {
    tu_str text;
    uint32_t line; /* of its first byte, counted from the stream's first line = 1 */
    size_t offset; /* of its first byte in the stream */
} tu_yaml_part;
typedef struct tu_yaml_split {
    tu_str rest;
    uint32_t line;
    size_t offset;
    bool started;
} tu_yaml_split;
tu_yaml_split tu_yaml_split_begin(tu_str stream);
/* The next part: it ends before a line that is `---` or begins with "--- ", and behind a line `...`. Comments and %directives before
 * a `---` belong to the part that it begins; a byte order mark at the stream's start belongs to none. A part may be empty or only
 * comments. False at the end. */
bool tu_yaml_split_next(tu_yaml_split *s, tu_yaml_part *ret);

/* Parses one part. *ret is NULL (with TU_OK) when it holds no value (empty, only comments). Strings are copied into the arena. Lines, columns and spans
 * are those of the whole stream. JSON is YAML, so it comes through here too. */
tu_rc tu_yaml_parse(tu_arena *a, tu_yaml_part part, tu_yaml_reading reading, const char *file,
                    tu_value **ret, tu_error **error);

#endif
