/*
 * value/yaml_fast.h: the plain subset of YAML in which manifests are written, read without libyaml.
 * For yaml.c.
 *
 * The subset: block maps and lists, plain and quoted scalars, block scalars, flow collections on
 * one line, comments. What is read comes out as tu_yaml_compose() would make it, down to lines,
 * spans and flags. Everything else is declined: anchors, aliases, tags, merge keys, `? ` keys,
 * directives, tabs between tokens, carriage returns, quoted scalars over several lines, and whatever
 * is wrong in any way. So libyaml decides what YAML is, and every error is told in the same words.
 */
#ifndef TU_VALUE_YAML_FAST_H
#define TU_VALUE_YAML_FAST_H

#include "value/yaml.h"

typedef enum {
    TU_YAML_FAST_READ,     /* *ret is set; NULL when there is nothing in the part */
    TU_YAML_FAST_DECLINED, /* ask tu_yaml_compose() */
    TU_YAML_FAST_NO_MEMORY,
} tu_yaml_fast_result;

tu_yaml_fast_result tu_yaml_fast(tu_arena *a, tu_yaml_part part, tu_yaml_reading reading,
                                 tu_value **ret);

#endif
