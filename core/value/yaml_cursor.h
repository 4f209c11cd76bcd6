/*
 * value/yaml_cursor.h: a place in a YAML text, in characters, bytes and lines at once.
 *
 * libyaml's marks count characters; spans count bytes. The cursor walks along with the events.
 * Their marks grow, so that the whole walk is linear; they go back only by a little, from behind an
 * empty value's tag to its mark.
 */
#ifndef TU_VALUE_YAML_CURSOR_H
#define TU_VALUE_YAML_CURSOR_H

#include "base/str.h"

typedef struct tu_yaml_cursor {
    tu_str text; /* valid UTF-8 as far as libyaml has read it */
    size_t characters, bytes;
    uint32_t line;
} tu_yaml_cursor;

void tu_yaml_cursor_move(tu_yaml_cursor *c, size_t character);
/* Behind the anchor and the tag that may stand before a value: where the value itself begins. */
void tu_yaml_cursor_skip_properties(tu_yaml_cursor *c);

static inline bool tu_yaml_is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

#endif
